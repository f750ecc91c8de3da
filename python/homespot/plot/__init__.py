"""Pictures, in matplotlib, that leave its settings as they are.

What fits into one Axes is drawn into it and returns it; where `ax` is left out, a figure is made. Tissue has
equal axes and a scale bar where the unit is known; points are as large as they lie apart, in the unit of the
coordinates, and from 20,000 on pixels in a PDF. Of several sections each is a panel, in the order of their
names, with its own image and direction of y, and all have one colour scale. Colours are ones that
colour-blind readers can tell apart.
"""

from ..common.extras import missing

try:
    import matplotlib  # noqa: F401
except ImportError as error:
    raise missing("matplotlib", "pictures") from error

from ._cells import cells, confidence
from ._palette import PALETTE
from ._proportions import proportions
from ._scores import compare, scores
from ._solver import losses, marginals
from ._spots import gene, probability, spots
from ._trust import calibration, colocation

__all__ = [
    "PALETTE",
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
