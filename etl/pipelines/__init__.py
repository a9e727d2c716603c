"""One story per build, read from top to bottom."""
