"""Names of columns that say which section a spot belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..common.keys import SECTION

__all__ = ["CLUSTERS", "NAMED", "PERHAPS", "VIEW", "WORD", "kind_of", "plain_name", "section_columns"]

# Names of columns of sections, without "id" and the like, from the most to the least certain.
NAMED = (
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
# These names often mean something else (a part of one tissue, a person): the coordinates have to agree.
PERHAPS = (
    *("region", "batch", "fov", "roi", "array", "origident", "orig", "replicate", "rep", "tma", "core"),
    *("block", "donor", "mouse", "animal", "patient", "subject", "individual", "condition", "group"),
    *("experiment", "run", "tissue", "bregma", "hemisphere", "biopsy", "file", "filename", "path"),
    *("well", "chip", "channel", "lane", "gemgroup", "gemwell", "age", "genotype", "sex", "gender"),
    *("strain", "timepoint", "treatment"),
)
WORD = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
"""A word of a name: ``Run_Tissue_name`` and ``RunTissueName`` have the words run, tissue, name."""
VIEW = "fov"
CLUSTERS = "region"
"""Columns of these names are clusters, not sections, if their values are numbers."""
_BEFORE = ("brain", "tissue", "visium", "spatial")
_AFTER = (
    *("id", "ids", "name", "names", "label", "labels", "number", "numbers", "num", "no", "nr", "key", "keys"),
    *("numeric", "index", "idx", "code", "codes", "identifier"),
)


def plain_name(name: object) -> str:
    """Return a name in lower case, letters and digits only: ``sample.id`` and ``Sample_ID`` are the same."""
    return "".join(c for c in str(name).lower() if c.isalnum())


def _known(word: str) -> str | None:
    """Return a word for sections in the singular."""
    forms = (word, word.removesuffix("s"), word.removesuffix("es"))
    return next((form for form in forms if form in NAMED or form in PERHAPS), None)


def kind_of(name: str) -> str:
    """Return the word for sections in a column's name: ``section`` for ``brain_section_labels``."""
    plain = plain_name(name)
    ends = sorted(_AFTER, key=len, reverse=True)
    short = next((plain.removesuffix(end) for end in ends if plain.endswith(end)), plain)
    bare = next((short.removeprefix(start) for start in _BEFORE if short.startswith(start)), short)
    for form in (plain, short, bare):
        if (known := _known(form)) is not None:
            return known
    words = [word for word in map(str.lower, WORD.findall(name)) if word not in _AFTER]
    every = [_known(word) for word in words]
    if not every or None in every:
        return plain
    order = [*NAMED, *PERHAPS]
    return max((str(kind) for kind in every), key=order.index)  # the least certain


def section_columns(names: Sequence[object]) -> list[str]:
    """Return the columns that name the sections of rows, from the most to the least certain."""
    order = [SECTION, *NAMED, *(kind for kind in PERHAPS if kind != CLUSTERS)]
    kinds = {str(name): str(name) if name == SECTION else kind_of(str(name)) for name in names}
    return sorted(
        (name for name, kind in kinds.items() if kind in order), key=lambda n: order.index(kinds[n])
    )
