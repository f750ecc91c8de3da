"""The verbs that users call, one per file."""
