"""The result: an AnnData of cells x spots, what makes it valid, and its file format.

``X`` is P, non-negative; P[i, j] is the probability that cell i sits at spot j. ``obs`` are the cells with
their annotation and ``homespot_left_over``, ``var`` the spots with their coordinates as plain columns ``x``,
``y``, ``z``, also in ``varm["spatial"]``; ``uns["homespot"]`` is the run's record. Every row sum plus the
left-over is 1.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .axes import libraries, spot_coordinates
from .checks import whole
from .errors import DataWarning, InputError, expected, some
from .h5ad import read_whole, write_whole
from .keys import COORDINATES, DROPPED, FORMAT_VERSION, HOMESPOT, LEFT_OVER, SPATIAL
from .matrices import is_sparse, row_sums
from .places import plain_columns
from .rows import blocks
from .streamed import Streamed, annotated, on_disk, x_of

__all__ = [
    "check_adata",
    "check_mapping",
    "coordinates",
    "copied",
    "filled",
    "has_coordinates",
    "images",
    "keep_best",
    "load",
    "mapped_cells",
    "mapped_spots",
    "new_mapping",
    "positions_of",
    "refuse_duplicates",
    "renormalise",
    "save",
    "section_remedy",
    "subset",
]

_TOLERANCE = 1e-4
_ROUNDING = 1e-6

Floats = npt.NDArray[np.floating[Any]]


def keep_best(matrix: Floats, k: int) -> tuple[sparse.csr_matrix, npt.NDArray[np.float64]]:
    """Keep the `k` largest entries of every row of P.

    Returns
    -------
    The truncated P (cells x spots, CSR, columns sorted) and what each row leaves out, 1 - its sum.
    """
    whole("k_best", k, 1)
    n_cells, n_spots = matrix.shape
    k = min(k, n_spots)
    columns = np.empty((n_cells, k), dtype=np.int32)
    values = np.empty((n_cells, k), dtype=matrix.dtype)
    for rows in blocks(matrix):
        best = np.sort(np.argpartition(matrix[rows], n_spots - k, axis=1)[:, n_spots - k :], axis=1)
        columns[rows] = best
        values[rows] = np.take_along_axis(matrix[rows], best, axis=1)
    indptr = np.arange(0, n_cells * k + 1, k)
    kept = sparse.csr_matrix((values.ravel(), columns.ravel(), indptr), shape=matrix.shape)
    return kept, np.clip(1 - row_sums(kept), 0, 1)


def new_mapping(
    matrix: Floats | sparse.csr_matrix | Streamed,
    cells: pd.DataFrame,
    spots: pd.DataFrame,
    record: dict[str, Any],
    *,
    positions: npt.NDArray[np.float64] | None = None,
    left_over: npt.NDArray[np.float64] | None = None,
) -> ad.AnnData:
    """Build a mapping.

    Parameters
    ----------
    matrix
        P, cells x spots, dense, CSR or `Streamed`.
    cells, spots
        Annotation, indexed by name, one row per row or column of P.
    record
        The run's record.
    positions
        Coordinates of the spots, spots x 2 or 3, or None where they are not known. They become the columns
        ``x``, ``y`` (and ``z``) of the spots; a warning says if that costs others of these names.
    left_over
        What each row leaves out; None for a complete P.
    """
    obs = cells.copy()
    obs[LEFT_OVER] = np.zeros(len(cells)) if left_over is None else left_over
    where = spot_coordinates(positions, len(spots))
    parts: dict[str, Any] = {
        "obs": obs,
        "var": spots.copy() if where is None else _with_columns(spots, where),
        "uns": {HOMESPOT: {**filled(record), "format_version": FORMAT_VERSION}},
    }
    mapping = annotated(matrix, **parts)
    if where is not None:
        mapping.varm[SPATIAL] = where
    check_mapping(mapping)
    return mapping


def _with_columns(spots: pd.DataFrame, where: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Give the spots their coordinates as the only columns of these names; a warning names lost others."""
    columns = dict(zip(COORDINATES, where.T, strict=False))
    lost = [
        name
        for name in COORDINATES
        if name in spots
        and not (
            name in columns
            and np.allclose(pd.to_numeric(spots[name].astype(object), errors="coerce"), columns[name])
        )
    ]
    if lost:
        warnings.warn(
            f"The spots' columns {some(lost)} are not the coordinates that were given, and are left out.",
            DataWarning,
            stacklevel=3,
        )
    return spots.drop(columns=[name for name in lost if name not in columns]).assign(**columns)


