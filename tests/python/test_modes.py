"""cell_modes on rows of P whose modes are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot.verbs.cell_modes as module
from homespot import map_cells
from homespot.errors import InputError
from homespot.mapping.validity import new_mapping
from homespot.verbs.cell_modes import cell_modes, modes

GRID = np.array([[x, y] for y in range(10) for x in range(10)], dtype=float)
BOTH = pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])


def row(weights: dict[tuple[int, int], float]) -> np.ndarray:
    p = np.zeros((1, 100))
    for (x, y), weight in weights.items():
        p[0, 10 * y + x] = weight
    return p


@BOTH
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_two_far_spots_are_two_modes(stored, offset: float) -> None:
    cell, mode, share, place = modes(stored(row({(0, 0): 0.6, (9, 9): 0.4})), GRID + offset)
    assert cell.tolist() == [0, 0]
    assert mode.tolist() == [0, 1]
    np.testing.assert_allclose(share, [0.36 / 0.52, 0.16 / 0.52])
    np.testing.assert_allclose(place - offset, [[0, 0], [9, 9]], atol=1e-8)


@BOTH
def test_neighbours_are_one_mode_at_their_weighted_mean(stored) -> None:
    p = stored(row({(0, 0): 0.3, (1, 0): 0.3, (9, 9): 0.4}))
    _, _, share, place = modes(p, GRID)
    np.testing.assert_allclose(share, [0.18 / 0.34, 0.16 / 0.34])
    np.testing.assert_allclose(place, [[0.5, 0], [9, 9]], atol=1e-12)
    _, _, share, _ = modes(p, GRID, reach=0.5)
    np.testing.assert_allclose(share, [0.16 / 0.34, 0.09 / 0.34, 0.09 / 0.34])


def test_one_certain_spot_is_one_mode() -> None:
    _, _, share, place = modes(row({(4, 2): 1.0}), GRID)
    assert share.tolist() == [1]
    np.testing.assert_allclose(place, [[4, 2]], atol=1e-12)


def test_of_equals_the_first_is_the_first_mode() -> None:
    _, _, share, place = modes(row({(0, 0): 0.5, (9, 9): 0.5}), GRID)
    assert share.tolist() == [0.5, 0.5]
    np.testing.assert_allclose(place, [[0, 0], [9, 9]], atol=1e-12)


def test_few_and_small_modes_are_left_out_but_never_the_first() -> None:
    corners = row({(0, 0): 0.25, (9, 0): 0.25, (0, 9): 0.25, (9, 9): 0.25})
    assert len(modes(corners, GRID, n_modes=2)[0]) == 2
    assert len(modes(corners, GRID, n_modes=9)[0]) == 4
    assert modes(corners, GRID, min_share=0.3)[2].tolist() == [0.25]


def test_shares_fall_and_sum_to_at_most_one() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(100, 0.1), 1500)
    cell, mode, share, place = modes(p, GRID)
    table = pd.DataFrame({"cell": cell, "mode": mode, "share": share})
    grouped = table.groupby("cell")
    assert len(grouped) == 1500
    assert (grouped["share"].sum() <= 1 + 1e-9).all()
    assert (grouped["share"].diff().dropna() <= 1e-12).all()
    assert grouped["mode"].apply(lambda x: x.tolist() == list(range(len(x)))).all()
    assert ((place >= -1e-9) & (place <= 9 + 1e-9)).all()


def test_sparse_is_dense_and_pieces_are_the_whole(monkeypatch) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(100, 0.1), 300).astype(np.float32)
    whole = modes(p, GRID)
    monkeypatch.setattr(module, "_AT_ONCE", 20 * 20 * 7)
    for other in (modes(p, GRID), modes(sparse.csr_matrix(p), GRID)):
        for a, b in zip(whole, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dims", [2, 3])
def test_table_names_the_cells(make_pair, dims: int) -> None:
    mapping = map_cells(*make_pair(dims=dims), k_best=10)
    table = cell_modes(mapping)
    assert table.columns.tolist() == ["cell", "mode", "share", *"xyz"[:dims]]
    assert list(dict.fromkeys(table["cell"])) == mapping.obs_names.tolist()
    assert (table.groupby("cell")["mode"].min() == 1).all()


def test_spots_at_one_place_are_one_mode() -> None:
    _, _, share, place = modes(np.full((2, 3), 1 / 3), np.full((3, 2), 5.0))
    np.testing.assert_allclose(share, [1, 1])
    np.testing.assert_allclose(place, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_modes": 0}, "n_modes to be a whole number of at least 1"),
        ({"min_share": 0}, "min_share to be a number above 0 and at most 1"),
        ({"min_share": 2}, "min_share to be a number above 0 and at most 1"),
        ({"reach": 0}, "reach to be a finite number above 0"),
        ({"k": 1.5}, "k to be a whole number of at least 1"),
    ],
)
def test_parameters_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        modes(row({(0, 0): 1.0}), GRID, **arguments)


def test_a_mapping_without_coordinates_is_refused() -> None:
    mapping = new_mapping(
        row({(0, 0): 1.0}),
        pd.DataFrame(index=["c"]),
        pd.DataFrame(index=[f"s{i}" for i in range(100)]),
        {"format_version": 1},
    )
    with pytest.raises(InputError, match="a mapping whose spots have coordinates"):
        cell_modes(mapping)
