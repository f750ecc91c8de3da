"""Find the rows of the user's objects for the cells and spots of a map, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common import checks
from ..common.wording import either, verb
from ..errors import InputError, expected, some
from ..objects.access import check_adata, refuse_duplicates

__all__ = ["mapped_cells", "mapped_spots", "positions_of", "section_remedy"]


def mapped_cells(mapping: ad.AnnData, sc: ad.AnnData) -> npt.NDArray[np.intp]:
    """Return the row of `sc` for every cell of the mapping, by name.

    Raises
    ------
    InputError
        If `sc` lacks some of the cells, or has a name twice.
    """
    return _rows_of(mapping.obs_names, sc, "sc", "the single-cell data that was mapped", "cells")


def mapped_spots(mapping: ad.AnnData, st: ad.AnnData) -> npt.NDArray[np.intp]:
    """Return the row of `st` for every spot of the mapping, by name; errors as for `mapped_cells`."""
    return _rows_of(mapping.var_names, st, "st", "the spatial data that was mapped to", "spots")


def _rows_of(names: pd.Index, adata: ad.AnnData, side: str, data: str, kind: str) -> npt.NDArray[np.intp]:
    check_adata(adata, side)
    refuse_duplicates(adata.obs_names, kind)
    rows = adata.obs_names.get_indexer(names)
    missing = names[rows < 0]
    if len(missing):
        raise InputError(
            expected(
                data,
                f"data without {len(missing)} of its {kind} ({some(missing)})",
                section_remedy(names, adata.obs_names)
                or f"Pass that one, or take the part of the mapping with {verb('subset')}.",
            )
        )
    return np.asarray(rows, dtype=np.intp)


def section_remedy(mapped: pd.Index, names: pd.Index) -> str:
    """Say what to do with one of several sections that were mapped as a list; empty for any other object.

    If names of spots occurred in several sections, the mapping has the name of the section in front of them.
    """
    tails = {str(name)[at.end() :] for name in mapped for at in re.finditer("_", str(name))}
    if not len(names) or not names.astype(str).isin(tails).all() or names.isin(mapped).any():
        return ""
    return (
        "The spots of the mapping have the name of their section in front, as several sections get it where "
        f"their names repeat: pass all sections, put together "
        f"{either('by join_sections()', 'into one object')}."
    )


def positions_of(names: Sequence[str], index: pd.Index, kind: str) -> npt.NDArray[np.intp]:
    """Return the positions of cells or spots in a mapping, by name, each once."""
    names = checks.names(kind, names)
    unknown = [name for name in names if name not in index]
    if unknown:
        raise InputError(expected(f"names of {kind} of the mapping", some(unknown), "Check the names."))
    refuse_duplicates(pd.Index(names), kind)
    return np.asarray(index.get_indexer(pd.Index(list(names))), dtype=np.intp)
