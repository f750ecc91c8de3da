"""The Sinkhorn passes on the CPU: compiled loops over lanes of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads, threads
from ..common.threads import pool
from ._buffer import ROWS, Rows, blocks, lanes, require_plan
from ._iterates import Iterates
from ._loops import LARGEST, kernel_rows, log_rows
from ._range import Domain, lowest_mass, within_range
from .costs import Cost

__all__ = ["CpuPasses"]

T = TypeVar("T")
Array = npt.NDArray[Any]
F64 = npt.NDArray[np.float64]


class CpuPasses:
    """Passes over M x N entries: the cost, then the kernel, then the map.

    They are stored in one buffer, or made anew, block by block, in every pass. Both give the same bytes.

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

    def __init__(self, cost: Cost, p: F64, keep: float, dtype: npt.DTypeLike, *, stored: bool = True) -> None:
        m, n = cost.shape
        self._shape, self._dtype = (m, n), np.dtype(dtype)
        self._buffer = None
        if stored:
            require_plan((m, n), dtype)
            self._buffer = np.empty((m, n), dtype)
        self._cost, self._p, self._log_p, self._keep = cost, p, np.log(p), keep
        self._write = cost.writer(self._dtype)
        self._scale: float | None = None
        self._rows = np.empty(m)  # scalings a or potentials f of the cells
        self._weight = np.ones(m)
        self._lanes = lanes(m)
        self._columns = np.empty((len(self._lanes), n))
        self._log_mass = np.empty(n)
        self._free: list[Array] = []  # room for blocks that are made anew, one for every thread
        self._of = Rows("kernel", 1.0)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        most = min(threads(self._shape[0] * self._shape[1]), len(self._lanes))
        if self._buffer is None:
            # Each product uses one thread, so that the number of threads does not change it.
            self._stack.enter_context(limited_threads(1))
            most = most if self._cost.concurrent else 1
        self._each = self._stack.enter_context(pool(most - 1))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _each_lane(self, run: Callable[[int], T]) -> list[T]:
        return self._each(run, len(self._lanes))

    def _costs(self, lane: int) -> Iterator[tuple[slice, Array]]:
        """Yield the rows of a lane, block by block, and their costs, written anew."""
        parts = blocks(self._lanes[lane], ROWS)
        if self._buffer is not None:
            for rows in parts:
                self._write(rows.start, rows.stop, self._buffer[rows])
                yield rows, self._buffer[rows]
            return
        room = self._free.pop() if self._free else np.empty((ROWS, self._shape[1]), self._dtype)
        for rows in parts:
            block = room[: rows.stop - rows.start]
            self._write(rows.start, rows.stop, block)
            yield rows, block
        self._free.append(room)

    def _entries(self, lane: int) -> Iterator[tuple[slice, Array]]:
        """Yield rows of a lane and their entries of the kernel or, in the log domain, of D / epsilon."""
        if self._buffer is not None:
            yield self._lanes[lane], self._buffer[self._lanes[lane]]
            return
        for rows, block in self._costs(lane):
            self._transform(rows, block)
            yield rows, block

    def _transform(self, rows: slice, block: Array) -> None:
        low = self._of.prepare(block)
        if low is not None:
            self._weight[rows] = np.exp((self._keep - 1) * low)

    def fill(self) -> float:
        """Return the largest cost; write the cost into the buffer, if there is one."""
        if self._buffer is None and self._scale is not None:
            return self._scale

        def run(lane: int) -> float:
            # Unlike max(), this keeps a NaN.
            return float(np.max([block.max() for _, block in self._costs(lane)]))

        # Lanes run in parallel; each product by one thread, so that the number of threads does not change it.
        with limited_threads(1):
            if self._cost.concurrent:
                self._scale = float(np.max(self._each_lane(run)))
            else:
                self._scale = float(np.max([run(lane) for lane in range(len(self._lanes))]))
        return self._scale

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost into the kernel or, in the log domain, into D / epsilon; see `Rows`.

        One entry of every row of the kernel is 1, and the row's scaling absorbs the rest.
        """
        self._of = Rows(domain, epsilon)
        self._weight[:] = 1
        buffer = self._buffer
        if buffer is not None:
            self._each_lane(lambda lane: self._transform(self._lanes[lane], buffer[self._lanes[lane]]))

    def iterates(self, q: F64, keep_spots: float) -> Iterates:
        """Return the iterates for spots of the mass q."""
        return Iterates(self, q, self._keep, keep_spots)

    def sweep(self, g: F64) -> F64:
        """Fit the cells to the spots' potentials, once over the entries.

        Parameters
        ----------
        g
            Potentials of the spots, shape (N,), in units of epsilon.

        Returns
        -------
        Logarithm of the mass of every spot, shape (N,): of sum_i T_ij, T_ij = exp(f_i + g_j - D_ij /
        epsilon). In the kernel domain, -inf or NaN if a mass has left the range of floating point numbers.
        """
        self._columns[:] = 0
        if self._of.domain == "kernel":
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                b = np.exp(g).astype(self._dtype)
                self._each_lane(lambda lane: self._kernel_lane(lane, b))
                self._log_mass = np.asarray(np.log(self._columns.sum(axis=0) * b))
                return self._log_mass
        top = max(self._each_lane(lambda lane: self._log_lane(lane, g)))
        mass = self._columns.sum(axis=0)
        lost = mass < lowest_mass(top, self._shape[0], self._dtype)
        if top > LARGEST:
            lost[:] = True
        with np.errstate(divide="ignore"):
            log_mass: F64 = np.log(mass)
        if lost.any():
            log_mass[lost] = self._log_columns(lost) + g[lost]
        self._log_mass = log_mass
        return log_mass

    def _kernel_lane(self, lane: int, b: Array) -> None:
        for at, kernel in self._entries(lane):
            kernel_rows(
                kernel, self._p[at], self._keep, self._weight[at], b, self._rows[at], self._columns[lane]
            )

    def _log_lane(self, lane: int, g: F64) -> float:
        return max(
            float(log_rows(costs, self._log_p[at], self._keep, g, self._rows[at], self._columns[lane]))
            for at, costs in self._entries(lane)
        )

    def _log_columns(self, which: npt.NDArray[np.bool_]) -> F64:
        """Return log sum_i exp(f_i - D_ij / epsilon) of some spots, whatever its size."""

        def run(lane: int) -> F64:
            found = np.full(int(which.sum()), -np.inf)
            for at, costs in self._entries(lane):
                for part in self._of.cached(costs):
                    exponents = self._rows[at][part, None] - costs[part][:, which]
                    largest = exponents.max(axis=0)
                    sums = np.exp(exponents - largest).sum(axis=0)
                    found = np.logaddexp(found, np.log(sums) + largest)
            return found

        return np.asarray(np.logaddexp.reduce(self._each_lane(run)))

    def safe(self, g: F64) -> bool:
        """Whether the last sweep in the kernel domain was accurate."""
        return within_range(float(self._rows.min()), float(self._rows.max()), g, self._dtype)

    def change(self, g: F64, step: F64) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row, for P of the last sweep."""

        def run(lane: int) -> float:
            largest = 0.0
            for _, entries in self._entries(lane):
                for part in self._of.cached(entries):
                    block = np.empty_like(entries[part])
                    self._of.softmax(entries[part], g, block)
                    largest = max(largest, float(np.einsum("ij,j->i", block, np.abs(step)).max()))
            return largest

        return max(self._each_lane(run))

    def plan(self, g: F64) -> tuple[Array | None, F64, F64]:
        """Return P of the last sweep, if it is stored, and the row and column sums of the plan."""
        if self._buffer is None and self._keep == 1:
            return None, self._p, np.exp(self._log_mass)
        masses = np.empty(self._shape[0])
        self._columns[:] = 0

        def run(lane: int) -> None:
            for at, entries in self._entries(lane):
                for part in self._of.cached(entries):
                    block, rows = entries[part], slice(at.start + part.start, at.start + part.stop)
                    masses[rows] = self._of.masses(self._of.softmax(block, g, block), self._rows[rows])
                    self._columns[lane] += np.einsum("i,ij->j", masses[rows], block)

        self._each_lane(run)
        return self._buffer, masses, self._columns.sum(axis=0)
