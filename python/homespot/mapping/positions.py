"""Home spots, positions and radii, read from the rows of P."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ..common.checks import one_of, whole, within
from ..common.cores import limited_threads
from ..matrix import rows
from ..space.axes import spot_coordinates
from . import confidence
from .median import spatial_median

__all__ = ["Position", "entropy", "home_spots", "positions", "radius"]


Position = Literal["median", "mean", "k_best", "argmax"]


def home_spots(matrix: Any) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the most probable spot of every cell (the first of equals) and its probability."""
    home = np.empty(matrix.shape[0], dtype=np.intp)
    probability = np.empty(matrix.shape[0])
    for part in rows.entries(matrix):
        home[part.rows] = rows.home(part)
        probability[part.rows] = part.p.max(axis=1)
    return home, probability


def entropy(matrix: Any) -> npt.NDArray[np.float64]:
    """Return the entropy of every row of P over the logarithm of the number of spots; see `entropies`."""
    found = np.empty(matrix.shape[0])
    for part in rows.entries(matrix):
        found[part.rows] = confidence.entropies(part.p, matrix.shape[1])
    return found


def positions(
    matrix: Any, spots: npt.NDArray[np.float64], position: Position = "median", k: int = 20
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Place every row of P.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or CSR.
    spots
        Coordinates, spots x 2 or 3.
    position
        ``"median"``: the spatial median, the point of least mean distance, of the k most probable spots,
        weighted by the square of their probability. ``"mean"``: the mean under P. ``"k_best"``: the mean of
        the k most probable spots, weighted by their probability. ``"argmax"``: at the most probable spot.
    k
        How many spots ``"median"`` and ``"k_best"`` take.

    Returns
    -------
    Positions (cells x 2 or 3) and the spread of each, both in the unit of the coordinates. The spread is the
    root mean squared distance of all spots from the position, under the whole of P. P is soft, so it is
    usually larger than the error of the position, which the median takes from the most probable spots.
    """
    one_of("position", position, get_args(Position))
    whole("k", k, 1)
    n_spots = matrix.shape[1]
    spots = np.ascontiguousarray(spot_coordinates(spots, n_spots))
    centre = spots.mean(axis=0)
    local = spots - centre
    squares = np.square(local).sum(axis=1)
    # A thousandth of the distance between neighbours, or so; where spots have no extent, what can be squared.
    closest = max(1e-3 * float(np.sqrt(squares.mean())) / n_spots ** (1 / spots.shape[1]), 1e-150)
    placed = np.empty((matrix.shape[0], spots.shape[1]))
    spread = np.empty(matrix.shape[0])
    with limited_threads():
        for part in rows.entries(matrix):
            mean = rows.mean_of(part, local)
            if position == "argmax":
                place = local[rows.home(part)]
            elif position == "mean":
                place = mean
            else:
                best, share = rows.best(part, k)
                if position == "median":
                    place = spatial_median(rows.sharpened(share), local[best], closest)
                else:
                    share /= share.sum(axis=1, keepdims=True)
                    place = np.einsum("ck,ckd->cd", share, local[best])
            # E|s - x|^2 = E|s|^2 - 2 x.E[s] + |x|^2, about the centre of the tissue for accuracy.
            variance = rows.mean_of(part, squares) + np.einsum("cd,cd->c", place, place - 2 * mean)
            placed[part.rows] = place
            spread[part.rows] = np.sqrt(np.maximum(variance, 0))
    return placed + centre, spread


def radius(
    matrix: Any,
    spots: npt.NDArray[np.float64],
    placed: npt.NDArray[np.float64],
    level: float = 0.9,
    max_radius: float | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Say within which radius of its position a cell's true place is expected, and whether that is close.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or CSR.
    spots
        Coordinates, spots x 2 or 3.
    placed
        Positions of the cells, cells x 2 or 3.
    level
        Share of the cells whose true place lies within the radius, 0.05 to 0.99.
    max_radius
        Largest radius with which a cell is confident, in the unit of the coordinates; None is half the extent
        of the tissue, the root mean squared distance of the spots from their centroid.

    Returns
    -------
    The radius of every cell, in the unit of the coordinates, and whether it is confident. The radius is
    f(level) s (s / e)^(1/3); see `homespot.confidence`.
    """
    within("level", level, *confidence.LEVELS)
    if max_radius is not None:
        within("max_radius", max_radius, 0, open_low=True)
    spots = np.ascontiguousarray(spot_coordinates(spots, matrix.shape[1]))
    pitch, extent = confidence.pitch(spots), confidence.extent(spots)
    found = np.empty(matrix.shape[0])
    for part in rows.entries(matrix):
        best, share = rows.best(part, confidence.BEST)
        away = np.linalg.norm(spots[best] - placed[part.rows][:, None], axis=2)
        found[part.rows] = confidence.radii(share / share.sum(axis=1, keepdims=True), away, pitch, extent)
    found *= confidence.factor(level)
    return found, (found > 0) & (found <= (extent / 2 if max_radius is None else max_radius))
