"""Mass that the rows of a map leave out: entries that are too small, and spots that were taken out."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.keys import CUT, DROPPED, LEFT_OVER
from ..matrix.best import largest_entries
from ..matrix.sums import row_sums

__all__ = ["Floats", "cut_away", "cut_before", "cut_short", "dropped", "keep_best", "left_out"]


Floats = npt.NDArray[np.floating[Any]]

_WHOLE = 1e-3  # a row that leaves out at most this is whole


def keep_best(matrix: Any, k: int) -> tuple[sparse.csr_matrix, npt.NDArray[np.float64]]:
    """Keep the `k` largest entries of every row of P.

    Returns
    -------
    The truncated P (cells x spots, CSR, columns sorted), and the mass that each row leaves out, 1 - its sum.
    """
    kept = largest_entries(matrix, k)
    return kept, left_out(kept)


def left_out(kept: sparse.csr_matrix) -> npt.NDArray[np.float64]:
    """Return the mass that the rows of a truncated P leave out."""
    return np.clip(1 - row_sums(kept), 0, 1)


def _of_cells(mapping: ad.AnnData, name: str) -> npt.NDArray[np.float64]:
    """Return a column of masses of the cells; 0 where it is missing."""
    if name not in mapping.obs:
        return np.zeros(mapping.n_obs)
    return np.asarray(np.nan_to_num(mapping.obs[name].to_numpy(dtype=np.float64, na_value=np.nan)))


def dropped(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    """Return the mass of every cell on spots that were taken out of a mapping."""
    return _of_cells(mapping, DROPPED)


def cut_before(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    """Return the mass that was cut off every cell's row before the rows were renormalised."""
    return _of_cells(mapping, CUT)


def cut_away(mapping: ad.AnnData) -> npt.NDArray[np.float64] | None:
    """Return the mass that `k_best` has cut off every cell's row, also before the rows were renormalised.

    None if no row was cut short.
    """
    left = _of_cells(mapping, LEFT_OVER) - dropped(mapping)
    cut = np.maximum(left, cut_before(mapping))
    cut[cut <= _WHOLE] = 0
    return cut if cut.any() else None


def cut_short(mapping: ad.AnnData) -> npt.NDArray[np.bool_]:
    """Return whether `k_best` has cut every cell's row short, beside the spots that were taken out."""
    cut = cut_away(mapping)
    return np.zeros(mapping.n_obs, dtype=bool) if cut is None else cut > 0
