"""The audit trail: who changed what, from where, and how it ended, in a chain of hashes."""
