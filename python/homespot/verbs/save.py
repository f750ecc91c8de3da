"""save: write a map as an .h5ad file."""

from __future__ import annotations

import os

import anndata as ad

from ..mapping.validity import check_mapping
from ..objects.h5ad import write_whole

__all__ = ["save"]


def save(mapping: ad.AnnData, path: str | os.PathLike[str]) -> None:
    """Write a mapping as .h5ad; the file is written completely or not at all.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    path
        File to write; an existing file is replaced.
    """
    check_mapping(mapping)
    write_whole(mapping, path)
