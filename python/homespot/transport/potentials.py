"""A map as features and potentials, whose rows are made on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, expected
from ..matrix.streamed import Streamed, in_memory
from ._loops import entries, log_sums
from ._tiles import made, tiles
from .costs import CorrelationCost
from .result import TransportResult

__all__ = ["Potentials"]

_PRECISE = 0.01
"""Below this epsilon, D is computed in float64: a D rounded to float32 would be seen in the sums of rows."""

Array = npt.NDArray[Any]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Potentials:
    """The map P of a transport on correlations, in M x d + N x d numbers.

        P_ij = exp(g_j - D_ij / epsilon - h_i).

    D is the cost of the features x of the cells and y of the spots, max(1 - x_i . y_j, 0). As h_i is kept,
    some cells and some spots have the entries that they had among all.

    Parameters
    ----------
    cells, spots
        x, M x d, and y, N x d, in the type of P. Rows have norm at most 1.
    of_spots
        g, shape (N,).
    of_cells
        h, shape (M,): log sum_j exp(g_j - D_ij / epsilon), over all spots that share the mass of the cells.
    epsilon
        The regularisation, in the unit of the cost.
    absolute
        Whether the cost is 1 - abs(x_i . y_j).
    """

    cells: Array
    spots: Array
    of_spots: F64
    of_cells: F64
    epsilon: float
    absolute: bool

    def __post_init__(self) -> None:
        (m, d), (n, other) = self.cells.shape, self.spots.shape
        dtypes = {self.cells.dtype.name, self.spots.dtype.name}
        shapes = self.of_cells.shape == (m,) and self.of_spots.shape == (n,) and d == other
        if not (shapes and self.epsilon > 0 and dtypes in ({"float32"}, {"float64"})):
            raise InputError(
                expected(
                    "features and potentials that belong to one map",
                    f"features of {m} x {d} and {n} x {other} ({', '.join(sorted(dtypes))}), "
                    f"{self.of_cells.shape} and {self.of_spots.shape} potentials, epsilon {self.epsilon:g}",
                    "Map again, or load the saved mapping.",
                )
            )

    @classmethod
    def of(cls, result: TransportResult) -> Potentials:
        """Return the map of a solution on correlations; its rows are made once, to be summed."""
        cost = result.cost
        assert isinstance(cost, CorrelationCost)
        dtype = np.dtype(result.dtype)
        cells, spots = (in_memory(x).astype(dtype, copy=False) for x in (cost.sc, cost.st))
        sums, g, by = np.empty(len(cells)), result.potentials, 1 / result.epsilon

        def summed(block: Array, rows: slice) -> None:
            log_sums(block, by, g, sums[rows])

        exact = _computed_in(dtype, result.epsilon)
        rows = made(CorrelationCost(cells, spots, cost.absolute), exact, summed)
        for tile in tiles(rows.shape):
            rows[tile]
        return cls(cells, spots, g, sums, result.epsilon, cost.absolute)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells x spots."""
        return len(self.cells), len(self.spots)

    @cached_property
    def map(self) -> Streamed:
        """P, whose rows are made when they are read."""
        g, h, by = self.of_spots, self.of_cells, 1 / self.epsilon
        dtype = self.cells.dtype
        if 0 in self.shape:
            n = self.shape[1]
            return Streamed(lambda start, stop: np.empty((stop - start, n), dtype), self.shape, dtype, False)

        def change(block: Array, rows: Any) -> None:
            entries(block, by, g, h[rows])

        exact = _computed_in(dtype, self.epsilon)
        found = made(CorrelationCost(self.cells, self.spots, self.absolute), exact, change)
        if found.dtype == dtype:
            return found
        # As in a map that is written down, no entry is 0, so that none counts as left out.
        least = np.finfo(dtype).tiny
        return found.mapped(lambda block: np.maximum(block, least, out=block)).astype(dtype)

    def scaled(self, factors: F64) -> Potentials:
        """Return the map with every row multiplied by a factor above 0."""
        return replace(self, of_cells=self.of_cells - np.log(factors))

    def same_spots(self, other: Potentials) -> bool:
        """Whether another map has the same spots, so that its cells can be put below these."""
        alike = self.cells.dtype == other.cells.dtype and self.absolute == other.absolute
        return (
            alike
            and self.epsilon == other.epsilon
            and np.array_equal(self.spots, other.spots)
            and np.array_equal(self.of_spots, other.of_spots)
        )


def _computed_in(dtype: np.dtype[Any], epsilon: float) -> str:
    return "float64" if epsilon < _PRECISE else dtype.name
