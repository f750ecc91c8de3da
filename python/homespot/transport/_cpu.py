"""The Sinkhorn passes on the CPU: compiled loops over lanes of rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..device import limited_threads, threads
from ..memory import require
from ._loops import kernel_rows, log_rows
from .costs import Cost
from .result import Domain

__all__ = ["CpuPasses"]

F64 = npt.NDArray[np.float64]

# Fixed, whatever the number of threads, and summed in order: the same bytes with any of them.
_LANES = 16
_ROWS = 1024  # a matrix product
_CACHED = 2**18  # elements that stay in the cache of a core
_SERIAL = 2**18  # elements under which threads cost more than they bring


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
        Of the buffer.
    """

    def __init__(self, cost: Cost, p: F64, keep: float, dtype: npt.DTypeLike) -> None:
        m, n = cost.shape
        remedy = "Use dtype='float32', or map fewer cells at a time."
        require(m * n * np.dtype(dtype).itemsize, f"a plan of {m:,} cells x {n:,} spots", remedy)
        self._cost, self._p, self._keep = cost, p, keep
        self._buffer = np.empty((m, n), dtype)
        self._rows = np.empty(m)  # scalings a or potentials f of the cells
        edges = np.linspace(0, m, min(_LANES, m) + 1).astype(int)
        self._lanes = [slice(*pair) for pair in pairwise(edges)]
        self._columns = np.empty((len(self._lanes), n))
        self._domain: Domain = "kernel"
        self._epsilon = 1.0
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        workers = min(threads(), len(self._lanes))
        if workers > 1 and self._buffer.size >= _SERIAL:
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="homespot")
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _each_lane(self, run: Callable[[int], Any]) -> list[Any]:
        lanes = range(len(self._lanes))
        return list(map(run, lanes) if self._pool is None else self._pool.map(run, lanes))

    def _blocks(self, lane: slice) -> list[slice]:
        step = max(_CACHED // self._buffer.shape[1], 1)
        return [slice(i, min(i + step, lane.stop)) for i in range(lane.start, lane.stop, step)]

    def fill(self) -> float:
        """Write the cost into the buffer and return its maximum."""
        write, m = self._cost.writer(self._buffer.dtype), len(self._buffer)
        largest = -np.inf
        with limited_threads():
            for start in range(0, m, _ROWS):
                block = self._buffer[start : start + _ROWS]
                write(start, start + len(block), block)
                largest = np.maximum(largest, block.max())  # unlike max(), keeps a NaN
        return float(largest)

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost in the buffer into what `domain` needs."""
        self._domain, self._epsilon = domain, epsilon
        if domain == "kernel":
            self._each_lane(self._exponentiate)

    def _exponentiate(self, lane: int) -> None:
        for rows in self._blocks(self._lanes[lane]):
            block = self._buffer[rows]
            np.multiply(block, -1 / self._epsilon, out=block)
            np.exp(block, out=block)

    def sweep(self, g: F64) -> F64:
        """Fit the cells to the spots' potentials, once over the buffer.

        Parameters
        ----------
        g
            Potentials of the spots, shape (N,), in units of epsilon.

        Returns
        -------
        Mass of every spot, shape (N,): sum_i T_ij of T_ij = exp(f_i + g_j - D_ij / epsilon).
        """
        self._columns[:] = 0
        if self._domain == "log":
            log_p = np.log(self._p)

            def run(lane: int) -> None:
                rows = self._lanes[lane]
                log_rows(
                    self._buffer[rows],
                    -1 / self._epsilon,
                    log_p[rows],
                    self._keep,
                    g,
                    self._rows[rows],
                    self._columns[lane],
                )

            self._each_lane(run)
            return self._mass(1.0)
        with np.errstate(over="ignore"):
            b = np.exp(g).astype(self._buffer.dtype)

        def run_kernel(lane: int) -> None:
            rows = self._lanes[lane]
            kernel_rows(
                self._buffer[rows], self._p[rows], self._keep, b, self._rows[rows], self._columns[lane]
            )

        self._each_lane(run_kernel)
        return self._mass(b)

    def _mass(self, b: npt.NDArray[Any] | float) -> F64:
        mass: F64 = self._columns.sum(axis=0) * b
        return mass

    def plan(self, g: F64) -> tuple[npt.NDArray[Any], F64, F64, float]:
        """Turn the buffer into the plan of the last sweep; return it, its row and column sums, its cost."""
        row_sums = np.empty(len(self._buffer))
        self._columns[:] = 0

        def run(lane: int) -> float:
            cost = 0.0
            for rows in self._blocks(self._lanes[lane]):
                block = self._buffer[rows]
                cost += self._to_plan(block, self._rows[rows], g)
                row_sums[rows] = block.sum(axis=1, dtype=np.float64)
                self._columns[lane] += block.sum(axis=0)
            return cost

        cost = sum(self._each_lane(run))
        return self._buffer, row_sums, self._columns.sum(axis=0), cost

    def _to_plan(self, block: npt.NDArray[Any], rows: F64, g: F64) -> float:
        if self._domain == "log":
            entries = np.exp(rows[:, None] + g - block.astype(np.float64) / self._epsilon)
            cost = float(np.vdot(entries, block))
            block[...] = entries
            return cost
        logarithms = np.log(block)
        block *= np.exp(g).astype(block.dtype)
        block *= rows[:, None].astype(block.dtype)
        return -self._epsilon * float(np.einsum("ij,ij->", block, logarithms))
