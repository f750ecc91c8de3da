"""Matrices that are not in memory, and are read in blocks of rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..errors import InputError, expected

__all__ = ["Streamed", "by_blocks", "in_blocks", "in_memory"]


Indices = npt.NDArray[np.intp]


Read = Callable[[int, int], Any]


_VALUES = 2**22


def stacked(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if sparse.issparse(parts[0]):
        return sparse.csr_matrix(sparse.vstack(parts, format="csr"))
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Streamed:
    """A matrix whose rows are read when they are asked for.

    ``matrix[rows]`` is an array, or a CSR matrix with sorted columns. Rows are a slice without a step, or
    indices in any order. If the indices are far apart, the rows between them are read as well. A process that
    receives the matrix gets its values.

    Parameters
    ----------
    read
        Returns the rows from a first one up to a last one, without the last one.
    shape, dtype
        Shape and type of the whole matrix; a block may have a narrower type.
    sparse
        Whether blocks are CSR.
    pick
        Returns rows by their indices, where that takes less than to read all rows between them; None: where
        it does not.
    concurrent
        Whether several threads may read at once.
    best
        Returns the k largest entries of every row as CSR, where that takes less than to read the rows; None:
        where it does not.
    csr
        The same matrix in CSR blocks, if it is dense and can be read so too.
    """

    read: Read
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    sparse: bool
    pick: Callable[[Indices], Any] | None = None
    concurrent: bool = False
    best: Callable[[int], Any] | None = None
    csr: Streamed | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Indices) -> Any:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.shape[0])
            return self.read(start, max(start, stop))
        index = np.arange(self.shape[0])[rows]
        if len(index) == 0:
            return self.read(0, 0)
        if self.pick is not None:
            return self.pick(index)
        order = np.argsort(index, kind="stable")
        index = index[order]
        parts, at = [], 0
        while at < len(index):
            first = int(index[at])
            end = int(np.searchsorted(index, first + self.step))
            parts.append(self.read(first, int(index[end - 1]) + 1)[index[at:end] - first])
            at = end
        found = stacked(parts)
        return found if (order == np.arange(len(order))).all() else found[np.argsort(order)]

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray if not self.sparse else sparse.csr_matrix, (in_memory(self),)

    @property
    def step(self) -> int:
        """How many rows are read at once by default."""
        return max(1, min(self.shape[0], _VALUES // max(self.shape[1], 1)))

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield all rows, block by block."""
        for start in range(0, self.shape[0], self.step):
            rows = slice(start, min(start + self.step, self.shape[0]))
            yield rows, self[rows]

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Number of entries of every row. To count those of a sparse matrix, it is read once."""
        counts = np.full(self.shape[0], self.shape[1], dtype=np.int64)
        if self.sparse:
            for rows, block in self.blocks():
                counts[rows] = np.diff(block.indptr)
        return counts

    def taken(self, rows: Indices | None = None, columns: Indices | None = None) -> Streamed:
        """Return the matrix of these rows and columns, without reading it."""
        found = replace(self, best=None)
        if rows is not None:
            found = replace(
                found,
                read=lambda start, stop: self[rows[start:stop]],
                pick=None if self.pick is None else lambda index: self[rows[index]],
                shape=(len(rows), self.shape[1]),
            )
        if columns is not None:
            read, pick = found.read, found.pick
            found = replace(
                found,
                read=lambda start, stop: read(start, stop)[:, columns],
                pick=None if pick is None else lambda index: pick(index)[:, columns],
                shape=(found.shape[0], len(columns)),
            )
        return found if self.csr is None else replace(found, csr=self.csr.taken(rows, columns))

    def mapped(self, change: Callable[[Any], Any]) -> Streamed:
        """Return the matrix with every block changed by a function that takes each row by itself."""
        pick = self.pick
        return replace(
            self,
            read=lambda start, stop: change(self.read(start, stop)),
            pick=None if pick is None else lambda index: change(pick(index)),
            best=None,
            csr=None,
        )

    def astype(self, dtype: npt.DTypeLike) -> Streamed:
        """Return the matrix with this type."""
        return replace(self.mapped(lambda block: block.astype(dtype)), dtype=np.dtype(dtype))


def in_blocks(
    fetch: Callable[[int], Any], ends: Sequence[int], shape: Sequence[int], dtype: str, *, sparse: bool
) -> Streamed:
    """Return a matrix whose blocks of rows another program provides; the last one read is kept.

    Parameters
    ----------
    fetch
        Returns block k, counted from 0, or a text that says why it cannot. Only the thread that calls
        `in_blocks` calls it.
    ends
        The row after the last one of every block.
    shape, dtype, sparse
        As for `Streamed`.
    """
    own = threading.get_ident()

    def block(k: int) -> Any:
        if threading.get_ident() != own:
            raise RuntimeError("the matrix can be read from the thread only that it came from")
        found = fetch(k)
        if isinstance(found, str):
            raise InputError(
                expected("a matrix that can be read", found, "Is the file that it is in still there?")
            )
        return found

    return by_blocks(block, ends, (int(shape[0]), int(shape[1])), np.dtype(dtype), sparse)


def by_blocks(
    fetch: Callable[[int], Any],
    ends: Sequence[int],
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    is_sparse: bool,
) -> Streamed:
    """Return a matrix of blocks of rows, and keep the last block read; parameters as for `in_blocks`."""
    limits = np.asarray([0, *ends], dtype=np.intp)
    kept: list[tuple[int, Any]] = [(-1, None)]

    def block(k: int) -> Any:
        number, found = kept[0]
        if number != k:
            kept[0] = (-1, None)
            found = fetch(k)
            kept[0] = (k, found)
        return found

    def read(start: int, stop: int) -> Any:
        first = min(int(np.searchsorted(limits, start, side="right")) - 1, len(limits) - 2)
        parts = []
        while True:
            offset = int(limits[first])
            parts.append(block(first)[start - offset : max(min(stop, int(limits[first + 1])) - offset, 0)])
            first, start = first + 1, int(limits[first + 1])
            if start >= stop:
                return stacked(parts)

    return Streamed(read, shape, dtype, is_sparse)


def in_memory(matrix: Any) -> Any:
    """Return a matrix in memory: a `Streamed` is read, any other matrix is returned as it is."""
    if not isinstance(matrix, Streamed):
        return matrix
    if matrix.sparse or not matrix.shape[0]:
        return stacked([block for _, block in matrix.blocks()] or [matrix.read(0, 0)])
    parts = matrix.blocks()
    rows, block = next(parts)
    out = np.empty(matrix.shape, dtype=block.dtype)
    out[rows] = block
    for rows, block in parts:
        if np.result_type(out, block) != out.dtype:
            out = out.astype(np.result_type(out, block))
        out[rows] = block
    return out
