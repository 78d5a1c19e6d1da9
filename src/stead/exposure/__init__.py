"""Routes: what of a deployment can be reached from outside, and how the edges learn of it."""
