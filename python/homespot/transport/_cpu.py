"""The Sinkhorn passes on the CPU: compiled loops over lanes of rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads, threads
from ..common.threads import pool
from ._buffer import ROWS, blocks, lanes, require_plan
from ._loops import kernel_rows, log_rows
from ._range import lowest_exponent, within_range
from .costs import Cost
from .result import Domain

__all__ = ["CpuPasses"]

T = TypeVar("T")
F64 = npt.NDArray[np.float64]

_CACHED = 2**18  # elements that stay in the cache of a core


class CpuPasses:
    """Passes over one M x N buffer, which holds the cost, then the kernel, then the plan.

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
        Mass of every spot, shape (N,): sum_i T_ij, where T_ij = exp(f_i + g_j - D_ij / epsilon).
        """
        if self._domain == "kernel":
            with np.errstate(over="ignore"):
                b = np.exp(g).astype(self._buffer.dtype)
            self._each_lane(lambda lane: self._kernel_lane(lane, b))
        else:
            b = np.ones_like(g)
            self._each_lane(lambda lane: self._log_lane(lane, g))
        with np.errstate(invalid="ignore"):
            mass: F64 = self._columns.sum(axis=0) * b
        return mass

    def _kernel_lane(self, lane: int, b: npt.NDArray[Any]) -> None:
        at, columns = self._lanes[lane], self._columns[lane]
        kernel_rows(self._buffer[at], self._p[at], self._keep, self._weight[at], b, self._rows[at], columns)

    def _log_lane(self, lane: int, g: F64) -> None:
        at, columns = self._lanes[lane], self._columns[lane]
        log_rows(self._buffer[at], self._log_p[at], self._keep, g, self._rows[at], columns)

    def safe(self, g: F64) -> bool:
        """Whether the last sweep in the kernel domain was accurate."""
        return within_range(float(self._rows.min()), float(self._rows.max()), g, self._buffer.dtype)

    def plan(self, g: F64) -> tuple[npt.NDArray[Any], F64, F64]:
        """Turn the buffer into the plan of the last sweep; return it, its row sums, and its column sums."""
        row_sums = np.empty(len(self._buffer))
        self._columns[:] = 0

        def run(lane: int) -> None:
            for rows in blocks(self._lanes[lane], self._cached_rows):
                self._to_plan(rows, g)
                block = self._buffer[rows]
                row_sums[rows] = block.sum(axis=1, dtype=np.float64)
                self._columns[lane] += block.sum(axis=0)

        self._each_lane(run)
        return self._buffer, row_sums, self._columns.sum(axis=0)

    def _to_plan(self, rows: slice, g: F64) -> None:
        """Turn a block into its part of the plan."""
        block, scalings = self._buffer[rows], self._rows[rows, None]
        if self._domain == "log":
            block[...] = np.exp(scalings + g - block)
            return
        block *= np.exp(g).astype(block.dtype)
        block *= scalings.astype(block.dtype)
