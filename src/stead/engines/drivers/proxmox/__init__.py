"""Proxmox VE 8 and 9 over its HTTP API, with an API token and no root anywhere."""
