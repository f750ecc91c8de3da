"""deconvolve_spots: the proportions of cell types in every spot."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal, get_args

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.checks import one_of, real, within
from ..common.keys import CONFIDENT, CONFIDENT_SHARE, HOMESPOT, LOWER, SPATIAL, SPOT_CELLS, UPPER
from ..common.memory import bounded
from ..common.wording import argument, shown, verb
from ..errors import DataWarning, InputError, expected, some
from ..expression.type_means import redrawn
from ..expression.types_of_spots import N_DRAWS
from ..mapping.checked import CheckedMap
from ..mapping.confidence import LEVELS
from ..mapping.coordinates import coordinates, has_coordinates, images
from ..mapping.joined_types import BY_MAP, DrawnMass, JoinedFit, bounds_of_map, shares_of
from ..mapping.mapped_side import MappedSide, mapped_sides
from ..mapping.room import require_groups
from ..matrix.gather import ColumnSums, Masses, Reducer
from ..matrix.rows import RowBlock
from ..objects.labels import in_order, resolve
from .cell_positions import CellTable
from .fit_types import most_abundant

__all__ = ["SpotTypes", "TypesReadOut", "deconvolve_spots", "proportions"]

F64 = npt.NDArray[np.float64]
TypesReadOut = Literal["square", "sum"]


def proportions(mass: F64) -> F64:
    """Return the shares of the types in every spot, for masses of spots x types.

    Rows sum to 1; rows of spots without mass are NaN, and a warning counts them.
    """
    shares = shares_of(mass)
    _warn_if_empty(shares)
    return shares


def _warn_if_empty(shares: F64) -> None:
    empty = np.isnan(shares).any(axis=1)
    if empty.any():
        warnings.warn(
            f"{empty.sum()} spot(s) hold no cell: their proportions are missing (NaN). "
            f"A map with a larger {argument('k_best')}, or a dense one, reaches them.",
            DataWarning,
            stacklevel=4,
        )


def _flags(mapping: ad.AnnData, confident: Any) -> npt.NDArray[np.bool_]:
    """Return the user's flags of confidence, one per cell."""
    values = in_order(confident, mapping.obs, "flags of confidence", "cell")
    missing = values.isna().to_numpy()
    if missing.any() or not pd.api.types.is_bool_dtype(values.dtype):
        raise InputError(
            expected(
                f"{shown(True)} or {shown(False)} for every cell as confident",
                f"{missing.sum()} cell(s) without ({some(mapping.obs_names[missing])})"
                if missing.any()
                else f"values like {some(values)}",
                f"Pass the column {CONFIDENT!r} of {verb('place_cells')}.",
            )
        )
    return values.to_numpy(dtype=bool)


def _density(mapping: ad.AnnData, density: Any) -> F64:
    values = in_order(density, mapping.var, "cell densities", "spot")
    try:
        numbers = real(values)
    except (TypeError, ValueError):
        numbers = np.full(len(values), np.nan)
    bad = ~(np.isfinite(numbers) & (numbers >= 0))
    if bad.any():
        raise InputError(
            expected(
                "a number of cells of at least 0 for every spot as density",
                f"{bad.sum()} spot(s) without ({some(mapping.var_names[bad])})",
                "Give every spot one.",
            )
        )
    return numbers


class _ConfidentMass(Masses):
    """The mass of the confident cells, which are placed in the same reading of P."""

    def __init__(self, cells: CellTable, *, squares: bool) -> None:
        super().__init__(sparse.csr_matrix((1, 0)), squares=squares)
        self._cells = cells

    def add(self, block: RowBlock) -> None:
        """Add the mass of the confident cells in these rows."""
        self._add(block, _row(self._cells.confident(block.rows)))


def _row(flags: npt.NDArray[np.bool_]) -> sparse.csr_matrix:
    return sparse.csr_matrix(flags[None, :].astype(np.float64))


