"""Drivers: one folder for each engine. They do not know each other."""
