"""Home spots, positions and radii, read from the rows of P."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ..common.checks import one_of, whole, within
from ..common.cores import limited_threads, threads
from ..common.run import SOFTER
from ..common.threads import pool
from ..expression.places import pitch
from ..matrix.gather import Reducer, gather
from ..matrix.rows import RowBlock, row_blocks, sharpened
from ..space.axes import spot_coordinates
from . import confidence
from .median import spatial_median
from .near_loops import near_spots
from .row_loops import read_rows

__all__ = ["Position", "Readings", "entropy", "home_spots", "positions", "radius", "read_sharply"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

Position = Literal["median", "mean", "k_best", "argmax"]

_ROWS = 64  # rows that a thread reads at once


class Readings(Reducer):
    """What is read from every row of P: its home spot and entropy and, with coordinates, the cell's place.

    Rows whose sharpness is known are read whole. Of the others, the place, the radius and the spot of least
    expected distance are read from the most probable spots.

    Parameters
    ----------
    spots
        Coordinates, spots x 2 or 3; None: the cells are not placed.
    position, k
        How a position is read from P; see `positions`.
    sharpness
        The sharpness of every cell's row, NaN where it is not known; None: not known.
    levels
        Levels of the radii.
    replaced
        Whether `replace` will put in the readings of each cell; None: those of none.

    Attributes
    ----------
    home, probability
        The column of the most probable spot, the first one if several are equal, and its probability.
    entropy
        The entropy of the row over the logarithm of the number of spots; see `homespot.cell_positions`.
    placed, spread
        Positions, cells x 2 or 3, and the spread of each.
    near
        The column of the spot of least expected distance.
    radii
        The radii, cells x levels.
    sharp
        Whether the row is read by its sharpness.
    """

    home: Ints
    probability: F64
    entropy: F64
    placed: F64
    spread: F64
    near: Ints
    radii: F64
    sharp: npt.NDArray[np.bool_]

    def __init__(
        self,
        spots: F64 | None = None,
        position: Position = "median",
        k: int = 20,
        sharpness: F64 | None = None,
        levels: Sequence[float] = (),
        replaced: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        one_of("position", position, get_args(Position))
        whole("k", k, 1)
        for level in levels:
            within("level", level, *confidence.LEVELS)
        self._position, self._k, self._sharpness, self._replaced = position, k, sharpness, replaced
        self._levels = np.asarray(levels, dtype=np.float64)
        self._has_spots = spots is not None
        self._padded, self._by_x = np.zeros((3, 0)), np.zeros(0, np.intp)
        self._closest = 0.0
        if spots is not None:
            self._spots = np.ascontiguousarray(spot_coordinates(spots, len(spots)))
            self._centre = self._spots.mean(axis=0)
            self._local = self._spots - self._centre
            self._squares = np.square(self._local).sum(axis=1)
            self._pitch, self._extent = pitch(self._spots), confidence.extent(self._spots)
            # Lower bound for distances: 0.1 % of the typical spacing, or 1e-150 if all spots coincide.
            extent = float(np.sqrt(self._squares.mean()))
            self._closest = max(1e-3 * extent / len(spots) ** (1 / spots.shape[1]), 1e-150)
            self._padded = _padded(self._local.T)
            self._by_x = np.argsort(self._padded[0], kind="stable")

    def start(self, matrix: Any) -> None:
        """Make room for every cell."""
        n, self._n_spots = matrix.shape
        self.home, self.near = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
        self.probability, self.entropy, self.spread = np.empty(n), np.empty(n), np.empty(n)
        self.radii, self.sharp = np.empty((n, len(self._levels))), np.zeros(n, dtype=bool)
        if self._has_spots:
            self.placed = np.empty((n, self._local.shape[1]))
            if self._sharpness is not None:
                self.sharp = read_sharply(self._sharpness)

    def add(self, block: RowBlock) -> None:
        """Read these rows."""
        sharp = self.sharp[block.rows]
        other = ~sharp
        place = np.full((len(sharp), 3), np.nan)
        if self._has_spots:
            dims = self._local.shape[1]
            place[:, dims:] = 0
            given = other if self._position == "median" else np.ones_like(sharp)
            if given.any():
                place[given, :dims] = self._place(block, given)
        self._read(block, place)
        if not self._has_spots:
            return
        self.placed[block.rows] = place[:, :dims] + self._centre
        if other.any():
            self._read_best(block, other, place)

    def replace(self, placed: F64, spread: F64, near: Ints, radii: F64) -> None:
        """Put in the readings by the median of the cells that are `replaced`.

        About another position than the median, spread and radii are at most those about the median and the
        distance between the two.
        """
        cells = self._replaced
        assert cells is not None
        self.near[cells] = near
        if self._position == "median":
            self.placed[cells], self.spread[cells], self.radii[cells] = placed, spread, radii
            return
        away = np.linalg.norm(self.placed[cells] - placed, axis=1)
        self.spread[cells], self.radii[cells] = spread + away, radii + away[:, None]

    def _place(self, block: RowBlock, rows: npt.NDArray[np.bool_]) -> F64:
        """Return the places of these rows, about the centre, as `positions` reads them."""
        if self._position == "argmax":
            return np.asarray(self._local[block.home[rows]])
        if self._position == "mean":
            return block.mean_of(self._local)[rows]
        best, share = block.best(self._k)
        best, share = best[rows], share[rows]
        if self._position == "median":
            return spatial_median(sharpened(share), self._local[best], self._closest)
        share /= share.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("ck,ckd->cd", share, self._local[best]))

    def _read(self, block: RowBlock, place: F64) -> None:
        """Read all rows of a block, each by itself, in several threads; fill in the places that are NaN."""
        p = np.ascontiguousarray(block.p, np.float32 if block.p.dtype == np.float32 else np.float64)
        of = np.zeros((0, 0), np.intp) if block.spots is None else np.ascontiguousarray(block.spots)
        first = block.rows.start
        powers = np.full(len(p), np.nan)
        if self._sharpness is not None and self._has_spots:
            powers = np.ascontiguousarray(self._sharpness[block.rows], np.float64)
            if self._replaced is not None:
                powers = np.where(self._replaced[block.rows], np.nan, powers)
        distances = np.full((len(p), len(self._levels)), np.nan)

        def some(i: int) -> None:
            part = slice(i * _ROWS, min((i + 1) * _ROWS, len(p)))
            rows = slice(first + part.start, first + part.stop)
            read_rows(
                p[part],
                of[part],
                self._n_spots,
                powers[part],
                SOFTER,
                self._padded,
                self._by_x,
                self._closest,
                self._levels,
                place[part],
                self.home[rows],
                self.probability[rows],
                self.entropy[rows],
                self.spread[rows],
                self.near[rows],
                distances[part],
            )

        with pool(threads(p.size) - 1) as each:
            each(some, -(-len(p) // _ROWS))
        if self._has_spots:
            self.radii[block.rows] = confidence.sharp_radii(distances, self._pitch)

    def _read_best(self, block: RowBlock, rows: npt.NDArray[np.bool_], place: F64) -> None:
        """Read rows of unknown sharpness: the spread of P, and the radius and the near spot of the best."""
        at = np.flatnonzero(rows) + block.rows.start
        place = place[rows]
        here = place[:, : self._local.shape[1]]
        # E|s - x|^2 = E|s|^2 - 2 x.E[s] + |x|^2, about the centre of the tissue for accuracy.
        mean, square = block.mean_of(self._local)[rows], block.mean_of(self._squares)[rows]
        variance = square + np.einsum("cd,cd->c", here, here - 2 * mean)
        self.spread[at] = np.sqrt(np.maximum(variance, 0))
        found = _fitted(block, rows, self._spots, self.placed[at], self._pitch, self._extent)
        self.radii[at] = np.outer(found, [confidence.factor(level) for level in self._levels])
        best, share = block.best(self._k)
        near = np.empty(len(at), dtype=np.intp)
        near_spots(sharpened(share[rows]), best[rows], self._padded, self._by_x, place, near)
        self.near[at] = near


def read_sharply(sharpness: F64 | None) -> npt.NDArray[np.bool_]:
    """Return whether each cell is read by its sharpness; empty if there is none."""
    return np.zeros(0, dtype=bool) if sharpness is None else np.isfinite(sharpness)


def _padded(local: F64) -> F64:
    """Return coordinates (2 or 3 x spots) with three rows."""
    return np.concatenate([local, np.zeros((3 - len(local), local.shape[1]))])


def home_spots(matrix: Any) -> tuple[Ints, F64]:
    """Return the most probable spot of every cell (the first if several are equal) and its probability."""
    found = Readings()
    gather(matrix, found)
    return found.home, found.probability


def entropy(matrix: Any) -> F64:
    """Return the entropy of every row of P over the logarithm of the number of spots."""
    found = Readings()
    gather(matrix, found)
    return found.entropy


def _fitted(
    block: RowBlock, rows: slice | npt.NDArray[np.bool_], spots: F64, placed: F64, pitch: float, extent: float
) -> F64:
    """Return the radius of these rows of a block by the fitted rule, before its factor."""
    best, share = block.best(confidence.BEST)
    best, share = best[rows], share[rows]
    away = np.linalg.norm(spots[best] - placed[:, None], axis=2)
    return confidence.radii(share / share.sum(axis=1, keepdims=True), away, pitch, extent)


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
    found = Readings(_checked(spots, matrix), position, k)
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
    """Return every cell's radius by the rule for rows of unknown sharpness, and whether it is confident.

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
    within("level", level, *confidence.LEVELS)
    spots = np.ascontiguousarray(_checked(spots, matrix))
    apart, extent = pitch(spots), confidence.extent(spots)
    every, found = slice(None), np.empty(matrix.shape[0])
    for block in row_blocks(matrix):
        found[block.rows] = _fitted(block, every, spots, placed[block.rows], apart, extent)
    found *= confidence.factor(level)
    return found, confidence.narrow(found, extent / 2 if max_radius is None else max_radius)


def _checked(spots: F64, matrix: Any) -> F64:
    """Return coordinates that fit the columns of P."""
    return np.asarray(spot_coordinates(spots, matrix.shape[1]))
