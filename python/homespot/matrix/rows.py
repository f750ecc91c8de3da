"""Read P in blocks of rows; of a sparse P only the entries that it stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..errors import InputError, expected
from .streamed import Streamed
from .sums import is_sparse, row_sums

__all__ = ["Rows", "best", "blocks", "entries", "home", "masses", "mean_of", "sharpened", "summed", "widest"]

F64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_MOST = 1024
_VALUES = 2**22


class Rows(NamedTuple):
    """Some rows of P.

    ``p`` holds their entries (cells x entries; 0 where a row has fewer). ``spots`` holds the spot of each
    entry, in the order of the map; it is None if there is an entry for every spot.
    """

    rows: slice
    p: npt.NDArray[np.floating[Any]]
    spots: Indices | None


def widest(matrix: Any) -> int:
    """Return the largest number of entries in a row; for a dense map this is the number of spots."""
    if isinstance(matrix, Streamed):
        return int(matrix.counts.max(initial=1))
    if is_sparse(matrix):
        return int(np.diff(matrix.tocsr().indptr).max(initial=1))  # a converter may have made it CSC
    return int(matrix.shape[1])


def blocks(matrix: Any) -> list[slice]:
    """Return the blocks of rows in which a map is read."""
    n = matrix.shape[0]
    step = max(1, min(_MOST, _VALUES // max(widest(matrix), 1)))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def masses(matrix: Any, weights: sparse.csr_matrix, *, squares: bool = False) -> F64:
    """Return W P, or W times the squares of P, in float64, for W groups x cells and P cells x spots."""
    total = np.zeros((weights.shape[0], matrix.shape[1]))
    for block in blocks(matrix):
        p = matrix[block].astype(np.float64)
        if squares:
            values = p.data if is_sparse(p) else p
            np.square(values, out=values)
        part = weights[:, block] @ p
        total += part.toarray() if is_sparse(part) else part
    return total


def summed(matrix: Any, groups: sparse.csr_matrix) -> F64:
    """Return P G (cells x groups) in float64, for P cells x spots and G spots x groups."""
    found = np.empty((matrix.shape[0], groups.shape[1]))
    for block in blocks(matrix):
        part = matrix[block].astype(np.float64) @ groups
        found[block] = part.toarray() if is_sparse(part) else part
    return found


def _compact(matrix: sparse.csr_matrix) -> tuple[npt.NDArray[np.floating[Any]], Indices]:
    matrix.sort_indices()
    count = np.diff(matrix.indptr)
    there = np.arange(count.max(initial=1)) < count[:, None]
    p, spots = np.zeros(there.shape, matrix.dtype), np.zeros(there.shape, np.intp)
    p[there], spots[there] = matrix.data, matrix.indices
    return p, spots


def entries(matrix: Any) -> Iterator[Rows]:
    """Go through P (cells x spots, dense, CSR or `Streamed`).

    Raises
    ------
    InputError
        If a row has no probability on any spot.
    """
    if is_sparse(matrix):
        matrix = matrix.tocsr()
    for rows in blocks(matrix):
        part = matrix[rows]
        p, spots = _compact(part.copy()) if is_sparse(part) else (np.asarray(part), None)
        if (p.max(axis=1, initial=0) <= 0).any():
            nowhere = int((row_sums(matrix) <= 0).sum())
            raise InputError(
                expected(
                    "every cell to have some probability",
                    f"{nowhere} cell(s) without any on the spots of this mapping",
                    "Drop these cells with subset() first.",
                )
            )
        yield Rows(rows, p, spots)


def home(part: Rows) -> Indices:
    """Return the most probable spot of every row, the first of equals."""
    at = part.p.argmax(axis=1)
    return at if part.spots is None else np.take_along_axis(part.spots, at[:, None], axis=1)[:, 0]


def best(part: Rows, k: int) -> tuple[Indices, F64]:
    """Return the k most probable spots of every row, in the order of the map, and their probability."""
    width = part.p.shape[1]
    k = min(k, width)
    at = np.sort(np.argpartition(part.p, width - k, axis=1)[:, width - k :], axis=1)
    share = np.take_along_axis(part.p, at, axis=1).astype(np.float64)
    return at if part.spots is None else np.take_along_axis(part.spots, at, axis=1), share


def mean_of(part: Rows, values: F64) -> F64:
    """Return the mean of the spots' values (spots, or spots x dimensions), weighted by every row of P."""
    p = part.p.astype(np.float64)
    total = p.sum(axis=1)
    found = p @ values if part.spots is None else np.einsum("ce,ce...->c...", p, values[part.spots])
    return np.asarray(found / (total if found.ndim == 1 else total[:, None]))


def sharpened(share: F64) -> F64:
    """Return the squares of probabilities (cells x k), each row scaled to sum to 1.

    Balanced marginals need a soft P, places a sharp one; squaring P acts as half the regularisation does.
    Rows are scaled first, because the square of a very small number is 0.
    """
    squares = np.square(share / share.max(axis=1, keepdims=True))
    return np.asarray(squares / squares.sum(axis=1, keepdims=True))
