"""A stand-in for Proxmox VE 8.4, because the tests cannot run a real one.

It is not Proxmox VE: it serves the endpoints of its own table (``table/``) and enforces on
them what the real one enforces. ``double.running`` starts it; ``test_replay`` compares it
with recorded answers of the real one where those are at hand. Guests are records here and
their consoles know a little shell; nothing is measured, filtered or stored for real, plain
HTTP is not redirected, and virtual machines were recorded only as far as they never ran.
"""
