"""The largest entries of every row."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..common.checks import whole
from .gather import Reducer, gather
from .rows import RowBlock, block_size

__all__ = ["Best", "kept_bytes", "largest_entries", "picking_bytes"]


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
        """Make room for the entries of every row."""
        n_cells, n_spots = matrix.shape
        self._shape = n_cells, n_spots
        self._columns = np.empty((n_cells, min(self._k, n_spots)), dtype=np.int32)
        self._values = np.empty(self._columns.shape, dtype=matrix.dtype)

    def add(self, block: RowBlock) -> None:
        """Keep the largest entries of these rows."""
        values, k = block.values, self._columns.shape[1]
        best = np.sort(np.argpartition(values, -k, axis=1)[:, -k:], axis=1)
        self._columns[block.rows] = best
        self._values[block.rows] = np.take_along_axis(values, best, axis=1)

    @property
    def kept(self) -> sparse.csr_matrix:
        """The entries."""
        n_cells, k = self._columns.shape
        indptr = np.arange(0, n_cells * k + 1, k)
        return sparse.csr_matrix((self._values.ravel(), self._columns.ravel(), indptr), shape=self._shape)


def largest_entries(matrix: Any, k: int) -> sparse.csr_matrix:
    """Keep the `k` largest entries of every row of P, and read P once, block by block; see `Best`.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or a dense `Streamed`.
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
    return 0 if k is None else 2 * np.dtype(np.intp).itemsize * block_size(shape)
