"""P read row by row: dense and sparse maps give the same, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from homespot.errors import InputError
from homespot.matrix import rows


def random_map(seed: int, n_cells: int, n_spots: int, share: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p = rng.random((n_cells, n_spots)) * (rng.random((n_cells, n_spots)) < share)
    p[np.arange(n_cells), rng.integers(n_spots, size=n_cells)] += 0.5  # no row without anything
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9), st.floats(0, 1), st.integers(1, 12))
def test_sparse_is_dense(seed: int, n_cells: int, n_spots: int, share: float, k: int) -> None:
    p = random_map(seed, n_cells, n_spots, share)
    values = np.random.default_rng(seed).normal(size=(n_spots, 2))
    (dense,), (compact,) = rows.row_blocks(p), rows.row_blocks(sparse.csr_matrix(p))
    assert dense.rows == compact.rows == slice(0, n_cells)
    np.testing.assert_array_equal(compact.home, p.argmax(axis=1))
    np.testing.assert_array_equal(dense.home, p.argmax(axis=1))
    for part in (dense, compact):
        np.testing.assert_allclose(part.mean_of(values), p.astype(float) @ values, atol=1e-6)
        np.testing.assert_allclose(part.mean_of(values[:, 0]), p.astype(float) @ values[:, 0], atol=1e-6)
        spots, weights = part.best(k)
        np.testing.assert_array_equal(np.sort(weights)[:, ::-1][:, :k], -np.sort(-p)[:, : weights.shape[1]])
        there = weights > 0
        np.testing.assert_array_equal(
            np.take_along_axis(p, spots, axis=1)[there], weights[there].astype(np.float32)
        )


def test_blocks_hold_every_row_once_and_are_bounded() -> None:
    wide = np.broadcast_to(np.float32(1), (3000, 100_000))
    parts = rows.blocks(wide)
    assert np.concatenate([np.arange(3000)[part] for part in parts]).tolist() == list(range(3000))
    assert max(part.stop - part.start for part in parts) * 100_000 <= 2**22
    few = sparse.csr_matrix((np.ones(3000), np.zeros(3000, int), np.arange(3001)), shape=(3000, 100_000))
    assert len(rows.blocks(few)) == 3
    assert rows.blocks(np.empty((0, 5))) == []


def test_entries_in_any_order_are_sorted_and_the_map_is_left_alone() -> None:
    unsorted = sparse.csr_matrix((np.array([0.25, 0.75]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    (part,) = rows.row_blocks(unsorted)
    assert part.spots is not None
    assert part.spots.tolist() == [[0, 2]]
    assert part.p.tolist() == [[0.75, 0.25]]
    assert unsorted.indices.tolist() == [2, 0]


def test_squares_of_small_numbers_are_not_lost() -> None:
    np.testing.assert_allclose(rows.sharpened(np.array([[1e-200, 2e-200]])), [[0.2, 0.8]])


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix])
def test_a_row_without_probability_is_refused(stored: object) -> None:
    p = np.array([[0.0, 1.0], [0.0, 0.0]])
    with pytest.raises(InputError, match=r"every cell to have some probability, found 1 cell\(s\)"):
        _ = [part.p for part in rows.row_blocks(stored(p))]  # type: ignore[operator]


def test_a_map_by_columns_is_read_by_rows() -> None:
    p = random_map(3, 9, 9, 0.4)
    (expected,), (found,) = rows.row_blocks(sparse.csr_matrix(p)), rows.row_blocks(sparse.csc_matrix(p))
    np.testing.assert_array_equal(found.p, expected.p)
    np.testing.assert_array_equal(found.spots, expected.spots)
