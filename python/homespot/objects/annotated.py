"""AnnData objects whose X, layers or annotation are in memory, in a file or in dask arrays."""

from __future__ import annotations

from typing import Any

import anndata as ad
import pandas as pd

from ..errors import InputError, expected
from ..matrix.streamed import Streamed
from .stored import file_matrix, is_dask, is_stored, read_later

__all__ = ["Streaming", "annotated", "on_disk", "with_tables", "x_of"]


class Streaming(ad.AnnData):  # type: ignore[misc]
    """An AnnData without X, whose ``matrix`` takes its place: for what another program holds."""

    def __init__(self, matrix: Streamed, **parts: Any) -> None:
        super().__init__(**parts)
        self.matrix = matrix


def annotated(matrix: Any, **parts: Any) -> ad.AnnData:
    """Build an AnnData around a matrix, or one that is to be read."""
    return Streaming(matrix, **parts) if isinstance(matrix, Streamed) else ad.AnnData(matrix, **parts)


def on_disk(adata: ad.AnnData) -> bool:
    """Whether something of an AnnData is still to be read or computed: its X, a layer, or its annotation."""
    if adata.isbacked or not _has_tables(adata):
        return True
    return any(is_dask(matrix) or is_stored(matrix) for matrix in (adata.X, *adata.layers.values()))


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
    return stored if stored is None or adata.is_view else file_matrix(stored, path)


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