def filled(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record without what is None: converters to R stop at it, and lose what comes after."""
    return {
        name: filled(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if value is not None
    }


def check_mapping(mapping: ad.AnnData) -> None:
    """Refuse what is not a valid mapping.

    Raises
    ------
    InputError
        If the record or the left-over is missing, an entry lies outside [0, 1], a row sum and its left-over
        do not add up to 1 within 1e-4, or ``varm["spatial"]`` is no coordinates.
    """
    remedy = "Pass what map_cells() or load() returned."
    check_adata(mapping, "mapping", remedy)
    if HOMESPOT not in mapping.uns or LEFT_OVER not in mapping.obs or (matrix := x_of(mapping)) is None:
        raise InputError(
            expected(
                f"a mapping, with uns[{HOMESPOT!r}] and obs[{LEFT_OVER!r}]",
                f"an AnnData of {mapping.n_obs} x {mapping.n_vars} without them",
                remedy,
            )
        )
    spot_coordinates(mapping.varm.get(SPATIAL), mapping.n_vars)
    sums = mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64, copy=True)
    for rows in blocks(matrix):
        block = matrix[rows]
        sums[rows] += row_sums(block)
        if 0 in block.shape:
            continue
        low, high = float(block.min()), float(block.max())
        if not (low >= 0 and high <= 1 + _TOLERANCE):
            raise InputError(
                expected(
                    "probabilities in [0, 1] in the mapping",
                    f"values from {low:.4g} to {high:.4g}",
                    "Was X changed? Map again, or load the saved mapping.",
                )
            )
    left_over = mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64)
    wrong = ~((left_over >= 0) & (np.abs(sums - 1) <= _TOLERANCE))
    if wrong.any():
        first = f"{mapping.obs_names[wrong][0]!r} with {sums[wrong][0]:.6g}"
        raise InputError(
            expected(
                f"every row sum and its {LEFT_OVER}, which is never negative, to add up to 1",
                f"{wrong.sum()} cell(s) where they do not, e.g. {first}",
                "To take some spots of a mapping use subset(), which keeps the account.",
            )
        )


def check_adata(
    adata: object, name: str, remedy: str = "Build one with anndata.AnnData(X, obs, var)."
) -> None:
    """Refuse what is not an AnnData."""
    if not isinstance(adata, ad.AnnData):
        raise InputError(expected(f"an AnnData as {name}", f"a {type(adata).__name__}", remedy))


def has_coordinates(mapping: ad.AnnData) -> bool:
    """Whether the spots have coordinates: in varm, or as finite plain columns, which converters keep."""
    return SPATIAL in mapping.varm or plain_columns(mapping.var) is not None


def coordinates(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    """Return the coordinates of the spots (spots x 2 or 3).

    Raises
    ------
    InputError
        If the mapping was made without, or they are not finite numbers.
    """
    found = mapping.varm.get(SPATIAL)
    if found is None:
        found = plain_columns(mapping.var)
    values = spot_coordinates(found, mapping.n_vars)
    if values is None:
        raise InputError(
            expected(
                "a mapping whose spots have coordinates",
                "one made without",
                'Map again with coordinates in st.obsm["spatial"], or set mapping.varm["spatial"].',
            )
        )
    return values


def mapped_cells(mapping: ad.AnnData, sc: ad.AnnData) -> npt.NDArray[np.intp]:
    """Return the row of `sc` for every cell of the mapping, by name.

    Raises
    ------
    InputError
        If `sc` lacks some of them, or has a name twice.
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
                or "Pass that one, or take the part of the mapping with subset().",
            )
        )
    return np.asarray(rows, dtype=np.intp)


def section_remedy(mapped: pd.Index, names: pd.Index) -> str:
    """Say what to do with one section of several that were mapped as a list; nothing where it is none.

    Names of spots that occurred in several sections have had the name of their section put in front.
    """
    tails = {str(name)[at.end() :] for name in mapped for at in re.finditer("_", str(name))}
    if not len(names) or not names.astype(str).isin(tails).all() or names.isin(mapped).any():
        return ""
    return (
        "The spots of the mapping have the name of their section in front, as several sections get it where "
        "their names repeat: pass all sections, put together by join_sections()."
    )


def positions_of(names: Sequence[str], index: pd.Index, kind: str) -> npt.NDArray[np.intp]:
    """Return where cells or spots stand in a mapping, by name, each once."""
    if isinstance(names, str):
        raise InputError(expected(f"a list of names of {kind}", repr(names), f"Pass [{names!r}]."))
    unknown = [name for name in names if name not in index]
    if unknown:
        raise InputError(expected(f"names of {kind} of the mapping", some(unknown), "Check the names."))
    refuse_duplicates(pd.Index(names), kind)
    return np.asarray(index.get_indexer(pd.Index(list(names))), dtype=np.intp)


