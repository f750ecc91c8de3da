"""Matrices that are not in memory: they are read a block of rows at a time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import anndata as ad
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .errors import InputError, expected

__all__ = [
    "Streamed",
    "Streaming",
    "annotated",
    "in_blocks",
    "in_memory",
    "on_disk",
    "read_later",
    "with_tables",
    "write_streamed",
    "x_of",
]

Indices = npt.NDArray[np.intp]
Read = Callable[[int, int], Any]

_VALUES = 2**22
_CHUNK = 2**18


def _stacked(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if sparse.issparse(parts[0]):
        return sparse.csr_matrix(sparse.vstack(parts, format="csr"))
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Streamed:
    """A matrix of which ``matrix[rows]`` reads some rows: an array, or a CSR matrix with sorted columns.

    Rows are a slice without a step, or indices in any order; far apart, they are read with what lies between.
    Sent to another process, it goes as what it holds.

    Parameters
    ----------
    read
        Returns the rows from a first one up to, without it, a last one.
    shape, dtype
        Of the whole; a block may be of a narrower type.
    sparse
        Whether blocks are CSR.
    """

    read: Read
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    sparse: bool

    def __getitem__(self, rows: slice | Indices) -> Any:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.shape[0])
            return self.read(start, max(start, stop))
        index = np.arange(self.shape[0])[rows]
        if len(index) == 0:
            return self.read(0, 0)
        order = np.argsort(index, kind="stable")
        index = index[order]
        parts, at = [], 0
        while at < len(index):
            first = int(index[at])
            end = int(np.searchsorted(index, first + self.step))
            parts.append(self.read(first, int(index[end - 1]) + 1)[index[at:end] - first])
            at = end
        found = _stacked(parts)
        return found if (order == np.arange(len(order))).all() else found[np.argsort(order)]

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray if not self.sparse else sparse.csr_matrix, (in_memory(self),)

    @property
    def step(self) -> int:
        """How many rows are read at once where nobody says."""
        return max(1, min(self.shape[0], _VALUES // max(self.shape[1], 1)))

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield all rows, block by block."""
        for start in range(0, self.shape[0], self.step):
            rows = slice(start, min(start + self.step, self.shape[0]))
            yield rows, self[rows]

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many entries every row has; of a sparse matrix, for which it is read once."""
        counts = np.full(self.shape[0], self.shape[1], dtype=np.int64)
        if self.sparse:
            for rows, block in self.blocks():
                counts[rows] = np.diff(block.indptr)
        return counts

    def taken(self, rows: Indices | None = None, columns: Indices | None = None) -> Streamed:
        """Return the matrix of these rows and columns, still to be read."""
        found = self
        if rows is not None:
            found = replace(
                found, read=lambda start, stop: self[rows[start:stop]], shape=(len(rows), self.shape[1])
            )
        if columns is not None:
            read = found.read
            found = replace(
                found,
                read=lambda start, stop: read(start, stop)[:, columns],
                shape=(found.shape[0], len(columns)),
            )
        return found

    def astype(self, dtype: npt.DTypeLike) -> Streamed:
        """Return the matrix with this type."""
        return replace(
            self, read=lambda start, stop: self.read(start, stop).astype(dtype), dtype=np.dtype(dtype)
        )


class Streaming(ad.AnnData):  # type: ignore[misc]
    """An AnnData without X, whose ``matrix`` takes its place: for what another program holds."""

    def __init__(self, matrix: Streamed, **parts: Any) -> None:
        super().__init__(**parts)
        self.matrix = matrix


def annotated(matrix: Any, **parts: Any) -> ad.AnnData:
    """Build an AnnData around a matrix, or one that is to be read."""
    return Streaming(matrix, **parts) if isinstance(matrix, Streamed) else ad.AnnData(matrix, **parts)


def in_blocks(
    fetch: Callable[[int], Any], ends: Sequence[int], shape: Sequence[int], dtype: str, *, sparse: bool
) -> Streamed:
    """Return a matrix whose blocks of rows another program chooses; one of them is kept.

    Parameters
    ----------
    fetch
        Returns block k, from 0, or what went wrong in words. It is called from the thread of this call only.
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

    return _by_blocks(block, ends, (int(shape[0]), int(shape[1])), np.dtype(dtype), sparse)


def _by_blocks(
    fetch: Callable[[int], Any],
    ends: Sequence[int],
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    is_sparse: bool,
) -> Streamed:
    """Return a matrix of blocks of rows, the last one of which is kept; parameters as for `in_blocks`."""
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
                return _stacked(parts)

    return Streamed(read, shape, dtype, is_sparse)


def _rows_of(part: Any) -> sparse.csr_matrix:
    """Return sparse rows as CSR with sorted columns."""
    rows = part.tocsr()
    block = sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    block.sum_duplicates()
    return block


def _of_file(stored: Any, path: str) -> Any:
    """Return what anndata keeps in a file as a matrix to be read; columns first, it has to be read whole."""
    is_sparse = isinstance(stored, ad.abc.CSRDataset | ad.abc.CSCDataset)

    def read(start: int, stop: int) -> Any:
        try:
            part = stored[start:stop]
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise InputError(
                expected(f"a file {path!r} that can be read", str(error), "Open it anew, or write it anew.")
            ) from error
        return _rows_of(part) if is_sparse else part

    if is_sparse and stored.format != "csr":
        return stored[:]
    found = Streamed(read, (int(stored.shape[0]), int(stored.shape[1])), np.dtype(stored.dtype), is_sparse)
    if is_sparse:
        vars(found)["counts"] = np.diff(stored.group["indptr"][:])  # known without reading the rest
    return found


