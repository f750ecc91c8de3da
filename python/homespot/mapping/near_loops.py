"""Compiled loops that find the spot of least expected distance from spots with weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.jit import compiled

__all__ = ["near_spots", "nearest_spot"]

_TINY = 1e-300
_ALIKE = 1 - 1e-12  # expected distances that differ by less are equal


@compiled
def _expected(w: Any, x: Any, y: Any, z: Any, ax: float, ay: float, az: float, g: Any) -> float:
    # The sum of w r, and its gradient; a spot at the point itself has none.
    total = gx = gy = gz = 0.0
    for j in range(w.shape[0]):
        dx, dy, dz = ax - x[j], ay - y[j], az - z[j]
        square = dx * dx + dy * dy + dz * dz
        v = w[j] / np.sqrt(square + _TINY)
        total += v * square
        gx += v * dx
        gy += v * dy
        gz += v * dz
    g[0], g[1], g[2] = gx, gy, gz
    return total


@compiled
def _first_from(x: Any, order: Any, least: float) -> int:
    # How many spots, which `order` sorts by x, have a smaller x.
    low, high = 0, order.shape[0]
    while low < high:
        middle = (low + high) // 2
        if x[order[middle]] < least:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def nearest_spot(
    w: Any, x: Any, y: Any, z: Any, spots: Any, order: Any, at: Any, away: Any, left: Any
) -> int:
    """Return the spot of least expected distance from the points x, y, z with weights w.

    The expected distance is convex, so that its tangent at one spot rules out all spots where the tangent is
    no lower than the best so far.

    Parameters
    ----------
    w, x, y, z
        Weights and coordinates of the points.
    spots, order
        Coordinates, 3 x spots, and the spots, sorted by x.
    at
        Where to begin: the spatial median of the points.
    away, left
        Room for a number for every spot; `left` for one more.
    """
    px, py, pz = spots[0], spots[1], spots[2]
    g = np.empty(3)
    n, found, closest = px.shape[0], 0, np.inf
    start = _first_from(px, order, at[0])
    for way in (-1, 1):
        t = start if way == 1 else start - 1
        while 0 <= t < n:
            j = order[t]
            dx, dy, dz = px[j] - at[0], py[j] - at[1], pz[j] - at[2]
            if dx * dx > closest:
                break
            square = dx * dx + dy * dy + dz * dz
            if square < closest or (square == closest and j < found):
                found, closest = j, square
            t += way
    best = _expected(w, x, y, z, px[found], py[found], pz[found], g)
    total, count = 0.0, 0
    for j in range(w.shape[0]):
        total += w[j]
    # By the triangle inequality, no spot that is farther from this one is better.
    reach = 2 * best / total
    bound, square = best * _ALIKE - best, reach * reach
    for t in range(_first_from(px, order, px[found] - reach), n):
        j = order[t]
        dx, dy, dz = px[j] - px[found], py[j] - py[found], pz[j] - pz[found]
        if dx > reach:
            break
        left[count] = j
        near = dx * dx + dy * dy + dz * dz < square
        count += near and g[0] * dx + g[1] * dy + g[2] * dz < bound
    for k in range(count):
        j = left[k]
        dx, dy, dz = px[j] - at[0], py[j] - at[1], pz[j] - at[2]
        away[j] = dx * dx + dy * dy + dz * dz
    while count:
        here = left[0]
        for k in range(1, count):
            j = left[k]
            if away[j] < away[here] or (away[j] == away[here] and j < here):
                here = j
        value = _expected(w, x, y, z, px[here], py[here], pz[here], g)
        if value < best * _ALIKE:
            best, found = value, here
        bound, kept = best * _ALIKE - value, 0
        for k in range(count):
            j = left[k]
            dx, dy, dz = px[j] - px[here], py[j] - py[here], pz[j] - pz[here]
            left[kept] = j
            kept += j != here and g[0] * dx + g[1] * dy + g[2] * dz < bound
        count = kept
    return found


@compiled
def near_spots(w: Any, of: Any, spots: Any, order: Any, placed: Any, near: Any) -> None:
    """Find the spot of least expected distance from the spots `of`, with weights `w`, both cells x k."""
    k = w.shape[1]
    x, y, z = np.empty(k), np.empty(k), np.empty(k)
    away, left = np.empty(spots.shape[1]), np.empty(spots.shape[1] + 1, dtype=np.int64)
    for i in range(w.shape[0]):
        for j in range(k):
            x[j], y[j], z[j] = spots[0, of[i, j]], spots[1, of[i, j]], spots[2, of[i, j]]
        near[i] = nearest_spot(w[i], x, y, z, spots, order, placed[i], away, left)
