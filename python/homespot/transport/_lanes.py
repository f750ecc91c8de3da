"""What one lane of rows gives a pass: pure functions of the entries and the spots' potentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ._buffer import ROWS, Rows, blocks, lanes, require_plan
from ._loops import kernel_rows, log_rows
from .costs import Cost

__all__ = ["Lanes"]

Array = npt.NDArray[Any]
F64 = npt.NDArray[np.float64]


class Lanes:
    """The M x N entries lane by lane: the cost, then the kernel, then the map.

    They are stored in one buffer, or made anew, block by block, whenever a lane is read. Both give the same
    bytes. Where they are made anew a lane changes nothing, so that another process can work on it: it gets
    the object and gives what the method returns.

    Parameters
    ----------
    cost
        Shape (M, N).
    p
        Mass of the cells, shape (M,).
    keep
        1 - relaxation of the cells' marginal.
    dtype
        Type of the entries.
    stored
        Whether to store the entries.
    """

    def __init__(self, cost: Cost, p: F64, keep: float, dtype: npt.DTypeLike, *, stored: bool) -> None:
        self.cost, self.dtype = cost, np.dtype(dtype)
        self.rows = lanes(cost.shape[0])
        self.buffer: Array | None = None
        if stored:
            require_plan(cost.shape, dtype)
            self.buffer = np.empty(cost.shape, dtype)
        self.of = Rows("kernel", 1.0)
        """How costs become entries; the back end sets it."""
        self._p, self._log_p, self._keep = p, np.log(p), keep
        self._weight: F64 | None = np.ones(len(p)) if stored else None  # of the rows of a stored kernel

    def __len__(self) -> int:
        return len(self.rows)

    def _costs(self, lane: int) -> Iterator[tuple[slice, Array]]:
        """Yield the rows of a lane, block by block, and their costs, written anew."""
        write, buffer = self.cost.writer(self.dtype), self.buffer
        room = np.empty((ROWS if buffer is None else 0, self.cost.shape[1]), self.dtype)
        for rows in blocks(self.rows[lane], ROWS):
            block = room[: rows.stop - rows.start] if buffer is None else buffer[rows]
            write(rows.start, rows.stop, block)
            yield rows, block

    def _weights(self, block: Array) -> F64:
        """Turn costs into entries, in place, and return the factors of the rows' scalings."""
        low = self.of.prepare(block)
        return np.ones(len(block)) if low is None else np.exp((self._keep - 1) * low)

    def _entries(self, lane: int) -> Iterator[tuple[slice, Array, F64]]:
        """Yield rows of a lane, their entries: the kernel or (log domain) D / epsilon, and their factors."""
        if self.buffer is not None and self._weight is not None:
            rows = self.rows[lane]
            yield rows, self.buffer[rows], self._weight[rows]
            return
        for rows, block in self._costs(lane):
            weight = self._weights(block)
            yield rows, block, weight

    def largest(self, lane: int) -> float:
        """Return the largest cost, or NaN if there is one; a buffer is filled with the costs."""
        return float(np.max([block.max() for _, block in self._costs(lane)]))

    def prepare(self, lane: int) -> None:
        """Turn the costs of the buffer into entries."""
        rows = self.rows[lane]
        if self.buffer is not None and self._weight is not None:
            self._weight[rows] = self._weights(self.buffer[rows])

    def kernel(self, lane: int, b: Array) -> tuple[F64, F64]:
        """Return the scalings a of the rows, and K' a of the spots, in the kernel domain."""
        here = self.rows[lane]
        found, columns = np.empty(here.stop - here.start), np.zeros(self.cost.shape[1])
        for rows, kernel, weight in self._entries(lane):
            a = found[rows.start - here.start : rows.stop - here.start]
            kernel_rows(kernel, self._p[rows], self._keep, weight, b, a, columns)
        return found, columns

    def log(self, lane: int, g: F64) -> tuple[F64, F64, float]:
        """Return the potentials f of the rows, the spots' masses, and the largest exponent of `log_rows`."""
        here = self.rows[lane]
        found, columns, top = np.empty(here.stop - here.start), np.zeros(self.cost.shape[1]), -np.inf
        for rows, costs, _ in self._entries(lane):
            f = found[rows.start - here.start : rows.stop - here.start]
            top = max(top, float(log_rows(costs, self._log_p[rows], self._keep, g, f, columns)))
        return found, columns, top

    def log_columns(self, lane: int, scalings: list[F64], which: npt.NDArray[np.bool_]) -> F64:
        """Return log sum_i exp(f_i - D_ij / epsilon) of some spots, whatever its size."""
        found = np.full(int(which.sum()), -np.inf)
        start = self.rows[lane].start
        for rows, costs, _ in self._entries(lane):
            here = scalings[lane][rows.start - start : rows.stop - start]
            for part in self.of.cached(costs):
                exponents = here[part, None] - costs[part][:, which]
                largest = exponents.max(axis=0)
                sums = np.exp(exponents - largest).sum(axis=0)
                found = np.logaddexp(found, np.log(sums) + largest)
        return found

    def change(self, lane: int, g: F64, step: F64) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row."""
        largest = 0.0
        for _, entries, _ in self._entries(lane):
            for part in self.of.cached(entries):
                block = np.empty_like(entries[part])
                self.of.softmax(entries[part], g, block)
                largest = max(largest, float(np.einsum("ij,j->i", block, np.abs(step)).max()))
        return largest

    def plan(self, lane: int, g: F64, scalings: list[F64]) -> tuple[F64, F64]:
        """Return the row and column sums of the plan; a buffer becomes P."""
        here = self.rows[lane]
        masses, columns = np.empty(here.stop - here.start), np.zeros(self.cost.shape[1])
        for rows, entries, _ in self._entries(lane):
            for part in self.of.cached(entries):
                first = rows.start - here.start
                at = slice(first + part.start, first + part.stop)
                block = entries[part]
                masses[at] = self.of.masses(self.of.softmax(block, g, block), scalings[lane][at])
                columns += np.einsum("i,ij->j", masses[at], block)
        return masses, columns
