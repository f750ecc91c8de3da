"""cell_distances: the expected distances between cells."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from ..common import memory
from ..common.memory import bounded
from ..common.wording import verb
from ..errors import InputError, expected
from ..mapping.align import positions_of
from ..mapping.by_section import cell_sections, parts, sections_of, warn_nowhere
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import coordinates
from ..mapping.distances import distances_bytes, expected_distances
from ..matrix.gather import Summed
from ..matrix.size import bytes_of
from ..matrix.streamed import Streamed, in_memory

__all__ = ["cell_distances"]


@bounded
def cell_distances(mapping: ad.AnnData, cells: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the expected distances between cells under the map.

    E[i, l] = sum over j, k of P[i, j] d(j, k) P[l, k], where the rows of P are divided by their sums.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates.
    cells
        Names of the cells; None is all. If the map is on disk, only their rows are read.

    Returns
    -------
    Cells x cells, symmetric, in the unit of the coordinates. The diagonal is the expected distance of two
    draws from a cell's own row: 0 for a cell whose spot is certain. If the spots lie in several sections, a
    cell is placed at the spots of its section (see `cell_positions`), and the distance of cells of different
    sections is NaN.

    Raises
    ------
    TooLargeError
        If the table would not fit into memory.
    """
    view = CheckedMap(mapping)
    sections = sections_of(mapping)
    mass = None if sections is None else Summed(sections.membership())
    view.read(*([] if mass is None else [mass]))
    where = coordinates(mapping)
    names, matrix = mapping.obs_names, view.matrix
    at = np.arange(len(names))
    if cells is not None:
        at = positions_of(cells, names, "cells")
        if not len(at):
            raise InputError(expected("at least one cell", "none", "Name some, or leave cells out for all."))
        names = names[at]
    n, n_spots = len(at), mapping.n_vars
    copied = cells is not None or sections is not None or isinstance(matrix, Streamed)
    of_row = bytes_of(matrix) / max(mapping.n_obs, 1) if copied else 0

    def needed(cells: int) -> float:
        apart = 0 if sections is None else 8 * cells * cells
        return distances_bytes(cells, n_spots) + apart + of_row * cells

    memory.require(
        needed,
        f"the distances of {n:,} cells",
        {"cells": n},
        fewer={"cells": f"name at most {{}} cells, or use {verb('type_distances')}"},
    )
    matrix = matrix if cells is None else matrix[at]
    if sections is None or mass is None:
        return pd.DataFrame(expected_distances(in_memory(matrix), where), index=names, columns=names)
    of_cells = cell_sections(mapping, sections, mass.total)
    warn_nowhere(of_cells, "their distances are missing")
    distances = np.full((n, n), np.nan)
    for part in parts(mapping, sections, of_cells, matrix=view.matrix):
        inside = np.flatnonzero(np.isin(at, part.cells))
        if len(inside):
            held = in_memory(part.matrix)[np.searchsorted(part.cells, at[inside])]
            distances[np.ix_(inside, inside)] = expected_distances(held, where[part.spots])
    return pd.DataFrame(distances, index=names, columns=names)
