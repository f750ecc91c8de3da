"""add_mapping: copy an object of the user, and add the map and its summaries."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from ..common.keys import CONFIDENT, HOMESPOT, LEFT_OVER, SECTION, SECTION_PROB, SPOT_CELLS
from ..common.memory import bounded
from ..common.wording import verb
from ..errors import InputError, expected, some
from ..mapping.align import section_remedy
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import has_coordinates
from ..mapping.room import require_copies
from ..matrix.gather import ColumnSums
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from ..objects.access import check_adata, copied, refuse_duplicates
from .cell_positions import CellTable

__all__ = ["add_mapping"]


def _reindexed(table: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """Bring a table to the rows of `index`; flags become flags that may be missing, which files can hold."""
    if CONFIDENT in table and not index.isin(table.index).all():
        table = table.astype({CONFIDENT: "boolean"})
    return table.reindex(index)


def _spread_rows(matrix: Any, at: pd.Index, index: pd.Index) -> Any:
    """Bring a matrix with rows `at` to the rows of `index`; rows that were not mapped stay empty."""
    if at.equals(index):
        return matrix.copy()
    rows = index.get_indexer(at)
    if is_sparse(matrix):
        place = sparse.csr_matrix((np.ones(len(at)), (rows, np.arange(len(at)))), shape=(len(index), len(at)))
        return sparse.csr_matrix(place.astype(matrix.dtype) @ matrix)
    out = np.zeros((len(index), matrix.shape[1]), dtype=matrix.dtype)
    out[rows] = matrix
    return out


@bounded
def add_mapping(adata: ad.AnnData, mapping: ad.AnnData) -> ad.AnnData:
    """Return a copy of `adata` with the map and its summaries.

    If the observations of `adata` are the mapped cells, ``obs`` gets the columns of `cell_positions` (without
    coordinates only ``homespot_spot``, ``homespot_prob`` and ``homespot_entropy``) and
    ``homespot_left_over``, and ``obsm["homespot"]`` is P (cells x spots; each row sums to 1 minus the
    left-over). If they are the spots, ``obs`` gets ``homespot_cells``, the expected number of cells, and
    ``obsm["homespot"]`` is P' (spots x cells). ``uns["homespot"]`` is the run's record. Cells or spots that
    were dropped before mapping get missing values and zeros.

    Parameters
    ----------
    adata
        The single-cell or the spatial data that was mapped; it is not changed.
    mapping
        A result of `map_cells`.

    Raises
    ------
    InputError
        If `adata` holds neither all mapped cells nor all spots, or holds both, so that its side is not clear.
    """
    view = CheckedMap(mapping)
    check_adata(adata, "adata")
    refuse_duplicates(adata.obs_names, "cells or spots")
    as_cells = mapping.obs_names.isin(adata.obs_names)
    as_spots = mapping.var_names.isin(adata.obs_names)
    if as_cells.all() == as_spots.all():
        both = bool(as_cells.all())
        raise InputError(
            expected(
                f"data with all {mapping.n_obs} mapped cells ({some(mapping.obs_names)}) "
                f"or all {mapping.n_vars} spots ({some(mapping.var_names)})",
                "the names of both"
                if both
                else f"{as_cells.sum()} of the cells and {as_spots.sum()} of the spots",
                "Name cells and spots differently."
                if both
                else section_remedy(mapping.var_names, adata.obs_names)
                or f"Pass the data that was mapped, or take the part of the mapping with {verb('subset')}.",
            )
        )
    what = f"a copy of a map of {mapping.n_obs:,} cells x {mapping.n_vars:,} spots"
    require_copies(what, [view.matrix], 2 + isinstance(view.matrix, Streamed))
    view.load()
    if as_cells.all():
        cells = CellTable(view, placed=has_coordinates(mapping))
        view.read(cells)
        table, names = cells.table(), mapping.obs_names
        table[LEFT_OVER] = mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64)
        matrix = view.matrix
    else:
        mass = ColumnSums()
        view.read(mass)
        table, names = pd.DataFrame({SPOT_CELLS: mass.total}, index=mapping.var_names), mapping.var_names
        matrix = view.matrix.T
        matrix = matrix.tocsr() if is_sparse(matrix) else matrix
    out = copied(adata)
    if as_cells.all():
        out.obs = out.obs.drop(columns=[SECTION, SECTION_PROB], errors="ignore")  # columns of an earlier map
    out.obs[list(table.columns)] = _reindexed(table, out.obs_names)
    out.obsm[HOMESPOT] = _spread_rows(matrix, names, out.obs_names)
    out.uns[HOMESPOT] = deepcopy(mapping.uns[HOMESPOT])
    return out
