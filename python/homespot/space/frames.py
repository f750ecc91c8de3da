"""Decide by the coordinates whether parts of the spots are sections, or parts of one tissue."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree

__all__ = ["Frame"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_APART = 3.0
"""Smallest distance between sections that lie side by side, in pitches."""
_BESIDE = 2.0
"""Largest distance between a part that is cut out of a tissue and the rest, in pitches."""
_MIXED = 0.7
"""Share of neighbours in another part, relative to chance, from which the frames of parts overlap."""
_CLOSE = 0.45
"""Pairs are close if their distance is below this share of the distance of neighbours within one section."""
_BELOW = 0.8
"""The same share for regular grids that are shifted against one another, as all their distances are alike."""
_FEW = 5
"""If fewer close pairs are expected within the parts by chance, their absence is no evidence."""
_STRAY = 0.02
"""Largest number of spots of the rest in a part cut out of it, as a share of the part's own spots."""
_RARE = 0.1
"""If frames overlap, largest number of close pairs within parts, as a share of the number by chance."""


def _by_chance(codes: Ints) -> float:
    """Return the share of pairs of spots that lie within one part if parts are scattered at random."""
    sizes, n = np.bincount(codes).astype(np.float64), len(codes)
    return float((sizes * (sizes - 1)).sum() / (n * (n - 1)))


