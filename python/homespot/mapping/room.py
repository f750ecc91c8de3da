"""Ask for the memory that a map takes, before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..common import memory
from ..common.wording import argument, verb
from ..expression.table import Expression
from ..matrix.best import kept_bytes
from ..matrix.rows import block_size
from ..matrix.size import bytes_of
from ..matrix.sums import is_sparse
from ..methods import Method
from ..methods.storage import CANDIDATES
from ..space.sections import Sections
from .section_fit import compared_bytes

__all__ = [
    "FEWER_CELLS",
    "INSTEAD",
    "map_sizes",
    "require_copies",
    "require_groups",
    "require_map",
    "require_sections",
    "sections_needs",
]

Sizes = Mapping[str, Any]
Needs = Callable[..., float]

FEWER_CELLS = {"cells": "map at most {} cells at a time"}
"""How to ask for less of a map."""

INSTEAD: Sizes = {
    "k_best": 50,
    "storage": "streamed",
    "candidates": CANDIDATES,
    "n_genes": 1000,
    "validation_genes": 0,
    "map_optimiser": "mirror",
}
"""What is proposed instead of a larger or a missing value, where it saves memory."""

_SPARSE_COPIES = 3  # of a sparse P, while it is put beside or below another


def map_sizes(
    sc: Expression, st: Expression, settings: Sizes, k_best: int | None, device: str
) -> dict[str, Any]:
    """Return what the memory of a map follows from, by the names that ``needs`` of a method takes."""
    return {
        **settings,
        "cells": sc.shape[0],
        "spots": st.shape[0],
        "shared": int(np.isin(sc.genes, st.genes).sum()),
        "itemsize": np.dtype(sc.dtype).itemsize,
        "cell_bytes": bytes_of(sc.matrix) / sc.shape[0] if is_sparse(sc.matrix) else 0,
        "k_best": k_best,
        "device": device,
    }


def _options(sizes: Sizes) -> dict[str, dict[str, Any]]:
    """Return what the user can choose instead, as `memory.require` takes it."""
    instead = {name: value for name, value in INSTEAD.items() if name in sizes}
    return {
        f"use {argument('dtype', 'float32')}": {"itemsize": 4},
        **{f"use {argument(name, value)}": {name: value} for name, value in instead.items()},
    }


def _what(sizes: Sizes) -> str:
    return f"{sizes['cells']:,} cells x {sizes['spots']:,} spots"


def require_map(method: Method, sizes: Sizes) -> None:
    """Refuse a map that does not fit into memory."""
    n_genes = min(sizes["shared"], sizes.get("n_genes", sizes["shared"]))
    what = f"a map of {_what(sizes)} over {n_genes:,} genes"
    memory.require(method.needs, what, sizes, fewer=FEWER_CELLS, options=_options(sizes))


def _sections_bytes(needs: Needs, *, spots: int, largest: int, sections: int, **sizes: Any) -> float:
    """Return the bytes of maps that are made section by section: what is kept of all, and the work on one.

    `spots` are those of all `sections`, `largest` those of the largest one; the others as for `needs`.
    """
    cells, itemsize = int(sizes["cells"]), int(sizes["itemsize"])
    k_best = sizes["k_best"]
    one: float = needs(spots=largest, **sizes)
    genes = min(sizes["shared"], sizes.get("n_genes", sizes["shared"]))
    compared = compared_bytes(cells, spots, genes, sections, itemsize)
    if k_best is None:
        return itemsize * cells * spots + max(one, compared)
    kept = sections * kept_bytes((cells, largest), k_best, itemsize)
    return kept + max(one, compared, kept)  # it is there twice while it is put side by side


def sections_needs(needs: Needs, sizes: Sizes, sections: Sections) -> float:
    """Return the bytes of maps that are made section by section."""
    spots = [len(sections.rows(code)) for code in range(len(sections.names))]
    return _sections_bytes(needs, **{**sizes, "largest": max(spots), "sections": len(spots)})


def require_sections(needs: Needs, sizes: Sizes) -> None:
    """Refuse maps onto several sections that do not fit into memory; `sizes` as for `_sections_bytes`."""
    what = f"maps of {_what(sizes)} in {sizes['sections']} sections"
    needed = partial(_sections_bytes, needs)
    memory.require(needed, what, sizes, fewer=FEWER_CELLS, options=_options(sizes))


def require_copies(
    what: str,
    matrices: Sequence[Any],
    copies: float,
    advice: str | None = None,
) -> None:
    """Refuse to copy maps, given as P of each, that do not fit into memory that often.

    `advice` says how to take fewer cells.
    """
    n_cells = max([1, *(matrix.shape[0] for matrix in matrices)])
    each = [(int(m.shape[1]), int(m.dtype.itemsize), bytes_of(m)) for m in matrices]

    def needed(cells: int, k_best: int | None) -> float:
        if k_best is None:
            return float(copies * cells / n_cells * sum(n_bytes for _, _, n_bytes in each))
        return _SPARSE_COPIES * sum(kept_bytes((cells, spots), k_best, size) for spots, size, _ in each)

    k_best = INSTEAD["k_best"]
    memory.require(
        needed,
        what,
        {"cells": n_cells, "k_best": None},
        fewer={"cells": advice or f"take at most {{}} cells first, with {verb('subset')}"},
        options={f"map with {argument('k_best', k_best)}": {"k_best": k_best}},
    )


def require_groups(
    kind: str, of: str, groups: int, members: int, shape: tuple[int, int], copies: int
) -> None:
    """Refuse sums over P of this shape, `groups` of a kind x `members`, that do not fit into memory."""
    memory.require(
        lambda groups: 8 * (copies * groups * members + 2 * block_size(shape)),
        f"the sums of {groups:,} {kind} x {members:,} {of}",
        {"groups": groups},
        fewer={"groups": "give at most {} different labels"},
    )
