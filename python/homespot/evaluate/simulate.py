"""simulate_spots: spots with known truth, from cells whose places are known (Tran et al., section 3.1)."""

from __future__ import annotations

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..axes import spot_coordinates
from ..checks import whole, within
from ..errors import InputError, expected, some
from ..keys import HOMESPOT, SPATIAL
from ..mapping import check_adata
from ..matrices import is_sparse
from ..streamed import in_memory, x_of

__all__ = ["simulate_spots"]


def _grid(xy: npt.NDArray[np.float64], cells_per_spot: float) -> tuple[npt.NDArray[np.intp], float]:
    """Return each cell's square, and the pitch at which occupied squares hold `cells_per_spot` on average."""

    def squares(pitch: float) -> npt.NDArray[np.intp]:
        steps = np.floor((xy - xy.min(axis=0)) / pitch).astype(np.intp)
        return np.asarray(
            np.unique(steps[:, 1] * (steps[:, 0].max() + 1) + steps[:, 0], return_inverse=True)[1]
        )

    # Bisection: tissue does not fill its bounding box, so the pitch cannot be had from the area.
    high = float((xy.max(axis=0) - xy.min(axis=0)).max()) * 2
    low = high / 2**22
    for _ in range(40):
        pitch = (low + high) / 2
        if len(xy) / (squares(pitch).max() + 1) < cells_per_spot:
            low = pitch
        else:
            high = pitch
    return squares(high), high


def simulate_spots(
    cells: ad.AnnData,
    *,
    cells_per_spot: float = 25.0,
    n_parts: int = 10,
    part: int = 0,
    leave_out: bool = True,
    layer: str | None = None,
    seed: int = 0,
) -> tuple[ad.AnnData, ad.AnnData]:
    """Make a single-cell and a spatial data set with a known map out of cells whose places are known.

    A square grid is laid over the tissue. A spot is an occupied square: its expression is the mean of its
    cells', its place their centroid. The cells are divided at random into `n_parts` equal parts, one of which
    is the single-cell data.

    Parameters
    ----------
    cells
        Cells x genes, with ``obsm["spatial"]``; the grid is laid over its first two columns.
    cells_per_spot
        How many cells an occupied square holds on average; sets the pitch of the grid.
    n_parts, part
        Into how many parts the cells are divided, and which of them (from 0) is mapped.
    leave_out
        Whether the cells to be mapped are left out of the means of the spots. If not, as in the paper, every
        cell is part of its own answer. A spot of which nothing else is left is dropped. Places are centroids
        of all cells either way.
    layer
        Layer with the expression; None is X.
    seed
        Seed of the division.

    Returns
    -------
    The single-cell data: the part's cells, obs with ``true_spot`` and its place ``true_x``, ``true_y``,
    without coordinates. The spatial data: spots x genes, ``obsm["spatial"]``, obs with ``n_cells``;
    ``uns["homespot"]["pitch"]`` is the pitch of the grid.
    """
    check_adata(cells, "cells")
    where = spot_coordinates(cells.obsm.get(SPATIAL), cells.n_obs, "cell")
    if where is None:
        raise InputError(
            expected('coordinates of the cells in obsm["spatial"]', "none", "Put them there first.")
        )
    whole("n_parts", n_parts, 1)
    within("n_parts", n_parts, 1, cells.n_obs)
    whole("part", part, 0)
    within("part", part, 0, n_parts - 1)
    whole("seed", seed, 0)
    within("cells_per_spot", cells_per_spot, 1, max(1.0, cells.n_obs / 2))
    if leave_out and n_parts < 2:
        raise InputError(
            expected(
                "n_parts of at least 2 where the mapped cells are left out",
                str(n_parts),
                "Raise it, or set leave_out=False.",
            )
        )
    xy = where[:, :2]
    if (xy == xy[0]).all():
        raise InputError(expected("cells at different places", "one place only", "Check the coordinates."))
    if layer is not None and layer not in cells.layers:
        raise InputError(
            expected(f"a layer {layer!r}", some(cells.layers, 10) or "no layers", "Name one that is there.")
        )
    square, pitch = _grid(xy, cells_per_spot)
    n_spots = int(square.max()) + 1
    order = np.random.default_rng(seed).permutation(cells.n_obs)
    queried = np.sort(np.array_split(order, n_parts)[part])

    def members(of: npt.NDArray[np.intp]) -> sparse.csr_matrix:
        return sparse.csr_matrix((np.ones(len(of)), (square[of], of)), shape=(n_spots, cells.n_obs))

    everyone = members(np.arange(cells.n_obs))
    centroid = (everyone @ xy) / np.asarray(everyone.sum(axis=1))
    used = members(np.setdiff1d(np.arange(cells.n_obs), queried)) if leave_out else everyone
    count = np.asarray(used.sum(axis=1)).ravel()
    kept = np.flatnonzero(count > 0)
    matrix = in_memory(x_of(cells, layer))
    mean = sparse.diags_array(1 / count[kept]) @ used[kept] @ matrix
    names = np.array([f"spot{i + 1}" for i in range(n_spots)])
    st = ad.AnnData(
        X=sparse.csr_matrix(mean) if is_sparse(mean) else np.asarray(mean),
        obs=pd.DataFrame({"n_cells": count[kept].astype(int)}, index=names[kept]),
        var=cells.var.copy(),
        obsm={SPATIAL: centroid[kept]},
        uns={HOMESPOT: {"pitch": pitch}},
    )
    home = square[queried]
    sc = ad.AnnData(
        X=matrix[queried].copy(),
        obs=cells.obs.iloc[queried].assign(
            true_spot=names[home], true_x=centroid[home, 0], true_y=centroid[home, 1]
        ),
        var=cells.var.copy(),
    )
    return sc, st
