"""Compiled loops over the rows of P: home spot, entropy and, at a known sharpness, place and distances.

Each row is read by itself, so that neither blocks nor threads change a byte. Entries of a row that has
zeros are brought together first, with their coordinates, so that a sparse row is read as a dense one is, and
the sums are vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.jit import compiled
from .near_loops import nearest_spot

__all__ = ["read_rows"]

_MOST = 200
_CLOSE = 0.01
_NEGLIGIBLE = float(np.log(1e-9))  # weights below this share of the largest are left out
_ROUNDING = 1e-4  # a row that leaves out no more is complete
_BINS = (32, 4096)  # fewest and most
_IN_BIN = 8  # entries, on average
_HALF_ROOT = np.int64(0x3FE6A09E667F3BCD)  # the bits of sqrt(1 / 2)
# log(2) in two parts, the first with few digits, so that its multiples are exact.
_LOG2_HIGH, _LOG2_LOW = 0.6931471803691238, 1.9082149292705877e-10


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
def _log(x: float) -> float:
    # log(x) to the last digit, for x from 1e-300 to 1e300; loops over it are vectorised. With x = 2^k m and
    # m about 1, log(m) is the series of 2 artanh((m - 1) / (m + 1)).
    bits = np.float64(x).view(np.int64)
    k = (bits - _HALF_ROOT) >> np.int64(52)
    m = np.int64(bits - (k << np.int64(52))).view(np.float64)
    s = (m - 1) / (m + 1)
    t = s * s
    e = 1 / 21
    e = 1 / 19 + t * e
    e = 1 / 17 + t * e
    e = 1 / 15 + t * e
    e = 1 / 13 + t * e
    e = 1 / 11 + t * e
    e = 1 / 9 + t * e
    e = 1 / 7 + t * e
    e = 1 / 5 + t * e
    e = 1 / 3 + t * e
    n = np.float64(k)
    return n * _LOG2_HIGH + (2 * s + (2 * s * t * e + n * _LOG2_LOW))


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
def _quantiles(w: Any, square: Any, levels: Any, near: Any, bins: Any, out: Any) -> None:
    # Quantiles of the distances, given by their squares. Of sorted distances, the distribution function is
    # the weight up to the middle of each, and linear between. Distances are put into bins, and only the bins
    # about a level are sorted.
    m, n_levels = w.shape[0], levels.shape[0]
    n_bins = min(max(m // _IN_BIN, _BINS[0]), _BINS[1])
    most = 0.0
    for j in range(m):
        most = max(most, square[j])
    scale = n_bins / most if most > 0 else 0.0
    for j in range(m):
        bins[j] = min(np.int32(square[j] * scale), np.int32(n_bins - 1))
    before, held = np.zeros(n_bins + 1), np.zeros(n_bins, dtype=np.bool_)
    for j in range(m):
        before[bins[j] + 1] += w[j]
    for b in range(n_bins):
        held[b] = before[b + 1] > 0
        before[b + 1] += before[b]
    # The bins before and after the one of the level are sorted too: values there may be interpolated.
    first, last = np.empty(n_levels, dtype=np.int64), np.empty(n_levels, dtype=np.int64)
    about = np.zeros(n_bins, dtype=np.bool_)
    for k in range(n_levels):
        here = min(np.searchsorted(before, levels[k] * before[n_bins], side="right"), n_bins) - 1
        while not held[here]:
            here -= 1
        first[k] = last[k] = here
        for b in range(here - 1, -1, -1):
            if held[b]:
                first[k] = b
                break
        for b in range(here + 1, n_bins):
            if held[b]:
                last[k] = b
                break
        about[first[k]] = about[here] = about[last[k]] = True
    count = 0
    for j in range(m):
        if about[bins[j]]:
            near[count] = j
            count += 1
    some = np.empty(count, dtype=near.dtype)
    for k in range(n_levels):
        n = 0
        for i in range(count):
            j = near[i]
            if first[k] <= bins[j] <= last[k]:
                some[n] = j
                n += 1
        _sort(square, some[:n])
        wanted, cumulated = levels[k] * before[n_bins], before[first[k]]
        middle_before = distance_before = 0.0
        out[k] = np.sqrt(square[some[n - 1]])
        for i in range(n):
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
    order: Any,
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
    spots, order, smallest
        Coordinates, 3 x spots; the spots, sorted by x; and the lower bound for distances in the median.
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
    vx, vy, vz = np.empty(n), np.empty(n), np.empty(n)
    sx, sy, sz, square = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    room, bins, at = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32), np.empty(3)
    away, left = np.empty(spots.shape[1]), np.empty(spots.shape[1] + 1, dtype=np.int64)
    for i in range(p.shape[0]):
        row = p[i]
        most, least = row[0], row[0]
        for j in range(1, n):
            most, least = max(most, row[j]), min(least, row[j])
        best = 0
        while best < n - 1 and row[best] != most:
            best += 1
        top = np.float64(most)
        home[i], probability[i] = of[i, best] if of.shape[0] else best, top
        sharp = powers[i]
        known = not np.isnan(sharp)
        count, x, y, z = n, spots[0], spots[1], spots[2]
        if least > 0 and not of.shape[0]:
            for j in range(n):
                v[j] = row[j]
        else:
            count, x, y, z = 0, vx, vy, vz
            for j in range(n):
                v[count] = row[j]
                if known:
                    k = of[i, j] if of.shape[0] else j
                    x[count], y[count], z[count] = spots[0, k], spots[1, k], spots[2, k]
                count += row[j] > 0
        total = bits = 0.0
        for j in range(count):
            logs[j] = _log(v[j] / top)
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
        near[i] = nearest_spot(ws, xs, ys, zs, spots, order, at, away, left)
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
        _quantiles(q[:some], square[:some], levels, room, bins, distances[i])
