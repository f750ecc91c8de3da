"""Gather sums over P while it is read once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .rows import RowBlock, row_blocks
from .streamed import Streamed
from .sums import add_rows, column_sums, is_sparse

__all__ = ["ColumnSums", "Masses", "Reducer", "Summed", "gather", "masses", "summed"]

F64 = npt.NDArray[np.float64]
Weights = sparse.csr_matrix | F64


class Reducer(ABC):
    """Something that is gathered from P, one block of rows after the other.

    Several reducers share one pass over P. A subclass needs `start` and `add`.

    Attributes
    ----------
    reads
        Whether the rows have to be read, after `start`.
    """

    reads = True

    @abstractmethod
    def start(self, matrix: Any) -> None:
        """Prepare for P, cells x spots, before the first block."""

    @abstractmethod
    def add(self, block: RowBlock) -> None:
        """Take in the next rows."""


def gather(matrix: Any, *reducers: Reducer) -> None:
    """Read P (cells x spots, dense, sparse or `Streamed`) once, for all reducers."""
    for reducer in reducers:
        reducer.start(matrix)
    reducers = tuple(reducer for reducer in reducers if reducer.reads)
    if not reducers:
        return
    for block in row_blocks(matrix):
        for reducer in reducers:
            reducer.add(block)


class ColumnSums(Reducer):
    """Sums of the columns of P in float64, as `column_sums` finds them."""

    _matrix: Any
    _sums: F64

    def start(self, matrix: Any) -> None:
        """Start with sums of 0."""
        self._matrix, self._sums = matrix, np.zeros(matrix.shape[1])

    def add(self, block: RowBlock) -> None:
        """Add rows that were read; those of a matrix in memory are summed all at once, by `total`."""
        if not isinstance(self._matrix, Streamed):
            return
        add_rows(block.values, self._sums)

    @property
    def total(self) -> F64:
        """The sums, shape (spots,)."""
        return self._sums if isinstance(self._matrix, Streamed) else column_sums(self._matrix)


class Masses(Reducer):
    """W P, or W times the squares of P, in float64, for W groups x cells.

    Parameters
    ----------
    weights
        W, groups x cells, CSR or dense: for P' X that is X'.
    squares
        Whether to square P.

    Attributes
    ----------
    total
        Groups x spots.
    """

    total: F64

    def __init__(self, weights: Weights, *, squares: bool = False) -> None:
        self._weights, self._squares = weights, squares

    def start(self, matrix: Any) -> None:
        """Start with sums of 0."""
        self.total = np.zeros((self._weights.shape[0], matrix.shape[1]))

    def add(self, block: RowBlock) -> None:
        """Add the masses that these cells bring."""
        self._add(block, self._weights[:, block.rows])

    def _add(self, block: RowBlock, weights: Weights) -> None:
        p = block.values.astype(np.float64)
        if self._squares:
            values = p.data if is_sparse(p) else p
            np.square(values, out=values)
        part = weights @ p
        self.total += part.toarray() if is_sparse(part) else part


class Summed(Reducer):
    """P G in float64, for G spots x groups.

    Parameters
    ----------
    groups
        G, spots x groups, CSR or dense.

    Attributes
    ----------
    total
        Cells x groups.
    """

    total: F64

    def __init__(self, groups: Weights) -> None:
        self._groups = groups

    def start(self, matrix: Any) -> None:
        """Make room for the sums of every cell."""
        self.total = np.empty((matrix.shape[0], self._groups.shape[1]))

    def add(self, block: RowBlock) -> None:
        """Sum these rows over the groups."""
        part = block.values.astype(np.float64) @ self._groups
        self.total[block.rows] = part.toarray() if is_sparse(part) else part


def masses(matrix: Any, weights: Weights, *, squares: bool = False) -> F64:
    """Return W P, or W times the squares of P; see `Masses`."""
    found = Masses(weights, squares=squares)
    gather(matrix, found)
    return found.total


def summed(matrix: Any, groups: Weights) -> F64:
    """Return P G; see `Summed`."""
    found = Summed(groups)
    gather(matrix, found)
    return found.total
