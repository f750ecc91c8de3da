"""Find the sections of an object by its images, columns, names of spots and coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.keys import HOMESPOT, SECTION
from .axes import is_axis
from .frames import Frame
from .section_names import CLUSTERS, NAMED, PERHAPS, VIEW, kind_of
from .sections import Sections, is_divided, is_missing, sections_in, text_of, values_of
from .spot_names import MOST, NameParts, parts_of_names

__all__ = ["Search", "found_sections"]

F64 = npt.NDArray[np.float64]

_PART = 10
"""Smallest average number of spots per part, if only the coordinates suggest sections."""
_SURE = 0.1
"""Number of close pairs per spot from which parts are sections, whatever the name of the column."""
_LIKELY = 0.02
"""Number of close pairs per spot from which a warning is given."""
_NAMES = "the names of the spots"


def found_sections(
    spots: pd.DataFrame,
    libraries: Sequence[str] = (),
    region_key: str | None = None,
    positions: F64 | None = None,
) -> Sections | None:
    """Find the sections by what an object says about its spots; see `Search.sections`."""
    return Search(spots, positions).sections(libraries, region_key)


class Search:
    """The search for sections by what an object says about its spots.

    Parameters
    ----------
    spots
        Annotation of the spots.
    positions
        Coordinates, spots x 2 or 3, or None.
    """

    def __init__(self, spots: pd.DataFrame, positions: F64 | None) -> None:
        self.spots = spots
        self.frame = None if positions is None or len(positions) < 3 else Frame(positions)
        once = spots.columns[~spots.columns.duplicated(keep=False)]
        self.columns = {name: spots[name] for name in once if isinstance(name, str)}

    @cached_property
    def usable(self) -> dict[str, str]:
        """The columns that divide the spots into parts, and the kind of each name."""
        return {name: kind_of(name) for name, column in self.columns.items() if is_divided(column)}

    @cached_property
    def parts_of_names(self) -> list[NameParts]:
        """The divisions of the spots by parts of their names."""
        return parts_of_names(self.spots.index)

    @cached_property
    def unnamed(self) -> list[Sections]:
        """Other divisions of the spots that may be sections by the coordinates, fewest parts first."""
        most = min(MOST, len(self.spots) // _PART)
        given = []
        for name, column in self.columns.items():
            if name.startswith(HOMESPOT) or kind_of(name) in {*NAMED, *PERHAPS} or is_axis(name):
                continue
            values = [] if is_missing(column).any() else values_of(column)
            if 2 <= len(values) <= most and len({text_of(value) for value in values}) == len(values):
                given.append(sections_in(self.spots, name))
        given += [_of_names(parts) for parts in self.parts_of_names if len(parts.labels) <= most]
        return sorted(given, key=lambda sections: len(sections.names))

    def sections(
        self, libraries: Sequence[str] = (), region_key: str | None = None, *, strict: bool = False
    ) -> Sections | None:
        """Return the sections; None if there is only one.

        A column with the names of several tissue images comes first, then the region of a SpatialData, then
        columns that name samples, slides or sections. If one image is cut out of another, both belong to one
        section. A column that may also name parts of one tissue (``region``, ``batch``, ``fov``) counts if
        the coordinates agree; so do texts before or behind the barcodes in the names of the spots. Any other
        column counts if the frames of its parts certainly overlap. If a second column divides the sections
        into parts with their own frames, these parts are the sections.

        Parameters
        ----------
        libraries
            Names of the tissue images.
        region_key
            Column that SpatialData records as the column of regions.
        strict
            If True, a column that names the sections of only some spots is refused; if False, it is ignored.
        """
        if len(self.spots) == 0:
            return None
        usable = dict(self.usable)
        found, crops = None, False
        while (first := self._first(usable, set(libraries), region_key)) is not None:
            if is_missing(self.columns[first]).any():
                if strict:
                    sections_in(self.spots, first)  # raises the error
                break
            found = sections_in(self.spots, first)
            if set(found.names) <= set(libraries):
                found = self._without_crops(found)
            if found is not None:
                break
            crops = True
            del usable[first]
        if found is not None and found.column == SECTION:
            return found
        whole = [name for name in usable if not is_missing(self.columns[name]).any()]
        frame = self.frame
        if found is None:
            found = self._by_frame([name for name in whole if self._weak(name)])
            found = found or self._by_names() or next(self._by_coordinates(_SURE), None)
        if found is None:
            views = [] if crops else [name for name in whole if usable[name] == VIEW]
            given = (sections_in(self.spots, name) for name in views)
            return next((view for view in given if frame is not None and frame.overlap(view.codes) > 0), None)
        for name in whole:
            weak = self._weak(name)
            if name != found.column and (weak or usable[name] in NAMED):
                found = _subdivided(found, sections_in(self.spots, name), frame, weak=weak) or found
        return found

    def crops(self, libraries: Sequence[str]) -> Sections | None:
        """Return the division by a column of images, if one image is cut out of another."""
        for name in self.usable:
            if not is_missing(self.columns[name]).any():
                images = sections_in(self.spots, name)
                if set(images.names) <= set(libraries) and self._without_crops(images) is None:
                    return images
        return None

    def likely(self) -> Sections | None:
        """Return possible sections if none were found: parts with wide gaps, or with possible overlaps."""
        return next(self._by_coordinates(_LIKELY, likely=True), None)

    def _first(self, usable: dict[str, str], libraries: set[str], region_key: str | None) -> str | None:
        """Return the column that certainly names sections."""
        if SECTION in usable:
            return SECTION
        if len(libraries) > 1:
            for name in usable:
                if {text_of(value) for value in values_of(self.columns[name])} <= libraries:
                    return name
        if region_key in usable:
            return region_key
        named = sorted((NAMED.index(kind), name) for name, kind in usable.items() if kind in NAMED)
        return named[0][1] if named else None

    def _without_crops(self, found: Sections) -> Sections | None:
        """Join sections that are cut out of others to those; return the rest, or None if one is left."""
        if self.frame is None:
            return found
        codes = self.frame.with_crops(found.codes)
        return Sections(codes, found.names, found.column).take(np.arange(len(codes)))

    def _weak(self, name: str) -> bool:
        """Whether a column may name sections if the coordinates agree; columns of fields of view may not."""
        kind = self.usable[name]
        if kind not in PERHAPS or kind == VIEW:
            return False
        return kind != CLUSTERS or isinstance(self.columns[name].iloc[0], str)

    def _by_frame(self, names: list[str]) -> Sections | None:
        """Return the sections by the first of these columns whose parts have their own frames."""
        frame = self.frame
        if frame is None:
            return None
        given = (sections_in(self.spots, name) for name in names)
        return next((sections for sections in given if frame.sections(sections.codes)), None)

    def _by_names(self) -> Sections | None:
        """Return the sections named before or behind the barcodes in the names of the spots."""
        frame = self.frame
        for parts in self.parts_of_names:
            if parts.barcodes and (
                (parts.repeated and (frame is None or frame.mixed(parts.codes)))
                or (frame is not None and frame.sections(parts.codes))
            ):
                return _of_names(parts)
        return None

    def _by_coordinates(self, at_least: float, *, likely: bool = False) -> Iterator[Sections]:
        """Yield the divisions of the spots that are sections by the coordinates alone.

        Their parts have enough close pairs per spot. With `likely`, a wide gap around every part, or regular
        grids that are shifted, are enough.
        """
        frame = self.frame
        if frame is None:
            return
        for sections in self.unnamed:
            codes = sections.codes
            sure = frame.overlap(codes) >= at_least
            if sure or (likely and (frame.apart(codes) or frame.overlap(codes, shifted=True) >= _SURE)):
                yield sections


def _of_names(parts: NameParts) -> Sections:
    return Sections(parts.codes, parts.labels, SECTION, _NAMES)


def _subdivided(found: Sections, other: Sections, frame: Frame | None, *, weak: bool) -> Sections | None:
    """Return the parts of sections that another column names, if each has its own frame.

    Parts by a column that is not `weak` may also just be scattered among one another.
    """
    split = []
    for code in range(len(found.names)):
        rows = found.rows(code)
        if len(np.unique(other.codes[rows])) > 1:
            codes = np.unique(other.codes[rows], return_inverse=True)[1]
            where = None if frame is None else frame.part(rows)
            split.append(where is not None and (where.sections(codes) or (not weak and where.mixed(codes))))
    if not split or not all(split):
        return None
    both = found.codes * len(other.names) + other.codes
    codes, firsts = pd.factorize(both)
    pairs = [divmod(int(pair), len(other.names)) for pair in firsts]
    nested = len({second for _, second in pairs}) == len(pairs)
    names = [other.names[b] if nested else f"{found.names[a]}_{other.names[b]}" for a, b in pairs]
    column = other.column if nested else f"{found.column}, {other.column}"
    return Sections(np.asarray(codes, dtype=np.intp), names, column)
