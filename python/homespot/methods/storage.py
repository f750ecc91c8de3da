"""Where a transport keeps its kernel and COME its C, and of how many numbers: from the problem alone."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..common.checks import whole
from ..common.wording import argument, shown
from ..errors import InputError, expected
from ..transport import Backend, Storage

__all__ = ["CANDIDATES", "COMPONENTS", "Layout", "candidate_spots", "check_number", "layout"]

COMPONENTS = 128
"""How many principal components stand for the genes where the kernel is made anew in every pass."""

CANDIDATES = 1024
"""For how many spots of each cell C is kept where it is not kept for all."""

_STORED = 2**26  # entries that are stored though only the best of them are kept
_WRITTEN = 2**31  # entries that are written down, where all of them are kept
_FULL = 2**28  # entries of a C that is kept for all spots


class Layout(NamedTuple):
    """How a transport is solved.

    Attributes
    ----------
    storage
        Whether the kernel is stored or streamed.
    components
        How many principal components stand for the genes; None: the genes themselves.
    """

    storage: Storage
    components: int | None


def layout(
    *,
    cells: int,
    spots: int,
    genes: int,
    k_best: int | None,
    storage: Storage | None = None,
    n_components: Any = "auto",
    backend: Backend | None = None,
) -> Layout:
    """Return how a transport is solved; the memory of the day has no part in it.

    With `k_best`, a kernel of more than 67 million entries is streamed. Without it, the map is written down,
    and its kernel is stored, up to 2,147 million entries; a kernel that is streamed gives a map of features
    and potentials. A kernel that is streamed is made of 128 principal components of the genes,
    where there are more genes than that.

    Parameters
    ----------
    cells, spots, genes
        Size of the problem.
    k_best
        How many entries of every row are wanted.
    storage, n_components, backend
        As given by the user. POT solves the stored problem.
    """
    if storage is None:
        large = cells * spots > (_WRITTEN if k_best is None else _STORED)
        storage = "streamed" if large and backend != "pot" else "stored"
    components = n_components
    if n_components == "auto":
        components = COMPONENTS if storage == "streamed" else None
    if components is not None and components >= genes:
        components = None
    return Layout(storage, components)


def candidate_spots(candidates: Any, *, cells: int, spots: int) -> int | None:
    """Return for how many spots of each cell C is kept; None: for all.

    Parameters
    ----------
    candidates
        As given by the user. "auto" is `CANDIDATES` for more than 268 million pairs of a cell and a spot, if
        these are less than half of the spots: an entry takes twice the memory of one of all spots.
    cells, spots
        Size of the problem.
    """
    if candidates == "auto":
        candidates = CANDIDATES if cells * spots > _FULL and spots > 2 * CANDIDATES else None
    return None if candidates is None else min(int(candidates), spots)


def check_number(name: str, value: Any) -> None:
    """Refuse what is neither a whole number of at least 1 nor "auto"."""
    if not isinstance(value, str):
        whole(name, value, 1)
    elif value != "auto":
        raise InputError(
            expected(
                f"{argument(name)} to be a whole number, {shown('auto')} or {shown(None)}",
                shown(value),
                "Use one of these.",
            )
        )
