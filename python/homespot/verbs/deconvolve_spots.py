"""deconvolve_spots: the proportions of cell types in every spot."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any, Literal, get_args

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.checks import one_of, real
from ..common.keys import CONFIDENT, CONFIDENT_SHARE, HOMESPOT, SPATIAL, SPOT_CELLS, TYPE, TYPE_PROB
from ..common.memory import bounded
from ..common.wording import argument, shown, verb
from ..errors import DataWarning, InputError, expected, some
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import coordinates, has_coordinates, images
from ..mapping.room import require_groups
from ..matrix.gather import ColumnSums, Masses, Reducer
from ..matrix.rows import RowBlock
from ..objects.labels import in_order, resolve
from .cell_positions import CellTable

__all__ = ["SpotTypes", "TypesReadOut", "deconvolve_spots", "proportions"]

F64 = npt.NDArray[np.float64]
TypesReadOut = Literal["square", "sum"]


def proportions(mass: F64) -> F64:
    """Return the shares of the types in every spot, for masses of spots x types.

    Rows sum to 1; rows of spots without mass are NaN, and a warning counts them.
    """
    total = mass.sum(axis=1, keepdims=True)
    empty = total[:, 0] <= 0
    if empty.any():
        warnings.warn(
            f"{empty.sum()} spot(s) hold no cell: their proportions are missing (NaN). "
            f"A map with a larger {argument('k_best')}, or a dense one, reaches them.",
            DataWarning,
            stacklevel=3,
        )
    shares: F64 = np.divide(mass, total, out=np.full_like(mass, np.nan), where=total > 0)
    return shares


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
    """

    def __init__(
        self,
        view: CheckedMap,
        labels: Any,
        *,
        read_out: TypesReadOut = "square",
        density: Any = None,
        confident: Any = None,
    ) -> None:
        one_of("read_out", read_out, get_args(TypesReadOut))
        self._view, self._read_out = view, read_out
        self._types = resolve(labels, view.mapping.obs, "cell")
        n_spots = view.mapping.n_vars
        require_groups("cell types x spots", len(self._types.names), n_spots, view.mapping.shape, copies=5)
        self._numbers = None if density is None else _density(view.mapping, density)
        self._mass = Masses(self._types.membership(), squares=self._squares)
        self._sums = ColumnSums()
        self._confident: Masses | None = None
        self._placed: CellTable | None = None
        if isinstance(confident, CellTable):
            if confident.knows_confident:
                self._confident = _ConfidentMass(confident, squares=self._squares)
            else:
                self._placed = confident
        elif confident is not None:
            self._confident = Masses(_row(_flags(view.mapping, confident)), squares=self._squares)

    @property
    def _squares(self) -> bool:
        return self._read_out == "square"

    @property
    def _read(self) -> list[Reducer]:
        read: list[Reducer] = [self._mass] if self._confident is None else [self._mass, self._confident]
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
        shares = proportions(mass)
        numbers = self._sums.total if self._numbers is None else self._numbers
        cells_of = np.nan_to_num(shares) * numbers[:, None]
        filled = np.isfinite(shares).all(axis=1)
        best = np.nan_to_num(shares).argmax(axis=1)
        obs = mapping.var.copy()
        obs[SPOT_CELLS] = cells_of.sum(axis=1)
        obs[TYPE] = np.where(filled, np.asarray(types.names, dtype=object)[best], None)
        obs[TYPE_PROB] = np.take_along_axis(shares, best[:, None], axis=1)[:, 0]
        if held is not None:
            total = mass.sum(axis=1)
            share = np.divide(held.total[0], total, out=np.full_like(total, np.nan), where=total > 0)
            obs[CONFIDENT_SHARE] = share
        record = {**deepcopy(mapping.uns[HOMESPOT]), "read_out": self._read_out}
        out = ad.AnnData(
            X=shares,
            obs=obs,
            var={"n_cells": np.bincount(types.codes, minlength=len(types.names))},
            layers={"cells": cells_of},
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
) -> ad.AnnData:
    """Return the cell types in every spot.

    The proportion of type t in spot j is A[j, t] divided by the sum of row j of A, where A[j, t] is the sum
    of P[i, j]^2, or of P[i, j], over the cells i of this type.

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
        spots add up to the number of its cells.
    density
        Number of cells in every spot, if it is known from another source, e.g. from counted nuclei: name of a
        column of the mapping's var, a Series with the names of the spots as index, or one number per spot.
        None: the column sums of P.
    confident
        Whether a cell's place can be relied on, True or False for every cell, in the same forms as `labels`.
        None: as `place_cells` finds it; without coordinates, ``homespot_confident_share`` is left out.

    Returns
    -------
    Spots x types. ``X``: proportions; every row sums to 1, except that rows of spots without mass are NaN.
    ``layers["cells"]``: expected number of cells of each type, the proportions times `density`. obs: the
    spots, with ``homespot_cells`` (row sum of the expected numbers), ``homespot_type`` and
    ``homespot_type_prob`` (the most abundant type and its proportion) and ``homespot_confident_share`` (share
    of the spot's A from confident cells). var: the types, with ``n_cells``, the number of mapped cells.
    ``uns["homespot"]``: the mapping's record, and the `read_out`.

    Raises
    ------
    InputError
        If labels, densities or flags do not fit the mapping's cells or spots, or some are missing, or the
        read-out is not one of the two.
    """
    view = CheckedMap(mapping)
    cells = CellTable(view) if confident is None and has_coordinates(mapping) else None
    types = SpotTypes(
        view,
        labels,
        read_out=read_out,
        density=density,
        confident=confident if cells is None else cells,
    )
    view.read(*([types] if cells is None else [cells, types]))
    return types.types()
