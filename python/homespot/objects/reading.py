"""Read cells and spots from every form in which users have them, by one function."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import anndata as ad

from ..errors import InputError, expected, some
from . import tenx
from .formats import Form, open_zarr, recognise, refused
from .h5ad import read_whole, readable
from .stored import check_structure

__all__ = ["TAKEN", "read"]

TAKEN: list[str] = []
"""Paths that were read from other forms than .h5ad, and their forms, which may explain a later error."""


def read(path: str | os.PathLike[str]) -> ad.AnnData:
    """Read cells or spots: an AnnData file or zarr, the table of a SpatialData, or output of 10x's programs.

    Parameters
    ----------
    path
        An .h5ad file; a zarr folder, or one packed as .zip; the .h5 file, the folder with matrix.mtx or the
        folder ``outs`` of Cell Ranger and Space Ranger (these need scanpy: ``pip install 'homespot[io]'``).
        The content decides, not the ending.

    Raises
    ------
    InputError
        If `path` is none of these; the message says what it is, and how to make an .h5ad file of it.
    """
    form = recognise(path)
    if form.kind == "h5ad":
        return read_whole(path)
    where = Path(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*zarr.*", category=UserWarning)
        with readable(form.what, where):
            found = _read(where, form)
            check_structure(found)
    TAKEN.append(f"{where.name!r} as {form.what}, {found.n_obs} x {found.n_vars}")
    return found


def _read(path: Path, form: Form) -> ad.AnnData:
    if form.kind == "zarr":
        return ad.read_zarr(open_zarr(path))
    if form.kind == "spatialdata":
        return _table(path)
    if form.kind == "10x":
        return tenx.read_h5(path)
    if form.kind == "mtx":
        return tenx.read_mtx(path)
    if form.kind == "outs":
        return tenx.read_outs(path)
    raise refused(path, form)


def _table(path: Path) -> ad.AnnData:
    """Read the table of a SpatialData; if there are several, the user names one."""
    root = open_zarr(path)
    names = sorted(root["tables"].group_keys()) if "tables" in root else []
    places = [f"tables/{name}" for name in names] or (["table"] if "table" in root else [])
    if len(places) == 1:
        return ad.read_zarr(root[places[0]])
    if not places:
        raise InputError(
            expected(
                "a SpatialData with a table of counts",
                f"{str(path)!r} without tables",
                "Make one of its points or images: spatialdata.SpatialData.aggregate().",
            )
        )
    remedy = f"Name one of them: {path / places[0]}." if path.is_dir() else "Unpack it, and name one of them."
    raise InputError(expected("one table", f"{len(places)} in {str(path)!r} ({some(names, 10)})", remedy))