class SpotTypes(Reducer):
    """The result of `deconvolve_spots`, read from P.

    Parameters
    ----------
    view
        The map.
    labels, read_out, density
        As for `deconvolve_spots`.
    confident
        As for `deconvolve_spots`, or the reducer that places the cells before this one in the same pass; None
        leaves the confidence out.
    level
        As for `deconvolve_spots`.
    """

    def __init__(
        self,
        view: CheckedMap,
        labels: Any,
        *,
        read_out: TypesReadOut = "square",
        density: Any = None,
        confident: Any = None,
        level: float | None = None,
    ) -> None:
        if level is not None:
            within("level", level, *LEVELS)
        one_of("read_out", read_out, get_args(TypesReadOut))
        self._view, self._read_out = view, read_out
        self._types = resolve(labels, view.mapping.obs, "cell")
        n_spots = view.mapping.n_vars
        require_groups("cell types", "spots", len(self._types.names), n_spots, view.mapping.shape, copies=5)
        self._numbers = None if density is None else _density(view.mapping, density)
        self._mass = Masses(self._types.membership(), squares=self._squares)
        self._sums = ColumnSums()
        self._level, self._drawn = level, None
        self._counts = None if level is None else redrawn(len(self._types.codes), N_DRAWS)
        if self._counts is not None:
            self._drawn = DrawnMass(self._types, self._counts, n_spots, squares=self._squares)
        self._fit: JoinedFit | None = None
        self._confident: Masses | None = None
        self._placed: CellTable | None = None
        if isinstance(confident, CellTable):
            if confident.knows_confident:
                self._confident = _ConfidentMass(confident, squares=self._squares)
            else:
                self._placed = confident
        elif confident is not None:
            self._confident = Masses(_row(_flags(view.mapping, confident)), squares=self._squares)

    def fit(self, sc: MappedSide, st: MappedSide) -> None:
        """Fit the spots as well, so that `types` joins both; errors as for `JoinedFit`."""
        self._fit = JoinedFit(self._types, sc, st, self._counts)

    @property
    def _squares(self) -> bool:
        return self._read_out == "square"

    @property
    def _read(self) -> list[Reducer]:
        read: list[Reducer] = [self._mass] if self._confident is None else [self._mass, self._confident]
        read += [] if self._drawn is None else [self._drawn]
        return read if self._numbers is not None else [*read, self._sums]

    def start(self, matrix: Any) -> None:
        """Start all readings."""
        for reducer in self._read:
            reducer.start(matrix)

    def add(self, block: RowBlock) -> None:
        """Add the next rows to all readings."""
        for reducer in self._read:
            reducer.add(block)

    def types(self, cells: pd.DataFrame | None = None) -> ad.AnnData:
        """Return the types, after P has been read.

        `cells` is the table of the reducer that placed the cells. If this reducer does not know which cells
        are confident within the same pass, P is read once more for their mass.
        """
        mapping, types = self._view.mapping, self._types
        held = self._confident
        if self._placed is not None:
            cells = self._placed.table() if cells is None else cells
            flags = np.asarray(cells[CONFIDENT], dtype=bool)
            held = Masses(_row(flags), squares=self._squares)
            self._view.read(held)
        mass = self._mass.total.T
        record = {**deepcopy(mapping.uns[HOMESPOT]), "read_out": self._read_out, "types_by": BY_MAP}
        shares = shares_of(mass)
        if self._fit is not None:
            shares = self._fit.join(shares)
            record |= self._fit.record()
        _warn_if_empty(shares)
        numbers = self._sums.total if self._numbers is None else self._numbers
        layers = {"cells": np.nan_to_num(shares) * numbers[:, None]}
        if self._drawn is not None and self._level is not None:
            record["level"] = float(self._level)
            bounds = bounds_of_map if self._fit is None else self._fit.bounds
            layers[LOWER], layers[UPPER] = bounds(self._drawn, self._level, shares)
        obs = mapping.var.assign(
            **{SPOT_CELLS: layers["cells"].sum(axis=1)}, **most_abundant(shares, types.names)
        )
        if held is not None:
            total = mass.sum(axis=1)
            share = np.divide(held.total[0], total, out=np.full_like(total, np.nan), where=total > 0)
            obs[CONFIDENT_SHARE] = share
        out = ad.AnnData(
            X=shares,
            obs=obs,
            var={"n_cells": np.bincount(types.codes, minlength=len(types.names))},
            layers=layers,
            uns={**images(mapping), HOMESPOT: record},
        )
        out.var_names = types.names
        if has_coordinates(mapping):
            out.obsm[SPATIAL] = coordinates(mapping)
        return out


