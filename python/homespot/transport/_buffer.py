"""Shared by back ends and results: memory for a plan, blocks in which a cost is written, rows of the map."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..common.memory import require
from ..common.wording import argument
from ._loops import exponents
from ._range import Domain, lowest_exponent

__all__ = ["MOST", "ROWS", "Rows", "blocks", "lanes", "require_plan", "softmax_rows"]

F64 = npt.NDArray[np.float64]

# Fixed, and summed in order, so that the number of threads does not change a byte.
_LANES = 16
ROWS = 256
"""Number of rows in a matrix product."""

_CACHED = 2**18  # entries that stay in the cache of a core

MOST = 700.0
"""Largest exponent whose power is written: a mass that is larger counts as this one."""


def lanes(n_rows: int) -> list[slice]:
    """Return the lanes of rows; each is the work of one thread."""
    edges = np.linspace(0, n_rows, min(_LANES, n_rows) + 1).astype(int)
    return [slice(*pair) for pair in pairwise(edges)]


def blocks(lane: slice, step: int) -> list[slice]:
    """Return the blocks of a lane, of `step` rows each."""
    return [slice(i, min(i + step, lane.stop)) for i in range(lane.start, lane.stop, step)]


def require_plan(
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    device: str = "cpu",
    needed: Callable[..., float] | None = None,
    **sizes: Any,
) -> None:
    """Refuse a plan that does not fit into the memory of a device.

    On a GPU, `needed` returns its bytes from ``cells``, ``itemsize`` and other `sizes`.
    """
    m, n = shape
    options: dict[str, dict[str, Any]] = {f"use {argument('dtype', 'float32')}": {"itemsize": 4}}
    if "stored" in sizes:
        options[f"use {argument('storage', 'streamed')}"] = {"stored": False}
    require(
        needed or (lambda cells, itemsize: cells * n * itemsize),
        f"a plan of {m:,} cells x {n:,} spots",
        {"cells": m, "itemsize": np.dtype(dtype).itemsize, **sizes},
        fewer={"cells": "map at most {} cells at a time"},
        options=options,
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


class Rows(NamedTuple):
    """How rows of the cost become rows of P, in place; the same for rows that are stored and made anew.

    Parameters
    ----------
    domain
        ``"kernel"`` or ``"log"``.
    epsilon
        The regularisation, in the unit of the cost.
    """

    domain: Domain
    epsilon: float

    def cached(self, block: npt.NDArray[Any]) -> list[slice]:
        """Return parts of a block that stay in the cache."""
        return blocks(slice(0, len(block)), max(_CACHED // block.shape[1], 1))

    def prepare(self, block: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
        """Turn rows of the cost into the kernel, and return low / epsilon, or into D / epsilon (log domain).

        The kernel is exp(-(D - low) / epsilon), where low is the smallest cost of the row.
        """
        if self.domain == "log":
            block *= 1 / self.epsilon
            return None
        floor = lowest_exponent(block.dtype)
        lows = np.empty(len(block))
        for part in self.cached(block):
            rows = block[part]
            low = rows.min(axis=1)
            lows[part] = low / self.epsilon
            exponents(rows, low, -1 / self.epsilon, floor)
            np.exp(rows, out=rows)
        return lows

    def softmax(self, block: npt.NDArray[Any], g: npt.NDArray[np.float64], out: npt.NDArray[Any]) -> F64:
        """Write rows of P into `out`, and return what `masses` needs of their sums."""
        if self.domain == "log":
            return softmax_rows(g - block, out)
        np.multiply(block, np.exp(g).astype(block.dtype), out=out)
        sums = out.sum(axis=1, dtype=np.float64)
        out /= sums.astype(block.dtype)[:, None]
        return np.asarray(sums)

    def masses(self, sums: F64, scalings: F64) -> F64:
        """Return the masses of rows in the plan, from what `softmax` returns and the rows' scalings."""
        if self.domain == "log":
            return np.asarray(np.exp(np.minimum(sums + scalings, MOST)))
        return np.asarray(sums * scalings)
