"""Plots with matplotlib, without changes of its settings.

A plot that fits into one Axes returns that Axes; if `ax` is left out, a new figure is made. Tissue has equal
axes, and a scale bar if the unit is known. Points are as large as the distance between them, in the unit of
the coordinates; 20,000 or more points are stored as pixels in a PDF. If there are several sections, each is a
panel with its own image and direction of y, in the order of their names, and all share one colour scale.
Colour-blind readers can tell the colours apart.
"""

from ..common.extras import missing

try:
    import matplotlib  # noqa: F401
except ImportError as error:
    raise missing("matplotlib", "pictures") from error

from ..evaluate.compare import compare
from ._cells import cells, confidence
from ._palette import PALETTE
from ._proportions import proportions
from ._scores import scores
from ._solver import agreement, losses, marginals
from ._spots import gene, probability, spots
from ._trust import calibration, colocation

__all__ = [
    "PALETTE",
    "agreement",
    "calibration",
    "cells",
    "colocation",
    "compare",
    "confidence",
    "gene",
    "losses",
    "marginals",
    "probability",
    "proportions",
    "scores",
    "spots",
]
