"""The largest entries of every row; of equal ones those of the first columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..common.checks import whole
from ..common.cores import threads
from ..common.jit import compiled_in_order
from ..common.threads import pool
from .gather import Reducer, gather
from .rows import RowBlock, block_size
from .streamed import Streamed
from .sums import is_sparse

__all__ = ["Best", "kept_bytes", "largest_entries", "picking_bytes"]


_ROWS = 64  # rows that a thread reads at once
_AT_ONCE = 32  # entries that are compared at once


@compiled_in_order
def _sink(values: Any, columns: Any, value: Any, column: int, at: int) -> None:
    # Put an entry into a heap, at `at` or below. Its first is the least and, of equal ones, the last.
    n = values.shape[0]
    while 2 * at + 1 < n:
        child = 2 * at + 1
        other = child + 1
        if other < n and (
            values[other] < values[child]
            or (values[other] == values[child] and columns[other] > columns[child])
        ):
            child = other
        if value < values[child] or (value == values[child] and column > columns[child]):
            break
        values[at], columns[at] = values[child], columns[child]
        at = child
    values[at], columns[at] = value, column


@compiled_in_order
def _largest(p: Any, columns: Any, out: Any) -> None:
    # Write the largest entries of every row, and their columns, by column.
    n, k = p.shape[1], columns.shape[1]
    values, at = np.empty(k, p.dtype), np.empty(k, columns.dtype)
    for i in range(p.shape[0]):
        row = p[i]
        for j in range(k):
            values[j], at[j] = row[j], j
        for j in range(k // 2 - 1, -1, -1):
            _sink(values, at, values[j], at[j], j)
        for start in range(k, n, _AT_ONCE):
            some = row[start : min(start + _AT_ONCE, n)]
            larger = 0
            for j in range(some.shape[0]):
                larger += some[j] > values[0]
            if larger:
                for j in range(some.shape[0]):
                    if some[j] > values[0]:
                        _sink(values, at, some[j], start + j, 0)
        order = np.argsort(at)
        for j in range(k):
            columns[i, j], out[i, j] = at[order[j]], values[order[j]]


class Best(Reducer):
    """The `k` largest entries of every row of P.

    Parameters
    ----------
    k
        Number of entries to keep in each row.

    Attributes
    ----------
    kept
        Cells x spots, CSR, columns sorted.
    """

    def __init__(self, k: int) -> None:
        whole("k_best", k, 1)
        self._k = k

    def start(self, matrix: Any) -> None:
        """Make room for the entries of every row, unless the matrix picks them itself."""
        self._found: sparse.csr_matrix | None = None
        if isinstance(matrix, Streamed) and matrix.best is not None:
            self._found = matrix.best(self._k)
        self.reads = self._found is None
        if not self.reads:
            return
        n_cells, n_spots = matrix.shape
        self._shape = n_cells, n_spots
        self._columns = np.empty((n_cells, min(self._k, n_spots)), dtype=np.int32)
        self._values = np.empty(self._columns.shape, dtype=matrix.dtype)

    def add(self, block: RowBlock) -> None:
        """Keep the largest entries of these rows."""
        if is_sparse(block.values):
            self._columns[block.rows], self._values[block.rows] = block.best(self._columns.shape[1])
            return
        values, first = np.ascontiguousarray(block.values), block.rows.start

        def some(i: int) -> None:
            part = slice(i * _ROWS, min((i + 1) * _ROWS, len(values)))
            rows = slice(first + part.start, first + part.stop)
            _largest(values[part], self._columns[rows], self._values[rows])

        with pool(threads(values.size) - 1) as each:
            each(some, -(-len(values) // _ROWS))

    @property
    def kept(self) -> sparse.csr_matrix:
        """The entries."""
        if self._found is not None:
            return self._found
        n_cells, k = self._columns.shape
        indptr = np.arange(0, n_cells * k + 1, k)
        return sparse.csr_matrix((self._values.ravel(), self._columns.ravel(), indptr), shape=self._shape)


def largest_entries(matrix: Any, k: int) -> sparse.csr_matrix:
    """Keep the `k` largest entries of every row of P, and read P once, block by block; see `Best`.

    Parameters
    ----------
    matrix
        P, cells x spots, dense, CSR or a dense `Streamed`.
    k
        Number of entries to keep in each row.
    """
    found = Best(k)
    gather(matrix, found)
    return found.kept


def kept_bytes(shape: tuple[int, int], k: int | None, itemsize: int) -> int:
    """Return the bytes of the `k` largest entries of every row and their columns; 0 if k is None."""
    return 0 if k is None else shape[0] * min(int(k), shape[1]) * (itemsize + 4)


def picking_bytes(shape: tuple[int, int], k: int | None) -> int:
    """Return the bytes that `largest_entries` takes besides its result; 0 if k is None."""
    return 0 if k is None else 8 * block_size(shape)  # a copy, if the rows are not in C order
