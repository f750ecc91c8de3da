"""Compiled loops over the rows of P: home spot, entropy and, at a known sharpness, place and distances.

All that is compiled lies in this file, as its cache follows the source of one file. Each row is read by
itself, so that neither blocks nor threads change a byte. Entries of a row are brought together first, with
their coordinates, so that a sparse row is read as a dense one is, and the sums are vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.jit import compiled

__all__ = ["near_spots", "read_rows"]

_MOST = 200
_CLOSE = 0.01
_NEGLIGIBLE = float(np.log(1e-9))  # weights below this share of the largest are left out
_ROUNDING = 1e-4  # a row that leaves out no more is complete
_BINS = 512
_TINY = 1e-300
_ALIKE = 1 - 1e-12  # expected distances that differ by less are equal


@compiled
def _exp(x: float) -> float:
    # exp(x) for x from -21 to 0, by a polynomial of x / 64; loops over it are vectorised.
    y = x * (1 / 64)
    e = 1 + y * (1 / 11)
    e = 1 + y * (1 / 10) * e
    e = 1 + y * (1 / 9) * e
    e = 1 + y * (1 / 8) * e
    e = 1 + y * (1 / 7) * e
    e = 1 + y * (1 / 6) * e
    e = 1 + y * (1 / 5) * e
    e = 1 + y * (1 / 4) * e
    e = 1 + y * (1 / 3) * e
    e = 1 + y * (1 / 2) * e
    e = 1 + y * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@compiled
def _powered(logs: Any, power: float, out: Any) -> None:
    # The weights exp(power * logs), 0 where they are negligible.
    for j in range(logs.shape[0]):
        x = power * logs[j]
        e = _exp(max(x, _NEGLIGIBLE))
        out[j] = e if x > _NEGLIGIBLE else 0.0


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
def _slope(w: Any, x: Any, y: Any, z: Any, at: Any, small: float, g: Any, h: Any) -> float:
    # Minus the gradient of the sum of w r, its second derivatives, and the sum of w / r.
    gx = gy = gz = xx = yy = zz = xy = xz = yz = pull = 0.0
    ax, ay, az = at[0], at[1], at[2]
    for j in range(w.shape[0]):
        dx, dy, dz = x[j] - ax, y[j] - ay, z[j] - az
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
def _median(w: Any, x: Any, y: Any, z: Any, smallest: float, at: Any) -> None:
    # The point of least sum of w r: Newton's method, and Weiszfeld's step where that does not lead down.
    g, next_g, step, there = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    h, next_h = np.empty((3, 3)), np.empty((3, 3))
    small = smallest * smallest
    total = mx = my = mz = 0.0
    for j in range(w.shape[0]):
        total += w[j]
        mx += w[j] * x[j]
        my += w[j] * y[j]
        mz += w[j] * z[j]
    at[0], at[1], at[2] = mx / total, my / total, mz / total
    pull = _slope(w, x, y, z, at, small, g, h)
    for _ in range(_MOST):
        _solved(h, g, step)
        for d in range(3):
            there[d] = at[d] + step[d]
        next_pull = _slope(w, x, y, z, there, small, next_g, next_h)
        slope, next_slope = 0.0, 0.0
        for d in range(3):
            slope += g[d] * g[d]
            next_slope += next_g[d] * next_g[d]
        if not next_slope < 0.25 * slope:  # Weiszfeld's step always leads down
            for d in range(3):
                step[d] = g[d] / pull
                there[d] = at[d] + step[d]
            next_pull = _slope(w, x, y, z, there, small, next_g, next_h)
        moved = 0.0
        for d in range(3):
            moved += step[d] * step[d]
            at[d], g[d] = there[d], next_g[d]
            for e in range(3):
                h[d, e] = next_h[d, e]
        pull = next_pull
        if moved < _CLOSE * _CLOSE * small:
            break


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
def _nearest_spot(w: Any, x: Any, y: Any, z: Any, spots: Any, at: Any, away: Any, left: Any) -> int:
    # The spot of least expected distance. The expected distance is convex, so that its tangent at one spot
    # rules out all spots where the tangent is no lower than the best so far.
    px, py, pz = spots[0], spots[1], spots[2]
    g = np.empty(3)
    n, found = px.shape[0], 0
    for j in range(n):
        dx, dy, dz = px[j] - at[0], py[j] - at[1], pz[j] - at[2]
        away[j] = dx * dx + dy * dy + dz * dz
    for j in range(1, n):
        if away[j] < away[found]:
            found = j
    best = _expected(w, x, y, z, px[found], py[found], pz[found], g)
    total, count = 0.0, 0
    for j in range(w.shape[0]):
        total += w[j]
    # By the triangle inequality, no spot that is farther from this one is better.
    reach = 2 * best / total
    bound, reach = best * _ALIKE - best, reach * reach
    for j in range(n):
        dx, dy, dz = px[j] - px[found], py[j] - py[found], pz[j] - pz[found]
        near = dx * dx + dy * dy + dz * dz < reach
        left[count] = j
        count += near and g[0] * dx + g[1] * dy + g[2] * dz < bound
    while count:
        here = left[0]
        for k in range(1, count):
            if away[left[k]] < away[here]:
                here = left[k]
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
def _sort(key: Any, of: Any) -> None:
    # Shell's sort, of `of` by key and, among equals, by number.
    n = of.shape[0]
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap:
        for i in range(gap, n):
            j, one = i, of[i]
            while j >= gap and (
                key[of[j - gap]] > key[one] or (key[of[j - gap]] == key[one] and of[j - gap] > one)
            ):
                of[j] = of[j - gap]
                j -= gap
            of[j] = one
        gap //= 3


@compiled
def _quantiles(w: Any, square: Any, levels: Any, order: Any, bins: Any, out: Any) -> None:
    # Quantiles of the distances, given by their squares. Of sorted distances, the distribution function is
    # the weight up to the middle of each, and linear between. Distances are put into bins, and only the bins
    # about a level are sorted.
    m = w.shape[0]
    most = 0.0
    for j in range(m):
        most = max(most, square[j])
    scale = _BINS / most if most > 0 else 0.0
    weight, start = np.zeros(_BINS), np.zeros(_BINS + 1, dtype=np.int64)
    for j in range(m):
        b = min(int(square[j] * scale), _BINS - 1)
        bins[j] = b
        weight[b] += w[j]
        start[b + 1] += 1
    total = 0.0
    for b in range(_BINS):
        total += weight[b]
        start[b + 1] += start[b]
    fill = start.copy()
    for j in range(m):
        b = bins[j]
        order[fill[b]] = j
        fill[b] += 1
    for k in range(levels.shape[0]):
        wanted = levels[k] * total
        before = before_last = before_here = 0.0
        last = here = after = -1
        for b in range(_BINS):
            if start[b + 1] > start[b]:
                if here >= 0:
                    after = b
                    break
                if before + weight[b] > wanted:
                    here, before_here = b, before
                else:
                    last, before_last = b, before
                before += weight[b]
        if here < 0:
            here, before_here = last, before_last
        first = last if last >= 0 else here
        cumulated = before_last if last >= 0 else before_here
        end = start[(after if after >= 0 else here) + 1]
        some = order[start[first] : end]
        _sort(square, some)
        middle_before = distance_before = 0.0
        out[k] = np.sqrt(square[some[some.shape[0] - 1]])
        for i in range(some.shape[0]):
            j = some[i]
            middle, distance = cumulated + w[j] / 2, np.sqrt(square[j])
            if middle > wanted:
                out[k] = distance
                if i > 0:
                    part = (wanted - middle_before) / (middle - middle_before)
                    out[k] = distance_before + part * (distance - distance_before)
                break
            middle_before, distance_before = middle, distance
            cumulated += w[j]


@compiled
def read_rows(
    p: Any,
    of: Any,
    n_spots: int,
    powers: Any,
    softer: float,
    spots: Any,
    smallest: float,
    levels: Any,
    placed: Any,
    home: Any,
    probability: Any,
    entropy: Any,
    spread: Any,
    near: Any,
    distances: Any,
) -> None:
    """Read every row of P.

    Parameters
    ----------
    p, of
        Entries of the rows, and the spot of each; no row of `of`: there is an entry for every spot.
    n_spots
        Number of spots.
    powers, softer
        The sharpness of every row, NaN where it is not known, and the share of it at which places are read.
    spots, smallest
        Coordinates, 3 x spots, and the lower bound for distances in the median.
    levels
        Levels of the quantiles.
    placed
        The places of the cells, cells x 3; where they are NaN, the median is written into them.
    home, probability, entropy
        Results for every row.
    spread, near, distances
        Results for rows of known sharpness: the spread, the spot of least expected distance, and the
        quantiles of the distance from the place, cells x levels.
    """
    n = p.shape[1]
    v, logs, w, q = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    sx, sy, sz, square = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    order, bins = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    away, left = np.empty(spots.shape[1]), np.empty(spots.shape[1] + 1, dtype=np.int64)
    at = np.empty(3)
    for i in range(p.shape[0]):
        best = 0
        for j in range(1, n):
            if p[i, j] > p[i, best]:
                best = j
        top = np.float64(p[i, best])
        home[i], probability[i] = of[i, best] if of.shape[0] else best, top
        sharp = powers[i]
        known = not np.isnan(sharp)
        count = 0
        for j in range(n):
            v[count] = p[i, j]
            if known:
                k = of[i, j] if of.shape[0] else j
                x[count], y[count], z[count] = spots[0, k], spots[1, k], spots[2, k]
            count += p[i, j] > 0
        total = bits = 0.0
        for j in range(count):
            logs[j] = np.log(v[j] / top)
            total += v[j]
            bits += v[j] * logs[j]
        rest = 1 - total
        entropy[i] = -(bits + total * np.log(top))
        if rest > _ROUNDING:
            entropy[i] -= rest * np.log(rest / (n_spots - count if n_spots > count else n_spots))
        entropy[i] = min(max(entropy[i] / np.log(n_spots), 0.0), 1.0) if n_spots > 1 else 0.0
        if not known:
            continue
        some = 0
        _powered(logs[:count], softer * sharp, q)
        for j in range(count):
            w[some], sx[some], sy[some], sz[some] = q[j], x[j], y[j], z[j]
            some += q[j] > 0
        ws, xs, ys, zs = w[:some], sx[:some], sy[:some], sz[:some]
        _median(ws, xs, ys, zs, smallest, at)
        near[i] = _nearest_spot(ws, xs, ys, zs, spots, at, away, left)
        for d in range(3):
            if np.isnan(placed[i, d]):
                placed[i, d] = at[d]
        ax, ay, az = placed[i, 0], placed[i, 1], placed[i, 2]
        variance = 0.0
        for j in range(count):
            dx, dy, dz = x[j] - ax, y[j] - ay, z[j] - az
            square[j] = dx * dx + dy * dy + dz * dz
            variance += v[j] * square[j]
        _powered(logs[:count], sharp, w)
        some = 0
        for j in range(count):
            q[some], square[some] = w[j], square[j]
            some += w[j] > 0
        spread[i] = np.sqrt(variance / total)
        _quantiles(q[:some], square[:some], levels, order, bins, distances[i])


@compiled
def near_spots(w: Any, of: Any, spots: Any, placed: Any, near: Any) -> None:
    """Find the spot of least expected distance from the spots `of`, with weights `w`, both cells x k."""
    k = w.shape[1]
    x, y, z = np.empty(k), np.empty(k), np.empty(k)
    away, left = np.empty(spots.shape[1]), np.empty(spots.shape[1] + 1, dtype=np.int64)
    for i in range(w.shape[0]):
        for j in range(k):
            x[j], y[j], z[j] = spots[0, of[i, j]], spots[1, of[i, j]], spots[2, of[i, j]]
        near[i] = _nearest_spot(w[i], x, y, z, spots, placed[i], away, left)
