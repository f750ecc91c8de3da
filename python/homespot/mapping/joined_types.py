"""The types of spots by a map and by a fit, in one answer, and its intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..common import memory
from ..common.wording import argument, verb
from ..errors import InputError, expected
from ..expression.table import Expression
from ..expression.type_fit import MAP_WEIGHTS
from ..expression.type_means import drawn_groups
from ..expression.types_of_spots import N_DRAWS, TypeFit, interval
from ..matrix.gather import Masses
from ..matrix.rows import RowBlock
from ..objects.labels import Labels
from .mapped_side import MappedSide
from .solve import rows_named

__all__ = [
    "BY_BOTH",
    "BY_MAP",
    "DrawnMass",
    "JoinedFit",
    "bounds_of_map",
    "fit_record",
    "shares_of",
    "usable_cells",
]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int32]

_ROWS = 1024  # spots whose draws are held at once

BY_MAP = (
    "the map alone, with too little contrast: rare types are found in too many spots, and abundant ones are "
    "too rare where they are; sc and st add a fit of the spots"
)
BY_BOTH = "the map and a fit of the spots on the expression of the types"
"""What the types of spots rest on, for their record, the report and the command line."""


def fit_record(fit: TypeFit) -> dict[str, Any]:
    """Return what a record says about a fit."""
    return {"fit_genes": fit.genes, "platform_factors": fit.factors}


def usable_cells(table: Expression, types: Labels) -> tuple[Expression, Ints]:
    """Return the cells that have some expression, and their rows; refuse types that cannot be told apart."""
    kept = table.without_empty_rows()
    rows = rows_named(table.names, kept.names)
    if len(types.names) < 2:
        raise InputError(
            expected("cells of two types or more", f"only {types.names[0]!r}", "Label them by their type.")
        )
    if len(np.unique(types.codes[rows])) == len(rows):
        raise InputError(
            expected(
                "a type of two cells or more",
                f"{len(rows)} types of one cell each",
                "Label cells of the same type alike."
                + f" If the rows are means of types, {verb('fit_types')} takes them without labels.",
            )
        )
    return kept, rows


def shares_of(mass: F64) -> F64:
    """Return masses (spots x types) over the sum of their row; rows without any are NaN."""
    total = mass.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(mass, total, out=np.full_like(mass, np.nan), where=total > 0))


class DrawnMass(Masses):
    """The mass of every type in every draw of the cells, gathered from P.

    Parameters
    ----------
    types
        The types of the cells.
    drawn
        How often every cell is drawn, draws x cells.
    n_spots
        Number of spots.
    squares
        Whether cells count by the square of P.
    """

    def __init__(self, types: Labels, drawn: Counts, n_spots: int, *, squares: bool) -> None:
        self._types, self._drawn, self._n_spots = types, drawn, n_spots
        self._shape = (len(drawn), len(types.names), n_spots)
        memory.require(
            lambda groups: 8 * 2 * len(drawn) * groups * n_spots,
            f"the sums of {len(types.names):,} cell types x {n_spots:,} spots, {len(drawn)} times",
            {"groups": len(types.names)},
            fewer={"groups": f"give at most {{}} different labels, or leave {argument('level')} out"},
        )
        super().__init__(np.empty((len(drawn) * len(types.names), 0)), squares=squares)

    def add(self, block: RowBlock) -> None:
        """Add the mass that these cells bring in every draw."""
        rows = block.rows
        self._add(block, drawn_groups(self._types.codes[rows], len(self._types.names), self._drawn[:, rows]))

    def shares(self, draw: int, spots: slice) -> F64:
        """Return the shares of the types in some spots, spots x types, in a draw."""
        return shares_of(self.total.reshape(self._shape)[draw, :, spots].T)


def bounds_of_map(drawn: DrawnMass, level: float, found: F64) -> tuple[F64, F64]:
    """Return the bounds of a map's shares by the draws; parameters as for `interval`."""
    low, high = np.empty_like(found), np.empty_like(found)
    for start in range(0, len(found), _ROWS):
        rows = slice(start, start + _ROWS)
        draws = np.stack([drawn.shares(draw, rows) for draw in range(N_DRAWS)])
        low[rows], high[rows] = interval(draws, level, found[rows])
    return low, high


class JoinedFit:
    """A fit of the spots of a map on the types of its cells, joined with the shares by the map.

    Parameters
    ----------
    types
        The types of the map's cells.
    sc, st
        The data that was mapped.
    drawn
        How often every cell is drawn, draws x cells; None without intervals.

    Raises
    ------
    InputError
        If the types cannot be told apart, or the data shares fewer than two genes.
    """

    def __init__(self, types: Labels, sc: MappedSide, st: MappedSide, drawn: Counts | None) -> None:
        self._sides = sc, st
        table, kept = usable_cells(sc.of_map(), types)
        drawn = None if drawn is None else drawn[:, kept]
        self._fit = TypeFit(table, types.codes[kept], len(types.names), st.of_map(), drawn)

    def join(self, of_map: F64) -> F64:
        """Choose the weight of the map's shares (spots x types), and return the joined ones."""
        self._weight, self._errors = self._fit.weight(of_map)
        return self._joined(self._fit.shares(), of_map)

    def _joined(self, fitted: F64, of_map: F64) -> F64:
        """Return the weighted mean; where only one of the two is known, that one."""
        mean = (1 - self._weight) * fitted + self._weight * of_map
        return np.where(np.isnan(of_map), fitted, np.where(np.isnan(fitted), of_map, mean))

    def bounds(self, drawn: DrawnMass, level: float, found: F64) -> tuple[F64, F64]:
        """Return the bounds of the joined shares by the draws; parameters as for `interval`."""
        return self._fit.bounds(
            level, found, lambda draw, rows, fitted: self._joined(fitted, drawn.shares(draw, rows))
        )

    def record(self) -> dict[str, Any]:
        """Return what the record says about the fit, the data it was made from, and the weight of the map."""
        sc, st = self._sides
        return {
            "types_by": BY_BOTH,
            **fit_record(self._fit),
            **sc.record(),
            **st.record(),
            "map_weight": self._weight,
            "map_weight_errors": self._errors,
            "map_weights": np.asarray(MAP_WEIGHTS),
        }
