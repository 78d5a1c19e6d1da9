"""Makes drafts of packages from scripts in the style of Proxmox VE helper scripts."""
