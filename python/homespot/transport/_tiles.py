"""Rows of a cost, or what is made of them, as a matrix that is computed when it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads, threads
from ..common.threads import pool
from ..matrix.streamed import Streamed, by_blocks
from ._buffer import ROWS, blocks, lanes
from .costs import Cost

__all__ = ["Change", "made", "tiles"]

_VALUES = 2**22  # number of entries that are computed at once
_BLOCKS = 4  # number of blocks that are computed at once, if those are more entries
Array = npt.NDArray[Any]
Change = Callable[[Array, Any], object]
"""Changes rows of the cost in place; it is told which rows they are, by a slice or by their indices."""


def tiles(shape: tuple[int, int]) -> list[slice]:
    """Return the rows that are computed at once, in several threads: whole blocks of the solver's."""
    m, n = shape
    found: list[slice] = []
    for rows in (rows for lane in lanes(m) for rows in blocks(lane, ROWS)):
        first = found[-1].start if found else 0
        if found and (rows.stop - first) * n <= max(_VALUES, _BLOCKS * ROWS * n):
            found[-1] = slice(first, rows.stop)
        else:
            found.append(rows)
    return found


def made(cost: Cost, dtype: str, change: Change) -> Streamed:
    """Return a matrix whose rows are those of the cost, changed, and are computed when they are read.

    On the CPU, the cost in blocks of consecutive rows equals the solver's to the byte. The number of threads
    changes no byte.
    """
    (m, n), write, every = cost.shape, cost.writer(dtype), tiles(cost.shape)
    parts = [rows for lane in lanes(m) for rows in blocks(lane, ROWS)]

    def each_part(run: Callable[[int], object], entries: int, count: int) -> None:
        helpers = min(threads(entries), count) - 1 if cost.concurrent else 0
        # One thread per product, so that the number of threads does not change it.
        with limited_threads(1), pool(max(helpers, 0)) as each:
            each(run, count)

    def tile(k: int) -> Array:
        start, stop = every[k].start, every[k].stop
        inside = [rows for rows in parts if start <= rows.start < stop]
        out = np.empty((stop - start, n), dtype)

        def run(k: int) -> None:
            block = out[inside[k].start - start : inside[k].stop - start]
            write(inside[k].start, inside[k].stop, block)
            change(block, inside[k])

        each_part(run, out.size, len(inside))
        return out

    def pick(index: npt.NDArray[np.intp]) -> Array:
        out, some = np.empty((len(index), n), dtype), blocks(slice(0, len(index)), ROWS)

        def run(k: int) -> None:
            out[some[k]] = cost.rows(index[some[k]], dtype)
            change(out[some[k]], index[some[k]])

        each_part(run, out.size, len(some))
        return out

    found = by_blocks(tile, [rows.stop for rows in every], cost.shape, np.dtype(dtype), False)
    return replace(found, pick=pick)
