"""Shared by back ends and results: memory for a plan, blocks in which a cost is written, rows of the map."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.memory import require
from ..common.wording import argument

__all__ = ["MOST", "ROWS", "blocks", "lanes", "require_plan", "softmax_rows"]

# Fixed, and summed in order, so that the number of threads does not change a byte.
_LANES = 16
ROWS = 256
"""Number of rows in a matrix product."""

MOST = 700.0
"""Largest exponent whose power is written: a mass that is larger counts as this one."""


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
    require(
        lambda cells, itemsize: cells * n * itemsize,
        f"a plan of {m:,} cells x {n:,} spots",
        {"cells": m, "itemsize": np.dtype(dtype).itemsize},
        fewer={"cells": "map at most {} cells at a time"},
        options={f"use {argument('dtype', 'float32')}": {"itemsize": 4}},
        device=device,
    )


def softmax_rows(exponents: npt.NDArray[np.float64], out: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Write the softmax of every row into `out`, and return the logarithms of the rows' sums.

    No row is lost, however small its mass is: the largest exponent of a row is subtracted first.
    """
    largest = exponents.max(axis=1)
    np.subtract(exponents, largest[:, None], out=out, casting="same_kind")
    np.exp(out, out=out)
    sums = out.sum(axis=1, dtype=np.float64)
    out /= sums.astype(out.dtype)[:, None]
    return np.asarray(np.log(sums) + largest)
