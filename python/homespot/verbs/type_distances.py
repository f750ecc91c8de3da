"""type_distances: the expected distance between two cells by their types."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from ..common.memory import bounded
from ..mapping.by_section import cell_sections, parts, sections_of, warn_nowhere
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import coordinates
from ..mapping.distances import expected_distances
from ..mapping.room import require_groups
from ..matrix.gather import Masses, Summed, masses
from ..matrix.sums import row_sums
from ..objects.labels import resolve

__all__ = ["type_distances"]


@bounded
def type_distances(mapping: ad.AnnData, labels: Any) -> pd.DataFrame:
    """Return the expected distance between two cells by their types.

    If Q[t, j] is the share of type t's mass at spot j, then E[s, t] = sum over j, k of Q[s, j] d(j, k) Q[t,
    k]: the two cells are drawn from the map independently.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates.
    labels
        Type of every cell, as for `deconvolve_spots`.

    Returns
    -------
    Types x types, symmetric, in the unit of the coordinates. The diagonal is the distance between two cells
    of one type, which shows how far the type is spread. P is used as it is, so a softer map has larger
    distances, and a map of the `k_best` entries smaller ones; compare types under one map. If the spots lie
    in several sections, both cells are of one section, and each is at the spots of its section (see
    `cell_positions`); types that share no section have NaN.
    """
    view = CheckedMap(mapping)
    types = resolve(labels, mapping.obs, "cell")
    where, members = coordinates(mapping), types.membership()
    n_types, n_spots = len(types.names), mapping.n_vars
    require_groups("types", "spots", n_types, max(n_types, n_spots), mapping.shape, copies=3)
    sections = sections_of(mapping)
    if sections is None:
        mass = Masses(members)
        view.read(mass)
        found = expected_distances(mass.total, where)
    else:
        of_sections = Summed(sections.membership())
        view.read(of_sections)
        of_cells = cell_sections(mapping, sections, of_sections.total)
        warn_nowhere(of_cells, "they are left out of the distances")
        found, weight = np.zeros((2, len(types.names), len(types.names)))
        for part in parts(mapping, sections, of_cells, matrix=view.matrix):
            if len(part.cells):
                inside = masses(part.matrix, members[:, part.cells] @ _scaled_to_one(part.matrix))
                held = inside.sum(axis=1)
                both = np.outer(held, held)
                found += both * np.nan_to_num(expected_distances(inside, where[part.spots]))
                weight += both
        found = np.divide(found, weight, out=np.full_like(found, np.nan), where=weight > 0)
    return pd.DataFrame(found, index=types.names, columns=types.names)


def _scaled_to_one(matrix: Any) -> sparse.dia_array:
    """Return a diagonal matrix that scales every row to sum to 1."""
    return sparse.diags_array(1 / row_sums(matrix))
