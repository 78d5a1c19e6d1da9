"""The engine port: what the control plane asks of a hypervisor, and the drivers that answer."""
