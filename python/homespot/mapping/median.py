"""The spatial median, the point with the smallest expected distance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["spatial_median"]

F64 = npt.NDArray[np.float64]

_MOST = 200
_CLOSE = 0.01


def spatial_median(weights: F64, points: F64, smallest: float) -> F64:
    """Return the point x that minimises sum_k w[c, k] |s[c, k] - x| for every cell c.

    It minimises the expected error, as the mean minimises the expected squared error. A point with more than
    half of the weight is the median.

    Parameters
    ----------
    weights
        Cells x k, each row summing to 1.
    points
        Cells x k x 2 or 3.
    smallest
        Lower bound for distances, so that the iteration can stop at a point. It ends when no cell moves by
        more than a hundredth of this bound.

    Returns
    -------
    Cells x 2 or 3.
    """
    found: F64 = np.einsum("ck,ckd->cd", weights, points)
    for _ in range(_MOST):
        offsets = points - found[:, None]
        pull = weights / np.sqrt(np.einsum("ckd,ckd->ck", offsets, offsets) + smallest**2)
        step = np.einsum("ck,ckd->cd", pull, offsets) / pull.sum(axis=1, keepdims=True)
        found += step
        if np.einsum("cd,cd->c", step, step).max() < (_CLOSE * smallest) ** 2:
            break
    return found
