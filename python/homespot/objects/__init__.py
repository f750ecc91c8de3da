"""The user's objects and files: AnnData in and out, labels, tables, formats."""
