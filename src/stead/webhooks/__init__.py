"""Webhooks: addresses of a project's choice that are told, signed, what has happened in it."""
