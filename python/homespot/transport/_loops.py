"""The compiled loops: one pass over a group of rows, in the kernel or in the log domain.

Those of the passes take the scalings (or potentials) of the spots, compute the ones of the cells, and add
each row to the column sums while it is still in the cache. They are serial, so their order of summation does
not depend on threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.extending import overload

from ..common.jit import compiled, compiled_in_order

__all__ = ["LARGEST", "entries", "exponents", "kernel_rows", "log_rows", "log_sums"]

Array = npt.NDArray[Any]

# (exp(r) - 1 - r) / r^2 on [-log(2)/2, log(2)/2], interpolated at Chebyshev points: error 1e-8 of exp(r).
_C0, _C1, _C2, _C3, _C4 = (np.float32(c) for c in (0.5, 0.16666577, 0.041666555, 0.008363179, 0.0013926184))
_LOG2E = np.float32(1 / math.log(2))
# log(2) in two parts, the first with few digits, so that r = x - k log(2) keeps all its digits.
_LOG2_HIGH = np.float32(0.693359375)
_LOG2_LOW = np.float32(math.log(2) - 0.693359375)
_SMALLEST = np.float32(-87)
LARGEST = 80.0
"""Largest exponent of a row in `log_rows`, which keeps the sums of columns within float32."""
_ROWS_BEFORE_FLUSH = 64  # divides `_buffer.ROWS`, so that rows in blocks add up as all at once do


def _exp(x: float) -> float:
    """Return exp(x) for x <= 1; in float32 by a vectorised formula of relative error 2e-7."""
    return math.exp(x)


@overload(_exp)
def _exp_of_dtype(x: Any) -> Any:
    if x.bitwidth == 64:

        def exp_float64(x: Any) -> Any:
            return math.exp(x)

        return exp_float64

    def exp_float32(x: Any) -> Any:
        x = max(x, _SMALLEST)
        k = np.floor(x * _LOG2E + np.float32(0.5))
        r = (x - k * _LOG2_HIGH) - k * _LOG2_LOW
        polynomial = (((_C4 * r + _C3) * r + _C2) * r + _C1) * r + _C0
        power = np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)
        return (polynomial * (r * r) + r + np.float32(1)) * power

    return exp_float32


@compiled_in_order
def exponents(D: Array, low: Array, factor: float, floor: float) -> None:
    """Turn D_ij into max(factor (D_ij - low_i), floor), in place, in one pass over D.

    Parameters
    ----------
    D
        Shape (m, N), float32 or float64, in C order.
    low
        Shape (m,), dtype of `D`.
    factor
        A number.
    floor
        A number.
    """
    dtype = D.dtype.type
    by, least = dtype(factor), dtype(floor)
    m, n = D.shape
    for i in range(m):
        row, lowest = D[i], low[i]
        for j in range(n):
            x = (row[j] - lowest) * by
            row[j] = x if x > least else least


@compiled
def kernel_rows(K: Array, p: Array, keep: float, weight: Array, b: Array, a: Array, columns: Array) -> None:
    """Set a_i = weight_i (p_i / sum_j K_ij b_j)^keep and add sum_i a_i K_ij to columns_j.

    Parameters
    ----------
    K
        Shape (m, N), float32 or float64.
    p
        Mass of the rows, shape (m,), float64.
    weight
        Factors of the scalings of the rows, shape (m,), float64.
    a
        Scalings of the rows, shape (m,), float64; written.
    keep
        How strictly the cells' marginal is kept: 1 exactly, 0 not at all.
    b
        Shape (N,), dtype of `K`.
    columns
        Shape (N,), float64; added to.
    """
    m, n = K.shape
    dtype = K.dtype.type
    zero = dtype(0)
    sums = np.zeros(n, K.dtype)
    # Eight rows at a time: b and the sums are loaded eight times less often, and the rows stay in the cache.
    for i in range(0, m - 7, 8):
        k0, k1, k2, k3 = K[i], K[i + 1], K[i + 2], K[i + 3]
        k4, k5, k6, k7 = K[i + 4], K[i + 5], K[i + 6], K[i + 7]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for j in range(n):
            s0 += k0[j] * b[j]
            s1 += k1[j] * b[j]
            s2 += k2[j] * b[j]
            s3 += k3[j] * b[j]
            s4 += k4[j] * b[j]
            s5 += k5[j] * b[j]
            s6 += k6[j] * b[j]
            s7 += k7[j] * b[j]
        a[i], a[i + 1], a[i + 2], a[i + 3] = s0, s1, s2, s3
        a[i + 4], a[i + 5], a[i + 6], a[i + 7] = s4, s5, s6, s7
        for r in range(i, i + 8):
            a[r] = weight[r] * (p[r] / a[r]) ** keep
        a0, a1, a2, a3 = dtype(a[i]), dtype(a[i + 1]), dtype(a[i + 2]), dtype(a[i + 3])
        a4, a5, a6, a7 = dtype(a[i + 4]), dtype(a[i + 5]), dtype(a[i + 6]), dtype(a[i + 7])
        for j in range(n):
            upper = (a0 * k0[j] + a1 * k1[j]) + (a2 * k2[j] + a3 * k3[j])
            sums[j] += upper + ((a4 * k4[j] + a5 * k5[j]) + (a6 * k6[j] + a7 * k7[j]))
        if (i + 8) % _ROWS_BEFORE_FLUSH == 0:
            for j in range(n):
                columns[j] += sums[j]
                sums[j] = zero
    for i in range(m - m % 8, m):
        k0 = K[i]
        s0 = zero
        for j in range(n):
            s0 += k0[j] * b[j]
        a[i] = weight[i] * (p[i] / np.float64(s0)) ** keep
        a0 = dtype(a[i])
        for j in range(n):
            sums[j] += a0 * k0[j]
    for j in range(n):
        columns[j] += sums[j]


@compiled
def log_rows(D: Array, log_p: Array, keep: float, g: Array, f: Array, columns: Array) -> float:
    """Set f_i = keep (log p_i - log sum_j exp(g_j - D_ij)) and add sum_i exp(f_i + g_j - D_ij) to columns_j.

    Returns the largest f_i + max_j (g_j - D_ij), to within 1. The sums of columns are right if they are
    not far below it, and if it is at most `LARGEST`.

    Exponents are float64: they are as large as the inverse regularisation, and their small differences
    matter.

    Parameters
    ----------
    D
        Shape (m, N), float32 or float64: the cost in units of epsilon.
    log_p
        Logarithm of the mass of the rows, shape (m,), float64.
    f
        Potentials of the rows, shape (m,), float64; written.
    keep
        How strictly the cells' marginal is kept: 1 exactly, 0 not at all.
    g
        Shape (N,), float64.
    columns
        Shape (N,), float64; added to.
    """
    m, n = D.shape
    dtype = D.dtype.type
    zero = dtype(0)
    sums = np.zeros(n, D.dtype)
    entries = np.empty(n, D.dtype)
    rounded = g.astype(D.dtype)
    top = -np.inf
    for i in range(m):
        d = D[i]
        # The largest exponent is needed only to an integer, and a maximum of integers is vectorised.
        largest = np.int32(-(2**31) + 1)
        for j in range(n):
            largest = max(largest, np.int32(rounded[j] - d[j]))
        total = zero
        for j in range(n):
            entry = _exp(dtype(g[j] - d[j] - np.float64(largest)))
            entries[j] = entry
            total += entry
        f[i] = keep * (log_p[i] - largest - math.log(total))
        # With a relaxed marginal, a row's mass has no bound before convergence.
        top = max(top, f[i] + largest)
        scale = dtype(math.exp(min(f[i] + largest, LARGEST)))
        for j in range(n):
            sums[j] += scale * entries[j]
        if (i + 1) % _ROWS_BEFORE_FLUSH == 0:
            for j in range(n):
                columns[j] += sums[j]
                sums[j] = zero
    for j in range(n):
        columns[j] += sums[j]
    return top


@compiled
def log_sums(D: Array, factor: float, g: Array, out: Array) -> None:
    """Set out_i = log sum_j exp(g_j - factor D_ij), in float64.

    Parameters
    ----------
    D
        Shape (m, N), float32 or float64.
    factor
        1 / epsilon.
    g
        Shape (N,), float64.
    out
        Shape (m,), float64; written.
    """
    m, n = D.shape
    dtype = D.dtype.type
    for i in range(m):
        d = D[i]
        largest = -np.inf
        for j in range(n):
            largest = max(largest, g[j] - factor * np.float64(d[j]))
        total = 0.0
        for j in range(n):
            total += np.float64(_exp(dtype(g[j] - factor * np.float64(d[j]) - largest)))
        out[i] = largest + math.log(total)


@compiled
def entries(D: Array, factor: float, g: Array, h: Array) -> None:
    """Turn D_ij into exp(g_j - factor D_ij - h_i), which is at most 1, in place; parameters as `log_sums`."""
    m, n = D.shape
    dtype = D.dtype.type
    for i in range(m):
        d, low = D[i], h[i]
        for j in range(n):
            d[j] = _exp(dtype(g[j] - factor * np.float64(d[j]) - low))
