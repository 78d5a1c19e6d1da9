"""Bundles in use: several deployments that were made, wired and are removed as one."""
