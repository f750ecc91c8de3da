"""Expression tables: genes and their names, the scale of the numbers, transforms."""
