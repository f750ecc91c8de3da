"""Shared by back ends and results: the memory for a plan, and the blocks in which a cost is written."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..common.memory import require

__all__ = ["ROWS", "blocks", "lanes", "require_plan"]

# Fixed, and summed in order, so that the number of threads does not change a byte.
_LANES = 16
ROWS = 256
"""Number of rows in a matrix product."""


def lanes(n_rows: int) -> list[slice]:
    """Return the lanes of rows; each is the work of one thread."""
    edges = np.linspace(0, n_rows, min(_LANES, n_rows) + 1).astype(int)
    return [slice(*pair) for pair in pairwise(edges)]


def blocks(lane: slice, step: int) -> list[slice]:
    """Return the blocks of a lane, of `step` rows each."""
    return [slice(i, min(i + step, lane.stop)) for i in range(lane.start, lane.stop, step)]


def require_plan(shape: tuple[int, int], dtype: npt.DTypeLike, device: str = "cpu") -> None:
    """Refuse a plan that does not fit into the memory of a device."""
    m, n = shape
    remedy = "Map fewer cells at a time."
    if device != "cpu":
        remedy = "Use device='cpu', or map fewer cells at a time."
    elif np.dtype(dtype) == np.float64:
        remedy = "Use dtype='float32', or map fewer cells at a time."
    require(m * n * np.dtype(dtype).itemsize, f"a plan of {m:,} cells x {n:,} spots", remedy, device)
