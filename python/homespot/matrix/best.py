"""The largest entries of every row."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..common.checks import whole
from .rows import block_size, blocks

__all__ = ["kept_bytes", "largest_entries", "picking_bytes"]


def largest_entries(matrix: Any, k: int) -> sparse.csr_matrix:
    """Keep the `k` largest entries of every row of P, and read P once, block by block.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or a dense `Streamed`.
    k
        Number of entries to keep in each row.

    Returns
    -------
    Cells x spots, CSR, columns sorted.
    """
    whole("k_best", k, 1)
    n_cells, n_spots = matrix.shape
    k = min(k, n_spots)
    columns = np.empty((n_cells, k), dtype=np.int32)
    values = np.empty((n_cells, k), dtype=matrix.dtype)
    for rows in blocks(matrix):
        block = matrix[rows]
        best = np.sort(np.argpartition(block, n_spots - k, axis=1)[:, n_spots - k :], axis=1)
        columns[rows] = best
        values[rows] = np.take_along_axis(block, best, axis=1)
    indptr = np.arange(0, n_cells * k + 1, k)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), indptr), shape=matrix.shape)


def kept_bytes(shape: tuple[int, int], k: int | None, itemsize: int) -> int:
    """Return the bytes of the `k` largest entries of every row and their columns; 0 if k is None."""
    return 0 if k is None else shape[0] * min(int(k), shape[1]) * (itemsize + 4)


def picking_bytes(shape: tuple[int, int], k: int | None) -> int:
    """Return the bytes that `largest_entries` takes besides its result; 0 if k is None."""
    return 0 if k is None else 2 * np.dtype(np.intp).itemsize * block_size(shape)
