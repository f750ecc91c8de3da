"""The calibration curve: how many cells lie within the radius that was stated for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import flag, listed, numbers, within
from ..common.keys import CONFIDENT, POSITIONS, RADIUS, SECTION
from ..common.memory import bounded
from ..common.wording import either, verb
from ..errors import InputError, expected, some
from ..mapping.checked import CheckedMap
from ..mapping.confidence import LEVELS
from ..objects.access import refuse_duplicates
from ..space.axes import spot_coordinates
from ..verbs.cell_positions import CellTable

__all__ = ["calibration"]

_USUAL = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def _truth(truth: Any) -> pd.DataFrame:
    if not isinstance(truth, pd.DataFrame):
        raise InputError(
            expected(
                "the true places as a table with the names of the cells",
                f"a {type(truth).__name__}",
                f"Pass {either('a DataFrame', 'a table')}, cells x 2 or 3 coordinates, indexed by name.",
            )
        )
    refuse_duplicates(truth.index, "cells")
    places = truth.drop(columns=SECTION, errors="ignore")
    return pd.DataFrame(spot_coordinates(places, len(truth), "cell"), truth.index)


def _right_section(table: pd.DataFrame, truth: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return whether each cell of the table was placed in its true section."""
    if SECTION not in table:
        return np.ones(len(table), dtype=bool)
    if SECTION not in truth:
        raise InputError(
            expected(
                "the true section of every cell, as the places lie in several",
                f"a table without the column {SECTION!r}",
                "Add this column to the true places: distances between sections mean nothing.",
            )
        )
    true = truth[SECTION].astype(str).loc[table.index].to_numpy()
    return np.asarray(table[SECTION].astype(str).to_numpy() == true, dtype=bool)


def _levels(levels: Sequence[float] | None, of_table: float | None) -> list[float]:
    """Return the levels; a table without a map has radii of one level alone, `of_table`."""
    if levels is None:
        return list(_USUAL) if of_table is None else [of_table]
    chosen = listed("levels", levels)
    if not chosen:
        raise InputError(
            expected("levels to be at least one number", "none", "Leave levels out for the usual.")
        )
    for value in chosen:
        within("levels", value, *LEVELS)
    if of_table is not None and any(value != of_table for value in chosen):
        raise InputError(
            expected(
                f"levels to be {of_table:g}, as the table has the radii of this level alone",
                f"levels {some(chosen)}",
                "Pass the map for other levels, or the level of the table as level.",
            )
        )
    return chosen


@bounded
def calibration(
    mapping: ad.AnnData | pd.DataFrame,
    truth: pd.DataFrame,
    levels: Sequence[float] | None = None,
    *,
    level: float = 0.9,
    confident: bool = False,
) -> pd.DataFrame:
    """Compare the stated level with the share of cells whose true place lies within the radius.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates; or the table of `cell_positions`; or another table
        with the columns ``homespot_x``, ``homespot_y`` (``homespot_z``) and ``homespot_radius``, indexed by
        cell.
    truth
        True places: one row per cell, indexed by name, in any order, and one column per coordinate, as many
        as the positions have. Cells without a true place are left out, and so are cells that the map gives no
        place. If the cells are placed in several sections, the column ``homespot_section`` has the true
        section; a cell that was placed in another section lies outside every radius.
    levels
        Levels at which the shares are computed, from 0.05 to 0.99. None: 0.5, 0.6, 0.7, 0.8, 0.9 and 0.95 of
        a map, whose radii are read at each, and `level` of a table, which has the radii of this one alone.
    level
        If `mapping` is a table, the level for which its radius was made. If it is a map, the level at which
        cells are ``homespot_confident``.
    confident
        Whether to count only the cells that are ``homespot_confident``.

    Returns
    -------
    One row per level: ``level``; ``share``, the observed share of cells within the radius of this level; and
    ``cells``, the number of cells that were compared.
    """
    within("level", level, *LEVELS)
    flag("confident", confident)
    chosen = _levels(levels, level if isinstance(mapping, pd.DataFrame) else None)
    if isinstance(mapping, pd.DataFrame):
        table = mapping
    else:
        view = CheckedMap(mapping)
        cells = CellTable(view, level=level, levels=chosen)
        view.read(cells)
        table = cells.table()
    places = _truth(truth)
    needed = [*POSITIONS[: places.shape[1]], RADIUS, *([CONFIDENT] if confident else [])]
    missing = [name for name in needed if name not in table]
    if missing or (places.shape[1] == 2 and POSITIONS[2] in table):
        raise InputError(
            expected(
                f"a table with the columns {some(needed, 5)}",
                f"{some(missing, 5)} missing"
                if missing
                else f"{POSITIONS[2]!r}, which the truth does not have",
                f"Pass the table of {verb('cell_positions')}, and true places of the same dimensions.",
            )
        )
    refuse_duplicates(table.index, "cells")
    compared = np.asarray(table.index.isin(places.index) & table[RADIUS].notna())
    if confident:
        compared &= table[CONFIDENT].fillna(value=False).to_numpy(dtype=bool)
    elif not compared.any():
        raise InputError(
            expected(
                f"true places of the cells ({some(table.index)})",
                f"those of {some(places.index)}",
                "Name both alike.",
            )
        )
    known = table[compared]
    where = np.column_stack([numbers(known[name], name) for name in needed[: places.shape[1]]])
    error = np.linalg.norm(where - places.loc[known.index].to_numpy(), axis=1)
    error[~_right_section(known, truth)] = np.inf
    if isinstance(mapping, pd.DataFrame):
        radii = numbers(known[RADIUS], RADIUS).to_numpy()[:, None]
    else:
        radii = cells.radii[compared]
    inside = (error[:, None] <= radii).mean(axis=0) if len(known) else np.full(len(chosen), np.nan)
    return pd.DataFrame({"level": np.asarray(chosen, dtype=np.float64), "share": inside, "cells": len(known)})
