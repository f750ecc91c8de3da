"""AnnData files: written completely or not at all, and read with errors that say what is wrong."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from ..common import files, memory
from ..common.keys import HOMESPOT
from ..common.signals import heard
from ..common.version import __version__
from ..common.wording import words
from ..errors import HomespotError, InputError, TooLargeError, expected
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from .annotated import files_of
from .file_size import require_file
from .formats import recognise, refused
from .storable import old_strings, storable
from .stored import check_structure, write_streamed

__all__ = ["check_target", "is_own", "read_whole", "readable", "write_whole", "written"]

_MARK = "homespot"  # attribute of a file, the version that wrote it


def check_target(path: str | os.PathLike[str], *read: ad.AnnData) -> Path:
    """Refuse a path to which no .h5ad file can be written, or from which one of these is still read."""
    target = files.check_target(path, ".h5ad")
    files.refuse_inputs(target, [file for adata in read for file in files_of(adata)])
    return target


def is_own(path: Path) -> bool:
    """Whether homespot wrote this file.

    A map of homespot 0.99.0 has no mark, but a record of format 1. Data with a map added to it has this
    record as well, and may hold what only the user has.
    """
    if not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path) as file:
            first = np.array_equal(file.get(f"uns/{HOMESPOT}/format_version"), 1)
            return _MARK in file.attrs or (first and f"obsm/{HOMESPOT}" not in file)
    except (OSError, RuntimeError, KeyError):  # damaged
        return False


def _reserve(name: str, n_bytes: int) -> None:
    """Raise OSError if the disk, a quota or a limit has no room for a file of this size.

    A failed write crashes HDF5 and the process, at once or later, so the room is checked before HDF5 opens
    the file.
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
def _whole_file(target: Path, n_bytes: int) -> Iterator[str]:
    """Yield the name of a temporary file; it replaces `target` at the end, and is deleted after an error.

    `n_bytes` is the largest size that the file can reach.
    """
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


_ENTRY = 4096  # bytes that an entry takes in an HDF5 file besides its values


def _stored_size(value: Any) -> int:
    """Return the most bytes that a value takes; a view of an array counts with its own size."""
    if isinstance(value, Mapping):
        return sum(_ENTRY + _stored_size(item) for item in value.values())
    if isinstance(value, pd.DataFrame):
        return sum(_ENTRY + _stored_size(value[name]) for name in value) + _stored_size(value.index)
    if isinstance(value, pd.Series | pd.Index):
        return int(value.memory_usage(deep=True))
    if isinstance(value, Streamed):
        return int(value.counts.sum()) * (value.dtype.itemsize + 4) + 8 * value.shape[0]
    if is_sparse(value):
        return sum(int(slot.nbytes) for slot in (value.data, value.indices, value.indptr))
    if isinstance(value, np.ndarray) and value.dtype != object:
        return int(value.nbytes)
    if isinstance(value, list | tuple | np.ndarray):
        return sum(_stored_size(item) for item in value)
    return sys.getsizeof(value)


@contextmanager
def written(
    adata: ad.AnnData,
    path: str | os.PathLike[str],
    *,
    layers: Mapping[str, Streamed] | None = None,
    uns: Mapping[str, Any] | None = None,
    beside: int = 0,
    compression: Literal["gzip"] | None = None,
) -> Iterator[str]:
    """Write an AnnData as .h5ad, and yield the name of the temporary file, which replaces `path` at the end.

    X and layers that are not in memory are written in blocks. Entries that .h5ad cannot hold are left out,
    and one warning names them; see `storable`. Entries of `uns` replace those of the AnnData. `beside` is the
    number of bytes that the caller adds to the file.
    """
    with heard():
        target = check_target(path, adata)
        parts, account = storable(adata, uns)
        parts["layers"] |= layers or {}
        size = _stored_size(parts) + 2**20 + beside
        later = {
            **{f"layers/{layer}": parts["layers"].pop(layer) for layer in _streamed_names(parts["layers"])},
            **{slot: parts.pop(slot) for slot in _streamed_names(parts)},
        }
        for slot in _streamed_names(parts.get("raw", {})):
            later[f"raw/{slot}"] = values = parts["raw"][slot]
            parts["raw"][slot] = sparse.csr_matrix(values.shape, dtype=values.dtype)
        with _whole_file(target, size) as name:
            try:
                with old_strings():
                    ad.AnnData(**parts).write_h5ad(name, compression=compression)
                with h5py.File(name, "r+") as file:
                    for place, values in later.items():
                        if place in file:
                            del file[place]
                        write_streamed(file, place, values)
                    file.attrs[_MARK] = __version__
            except HomespotError:
                raise
            except Exception as error:  # anndata raises many kinds
                reason = " ".join([str(error), *getattr(error, "__notes__", [])])
                raise InputError(
                    expected("data that .h5ad can hold", reason, "Convert or drop it.")
                ) from error
            yield name
    account.warn(stacklevel=4)


def _streamed_names(values: Mapping[str, Any]) -> list[str]:
    return [name for name, value in values.items() if isinstance(value, Streamed)]


def write_whole(
    adata: ad.AnnData, path: str | os.PathLike[str], layers: Mapping[str, Streamed] | None = None
) -> None:
    """Write an AnnData as .h5ad, completely or not at all; an existing file is replaced.

    `layers` are layers that are not in memory; like such an X, they are written in blocks. Entries that .h5ad
    cannot hold are left out, and one warning names them; see `storable`.
    """
    with written(adata, path, layers=layers, compression="gzip"):
        pass


@contextmanager
def readable(what: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise an error of homespot if a file that has been recognised cannot be read.

    Warnings about names that are not unique are dropped; verbs that need unique names say so themselves.
    """
    name = repr(os.fspath(path))
    try:
        with warnings.catch_warnings(), heard():
            warnings.filterwarnings("ignore", ".* names are not unique", UserWarning)
            yield
    except (HomespotError, Warning):
        raise
    except MemoryError as error:
        raise TooLargeError(
            expected(
                f"room in memory for what {name} holds",
                str(error) or "none",
                "Read it on a larger machine. If it should fit, it is damaged: copy it or write it anew.",
            )
        ) from error
    except Exception as error:  # anndata, h5py, zarr and scanpy raise many kinds
        found, remedy = "which is damaged or incomplete", "Copy it or write it anew."
        unknown = next((cause for cause in _causes(error) if type(cause).__name__ == "IORegistryError"), None)
        if unknown is not None:
            found = f"in which something is stored as anndata {metadata.version('anndata')} does not know it"
            remedy = f"A newer anndata wrote it, or it is damaged: {words().pip('--upgrade anndata')}."
        elif any(word in str(error) for word in ("filter", "plugin")):  # filters of hdf5plugin
            found = "which is packed in a way that is not installed here"
            remedy = "Write it anew with compression='gzip'."
        raise InputError(expected(f"{what} that can be read", f"{name}, {found}", remedy)) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def read_whole(path: str | os.PathLike[str], *, backed: bool = False) -> ad.AnnData:
    """Read an .h5ad file, or say what is wrong with it; with `backed`, X, if there is one, stays in it."""
    form = recognise(path)
    if form.kind != "h5ad":
        raise refused(path, form)
    with readable("an .h5ad file", path):
        require_file(path, backed=backed)
        with h5py.File(path, "r") as file:
            backed = backed and "X" in file
        found = ad.read_h5ad(path, backed="r" if backed else None)
        check_structure(found)
        return found
