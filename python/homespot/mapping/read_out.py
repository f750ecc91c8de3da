"""Scale the expression that cells bring to a spot."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.keys import EXPRESSION, HOMESPOT
from ..common.wording import argument
from ..errors import DataWarning, InputError, expected
from ..expression.scale import LOG_VALUES
from ..expression.table import TARGET_SUM
from ..matrix.gather import ColumnSums, Masses, Reducer, gather
from ..matrix.rows import RowBlock
from ..objects.recorded import recorded

__all__ = [
    "F64",
    "OF_THE_MAP",
    "Factors",
    "FactorsOf",
    "ReadOut",
    "factors",
    "highest_value",
    "imputed_scale",
    "read_out_of",
    "warn_if_empty",
]


ReadOut = Literal["scaled", "mean", "sum", "corrected"]


OF_THE_MAP: tuple[ReadOut, ...] = ("scaled", "mean", "sum")
"""Read-outs that need the map and the cells only."""


_SHRINKAGE = 0.2
"""Share of the mean over all cells in the scaled read-out; chosen on tissues, see benchmarks/README.md."""


_SCALED = ("scaled", "corrected")


F64 = npt.NDArray[np.float64]


Expressions = tuple[F64, F64]
"""Mean log expression of the cells and of the spots over the genes that a map was made from."""


_JUST_BELOW = 1 - 1e-9
"""Largest share of the molecules that a gene is taken to have, so that its odds are finite."""


def _largest(scale: str | None) -> float:
    """Return the largest normalised count of a scale: all molecules are of one gene; without counts, none."""
    return TARGET_SUM if scale == "counts" else np.inf


def _odds(values: F64, largest: float) -> F64:
    """Return y / (1 - y / largest) with y = exp(values) - 1: of a share of `largest`, its odds."""
    y = np.minimum(np.expm1(values), _JUST_BELOW * largest)
    return np.asarray(y / (1 - y / largest))


def _log_value(odds: F64, largest: float) -> F64:
    """Return the log value that has these odds; it is below log(1 + largest)."""
    return np.asarray(np.log1p(odds / (1 + odds / largest)))


class Factors(NamedTuple):
    """Factors at every spot for P' X, and for the mean of X over the cells, before the two are added.

    They are NaN for a spot without mass, except for ``"sum"``. `of_odds`, unless it is None, is then the
    factor of the odds of this value; see `FactorsOf`.
    """

    of_sum: F64
    of_mean: F64
    of_odds: F64 | None = None
    largest: float = np.inf

    def applied(self, total: F64, mean: F64) -> F64:
        """Return the expression (spots x genes) from P' X and the mean of each of these genes."""
        values = total * self.of_sum[:, None] + self.of_mean[:, None] * mean
        if self.of_odds is None:
            return values
        return _log_value(_odds(values, self.largest) * self.of_odds[:, None], self.largest)


class FactorsOf(Reducer):
    """The factors of a read-out, gathered from P.

    ``"scaled"`` multiplies, at every spot, the odds of all genes by one factor. At this factor a gene whose
    log value is the mean over the genes in every cell has the spot's mean as its own. Odds are those of a
    molecule's being of the gene, so that no value leaves the scale of counts.

    Parameters
    ----------
    read_out
        Name of the read-out.
    expressions
        Mean log expression of the cells and spots, which ``"scaled"`` needs.
    scale
        What the atlas's numbers are, which ``"scaled"`` needs; None: not known.
    """

    def __init__(self, read_out: ReadOut, expressions: Expressions | None, scale: str | None = None) -> None:
        self.read_out = read_out
        self.scale = scale
        self._expressions = expressions
        self._mass: ColumnSums | Masses | None = None
        if read_out == "mean":
            self._mass = ColumnSums()
        elif read_out in _SCALED:
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

    def factors(self, *, filled: bool = False) -> Factors:
        """Return the factors, after P has been read.

        A spot without mass is like any other if they are `filled`: it has the mean of all cells.
        """
        nothing = np.zeros(self._n_spots)
        if self._mass is None:
            return Factors(np.ones(self._n_spots), nothing)
        total = self._mass.total
        mass = total[-1] if total.ndim == 2 else total
        share = 0.0 if self.read_out == "mean" else _SHRINKAGE
        of_sum = np.divide(1 - share, mass, out=np.full_like(mass, 0.0 if filled else np.nan), where=mass > 0)
        of_mean = np.where(filled & (mass == 0), 1.0, share)
        if self._expressions is None or self.read_out == "mean":
            return Factors(of_sum, of_mean)
        of_cells, of_spots = self._expressions
        largest = _largest(self.scale)
        predicted = _odds(total[0] * of_sum + of_mean * of_cells.mean(), largest)
        measured = _odds(of_spots, largest)
        of_odds = np.divide(measured, predicted, out=np.zeros_like(mass), where=predicted > 0)
        return Factors(of_sum, of_mean, of_odds, largest)


def factors(
    matrix: Any, read_out: ReadOut, expressions: Expressions | None, scale: str | None = None
) -> Factors:
    """Return the filled factors of a read-out of P, cells x spots."""
    found = FactorsOf(read_out, expressions, scale)
    gather(matrix, found)
    return found.factors(filled=True)


def highest_value(read_out: ReadOut, sc: str | None, st: str | None) -> float:
    """Return the value that none on the scale of imputed genes exceeds; parameters as for `imputed_scale`."""
    if read_out == "sum":
        return np.inf
    return float(np.log1p(_largest(st if read_out in _SCALED else sc)))


def imputed_scale(read_out: ReadOut, sc: str | None, st: str | None) -> str:
    """Return what imputed values are, from what the numbers of the cells and of the atlas are.

    Parameters
    ----------
    read_out
        How they were read from the map.
    sc, st
        Scale of the cells and of the spots; None: not known.
    """
    if read_out in _SCALED:
        return LOG_VALUES[st or "log"]
    return f"{read_out} of {LOG_VALUES[sc or 'log']}"


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
    if read_out in _SCALED and expressions is None:
        raise InputError(
            expected(
                f"a mapping that knows its expression ({EXPRESSION!r} in obs and var), to scale by it",
                "one that does not, as those from elsewhere",
                f"Use {argument('read_out', 'mean')}.",
            )
        )
    chosen: ReadOut = read_out or ("mean" if expressions is None else "scaled")
    return FactorsOf(chosen, expressions, recorded(mapping.uns[HOMESPOT], "st_scale"))


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
