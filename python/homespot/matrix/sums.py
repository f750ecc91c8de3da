"""Sums of rows and columns of dense and sparse matrices, in memory or not.

Every sum adds its values in float64 one after the other. A sparse matrix leaves out zeros, which change no
sum, so it has the same sums as a dense one, to the byte; blocks and threads do not change them either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.jit import compiled_in_order
from .streamed import Streamed

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["add_rows", "column_sums", "is_sparse", "row_means", "row_sums", "squares_about", "weighted_sums"]

F64 = npt.NDArray[np.float64]

_BLOCK = 2**18  # elements that are brought into C order at once


def is_sparse(x: object) -> TypeIs[sparse.csr_matrix]:
    """Whether `x` is sparse. For type checkers, every sparse matrix has the methods of CSR."""
    return bool(sparse.issparse(x))


@compiled_in_order
def _weigh_rows(x: Any, weights: Any, out: Any) -> None:
    # Eight rows at a time, as each sum has to wait for its last addition.
    m, n = x.shape
    for i in range(0, m - 7, 8):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for j in range(n):
            w = weights[j]
            s0 += x[i, j] * w
            s1 += x[i + 1, j] * w
            s2 += x[i + 2, j] * w
            s3 += x[i + 3, j] * w
            s4 += x[i + 4, j] * w
            s5 += x[i + 5, j] * w
            s6 += x[i + 6, j] * w
            s7 += x[i + 7, j] * w
        out[i], out[i + 1], out[i + 2], out[i + 3] = s0, s1, s2, s3
        out[i + 4], out[i + 5], out[i + 6], out[i + 7] = s4, s5, s6, s7
    for i in range(m - m % 8, m):
        s0 = 0.0
        for j in range(n):
            s0 += x[i, j] * weights[j]
        out[i] = s0


@compiled_in_order
def _weigh_entries(x: Any, at: Any, weights: Any, out: Any) -> None:
    m, n = x.shape
    for i in range(m):
        total = 0.0
        for j in range(n):
            total += x[i, j] * weights[at[i, j]]
        out[i] = total


@compiled_in_order
def _add_rows(x: Any, sums: Any) -> None:
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            sums[j] += x[i, j]


@compiled_in_order
def _add_squares(x: Any, mean: Any, squares: Any, count: Any) -> None:
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            there = x[i, j] != 0
            away = x[i, j] - mean[j] if there else 0.0
            squares[j] += away * away
            count[j] += there


def _c_order(matrix: Any) -> list[tuple[slice, npt.NDArray[Any]]]:
    """Return a dense matrix in blocks of rows that the compiled loops take: floats in C order."""
    array = np.asarray(matrix)
    if array.dtype in (np.float32, np.float64) and array.flags.c_contiguous:
        return [(slice(0, len(array)), array)]
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    step = max(1, _BLOCK // max(array.shape[1], 1))
    some = (slice(start, min(start + step, len(array))) for start in range(0, len(array), step))
    return [(rows, np.ascontiguousarray(array[rows], dtype)) for rows in some]


def weighted_sums(matrix: Any, weights: F64, at: npt.NDArray[np.intp] | None = None) -> F64:
    """Return the sum of every row of a dense matrix, each entry times the weight of its column.

    Parameters
    ----------
    matrix
        Rows x columns.
    weights
        Shape (columns,).
    at
        The column of every entry, if there is not one for every column; rows x entries, in their order.
    """
    out = np.empty(matrix.shape[0])
    weights = np.ascontiguousarray(weights, np.float64)
    for rows, block in _c_order(matrix):
        if at is None:
            _weigh_rows(block, weights, out[rows])
        else:
            _weigh_entries(block, np.ascontiguousarray(at[rows]), weights, out[rows])
    return out


def row_sums(matrix: Any) -> F64:
    """Sum every row in float64, from the first column to the last."""
    if isinstance(matrix, Streamed):
        return np.concatenate([np.empty(0), *(row_sums(block) for _, block in matrix.blocks())])
    if is_sparse(matrix):
        return np.asarray(_sorted(matrix) @ np.ones(matrix.shape[1]), dtype=np.float64).ravel()
    return weighted_sums(matrix, np.ones(matrix.shape[1]))


def row_means(matrix: Any) -> F64:
    """Return the mean of every row, in float64."""
    if isinstance(matrix, Streamed):
        return np.concatenate([row_means(block) for _, block in matrix.blocks()])
    return row_sums(matrix) / int(matrix.shape[1])


def column_sums(matrix: Any) -> F64:
    """Sum every column in float64, from the first row to the last."""
    if isinstance(matrix, Streamed):
        sums: F64 = np.zeros(matrix.shape[1])
        for _, block in matrix.blocks():
            add_rows(block, sums)
        return sums
    if is_sparse(matrix):
        return np.asarray(_sorted(matrix).T @ np.ones(matrix.shape[0]), dtype=np.float64).ravel()
    sums = np.zeros(matrix.shape[1])
    add_rows(matrix, sums)
    return sums


def add_rows(block: Any, sums: F64) -> None:
    """Add rows to the sums of the columns, one after the other, in place."""
    if is_sparse(block):
        np.add.at(sums, block.indices, block.data.astype(np.float64))
        return
    for _, part in _c_order(block):
        _add_rows(part, sums)


def squares_about(block: Any, mean: F64) -> F64:
    """Return the sum of (x - mean)^2 of every column of a block, dense or CSR."""
    n_rows, n_columns = block.shape
    squares, count = np.zeros(n_columns), np.zeros(n_columns)
    if is_sparse(block):
        stored = block.data != 0
        indices, away = block.indices[stored], block.data[stored] - mean[block.indices[stored]]
        squares += np.bincount(indices, away**2, minlength=n_columns)
        count += np.bincount(indices, minlength=n_columns)
    else:
        for _, part in _c_order(block):
            _add_squares(part, mean, squares, count)
    return np.asarray(squares + (n_rows - count) * mean**2)


def _sorted(matrix: Any) -> Any:
    """Return a sparse matrix whose entries are stored in the order of its rows or columns."""
    if getattr(matrix, "has_sorted_indices", False):
        return matrix
    matrix = matrix.tocsr().copy()
    matrix.sort_indices()
    return matrix
