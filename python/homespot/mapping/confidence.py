"""Confidence of positions: the entropy of a row of P, and a radius calibrated on known truth."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..matrix.sums import row_sums

__all__ = ["BEST", "LEAST_HELD", "LEVELS", "entropies", "extent", "factor", "radii"]

F64 = npt.NDArray[np.float64]

# These are all constants of the rule. `benchmarks/confidence.py` fitted the last two, and measures the rule
# on tissues that they were not fitted on.
BEST = 20
"""Number of most probable spots of a cell from which its radius is read."""
_EXPONENT = 1 / 3
_SCALE, _SHAPE = 0.93, 0.70

LEVELS = (0.05, 0.99)
"""Range of levels for which the radius was calibrated."""

LEAST_HELD = 0.5
"""A cell has no radius if spots were taken out of the map and the others hold at most this part of its mass.

Measured on the demo, with one half or one quarter of the tissue kept. Above this part, 82 to 100 % of the
cells lie in the tissue that was kept, and 83 to 97 % of their radii of level 0.9 hold. Below it, 0 to 24 %
lie there, and 12 to 66 % of the radii hold.
"""

_ROUNDING = 1e-4


def extent(spots: F64) -> float:
    """Return the extent of the tissue: the root mean squared distance of the spots from their centroid."""
    return float(np.sqrt(np.square(spots - spots.mean(axis=0)).sum(axis=1).mean()))


def factor(level: float) -> float:
    """Return f of `radii`: the quantile of a Weibull distribution at this level."""
    return float(_SCALE * (-math.log1p(-level)) ** _SHAPE)


def entropies(p: F64, sums: F64, n_spots: int) -> F64:
    """Return the entropy of rows of P over the log of the number of spots: 0 for one spot, 1 for equal ones.

    -(sum_j p_j log p_j + l log(l / m)) / log N. l is the mass that a row leaves out. It counts as spread
    evenly over the m spots where the row is 0 or, if there are none, over N further spots.

    Parameters
    ----------
    p
        Entries of the rows, cells x entries.
    sums
        The sums of the rows, shape (cells,).
    n_spots
        N.
    """
    if n_spots < 2:
        return np.zeros(len(p))
    left = 1 - sums
    left[left <= _ROUNDING] = 0
    empty = n_spots - (p > 0).sum(axis=1)
    elsewhere = np.where(empty > 0, empty, n_spots)
    total = -row_sums(p * np.log(np.where(p > 0, p, 1)))
    total -= left * np.log(np.where(left > 0, left, 1) / elsewhere)
    return np.asarray(np.clip(total / math.log(n_spots), 0, 1))


def radii(share: F64, away: F64, pitch: float, extent: float) -> F64:
    """Return the radius of every cell before its factor: s (s / e)^(1/3).

    s is the root mean squared distance of the `BEST` most probable spots from the position, weighted by their
    probability, and at least half the pitch; e is the extent of the tissue. A cell's true place lies within
    f(level) s (s / e)^(1/3) of its position with a probability of about the level. The radius grows faster
    than s, because the best spots of a cell are less reliable if they span more of the tissue.

    Parameters
    ----------
    share
        Probability of the best spots, cells x k, each row summing to 1.
    away
        Distance of these spots from the cell's position, cells x k.
    pitch
        Pitch of the spots, as `homespot.expression.places.pitch` returns it, in the unit of `away`.
    extent
        Extent of the tissue, as `extent` returns it, in the unit of `away`.
    """
    if extent <= 0:
        return np.zeros(len(share))
    spread = np.maximum(np.sqrt(np.einsum("ck,ck->c", share, np.square(away))), pitch / 2)
    return np.asarray(spread * (spread / extent) ** _EXPONENT)
