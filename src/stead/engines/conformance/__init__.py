"""The suite every driver passes: what the port's words mean, as behaviours to try."""
