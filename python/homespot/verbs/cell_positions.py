"""cell_positions: a table of every cell's position, and of how far it can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import within
from ..common.cores import limited_threads
from ..common.keys import (
    CONFIDENT,
    ENTROPY,
    FITS,
    NEAR_SPOT,
    POSITIONS,
    PROB,
    RADIUS,
    SECTION,
    SECTION_PROB,
    SPOT,
    SPREAD,
)
from ..common.memory import bounded
from ..common.wording import argument
from ..errors import DataWarning
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
from ..mapping.combined import fits_of, sharpness_of
from ..mapping.coordinates import coordinates
from ..mapping.left_over import cut_short, dropped
from ..mapping.positions import Position, Readings, read_sharply
from ..mapping.whole_rows import WholeRows
from ..matrix.gather import Reducer, Summed, gather
from ..matrix.rows import RowBlock
from ..space.sections import Sections

__all__ = ["CellTable", "cell_positions"]

F64 = npt.NDArray[np.float64]


class _Places(Reducer):
    """The readings of a part of P and, where spots were taken out of the map, the mass that is left."""

    def __init__(
        self,
        mapping: ad.AnnData,
        where: F64 | None,
        sharpness: F64 | None,
        how: dict[str, Any],
        *,
        dropped: bool,
        kept: WholeRows | None,
    ) -> None:
        self._names = mapping.var_names.to_numpy(dtype=str)
        self.held = dropped and where is not None
        self._where, self._max_radius = where, how["max_radius"]
        if where is None:
            self.readings = Readings()
        else:
            if self._max_radius is not None:
                within("max_radius", self._max_radius, 0, open_low=True)
            replaced = None if kept is None else kept.cells
            self.readings = Readings(where, how["position"], how["k"], sharpness, how["levels"], replaced)
        self._read: list[Reducer] = [self.readings]
        if self.held:
            self.mass = Summed(all_spots(len(where)))  # type: ignore[arg-type]
            self._read.append(self.mass)

    def start(self, matrix: Any) -> None:
        for reducer in self._read:
            reducer.start(matrix)

    def add(self, block: RowBlock) -> None:
        for reducer in self._read:
            reducer.add(block)

    @cached_property
    def most(self) -> float:
        """The largest radius of a confident cell."""
        assert self._where is not None
        return confidence.extent(self._where) / 2 if self._max_radius is None else self._max_radius

    def columns(self, part: Part, gone: npt.NDArray[np.bool_] | None) -> tuple[dict[str, Any], int]:
        """Return the columns of the cells of the part, and how many cells are narrow by chance.

        Cells that are `gone` have no radius.
        """
        read = self.readings
        found = {SPOT: self._names[part.spots[read.home]], PROB: read.probability}
        if self._where is None:
            return found, 0
        if gone is not None:
            read.radii[gone] = np.nan
        radii, checked = read.radii[:, 0], read.radii[:, 1]
        confident, by_chance = confidence.confident(radii, checked, read.sharp, self.most)
        found[NEAR_SPOT] = self._names[part.spots[read.near]]
        found |= dict(zip(POSITIONS, read.placed.T, strict=False))
        return found | {SPREAD: read.spread, RADIUS: radii, CONFIDENT: confident}, by_chance


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
    levels
        Further levels, whose radii `radii` has.

    Attributes
    ----------
    radii
        The radii at `levels`, cells x levels, once the table has been made; NaN where a cell has none.
    """

    radii: F64

    def __init__(
        self,
        view: CheckedMap,
        *,
        position: Position = "median",
        k: int = 20,
        level: float = 0.9,
        max_radius: float | None = None,
        placed: bool = True,
        levels: Sequence[float] = (),
    ) -> None:
        self._view, mapping = view, view.mapping
        self._where = coordinates(mapping) if placed else None
        self._whole_rows: WholeRows | None = None
        every_level = (level, confidence.CHECKED, *levels)
        self._how = {"position": position, "k": k, "levels": every_level, "max_radius": max_radius}
        self._n_levels = len(levels)
        self._dropped = bool(dropped(mapping).any())
        self.sections = sections_of(mapping)
        self._sharpness = sharpness_of(mapping.obs) if placed else None
        if self._where is not None and self.sections is None and not self._dropped:
            self._whole_rows = WholeRows.of(mapping.obs, mapping.var_names, self._where, every_level)
        every = slice(None)
        self._whole = self._places(every, every)  # with several sections, this only checks the parameters
        self._cut = cut_short(mapping)
        self._mass: Summed | None = None
        self._read: list[Reducer] = [self._whole]
        if self.sections is not None:
            self._entropies = Readings()
            self._read = [self._entropies]
            if not mapped_one_by_one(mapping):
                self._mass = Summed(self.sections.membership())
                self._read.append(self._mass)

    def _places(self, cells: Any, spots: Any) -> _Places:
        where = None if self._where is None else self._where[spots]
        sharpness = None if self._sharpness is None else self._sharpness[cells]
        return _Places(
            self._view.mapping, where, sharpness, self._how, dropped=self._dropped, kept=self._whole_rows
        )

    def start(self, matrix: Any) -> None:
        """Start all readings."""
        for reducer in self._read:
            reducer.start(matrix)

    def add(self, block: RowBlock) -> None:
        """Add the next rows to all readings."""
        for reducer in self._read:
            reducer.add(block)

    def confident(self, rows: slice) -> npt.NDArray[np.bool_]:
        """Whether the places of these cells can be relied on, if `knows_confident`, once they were added."""
        return confidence.narrow(self._whole.readings.radii[rows, 0], self._whole.most)

    @property
    def knows_confident(self) -> bool:
        """Whether `confident` is known during the reading.

        It is not if there are several sections, if spots were taken out of the map, or if cells are read by
        their sharpness, as which of them are confident depends on all.
        """
        return self.sections is None and not self._dropped and not read_sharply(self._sharpness).any()

    @property
    def read_out(self) -> str:
        """How places are read: ``"sharpness"``, ``"best spots"`` or, of combined maps, both."""
        sharp = read_sharply(self._sharpness)
        return ", ".join(
            (["sharpness"] if sharp.any() else []) + ([] if sharp.all() and sharp.size else ["best spots"])
        )

    def table(self) -> pd.DataFrame:
        """Return the table, after P has been read."""
        mapping = self._view.mapping
        found = None
        if self.sections is not None:
            mass = None if self._mass is None else self._mass.total
            found = cell_sections(mapping, self.sections, mass)
            without = "homespot_section is missing"
            warn_nowhere(found, without if self._where is None else f"{without}, and they have no place")
        elsewhere = by_chance = unknown = 0
        self.radii = np.full((mapping.n_obs, self._n_levels), np.nan)
        every = list(parts(mapping, self.sections, found, matrix=self._view.matrix))
        tables = []
        for part in [part for part in every if len(part.cells)] or every[:1]:
            places = self._whole if part.name is None else self._places(part.cells, part.spots)
            if part.name is not None:
                with limited_threads():
                    gather(part.matrix, places)
            kept = self._whole_rows
            if kept is not None:
                places.readings.replace(kept.placed, kept.spread, kept.near, kept.radii)
            gone = None
            if places.held:
                gone = held(mapping, part, places.mass.total[:, 0]) <= confidence.LEAST_HELD
                elsewhere += int(gone.sum())
            if places.readings.sharp.size:
                cut = self._cut[part.cells] & places.readings.sharp
                if kept is not None:
                    cut &= ~kept.cells
                unknown += int(cut.sum())
                gone = cut if gone is None else gone | cut
            columns, narrow = places.columns(part, gone)
            by_chance += narrow
            self.radii[part.cells] = places.readings.radii[:, 2:]
            tables.append(pd.DataFrame(columns, index=part.cells))
        warn_if_dropped(elsewhere, mapping.n_obs, "they have no radius, and are not confident")
        _warn_if_cut(unknown, mapping.n_obs)
        _warn_by_chance(by_chance, mapping.n_obs)
        table = (tables[0] if len(tables) == 1 else pd.concat(tables)).reindex(np.arange(mapping.n_obs))
        readings = self._whole.readings if self.sections is None else self._entropies
        table.insert(2, ENTROPY, readings.entropy)
        if self.sections is not None and found is not None:
            for i, (name, values) in enumerate(_section_columns(self.sections, found).items()):
                table.insert(i, name, values)
            if CONFIDENT in table:
                table[CONFIDENT] = table[CONFIDENT].eq(other=True)  # a cell without a place is not confident
        fits = fits_of(mapping.obs)
        if fits is not None:
            table[FITS] = fits
        table.index = mapping.obs_names.copy()
        return table


