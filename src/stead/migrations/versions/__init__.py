"""One migration per file; the name carries the owning domain."""
