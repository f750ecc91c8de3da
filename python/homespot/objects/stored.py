"""Matrices in files and dask arrays, which are read in blocks of rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
from scipy import sparse

from ..common.signals import heard
from ..errors import HomespotError, InputError, expected
from ..matrix.streamed import Streamed, by_blocks

__all__ = [
    "check_structure",
    "file_matrix",
    "files_behind",
    "is_dask",
    "is_stored",
    "read_later",
    "write_streamed",
]


_CHUNK = 2**18


def check_structure(adata: ad.AnnData) -> None:
    """Raise a ValueError if a sparse matrix in memory has columns or rows outside its shape.

    Reading a damaged file may give one, at which SciPy's compiled loops crash.
    """
    matrices = [] if adata.isbacked else [adata.X, *([] if adata.raw is None else [adata.raw.X])]
    for slot in (adata.layers, adata.obsm, adata.varm, adata.obsp, adata.varp):
        matrices += [matrix for name, matrix in slot.items() if name is not None]
    for matrix in matrices:
        if isinstance(matrix, sparse.csr_matrix | sparse.csr_array | sparse.csc_matrix | sparse.csc_array):
            matrix.check_format(full_check=True)


def _rows_of(part: Any) -> sparse.csr_matrix:
    """Return sparse rows as CSR with sorted columns."""
    rows = part.tocsr()
    block = sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    block.sum_duplicates()
    return block


def file_matrix(stored: Any, path: str) -> Any:
    """Return a matrix in anndata's file as `Streamed`; one that is stored by columns is read completely."""
    is_sparse = isinstance(stored, ad.abc.CSRDataset | ad.abc.CSCDataset)

    def read(start: int, stop: int) -> Any:
        with _reading(path):
            part = stored[start:stop]
            if is_sparse:
                part.check_format(full_check=True)
        return _rows_of(part) if is_sparse else part

    with _reading(path):
        if is_sparse and stored.format != "csr":
            columns = stored[:]
            columns.check_format(full_check=True)
            return columns
        shape = int(stored.shape[0]), int(stored.shape[1])
        found = Streamed(read, shape, np.dtype(stored.dtype), is_sparse)
        if is_sparse:  # the pointers are read without the values
            vars(found)["counts"] = counts = np.diff(stored.group["indptr"][:])
            if len(counts) != shape[0] or counts.min(initial=0) < 0:
                raise ValueError("the pointers are not those of the rows")
    return found


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Raise an error of homespot if a matrix in a file cannot be read."""
    try:
        with heard():
            yield
    except (HomespotError, MemoryError, Warning):
        raise
    except Exception as error:  # h5py and zarr raise many kinds
        raise InputError(
            expected(f"a file {path!r} that can be read", str(error), "Open it anew, or write it anew.")
        ) from error


def _of_dask(array: Any) -> Streamed:
    """Return a dask array as `Streamed`, which computes a chunk of rows at a time."""
    is_sparse = sparse.issparse(array._meta)

    def fetch(k: int) -> Any:
        try:
            found: Any = array.blocks[k].compute()
        except Exception as error:  # the user's own steps may raise any error
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

    return by_blocks(fetch, np.cumsum(array.chunks[0]).tolist(), array.shape, array.dtype, is_sparse)


def is_dask(matrix: Any) -> bool:
    """Whether a matrix is a dask array."""
    dask = sys.modules.get("dask.array")  # a program with a dask array has imported dask
    return dask is not None and isinstance(matrix, dask.Array)


def is_stored(matrix: Any) -> bool:
    """Whether a matrix is in a file of zarr or HDF5."""
    zarr = sys.modules.get("zarr")
    dense = isinstance(matrix, h5py.Dataset) or (zarr is not None and isinstance(matrix, zarr.Array))
    return dense or isinstance(matrix, ad.abc.CSRDataset | ad.abc.CSCDataset)


def files_behind(matrix: Any) -> Iterator[Path]:
    """Yield the files from which a dask array, or a matrix in zarr or HDF5, is still to be read."""
    if is_dask(matrix):
        matrix = dict(matrix.__dask_graph__())
    elif not is_stored(matrix):
        return
    left, seen = [matrix], set[int]()
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, h5py.HLObject):
            yield Path(part.file.filename)
        elif isinstance(part, Path):
            yield part
        elif isinstance(part, Mapping):
            left += part.values()
        elif isinstance(part, list | tuple):
            left += part
        else:  # a task of dask, a partial function in it, a matrix of anndata
            left += [getattr(part, name) for name in _PARTS if hasattr(part, name)]


_PARTS = ("func", "args", "keywords", "kwargs", "value", "group")


def read_later(matrix: Any) -> Any:
    """Return a dask array, or a matrix in zarr or HDF5, as `Streamed`; any other matrix unchanged."""
    if is_dask(matrix):
        return _of_dask(matrix)
    if not is_stored(matrix):
        return matrix
    group = getattr(matrix, "group", matrix)
    return file_matrix(matrix, str(group.file.filename if isinstance(group, h5py.HLObject) else group.store))


def write_streamed(file: h5py.File, place: str, matrix: Streamed) -> None:
    """Write a matrix into an .h5ad file, block by block, so that rows that are read together lie together.

    If every block of a double matrix has a narrower type, that type is written.
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
