"""The catalog: apps as folders with a manifest and scripts, checked before anyone sees them."""
