"""The map: its validity, coordinates, confidence and sections, and readings of its rows."""
