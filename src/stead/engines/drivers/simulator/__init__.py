"""A simulated engine: no guest runs anything, but every rule of the port holds."""
