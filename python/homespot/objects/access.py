"""Checks of an AnnData that every verb makes, and copies."""

from __future__ import annotations

import anndata as ad
import pandas as pd

from ..errors import InputError, expected, some
from .annotated import on_disk

__all__ = ["check_adata", "copied", "refuse_duplicates"]


def check_adata(
    adata: object, name: str, remedy: str = "Build one with anndata.AnnData(X, obs, var)."
) -> None:
    """Refuse a value that is not an AnnData."""
    if not isinstance(adata, ad.AnnData):
        raise InputError(expected(f"an AnnData as {name}", f"a {type(adata).__name__}", remedy))


def copied(adata: ad.AnnData) -> ad.AnnData:
    """Return a copy in memory."""
    return adata.to_memory() if on_disk(adata) else adata.copy()


def refuse_duplicates(names: pd.Index, kind: str) -> None:
    """Refuse names that occur more than once."""
    if not names.is_unique:
        raise InputError(
            expected(
                f"unique names of {kind}",
                f"{some(names[names.duplicated()].unique())} more than once",
                "Rename or drop the others.",
            )
        )
