"""Which section of tissue every spot lies in: named by a column, or found in the object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .axes import is_axis
from .errors import InputError, expected, some
from .frames import Frame
from .keys import HOMESPOT, SECTION
from .section_names import CLUSTERS, NAMED, PERHAPS, VIEW, kind_of, plain_name, section_columns
from .spot_names import NameParts, parts_of_names

__all__ = [
    "Sections",
    "counted",
    "found_sections",
    "likely_sections",
    "plain_name",
    "refuse_checkpoint",
    "section_columns",
    "sections_in",
]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_MOST = 100
"""What divides the spots into more parts is no column of sections, unless its name says so."""
_PART = 10
"""Spots a part, on average, of what may be sections by the coordinates alone."""
_SURE = 0.1
"""So many close pairs of spots a spot make parts sections, whatever the column is called."""
_LIKELY = 0.02
"""So many are worth a word."""


@dataclass(frozen=True)
class Sections:
    """The section of every spot: ``codes`` (spots) into ``names``; ``column`` says where they were found.

    ``of_names`` says so where the sections are no column yet: they stand in the names of the spots.
    """

    codes: Ints
    names: list[str]
    column: str
    of_names: bool = False

    @property
    def where(self) -> str:
        """Where they were found, for messages."""
        return "the names of the spots" if self.of_names else f"st.obs[{self.column!r}]"

    def rows(self, code: int) -> Ints:
        """Return the spots of one section."""
        return np.flatnonzero(self.codes == code)

    def take(self, rows: Ints) -> Sections | None:
        """Return the sections of these spots only, or None where a single one is left."""
        left = np.unique(self.codes[rows])
        if len(left) < 2:
            return None
        renumbered = np.searchsorted(left, self.codes[rows])
        return Sections(renumbered, [self.names[i] for i in left], self.column, self.of_names)

    def membership(self) -> sparse.csr_matrix:
        """Return the spots x sections matrix of 0 and 1."""
        n = len(self.codes)
        return sparse.csr_matrix((np.ones(n), (np.arange(n), self.codes)), shape=(n, len(self.names)))

    def labels(self) -> npt.NDArray[np.object_]:
        """Return the name of every spot's section."""
        return np.asarray(self.names, dtype=object)[self.codes]


def counted(sections: Sections, n: int = 4) -> str:
    """List the sections with their numbers of spots."""
    sizes = np.bincount(sections.codes, minlength=len(sections.names))
    parts = [f"{name!r}: {size}" for name, size in zip(sections.names[:n], sizes[:n], strict=True)]
    return ", ".join(parts) + (", ..." if len(sections.names) > n else "")


def sections_in(spots: pd.DataFrame, column: object) -> Sections:
    """Return the sections that a column names, in the order in which they first appear.

    Raises
    ------
    InputError
        If there is no such column, or a spot has no section.
    """
    if not isinstance(column, str) or column not in spots:
        raise InputError(
            expected(
                f"a column {column!r} in st.obs",
                some(spots.columns, 10) or "no columns",
                "Name the one with the section of every spot as sections, or leave it out.",
            )
        )
    given = spots[column]
    missing = _missing(given)
    if missing.any():
        raise InputError(
            expected(
                f"a section of every spot in column {column!r} of st.obs",
                f"{missing.sum()} spot(s) without ({some(spots.index[missing])})",
                "Name the section of these spots, or drop them.",
            )
        )
    try:
        codes, values = pd.factorize(given)
    except TypeError as error:
        raise InputError(
            expected(
                f"names or numbers in column {column!r} of st.obs",
                f"values like {given.iloc[0]!r}",
                "Name the column with the section of every spot.",
            )
        ) from error
    names = [_text(value) for value in values]
    if len(set(names)) < len(names):
        raise InputError(
            expected(
                f"sections with names of their own in column {column!r} of st.obs",
                f"{len(names)} values, but {len(set(names))} names",
                "Give all the same type.",
            )
        )
    return Sections(np.asarray(codes, dtype=np.intp), names, column)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.15g}"  # as R writes it
    return str(value)


def _missing(column: pd.Series) -> npt.NDArray[np.bool_]:
    """Return which values are missing, or blank."""
    gone = column.isna().to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return gone
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and the like have no equals
        return gone
    blank = [i for i, value in enumerate(values) if isinstance(value, str) and not value.strip()]
    return np.asarray(gone | np.isin(codes, blank))


def _values(column: pd.Series) -> list[Any]:
    """Return the values that a column has, without missing ones; none where they have no equals."""
    try:
        return list(column[~_missing(column)].unique())
    except TypeError:
        return []


