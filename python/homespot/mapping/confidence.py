"""Confidence of positions: radii, and which cells are confident."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..matrix.sums import row_sums

__all__ = [
    "BEST",
    "CHECKED",
    "LEAST_HELD",
    "LEVELS",
    "confident",
    "entropies",
    "extent",
    "factor",
    "narrow",
    "radii",
    "sharp_radii",
]

F64 = npt.NDArray[np.float64]

# These are all constants of the rule. `benchmarks/confidence.py` fitted the last two, and measures the rule
# on tissues that they were not fitted on.
BEST = 20
"""Number of most probable spots from which a radius is read where the sharpness is not known."""
_EXPONENT = 1 / 3
_SCALE, _SHAPE = 0.93, 0.70

_ROUNDING = 1e-4

LEVELS = (0.05, 0.99)
"""Range of levels of a radius."""

LEAST_HELD = 0.5
"""A cell has no radius if spots were taken out of the map and the others hold at most this part of its mass.

Measured on the demo, with one half or one quarter of the tissue kept. Above this part, 82 to 100 % of the
cells lie in the tissue that was kept, and 83 to 97 % of their radii of level 0.9 hold. Below it, 0 to 24 %
lie there, and 12 to 66 % of the radii hold.
"""

LEAST_NARROW = 0.1
"""Where rows are read by their sharpness, no cell is confident unless this share of them has a narrow radius.

A radius is narrow if it is at most ``max_radius`` at the level `CHECKED`. Of five tissues, with spots as they
are and with a simulated shift of technology, 0 to 2 % of the cells of four had such a radius, and only 0.3 to
0.8 of these lay within: so few narrow radii are mostly chance. Of the fifth, 80 % of the cells had one and
0.92 of these lay within; under the shift 20 %, and 0.96.
"""

CHECKED = 0.9
"""The level at which `LEAST_NARROW` is counted."""


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


def sharp_radii(distances: F64, pitch: float) -> F64:
    """Return radii from quantiles d of the distance of spots from a cell's position: sqrt(d^2 + pitch^2 / 6).

    The quantiles are those under the row of P to the power of its sharpness. A cell sits anywhere in the
    square of its spot, whose points have a mean square distance of pitch^2 / 6 from the centre.
    """
    return np.asarray(np.sqrt(np.square(distances) + pitch**2 / 6))


def narrow(radii: F64, most: float) -> npt.NDArray[np.bool_]:
    """Return whether each radius is at most `most`, and not 0 as it is where all spots coincide."""
    return np.asarray((radii > 0) & (radii <= most))


def confident(
    radii: F64, checked: F64, sharp: npt.NDArray[np.bool_], most: float
) -> tuple[npt.NDArray[np.bool_], int]:
    """Return which cells of a tissue are confident, and how many more have a radius that is narrow by chance.

    A cell whose radius is at most `most` is confident. Cells that are read by their sharpness are so only if
    `LEAST_NARROW` of them or more have a radius at the level `CHECKED` of at most `most`.

    Parameters
    ----------
    radii, checked
        Radii at the level that was asked for, and at `CHECKED`; NaN: the cell has none, and does not count.
    sharp
        Whether a cell is read by its sharpness.
    most
        Largest radius of a confident cell.
    """
    found = narrow(radii, most)
    of = sharp & np.isfinite(radii)
    if not of.any() or narrow(checked[of], most).mean() >= LEAST_NARROW:
        return found, 0
    return found & ~of, int((found & of).sum())
