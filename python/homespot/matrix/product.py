"""P' X for a dense or sparse P (cells x spots) and a sparse X, summed in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.jit import compiled
from .sums import is_sparse

__all__ = ["add_product"]

_TILE = 512  # spots: their sums for a block of genes fit the cache of a core


@compiled
def _dense(p: Any, data: Any, indices: Any, indptr: Any, tile: int, out: Any) -> None:
    # P does not fit the cache, so each stretch of a cell's row is read once for all genes of the cell.
    n_cells, n_spots = p.shape
    for first in range(0, n_spots, tile):
        last = min(first + tile, n_spots)
        for i in range(n_cells):
            stretch = p[i, first:last]
            for at in range(indptr[i], indptr[i + 1]):
                x = np.float64(data[at])
                sums = out[indices[at], first:last]
                for j in range(last - first):
                    sums[j] += x * np.float64(stretch[j])


@compiled
def _sparse(
    p_data: Any, p_indices: Any, p_indptr: Any, data: Any, indices: Any, indptr: Any, out: Any
) -> None:
    # P' is read by rows, so that the sums of one spot stay in the cache.
    for j in range(len(p_indptr) - 1):
        sums = out[j]
        for k in range(p_indptr[j], p_indptr[j + 1]):
            i, p = p_indices[k], np.float64(p_data[k])
            for at in range(indptr[i], indptr[i + 1]):
                sums[indices[at]] += p * np.float64(data[at])


def add_product(p: Any, x: sparse.csr_matrix, out: npt.NDArray[np.float64]) -> None:
    """Add P' X to `out`, cell by cell, so that the number of cells in a block changes no sum.

    Parameters
    ----------
    p
        P, cells x spots, dense in C order; or P' (spots x cells) as CSR.
    x
        Cells x genes, CSR.
    out
        Spots x genes, in Fortran order for a dense P and in C order for a sparse one.
    """
    if is_sparse(p):
        _sparse(p.data, p.indices, p.indptr, x.data, x.indices, x.indptr, out)
    else:
        _dense(p, x.data, x.indices, x.indptr, _TILE, out.T)
