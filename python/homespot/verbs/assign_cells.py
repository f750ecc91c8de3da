"""assign_cells: assign every cell to one spot, and no spot more cells than it has room for."""

from __future__ import annotations

import warnings
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from ..common import memory
from ..common.checks import real, whole
from ..common.keys import ASSIGNED, POSITIONS, PROB, SECTION
from ..common.memory import bounded
from ..common.wording import argument, either, verb
from ..errors import DataWarning, InputError, expected, in_section, some
from ..mapping.by_section import cell_sections, held, parts, sections_of, warn_if_dropped
from ..mapping.checked import CheckedMap
from ..mapping.confidence import LEAST_HELD
from ..mapping.coordinates import coordinates, has_coordinates
from ..matrix import rows
from ..matrix.gather import ColumnSums, Summed, masses
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse, row_sums
from ..objects.labels import in_order

__all__ = ["assign", "assign_cells", "expected_capacity"]

Ints = npt.NDArray[np.int64]

_PAIRS = 25_000_000
"""Largest number of pairs of a cell and a place that are all considered; both solvers take seconds."""
_CHOSEN = 50
_DENSE_BYTES, _SPARSE_BYTES = 10, 60  # bytes per pair; measured by benchmarks/assign.py

_MORE_ROOM = "Raise the capacity"


def expected_capacity(mass: npt.NDArray[np.float64], n_cells: int) -> Ints:
    """Return the expected number of cells of every spot, as whole numbers that sum to the number of cells.

    `mass` is the column sums of P. They are scaled to sum to the number of cells and rounded by the method of
    the largest remainders (of equal remainders the first).
    """
    share = mass * (n_cells / mass.sum())
    room = np.floor(share).astype(np.int64)
    room[np.argsort(room - share, kind="stable")[: n_cells - room.sum()]] += 1
    return np.asarray(room)


def _section_capacity(matrix: Any) -> Ints:
    """Return the expected number of cells of every spot of a section, in which every cell counts as one."""
    scale = sparse.csr_matrix(1 / row_sums(matrix)[None, :])
    return expected_capacity(masses(matrix, scale)[0], matrix.shape[0])


def _refuse_little_room(room: Ints, n_cells: int) -> None:
    if room.sum() < n_cells:
        raise InputError(
            expected(
                f"room for all {n_cells} cells",
                f"a capacity of {room.sum()} in all",
                f"{_MORE_ROOM}, or leave cells out with {verb('subset')}.",
            )
        )


def _capacity(mapping: ad.AnnData, capacity: Any) -> Ints:
    """Return how many cells each spot can take."""
    n_cells, n_spots = mapping.shape
    if not (isinstance(capacity, str) or pd.api.types.is_list_like(capacity)):
        whole("capacity", capacity, 1)
        room = np.full(n_spots, min(int(capacity), n_cells), dtype=np.int64)
    else:
        given = in_order(capacity, mapping.var, "capacities", "spot")
        try:
            numbers = real(given)
        except (TypeError, ValueError):
            numbers = np.full(len(given), np.nan)
        bad = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.round(numbers)))
        if bad.any():
            raise InputError(
                expected(
                    "a whole number of at least 0 for every spot as capacity",
                    f"{bad.sum()} spot(s) with another ({some(mapping.var_names[bad])})",
                    "Round them.",
                )
            )
        room = np.minimum(numbers, n_cells).astype(np.int64)
    _refuse_little_room(room, n_cells)
    return room


def _too_many(what: str) -> InputError:
    return InputError(
        expected(
            "a place with some probability for every cell",
            f"cells that must share too few {what}",
            f"{_MORE_ROOM} of these, or map with a larger {argument('k_best')} or densely.",
        )
    )


def _fewer() -> dict[str, str]:
    return {"candidates": f"consider fewer spots for each cell: {argument('candidates')}={{}}"}


