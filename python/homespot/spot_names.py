"""Which library a spot is of, by what its name has before or behind its barcode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["NameParts", "parts_of_names", "repeated_barcodes"]

_BARCODE = r"^(.*?)([ACGTN]{10,})(.*)$"
_BREAKS = r"[-_.:|#/ ]+"
_PLANE = re.compile(r"^z[0-9]*$", re.IGNORECASE)
_ENOUGH = 0.95
"""Share of names with a barcode that makes them names of barcodes."""
_REPEATED = 0.05
"""Of the spots of two libraries at least this share has a barcode that the other library has too."""


@dataclass(frozen=True)
class NameParts:
    """A part of the spots' names that divides them: ``codes`` (spots) into ``labels``.

    ``barcodes`` says whether the rest of the names are barcodes, and ``repeated`` whether several spots of
    different parts have the same rest.
    """

    codes: npt.NDArray[np.intp]
    labels: list[str]
    barcodes: bool
    repeated: bool


def parts_of_names(names: pd.Index) -> Iterator[NameParts]:
    """Go through the parts of names that divide the spots: ends of barcodes, or the last and first words."""
    text = pd.Series(names.astype(str))
    barcodes = text.str.extract(_BARCODE)
    there = barcodes[1].notna()
    if there.mean() >= _ENOUGH:
        if there.all():
            found = _divided(barcodes[0] + " " + barcodes[2], barcodes[1], barcodes=True)
            if found is not None:
                yield found
        return
    for pattern in (
        rf"^(?P<rest>.*[^-_.:|#/ ]){_BREAKS}(?P<end>[^-_.:|#/ ]+)$",
        rf"^(?P<end>[^-_.:|#/ ]+){_BREAKS}(?P<rest>.+)$",
    ):
        words = text.str.extract(pattern)
        if words["end"].notna().all() and not words["end"].str.match(_PLANE).all():
            found = _divided(words["end"], words["rest"], barcodes=False)
            if found is not None and found.repeated:
                yield found


def repeated_barcodes(names: pd.Index) -> int:
    """Return how many spots have the barcode of another spot in their names."""
    barcodes = pd.Series(names.astype(str)).str.extract(_BARCODE)[1].dropna()
    return int(barcodes.duplicated(keep=False).sum())


def _divided(ends: pd.Series, rest: pd.Series, *, barcodes: bool) -> NameParts | None:
    codes, values = pd.factorize(ends)
    if not 2 <= len(values) <= max(2, len(ends) // 10):
        return None
    labels = _without_common([re.split(_BREAKS, str(value).strip("-_.:|#/ ")) for value in values])
    # Behind names that were made unique there is a number in some, and nothing in the others.
    if len(set(labels)) < len(labels) or "" in labels:
        return None
    return NameParts(
        np.asarray(codes, dtype=np.intp),
        labels,
        barcodes,
        bool(rest.duplicated(keep=False).mean() >= _REPEATED),
    )


def _without_common(words: list[list[str]]) -> list[str]:
    """Leave out the words at both ends that all have, and join the others."""
    while all(words) and len({one[0] for one in words}) == 1:
        words = [one[1:] for one in words]
    while all(words) and len({one[-1] for one in words}) == 1:
        words = [one[:-1] for one in words]
    return ["_".join(one) for one in words]