def _of_dask(array: Any) -> Streamed:
    """Return a dask array as a matrix to be read, a chunk of rows at a time."""
    is_sparse = sparse.issparse(array._meta)

    def fetch(k: int) -> Any:
        try:
            found: Any = array.blocks[k].compute()
        except Exception as error:  # whatever the user's own steps raise
            raise InputError(
                expected(
                    "a dask array that can be computed",
                    f"{type(error).__name__} in its rows of chunk {k} ({error})",
                    "Try .compute() on it: is the file that it is in still there?",
                )
            ) from error
        if is_sparse:
            return _rows_of(found if sparse.issparse(found) else sparse.csr_matrix(found))
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found)

    return _by_blocks(fetch, np.cumsum(array.chunks[0]).tolist(), array.shape, array.dtype, is_sparse)


def _is_dask(matrix: Any) -> bool:
    dask = sys.modules.get("dask.array")  # a program that has such an array has imported it
    return dask is not None and isinstance(matrix, dask.Array)


def _is_stored(matrix: Any) -> bool:
    zarr = sys.modules.get("zarr")
    dense = isinstance(matrix, h5py.Dataset) or (zarr is not None and isinstance(matrix, zarr.Array))
    return dense or isinstance(matrix, ad.abc.CSRDataset | ad.abc.CSCDataset)


def read_later(matrix: Any) -> Any:
    """Return a dask array, or what zarr or HDF5 holds, as `Streamed`; any other matrix as it is."""
    if _is_dask(matrix):
        return _of_dask(matrix)
    if not _is_stored(matrix):
        return matrix
    group = getattr(matrix, "group", matrix)
    return _of_file(matrix, str(group.file.filename if isinstance(group, h5py.HLObject) else group.store))


def on_disk(adata: ad.AnnData) -> bool:
    """Whether something of an AnnData is still to be read or computed: its X, a layer, or its annotation."""
    if adata.isbacked or not _has_tables(adata):
        return True
    return any(_is_dask(matrix) or _is_stored(matrix) for matrix in (adata.X, *adata.layers.values()))


def x_of(adata: ad.AnnData, layer: str | None = None) -> Any:
    """Return X, or a layer: as it is where it is in memory, else as `Streamed`.

    In memory are, of what is backed by a file, layers, a part of it, and a matrix stored by columns (CSC). Of
    a dask array a chunk of rows is computed at a time.
    """
    if layer is not None:
        return read_later(adata.layers[layer])
    if isinstance(adata, Streaming):
        return adata.matrix
    if not adata.isbacked:
        return read_later(adata.X)
    path = str(adata.filename)
    try:
        stored = adata.X
    except (KeyError, OSError) as error:
        raise InputError(
            expected(f"a file {path!r} that can be read", str(error), "Is it still there?")
        ) from error
    return stored if stored is None or adata.is_view else _of_file(stored, path)


def _has_tables(adata: ad.AnnData) -> bool:
    return isinstance(adata.obs, pd.DataFrame) and isinstance(adata.var, pd.DataFrame)


def with_tables(adata: ad.AnnData) -> ad.AnnData:
    """Return an AnnData whose annotation is in memory as tables, while X and layers stay where they are.

    That is `adata` itself, but for what ``anndata.experimental.read_lazy`` returned: there obs and var are no
    tables of pandas.
    """
    if _has_tables(adata):
        return adata
    slots = ("obs", "var", "uns", "obsm", "varm", "obsp", "varp")
    tables = ad.AnnData(**{slot: getattr(adata, slot) for slot in slots}).to_memory()
    raw = None if adata.raw is None else {"X": adata.raw.X, "var": adata.raw.var.to_memory()}
    return ad.AnnData(
        adata.X,
        layers={name: layer for name, layer in adata.layers.items() if name},
        raw=raw,
        **{slot: getattr(tables, slot) for slot in slots},
    )


def in_memory(matrix: Any) -> Any:
    """Return a matrix whole: itself, or what `Streamed` reads."""
    if not isinstance(matrix, Streamed):
        return matrix
    if matrix.sparse or not matrix.shape[0]:
        return _stacked([block for _, block in matrix.blocks()] or [matrix.read(0, 0)])
    parts = matrix.blocks()
    rows, block = next(parts)
    out = np.empty(matrix.shape, dtype=block.dtype)
    out[rows] = block
    for rows, block in parts:
        if np.result_type(out, block) != out.dtype:
            out = out.astype(np.result_type(out, block))
        out[rows] = block
    return out


def write_streamed(file: h5py.File, place: str, matrix: Streamed) -> None:
    """Write a matrix to a place of an .h5ad file, block by block; what is read together lies together.

    Doubles of which every block is narrower are written so.
    """
    n, width = matrix.shape
    dtype = matrix.dtype
    if dtype == np.float64 and n:
        dtype = np.result_type(*{block.dtype for _, block in matrix.blocks()})
    packed = {"chunks": True, "compression": "gzip", "compression_opts": 4}
    if not matrix.sparse:
        columns = min(max(width, 1), _CHUNK)
        chunks = (max(1, min(n, _CHUNK // columns)), columns)
        x = file.create_dataset(place, (n, width), dtype, **(packed | {"chunks": chunks}))
        x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for rows, block in matrix.blocks():
            x[rows] = block
        return
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(matrix.counts)])
    x = file.create_group(place)
    x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": matrix.shape})
    x.create_dataset("indptr", data=indptr)
    for name, kind in (("data", dtype), ("indices", np.dtype(np.int32))):
        x.create_dataset(name, (indptr[-1],), kind, **(packed if indptr[-1] else {}))
    for rows, block in matrix.blocks():
        part = slice(indptr[rows.start], indptr[rows.stop])
        x["data"][part], x["indices"][part] = block.data, block.indices