def _divided(column: pd.Series) -> bool:
    """Whether a column divides the spots into parts, each of several spots as a rule; some may be missing."""
    values = _values(column)
    if not 2 <= len(values) <= max(2, len(column) // 2):
        return False
    return all(isinstance(value, str | Real) and not isinstance(value, bool | np.bool_) for value in values)


def _finer(found: Sections, other: Sections, frame: Frame | None, *, weak: bool) -> Sections | None:
    """Return the parts of sections that another column names, where each has a frame of its own.

    The parts of a column that is not `weak` may also just be scattered among one another.
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


def found_sections(
    spots: pd.DataFrame,
    libraries: Sequence[str] = (),
    region_key: str | None = None,
    positions: F64 | None = None,
    *,
    strict: bool = False,
) -> Sections | None:
    """Look for the sections in what an object says of its spots; None where it has one.

    A column with the names of several tissue images comes first, then the region of a SpatialData, then
    columns that name samples, slides or sections. A column that may as well name parts of one tissue
    (``region``, ``batch``, ``fov``) counts where the coordinates agree, and so does what stands before or
    behind the barcodes in the names of the spots. Any other column counts where the frames of its parts
    certainly overlap. Where a second column divides the sections into parts with frames of their own, these
    are the sections.

    Parameters
    ----------
    spots
        Annotation of the spots.
    libraries
        Names of the tissue images.
    region_key
        Column that SpatialData names as that of the region.
    positions
        Coordinates, spots x 2 or 3, or None.
    strict
        Whether a column that names sections, but not that of every spot, is refused; if not, it is left
        aside.
    """
    if len(spots) == 0:
        return None
    columns = _columns(spots)
    usable = [name for name, column in columns.items() if _divided(column)]
    kinds = {name: kind_of(name) for name in usable}
    first = _first(columns, usable, kinds, set(libraries), region_key)
    if first is not None and _missing(columns[first]).any():
        if strict:
            sections_in(spots, first)  # refuses it
        first = None
    if first == SECTION:
        return sections_in(spots, first)
    frame = _frame(positions)
    whole = [name for name in usable if not _missing(columns[name]).any()]
    found = None if first is None else sections_in(spots, first)
    if found is None:
        found = _by_frame(spots, [name for name in whole if _weak(columns, kinds, name)], frame)
        found = found or _by_names(spots.index, frame) or next(_others(spots, frame, _SURE), None)
    if found is None:
        views = [sections_in(spots, name) for name in whole if kinds[name] == VIEW]
        return next((view for view in views if frame is not None and frame.overlap(view.codes) > 0), None)
    for name in whole:
        weak = _weak(columns, kinds, name)
        if name != found.column and (weak or kinds[name] in NAMED):
            found = _finer(found, sections_in(spots, name), frame, weak=weak) or found
    return found


def likely_sections(spots: pd.DataFrame, positions: F64 | None) -> Sections | None:
    """Return what may be the sections, where none were found: its parts lie wide apart, or may overlap."""
    frame = _frame(positions)
    if frame is None:
        return None
    return next(_others(spots, frame, _LIKELY, likely=True), None)


def _columns(spots: pd.DataFrame) -> dict[str, pd.Series]:
    once = spots.columns[~spots.columns.duplicated(keep=False)]
    return {name: spots[name] for name in once if isinstance(name, str)}


def _frame(positions: F64 | None) -> Frame | None:
    return None if positions is None or len(positions) < 3 else Frame(positions)


def _weak(columns: dict[str, pd.Series], kinds: dict[str, str], name: str) -> bool:
    """Whether a column may name sections, if the coordinates agree; fields of view are another matter."""
    kind = kinds[name]
    if kind not in PERHAPS or kind == VIEW:
        return False
    return kind != CLUSTERS or isinstance(columns[name].iloc[0], str)


def _by_frame(spots: pd.DataFrame, names: list[str], frame: Frame | None) -> Sections | None:
    """Return the sections by the first of these columns whose parts have frames of their own."""
    if frame is None:
        return None
    given = (sections_in(spots, name) for name in names)
    return next((sections for sections in given if frame.sections(sections.codes)), None)


def _by_names(names: pd.Index, frame: Frame | None) -> Sections | None:
    """Return the sections that stand before or behind the barcodes in the names of the spots."""
    for parts in parts_of_names(names):
        codes = parts.codes
        if parts.barcodes and (
            (parts.repeated and (frame is None or frame.mixed(codes)))
            or (frame is not None and frame.sections(codes))
        ):
            return _of_names(parts)
    return None


def _of_names(parts: NameParts) -> Sections:
    return Sections(parts.codes, parts.labels, SECTION, of_names=True)


def _others(
    spots: pd.DataFrame, frame: Frame | None, at_least: float, *, likely: bool = False
) -> Iterator[Sections]:
    """Go through what divides the spots into sections by the coordinates alone, the fewest parts first.

    That is so many close pairs a spot; what is only `likely` is a wide gap around every part, or grids of
    which one is shifted.
    """
    if frame is None:
        return
    most = min(_MOST, len(spots) // _PART)
    given = []
    for name, column in _columns(spots).items():
        if name.startswith(HOMESPOT) or kind_of(name) in {*NAMED, *PERHAPS} or is_axis(name):
            continue
        values = [] if _missing(column).any() else _values(column)
        if 2 <= len(values) <= most and len({_text(value) for value in values}) == len(values):
            given.append(sections_in(spots, name))
    given += [_of_names(parts) for parts in parts_of_names(spots.index) if len(parts.labels) <= most]
    for sections in sorted(given, key=lambda sections: len(sections.names)):
        codes = sections.codes
        sure = frame.overlap(codes) >= at_least
        if sure or (likely and (frame.apart(codes) or frame.overlap(codes, shifted=True) >= _SURE)):
            yield sections


def _first(
    columns: dict[str, pd.Series],
    usable: list[str],
    kinds: dict[str, str],
    libraries: set[str],
    region_key: str | None,
) -> str | None:
    """Return the column that certainly names sections."""
    if SECTION in usable:
        return SECTION
    if len(libraries) > 1:
        for name in usable:
            if {_text(value) for value in _values(columns[name])} <= libraries:
                return name
    if region_key in usable:
        return region_key
    named = sorted((NAMED.index(kind), name) for name, kind in kinds.items() if kind in NAMED)
    return named[0][1] if named else None


def refuse_checkpoint(settings: dict[str, Any]) -> None:
    """Refuse a checkpoint, which holds the state of one training and not of several sections."""
    if settings.get("checkpoint") is not None:
        raise InputError(
            expected("no checkpoint, which is of one training", "one", "Leave it out, or sections.")
        )
