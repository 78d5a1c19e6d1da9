"""Sources: Git repositories of packages, pinned to commits that an admin accepted."""
