"""The platform as a whole: copies of it, restoring one, and what to decide afterwards."""
