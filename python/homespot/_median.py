"""The spatial median: the point of least expected distance to the spots, by Weiszfeld's iteration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .device import threads
from .transport._jit import compiled

__all__ = ["spatial_median"]

F64 = npt.NDArray[np.float64]


@compiled
def _weiszfeld(p: Any, x: Any, y: Any, z: Any, smallest: float, most: int, found: Any) -> None:
    """Move every row of `found` (cells x 3) from the mean to the median under `p` (cells x spots)."""
    n = p.shape[1]
    mass, px, py, pz = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for i in range(p.shape[0]):
        floor = 1e-7 * p[i].max()
        k = 0
        for j in range(n):
            if p[i, j] > floor:
                mass[k], px[k], py[k], pz[k] = p[i, j], x[j], y[j], z[j]
                k += 1
        for _ in range(most):
            total = sum_x = sum_y = sum_z = 0.0
            for j in range(k):
                dx, dy, dz = px[j] - found[i, 0], py[j] - found[i, 1], pz[j] - found[i, 2]
                # The floor under the distance lets the point come to rest on a spot.
                weight = mass[j] / np.sqrt(dx * dx + dy * dy + dz * dz + smallest * smallest)
                total += weight
                sum_x += weight * dx
                sum_y += weight * dy
                sum_z += weight * dz
            found[i, 0] += sum_x / total
            found[i, 1] += sum_y / total
            found[i, 2] += sum_z / total
            if np.sqrt(sum_x**2 + sum_y**2 + sum_z**2) < 0.01 * smallest * total:
                break


def spatial_median(weights: F64, spots: F64, start: F64) -> F64:
    """Return the point x of least sum_j P[i, j] |s_j - x| for every row of P.

    It is the place of least expected error, as the mean is that of least expected squared error. A spot with
    more than half of the probability is its own median.

    Parameters
    ----------
    weights
        P, cells x spots.
    spots
        Coordinates, spots x 2 or 3.
    start
        Where to start, cells x 2 or 3: the means.

    Returns
    -------
    Cells x 2 or 3, to within a thousandth of the distance between neighbouring spots.
    """
    n_spots, n_dimensions = spots.shape
    solid = np.zeros((3, n_spots))
    solid[:n_dimensions] = spots.T
    found = np.zeros((len(weights), 3))
    found[:, :n_dimensions] = start
    extent = np.sqrt(spots.var(axis=0).sum())
    smallest = max(1e-3 * float(extent) / n_spots ** (1 / n_dimensions), np.finfo(np.float64).tiny)
    n_threads = threads()
    edges = np.linspace(0, len(weights), n_threads + 1).astype(int)
    parts = [slice(*pair) for pair in pairwise(edges)]
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda rows: _weiszfeld(weights[rows], *solid, smallest, 200, found[rows]), parts))
    return found[:, :n_dimensions]
