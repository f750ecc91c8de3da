"""AnnData objects whose X, layers or annotation are in memory, in a file or in dask arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from ..errors import InputError, expected
from ..matrix.streamed import Streamed
from ..transport import Potentials
from .potentials import has_x, parts_of, potentials_of
from .stored import file_matrix, files_behind, is_dask, is_stored, read_later

__all__ = ["Streaming", "annotated", "files_of", "has_tables", "on_disk", "with_tables", "x_of"]


class Streaming(ad.AnnData):  # type: ignore[misc]
    """An AnnData whose ``matrix`` takes the place of X, for a matrix that another program holds."""

    def __init__(self, matrix: Streamed, **parts: Any) -> None:
        super().__init__(**parts)
        self.matrix = matrix


def annotated(matrix: Any, **parts: Any) -> ad.AnnData:
    """Build an AnnData around a matrix in memory, around a `Streamed` one, or around potentials."""
    if isinstance(matrix, Potentials):
        return ad.AnnData(None, **parts, **parts_of(matrix))
    return Streaming(matrix, **parts) if isinstance(matrix, Streamed) else ad.AnnData(matrix, **parts)


def on_disk(adata: ad.AnnData) -> bool:
    """Whether X, a layer or the annotation of an AnnData has not been read or computed yet."""
    if adata.isbacked or not has_tables(adata):
        return True
    return any(is_dask(matrix) or is_stored(matrix) for matrix in (adata.X, *adata.layers.values()))


def files_of(adata: ad.AnnData) -> list[Path]:
    """Return the files from which matrices of an AnnData are still to be read."""
    if adata.filename is not None:  # it is backed by a file, or was read lazily
        return [Path(adata.filename)]
    matrices = [adata.X, *([] if adata.raw is None else [adata.raw.X])]
    for slot in (adata.layers, adata.obsm, adata.varm, adata.obsp, adata.varp):
        matrices += slot.values()
    return [file for matrix in matrices for file in files_behind(matrix)]


def x_of(adata: ad.AnnData, layer: str | None = None) -> Any:
    """Return X, or a layer: as it is if it is in memory, else as `Streamed`.

    If an object is backed by a file, its layers, a part of the object, and a matrix stored by columns (CSC)
    are in memory. A dask array is computed one chunk of rows at a time. The X of a map that is kept as
    features and potentials is `Streamed`, too: its rows are made when they are read.
    """
    if layer is not None:
        return read_later(adata.layers[layer])
    if isinstance(adata, Streaming):
        return adata.matrix
    if not has_x(adata):
        found = potentials_of(adata)
        return None if found is None else found.map
    if not adata.isbacked:
        return read_later(adata.X)
    path = str(adata.filename)
    try:
        stored = adata.X
    except Exception as error:  # h5py raises many kinds
        raise InputError(
            expected(f"a file {path!r} that can be read", str(error), "Is it still there?")
        ) from error
    return stored if stored is None or adata.is_view else file_matrix(stored, path)


def has_tables(adata: ad.AnnData) -> bool:
    """Whether the annotation is in memory; ``anndata.experimental.read_lazy`` leaves it in the file."""
    return isinstance(adata.obs, pd.DataFrame) and isinstance(adata.var, pd.DataFrame)


def with_tables(adata: ad.AnnData) -> ad.AnnData:
    """Return an AnnData whose annotation is in memory as tables, without reading X and layers.

    This is `adata` itself, unless its obs and var are not tables of pandas; see `has_tables`.
    """
    if has_tables(adata):
        return adata
    slots = ("obs", "var", "uns", "obsm", "varm", "obsp", "varp")
    try:
        tables = ad.AnnData(**{slot: getattr(adata, slot) for slot in slots}).to_memory()
        raw = None if adata.raw is None else {"X": adata.raw.X, "var": adata.raw.var.to_memory()}
    except Exception as error:  # h5py, zarr and dask raise many kinds
        raise InputError(
            expected("annotation that can be read", str(error), "Is the file that it is in still there?")
        ) from error
    return ad.AnnData(
        adata.X,
        layers={name: layer for name, layer in adata.layers.items() if name},
        raw=raw,
        **{slot: getattr(tables, slot) for slot in slots},
    )
