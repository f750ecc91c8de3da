"""Home spots, positions and radii, read from the rows of P."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ..common.checks import one_of, whole, within
from ..common.cores import limited_threads
from ..common.run import SOFTER
from ..expression.places import pitch
from ..matrix.gather import Reducer, gather
from ..matrix.rows import RowBlock, sharpened
from ..matrix.sums import row_sums
from ..space.axes import spot_coordinates
from . import confidence
from .median import powered_median, spatial_median

__all__ = [
    "Entropies",
    "HomeSpots",
    "Position",
    "Positions",
    "Radii",
    "entropy",
    "home_spots",
    "positions",
    "radius",
]

F64 = npt.NDArray[np.float64]


Position = Literal["median", "mean", "k_best", "argmax"]


class HomeSpots(Reducer):
    """The most probable spot of every cell, the first one if several are equal.

    Attributes
    ----------
    home
        The column of the spot, shape (cells,).
    probability
        The probability of the spot, shape (cells,).
    """

    home: npt.NDArray[np.intp]
    probability: F64

    def start(self, matrix: Any) -> None:
        """Make room for every cell."""
        self.home = np.empty(matrix.shape[0], dtype=np.intp)
        self.probability = np.empty(matrix.shape[0])

    def add(self, block: RowBlock) -> None:
        """Find the home spots of these cells."""
        self.home[block.rows] = block.home
        self.probability[block.rows] = block.p.max(axis=1)


class Entropies(Reducer):
    """The entropy of every row of P over the logarithm of the number of spots; see `entropies`.

    Attributes
    ----------
    total
        Shape (cells,).
    """

    total: F64

    def start(self, matrix: Any) -> None:
        """Make room for every cell."""
        self.total, self._n_spots = np.empty(matrix.shape[0]), int(matrix.shape[1])

    def add(self, block: RowBlock) -> None:
        """Find the entropies of these rows."""
        sums = row_sums(block.p) if block.spots is not None else block.sums
        self.total[block.rows] = confidence.entropies(block.doubles, sums, self._n_spots)


class Positions(Reducer):
    """The place of every cell, and the spread of its row of P about it.

    Parameters
    ----------
    spots
        Coordinates, spots x 2 or 3.
    position, k
        How a position is read from P; see `positions`.
    sharpness
        The sharpness of every cell's row, NaN where it is not known; None: not known.

    Attributes
    ----------
    placed
        Positions, cells x 2 or 3.
    spread
        The spread of each, shape (cells,).
    """

    placed: F64
    spread: F64

    def __init__(
        self, spots: F64, position: Position = "median", k: int = 20, sharpness: F64 | None = None
    ) -> None:
        one_of("position", position, get_args(Position))
        whole("k", k, 1)
        self._position, self._k, self._sharpness = position, k, sharpness
        spots = np.ascontiguousarray(spot_coordinates(spots, len(spots)))
        self._centre = spots.mean(axis=0)
        self._local = spots - self._centre
        self._squares = np.square(self._local).sum(axis=1)
        # Lower bound for distances: 0.1 % of the typical spacing, or 1e-150 if all spots coincide.
        extent = float(np.sqrt(self._squares.mean()))
        self._closest = max(1e-3 * extent / len(spots) ** (1 / spots.shape[1]), 1e-150)

    def start(self, matrix: Any) -> None:
        """Make room for every cell."""
        self.placed = np.empty((matrix.shape[0], self._local.shape[1]))
        self.spread = np.empty(matrix.shape[0])

    def add(self, block: RowBlock) -> None:
        """Place these cells."""
        local = self._local
        mean = block.mean_of(local)
        if self._position == "argmax":
            place = local[block.home]
        elif self._position == "mean":
            place = mean
        elif self._position == "median":
            place = self._median(block)
        else:
            best, share = block.best(self._k)
            place = np.einsum("ck,ckd->cd", share / share.sum(axis=1, keepdims=True), local[best])
        # E|s - x|^2 = E|s|^2 - 2 x.E[s] + |x|^2, about the centre of the tissue for accuracy.
        variance = block.mean_of(self._squares) + np.einsum("cd,cd->c", place, place - 2 * mean)
        self.placed[block.rows] = place + self._centre
        self.spread[block.rows] = np.sqrt(np.maximum(variance, 0))

    def _median(self, block: RowBlock) -> F64:
        """Return the median of all spots where the sharpness is known, else of the best under P squared."""
        powers = np.full(len(block.p), np.nan)
        if self._sharpness is not None:
            powers = SOFTER * self._sharpness[block.rows]
        known = np.isfinite(powers)
        place = np.empty((len(powers), self._local.shape[1]))
        if known.any():
            spots = None if block.spots is None else block.spots[known]
            place[known] = powered_median(block.p[known], spots, powers[known], self._local, self._closest)
        if not known.all():
            best, share = block.best(self._k)
            old = ~known
            place[old] = spatial_median(sharpened(share[old]), self._local[best[old]], self._closest)
        return place


class Radii(Reducer):
    """The radius about its position within which every cell's true place is expected; see `radius`.

    Parameters
    ----------
    spots
        Coordinates, spots x 2 or 3.
    placed
        Positions of the cells, or the reducer that places them before this one in the same pass.
    level, max_radius
        As for `radius`.

    Attributes
    ----------
    total
        The radii, shape (cells,).
    confident
        Whether the radii are within `max_radius`, shape (cells,).
    """

    total: F64
    confident: npt.NDArray[np.bool_]

    def __init__(
        self, spots: F64, placed: F64 | Positions, level: float = 0.9, max_radius: float | None = None
    ) -> None:
        within("level", level, *confidence.LEVELS)
        if max_radius is not None:
            within("max_radius", max_radius, 0, open_low=True)
        self._spots = np.ascontiguousarray(spot_coordinates(spots, len(spots)))
        self._placed = placed
        self._pitch, self._extent = pitch(self._spots), confidence.extent(self._spots)
        self._factor = confidence.factor(level)
        self._most = self._extent / 2 if max_radius is None else max_radius

    def start(self, matrix: Any) -> None:
        """Make room for every cell."""
        self.total, self.confident = np.empty(matrix.shape[0]), np.empty(matrix.shape[0], dtype=bool)

    def add(self, block: RowBlock) -> None:
        """Find the radii of these cells."""
        placed = self._placed.placed if isinstance(self._placed, Positions) else self._placed
        best, share = block.best(confidence.BEST)
        away = np.linalg.norm(self._spots[best] - placed[block.rows][:, None], axis=2)
        share = share / share.sum(axis=1, keepdims=True)
        found = confidence.radii(share, away, self._pitch, self._extent) * self._factor
        self.total[block.rows] = found
        self.confident[block.rows] = (found > 0) & (found <= self._most)


def home_spots(matrix: Any) -> tuple[npt.NDArray[np.intp], F64]:
    """Return the most probable spot of every cell (the first if several are equal) and its probability."""
    found = HomeSpots()
    gather(matrix, found)
    return found.home, found.probability


def entropy(matrix: Any) -> F64:
    """Return the entropy of every row of P over the logarithm of the number of spots; see `entropies`."""
    found = Entropies()
    gather(matrix, found)
    return found.total


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
        ``"median"``: the spatial median (the point with the smallest mean distance) of the k most probable
        spots, weighted by the square of their probability. ``"mean"``: the mean of all spots under P.
        ``"k_best"``: the mean of the k most probable spots, weighted by their probability. ``"argmax"``: the
        most probable spot.
    k
        Number of most probable spots that ``"median"`` and ``"k_best"`` use.

    Returns
    -------
    Positions (cells x 2 or 3) and the spread of each, both in the unit of the coordinates. The spread is the
    root mean squared distance of all spots from the position, under the whole of P. P is soft, so the spread
    is usually larger than the error of the position, as the median uses only the most probable spots.
    """
    found = Positions(_checked(spots, matrix), position, k)
    with limited_threads():
        gather(matrix, found)
    return found.placed, found.spread


def radius(
    matrix: Any,
    spots: npt.NDArray[np.float64],
    placed: npt.NDArray[np.float64],
    level: float = 0.9,
    max_radius: float | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the radius within which each cell's true place is expected, and whether the cell is confident.

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
        of the tissue, which is the root mean squared distance of the spots from their centroid.

    Returns
    -------
    The radius of every cell, in the unit of the coordinates, and whether it is confident. The radius is
    f(level) s (s / e)^(1/3); see `homespot.confidence`.
    """
    found = Radii(_checked(spots, matrix), placed, level, max_radius)
    gather(matrix, found)
    return found.total, found.confident


def _checked(spots: F64, matrix: Any) -> F64:
    """Return coordinates that fit the columns of P."""
    return np.asarray(spot_coordinates(spots, matrix.shape[1]))
