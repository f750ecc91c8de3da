"""AnnData files: written whole or not at all, and read with a message that says what is wrong."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from . import files, memory
from .errors import HomespotError, InputError, expected
from .matrices import is_sparse
from .streamed import Streamed, write_streamed, x_of

__all__ = ["check_target", "file_size", "read_whole", "whole_file", "write_whole"]


def check_target(path: str | os.PathLike[str]) -> Path:
    """Refuse a path to which no .h5ad file can be written."""
    return files.check_target(path, ".h5ad")


def _reserve(name: str, n_bytes: int) -> None:
    """Raise OSError where the disk, a quota or a limit has no room for a file of this size.

    HDF5 does not survive a write that fails: the process ends with it, later if not at once. So the room is
    looked for before HDF5 has the file.
    """
    if hasattr(os, "posix_fallocate"):
        handle = os.open(name, os.O_WRONLY)
        try:
            os.posix_fallocate(handle, 0, n_bytes)
        finally:
            os.ftruncate(handle, 0)
            os.close(handle)
    elif shutil.disk_usage(Path(name).parent).free < n_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def whole_file(path: str | os.PathLike[str], n_bytes: int) -> Iterator[str]:
    """Yield a name to write to, which takes the place of `path` at the end; on an error nothing is left.

    `n_bytes` is as large as the file can become.
    """
    target = check_target(path)
    with files.whole(target) as file:
        try:
            _reserve(str(file), n_bytes)
        except OSError as error:
            raise InputError(
                expected(
                    f"room for {memory.human(n_bytes)} where {str(target)!r} is to be written",
                    error.strerror or str(error),
                    "Make room, or write elsewhere.",
                )
            ) from error
        yield str(file)


_ENTRY = 4096  # bytes that an entry takes in an HDF5 file beside its values


def _stored_size(value: Any) -> int:
    """Return the bytes that a value takes at most; a view of an array counts as what it shows."""
    if isinstance(value, Mapping):
        return sum(_ENTRY + _stored_size(item) for item in value.values())
    if isinstance(value, pd.DataFrame):
        return sum(_ENTRY + _stored_size(value[name]) for name in value) + _stored_size(value.index)
    if isinstance(value, pd.Series | pd.Index):
        return int(value.memory_usage(deep=True))
    if is_sparse(value):
        return sum(int(slot.nbytes) for slot in (value.data, value.indices, value.indptr))
    if isinstance(value, np.ndarray) and value.dtype != object:
        return int(value.nbytes)
    if isinstance(value, list | tuple | np.ndarray):
        return sum(_stored_size(item) for item in value)
    return sys.getsizeof(value)


def file_size(adata: ad.AnnData) -> int:
    """Return a size in bytes that the .h5ad file of this object does not exceed."""
    slots = ("X", "obs", "var", "layers", "obsm", "varm", "obsp", "varp", "uns")
    raw = {} if adata.raw is None else {"X": adata.raw.X, "var": adata.raw.var}
    return _stored_size({**{slot: getattr(adata, slot) for slot in slots}, "raw": raw}) + 2**20


def write_whole(
    adata: ad.AnnData, path: str | os.PathLike[str], layers: Mapping[str, Streamed] | None = None
) -> None:
    """Write an AnnData as .h5ad; the file appears whole or not at all, an existing one is replaced.

    `layers` are those that are still to be read: like an X of that kind they are written in blocks.
    """
    matrix = x_of(adata)
    streamed = {f"layers/{name}": layer for name, layer in (layers or {}).items()}
    if isinstance(matrix, Streamed):
        streamed["X"] = matrix
        slots = ("obs", "var", "uns", "obsm", "varm", "obsp", "varp", "layers")
        adata = ad.AnnData(**{slot: getattr(adata, slot) for slot in slots})
    size = sum(int(m.counts.sum()) * (m.dtype.itemsize + 4) + 8 * m.shape[0] for m in streamed.values())
    adata = adata.copy() if adata.is_view else adata
    obs, var = adata.obs.copy(), adata.var.copy()
    try:
        with whole_file(path, file_size(adata) + size) as name, warnings.catch_warnings():
            # It works in the versions of anndata that are allowed.
            warnings.filterwarnings("ignore", "Forward slashes", FutureWarning)
            adata.write_h5ad(name, compression="gzip")
            if streamed:
                with h5py.File(name, "r+") as file:
                    if "X" in streamed and "X" in file:
                        del file["X"]
                    for place, values in streamed.items():
                        write_streamed(file, place, values)
    except HomespotError:
        raise
    except Exception as error:  # anndata raises many kinds
        reason = " ".join([str(error), *getattr(error, "__notes__", [])])
        raise InputError(expected("data that .h5ad can hold", reason, "Convert or drop it.")) from error
    finally:
        adata.obs, adata.var = obs, var  # writing turns text into categories in place


def read_whole(path: str | os.PathLike[str], *, backed: bool = False) -> ad.AnnData:
    """Read an .h5ad file, or say what is wrong with it; a `backed` one leaves X where it is."""
    if not Path(path).is_file():
        raise InputError(expected("an .h5ad file", f"no file at {str(path)!r}", "Check the path."))
    try:
        return ad.read_h5ad(path, backed="r" if backed else None)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise InputError(
            expected("an .h5ad file", f"{str(path)!r}, which cannot be read ({error})", "Write it anew.")
        ) from error
