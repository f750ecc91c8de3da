"""The spatial median, the point with the smallest expected distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.jit import compiled

__all__ = ["powered_median", "spatial_median"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_MOST = 200
_CLOSE = 0.01
_NEGLIGIBLE = 1e-9  # weights below this share of the largest are left out


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


@compiled
def _solved(h: Any, g: Any, step: Any) -> None:
    # The symmetric system h step = g, by cofactors.
    a = h[1, 1] * h[2, 2] - h[1, 2] * h[1, 2]
    b = h[0, 2] * h[1, 2] - h[0, 1] * h[2, 2]
    c = h[0, 1] * h[1, 2] - h[0, 2] * h[1, 1]
    det = h[0, 0] * a + h[0, 1] * b + h[0, 2] * c
    e = h[0, 0] * h[2, 2] - h[0, 2] * h[0, 2]
    f = h[0, 1] * h[0, 2] - h[0, 0] * h[1, 2]
    i = h[0, 0] * h[1, 1] - h[0, 1] * h[0, 1]
    step[0] = (a * g[0] + b * g[1] + c * g[2]) / det
    step[1] = (b * g[0] + e * g[1] + f * g[2]) / det
    step[2] = (c * g[0] + f * g[1] + i * g[2]) / det


@compiled
def _slope(w: Any, at: Any, points: Any, x: Any, small: float, g: Any, h: Any) -> float:
    # Minus the gradient of the sum of w r, its second derivatives, and the sum of w / r.
    gx = gy = gz = xx = yy = zz = xy = xz = yz = pull = 0.0
    for j in range(w.shape[0]):
        k = at[j]
        dx, dy, dz = points[k, 0] - x[0], points[k, 1] - x[1], points[k, 2] - x[2]
        square = dx * dx + dy * dy + dz * dz + small
        v = w[j] / np.sqrt(square)
        u = v / square
        pull += v
        gx += v * dx
        gy += v * dy
        gz += v * dz
        xx += u * dx * dx
        yy += u * dy * dy
        zz += u * dz * dz
        xy += u * dx * dy
        xz += u * dx * dz
        yz += u * dy * dz
    g[0], g[1], g[2] = gx, gy, gz
    h[0, 0], h[1, 1], h[2, 2] = pull - xx, pull - yy, pull - zz
    h[0, 1], h[0, 2], h[1, 2] = -xy, -xz, -yz
    return pull


@compiled
def _medians(p: Any, spots: Any, powers: Any, points: Any, smallest: float, out: Any) -> None:
    n = p.shape[1]
    w, at = np.empty(n), np.empty(n, dtype=np.int64)
    x, y = np.empty(3), np.empty(3)
    g, next_g, step = np.empty(3), np.empty(3), np.empty(3)
    h, next_h = np.empty((3, 3)), np.empty((3, 3))
    small = smallest * smallest
    for i in range(p.shape[0]):
        top = 0.0
        for j in range(n):
            top = max(top, p[i, j])
        count, total = 0, 0.0
        x[:] = 0
        for j in range(n):
            share = p[i, j] / top
            weight = np.exp(powers[i] * np.log(share)) if share > 0 else 0.0
            if weight > _NEGLIGIBLE:
                k = spots[i, j] if spots.shape[0] else j
                w[count], at[count] = weight, k
                count += 1
                total += weight
                for d in range(3):
                    x[d] += weight * points[k, d]
        for d in range(3):
            x[d] /= total
        pull = _slope(w[:count], at[:count], points, x, small, g, h)
        for _ in range(_MOST):
            _solved(h, g, step)
            for d in range(3):
                y[d] = x[d] + step[d]
            next_pull = _slope(w[:count], at[:count], points, y, small, next_g, next_h)
            slope, next_slope = 0.0, 0.0
            for d in range(3):
                slope += g[d] * g[d]
                next_slope += next_g[d] * next_g[d]
            if not next_slope < 0.25 * slope:  # Weiszfeld's step always leads down
                for d in range(3):
                    step[d] = g[d] / pull
                    y[d] = x[d] + step[d]
                next_pull = _slope(w[:count], at[:count], points, y, small, next_g, next_h)
            moved = 0.0
            for d in range(3):
                moved += step[d] * step[d]
                x[d], g[d] = y[d], next_g[d]
                for e in range(3):
                    h[d, e] = next_h[d, e]
            pull = next_pull
            if moved < _CLOSE * _CLOSE * small:
                break
        for d in range(out.shape[1]):
            out[i, d] = x[d]


def powered_median(p: Any, spots: Ints | None, powers: F64, points: F64, smallest: float) -> F64:
    """Return the spatial median of all spots under a power of every row of P.

    It is found by Newton's method, and by Weiszfeld's step where that does not lead down.

    Parameters
    ----------
    p
        Entries of the rows of P, cells x entries.
    spots
        The spot of each entry; None if there is an entry for every spot.
    powers
        The power of every row.
    points
        Coordinates, spots x 2 or 3.
    smallest
        As for `spatial_median`.

    Returns
    -------
    Cells x 2 or 3.
    """
    padded = np.zeros((len(points), 3))
    padded[:, : points.shape[1]] = points
    out = np.empty((len(p), points.shape[1]))
    at = np.zeros((0, 0), dtype=np.int64) if spots is None else np.ascontiguousarray(spots, dtype=np.int64)
    _medians(np.ascontiguousarray(p), at, np.ascontiguousarray(powers), padded, smallest, out)
    return out
