"""Sums of rows and columns of dense and sparse matrices, in memory or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .streamed import Streamed

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["column_sums", "is_sparse", "row_means", "row_sums"]


def is_sparse(x: object) -> TypeIs[sparse.csr_matrix]:
    """Whether `x` is sparse. For type checkers, every sparse matrix has the methods of CSR."""
    return bool(sparse.issparse(x))


def row_sums(matrix: Any) -> npt.NDArray[np.float64]:
    """Sum every row in float64; SciPy sums a sparse matrix in the matrix's own type."""
    if isinstance(matrix, Streamed):
        return np.concatenate([np.empty(0), *(row_sums(block) for _, block in matrix.blocks())])
    sums = matrix @ np.ones(matrix.shape[1]) if is_sparse(matrix) else matrix.sum(axis=1, dtype=np.float64)
    return np.asarray(sums, dtype=np.float64).ravel()


def row_means(matrix: Any) -> npt.NDArray[np.float64]:
    """Return the mean of every row, in float64."""
    return row_sums(matrix) / int(matrix.shape[1])


def column_sums(matrix: Any) -> npt.NDArray[np.float64]:
    """Sum every column in float64, row after row, so that the size of blocks changes no sum."""
    if isinstance(matrix, Streamed):
        sums: npt.NDArray[np.float64] = np.zeros(matrix.shape[1])
        for _, block in matrix.blocks():
            if is_sparse(block):
                np.add.at(sums, block.indices, block.data.astype(np.float64))
            else:
                sums = np.asarray(np.concatenate([sums[None], block]).sum(axis=0))
        return sums
    sums = matrix.T @ np.ones(matrix.shape[0]) if is_sparse(matrix) else matrix.sum(axis=0, dtype=np.float64)
    return np.asarray(sums, dtype=np.float64).ravel()
