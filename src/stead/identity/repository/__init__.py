"""All SQL of identity, one module per kind of row."""
