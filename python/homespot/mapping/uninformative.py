"""A map that says nothing of where a cell sits is a map all the same, so a warning has to say it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..common.run import Sharpness
from ..errors import ConvergenceWarning, DataWarning
from ..matrix.rows import evenly_spaced
from ..matrix.sums import is_sparse, row_sums
from .confidence import entropies

__all__ = ["warn_if_uninformative"]

_SAMPLE = 200  # rows that are looked at
_EVEN = 0.99  # row entropy over log N, which is 1 for uniform rows
_CHANCE = 1e-3  # mean logarithm of how much more often than by chance halves agree
_ALIKE = 1e-3  # largest difference of equal rows, as a share of the largest entry


def warn_if_uninformative(matrix: Any, sharpness: Sharpness | None = None) -> None:
    """Warn if the rows of P (dense or CSR) are nearly uniform, or all the same, or follow noise.

    The rows of a map are like that if all spots, or all cells, are alike, and under the published settings
    of COME. The check reads a sample of rows, spread evenly over P. Rows follow noise if two halves of the
    genes agree on places no more often than by chance.
    """
    n_cells, n_spots = matrix.shape
    rows = matrix[evenly_spaced(n_cells, _SAMPLE)]
    p = (rows.toarray() if is_sparse(rows) else rows).astype(np.float64)
    entropy = float(entropies(p, row_sums(p), n_spots).mean())
    if entropy > _EVEN:
        found = f"the mean entropy of its rows is {entropy:.4f} of log N, where that of uniform rows is 1"
    elif np.abs(p - p[0]).max() <= _ALIKE * p[0].max():
        found = "all cells have the same row"
    else:
        if sharpness is not None and sharpness.agreement.max() < _CHANCE:
            warnings.warn(
                "Two halves of the genes agree on the places of cells no more often than by chance, at any "
                "sharpness: the map says next to nothing of where a cell sits.",
                DataWarning,
                stacklevel=3,
            )
        return
    warnings.warn(
        f"The map says next to nothing of where a cell sits: {found}. This happens if the genes used do not "
        "distinguish the spots or the cells, if the regularisation is large, and under the published "
        "settings of COME; its defaults give a sharper map.",
        ConvergenceWarning,
        stacklevel=3,
    )
