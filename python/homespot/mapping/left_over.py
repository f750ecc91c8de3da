"""Mass that the rows of a map leave out: entries that are too small, and spots that were taken out."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.checks import whole
from ..common.keys import DROPPED
from ..matrix.rows import blocks
from ..matrix.sums import row_sums

__all__ = ["Floats", "dropped", "keep_best"]


Floats = npt.NDArray[np.floating[Any]]


def keep_best(matrix: Floats, k: int) -> tuple[sparse.csr_matrix, npt.NDArray[np.float64]]:
    """Keep the `k` largest entries of every row of P.

    Returns
    -------
    The truncated P (cells x spots, CSR, columns sorted), and the mass that each row leaves out, 1 - its sum.
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


def dropped(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    """Return the mass of every cell on spots that were taken out of a mapping."""
    if DROPPED not in mapping.obs:
        return np.zeros(mapping.n_obs)
    return np.asarray(np.nan_to_num(mapping.obs[DROPPED].to_numpy(dtype=np.float64, na_value=np.nan)))
