"""Scale the expression that cells bring to a spot."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.keys import EXPRESSION
from ..common.wording import argument
from ..errors import DataWarning, InputError, expected
from ..matrix.gather import ColumnSums, Masses, Reducer, gather
from ..matrix.rows import RowBlock

__all__ = ["F64", "Factors", "FactorsOf", "ReadOut", "factors", "read_out_of", "warn_if_empty"]


ReadOut = Literal["scaled", "mean", "sum"]


_SHRINKAGE = 0.2
"""Share of the mean over all cells in the scaled read-out; chosen on tissues, see benchmarks/README.md."""


F64 = npt.NDArray[np.float64]


Expressions = tuple[F64, F64]
"""Mean log expression of the cells and of the spots over the genes that a map was made from."""


class Factors(NamedTuple):
    """Factors at every spot for P' X, and for the mean of X over the cells, before the two are added.

    They are NaN for a spot without mass, except for ``"sum"``.
    """

    of_sum: F64
    of_mean: F64

    def applied(self, total: F64, mean: F64) -> F64:
        """Return the scaled expression (spots x genes) from P' X and the mean of each of these genes."""
        return total * self.of_sum[:, None] + self.of_mean[:, None] * mean


class FactorsOf(Reducer):
    """The factors of a read-out, gathered from P.

    Parameters
    ----------
    read_out
        Name of the read-out.
    expressions
        Mean log expression of the cells and spots, which ``"scaled"`` needs.
    """

    def __init__(self, read_out: ReadOut, expressions: Expressions | None) -> None:
        self.read_out = read_out
        self._expressions = expressions
        self._mass: ColumnSums | Masses | None = None
        if read_out == "mean":
            self._mass = ColumnSums()
        elif read_out == "scaled":
            assert expressions is not None  # the caller has checked that it is given
            of_cells = expressions[0]
            self._mass = Masses(sparse.csr_matrix(np.stack([of_cells, np.ones_like(of_cells)])))

    def start(self, matrix: Any) -> None:
        """Allocate the sums."""
        self._n_spots = int(matrix.shape[1])
        if self._mass is not None:
            self._mass.start(matrix)

    def add(self, block: RowBlock) -> None:
        """Add the next rows."""
        if self._mass is not None:
            self._mass.add(block)

    def factors(self) -> Factors:
        """Return the factors, after P has been read."""
        nothing = np.zeros(self._n_spots)
        if self._mass is None:
            return Factors(np.ones(self._n_spots), nothing)
        total = self._mass.total
        if self._expressions is None or self.read_out == "mean":
            return Factors(np.divide(1, total, out=np.full_like(total, np.nan), where=total > 0), nothing)
        of_cells, of_spots = self._expressions
        predicted, mass = total * np.array([[1 - _SHRINKAGE], [_SHRINKAGE]])
        predicted += mass * of_cells.mean()
        scale = np.divide(of_spots, predicted, out=np.full_like(mass, np.nan), where=predicted > 0)
        return Factors((1 - _SHRINKAGE) * scale, mass * scale)


def factors(matrix: Any, read_out: ReadOut, expressions: Expressions | None) -> Factors:
    """Return the factors of a read-out of P, cells x spots."""
    found = FactorsOf(read_out, expressions)
    gather(matrix, found)
    return found.factors()


def _expressions(mapping: ad.AnnData) -> Expressions | None:
    """Return the mean log expression of all cells and spots, or None if the mapping does not hold it."""
    found = []
    for frame in (mapping.obs, mapping.var):
        if EXPRESSION not in frame:
            return None
        values = pd.to_numeric(frame[EXPRESSION], errors="coerce").to_numpy(dtype=np.float64)
        if not (np.isfinite(values) & (values >= 0)).all():
            return None
        found.append(values)
    return found[0], found[1]


def read_out_of(mapping: ad.AnnData, read_out: ReadOut | None) -> FactorsOf:
    """Choose the read-out if it is None; return the reducer of its factors.

    Raises
    ------
    InputError
        If the mapping does not hold the expression that ``"scaled"`` needs.
    """
    expressions = _expressions(mapping)
    if read_out == "scaled" and expressions is None:
        raise InputError(
            expected(
                f"a mapping that knows its expression ({EXPRESSION!r} in obs and var), to scale by it",
                "one that does not, as those from elsewhere",
                f"Use {argument('read_out', 'mean')}.",
            )
        )
    return FactorsOf(read_out or ("mean" if expressions is None else "scaled"), expressions)


def warn_if_empty(factors: Factors) -> None:
    """Warn about the number of spots without cells."""
    nothing = np.isnan(factors.of_sum)
    if nothing.any():
        warnings.warn(
            f"{nothing.sum()} spot(s) hold no cell: their expression is missing (NaN). "
            f"A map with a larger {argument('k_best')}, or a dense one, reaches them, and "
            f"{argument('read_out', 'sum')} gives 0.",
            DataWarning,
            stacklevel=3,
        )
