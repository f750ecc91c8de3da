"""The result of a transport solver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..matrix.streamed import Streamed
from ._buffer import Rows
from ._range import Domain
from ._tiles import made, tiles
from .costs import Cost

__all__ = ["TransportResult"]


Array = npt.NDArray[Any]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TransportResult:
    """A transport plan, and how the solver ended.

    The map P, which is the plan T with every row divided by its sum, follows from the potentials g of the
    spots, whether or not it has been written down. T follows from P and the masses m of its rows:

        P_ij = exp(g_j - D_ij / epsilon) / sum_k exp(g_k - D_ik / epsilon),    T_ij = m_i P_ij.

    A row of P sums to 1 however small its mass is. `map` and `plan` give their rows block by block, as
    matrices that `homespot.matrix` takes: ``map[rows]``, ``summed(map, X)`` for P X, ``masses(map, X.T).T``
    for P' X, ``keep_best(map, k)``.

    Attributes
    ----------
    matrix
        P, shape (M, N): row i is where cell i goes. None if it is not written down.
    potentials
        g, shape (N,), in units of epsilon.
    masses
        m, shape (M,): the sums of the rows of T. They are p if the cells' marginal is not relaxed.
    epsilon
        The regularisation, in the unit of the cost.
    cost
        D, shape (M, N).
    dtype
        Type of the rows.
    converged
        Whether the last error was at or below the tolerance, and P at or below its own.
    iterations
        Number of passes over the kernel.
    errors
        Shape (checks, 2): iteration, and the L1 distance between the spots' mass and their target mass, as a
        share of the plan's mass.
    error_cells
        L1 error of the cells' marginal of T, ``sum |T 1 - p|``. For a relaxed marginal this is the deviation
        that the relaxation allows.
    error_spots
        L1 error of the spots' marginal of T, ``sum |T' 1 - q|``, likewise.
    scale
        The largest cost, to which the regularisation is relative.
    domain
        ``"kernel"``, or ``"log"`` if the kernel would have left the range of floating point numbers.
    device
        Where rows that are not written down are computed.
    """

    matrix: npt.NDArray[Any] | None = field(repr=False)
    potentials: F64 = field(repr=False)
    masses: F64 = field(repr=False)
    epsilon: float
    cost: Cost = field(repr=False)
    dtype: str
    converged: bool
    iterations: int
    errors: F64 = field(repr=False)
    error_cells: float
    error_spots: float
    scale: float
    domain: Domain
    device: str = "cpu"

    @property
    def map(self) -> Streamed:
        """P, cells x spots: its rows, or computed from the potentials."""
        matrix = self.matrix
        if matrix is None and self.device != "cpu":
            from ._torch_map import on_device  # torch takes seconds to import
            from ._torch_rows import TorchRows

            return on_device(
                self.cost, self.potentials, TorchRows(self.domain, self.epsilon, self.dtype), self.device
            )
        if matrix is None:
            return self._computed()
        return Streamed(lambda start, stop: matrix[start:stop], self.cost.shape, matrix.dtype, sparse=False)

    @property
    def plan(self) -> Streamed:
        """T, cells x spots: the rows of P times their masses."""
        found = self.map

        def read(start: int, stop: int) -> npt.NDArray[Any]:
            return np.asarray(found[start:stop] * self.masses[start:stop, None].astype(found.dtype))

        return Streamed(read, found.shape, found.dtype, sparse=False)

    def transport_cost(self) -> float:
        """Return sum T_ij D_ij, in the unit of the cost; D is computed anew for it."""
        total, plan = 0.0, self.plan
        costs = made(self.cost, self.dtype, lambda *_: None)
        for rows in tiles(self.cost.shape):
            total += float((plan[rows].astype(np.float64) * costs[rows]).sum())
        return total

    def _computed(self) -> Streamed:
        """Return P as a matrix whose rows are computed when they are read, as the solver computes them."""
        of = Rows(self.domain, self.epsilon)

        def rows_of(block: Array, _: Any) -> None:
            of.prepare(block)
            for part in of.cached(block):
                of.softmax(block[part], self.potentials, block[part])

        return made(self.cost, self.dtype, rows_of)
