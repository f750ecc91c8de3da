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
        """The coordinates, with one more in which frames are far apart."""
        if self.frame is None:
            return self.positions
        far = 1 + 10 * float(np.ptp(self.positions, axis=0).max())
        return np.column_stack([self.positions, far * self.frame])

    @cached_property
    def pitch(self) -> float:
        """The pitch of the rows' places, within frames."""
        return pitch(self._apart)

    def neighbours(self) -> sparse.csr_matrix:
        """Return the graph of the 6 nearest rows within two pitches: rows x rows, each summing to 1 or 0."""
        n = len(self._apart)
        k = min(_NEIGHBOURS, n - 1)
        distance, found = map(np.asarray, cKDTree(self._apart).query(self._apart, k + 1))
        # Among rows of one place, a row may not be the nearest to itself.
        other = found != np.arange(n)[:, None]
        other[other.all(axis=1), k] = False
        near = other & (distance <= _WITHIN * self.pitch * (1 + 1e-9))
        count = near.sum(axis=1)
        weight = np.divide(1.0, count, out=np.zeros(n), where=count > 0)
        return sparse.csr_matrix(
            (np.repeat(weight, count), found[near], np.concatenate([[0], np.cumsum(count)])), shape=(n, n)
        )

    def nearness(self) -> sparse.csr_matrix:
        """Return a Gaussian of the distance, of one pitch, as rows x rows of mean 1."""
        tree = cKDTree(self._apart)
        width = self.pitch if self.pitch > 0 else 1.0
        pairs = tree.sparse_distance_matrix(tree, _REACH * width, output_type="coo_matrix").tocsr()
        near = sparse.csr_matrix(pairs + sparse.identity(tree.n))  # a distance of 0 is not stored
        near.sort_indices()
        row = np.repeat(np.arange(tree.n), np.diff(near.indptr))
        apart = np.square(self._apart[row] - self._apart[near.indices]).sum(axis=1)
        near.data = np.exp(-apart / (2 * width**2))
        near.data *= tree.n**2 / near.data.sum()
        return near
