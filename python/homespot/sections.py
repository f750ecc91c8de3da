"""Which section of tissue every spot lies in: named by a column, or found in the object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from .errors import InputError, expected, some
from .keys import SECTION

__all__ = [
    "Sections",
    "counted",
    "found_sections",
    "plain_name",
    "refuse_checkpoint",
    "section_columns",
    "sections_in",
]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# What a column of sections is called, without "id" and the like, from the most to the least certain.
_NAMED = (
    "sample",
    "library",
    "section",
    "slide",
    "slice",
    "puck",
    "capturearea",
    "specimen",
    "image",
    "dataset",
)
# These often name something else (a part of one tissue, a person): the coordinates have to agree.
_PERHAPS = (
    *(
        "region",
        "batch",
        "fov",
        "roi",
        "array",
        "origident",
        "orig",
        "replicate",
        "rep",
        "tma",
        "core",
        "block",
    ),
    *(
        "donor",
        "mouse",
        "animal",
        "patient",
        "subject",
        "individual",
        "condition",
        "group",
        "experiment",
        "run",
    ),
    *("tissue", "bregma", "hemisphere"),
)
_CLUSTERS = "region"
"""With numbers in place of names, these are clusters rather than sections."""
_BEFORE = re.compile("^(?:brain|tissue|visium|spatial)")
_AFTER = re.compile("(?:ids?|names?|labels?|numbers?|num|no|nr|keys?)$")

_APART = 3.0
"""Sections that lie beside one another are at least so many pitches apart."""
_MIXED = 0.7
"""Frames that overlap are mixed: a neighbour is of another section at least so often, over chance."""


@dataclass(frozen=True)
class Sections:
    """The section of every spot: ``codes`` (spots) into ``names``; ``column`` says where they were found."""

    codes: Ints
    names: list[str]
    column: str

    def rows(self, code: int) -> Ints:
        """Return the spots of one section."""
        return np.flatnonzero(self.codes == code)

    def take(self, rows: Ints) -> Sections | None:
        """Return the sections of these spots only, or None where a single one is left."""
        left = np.unique(self.codes[rows])
        if len(left) < 2:
            return None
        renumbered = np.searchsorted(left, self.codes[rows])
        return Sections(renumbered, [self.names[i] for i in left], self.column)

    def membership(self) -> sparse.csr_matrix:
        """Return the spots x sections matrix of 0 and 1."""
        n = len(self.codes)
        return sparse.csr_matrix((np.ones(n), (np.arange(n), self.codes)), shape=(n, len(self.names)))

    def labels(self) -> npt.NDArray[np.object_]:
        """Return the name of every spot's section."""
        return np.asarray(self.names, dtype=object)[self.codes]


def plain_name(name: object) -> str:
    """Return a name in lower case, letters and digits only: ``sample.id`` and ``Sample_ID`` are the same."""
    return "".join(c for c in str(name).lower() if c.isalnum())


def _kind(name: str) -> str:
    """Return what a column is called without the words around: ``section`` for ``brain_section_label``."""
    plain = plain_name(name)
    short = _AFTER.sub("", plain)
    known = [kind for kind in (plain, short, _BEFORE.sub("", short)) if kind in _NAMED or kind in _PERHAPS]
    return known[0] if known else plain


def section_columns(names: Sequence[object]) -> list[str]:
    """Return the columns that say where rows are from, from the most to the least certain."""
    order = [SECTION, *_NAMED, *(kind for kind in _PERHAPS if kind != _CLUSTERS)]
    kinds = {str(name): str(name) if name == SECTION else _kind(str(name)) for name in names}
    return sorted(
        (name for name, kind in kinds.items() if kind in order), key=lambda n: order.index(kinds[n])
    )


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
    missing = given.isna().to_numpy()
    if missing.any():
        raise InputError(
            expected(
                f"a section of every spot in column {column!r} of st.obs",
                f"{missing.sum()} spot(s) without ({some(spots.index[missing])})",
                "Name the section of these spots, or drop them.",
            )
        )
    codes, values = pd.factorize(given)
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


def _divided(column: pd.Series) -> bool:
    """Whether a column divides the spots into parts, each of several spots as a rule; some may be missing."""
    try:
        values = column.dropna().unique()
    except TypeError:  # lists and the like have no equals
        return False
    if not 2 <= len(values) <= max(2, len(column) // 2):
        return False
    return all(isinstance(value, str | Real) and not isinstance(value, bool | np.bool_) for value in values)


def _own_frames(positions: F64 | None, codes: Ints, *, apart: bool = True) -> bool:
    """Whether parts of the spots are sections by their coordinates: far apart, or in frames that overlap.

    Parts of one tissue touch along their borders, and only there. With `apart` False only frames that overlap
    count.
    """
    if positions is None or len(positions) < 3:
        return False
    tree = cKDTree(positions)
    distance, neighbour = tree.query(positions, 2)
    mixed = float(np.mean(codes[np.asarray(neighbour)[:, 1]] != codes))
    by_chance = 1 - float(np.square(np.bincount(codes) / len(codes)).sum())
    if mixed >= _MIXED * by_chance or not apart:
        return mixed >= _MIXED * by_chance
    pitch = float(np.median(np.asarray(distance)[:, 1]))
    for code in np.unique(codes):
        inside = codes == code
        gap = np.min(cKDTree(positions[~inside]).query(positions[inside])[0])
        if gap <= _APART * pitch:
            return False
    return True


def _finer(found: Sections, other: Sections, positions: F64 | None) -> Sections | None:
    """Return the parts of sections that another column names, where each has a frame of its own."""
    split = []
    for code in range(len(found.names)):
        rows = found.rows(code)
        if len(np.unique(other.codes[rows])) > 1:
            where = None if positions is None else positions[rows]
            split.append(_own_frames(where, np.unique(other.codes[rows], return_inverse=True)[1]))
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
    (``region``, ``batch``, ``fov``) counts where the coordinates agree. Where a second column divides the
    sections into parts with frames of their own, these are the sections.

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
    once = spots.columns[~spots.columns.duplicated(keep=False)]
    columns = {name: spots[name] for name in once if isinstance(name, str)}
    usable = [name for name, column in columns.items() if _divided(column)]
    kinds = {name: _kind(name) for name in usable}
    first = _first(columns, usable, kinds, set(libraries), region_key)
    if first is not None and columns[first].isna().any():
        if strict:
            sections_in(spots, first)  # refuses it
        first = None
    whole = [name for name in usable if not columns[name].isna().any()]
    found = None if first is None else sections_in(spots, first)
    for name in whole:
        kind = kinds[name]
        perhaps = kind in _PERHAPS and (kind != _CLUSTERS or isinstance(columns[name].iloc[0], str))
        if name == first or first == SECTION or not (perhaps or kind in _NAMED):
            continue
        other = sections_in(spots, name)
        if found is not None:
            found = _finer(found, other, positions) or found
        elif perhaps and _own_frames(positions, other.codes, apart=kind != "fov"):
            found = other
    return found


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
            if {_text(value) for value in columns[name].dropna().unique()} <= libraries:
                return name
    if region_key in usable:
        return region_key
    named = sorted((_NAMED.index(kind), name) for name, kind in kinds.items() if kind in _NAMED)
    return named[0][1] if named else None


def refuse_checkpoint(settings: dict[str, Any]) -> None:
    """Refuse a checkpoint, which holds the state of one training and not of several sections."""
    if settings.get("checkpoint") is not None:
        raise InputError(
            expected("no checkpoint, which is of one training", "one", "Leave it out, or sections.")
        )
