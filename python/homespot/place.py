"""place_cells: from the map to a position for every cell."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal, get_args

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from . import confidence, rows
from ._median import spatial_median
from .apart import (
    CellSections,
    Part,
    cell_sections,
    held,
    parts,
    sections_of,
    warn_if_dropped,
    warn_nowhere,
)
from .axes import spot_coordinates
from .checks import one_of, whole, within
from .device import limited_threads
from .keys import (
    CONFIDENT,
    ENTROPY,
    HOMESPOT,
    POSITIONS,
    PROB,
    RADIUS,
    SECTION,
    SECTION_PROB,
    SPATIAL,
    SPOT,
    SPREAD,
)
from .mapping import check_mapping, coordinates, copied, images, mapped_cells
from .sections import Sections
from .streamed import x_of

__all__ = [
    "Position",
    "cell_positions",
    "entropy",
    "home_spots",
    "home_table",
    "place_cells",
    "positions",
    "radius",
]

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


def _home_columns(mapping: ad.AnnData, part: Part) -> dict[str, Any]:
    """Return the home spot of the cells of a part, and its probability."""
    home, probability = home_spots(part.matrix)
    return {SPOT: mapping.var_names.to_numpy(dtype=str)[part.spots[home]], PROB: probability}


def _section_columns(sections: Sections, found: CellSections) -> dict[str, Any]:
    names = np.asarray([*sections.names, None], dtype=object)
    return {SECTION: names[found.codes], SECTION_PROB: found.probability}


def home_table(mapping: ad.AnnData) -> pd.DataFrame:
    """Return what is known of every cell without coordinates: home spot, its probability, and entropy."""
    return _table(mapping, lambda part: _home_columns(mapping, part), "homespot_spot is missing")


def _table(mapping: ad.AnnData, columns: Callable[[Part], dict[str, Any]], without: str) -> pd.DataFrame:
    """Return columns of every cell, found section by section, with its entropy and its section.

    `without` says what cells without a section lack.
    """
    sections = sections_of(mapping)
    found = None if sections is None else cell_sections(mapping, sections)
    if found is not None:
        warn_nowhere(found, without)
    every = list(parts(mapping, sections, found))
    filled = [part for part in every if len(part.cells)] or every[:1]
    tables = [pd.DataFrame(columns(part), index=part.cells) for part in filled]
    table = (tables[0] if len(tables) == 1 else pd.concat(tables)).reindex(np.arange(mapping.n_obs))
    table.insert(2, ENTROPY, entropy(x_of(mapping)))
    if sections is not None and found is not None:
        for i, (name, values) in enumerate(_section_columns(sections, found).items()):
            table.insert(i, name, values)
        if CONFIDENT in table:
            table[CONFIDENT] = table[CONFIDENT].eq(other=True)  # a cell without a place is not
    table.index = mapping.obs_names.copy()
    return table


def cell_positions(
    mapping: ad.AnnData,
    *,
    position: Position = "median",
    k: int = 20,
    level: float = 0.9,
    max_radius: float | None = None,
) -> pd.DataFrame:
    """Return where every cell of a mapping sits, and how far that can be trusted, as a table.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    position, k
        How a position is read from P; see `positions`.
    level, max_radius
        For ``homespot_radius`` and ``homespot_confident``; see `place_cells`.

    Returns
    -------
    One row a cell: ``homespot_spot``, the name of the most probable spot; ``homespot_prob``, its probability;
    ``homespot_entropy``, the entropy of the row over the logarithm of the number of spots: 0 where one spot
    has all, 1 where all have the same (what the row leaves out counts as spread evenly over the spots on
    which it has nothing); ``homespot_x``, ``homespot_y`` (and ``homespot_z``), the position, and
    ``homespot_spread``, in the unit of the spots' coordinates; ``homespot_radius``, within which of the
    position the true place lies with probability `level`, and ``homespot_confident``. The spread is that of
    the whole of P about the position: P is soft, so it is usually larger than the error of the median
    position. It ranks cells; it is no standard error.

    Where the spots lie in several sections, ``homespot_section`` is the section of the cell and
    ``homespot_section_prob`` its probability: under a joint map the section with most of the cell's mass,
    where sections were mapped one by one the one that fits best. All the rest, but the entropy, is read from
    the spots of that section alone. A cell whose section is not known has no place, and a warning counts such
    cells.

    Where spots were taken out of the map by `subset`, a cell that had at least half of its mass on them has a
    place among those that stay, but its radius is missing, and it is not confident: its true place lies
    outside more often than not. A warning counts such cells. What a map with ``k_best`` leaves out changes
    nothing.
    """
    check_mapping(mapping)
    where = coordinates(mapping)
    elsewhere = 0

    def columns(part: Part) -> dict[str, Any]:
        nonlocal elsewhere
        spots = where[part.spots]
        placed, spread = positions(part.matrix, spots, position, k)
        radii, confident = radius(part.matrix, spots, placed, level, max_radius)
        gone = held(mapping, part) <= confidence.LEAST_HELD
        elsewhere += int(gone.sum())
        radii[gone], confident[gone] = np.nan, False
        return {
            **_home_columns(mapping, part),
            **dict(zip(POSITIONS, placed.T, strict=False)),
            SPREAD: spread,
            RADIUS: radii,
            CONFIDENT: confident,
        }

    table = _table(mapping, columns, "homespot_section is missing, and they have no place")
    warn_if_dropped(elsewhere, mapping.n_obs, "they have no radius, and are not confident")
    return table


def place_cells(
    mapping: ad.AnnData,
    sc: ad.AnnData,
    *,
    position: Position = "median",
    k: int = 20,
    level: float = 0.9,
    max_radius: float | None = None,
) -> ad.AnnData:
    """Return the reconstructed tissue: the mapped cells of `sc` with coordinates.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    sc
        The single-cell data that was mapped.
    position, k
        How a position is read from P: ``"median"`` (the spatial median of the k most probable spots, weighted
        by the square of their probability), ``"mean"`` (under P), ``"k_best"`` (the mean of the k most
        probable spots, weighted by their probability) or ``"argmax"`` (the most probable spot).
    level
        Probability with which a cell's true place lies within ``homespot_radius`` of its position, 0.05 to
        0.99. It was calibrated on simulated spots of known truth, on maps by SSA read by the default
        position. On tissues that it was not fitted on, 83 to 98 % of all cells lie within the radius of a
        level of 0.9, and 89 to 96 % of the confident ones where more than 1 cell in 200 is; where hardly any
        is, not even those can be relied on. Levels below 0.8 are further off (``benchmarks/confidence.py``).
    max_radius
        Largest radius at which a cell is ``homespot_confident``, in the unit of the coordinates. None: half
        the extent of the tissue (of the section), the root mean squared distance of the spots from their
        centroid.

    Returns
    -------
    A copy of `sc` with the mapped cells only, in the mapping's order, ``obsm["spatial"]`` (cells x 2 or 3)
    and the columns of `cell_positions` in obs.
    """
    check_mapping(mapping)
    mapped = mapped_cells(mapping, sc)
    table = cell_positions(mapping, position=position, k=k, level=level, max_radius=max_radius)
    placed = copied(sc[mapped])
    # Those of an earlier map go.
    placed.obs = placed.obs.drop(columns=[SECTION, SECTION_PROB], errors="ignore")
    placed.obs[list(table.columns)] = table
    placed.obsm[SPATIAL] = table[[name for name in POSITIONS if name in table]].to_numpy(copy=True)
    read = {"position": position, "k": k, "level": level, "max_radius": max_radius}
    placed.uns.pop(SPATIAL, None)  # that of another tissue
    placed.uns.update(images(mapping))
    placed.uns[HOMESPOT] = {
        **deepcopy(mapping.uns[HOMESPOT]),
        **{name: value for name, value in read.items() if value is not None},
    }
    return placed
