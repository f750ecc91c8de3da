"""What coordinates say of parts of the spots: whether they are sections, or parts of one tissue."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree

__all__ = ["Frame"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_APART = 3.0
"""Sections that lie beside one another are at least so many pitches apart."""
_BESIDE = 2.0
"""What is cut out of one tissue is at most so many pitches from the rest of it."""
_MIXED = 0.7
"""Frames that overlap are mixed: a neighbour is of another section at least so often, over chance."""
_CLOSE = 0.45
"""Pairs are close if they are nearer than this share of what neighbours within one section keep."""
_BELOW = 0.8
"""The same for regular grids that are only shifted against one another, where the distances are all alike."""
_FEW = 5
"""With fewer close pairs within the parts by chance, their absence says nothing."""
_STRAY = 0.02
"""At most so many spots of the rest, beside its own, lie in what is cut out of it."""
_RARE = 0.1
"""In frames that overlap, at most this share of the close pairs by chance lies within a part."""


def _by_chance(codes: Ints) -> float:
    """Return the share of pairs of spots that lie within one part where parts are scattered at random."""
    sizes, n = np.bincount(codes).astype(np.float64), len(codes)
    return float((sizes * (sizes - 1)).sum() / (n * (n - 1)))


class Frame:
    """The coordinates of the spots (spots x 2 or 3), and what they say of parts of them.

    Parts are given as codes, 0 to the number of parts less 1, one a spot.
    """

    def __init__(self, positions: F64) -> None:
        self.positions = positions
        self._near: tuple[Ints, F64] | None = None

    @property
    def nearest(self) -> tuple[Ints, F64]:
        """The nearest other spot of every spot, and its distance."""
        if self._near is None:
            distance, found = map(np.asarray, cKDTree(self.positions).query(self.positions, 2))
            # Of spots of the same coordinates, the first that is found may be the spot itself, or not.
            own = np.arange(len(found))
            self._near = np.where(found[:, 1] == own, found[:, 0], found[:, 1]), distance[:, 1]
        return self._near

    def part(self, rows: Ints) -> Frame:
        """Return the frame of some of the spots."""
        return Frame(self.positions[rows])

    def _across(self, codes: Ints) -> float:
        """Return the share of spots whose nearest neighbour is of another part."""
        return float(np.mean(codes[self.nearest[0]] != codes))

    def mixed(self, codes: Ints) -> bool:
        """Whether parts are scattered among one another, as frames that overlap are, and values by chance."""
        return len(codes) > 2 and self._across(codes) >= _MIXED * (1 - _by_chance(codes))

    def _closest_within(self, codes: Ints) -> float:
        """Return the share of the closest neighbours within one part; 0 where there are few spots."""
        n = len(codes) // 200
        if n < 25:
            return 0.0
        neighbour, distance = self.nearest
        closest = np.argpartition(distance, n)[:n]
        return float(np.mean(codes[neighbour[closest]] == codes[closest]))

    def _close_pairs(self, codes: Ints, share: float) -> tuple[float, float]:
        """Return how many pairs of spots are closer than those of one part are, and how many within parts."""
        trees = [cKDTree(self.positions[codes == code]) for code in np.unique(codes)]
        kept = [np.asarray(tree.query(tree.data, 2)[0])[:, 1] for tree in trees if tree.n > 1]
        close = share * float(np.quantile(np.concatenate(kept), 0.05)) if kept else 0.0
        if close <= 0:
            return 0.0, 0.0

        def pairs(tree: cKDTree) -> float:
            return (float(tree.count_neighbors(tree, close)) - tree.n) / 2

        return pairs(cKDTree(self.positions)), sum(map(pairs, trees))

    def overlap(self, codes: Ints, *, shifted: bool = False) -> float:
        """Return the close pairs a spot, where parts are sections in frames that overlap; 0 if they are not.

        Spots of one section keep a distance from one another, and spots of two sections do not. So where
        frames overlap, the closest pairs of spots, down to those of the same coordinates, are of two
        sections. Values that are scattered over one section at random have such pairs within themselves too,
        or there are none. With `shifted` the frames may be regular grids that are only shifted.
        """
        chance = _by_chance(codes) if len(codes) > 2 else 0.0
        if chance == 0 or self._across(codes) == 0 or self._closest_within(codes) > chance / 3:
            return 0.0
        pairs, within = self._close_pairs(codes, _BELOW if shifted else _CLOSE)
        chance *= pairs
        return pairs / len(codes) if chance >= _FEW and within <= _RARE * chance else 0.0

    def _alone(self, codes: Ints) -> npt.NDArray[np.bool_]:
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
        """Whether all parts lie wide apart. Parts of one tissue touch along their borders."""
        return len(codes) > 2 and bool(self._alone(codes).all())

    def sections(self, codes: Ints) -> bool:
        """Whether every part has a frame of its own: it lies wide apart, or overlaps others."""
        if len(codes) < 3:
            return False
        parts, alone = np.unique(codes), self._alone(codes)
        if alone.all():
            return True
        rest = np.flatnonzero(np.isin(codes, parts[~alone]))
        left = np.unique(codes[rest], return_inverse=True)[1]
        others = self if len(rest) == len(codes) else self.part(rest)
        return bool(left.max() > 0) and any(others.overlap(left, shifted=by) > 0 for by in (False, True))

    def with_crops(self, codes: Ints) -> Ints:
        """Return the parts, in which one that is cut out of another is part of it.

        That is so where a part lies within the extent of the other, is empty of its spots, and touches them.
        Sections in frames of their own overlap there, or keep a distance.
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
    """Whether a part of one tissue is cut out of the rest, which lies around it."""
    edge = _BESIDE * pitch
    low, high = rest.min(axis=0) - edge, rest.max(axis=0) + edge
    if (part < low).any() or (part > high).any():
        return False
    beside = np.asarray(cKDTree(rest).query(part, distance_upper_bound=edge)[0])
    if np.isfinite(beside).sum() < np.sqrt(len(part)):
        return False
    flat = [i for i in range(part.shape[1]) if np.ptp(part[:, i]) > 0]  # stacks may have one z
    try:
        hull = part[ConvexHull(part[:, flat]).vertices][:, flat]
        inside = Delaunay(hull).find_simplex(rest[:, flat]) >= 0
    except (QhullError, ValueError):
        return False
    return float(inside.sum()) <= _STRAY * len(part)
