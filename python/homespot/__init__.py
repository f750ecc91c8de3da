"""homespot."""
