"""Stead: a self-service cloud on the machines you own."""

__version__ = "0.1.0"