class Frame:
    """The coordinates of the spots (spots x 2 or 3), and tests of parts of the spots.

    Parts are given as one code per spot, from 0 to the number of parts minus 1.
    """

    def __init__(self, positions: F64) -> None:
        self.positions = positions
        self._near: tuple[Ints, F64] | None = None

    @property
    def nearest(self) -> tuple[Ints, F64]:
        """The nearest other spot of every spot, and its distance."""
        if self._near is None:
            distance, found = map(np.asarray, cKDTree(self.positions).query(self.positions, 2))
            # If spots share coordinates, the nearest one found may or may not be the spot itself.
            own = np.arange(len(found))
            self._near = np.where(found[:, 1] == own, found[:, 0], found[:, 1]), distance[:, 1]
        return self._near

    def part(self, rows: Ints) -> Frame:
        """Return the frame of some of the spots."""
        return Frame(self.positions[rows])

    def _share_across(self, codes: Ints) -> float:
        """Return the share of spots whose nearest neighbour belongs to another part."""
        return float(np.mean(codes[self.nearest[0]] != codes))

    def mixed(self, codes: Ints) -> bool:
        """Whether parts are scattered among one another, as in overlapping frames, or with random values."""
        return len(codes) > 2 and self._share_across(codes) >= _MIXED * (1 - _by_chance(codes))

    def _closest_within(self, codes: Ints) -> float:
        """Return the share of the closest neighbours that lie within one part; 0 if there are few spots."""
        n = len(codes) // 200
        if n < 25:
            return 0.0
        neighbour, distance = self.nearest
        closest = np.argpartition(distance, n)[:n]
        return float(np.mean(codes[neighbour[closest]] == codes[closest]))

    def _close_pairs(self, codes: Ints, share: float) -> tuple[float, float]:
        """Return how many pairs of spots are closer than neighbours, and how many of them lie in one part."""
        trees = [cKDTree(self.positions[codes == code]) for code in np.unique(codes)]
        kept = [np.asarray(tree.query(tree.data, 2)[0])[:, 1] for tree in trees if tree.n > 1]
        close = share * float(np.quantile(np.concatenate(kept), 0.05)) if kept else 0.0
        if close <= 0:
            return 0.0, 0.0

        def pairs(tree: cKDTree) -> float:
            return (float(tree.count_neighbors(tree, close)) - tree.n) / 2

        return pairs(cKDTree(self.positions)), sum(map(pairs, trees))

    def overlap(self, codes: Ints, *, shifted: bool = False) -> float:
        """Return the close pairs per spot if parts are sections in overlapping frames; 0 if they are not.

        Spots of one section keep a distance from one another; spots of two sections do not. So if frames
        overlap, the closest pairs of spots, even with equal coordinates, belong to two sections. If parts are
        scattered at random over one section, there are no close pairs, or some lie within a part. With
        `shifted`, the frames may also be regular grids that are shifted.
        """
        chance = _by_chance(codes) if len(codes) > 2 else 0.0
        if chance == 0 or self._share_across(codes) == 0 or self._closest_within(codes) > chance / 3:
            return 0.0
        pairs, within = self._close_pairs(codes, _BELOW if shifted else _CLOSE)
        chance *= pairs
        return pairs / len(codes) if chance >= _FEW and within <= _RARE * chance else 0.0

    def _with_gap(self, codes: Ints) -> npt.NDArray[np.bool_]:
        """Return which parts have a wide gap around them."""
        parts = np.unique(codes)
        found = np.zeros(len(parts), dtype=bool)
        neighbour, distance = self.nearest
        border = codes[neighbour] != codes
        # Neighbours within a part are never closer than neighbours at all.
        least = float(np.median(distance))
        if len(np.unique(codes[border & (distance <= _APART * least)])) == len(parts):
            return found
        inner = [self.positions[codes == code] for code in parts]
        within = [np.asarray(cKDTree(p).query(p, 2)[0])[:, 1] for p in inner if len(p) > 1]
        if not within:
            return found
        pitch = float(np.median(np.concatenate(within)))
        touching = np.unique(codes[border & (distance <= _APART * pitch)])
        for i, code in enumerate(parts):
            inside = codes == code
            if inside.all() or code in touching:
                continue
            gap = np.min(cKDTree(self.positions[~inside]).query(self.positions[inside])[0])
            found[i] = gap > _APART * pitch
        return found

    def repeated(self) -> int:
        """Return how many spots have the coordinates of another spot."""
        return int((self.nearest[1] == 0).sum())

    def apart(self, codes: Ints) -> bool:
        """Whether wide gaps separate all parts. Parts of one tissue touch along their borders."""
        return len(codes) > 2 and bool(self._with_gap(codes).all())

    def sections(self, codes: Ints) -> bool:
        """Whether every part has its own frame: a wide gap around it, or an overlap with others."""
        if len(codes) < 3:
            return False
        parts, alone = np.unique(codes), self._with_gap(codes)
        if alone.all():
            return True
        rest = np.flatnonzero(np.isin(codes, parts[~alone]))
        left = np.unique(codes[rest], return_inverse=True)[1]
        others = self if len(rest) == len(codes) else self.part(rest)
        return bool(left.max() > 0) and any(others.overlap(left, shifted=by) > 0 for by in (False, True))

    def with_crops(self, codes: Ints) -> Ints:
        """Return the parts after joining every part that is cut out of another to that other part.

        A part is cut out of another if it lies within its extent, holds none of its spots, and touches them.
        Sections in their own frames overlap there, or keep a distance.
        """
        merged = codes.copy()
        for code in sorted(np.unique(codes), key=lambda code: int((codes == code).sum())):
            inner = self.positions[merged == code]
            if len(inner) < 3:
                continue
            pitch = float(np.median(np.asarray(cKDTree(inner).query(inner, 2)[0])[:, 1]))
            others = (other for other in np.unique(merged) if other != code)
            whole = next((o for o in others if _is_crop(inner, self.positions[merged == o], pitch)), None)
            if whole is not None:
                merged[merged == code] = whole
        return merged


def _is_crop(part: F64, rest: F64, pitch: float) -> bool:
    """Whether a part is cut out of the tissue that lies around it."""
    edge = _BESIDE * pitch
    low, high = rest.min(axis=0) - edge, rest.max(axis=0) + edge
    if (part < low).any() or (part > high).any():
        return False
    beside = np.asarray(cKDTree(rest).query(part, distance_upper_bound=edge)[0])
    if np.isfinite(beside).sum() < np.sqrt(len(part)):
        return False
    flat = [i for i in range(part.shape[1]) if np.ptp(part[:, i]) > 0]  # a stack may have one z
    try:
        hull = part[ConvexHull(part[:, flat]).vertices][:, flat]
        inside = Delaunay(hull).find_simplex(rest[:, flat]) >= 0
    except (QhullError, ValueError):
        return False
    return float(inside.sum()) <= _STRAY * len(part)
