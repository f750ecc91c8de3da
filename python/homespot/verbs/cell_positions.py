"""cell_positions: where every cell sits, and how far that can be trusted, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from ..common.keys import (
    CONFIDENT,
    ENTROPY,
    POSITIONS,
    PROB,
    RADIUS,
    SECTION,
    SECTION_PROB,
    SPOT,
    SPREAD,
)
from ..mapping import confidence
from ..mapping.by_section import (
    CellSections,
    Part,
    cell_sections,
    held,
    parts,
    sections_of,
    warn_if_dropped,
    warn_nowhere,
)
from ..mapping.coordinates import coordinates
from ..mapping.positions import Position, entropy, home_spots, positions, radius
from ..mapping.validity import check_mapping
from ..objects.annotated import x_of
from ..space.sections import Sections

__all__ = ["cell_positions", "home_table"]


def _home_columns(mapping: ad.AnnData, part: Part) -> dict[str, Any]:
    """Return the home spot of the cells of a part, and its probability."""
    home, probability = home_spots(part.matrix)
    return {SPOT: mapping.var_names.to_numpy(dtype=str)[part.spots[home]], PROB: probability}


def _section_columns(sections: Sections, found: CellSections) -> dict[str, Any]:
    names = np.asarray([*sections.names, None], dtype=object)
    return {SECTION: names[found.codes], SECTION_PROB: found.probability}


def home_table(mapping: ad.AnnData) -> pd.DataFrame:
    """Return what is known of every cell without coordinates: home spot, its probability, and entropy."""
    return _table(mapping, lambda part: _home_columns(mapping, part), "homespot_spot is missing")


def _table(mapping: ad.AnnData, columns: Callable[[Part], dict[str, Any]], without: str) -> pd.DataFrame:
    """Return columns of every cell, found section by section, with its entropy and its section.

    `without` says what cells without a section lack.
    """
    sections = sections_of(mapping)
    found = None if sections is None else cell_sections(mapping, sections)
    if found is not None:
        warn_nowhere(found, without)
    every = list(parts(mapping, sections, found))
    filled = [part for part in every if len(part.cells)] or every[:1]
    tables = [pd.DataFrame(columns(part), index=part.cells) for part in filled]
    table = (tables[0] if len(tables) == 1 else pd.concat(tables)).reindex(np.arange(mapping.n_obs))
    table.insert(2, ENTROPY, entropy(x_of(mapping)))
    if sections is not None and found is not None:
        for i, (name, values) in enumerate(_section_columns(sections, found).items()):
            table.insert(i, name, values)
        if CONFIDENT in table:
            table[CONFIDENT] = table[CONFIDENT].eq(other=True)  # a cell without a place is not
    table.index = mapping.obs_names.copy()
    return table


def cell_positions(
    mapping: ad.AnnData,
    *,
    position: Position = "median",
    k: int = 20,
    level: float = 0.9,
    max_radius: float | None = None,
) -> pd.DataFrame:
    """Return where every cell of a mapping sits, and how far that can be trusted, as a table.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    position, k
        How a position is read from P; see `positions`.
    level, max_radius
        For ``homespot_radius`` and ``homespot_confident``; see `place_cells`.

    Returns
    -------
    One row a cell: ``homespot_spot``, the name of the most probable spot; ``homespot_prob``, its probability;
    ``homespot_entropy``, the entropy of the row over the logarithm of the number of spots: 0 where one spot
    has all, 1 where all have the same (what the row leaves out counts as spread evenly over the spots on
    which it has nothing); ``homespot_x``, ``homespot_y`` (and ``homespot_z``), the position, and
    ``homespot_spread``, in the unit of the spots' coordinates; ``homespot_radius``, within which of the
    position the true place lies with probability `level`, and ``homespot_confident``. The spread is that of
    the whole of P about the position: P is soft, so it is usually larger than the error of the median
    position. It ranks cells; it is no standard error.

    Where the spots lie in several sections, ``homespot_section`` is the section of the cell and
    ``homespot_section_prob`` its probability: under a joint map the section with most of the cell's mass,
    where sections were mapped one by one the one that fits best. All the rest, but the entropy, is read from
    the spots of that section alone. A cell whose section is not known has no place, and a warning counts such
    cells.

    Where spots were taken out of the map by `subset`, a cell that had at least half of its mass on them has a
    place among those that stay, but its radius is missing, and it is not confident: its true place lies
    outside more often than not. A warning counts such cells. What a map with ``k_best`` leaves out changes
    nothing.
    """
    check_mapping(mapping)
    where = coordinates(mapping)
    elsewhere = 0

    def columns(part: Part) -> dict[str, Any]:
        nonlocal elsewhere
        spots = where[part.spots]
        placed, spread = positions(part.matrix, spots, position, k)
        radii, confident = radius(part.matrix, spots, placed, level, max_radius)
        gone = held(mapping, part) <= confidence.LEAST_HELD
        elsewhere += int(gone.sum())
        radii[gone], confident[gone] = np.nan, False
        return {
            **_home_columns(mapping, part),
            **dict(zip(POSITIONS, placed.T, strict=False)),
            SPREAD: spread,
            RADIUS: radii,
            CONFIDENT: confident,
        }

    table = _table(mapping, columns, "homespot_section is missing, and they have no place")
    warn_if_dropped(elsewhere, mapping.n_obs, "they have no radius, and are not confident")
    return table
