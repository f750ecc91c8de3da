"""Checks of an AnnData that every verb makes, and copies."""

from __future__ import annotations

from typing import Any

import anndata as ad
import pandas as pd

from ..common.wording import either
from ..errors import InputError, expected, some
from .annotated import on_disk
from .potentials import has_x, without_potentials

__all__ = ["check_adata", "copied", "refuse_duplicates"]


def check_adata(
    adata: object, name: str, remedy: str = "Build one with anndata.AnnData(X, obs, var)."
) -> None:
    """Refuse a value that is not an AnnData."""
    if not isinstance(adata, ad.AnnData):
        raise InputError(
            expected(f"{either('an AnnData', 'an object')} as {name}", f"a {type(adata).__name__}", remedy)
        )


_BESIDE_X = ("obs", "var", "uns", "obsm", "varm", "obsp", "varp", "layers")


def copied(adata: ad.AnnData, matrix: Any = None) -> ad.AnnData:
    """Return a copy in memory; `matrix` is X, if it has been read from the file, or made, already."""
    with_x = has_x(adata)
    if not on_disk(adata) and (with_x or matrix is None):
        return adata.copy()
    if with_x and matrix is None:
        return adata.to_memory()
    copy = ad.AnnData(**{slot: getattr(adata, slot) for slot in _BESIDE_X}).to_memory().copy()
    if matrix is None:
        return copy
    copy = without_potentials(copy)
    copy.X = matrix
    return copy


def refuse_duplicates(names: pd.Index, kind: str, remedy: str = "Rename or drop the others.") -> None:
    """Refuse names that occur more than once."""
    if not names.is_unique:
        raise InputError(
            expected(
                f"unique names of {kind}",
                f"{some(names[names.duplicated()].unique())} more than once",
                remedy,
            )
        )
