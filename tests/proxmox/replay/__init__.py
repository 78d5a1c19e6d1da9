"""Plays recorded exchanges of a real Proxmox VE against the double and compares the answers."""
