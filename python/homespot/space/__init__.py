"""Where spots lie: axes and coordinates, the direction of y, sections."""