def _all_pairs(matrix: Any, room: Ints) -> npt.NDArray[np.intp]:
    """Solve the dense problem, with one column per place."""
    n_cells, n_places = matrix.shape[0], int(room.sum())
    n_spots = len(room)

    def needed(candidates: int) -> float:
        if candidates == n_spots:
            return _DENSE_BYTES * float(n_cells) * n_places
        return _SPARSE_BYTES * float(n_cells) * candidates * n_places / n_spots

    memory.require(
        needed,
        f"the costs of {n_cells:,} cells x {n_places:,} places",
        {"candidates": n_spots},
        fewer=_fewer(),
    )
    spot = np.repeat(np.arange(len(room)), room)
    cost = np.empty((n_cells, n_places))
    for part in rows.row_blocks(matrix):
        p = part.p if part.spots is None else matrix[part.rows].toarray()
        with np.errstate(divide="ignore"):
            cost[part.rows] = -np.log(p.astype(np.float64))[:, spot]
    try:
        place = linear_sum_assignment(cost)[1]
    except ValueError as error:  # every assignment has a probability of 0
        raise _too_many("spots") from error
    return np.asarray(spot[place])


def _candidate_pairs(matrix: Any, room: Ints, k: int) -> npt.NDArray[np.intp] | None:
    """Solve with the `k` most probable spots of every cell; None if these lack room for all cells."""
    n_cells = matrix.shape[0]
    cells, spots, costs = [], [], []
    for part in rows.row_blocks(matrix):
        best, share = part.best(k)
        row, column = np.nonzero((share > 0) & (room[best] > 0))
        cells.append(row + part.rows.start)
        spots.append(best[row, column])
        costs.append(1 - np.log(share[row, column]))  # the solver takes a cost of 0 as no edge
    cell, spot, cost = (np.concatenate(parts) for parts in (cells, spots, costs))
    room = np.minimum(room, np.bincount(spot, minlength=len(room)))
    copies = room[spot]
    n_pairs, n_places = int(copies.sum()), int(room.sum())
    if n_places < n_cells or len(np.unique(cell)) < n_cells:
        return None
    memory.require(
        lambda candidates: _SPARSE_BYTES * n_pairs * candidates / k,
        f"{n_pairs:,} pairs of a cell and a place",
        {"candidates": k},
        fewer=_fewer(),
    )
    first = np.cumsum(room) - room
    nth = np.arange(n_pairs) - np.repeat(np.cumsum(copies) - copies, copies)
    pairs = sparse.csr_matrix(
        (np.repeat(cost, copies), (np.repeat(cell, copies), np.repeat(first[spot], copies) + nth)),
        shape=(n_cells, n_places),
    )
    try:
        place = min_weight_full_bipartite_matching(pairs)[1]
    except ValueError:  # the solver found no full matching
        return None
    return np.asarray(np.repeat(np.arange(len(room)), room)[place])


def assign(matrix: Any, room: Ints, candidates: int | None = None) -> npt.NDArray[np.intp]:
    """Return the spot of every row of P under the most probable assignment; see `assign_cells`.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or CSR.
    room
        Number of cells that every spot can take; the sum is at least the number of cells.
    candidates
        Number of most probable spots that are considered for every cell, or None.
    """
    n_cells, n_spots = matrix.shape
    if candidates is not None:
        whole("candidates", candidates, 1)
    dense = not (matrix.sparse if isinstance(matrix, Streamed) else is_sparse(matrix))
    kept = rows.widest(matrix)
    if dense:
        pairs = n_cells * int(room.sum())
    else:
        pairs = sum(int(room[matrix[block].indices].sum()) for block in rows.blocks(matrix))
    k = min(kept, candidates if candidates is not None else kept if pairs <= _PAIRS else _CHOSEN)
    if k == n_spots and dense:
        return _all_pairs(matrix, room)
    found = _candidate_pairs(matrix, room, k)
    while found is None and candidates is None and k < kept:
        k = min(2 * k, kept)
        found = _candidate_pairs(matrix, room, k)
    if found is None:
        if k < kept:
            raise InputError(
                expected(
                    f"room for every cell at one of its {k} most probable spots",
                    "too little",
                    f"Raise candidates, e.g. to {min(2 * k, kept)}, or the capacity.",
                )
            )
        raise _too_many("spots" if dense else "spots, as the map keeps no others")
    if candidates is None and k < kept:
        warnings.warn(
            f"Considered the {k} most probable spots of every cell, not all {kept:,}. "
            f"To choose, or to consider all, set {argument('candidates')}.",
            DataWarning,
            stacklevel=3,
        )
    return found


