"""The result of a transport solver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads
from ..matrix.streamed import Streamed, by_blocks
from ._buffer import ROWS, blocks, lanes
from .costs import Cost, Writer

__all__ = ["Domain", "TransportResult"]

Domain = Literal["kernel", "log"]

_VALUES = 2**22  # number of entries that are computed at once
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TransportResult:
    """A transport plan, and how the solver ended.

    The plan T and the map P, which is T with every row divided by its sum, follow from the potentials g of
    the spots, whether or not T has been written down:

        P_ij = exp(g_j - D_ij / epsilon) / s_i,    s_i = sum_j exp(g_j - D_ij / epsilon),
        T_ij = s_i (p_i / s_i)^(1 - relax_cells) P_ij.

    `map` and `plan` give their rows block by block, as matrices that `homespot.matrix` takes: ``map[rows]``,
    ``summed(map, X)`` for P X, ``masses(map, X.T).T`` for P' X, ``keep_best(map, k)``.

    Attributes
    ----------
    matrix
        T, shape (M, N): mass that goes from cell i to spot j. None if it is not written down.
    potentials
        g, shape (N,), in units of epsilon.
    epsilon
        The regularisation, in the unit of the cost.
    cost
        D, shape (M, N).
    p
        Mass of the cells, shape (M,).
    relax_cells
        Relaxation of the marginal p; see `sinkhorn`.
    dtype
        Type of the rows.
    converged
        Whether the last error was at or below the tolerance.
    iterations
        Number of passes over the kernel.
    errors
        Shape (checks, 2): iteration, and the L1 distance between the spots' mass and their target mass.
    error_cells
        L1 error of the cells' marginal of T, ``sum |T 1 - p|``. For a relaxed marginal this is the deviation
        that the relaxation allows.
    error_spots
        L1 error of the spots' marginal of T, ``sum |T' 1 - q|``, likewise.
    scale
        The largest cost, to which the regularisation is relative.
    domain
        ``"kernel"``, or ``"log"`` if the kernel would have left the range of floating point numbers.
    """

    matrix: npt.NDArray[Any] | None = field(repr=False)
    potentials: F64 = field(repr=False)
    epsilon: float
    cost: Cost = field(repr=False)
    p: F64 = field(repr=False)
    relax_cells: float
    dtype: str
    converged: bool
    iterations: int
    errors: F64 = field(repr=False)
    error_cells: float
    error_spots: float
    scale: float
    domain: Domain

    @property
    def map(self) -> Streamed:
        """P, cells x spots: rows of T divided by their sums, or computed from the potentials."""
        matrix = self.matrix
        if matrix is None:
            return self._computed(of_plan=False)

        def read(start: int, stop: int) -> npt.NDArray[Any]:
            block = matrix[start:stop]
            return np.asarray(block / block.sum(axis=1, dtype=np.float64).astype(block.dtype)[:, None])

        return Streamed(read, self.cost.shape, matrix.dtype, sparse=False)

    @property
    def plan(self) -> Streamed:
        """T, cells x spots: its rows, or computed from the potentials."""
        matrix = self.matrix
        if matrix is None:
            return self._computed(of_plan=True)
        return Streamed(lambda start, stop: matrix[start:stop], self.cost.shape, matrix.dtype, sparse=False)

    def transport_cost(self) -> float:
        """Return sum T_ij D_ij, in the unit of the cost; D is computed anew for it."""
        write, total, plan = self.cost.writer(self.dtype), 0.0, self.plan
        for tile in self._tiles():
            costs = self._written(tile, write)
            total += float((plan[tile[0].start : tile[-1].stop].astype(np.float64) * costs).sum())
        return total

    def _tiles(self) -> list[list[slice]]:
        """Return the rows that are computed at once, in the blocks in which the solver writes the cost.

        On the CPU, the cost in these blocks equals the solver's to the byte.
        """
        m, n = self.cost.shape
        tiles: list[list[slice]] = [[]]
        for rows in (rows for lane in lanes(m) for rows in blocks(lane, ROWS)):
            if tiles[-1] and (rows.stop - tiles[-1][0].start) * n > _VALUES:
                tiles.append([])
            tiles[-1].append(rows)
        return tiles

    def _written(self, tile: list[slice], write: Writer) -> npt.NDArray[Any]:
        """Return the cost in these rows."""
        first = tile[0].start
        out = np.empty((tile[-1].stop - first, self.cost.shape[1]), self.dtype)
        with limited_threads(1):  # one thread per product, so that the number of threads does not change it
            for rows in tile:
                write(rows.start, rows.stop, out[rows.start - first : rows.stop - first])
        return out

    def _computed(self, *, of_plan: bool) -> Streamed:
        """Return P or T as a matrix whose rows are computed when they are read."""
        write, keep, tiles = self.cost.writer(self.dtype), 1 - self.relax_cells, self._tiles()

        def fetch(k: int) -> npt.NDArray[Any]:
            block = self._written(tiles[k], write)
            # Exponents are as large as the inverse regularisation, and their small differences matter.
            exponents = self.potentials - block.astype(np.float64) / self.epsilon
            largest = exponents.max(axis=1)
            np.subtract(exponents, largest[:, None], out=block, casting="same_kind")
            np.exp(block, out=block)
            sums = block.sum(axis=1, dtype=np.float64)
            factor = 1 / sums
            if of_plan:
                log_sums = np.log(sums) + largest
                log_p = np.log(self.p[tiles[k][0].start : tiles[k][-1].stop])
                factor *= np.exp(log_sums + keep * (log_p - log_sums))
            block *= factor.astype(block.dtype)[:, None]
            return block

        ends = [tile[-1].stop for tile in tiles]
        return by_blocks(fetch, ends, self.cost.shape, np.dtype(self.dtype), False)
