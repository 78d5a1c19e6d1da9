"""Incus 6 over its REST API, with a client certificate restricted to our project."""
