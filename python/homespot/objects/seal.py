"""The seal of a map's file: digests of all that is in it, which tell a damaged file from a whole one.

The digests are of values, so they do not depend on how anndata stores them. They stand in an attribute of the
file. A program that writes the file anew, as anndata does, leaves the attribute out, so a map that a user has
edited has no seal and is read without one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from ..common.wording import either
from ..errors import InputError, expected
from ..matrix.gather import Reducer
from ..matrix.rows import RowBlock
from ..matrix.sums import is_sparse

__all__ = [
    "NO_MATRIX",
    "MatrixDigest",
    "Seal",
    "damaged",
    "digest_of_tables",
    "read_seal",
    "seal_of",
    "write_seal",
]

_ATTRIBUTE = "homespot-seal"
_FORM = "1"
"""How the digests are computed; other forms are of other versions of homespot."""

_SLOTS = ("obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns")


NO_MATRIX = "potentials"
"""In the place of the digest of P, of a map without X: all that it follows from is in the tables."""


class Seal(NamedTuple):
    """Digests of P, and of everything else in a file."""

    path: str
    matrix: str
    tables: str


class MatrixDigest(Reducer):
    """The digest of P: its shape, its values in float64 and, if it is sparse, where they are.

    Attributes
    ----------
    total
        The digest of the rows that were taken in.
    """

    def start(self, matrix: Any) -> None:
        """Start with no rows."""
        self._shape = tuple(int(n) for n in matrix.shape)
        self._parts = [hashlib.sha256() for _ in range(3)]

    def add(self, block: RowBlock) -> None:
        """Take in the next rows."""
        rows, parts = block.values, self._parts
        if not is_sparse(rows):
            parts[0].update(np.ascontiguousarray(rows, dtype="<f8").data)
            return
        if not rows.has_canonical_format:
            rows = rows.copy()
            rows.sum_duplicates()
        parts[0].update(np.ascontiguousarray(rows.data, dtype="<f8").data)
        parts[1].update(np.ascontiguousarray(rows.indices, dtype="<i8").data)
        parts[2].update(np.diff(rows.indptr).astype("<i8").data)

    @property
    def total(self) -> str:
        """The digest of the rows that were taken in."""
        found = [repr(self._shape), *(part.hexdigest() for part in self._parts)]
        return hashlib.sha256(" ".join(found).encode()).hexdigest()


# --- the digest of values of every kind -----------------------------------------------------------------


def digest_of_tables(mapping: ad.AnnData) -> str:
    """Return the digest of everything in an AnnData but X."""
    digest = hashlib.sha256()
    _take(digest, _slots(mapping))
    return digest.hexdigest()


def _slots(adata: ad.AnnData) -> dict[str, Any]:
    found = {slot: getattr(adata, slot) for slot in _SLOTS}
    raw = adata.raw
    return found | ({} if raw is None else {"raw": {"X": raw.X, "var": raw.var, "varm": raw.varm}})


def _take(digest: Any, value: Any) -> None:
    """Take in a value: what kind it is, and what is in it."""
    if isinstance(value, ad.AnnData):
        value = {**_slots(value), "X": value.X}
    if isinstance(value, Mapping):
        named = {str(name): item for name, item in value.items() if name is not None}  # X, among the layers
        _say(digest, "mapping", len(named))
        for name in sorted(named):
            _say(digest, name)
            _take(digest, named[name])
    elif isinstance(value, pd.DataFrame):
        _say(digest, "table", value.index.name, [str(name) for name in value])
        _take(digest, value.index)
        for position in range(value.shape[1]):
            _take(digest, value.iloc[:, position].array)
    elif isinstance(value, pd.Categorical):
        _say(digest, "categories", bool(value.ordered))
        _take(digest, value.categories)
        _take(digest, value.codes.astype(np.int64))
    elif is_sparse(value):
        rows: Any = value.tocsr()
        _say(digest, "sparse", *map(int, rows.shape))
        for part in (rows.data, rows.indices.astype(np.int64), rows.indptr.astype(np.int64)):
            _take(digest, part)
    elif hasattr(value, "to_list") and not isinstance(value, pd.Index | pd.api.extensions.ExtensionArray):
        _say(digest, "lists", json.dumps(value.to_list(), default=str))  # an array of awkward
    else:
        _take_array(digest, value)


def _take_array(digest: Any, value: Any) -> None:
    """Take in an array or a single value: numbers by their bytes, all others as text."""
    if isinstance(value, pd.api.extensions.ExtensionArray | pd.Index):
        missing = np.asarray(pd.isna(value))
        number = value.dtype.kind in "biuf" and not isinstance(value.dtype, np.dtype)
        if number and missing.any():  # what stands in a gap is not part of the value
            _take_array(digest, missing)
            value = value[~missing]
        value = np.asarray(value, dtype=getattr(value.dtype, "numpy_dtype", None) if number else None)
    found = np.asarray(value)
    if found.dtype.names:
        _take(digest, {name: found[name] for name in found.dtype.names})
    elif found.dtype.kind in "biufc":
        _say(digest, found.dtype.kind, found.dtype.itemsize, found.shape)
        digest.update(found.astype(found.dtype.newbyteorder("<")).tobytes())
    else:
        _say(digest, "text", found.shape, [_text(item) for item in found.ravel().tolist()])


def _text(item: Any) -> str | None:
    if isinstance(item, bytes):
        return item.decode(errors="backslashreplace")
    return None if item is None or item is pd.NA or item != item else str(item)


def _say(digest: Any, *words: Any) -> None:
    digest.update(json.dumps(words).encode() + b"\n")


# --- the attribute --------------------------------------------------------------------------------------


def write_seal(path: str | os.PathLike[str], matrix: str) -> None:
    """Seal a file that was just written; `matrix` is the digest of P, the others are of what is read back."""
    stored = ad.read_h5ad(path, backed="r")
    tables = digest_of_tables(stored)
    stored.file.close()
    with h5py.File(path, "r+") as file:
        file.attrs[_ATTRIBUTE] = " ".join([_FORM, matrix, tables])


def read_seal(path: str | os.PathLike[str]) -> Seal | None:
    """Return the seal of a file; None if it has none.

    Raises
    ------
    InputError
        If the seal is not in a form that this version knows.
    """
    with h5py.File(path) as file:
        return _seal(file, os.fspath(path))


def seal_of(mapping: ad.AnnData) -> Seal | None:
    """Return the seal of the file in which X of an AnnData is; None if X is not in a file or has no seal."""
    if not mapping.isbacked or mapping.is_view:
        return None
    return _seal(mapping.file["obs"].parent, str(mapping.filename))


def _seal(file: h5py.Group, path: str) -> Seal | None:
    text = file.attrs.get(_ATTRIBUTE)
    if text is None:
        return None
    form, *digests = str(text).split(" ")
    if len(digests) != 2:
        raise damaged(path)
    if form != _FORM:
        raise InputError(
            expected(
                f"a map sealed in form {_FORM}",
                f"{path!r}, sealed in form {form[:10]!r}",
                "Update homespot: a newer one wrote this file, or it is damaged.",
            )
        )
    return Seal(path, *digests)


def damaged(path: str) -> InputError:
    """Return the error for a file whose content is not what its seal says."""
    return InputError(
        expected(
            "a map as homespot wrote it",
            f"{path!r}, in which something is not as it was written",
            "If you have changed it in place, save it under another name: "
            + either(
                f"homespot.save(anndata.read_h5ad({path!r}), 'other.h5ad')",
                f'saveMapping(as(readAnnData({path!r}), "CellMapping"), "other.h5ad")',
            )
            + ". If not, it is damaged: copy it anew.",
        )
    )