def copied(adata: ad.AnnData) -> ad.AnnData:
    """Return a copy in memory."""
    return adata.to_memory() if on_disk(adata) else adata.copy()


def subset(
    mapping: ad.AnnData, cells: Sequence[str] | None = None, spots: Sequence[str] | None = None
) -> ad.AnnData:
    """Return the mapping of these cells and spots, by name; what other spots held goes to the left-over.

    ``obs["homespot_dropped"]`` says how much that was for each cell. If the spots that are taken out held
    more of a cell than the others do, the cell has a place among the others, but it is not confident (see
    `cell_positions`). The part of a mapping on disk is read into memory.
    """
    check_mapping(mapping)
    for names, index, kind in ((cells, mapping.obs_names, "cells"), (spots, mapping.var_names, "spots")):
        if names is not None:
            positions_of(names, index, kind)
    kept = mapping if cells is None else mapping[list(cells)]
    kept = copied(kept if spots is None else kept[:, list(spots)])
    if spots is not None:
        left_over = np.clip(1 - row_sums(kept.X), 0, 1)
        lost = left_over - kept.obs[LEFT_OVER].to_numpy(dtype=np.float64)
        kept.obs[DROPPED] = dropped(kept) + np.where(lost > _ROUNDING, lost, 0)
        kept.obs[LEFT_OVER] = left_over
    return kept


def dropped(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    """Return the mass of every cell on spots that were taken out of a mapping."""
    if DROPPED not in mapping.obs:
        return np.zeros(mapping.n_obs)
    return np.asarray(np.nan_to_num(mapping.obs[DROPPED].to_numpy(dtype=np.float64, na_value=np.nan)))


def renormalise(mapping: ad.AnnData) -> ad.AnnData:
    """Return the mapping, in memory, with every row divided by its sum and nothing left over, or dropped.

    Raises
    ------
    InputError
        If the kept spots hold nothing of a cell.
    """
    check_mapping(mapping)
    sums = row_sums(x_of(mapping))
    if (sums <= 0).any():
        raise InputError(
            expected(
                "every cell to have some probability on the spots kept",
                f"{(sums <= 0).sum()} cell(s) without ({some(mapping.obs_names[sums <= 0])})",
                "Drop these cells with subset() first.",
            )
        )
    out = copied(mapping)
    scale = (1 / sums).astype(out.X.dtype)
    scaled = out.X.multiply(scale[:, None]).tocsr() if is_sparse(out.X) else out.X * scale[:, None]
    out.X = scaled
    out.obs[LEFT_OVER] = 0.0
    out.obs = out.obs.drop(columns=DROPPED, errors="ignore")
    return out


def images(*mappings: ad.AnnData) -> dict[str, Any]:
    """Return the images of the tissue as an entry of uns, or nothing where there are none."""
    found: dict[str, Any] = {}
    for mapping in mappings:
        found |= libraries(mapping.uns)
    return {SPATIAL: found} if found else {}


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


def save(mapping: ad.AnnData, path: str | os.PathLike[str]) -> None:
    """Write a mapping as .h5ad; the file appears whole or not at all.

    Parameters
    ----------
    mapping
        What `map_cells` returned.
    path
        File to write; an existing one is replaced.
    """
    check_mapping(mapping)
    write_whole(mapping, path)


def load(path: str | os.PathLike[str], *, backed: bool = False) -> ad.AnnData:
    """Read a mapping that `save` wrote.

    Parameters
    ----------
    path
        An .h5ad file.
    backed
        Leave P in the file, for a map that does not fit into memory, as ``anndata.read_h5ad(path,
        backed="r")`` does. What follows from a map reads it in blocks of rows, to the same numbers; only
        `add_mapping`, which puts P into the user's object, `subset` (the part asked for), `renormalise` and
        the combinations bring it into memory.

    Raises
    ------
    InputError
        If the file is not there, is not a mapping, or has a newer format than this version knows.
    """
    mapping = read_whole(path, backed=backed)
    record = mapping.uns.get(HOMESPOT)
    version = record.get("format_version", FORMAT_VERSION) if isinstance(record, dict) else FORMAT_VERSION
    number = isinstance(version, int | float | np.number)
    if not number or version not in range(1, FORMAT_VERSION + 1):
        newer = number and version > FORMAT_VERSION
        raise InputError(
            expected(
                f"a mapping of format version 1 to {FORMAT_VERSION}",
                f"version {version}",
                "Update homespot: a newer one wrote this file." if newer else "Write it anew with save().",
            )
        )
    check_mapping(mapping)
    return mapping
