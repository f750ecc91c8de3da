"""The Sinkhorn passes on the CPU: compiled loops over lanes of rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads, threads
from ..common.threads import pool
from ._buffer import MOST, ROWS, blocks, lanes, require_plan, softmax_rows
from ._loops import LARGEST, kernel_rows, log_rows
from ._range import lowest_exponent, lowest_mass, within_range
from .costs import Cost
from .result import Domain

__all__ = ["CpuPasses"]

T = TypeVar("T")
F64 = npt.NDArray[np.float64]

_CACHED = 2**18  # elements that stay in the cache of a core


class CpuPasses:
    """Passes over one M x N buffer, which holds the cost, then the kernel, then the map.

    Parameters
    ----------
    cost
        Shape (M, N).
    p
        Mass of the cells, shape (M,).
    keep
        1 - relaxation of the cells' marginal.
    dtype
        Type of the buffer.
    """

    def __init__(self, cost: Cost, p: F64, keep: float, dtype: npt.DTypeLike) -> None:
        m, n = cost.shape
        require_plan((m, n), dtype)
        self._cost, self._p, self._log_p, self._keep = cost, p, np.log(p), keep
        self._buffer = np.empty((m, n), dtype)
        self._rows = np.empty(m)  # scalings a or potentials f of the cells
        self._low = np.zeros(m)
        self._lanes = lanes(m)
        self._columns = np.empty((len(self._lanes), n))
        self._cached_rows = max(_CACHED // n, 1)
        self._domain: Domain = "kernel"
        self._epsilon = 1.0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        most = min(threads(self._buffer.size), len(self._lanes))
        self._each = self._stack.enter_context(pool(most - 1))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _each_lane(self, run: Callable[[int], T]) -> list[T]:
        return self._each(run, len(self._lanes))

    def fill(self) -> float:
        """Write the cost into the buffer and return its maximum."""
        write = self._cost.writer(self._buffer.dtype)

        def run(lane: int) -> float:
            largest = []
            for rows in blocks(self._lanes[lane], ROWS):
                write(rows.start, rows.stop, self._buffer[rows])
                largest.append(self._buffer[rows].max())
            return float(np.max(largest))  # unlike max(), this keeps a NaN

        if not self._cost.concurrent:
            with limited_threads():
                return float(np.max([run(lane) for lane in range(len(self._lanes))]))
        # Lanes run in parallel; each product uses one thread, so that the number of threads does not change
        # it.
        with limited_threads(1):
            return float(np.max(self._each_lane(run)))

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost in the buffer into the kernel or, in the log domain, into D / epsilon.

        The kernel is exp(-(D - low) / epsilon), where low is the smallest cost of the row. The row's scaling
        absorbs low, and one entry of every row is 1.
        """
        self._domain, self._epsilon = domain, epsilon
        self._each_lane(self._exponentiate if domain == "kernel" else self._divide)
        self._weight = np.exp((self._keep - 1) * self._low)

    def _divide(self, lane: int) -> None:
        self._buffer[self._lanes[lane]] *= 1 / self._epsilon

    def _exponentiate(self, lane: int) -> None:
        floor = lowest_exponent(self._buffer.dtype)
        for rows in blocks(self._lanes[lane], self._cached_rows):
            block = self._buffer[rows]
            low = block.min(axis=1)
            self._low[rows] = low / self._epsilon
            block -= low[:, None]
            block *= -1 / self._epsilon
            np.exp(np.maximum(block, floor, out=block), out=block)

    def sweep(self, g: F64) -> F64:
        """Fit the cells to the spots' potentials, once over the buffer.

        Parameters
        ----------
        g
            Potentials of the spots, shape (N,), in units of epsilon.

        Returns
        -------
        Logarithm of the mass of every spot, shape (N,): of sum_i T_ij, T_ij = exp(f_i + g_j - D_ij /
        epsilon). In the kernel domain, -inf or NaN if a mass has left the range of floating point numbers.
        """
        if self._domain == "kernel":
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                b = np.exp(g).astype(self._buffer.dtype)
                self._each_lane(lambda lane: self._kernel_lane(lane, b))
                return np.asarray(np.log(self._columns.sum(axis=0) * b))
        top = max(self._each_lane(lambda lane: self._log_lane(lane, g)))
        mass = self._columns.sum(axis=0)
        lost = mass < lowest_mass(top, len(self._buffer), self._buffer.dtype)
        if top > LARGEST:
            lost[:] = True
        with np.errstate(divide="ignore"):
            log_mass: F64 = np.log(mass)
        if lost.any():
            log_mass[lost] = self._log_columns(lost) + g[lost]
        return log_mass

    def _kernel_lane(self, lane: int, b: npt.NDArray[Any]) -> None:
        at, columns = self._lanes[lane], self._columns[lane]
        kernel_rows(self._buffer[at], self._p[at], self._keep, self._weight[at], b, self._rows[at], columns)

    def _log_lane(self, lane: int, g: F64) -> float:
        at, columns = self._lanes[lane], self._columns[lane]
        return float(log_rows(self._buffer[at], self._log_p[at], self._keep, g, self._rows[at], columns))

    def _log_columns(self, which: npt.NDArray[np.bool_]) -> F64:
        """Return log sum_i exp(f_i - D_ij / epsilon) of some spots, whatever its size."""

        def run(lane: int) -> F64:
            found = np.full(int(which.sum()), -np.inf)
            for rows in blocks(self._lanes[lane], self._cached_rows):
                exponents = self._rows[rows, None] - self._buffer[rows][:, which]
                largest = exponents.max(axis=0)
                sums = np.exp(exponents - largest).sum(axis=0)
                found = np.logaddexp(found, np.log(sums) + largest)
            return found

        return np.asarray(np.logaddexp.reduce(self._each_lane(run)))

    def safe(self, g: F64) -> bool:
        """Whether the last sweep in the kernel domain was accurate."""
        return within_range(float(self._rows.min()), float(self._rows.max()), g, self._buffer.dtype)

    def change(self, g: F64, step: F64) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row, for P of the last sweep."""

        def run(lane: int) -> float:
            largest = 0.0
            for rows in blocks(self._lanes[lane], self._cached_rows):
                block = np.empty_like(self._buffer[rows])
                self._write_map(rows, g, block)
                largest = max(largest, float(np.einsum("ij,j->i", block, np.abs(step)).max()))
            return largest

        return max(self._each_lane(run))

    def plan(self, g: F64) -> tuple[npt.NDArray[Any], F64, F64]:
        """Turn the buffer into P of the last sweep; return it, and the row and column sums of the plan."""
        masses = np.empty(len(self._buffer))
        self._columns[:] = 0

        def run(lane: int) -> None:
            for rows in blocks(self._lanes[lane], self._cached_rows):
                block = self._buffer[rows]
                masses[rows] = self._write_map(rows, g, block)
                self._columns[lane] += np.einsum("i,ij->j", masses[rows], block)

        self._each_lane(run)
        return self._buffer, masses, self._columns.sum(axis=0)

    def _write_map(self, rows: slice, g: F64, out: npt.NDArray[Any]) -> F64:
        """Write these rows of P into `out`, and return their masses in the plan."""
        block, scalings = self._buffer[rows], self._rows[rows]
        if self._domain == "log":
            return np.asarray(np.exp(np.minimum(softmax_rows(g - block, out) + scalings, MOST)))
        np.multiply(block, np.exp(g).astype(block.dtype), out=out)
        sums = out.sum(axis=1, dtype=np.float64)
        out /= sums.astype(block.dtype)[:, None]
        return np.asarray(sums * scalings)
