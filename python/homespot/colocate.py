"""Which cell types share spots, and how far cells are from one another under the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.spatial.distance import cdist

from . import memory
from .apart import cell_sections, parts, sections_of, warn_nowhere
from .deconvolve import proportions
from .labels import resolve
from .mapping import check_mapping, coordinates, positions_of
from .matrices import is_sparse, row_sums
from .rows import blocks, masses
from .sections import Sections
from .streamed import Streamed, in_memory, x_of

__all__ = ["cell_distances", "colocate_types", "correlations", "expected_distances", "type_distances"]

F64 = npt.NDArray[np.float64]

_BLOCK = 512  # spots


def correlations(shares: F64, sections: Sections | None = None) -> F64:
    """Return the correlation of the columns over the rows without NaN; a constant column has 0.

    With several sections the mean of each is taken away first, so that no difference between sections counts.
    """
    there = np.isfinite(shares).all(axis=1)
    x = shares[there]
    if sections is None:
        x = x - x.mean(axis=0)
    else:
        x = x.copy()
        for code in range(len(sections.names)):
            of_section = sections.codes[there] == code
            if of_section.any():
                x[of_section] -= x[of_section].mean(axis=0)
    norm = np.sqrt(np.square(x).sum(axis=0))
    constant = norm <= 1e-12 * np.sqrt(len(x))
    x = x * np.divide(1, norm, out=np.zeros_like(norm), where=~constant)
    found = np.clip(x.T @ x, -1, 1)
    np.fill_diagonal(found, 1)
    return np.asarray(found)


def expected_distances(matrix: Any, spots: F64) -> F64:
    """Return Q D Q' (rows x rows), Q the rows over their sums and D the distances of the spots.

    Rows without any mass have NaN.
    """
    sums = row_sums(matrix)
    scale = np.divide(1, sums, out=np.full_like(sums, np.nan), where=sums > 0)
    out = np.zeros((matrix.shape[0], matrix.shape[0]))
    matrix = matrix.tocsr() if is_sparse(matrix) else matrix
    columns = matrix.tocsc() if is_sparse(matrix) else matrix
    for first in range(0, len(spots), _BLOCK):
        block = slice(first, first + _BLOCK)
        away = cdist(spots, spots[block])
        # A float32 matrix is cast for the product, so in parts.
        to_block = np.concatenate([matrix[rows] @ away for rows in blocks(matrix)])
        held = columns[:, block]
        out += to_block @ (held.T.toarray() if is_sparse(held) else held.T.astype(np.float64))
    return np.asarray(out * scale[:, None] * scale)


def colocate_types(mapping: ad.AnnData, labels: Any) -> pd.DataFrame:
    """Return how far cell types share spots: the correlation of their proportions over the spots.

    Parameters
    ----------
    mapping
        What `map_cells` returned.
    labels
        Type of every cell, as for `deconvolve_spots`.

    Returns
    -------
    Types x types, symmetric, in [-1, 1]: Pearson correlation over all spots with any mass. A type with the
    same proportion everywhere has 0 with every other. Proportions sum to 1, so with few types even those that
    ignore one another are correlated negatively. Where the spots lie in several sections, the mean proportion
    of each section is taken away first: types that share a section and not its spots are not correlated by
    it.
    """
    check_mapping(mapping)
    types = resolve(labels, mapping.obs, "cell")
    shares = proportions(masses(x_of(mapping), types.membership(), squares=True).T)
    found = correlations(shares, sections_of(mapping))
    return pd.DataFrame(found, index=types.names, columns=types.names)


def type_distances(mapping: ad.AnnData, labels: Any) -> pd.DataFrame:
    """Return the expected distance of two cells by their types.

    With Q[t, j] the share of type t's mass that sits at spot j, E[s, t] = sum over j, k of Q[s, j] d(j, k)
    Q[t, k]: the cells are drawn from the map one independently of the other.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    labels
        Type of every cell, as for `deconvolve_spots`.

    Returns
    -------
    Types x types, symmetric, in the unit of the coordinates. The diagonal is the distance of two cells of one
    type: how far it is spread. P is taken as it is, so a softer map has larger distances, and one of the
    `k_best` entries smaller ones; compare types under one map. Where the spots lie in several sections, the
    cells are two of one section, each at the spots of its section (see `cell_positions`); types that share no
    section have NaN.
    """
    check_mapping(mapping)
    types = resolve(labels, mapping.obs, "cell")
    where, members = coordinates(mapping), types.membership()
    sections = sections_of(mapping)
    if sections is None:
        found = expected_distances(masses(x_of(mapping), members), where)
    else:
        of_cells = cell_sections(mapping, sections)
        warn_nowhere(of_cells, "they are left out of the distances")
        found, weight = np.zeros((2, len(types.names), len(types.names)))
        for part in parts(mapping, sections, of_cells):
            if len(part.cells):
                mass = masses(part.matrix, members[:, part.cells] @ _scaled_to_one(part.matrix))
                held = mass.sum(axis=1)
                both = np.outer(held, held)
                found += both * np.nan_to_num(expected_distances(mass, where[part.spots]))
                weight += both
        found = np.divide(found, weight, out=np.full_like(found, np.nan), where=weight > 0)
    return pd.DataFrame(found, index=types.names, columns=types.names)


def _scaled_to_one(matrix: Any) -> sparse.dia_array:
    """Return what scales every row to sum to 1, as a diagonal matrix."""
    return sparse.diags_array(1 / row_sums(matrix))


def cell_distances(mapping: ad.AnnData, cells: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the expected distances between cells under the map.

    E[i, l] = sum over j, k of P[i, j] d(j, k) P[l, k], the rows of P divided by their sums.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    cells
        Names of the cells; None is all. Of a map on disk their rows are read.

    Returns
    -------
    Cells x cells, symmetric, in the unit of the coordinates. The diagonal is the distance of two draws from a
    cell's own row: 0 for a cell whose spot is certain. Where the spots lie in several sections, a cell is at
    the spots of its section (see `cell_positions`), and cells of different sections have NaN.

    Raises
    ------
    TooLargeError
        If the table would not fit into memory.
    """
    check_mapping(mapping)
    where = coordinates(mapping)
    names, matrix = mapping.obs_names, x_of(mapping)
    at = np.arange(len(names))
    if cells is not None:
        at = positions_of(cells, names, "cells")
        names, matrix = names[at], matrix[at]
    n, n_spots = matrix.shape
    of_p = 8 * n * n_spots if isinstance(matrix, Streamed) else 0
    memory.require(
        8 * (2 * n * n + 2 * n * _BLOCK + n_spots * _BLOCK) + of_p,
        f"the distances of {n:,} cells",
        "Name fewer cells, or use type_distances().",
    )
    sections = sections_of(mapping)
    if sections is None:
        return pd.DataFrame(expected_distances(in_memory(matrix), where), index=names, columns=names)
    of_cells = cell_sections(mapping, sections)
    warn_nowhere(of_cells, "their distances are missing")
    distances = np.full((n, n), np.nan)
    for part in parts(mapping, sections, of_cells):
        inside = np.flatnonzero(np.isin(at, part.cells))
        if len(inside):
            held = in_memory(part.matrix)[np.searchsorted(part.cells, at[inside])]
            distances[np.ix_(inside, inside)] = expected_distances(held, where[part.spots])
    return pd.DataFrame(distances, index=names, columns=names)
