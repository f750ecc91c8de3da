"""Where the rows of a table lie in the tissue, and which of them are neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

__all__ = ["Places", "pitch"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_NEIGHBOURS = 6
_LOOKED_AT = 24  # rows that may be as near as the sixth neighbour
_ALIKE = 1 + 1e-6  # distances up to this ratio are the same, whatever the unit and its rounding
_WITHIN = 2.0  # neighbours are within this many pitches
_REACH = 4.0  # a Gaussian is 0 beyond this many standard deviations


def pitch(spots: F64) -> float:
    """Return the median distance of a place with spots from its nearest neighbour; 0 for a single place."""
    spots = np.unique(spots, axis=0)  # spots of different sections may share coordinates
    if len(spots) < 2:
        return 0.0
    distance, _ = cKDTree(spots).query(spots, 2)
    return float(np.median(np.asarray(distance)[:, 1]))


@dataclass(frozen=True)
class Places:
    """The places of the rows of a table.

    Parameters
    ----------
    positions
        Coordinates, rows x 2 or 3.
    frame
        The frame of coordinates of every row, from 0, where sections have frames of their own; rows in two
        frames are never neighbours. None: one frame.
    """

    positions: F64
    frame: Ints | None = None

    def take(self, rows: Ints) -> Places:
        """Return the places of these rows."""
        return Places(self.positions[rows], None if self.frame is None else self.frame[rows])

    @cached_property
    def _apart(self) -> F64:
        """The coordinates over the extent of the tissue, with one more in which frames are far apart."""
        low, high = self.positions.min(axis=0), self.positions.max(axis=0)
        extent = float((high - low).max())
        scaled = (self.positions - low) / (extent if extent > 0 else 1.0)
        return scaled if self.frame is None else np.column_stack([scaled, 10.0 * self.frame])

    @cached_property
    def _pitch(self) -> float:
        return pitch(self._apart)

    def neighbours(self) -> sparse.csr_matrix:
        """Return the graph of neighbours, rows x rows, each row summing to 1, or to 0 without neighbours.

        Neighbours of a row are within two pitches of it, and no farther than the sixth nearest; all that are
        as near as the sixth are among them, so that neither the order of rows nor the unit decides.
        """
        n = len(self._apart)
        k = min(_LOOKED_AT, n - 1)
        distance, found = map(np.asarray, cKDTree(self._apart).query(self._apart, k + 1))
        # Among rows of one place, a row may not be the nearest to itself.
        other = found != np.arange(n)[:, None]
        other[other.all(axis=1), k] = False
        sixth = distance[:, min(_NEIGHBOURS, k)]  # column 0 is the row itself, or another of its place
        near = other & (distance <= np.minimum(sixth, _WITHIN * self._pitch)[:, None] * _ALIKE)
        count = near.sum(axis=1)
        weight = np.divide(1.0, count, out=np.zeros(n), where=count > 0)
        return sparse.csr_matrix(
            (np.repeat(weight, count), found[near], np.concatenate([[0], np.cumsum(count)])), shape=(n, n)
        )

    def nearness(self, width: float = 1.0) -> sparse.csr_matrix:
        """Return a Gaussian of the distance, `width` pitches wide, as rows x rows of mean 1."""
        tree = cKDTree(self._apart)
        width *= self._pitch if self._pitch > 0 else 1.0
        pairs = tree.sparse_distance_matrix(tree, _REACH * width * _ALIKE, output_type="coo_matrix").tocsr()
        near = sparse.csr_matrix(pairs + sparse.identity(tree.n))  # a distance of 0 is not stored
        near.sort_indices()
        row = np.repeat(np.arange(tree.n), np.diff(near.indptr))
        apart = np.square(self._apart[row] - self._apart[near.indices]).sum(axis=1)
        near.data = np.exp(-apart / (2 * width**2))
        near.data *= tree.n**2 / near.data.sum()
        return near
