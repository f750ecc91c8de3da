"""What is read from the whole rows of P before `k_best` cuts them short, and is kept with the map.

At a known sharpness a place is read from the whole row, and the largest entries are only a part of it. So
`map_cells` reads the median, its spread and radii, and the spot of least expected distance first, and keeps
them as columns of the cells, with the prefix `WHOLE`. Taking spots out of the map drops them, and so does
putting maps of several sections side by side: places are then read from the entries. They are not used
either if the spots have other coordinates than they had, by a checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.keys import COORDINATES, WHOLE
from .positions import Readings

__all__ = ["WholeRows", "readings", "whole_rows", "without_whole_rows"]

F64 = npt.NDArray[np.float64]

_LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_SPREAD, _NEAR, _WHERE = f"{WHOLE}spread", f"{WHOLE}near_spot", f"{WHOLE}coordinates"


def _radius(level: float) -> str:
    return f"{WHOLE}radius_{level:g}"


def _checksum(spots: F64, names: npt.NDArray[Any]) -> float:
    """Return a number that tells coordinates of the spots from others, in whatever order the spots are."""
    order = np.argsort(np.asarray(names, dtype=str), kind="stable")
    return float(zlib.crc32(np.ascontiguousarray(spots[order], dtype=np.float64).tobytes()))


def readings(n_cells: int, spots: F64, power: float) -> Readings:
    """Return what reads all rows of P by the median at a sharpness, for `whole_rows`.

    Parameters
    ----------
    n_cells
        Number of rows.
    spots
        Coordinates of the spots.
    power
        The sharpness.
    """
    return Readings(spots, sharpness=np.full(n_cells, power), levels=_LEVELS)


def whole_rows(found: Readings, spots: F64, names: npt.NDArray[Any]) -> dict[str, Any]:
    """Return what `readings` has read, as columns of the cells.

    Parameters
    ----------
    found
        The readings, gathered.
    spots, names
        Coordinates and names of the spots.
    """
    return {
        **{f"{WHOLE}{axis}": column for axis, column in zip(COORDINATES, found.placed.T, strict=False)},
        _SPREAD: found.spread,
        _NEAR: names[found.near].astype(object),
        _WHERE: _checksum(spots, names),
        **{_radius(level): radii for level, radii in zip(_LEVELS, found.radii.T, strict=True)},
    }


def without_whole_rows(obs: pd.DataFrame) -> pd.DataFrame:
    """Return the annotation of cells without what was read from their whole rows."""
    return obs.drop(columns=[name for name in obs if str(name).startswith(WHOLE)])


@dataclass(frozen=True)
class WholeRows:
    """What a map has kept of some of its cells.

    Attributes
    ----------
    cells
        Whether each cell of the map has it.
    placed, spread, near, radii
        As of `Readings`, for these cells.
    """

    cells: npt.NDArray[np.bool_]
    placed: F64
    spread: F64
    near: npt.NDArray[np.intp]
    radii: F64

    @classmethod
    def of(cls, obs: pd.DataFrame, spots: pd.Index, where: F64, levels: Sequence[float]) -> WholeRows | None:
        """Return what the annotation of a map's cells has, with the radii at these levels.

        Radii of other levels than were kept are linear between these. None if there is nothing, or it is of
        other spots than the map's (named `spots`), or of other coordinates than `where`.
        """
        dims = where.shape[1]
        names = [*(f"{WHOLE}{axis}" for axis in COORDINATES[:dims]), _SPREAD, *map(_radius, _LEVELS)]
        if not all(name in obs for name in (*names, _NEAR, _WHERE)):
            return None
        values = np.column_stack([pd.to_numeric(obs[name], errors="coerce") for name in names])
        cells = np.isfinite(values.astype(np.float64)).all(axis=1) & obs[_NEAR].notna().to_numpy()
        known = pd.to_numeric(obs[_WHERE], errors="coerce").to_numpy(dtype=np.float64)
        cells &= known == _checksum(where, spots.to_numpy())
        values = values[cells].astype(np.float64)
        of_levels = values[:, dims + 1 :]
        radii = [
            of_levels[:, _LEVELS.index(level)]
            if level in _LEVELS
            else np.array([np.interp(level, _LEVELS, row) for row in of_levels])
            for level in levels
        ]
        near = np.asarray(spots.get_indexer(pd.Index(obs[_NEAR][cells])), dtype=np.intp)
        if not cells.any() or (near < 0).any():
            return None
        return cls(cells, values[:, :dims], values[:, dims], near, np.stack(radii, axis=1))
