"""assign_cells against permutations, linear programmes and the dense solver; capacities; bad input."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

import homespot.verbs.assign_cells as module
from homespot import map_cells, subset
from homespot.errors import DataWarning, InputError, TooLargeError
from homespot.mapping.left_over import keep_best
from homespot.mapping.validity import new_mapping
from homespot.matrix.sums import column_sums
from homespot.verbs.assign_cells import assign, assign_cells, expected_capacity

BOTH = pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])


def rows(n_cells: int, n_spots: int, seed: int = 0, softness: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_spots, softness), n_cells)


def mapping_of(p: Any, where: np.ndarray | None = None, **spots: Any) -> ad.AnnData:
    n_cells, n_spots = p.shape
    return new_mapping(
        p,
        pd.DataFrame(index=[f"c{i}" for i in range(n_cells)]),
        pd.DataFrame(spots, index=[f"s{i}" for i in range(n_spots)]),
        {"format_version": 1},
        positions=where,
        left_over=np.clip(1 - np.asarray(p.sum(axis=1)).ravel(), 0, 1),
    )


def expected(p: Any) -> np.ndarray:
    return expected_capacity(column_sums(p), p.shape[0])


def value(p: np.ndarray, found: Any) -> float:
    return float(np.log(p[np.arange(len(p)), list(found)]).sum())


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_one_cell_a_spot_is_the_best_permutation(stored, seed: int) -> None:
    p = rows(6, 6, seed, 1.0)
    found = assign(stored(p), np.ones(6, dtype=int))
    best = max(permutations(range(6)), key=lambda order: value(p, order))
    assert found.tolist() == list(best)


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_capacities_are_kept_and_the_best_is_found_by_trying_all(stored, seed: int) -> None:
    p, room = rows(6, 3, seed, 1.0), np.array([3, 1, 2])
    found = assign(stored(p), room)
    allowed = [a for a in product(range(3), repeat=6) if (np.bincount(a, minlength=3) <= room).all()]
    assert value(p, found) == pytest.approx(max(value(p, a) for a in allowed))
    assert (np.bincount(found, minlength=3) <= room).all()


@BOTH
def test_value_is_that_of_the_linear_programme(stored) -> None:
    n_cells, n_spots = 60, 15
    p = rows(n_cells, n_spots, 3, 1.0)
    room = np.random.default_rng(1).multinomial(n_cells + 10, np.full(n_spots, 1 / n_spots))
    found = assign(stored(p), room)
    cells = sparse.kron(sparse.eye(n_cells), np.ones((1, n_spots)))
    spots = sparse.kron(np.ones((1, n_cells)), sparse.eye(n_spots))
    programme = linprog(
        -np.log(p).ravel(), A_ub=spots, b_ub=room, A_eq=cells, b_eq=np.ones(n_cells), bounds=(0, 1)
    )
    assert value(p, found) == pytest.approx(-programme.fun, rel=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 12), st.integers(0, 20))
def test_no_spot_overflows_and_no_other_assignment_is_better(
    seed: int, n_cells: int, n_spots: int, spare: int
) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n_spots, 0.5), n_cells) + 1e-9
    room = rng.multinomial(n_cells + spare, np.full(n_spots, 1 / n_spots))
    dense, csr = assign(p, room), assign(sparse.csr_matrix(p), room)
    for found in (dense, csr):
        assert (np.bincount(found, minlength=n_spots) <= room).all()
        for _ in range(5):
            other = rng.permutation(np.repeat(np.arange(n_spots), room))[:n_cells]
            assert value(p, found) >= value(p, other) - 1e-9
            swapped = rng.permutation(found)
            assert value(p, found) >= value(p, swapped) - 1e-9
    assert value(p, dense) == pytest.approx(value(p, csr), rel=1e-9)


@BOTH
def test_ties_fall_alike_every_time(stored) -> None:
    p = np.full((8, 4), 0.25)
    first = assign(stored(p), np.full(4, 2))
    assert np.bincount(first).tolist() == [2, 2, 2, 2]
    for _ in range(3):
        assert assign(stored(p.copy()), np.full(4, 2)).tolist() == first.tolist()


def test_with_room_for_all_every_cell_goes_home() -> None:
    p = rows(50, 7)
    assert assign(p, np.full(7, 50)).tolist() == p.argmax(axis=1).tolist()


@BOTH
def test_expected_capacity_rounds_by_the_largest_remainders(stored) -> None:
    p = stored(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    assert expected(p).tolist() == [2, 1, 1]  # of 2, 1.2 and 0.8
    assert expected(stored(np.full((2, 4), 0.25))).tolist() == [1, 1, 0, 0]  # the first of equals
    cut = stored(np.array([[0.2, 0.2], [0.1, 0.3]]))
    assert expected(cut).tolist() == [1, 1]


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 20))
def test_expected_capacity_sums_to_the_cells(seed: int, n_cells: int, n_spots: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(n_spots), n_cells)
    room = expected(p)
    assert room.sum() == n_cells
    assert (np.abs(room - p.sum(axis=0)) < 1 + 1e-9).all()


def test_table_has_names_probabilities_and_places(make_pair) -> None:
    for dims in (2, 3):
        mapping = map_cells(*make_pair(dims=dims))
        table = assign_cells(mapping)
        axes = ["homespot_x", "homespot_y", "homespot_z"][:dims]
        assert table.columns.tolist() == ["homespot_assigned", "homespot_prob", *axes]
        assert table.index.equals(mapping.obs_names)
        at = mapping.var_names.get_indexer(table["homespot_assigned"])
        np.testing.assert_array_equal(table["homespot_prob"], mapping.X[np.arange(mapping.n_obs), at])
        np.testing.assert_array_equal(table[axes], mapping.varm["spatial"][at])
        counts = np.bincount(at, minlength=mapping.n_vars)
        assert counts.tolist() == expected(mapping.X).tolist()


def test_without_coordinates_the_spots_remain() -> None:
    table = assign_cells(mapping_of(rows(5, 4)))
    assert table.columns.tolist() == ["homespot_assigned", "homespot_prob"]


def test_every_form_of_capacity_is_the_same() -> None:
    p = rows(6, 4)
    room = [1, 2, 3, 0]
    mapping = mapping_of(p, room=room)
    expected = assign_cells(mapping, np.array(room))
    names = pd.Series([0, 3, 2, 1, 9], index=["s3", "s2", "s1", "s0", "other"])
    for capacity in (room, "room", names, dict(names), np.array(room, dtype=float)):
        assert assign_cells(mapping, capacity).equals(expected)
    assert "s3" not in set(expected["homespot_assigned"])
    assert assign_cells(mapping, 2).equals(assign_cells(mapping, [2] * 4))
    assert assign_cells(mapping, np.int64(2)).equals(assign_cells(mapping, 2))


def test_a_truncated_map_is_assigned_by_its_own_entries() -> None:
    p = rows(40, 20, 0, 1.0)
    cut, left_over = keep_best(p.astype(np.float32), 8)
    mapping = mapping_of(cut)
    np.testing.assert_allclose(mapping.obs["homespot_left_over"], left_over, atol=1e-6)
    found = assign_cells(mapping, 3)
    assert (found["homespot_prob"] > 0).all()
    assert (found["homespot_assigned"].value_counts() <= 3).all()
    whole = p * (cut.toarray() > 0)
    assert assign(whole, np.full(20, 3)).tolist() == [int(name[1:]) for name in found["homespot_assigned"]]


def test_enough_candidates_give_the_answer_of_all() -> None:
    p, room = rows(60, 30, 0, 1.0), np.full(30, 2)
    exact = value(p, assign(p, room))
    assert value(p, assign(p, room, 29)) == pytest.approx(exact)
    assert value(p, assign(p, room, 15)) <= exact + 1e-9


def test_large_problems_take_candidates_and_say_so(monkeypatch) -> None:
    monkeypatch.setattr(module, "_PAIRS", 100)
    monkeypatch.setattr(module, "_CHOSEN", 5)
    mapping = mapping_of(rows(40, 20, 0, 1.0))
    with pytest.warns(DataWarning, match=r"Considered the 5 most probable spots of every cell, not all 20\."):
        assign_cells(mapping, 3)
    # 6 cells want the same 2 spots: candidates grow until there is room.
    p = np.tile([0.4, 0.3, 0.1, 0.1, 0.05, 0.05], (6, 1))
    monkeypatch.setattr(module, "_CHOSEN", 2)
    monkeypatch.setattr(module, "_PAIRS", 10)
    with pytest.warns(DataWarning, match="Considered the 4 most probable"):
        assign(p, np.array([1, 1, 2, 2, 1, 1]))
    assert sorted(assign(p, np.ones(6, dtype=int)).tolist()) == list(range(6))  # it came to all


def test_memory_is_told_before_the_start(caplog) -> None:
    with caplog.at_level("INFO", logger="homespot"):
        assign_cells(mapping_of(rows(40, 20)), 3)
    assert caplog.messages[0].startswith("23.4 KiB of memory for the costs of 40 cells x 60 places, ")


def test_memory_is_looked_at_before_the_start(monkeypatch) -> None:
    monkeypatch.setattr(module.memory, "available", lambda: 15_000)
    mapping = mapping_of(rows(40, 20))
    with pytest.raises(TooLargeError, match=r"the costs of 40 cells x 60 places, .*candidates=2\."):
        assign_cells(mapping, 3)
    with pytest.raises(TooLargeError, match=r"pairs of a cell and a place, .*candidates=2"):
        assign_cells(mapping, 3, candidates=5)


@pytest.mark.parametrize(
    ("capacity", "message"),
    [
        (1, "room for all 6 cells, found a capacity of 4 in all. Raise the capacity, or leave cells out"),
        ([1, 1, 1, 1], "a capacity of 4 in all"),
        (0, "capacity to be a whole number of at least 1, found 0"),
        (1.5, "capacity to be a whole number"),
        (True, "capacity to be a whole number"),
        ([1, 2, 3, 0.5], r"1 spot\(s\) with another \('s3'\)"),
        ([1, 2, 3, -1], r"1 spot\(s\) with another"),
        ([1, 2, np.nan, np.inf], r"2 spot\(s\) with another"),
        (np.array([1, 2, 3, 4]) + 1j, r"4 spot\(s\) with another"),
        (pd.to_timedelta([1, 2, 3, 4]), r"4 spot\(s\) with another"),
        (["a", "b", "c", "d"], r"4 spot\(s\) with another"),
        ([2, 2, 2], "capacities of the mapping's 4 spots, found 3"),
        ("room", "a column 'room' with the capacities"),
        (pd.Series([6], ["s0"]), r"3 spot\(s\) without \('s1', 's2', 's3'\)"),
    ],
)
def test_capacities_that_cannot_be(capacity: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        assign_cells(mapping_of(rows(6, 4)), capacity)


@pytest.mark.parametrize("candidates", [0, 1.5, "all"])
def test_candidates_that_cannot_be(candidates: Any) -> None:
    with pytest.raises(InputError, match="candidates to be a whole number of at least 1"):
        assign_cells(mapping_of(rows(6, 4)), candidates=candidates)


@BOTH
def test_cells_that_share_too_few_spots_are_refused(stored) -> None:
    p = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    with pytest.raises(InputError, match="cells that must share too few spots"):
        assign_cells(mapping_of(stored(p)), 1)
    found = assign_cells(mapping_of(stored(p)), [2, 1, 1])
    assert found["homespot_assigned"].tolist()[:2] == ["s0", "s0"]
    soft = np.array([[0.9, 0.05, 0.05]] * 3)
    with pytest.raises(InputError, match=r"at one of its 1 most probable spots, .*candidates, e\.g\. to 2"):
        assign_cells(mapping_of(stored(soft)), 1, candidates=1)


def test_a_cell_with_nothing_left_is_refused() -> None:
    mapping = mapping_of(np.array([[1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(InputError, match=r"1 cell\(s\) without any"):
        assign_cells(subset(mapping, spots=["s0"]), 2)


def test_input_is_not_changed() -> None:
    for p in (rows(10, 5).astype(np.float32), sparse.csr_matrix(rows(10, 5).astype(np.float32))):
        mapping = mapping_of(p)
        before = mapping.copy()
        assign_cells(mapping)
        assert (mapping.X != before.X).sum() == 0
        assert mapping.obs.equals(before.obs)
