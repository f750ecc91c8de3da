"""Find the library of a spot by the text before or behind the barcode in its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["MOST", "NameParts", "parts_of_names", "repeated_barcodes"]

MOST = 100
"""A column with more distinct values is not taken for sections, unless its name says so."""
_BARCODE = re.compile(r"[ACGTN]{10,}")
_BREAKS = r"[-_.:|#/ ]+"
_WORDS = (
    re.compile(rf"^(?P<rest>.*[^-_.:|#/ ]){_BREAKS}(?P<end>[^-_.:|#/ ]+)$"),
    re.compile(rf"^(?P<end>[^-_.:|#/ ]+){_BREAKS}(?P<rest>.+)$"),
)
_PLANE = re.compile(r"^z[0-9]*$", re.IGNORECASE)
_ENOUGH = 0.95
"""Share of names with a barcode from which all are taken as barcodes."""
_SAMPLE, _ENOUGH_OF_SAMPLE = 1000, 0.8
_REPEATED = 0.05
"""Smallest share of the spots of two libraries whose barcode is also in the other library."""


@dataclass(frozen=True)
class NameParts:
    """A part of the spots' names that divides them: ``codes`` (spots) into ``labels``.

    ``barcodes`` says whether the rest of the names are barcodes; ``repeated`` says whether spots of different
    parts have the same rest.
    """

    codes: npt.NDArray[np.intp]
    labels: list[str]
    barcodes: bool
    repeated: bool


def parts_of_names(names: pd.Index) -> list[NameParts]:
    """Return the parts of names that divide the spots: endings of barcodes, or the last and first words.

    Words may divide the spots into at most `MOST` parts. A sample of the names shows whether to read all
    names.
    """
    text = [str(name) for name in names]
    sample = text[:: max(1, len(text) // _SAMPLE)]
    if _share(_found(_BARCODE, sample)) >= _ENOUGH_OF_SAMPLE:
        barcodes = _found(_BARCODE, text)
        if _share(barcodes) >= _ENOUGH:
            if None in barcodes:
                return []
            pairs = zip(text, barcodes, strict=True)
            ends = pd.Series([name.replace(str(code), " ", 1) for name, code in pairs])
            found = _divided(ends, pd.Series(barcodes), barcodes=True)
            return [] if found is None else [found]
    parts = []
    for pattern in _WORDS:
        some = set(_found(pattern, sample, "end"))
        if None in some or len(some) > MOST:
            continue
        words = _found(pattern, text, "end")
        if not 2 <= len(set(words)) <= MOST or None in words or all(_PLANE.match(str(w)) for w in set(words)):
            continue
        rest = pd.Series(_found(pattern, text, "rest"))
        found = _divided(pd.Series(words), rest, barcodes=False)
        if found is not None and found.repeated:
            parts.append(found)
    return parts


def repeated_barcodes(names: pd.Index) -> int:
    """Return how many spots have the same barcode in their names as another spot."""
    found = [barcode for barcode in _found(_BARCODE, names.astype(str)) if barcode is not None]
    return int(pd.Series(found, dtype=object).duplicated(keep=False).sum())


def _found(pattern: re.Pattern[str], names: Iterable[str], group: int | str = 0) -> list[str | None]:
    """Return a part of every name, None if the pattern does not match."""
    return [None if (match := pattern.search(name)) is None else match[group] for name in names]


def _share(found: Sequence[object]) -> float:
    return sum(one is not None for one in found) / max(1, len(found))


def _divided(ends: pd.Series, rest: pd.Series, *, barcodes: bool) -> NameParts | None:
    codes, values = pd.factorize(ends)
    if not 2 <= len(values) <= max(2, len(ends) // 10):
        return None
    labels = _without_common([re.split(_BREAKS, str(value).strip("-_.:|#/ ")) for value in values])
    # If names were made unique, some end in a number and the others do not.
    if len(set(labels)) < len(labels) or "" in labels:
        return None
    return NameParts(
        np.asarray(codes, dtype=np.intp),
        labels,
        barcodes,
        bool(rest.duplicated(keep=False).mean() >= _REPEATED),
    )


def _without_common(words: list[list[str]]) -> list[str]:
    """Leave out the words at both ends that all names share, and join the others."""
    while all(words) and len({one[0] for one in words}) == 1:
        words = [one[1:] for one in words]
    while all(words) and len({one[-1] for one in words}) == 1:
        words = [one[:-1] for one in words]
    return ["_".join(one) for one in words]
