"""Data sets of R as AnnData: expression, annotation, coordinates, images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.keys import COORDINATES, HOMESPOT, SPATIAL
from ..evaluate.cross_validate import Spatial
from ..matrix.streamed import Streamed, in_memory
from ..objects.annotated import annotated, x_of
from ..space import axes as space_axes
from .offered import offered
from .values import frame, narrowed, record_from, strings

__all__ = [
    "ROW",
    "experiment",
    "known_images",
    "named_coordinates",
    "numbered",
    "sections_in_memory",
    "sections_of_st",
]


ROW = ".homespot_row"
"""Column of the numbers of rows."""


@offered
def experiment(
    matrix: Any,
    names: str | Sequence[str],
    genes: str | Sequence[str],
    annotation: dict[str, Any],
    coordinates: npt.NDArray[np.float64] | None = None,
    *,
    axes: str | Sequence[str] | None = None,
    of_genes: dict[str, Any] | None = None,
    reductions: Mapping[str, npt.NDArray[np.float64]] | None = None,
    images: Mapping[str, Sequence[float]] | None = None,
    record: dict[str, Any] | None = None,
    narrow: bool = True,
) -> ad.AnnData:
    """Build the AnnData of a data set in R.

    Parameters
    ----------
    matrix
        Cells x genes or spots x genes, dense or CSR.
    names, genes
        Names of its rows and columns.
    annotation, of_genes
        Plain columns of the annotation of both.
    coordinates, axes
        Rows x 2 or 3 or more, and the names of the columns where there are any.
    reductions
        Other matrices of two or three columns, by name.
    images
        Height and width in pixels, and scale factor, of the tissue image of a section, by its name; nothing
        of an image whose size is not known.
    record
        What the object says of its coordinates, where it is a result of homespot.
    narrow
        Whether to keep values in half of R's bytes where that loses nothing, as Python's users mostly have
        them; if not, R's memory is used.
    """
    obs, var = frame(annotation, names), frame(of_genes or {}, genes)
    if coordinates is not None:
        # R keeps the places beside its columns; a column of this name is another thing.
        obs = obs.drop(columns=[name for name in COORDINATES if name in obs])
    with warnings.catch_warnings():
        # The verbs refuse names that occur twice, and say which.
        warnings.filterwarnings("ignore", ".* names are not unique", UserWarning)
        adata = annotated(narrowed(matrix) if narrow else matrix, obs=obs, var=var)
    if coordinates is not None:
        adata.obsm[SPATIAL] = named_coordinates(coordinates, axes, obs.index)
    for name, values in (reductions or {}).items():
        adata.obsm[name] = values
    if images:
        adata.uns[SPATIAL] = known_images(images)
    if record:
        adata.uns[HOMESPOT] = record_from(record)
    return adata


def known_images(images: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return tissue images in the form of scanpy; only their size is known, and they take no memory."""
    found: dict[str, Any] = {}
    for name, size in images.items():
        found[name] = {"images": {}, "scalefactors": {}}
        if len(size):
            height, width, scale = size
            pixels = np.broadcast_to(np.uint8(0), (int(height), int(width)))
            found[name] = {"images": {"hires": pixels}, "scalefactors": {"tissue_hires_scalef": scale}}
    return found


def named_coordinates(
    coordinates: npt.NDArray[np.float64] | None,
    names: str | Sequence[str] | None,
    index: pd.Index | None = None,
) -> Any:
    """Return coordinates as a table, where their columns have names."""
    if coordinates is None or names is None:
        return coordinates
    return pd.DataFrame(np.asarray(coordinates), index, strings(names).tolist())


def sections_in_memory(st: Spatial) -> Spatial:
    """Bring sections that are to be put together into memory: what R reads in blocks cannot be stacked."""
    if isinstance(st, ad.AnnData):
        return st

    def whole(one: ad.AnnData) -> ad.AnnData:
        if not isinstance(x_of(one), Streamed):
            return one
        return ad.AnnData(in_memory(x_of(one)), one.obs, one.var, uns=dict(one.uns), obsm=dict(one.obsm))

    if isinstance(st, Mapping):
        return {name: whole(one) for name, one in st.items()}
    return [whole(one) for one in st]


def sections_of_st(st: Spatial) -> list[ad.AnnData]:
    """Return the sections of spatial data, in their order; one object is one."""
    return [st] if isinstance(st, ad.AnnData) else list(st.values() if isinstance(st, Mapping) else st)


def numbered(*parts: ad.AnnData) -> None:
    """Give the rows of data sets numbers, from 0 through all of them, so that R can find them in a result."""
    first = 0
    for adata in parts:
        adata.obs[ROW] = np.arange(first, first + adata.n_obs)
        first += adata.n_obs


@offered
def axes_of(names: str | Sequence[str]) -> dict[str, Any] | None:
    """Return the columns of x, y and z by name, from 0, and whether y counts rows; None if no name says."""
    found = space_axes.named_axes(strings(names).tolist())
    return None if found is None else {"columns": np.asarray(found.columns), "rows": found.rows}


@offered
def column_order(values: npt.NDArray[np.float64], names: str | Sequence[str]) -> npt.NDArray[np.int32]:
    """Return the columns of coordinates, from 0, in the order in which the core takes them."""
    table = pd.DataFrame(np.asarray(values), columns=strings(names).tolist())
    return np.asarray(space_axes.column_order(table), dtype=np.int32)
