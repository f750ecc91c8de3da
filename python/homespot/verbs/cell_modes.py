"""cell_modes: several places for a cell whose row of P has several modes."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common import memory
from ..common.checks import whole, within
from ..common.keys import COORDINATES
from ..common.memory import bounded
from ..common.wording import argument
from ..expression.places import pitch
from ..mapping.by_section import cell_sections, held, parts, sections_of
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import coordinates
from ..matrix.gather import Reducer, Summed, gather
from ..matrix.rows import RowBlock, sharpened
from ..space.axes import spot_coordinates

__all__ = ["cell_modes", "modes"]

F64 = npt.NDArray[np.float64]

_AT_ONCE = 2**22  # distances between best spots, over all cells of a block


def _block_modes(weights: F64, points: F64, reach: float, n_modes: int, min_share: float) -> tuple[F64, F64]:
    """Return the share (cells x modes, 0 without a mode) and place (cells x modes x 2 or 3) of the modes."""
    n_cells, _, dims = points.shape
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=3)
    near = (apart <= reach).astype(np.float64)
    left = weights.copy()
    share, place = np.zeros((n_cells, n_modes)), np.zeros((n_cells, n_modes, dims))
    cells = np.arange(n_cells)
    for mode in range(n_modes):
        centre = np.einsum("ckl,cl->ck", near, left).argmax(axis=1)
        taken = near[cells, centre] * left
        mass = taken.sum(axis=1)
        found = mass > 0 if mode == 0 else mass >= min_share
        share[:, mode] = np.where(found, mass, 0)
        place[found, mode] = np.einsum("ck,ckd->cd", taken[found], points[found]) / mass[found, None]
        left -= taken
    return share, place


class Modes(Reducer):
    """The modes of every row of P; parameters as for `modes`."""

    def __init__(
        self, spots: F64, n_modes: int = 3, min_share: float = 0.1, reach: float = 3.0, k: int = 20
    ) -> None:
        whole("n_modes", n_modes, 1)
        within("min_share", min_share, 0, 1, open_low=True)
        within("reach", reach, 0, open_low=True)
        whole("k", k, 1)
        spots = np.ascontiguousarray(spot_coordinates(spots, len(spots)))
        self._centre = spots.mean(axis=0)
        self._local, self._distance = spots - self._centre, reach * pitch(spots)
        self._n_modes, self._min_share, self._k = min(n_modes, len(spots)), min_share, k

    def start(self, matrix: Any) -> None:
        """Allocate the results of every cell."""
        n_cells, n_spots = matrix.shape
        dims = self._local.shape[1]
        memory.require(
            # The differences, their squares and the distances between the best spots of a block of cells.
            lambda k: 8 * (2 * dims + 2) * min(n_cells * k * k, max(_AT_ONCE, k * k)),
            f"the distances between the {min(self._k, n_spots):,} most probable spots of a cell",
            {"k": min(self._k, n_spots)},
            fewer={"k": f"use {argument('k')}={{}}"},
        )
        self._share = np.empty((matrix.shape[0], self._n_modes))
        self._place = np.empty((matrix.shape[0], self._n_modes, self._local.shape[1]))

    def add(self, block: RowBlock) -> None:
        """Find the modes of these cells."""
        best, weights = block.best(self._k)
        step = max(1, _AT_ONCE // best.shape[1] ** 2)
        for i in range(0, len(best), step):
            some = slice(i, i + step)
            at = slice(block.rows.start + i, min(block.rows.start + i + step, block.rows.stop))
            self._share[at], self._place[at] = _block_modes(
                sharpened(weights[some]),
                self._local[best[some]],
                self._distance,
                self._n_modes,
                self._min_share,
            )

    def found(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], F64, F64]:
        """Return the row of the cell, the number, the share and the place of every mode, ordered by cell."""
        cell, mode = np.nonzero(self._share > 0)
        return cell, mode, self._share[cell, mode], self._place[cell, mode] + self._centre


def modes(
    matrix: Any,
    spots: F64,
    n_modes: int = 3,
    min_share: float = 0.1,
    reach: float = 3.0,
    k: int = 20,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], F64, F64]:
    """Find the modes of every row of P (cells x spots, dense or CSR); see `cell_modes`.

    Returns
    -------
    For every mode, ordered by cell: the row of its cell, its number from 0, its share, and its place.
    """
    where = np.asarray(spot_coordinates(spots, matrix.shape[1]))
    found = Modes(where, n_modes, min_share, reach, k)
    gather(matrix, found)
    return found.found()


@bounded
def cell_modes(
    mapping: ad.AnnData, *, n_modes: int = 3, min_share: float = 0.1, reach: float = 3.0, k: int = 20
) -> pd.DataFrame:
    """Return the places of every cell: several, if its row of P has several modes.

    Modes are read from the k most probable spots, weighted by the squares of their probability, scaled to sum
    to 1, as the default position of `place_cells` is without a sharpness. The neighbourhood of a spot is all
    spots within `reach` pitches of it. The heaviest neighbourhood (the first one if several are equal) gives
    the first mode: its share is the weight of the neighbourhood, its place the weighted mean. This weight is
    removed, and the rest gives the next mode.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates.
    n_modes
        Largest number of modes of a cell.
    min_share
        Smallest share of a second or later mode.
    reach
        Radius of a neighbourhood, in pitches: median distances of a spot from its nearest neighbour.
    k
        Number of most probable spots that are used.

    Returns
    -------
    One row per mode, ordered by cell: ``cell``, the name of the cell; ``mode``, 1 for the heaviest;
    ``share``; and the place of the mode, ``x``, ``y`` (and ``z``), in the unit of the spots' coordinates. The
    shares of a cell sum to at most 1. If the spots lie in several sections, the column ``section`` follows
    ``cell``, and the modes lie in the cell's section (see `cell_positions`). A cell whose section is not
    known has modes in every section, and their shares sum to at most 1 in each. If spots were taken out of
    the map by `subset`, the shares sum to at most the part of the cell's mass on the remaining spots.
    """
    view = CheckedMap(mapping)
    where, names = coordinates(mapping), mapping.obs_names.to_numpy(dtype=str)
    sections = sections_of(mapping)
    settings = (n_modes, min_share, reach, k)
    whole_map = Modes(where, *settings)
    if sections is None:
        view.read(whole_map)
        found = None
    else:
        mass = Summed(sections.membership())
        view.read(mass)
        found = cell_sections(mapping, sections, mass.total)
    tables = []
    for part in parts(mapping, sections, found, unknown=True, matrix=view.matrix):
        if part.name is None:
            cell, mode, share, place = whole_map.found()
        else:
            cell, mode, share, place = modes(part.matrix, where[part.spots], *settings)
        share *= held(mapping, part)[cell]
        columns: dict[str, Any] = {"row": part.cells[cell], "cell": names[part.cells[cell]]}
        if part.name is not None:
            columns["section"] = part.name
        columns |= {"mode": mode + 1, "share": share, **dict(zip(COORDINATES, place.T, strict=False))}
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True).sort_values("row", kind="stable", ignore_index=True)
    return table.drop(columns="row")