def _probability(matrix: Any, spots: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the entry of P of every cell at its spot."""
    found = np.empty(matrix.shape[0])
    for block in rows.blocks(matrix):
        part = matrix[block]
        found[block] = np.asarray(part[np.arange(part.shape[0]), spots[block]]).ravel()
    return found


@bounded
def assign_cells(mapping: ad.AnnData, capacity: Any = None, *, candidates: int | None = None) -> pd.DataFrame:
    """Assign every cell to one spot, and to no spot more cells than it has room for.

    Among all assignments a with at most c_j cells at spot j, the result has the largest sum_i log P[i, a(i)].
    It is the most probable one if P places the cells independently of one another. SciPy's solvers (Jonker
    and Volgenant 1987; Crouse 2016) find it exactly for the spots that are considered. A cell is never
    assigned to a spot where its row of P is 0.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    capacity
        Number of cells that a spot can take. None: the expected number of cells, which is the column sums of
        P, rounded by the largest remainders so that they sum to the number of cells. A whole number: the same
        number for every spot (1: one cell per spot). Otherwise one whole number per spot: in the map's order,
        as a Series with the spots' names in any order, or as the name of a column of ``mapping.var``.
    candidates
        Number of most probable spots that are considered for every cell. None: all, for up to 25 million
        pairs of a cell and a place (this takes seconds); for larger maps 50, or more if these have no room
        for all cells, and a warning says so. In a truncated map only the entries that a cell has can be
        considered.

    Returns
    -------
    One row per cell: ``homespot_assigned``, the name of its spot; ``homespot_prob``, its probability there;
    and, if the map has coordinates, those of the spot, ``homespot_x``, ``homespot_y`` (and ``homespot_z``).
    If the spots lie in several sections, ``homespot_section`` comes first: every cell is assigned to a spot
    of its section (see `cell_positions`), and the capacity None fits the cells of each section. If spots were
    taken out of the map by `subset`, a warning counts the cells that had at least half of their mass on these
    spots.

    Before the solver starts, the log ``logging.getLogger("homespot")`` states the memory that it will take:
    10 bytes per pair of a cell and a place if all pairs are considered, else 60.

    Raises
    ------
    InputError
        If there is not room for all cells, in total or at the spots where they have some probability.
    TooLargeError
        If the costs do not fit in memory.
    """
    view = CheckedMap(mapping)
    sections = sections_of(mapping)
    mass = ColumnSums() if sections is None else Summed(sections.membership())
    view.read(mass)
    room = None if capacity is None else _capacity(mapping, capacity)
    of_cells = None if sections is None else cell_sections(mapping, sections, mass.total)
    if of_cells is not None and (of_cells.codes < 0).any():
        raise InputError(
            expected(
                "cells that each have a section",
                f"{(of_cells.codes < 0).sum()} cell(s) with equal mass in several",
                f"Map with {verb('map_cells', either('sections=...', 'sections = ...'))}, or take one "
                f"section "
                f"first: {either('subset(mapping, spots=...)', 'map[, spots]')}.",
            )
        )
    found = np.empty(mapping.n_obs, dtype=np.intp)
    probability = np.empty(mapping.n_obs)
    elsewhere = 0
    for part in parts(mapping, sections, of_cells, matrix=view.matrix):
        if not len(part.cells):
            continue
        elsewhere += int((held(mapping, part) <= LEAST_HELD).sum())
        matrix = part.matrix.tocsr() if is_sparse(part.matrix) else part.matrix
        if room is not None:
            within = room[part.spots]
        else:
            one = part.name is None
            within = expected_capacity(mass.total, mapping.n_obs) if one else _section_capacity(matrix)
        try:
            _refuse_little_room(within, len(part.cells))
            spots = assign(matrix, within, candidates)
        except InputError as error:
            raise error if part.name is None else in_section(part.name, error) from error
        found[part.cells], probability[part.cells] = part.spots[spots], _probability(matrix, spots)
    warn_if_dropped(elsewhere, mapping.n_obs, "the spots that they are assigned to are hardly theirs")
    table = pd.DataFrame(
        {ASSIGNED: mapping.var_names.to_numpy(dtype=str)[found], PROB: probability},
        index=mapping.obs_names.copy(),
    )
    if sections is not None:
        table.insert(0, SECTION, sections.labels()[found])
    if has_coordinates(mapping):
        for name, column in zip(POSITIONS, coordinates(mapping)[found].T, strict=False):
            table[name] = column
    return table
