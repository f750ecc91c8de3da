"""Every name under which homespot stores something in a user's object, the same in Python and R."""

from __future__ import annotations

__all__ = [
    "COORDINATES",
    "FORMAT_VERSION",
    "HOMESPOT",
    "LEFT_OVER",
    "POSITIONS",
    "PROB",
    "SPATIAL",
    "SPOT",
    "SPOT_CELLS",
    "SPREAD",
]

FORMAT_VERSION = 1
"""Version of the file format of a saved mapping."""

HOMESPOT = "homespot"
"""Key of the run's record (uns, metadata) and of the map (obsm, reducedDim, altExp)."""

SPATIAL = "spatial"
"""obsm/varm key of coordinates, as in scanpy and squidpy."""

COORDINATES = ("x", "y", "z")
"""Plain columns of the spots' coordinates."""

SPOT = "homespot_spot"
"""Name of a cell's home spot."""

PROB = "homespot_prob"
"""Probability of the home spot."""

POSITIONS = ("homespot_x", "homespot_y", "homespot_z")
"""Columns of a cell's position."""

SPREAD = "homespot_spread"
"""Spread of a cell's position, in the unit of the coordinates."""

LEFT_OVER = "homespot_left_over"
"""What a cell's row of P leaves out: 1 - its sum."""

SPOT_CELLS = "homespot_cells"
"""Expected number of cells at a spot: the column sum of P."""
