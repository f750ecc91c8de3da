"""P in blocks of rows; of a sparse P only the entries that it stores."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.wording import verb
from ..errors import InputError, expected
from .streamed import Streamed
from .sums import is_sparse, row_sums, weighted_sums

__all__ = ["RowBlock", "block_size", "blocks", "evenly_spaced", "row_blocks", "sharpened", "widest"]

F64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_MOST = 1024
_VALUES = 2**22


class RowBlock:
    """Some rows of P, read once; what is asked of them more than once is computed once.

    Parameters
    ----------
    matrix
        P, cells x spots, dense, CSR or `Streamed`.
    rows
        Which rows.

    Attributes
    ----------
    values
        The rows as the matrix has them: an array or CSR.
    """

    def __init__(self, matrix: Any, rows: slice) -> None:
        self.matrix, self.rows = matrix, rows
        self.values: Any = matrix[rows]
        self._best: dict[int, tuple[Indices, F64]] = {}

    @cached_property
    def _compacted(self) -> tuple[npt.NDArray[np.floating[Any]], Indices | None]:
        sparse_rows = is_sparse(self.values)
        p, spots = _compact(self.values.copy()) if sparse_rows else (np.asarray(self.values), None)
        if (p.max(axis=1, initial=0) <= 0).any():
            nowhere = int((row_sums(self.matrix) <= 0).sum())
            raise InputError(
                expected(
                    "every cell to have some probability",
                    f"{nowhere} cell(s) without any on the spots of this mapping",
                    f"Drop these cells with {verb('subset')} first.",
                )
            )
        return p, spots

    @property
    def p(self) -> npt.NDArray[np.floating[Any]]:
        """The entries of the rows (cells x entries), 0 where a row has fewer.

        Raises
        ------
        InputError
            If a row has no probability on any spot.
        """
        return self._compacted[0]

    @property
    def spots(self) -> Indices | None:
        """The spot of each entry, in the order of the map; None if there is an entry for every spot."""
        return self._compacted[1]

    @cached_property
    def doubles(self) -> F64:
        """The entries in float64."""
        return self.p.astype(np.float64, copy=False)

    @cached_property
    def total(self) -> F64:
        """Sum of the entries of every row."""
        return row_sums(self.p)

    @cached_property
    def sums(self) -> F64:
        """Sum of every row, as `row_sums` finds it."""
        return row_sums(self.values)

    @cached_property
    def home(self) -> Indices:
        """The most probable spot of every row, the first of equals."""
        at = self.p.argmax(axis=1)
        return at if self.spots is None else np.take_along_axis(self.spots, at[:, None], axis=1)[:, 0]

    def best(self, k: int) -> tuple[Indices, F64]:
        """Return the k most probable spots of every row, in the order of the map, and their probability."""
        width = self.p.shape[1]
        k = min(k, width)
        if k not in self._best:
            at = np.sort(np.argpartition(self.p, width - k, axis=1)[:, width - k :], axis=1)
            share = np.take_along_axis(self.p, at, axis=1).astype(np.float64)
            spots = at if self.spots is None else np.take_along_axis(self.spots, at, axis=1)
            self._best[k] = spots, share
        return self._best[k]

    def mean_of(self, values: F64) -> F64:
        """Return the mean of the spots' values (spots, or spots x dimensions), weighted by every row of P."""
        if values.ndim == 1:
            return weighted_sums(self.p, values, self.spots) / self.total
        return np.stack([self.mean_of(column) for column in values.T], axis=1)


def evenly_spaced(n: int, most: int) -> Indices:
    """Return at most `most` of n rows, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, most).astype(np.intp))


def widest(matrix: Any) -> int:
    """Return the largest number of entries in a row; for a dense map this is the number of spots."""
    if isinstance(matrix, Streamed):
        return int(matrix.counts.max(initial=1))
    if is_sparse(matrix):
        return int(np.diff(matrix.tocsr().indptr).max(initial=1))  # a converter may have made it CSC
    return int(matrix.shape[1])


def _step(width: int) -> int:
    return max(1, min(_MOST, _VALUES // max(width, 1)))


def blocks(matrix: Any) -> list[slice]:
    """Return the blocks of rows in which a map is read."""
    n, step = matrix.shape[0], _step(widest(matrix))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def block_size(shape: tuple[int, int]) -> int:
    """Return the number of entries of the largest block of a dense map of this shape."""
    return min(shape[0], _step(shape[1])) * shape[1]


def _compact(matrix: sparse.csr_matrix) -> tuple[npt.NDArray[np.floating[Any]], Indices]:
    matrix.sort_indices()
    count = np.diff(matrix.indptr)
    there = np.arange(count.max(initial=1)) < count[:, None]
    p, spots = np.zeros(there.shape, matrix.dtype), np.zeros(there.shape, np.intp)
    p[there], spots[there] = matrix.data, matrix.indices
    return p, spots


def row_blocks(matrix: Any) -> Iterator[RowBlock]:
    """Go through P (cells x spots, dense, sparse or `Streamed`), and read it once."""
    if is_sparse(matrix):
        matrix = matrix.tocsr()
    for rows in blocks(matrix):
        yield RowBlock(matrix, rows)


def sharpened(share: F64) -> F64:
    """Return the squares of probabilities (cells x k), each row scaled to sum to 1.

    Balanced marginals need a soft P, places a sharp one; squaring P acts as half the regularisation does.
    Rows are scaled first, because the square of a very small number is 0.
    """
    squares = np.square(share / share.max(axis=1, keepdims=True))
    return np.asarray(squares / squares.sum(axis=1, keepdims=True))
