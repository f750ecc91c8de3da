"""cell_positions: a table of every cell's position, and of how far it can be trusted."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.cores import limited_threads
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
from ..common.memory import bounded
from ..mapping import confidence
from ..mapping.by_section import (
    CellSections,
    Part,
    all_spots,
    cell_sections,
    held,
    mapped_one_by_one,
    parts,
    sections_of,
    warn_if_dropped,
    warn_nowhere,
)
from ..mapping.checked import CheckedMap
from ..mapping.combined import sharpness_of
from ..mapping.coordinates import coordinates
from ..mapping.left_over import dropped
from ..mapping.positions import Entropies, HomeSpots, Position, Positions, Radii
from ..matrix.gather import Reducer, Summed, gather
from ..matrix.rows import RowBlock
from ..space.sections import Sections

__all__ = ["CellTable", "cell_positions"]

F64 = npt.NDArray[np.float64]


class _Places(Reducer):
    """The readings of a part of P: home spots and, with coordinates, places and radii."""

    def __init__(
        self,
        mapping: ad.AnnData,
        where: F64 | None,
        sharpness: F64 | None,
        how: dict[str, Any],
        *,
        dropped: bool,
    ) -> None:
        self._names = mapping.var_names.to_numpy(dtype=str)
        self.homes = HomeSpots()
        self.held = dropped and where is not None
        self._where = where
        self._read: list[Reducer] = [self.homes]
        if where is not None:
            self.places = Positions(where, how["position"], how["k"], sharpness)
            self.radii = Radii(where, self.places, how["level"], how["max_radius"])
            self._read += [self.places, self.radii]
            if dropped:
                self.mass = Summed(all_spots(len(where)))
                self._read.append(self.mass)

    def start(self, matrix: Any) -> None:
        for reducer in self._read:
            reducer.start(matrix)

    def add(self, block: RowBlock) -> None:
        for reducer in self._read:
            reducer.add(block)

    def columns(self, part: Part) -> dict[str, Any]:
        """Return the columns of the cells of the part."""
        found = {SPOT: self._names[part.spots[self.homes.home]], PROB: self.homes.probability}
        if self._where is not None:
            found |= dict(zip(POSITIONS, self.places.placed.T, strict=False))
            found |= {SPREAD: self.places.spread, RADIUS: self.radii.total, CONFIDENT: self.radii.confident}
        return found


class CellTable(Reducer):
    """The table of `cell_positions`, read from P.

    If the map has one section, the cells are placed while P is read with other reducers. If it has several,
    this reading finds the section of every cell, and `table` reads the rows of every section once more.

    Parameters
    ----------
    view
        The map.
    position, k, level, max_radius
        As for `cell_positions`.
    placed
        Whether to place the cells. If not, the table has their home spots and entropies.
    """

    def __init__(
        self,
        view: CheckedMap,
        *,
        position: Position = "median",
        k: int = 20,
        level: float = 0.9,
        max_radius: float | None = None,
        placed: bool = True,
    ) -> None:
        self._view, mapping = view, view.mapping
        self._where = coordinates(mapping) if placed else None
        self._how = {"position": position, "k": k, "level": level, "max_radius": max_radius}
        self._dropped = bool(dropped(mapping).any())
        self.sections = sections_of(mapping)
        self._entropies = Entropies()
        self._sharpness = sharpness_of(mapping.obs)
        every = slice(None)
        self._whole = self._places(every, every)  # with several sections, this only checks the parameters
        self._mass: Summed | None = None
        self._read: list[Reducer] = [self._entropies]
        if self.sections is None:
            self._read.append(self._whole)
        elif not mapped_one_by_one(mapping):
            self._mass = Summed(self.sections.membership())
            self._read.append(self._mass)

    def _places(self, cells: Any, spots: Any) -> _Places:
        where = None if self._where is None else self._where[spots]
        sharpness = None if self._sharpness is None else self._sharpness[cells]
        return _Places(self._view.mapping, where, sharpness, self._how, dropped=self._dropped)

    def start(self, matrix: Any) -> None:
        """Start all readings."""
        for reducer in self._read:
            reducer.start(matrix)

    def add(self, block: RowBlock) -> None:
        """Add the next rows to all readings."""
        for reducer in self._read:
            reducer.add(block)

    def confident(self, rows: slice) -> npt.NDArray[np.bool_]:
        """Whether the places of these cells can be relied on, if the map has one section.

        If no spots were taken out of the map, this is known as soon as the rows have been added.
        """
        return self._whole.radii.confident[rows]

    @property
    def knows_confident(self) -> bool:
        """Whether `confident` is known during the reading."""
        return self.sections is None and not self._dropped

    def table(self) -> pd.DataFrame:
        """Return the table, after P has been read."""
        mapping = self._view.mapping
        found = None
        if self.sections is not None:
            mass = None if self._mass is None else self._mass.total
            found = cell_sections(mapping, self.sections, mass)
            without = "homespot_section is missing"
            warn_nowhere(found, without if self._where is None else f"{without}, and they have no place")
        elsewhere = 0
        every = list(parts(mapping, self.sections, found, matrix=self._view.matrix))
        tables = []
        for part in [part for part in every if len(part.cells)] or every[:1]:
            places = self._whole if part.name is None else self._places(part.cells, part.spots)
            if part.name is not None:
                with limited_threads():
                    gather(part.matrix, places)
            columns = places.columns(part)
            if places.held:
                gone = held(mapping, part, places.mass.total[:, 0]) <= confidence.LEAST_HELD
                elsewhere += int(gone.sum())
                columns[RADIUS][gone], columns[CONFIDENT][gone] = np.nan, False
            tables.append(pd.DataFrame(columns, index=part.cells))
        warn_if_dropped(elsewhere, mapping.n_obs, "they have no radius, and are not confident")
        table = (tables[0] if len(tables) == 1 else pd.concat(tables)).reindex(np.arange(mapping.n_obs))
        table.insert(2, ENTROPY, self._entropies.total)
        if self.sections is not None and found is not None:
            for i, (name, values) in enumerate(_section_columns(self.sections, found).items()):
                table.insert(i, name, values)
            if CONFIDENT in table:
                table[CONFIDENT] = table[CONFIDENT].eq(other=True)  # a cell without a place is not confident
        table.index = mapping.obs_names.copy()
        return table


def _section_columns(sections: Sections, found: CellSections) -> dict[str, Any]:
    names = np.asarray([*sections.names, None], dtype=object)
    return {SECTION: names[found.codes], SECTION_PROB: found.probability}


@bounded
def cell_positions(
    mapping: ad.AnnData,
    *,
    position: Position = "median",
    k: int = 20,
    level: float = 0.9,
    max_radius: float | None = None,
) -> pd.DataFrame:
    """Return a table of every cell's position, and of how far it can be trusted.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates.
    position
        How a position is read from P; see `place_cells`.
    k
        Number of most probable spots that ``"median"`` (without a sharpness) and ``"k_best"`` use.
    level
        Probability with which the true place lies within ``homespot_radius``; see `place_cells`.
    max_radius
        Largest radius at which a cell is ``homespot_confident``; see `place_cells`.

    Returns
    -------
    One row per cell:

    * ``homespot_spot``, the name of the most probable spot, and ``homespot_prob``, its probability;
    * ``homespot_entropy``, the entropy of the row of P divided by the logarithm of the number of spots: 0 if
      one spot has all of the mass, 1 if all spots have the same (mass that the row leaves out counts as
      spread evenly over the spots where the row is 0);
    * ``homespot_x``, ``homespot_y`` (and ``homespot_z``), the position, and ``homespot_spread``, both in the
      unit of the spots' coordinates;
    * ``homespot_radius``, the distance from the position within which the true place lies with probability
      `level`, and ``homespot_confident``.

    The spread is the root mean squared distance of all spots from the position, under the whole row of P. P
    is soft, so the spread is usually larger than the error of the median position. It ranks cells; it is not
    a standard error.

    If the spots lie in several sections, ``homespot_section`` is the section of the cell and
    ``homespot_section_prob`` its probability. Under a joint map it is the section with most of the cell's
    mass; if sections were mapped one by one, it is the section that fits the cell best. All other columns but
    the entropy are read from the spots of that section alone. A cell whose section is not known has no place,
    and a warning counts these cells.

    If spots were taken out of the map by `subset`, a cell that had at least half of its mass on them has a
    place among the remaining spots, but its radius is missing and it is not confident, because its true place
    more often lies outside. A warning counts these cells. Entries that a map with ``k_best`` leaves out have
    no effect of this kind.
    """
    view = CheckedMap(mapping)
    cells = CellTable(view, position=position, k=k, level=level, max_radius=max_radius)
    view.read(cells)
    return cells.table()
