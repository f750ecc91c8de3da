"""The map: its validity, coordinates, confidence, sections, and what is read from its rows."""