def _warn_if_cut(n: int, n_cells: int) -> None:
    if n:
        warnings.warn(
            f"{n} of {n_cells} cell(s) have no radius and are not confident: what {argument('k_best')} has "
            f"left out of their rows may lie anywhere. Map without {argument('k_best')}, or map again if "
            "only the coordinates have changed.",
            DataWarning,
            stacklevel=4,
        )


def _warn_by_chance(n: int, n_cells: int) -> None:
    if n:
        warnings.warn(
            f"{n} of {n_cells} cell(s) are not confident, though their {RADIUS} is at most "
            f"{argument('max_radius')}: at the level {confidence.CHECKED:g} fewer than a tenth of the cells "
            "of their tissue have such a radius, and so few have it mostly by chance.",
            DataWarning,
            stacklevel=4,
        )


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
        Number of most probable spots that some readings use; see `place_cells`.
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
    * ``homespot_near_spot``, the name of the spot that is nearest to the cell, as far as the map knows: the
      spot with the least expected distance, under the weights with which the median is read. The most
      probable spot may be far from all others that are nearly as probable; this one is not;
    * ``homespot_x``, ``homespot_y`` (and ``homespot_z``), the position, and ``homespot_spread``, both in the
      unit of the spots' coordinates;
    * ``homespot_radius``, the distance from the position within which the true place lies with probability
      `level`, and ``homespot_confident``. `place_cells` says how both are found.

    ``homespot_fits``, where the map has it, says how far the spots hold cells like this one, from 0.01 to
    1; see `map_cells`. A cell of a type that the tissue lacks has a place like any other; this number is low.

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
    more often lies outside. A warning counts these cells. Where the map has a sharpness, the same
    holds for cells whose rows ``k_best`` has cut short, unless the map has kept what was read from the whole
    rows, as it does of one section; about another position than the median the radius is then the one about
    the median and the distance between both.
    """
    view = CheckedMap(mapping)
    cells = CellTable(view, position=position, k=k, level=level, max_radius=max_radius)
    view.read(cells)
    return cells.table()
