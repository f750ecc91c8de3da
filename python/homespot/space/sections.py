"""The section of tissue of every spot, by a column that names it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.keys import SECTION
from ..common.wording import argument, words
from ..errors import DataWarning, InputError, expected, some
from .section_names import plain_name, section_columns

__all__ = [
    "Sections",
    "counted",
    "is_divided",
    "is_missing",
    "plain_name",
    "refuse_checkpoint",
    "section_columns",
    "sections_in",
    "text_of",
    "values_of",
    "within_objects",
]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Sections:
    """The section of every spot: ``codes`` (spots) into ``names``; ``column`` says where they were found.

    ``source`` says it if the column is only in the result, not in the user's data.
    """

    codes: Ints
    names: list[str]
    column: str
    source: str = ""

    @property
    def where(self) -> str:
        """Where the sections were found, for messages."""
        return self.source or words().column("st", self.column)

    def rows(self, code: int) -> Ints:
        """Return the spots of one section."""
        return np.flatnonzero(self.codes == code)

    def take(self, rows: Ints) -> Sections | None:
        """Return the sections of these spots only, or None if a single one is left."""
        left = np.unique(self.codes[rows])
        if len(left) < 2:
            return None
        renumbered = np.searchsorted(left, self.codes[rows])
        return Sections(renumbered, [self.names[i] for i in left], self.column, self.source)

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


def sections_in(spots: pd.DataFrame, column: object, place: str | None = None) -> Sections:
    """Return the sections that a column names, in the order of their first spots.

    `place` is the name of the column in messages; None is `column` itself.

    Raises
    ------
    InputError
        If `frame` has no column `column`, or a spot has no section.
    """
    if not isinstance(column, str) or column not in spots:
        raise InputError(
            expected(
                f"a column {column!r} in {words().annotation('st')}",
                some(spots.columns, 10) or "no columns",
                "Name the one with the section of every spot as sections, or leave it out.",
            )
        )
    given, place = spots[column], place or f"column {column!r} of {words().annotation('st')}"
    missing = is_missing(given)
    if missing.any():
        raise InputError(
            expected(
                f"a section of every spot in {place}",
                f"{missing.sum()} spot(s) without ({some(spots.index[missing])})",
                "Name the section of these spots, or drop them.",
            )
        )
    try:
        codes, values = pd.factorize(given)
    except TypeError as error:
        raise InputError(
            expected(
                f"names or numbers in {place}",
                f"values like {given.iloc[0]!r}",
                "Name the column with the section of every spot.",
            )
        ) from error
    names = [text_of(value) for value in values]
    if len(set(names)) < len(names):
        raise InputError(
            expected(
                f"sections with names of their own in {place}",
                f"{len(names)} values, but {len(set(names))} names",
                "Give all the same type.",
            )
        )
    return Sections(np.asarray(codes, dtype=np.intp), names, column)


def text_of(value: Any) -> str:
    """Return a value as the name of a section, written as R writes it."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.15g}"
    return str(value)


def is_missing(column: pd.Series) -> npt.NDArray[np.bool_]:
    """Return which values are missing, or blank."""
    gone = column.isna().to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return gone
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and the like cannot be compared
        return gone
    blank = [i for i, value in enumerate(values) if isinstance(value, str) and not value.strip()]
    return np.asarray(gone | np.isin(codes, blank))


def values_of(column: pd.Series) -> list[Any]:
    """Return the distinct values of a column without missing ones; none if they cannot be compared."""
    try:
        return list(column[~is_missing(column)].unique())
    except TypeError:
        return []


def is_divided(column: pd.Series) -> bool:
    """Whether a column divides the spots into parts, mostly of several spots; values may be missing."""
    values = values_of(column)
    if not 2 <= len(values) <= max(2, len(column) // 2):
        return False
    return all(isinstance(value, str | Real) and not isinstance(value, bool | np.bool_) for value in values)


def within_objects(sections: Sections, objects: npt.NDArray[Any], *, placed: bool = True) -> Sections:
    """Return sections that have spots of only one object each; a warning gives their names.

    A section gets the name of its object; if the object has several, its own name is appended.

    Parameters
    ----------
    sections
        The section of every spot.
    objects
        The name of every spot's object.
    placed
        Whether cells will have places in the sections, for the warning.
    """
    codes, names = pd.factorize(objects)
    pairs = pd.DataFrame({"object": codes, "section": sections.codes}).drop_duplicates()
    shared = pairs["section"].duplicated(keep=False)
    if not shared.any():
        return sections
    alone = ~pairs["object"].duplicated(keep=False)
    labels = [
        str(names[obj]) if only else f"{names[obj]}_{sections.names[section]}"
        for obj, section, only in zip(pairs["object"], pairs["section"], alone, strict=True)
    ]
    if len(set(labels)) < len(labels):
        raise InputError(
            expected(
                "objects and sections whose names put together differ",
                f"{some({label for label in labels if labels.count(label) > 1})} for two sections",
                "Rename the objects.",
            )
        )
    again = [sections.names[section] for section in pairs["section"][shared].unique()]
    warnings.warn(
        f"Several objects of st have {some(again)} as a section. Those of different objects are different "
        f"sections, called {some(labels)}."
        + (f" If all spots share one frame, set {argument('shared_frame', True)}." if placed else ""),
        DataWarning,
        stacklevel=5,
    )
    every = pd.MultiIndex.from_arrays([codes, sections.codes])
    found = pd.MultiIndex.from_frame(pairs).get_indexer(every)
    return Sections(np.asarray(found, dtype=np.intp), labels, SECTION)


def refuse_checkpoint(settings: dict[str, Any]) -> None:
    """Refuse a checkpoint: it holds the state of one training, and several sections need several."""
    if settings.get("checkpoint") is not None:
        raise InputError(
            expected("no checkpoint, which is of one training", "one", "Leave it out, or sections.")
        )
