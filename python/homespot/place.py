"""place_cells: from the map to a position for every cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ._median import spatial_median
from .checks import one_of, whole
from .device import limited_threads
from .errors import InputError, expected, some
from .keys import HOMESPOT, POSITIONS, PROB, SPATIAL, SPOT, SPREAD
from .mapping import (
    check_adata,
    check_mapping,
    coordinates,
    refuse_duplicates,
    row_blocks,
    spot_coordinates,
)
from .matrices import is_sparse, row_sums

__all__ = ["Position", "cell_positions", "home_spots", "place_cells", "positions"]

Position = Literal["median", "mean", "k_best", "argmax"]


def _dense_blocks(matrix: Any) -> Iterator[tuple[slice, Any]]:
    for rows in row_blocks(matrix):
        block = matrix[rows]
        block = block.toarray() if is_sparse(block) else np.asarray(block)
        if (block.max(axis=1, initial=0) <= 0).any():
            nowhere = int((row_sums(matrix) <= 0).sum())
            raise InputError(
                expected(
                    "every cell to have some probability",
                    f"{nowhere} cell(s) without any on the spots of this mapping",
                    "Drop these cells with subset() first.",
                )
            )
        yield rows, block


def home_spots(matrix: Any) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the most probable spot of every cell (the first of equals) and its probability."""
    home = np.empty(matrix.shape[0], dtype=np.intp)
    probability = np.empty(matrix.shape[0])
    for rows, block in _dense_blocks(matrix):
        home[rows] = block.argmax(axis=1)
        probability[rows] = np.take_along_axis(block, home[rows][:, None], axis=1)[:, 0]
    return home, probability


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
    k = min(k, n_spots)
    # A thousandth of the distance between neighbours, or so; where spots have no extent, what can be squared.
    closest = max(1e-3 * float(np.sqrt(squares.mean())) / n_spots ** (1 / spots.shape[1]), 1e-150)
    placed = np.empty((matrix.shape[0], spots.shape[1]))
    spread = np.empty(matrix.shape[0])
    with limited_threads():
        for rows, block in _dense_blocks(matrix):
            weights = block.astype(np.float64)
            total = weights.sum(axis=1)
            mean = weights @ local / total[:, None]
            if position == "argmax":
                placed[rows] = local[block.argmax(axis=1)]
            elif position == "mean":
                placed[rows] = mean
            else:
                best = np.sort(np.argpartition(block, n_spots - k, axis=1)[:, n_spots - k :], axis=1)
                share = np.take_along_axis(weights, best, axis=1)
                if position == "median":
                    # Balancing wants a soft P, a place a sharp one: its square is that of half the
                    # regularisation. Scaled first, as the square of a small number may be 0.
                    share = np.square(share / share.max(axis=1, keepdims=True))
                share /= share.sum(axis=1, keepdims=True)
                if position == "median":
                    placed[rows] = spatial_median(share, local[best], closest)
                else:
                    placed[rows] = np.einsum("ck,ckd->cd", share, local[best])
            # E|s - x|^2 = E|s|^2 - 2 x.E[s] + |x|^2, about the centre of the tissue for accuracy.
            variance = weights @ squares / total
            variance += np.einsum("cd,cd->c", placed[rows], placed[rows] - 2 * mean)
            spread[rows] = np.sqrt(np.maximum(variance, 0))
    return placed + centre, spread


def cell_positions(mapping: ad.AnnData, *, position: Position = "median", k: int = 20) -> pd.DataFrame:
    """Return where every cell of a mapping sits, as a table.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    position, k
        How a position is read from P; see `positions`.

    Returns
    -------
    One row a cell: ``homespot_spot``, the name of the most probable spot; ``homespot_prob``, its probability;
    ``homespot_x``, ``homespot_y`` (and ``homespot_z``), the position, and ``homespot_spread``, in the unit of
    the spots' coordinates. The spread is that of the whole of P about the position: P is soft, so it is
    usually larger than the error of the median position. It ranks cells; it is no standard error.
    """
    check_mapping(mapping)
    where = coordinates(mapping)
    home, probability = home_spots(mapping.X)
    placed, spread = positions(mapping.X, where, position, k)
    table = pd.DataFrame(
        {SPOT: mapping.var_names.to_numpy(dtype=str)[home], PROB: probability}, index=mapping.obs_names.copy()
    )
    for name, column in zip(POSITIONS, placed.T, strict=False):
        table[name] = column
    table[SPREAD] = spread
    return table


def place_cells(
    mapping: ad.AnnData, sc: ad.AnnData, *, position: Position = "median", k: int = 20
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

    Returns
    -------
    A copy of `sc` with the mapped cells only, in the mapping's order, ``obsm["spatial"]`` (cells x 2 or 3)
    and the columns of `cell_positions` in obs.
    """
    check_mapping(mapping)
    check_adata(sc, "sc")
    refuse_duplicates(sc.obs_names, "cells")
    missing = [name for name in mapping.obs_names if name not in sc.obs_names]
    if missing:
        raise InputError(
            expected(
                "the single-cell data that was mapped",
                f"data without {len(missing)} of its cells ({some(missing)})",
                "Pass that one, or take the part of the mapping with subset().",
            )
        )
    table = cell_positions(mapping, position=position, k=k)
    placed = sc[mapping.obs_names].to_memory() if sc.isbacked else sc[mapping.obs_names].copy()
    placed.obs[list(table.columns)] = table
    placed.obsm[SPATIAL] = table[[name for name in POSITIONS if name in table]].to_numpy()
    placed.uns[HOMESPOT] = {**mapping.uns[HOMESPOT], "position": position, "k": k}
    return placed
