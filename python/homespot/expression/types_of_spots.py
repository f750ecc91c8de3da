"""The fit of a table of spots on a reference of cell types: its genes, its platform factors, its draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common import memory
from ..matrix.rows import evenly_spaced
from ..matrix.sums import is_sparse
from .mixtures import linear
from .shared import shared_genes
from .table import Expression
from .type_fit import fitted_shares, map_weight, platform_factors, telling_genes
from .type_means import Counts, TypeMeans, mean_of, means_of_cells, means_of_types, redrawn

__all__ = ["N_DRAWS", "TypeFit", "interval"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

N_DRAWS = 100
"""Draws of cells and genes from which intervals are taken."""

_CHOOSING = 1000  # spots from which the weight of a map is chosen
_ROWS = 1024  # spots whose draws are held at once


def interval(draws: F64, level: float, found: F64) -> tuple[F64, F64]:
    """Return the bounds between which a share `level` of the draws lies, and what was found as well.

    Parameters
    ----------
    draws
        Draws x spots x types; what a draw does not know (NaN) is taken as found.
    level
        Share of the draws between the bounds.
    found
        The shares that were found, spots x types.
    """
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(np.where(np.isnan(draws), found, draws), tails, axis=0)
    return np.fmin(low, found), np.fmax(high, found)


class TypeFit:
    """The fit of spots on what the types of a reference express.

    Parameters
    ----------
    sc
        The cells of the reference, or the types' means.
    codes
        The type of every cell; None for means.
    n_types
        Number of types.
    st
        The spots.
    drawn
        How often every cell is drawn, draws x cells, for `bounds`; None for none. Genes are drawn as well.

    Attributes
    ----------
    genes
        Names of the genes that are fitted.
    factors
        How much more of each of these genes the spots' technology sees; see `type_fit.platform_factors`.

    Raises
    ------
    InputError
        If the tables share fewer than two genes.
    TooLargeError
        If the draws would not fit into memory.
    """

    def __init__(
        self, sc: Expression, codes: Ints | None, n_types: int, st: Expression, drawn: Counts | None = None
    ) -> None:
        shared = shared_genes(sc, st)
        of_cells, self._columns = _columns(sc, shared), _columns(st, shared)
        n_draws = 0 if drawn is None else len(drawn)
        memory.require(
            lambda genes: 8 * genes * (n_types * (6 * n_draws + 8) + 2 * n_draws) + 8 * n_draws * sc.shape[0],
            f"the means of {n_types:,} types over {len(shared):,} genes"
            + (f", {n_draws} times" if n_draws else ""),
            {"genes": len(shared)},
            fewer={"genes": "take at most {} genes"},
        )
        if codes is None:
            every = means_of_types(sc, of_cells)
        else:
            (every,) = means_of_cells(sc, of_cells, codes, n_types)
        telling = telling_genes(every)
        self._columns = self._columns[telling]
        self._spots = st
        self.genes = np.asarray(shared, dtype=object)[telling]
        mean = mean_of(st, self._columns)
        types = every.of_genes(telling)
        self.factors = platform_factors(types, mean)
        self._types = types.times(self.factors)
        self._draws: list[tuple[Ints, TypeMeans]] = []
        if drawn is not None and codes is not None:
            found = means_of_cells(sc, of_cells[telling], codes, n_types, drawn)
            for count, one in zip(redrawn(len(telling), n_draws), found, strict=True):
                genes = np.repeat(np.arange(len(telling)), count)
                self._draws.append((genes, one.times(platform_factors(one, mean)).of_genes(genes)))

    def _blocks(self) -> Iterator[tuple[slice, F64]]:
        """Yield the spots on the linear scale, dense, block by block."""
        for rows, block in self._spots.log_blocks(self._columns):
            for start in range(0, block.shape[0], _ROWS):
                part = block[start : start + _ROWS]
                yield slice(rows.start + start, rows.start + start + part.shape[0]), _linear(part)

    def shares(self) -> F64:
        """Return the shares of the types in every spot; see `type_fit.fitted_shares`."""
        found = np.empty((self._spots.shape[0], len(self._types.shares)))
        for rows, spots in self._blocks():
            found[rows] = fitted_shares(self._types, spots)
        return found

    def bounds(self, level: float, found: F64, of_draw: Callable[[int, slice, F64], F64]) -> tuple[F64, F64]:
        """Return the bounds of the shares that were found, by the draws.

        Parameters
        ----------
        level, found
            As for `interval`.
        of_draw
            Returns what is found in a draw, by its number, some spots, and the shares fitted to them.
        """
        low, high = np.empty_like(found), np.empty_like(found)
        for rows, spots in self._blocks():
            draws = [
                of_draw(i, rows, fitted_shares(types, spots[:, genes]))
                for i, (genes, types) in enumerate(self._draws)
            ]
            low[rows], high[rows] = interval(np.stack(draws), level, found[rows])
        return low, high

    def weight(self, of_map: F64) -> tuple[float, F64]:
        """Choose the weight of a map's shares, by at most 1,000 spots; see `type_fit.map_weight`."""
        rows = evenly_spaced(self._spots.shape[0], _CHOOSING)
        table = self._spots.take(rows)
        spots = np.concatenate([_linear(block) for _, block in table.log_blocks(self._columns)])
        return map_weight(self._types, spots, of_map[rows])


def _columns(table: Expression, genes: list[str]) -> Ints:
    where = {gene: i for i, gene in enumerate(table.genes.tolist())}
    return np.array([where[gene] for gene in genes], dtype=np.intp)


def _linear(block: Any) -> F64:
    dense = np.asarray(block.toarray() if is_sparse(block) else block, dtype=np.float64)
    return np.asarray(linear(dense), dtype=np.float64)
