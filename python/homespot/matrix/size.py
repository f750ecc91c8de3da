"""How many bytes a matrix takes in memory, whether it is there or not."""

from __future__ import annotations

from typing import Any

from .streamed import Streamed
from .sums import is_sparse

__all__ = ["bytes_of"]

_INDEX = 4  # bytes of the column of a stored entry


def bytes_of(matrix: Any) -> int:
    """Return the bytes of a matrix, dense, sparse or `Streamed`, as it is or would be in memory."""
    itemsize = int(matrix.dtype.itemsize)
    if isinstance(matrix, Streamed):
        if not matrix.sparse:
            return itemsize * matrix.shape[0] * matrix.shape[1]
        entries = int(matrix.counts.sum())
    elif is_sparse(matrix):
        entries = int(matrix.nnz)
    else:
        return int(matrix.nbytes)
    return entries * (itemsize + _INDEX) + _INDEX * int(matrix.shape[0])