@bounded
def deconvolve_spots(
    mapping: ad.AnnData,
    labels: Any,
    *,
    read_out: TypesReadOut = "square",
    density: Any = None,
    confident: Any = None,
    sc: ad.AnnData | None = None,
    st: ad.AnnData | Mapping[str, ad.AnnData] | Sequence[ad.AnnData] | None = None,
    level: float | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
) -> ad.AnnData:
    """Return the cell types in every spot.

    By the map, the proportion of type t in spot j is A[j, t] divided by the sum of row j of A, where A[j, t]
    is the sum of P[i, j]^2, or of P[i, j], over the cells i of this type. This is the result without `sc` and
    `st`. P spreads a cell over similar spots, so these proportions have too little contrast: rare types are
    found in too many spots, and abundant ones are too rare where they are.

    With `sc` and `st`, the result is (1 - a) F + a S: F the proportions by a fit of every spot's expression
    on the mean expression of the types, as `fit_types` finds them, and S those by the map. a is found on the
    spots themselves. Their genes are divided into five parts, and each part is predicted from the answer with
    F fitted on the others; a is the one of 0, 0.05, ..., 0.25 with the smallest error. It stands in the
    record. Where only one of F and S is known, it is the answer.

    If sections were mapped one by one (`sections` of `map_cells`, or `combine_sections`), every cell has the
    same mass in each section and counts alike in all of them. So the types of a section are those of all
    mapped cells, whatever section a cell belongs to. If the sections hold different cells, map with
    ``joint=True``.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    labels
        Type of every cell: name of a column of the mapping's obs, a Series with the names of the cells as
        index (in any order), or one label per cell in the mapping's order.
    read_out
        ``"square"``: cells count by the square of their probability, as for their places. P spreads a cell
        over similar spots, which makes all spots more similar than they are; the squares undo most of this.
        ``"sum"``: cells count by their probability, so that the expected numbers of a type's cells at all
        spots add up to the number of its cells (by the map alone).
    density
        Number of cells in every spot, if it is known from another source, e.g. from counted nuclei: name of a
        column of the mapping's var, a Series with the names of the spots as index, or one number per spot.
        None: the column sums of P.
    confident
        Whether a cell's place can be relied on, True or False for every cell, in the same forms as `labels`.
        None: as `place_cells` finds it; without coordinates, ``homespot_confident_share`` is left out.
    sc
        The single-cell data that was mapped, for the fit; `st` is then needed as well.
    st
        The spatial data that was mapped to, likewise.
    level
        Level of the intervals, from 0.05 to 0.99. None: no intervals.
    sc_layer
        Layer of `sc` with the expression; None is the layer that was mapped.
    st_layer
        Layer of `st` with the expression, likewise.

    Returns
    -------
    Spots x types. ``X``: proportions; every row sums to 1, except that rows of spots without mass are NaN.
    ``layers["cells"]``: expected number of cells of each type, the proportions times `density`.
    ``layers["lower"]`` and ``layers["upper"]``, with `level`: bounds between which this share of 100 answers
    lies, each of as many cells as were mapped, drawn with replacement: a cell counts in A as often as it was
    drawn, and the fit is made anew as in `fit_types`. The map and a stay as they are. obs: the spots, with
    ``homespot_cells`` (row sum of the expected numbers), ``homespot_type`` and
    ``homespot_type_prob`` (the most abundant type and its proportion) and ``homespot_confident_share`` (share
    of the spot's A from confident cells). var: the types, with ``n_cells``, the number of mapped cells.
    ``uns["homespot"]``: the mapping's record, the `read_out`, and ``types_by``, a line that says what the
    answer rests on, and what it lacks without `sc` and `st`. With the fit also ``map_weight`` (a),
    ``map_weights`` and ``map_weight_errors`` (the error of each of these, over that of 0), ``fit_genes`` and
    ``platform_factors`` as for `fit_types`, and the layers, columns of the genes' names and scales that the
    fit has read, as ``fit_sc_layer`` and the like; those of the map are without ``fit_``.

    Raises
    ------
    InputError
        If labels, densities or flags do not fit the mapping's cells or spots, or some are missing, the
        read-out is not one of the two, the level is out of bounds, or the data is not that of the map.
    """
    view = CheckedMap(mapping)
    cells = CellTable(view) if confident is None and has_coordinates(mapping) else None
    types = SpotTypes(
        view,
        labels,
        read_out=read_out,
        density=density,
        confident=confident if cells is None else cells,
        level=level,
    )
    if (sides := mapped_sides(mapping, sc, st, sc_layer, st_layer)) is not None:
        types.fit(*sides)
    view.read(*([types] if cells is None else [cells, types]))
    return types.types()
