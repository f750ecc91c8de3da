"""The range of scalings within which the kernel domain is accurate."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "lowest_exponent", "lowest_mass", "try_kernel", "within_range"]

Domain = Literal["kernel", "log"]

_LOWEST = {"float32": -87.0, "float64": -700.0}


def lowest_exponent(dtype: npt.DTypeLike) -> float:
    """Return the exponent at which the kernel is cut off: its exp is about the smallest normal number."""
    return _LOWEST[np.dtype(dtype).name]


def try_kernel(regularisation: float, dtype: npt.DTypeLike) -> bool:
    """Whether to try the kernel domain: with larger exponents, whole columns of the kernel are cut off."""
    return 1 / regularisation <= -2.3 * lowest_exponent(dtype)


def lowest_mass(top: float, n_rows: int, dtype: npt.DTypeLike) -> float:
    """Return the mass of a spot below which its sum, in the log domain, may lie outside the range.

    Parameters
    ----------
    top
        Largest exponent in the sums.
    n_rows
        Number of rows that are summed; each adds an error of at most the smallest normal number.
    """
    return float(1e4 * n_rows * np.exp(max(top, 0.0) + lowest_exponent(dtype)))


def within_range(smallest: float, largest: float, g: npt.NDArray[np.float64], dtype: npt.DTypeLike) -> bool:
    """Whether the entries of the kernel that were cut off are negligible under these scalings.

    An entry that was cut off is below exp(lowest). Its entry of the plan is at most exp(log a + log b +
    lowest), and its entry of P at most exp(max log b - min log b + lowest), as one entry of every row of the
    kernel is 1. Both are below exp(-35) in float32 here.

    Parameters
    ----------
    smallest
        Smallest scaling a of the cells.
    largest
        Largest scaling a of the cells.
    g
        Logarithms of the scalings b of the spots, shape (N,).
    """
    limit = -lowest_exponent(dtype)
    if not (smallest > 0 and largest < np.inf):
        return False
    low, high = np.log(smallest), np.log(largest)
    accurate = max(high + g.max(), g.max() - g.min()) <= 0.6 * limit
    return bool(accurate and max(-low, high, np.abs(g).max()) <= 0.7 * limit)
