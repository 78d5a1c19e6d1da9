"""The fleet: everything that has an agent, servers without an engine too, and work on many."""
