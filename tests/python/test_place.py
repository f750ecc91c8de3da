"""Places against closed forms on small grids."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from homespot import cell_positions, map_cells, place_cells, subset
from homespot.errors import DataWarning, InputError
from homespot.expression.places import pitch
from homespot.mapping import confidence
from homespot.mapping.left_over import keep_best
from homespot.mapping.positions import entropy, home_spots, positions, radius
from homespot.mapping.validity import new_mapping

GRID = np.array([[x, y] for y in range(3) for x in range(4)], dtype=float)  # 12 spots
BOTH = pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
POSITIONS = ["argmax", "k_best", "mean", "median"]


def rows(*weights: dict[int, float]) -> np.ndarray:
    p = np.zeros((len(weights), 12))
    for row, weight in zip(p, weights, strict=True):
        row[list(weight)] = list(weight.values())
    return p


@BOTH
def test_closed_forms(stored) -> None:
    p = rows({5: 1.0}, {0: 0.5, 3: 0.5}, {0: 0.5, 1: 0.3, 11: 0.2})
    place = {how: positions(stored(p), GRID, how, 2) for how in POSITIONS}
    np.testing.assert_allclose(place["argmax"][0], [[1, 1], [0, 0], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(place["mean"][0], [[1, 1], [1.5, 0], [0.9, 0.4]], atol=1e-12)
    np.testing.assert_allclose(place["k_best"][0], [[1, 1], [1.5, 0], [0.375, 0]], atol=1e-12)
    np.testing.assert_allclose(place["median"][0][0], [1, 1], atol=1e-6)
    third = 0.5 * 0 + 0.3 * 1 + 0.2 * 13  # mean squared distance from (0, 0)
    np.testing.assert_allclose(place["argmax"][1], [0, np.sqrt(4.5), np.sqrt(third)], atol=1e-7)
    np.testing.assert_allclose(place["mean"][1], [0, 1.5, np.sqrt(third - 0.9**2 - 0.4**2)], atol=1e-7)


@BOTH
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_spread_is_the_root_mean_square_distance(stored, dims: int, position: str, offset: float) -> None:
    rng = np.random.default_rng(0)
    p, spots = rng.dirichlet(np.full(30, 0.2), 2100), rng.uniform(0, 50, (30, dims))
    placed, spread = positions(stored(p), spots + offset, position, 4)
    here, _ = positions(p, spots, position, 4)
    np.testing.assert_allclose(placed - offset, here, atol=1e-8)
    squares = np.square(spots[None] - here[:, None]).sum(axis=2)
    np.testing.assert_allclose(spread, np.sqrt((p * squares).sum(axis=1)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("position", POSITIONS)
def test_sparse_is_dense(position: str) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(30, 0.2), 500).astype(np.float32)
    spots = np.random.default_rng(1).normal(size=(30, 3))
    for dense, csr in zip(
        positions(p, spots, position, 5), positions(sparse.csr_matrix(p), spots, position, 5), strict=True
    ):
        np.testing.assert_allclose(csr, dense, rtol=1e-12, atol=1e-12)


def test_k_best_of_all_spots_is_the_mean() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(12), 20)
    for k in (12, 13, 1000):
        np.testing.assert_allclose(
            positions(p, GRID, "k_best", k)[0], positions(p, GRID, "mean")[0], atol=1e-12
        )
    np.testing.assert_allclose(
        positions(p, GRID, "k_best", 1)[0], positions(p, GRID, "argmax")[0], atol=1e-12
    )


@pytest.mark.parametrize("k", [3, 7, 12])
def test_median_is_where_the_mean_distance_under_the_squares_is_least(k: int) -> None:
    from scipy.optimize import minimize

    p = np.random.default_rng(0).dirichlet(np.full(12, 0.4), 15)
    placed, _ = positions(p, GRID, "median", k)
    for row, found in zip(p, placed, strict=True):
        weights = np.where(row >= np.sort(row)[-k], row, 0) ** 2

        def cost(at: np.ndarray, row: np.ndarray = weights) -> float:
            return float(row @ np.linalg.norm(GRID - at, axis=1))

        best = min(
            minimize(cost, start, method="Nelder-Mead").fun for start in (*GRID[row.argsort()[-2:]], found)
        )
        assert cost(found) <= best * (1 + 1e-3)


def test_the_first_of_equals_is_home() -> None:
    for stored in (np.asarray, sparse.csr_matrix):
        home, probability = home_spots(stored(rows({3: 0.5, 9: 0.5}, {11: 1.0})))
        assert home.tolist() == [3, 11]
        assert probability.tolist() == [0.5, 1.0]


def test_a_row_cut_short_is_placed_by_what_it_has() -> None:
    whole, cut = rows({0: 0.5, 3: 0.5}), rows({0: 0.25, 3: 0.25})
    for how in POSITIONS:
        np.testing.assert_allclose(positions(cut, GRID, how)[0], positions(whole, GRID, how)[0], atol=1e-6)


@pytest.mark.parametrize("dims", [2, 3])
def test_table_of_positions(make_pair, dims: int) -> None:
    sc, st = make_pair(dims=dims)
    mapping = map_cells(sc, st)
    table = cell_positions(mapping, position="mean")
    axes = ["homespot_x", "homespot_y", "homespot_z"][:dims]
    assert table.columns.tolist() == [
        "homespot_spot",
        "homespot_prob",
        "homespot_entropy",
        "homespot_near_spot",
        *axes,
        "homespot_spread",
        "homespot_radius",
        "homespot_confident",
        "homespot_fits",
    ]
    assert table.index.equals(sc.obs_names)
    assert table["homespot_spot"].tolist() == st.obs_names[mapping.X.argmax(axis=1)].tolist()
    np.testing.assert_allclose(table["homespot_prob"], mapping.X.max(axis=1))
    np.testing.assert_allclose(table[axes], mapping.X.astype(float) @ st.obsm["spatial"], rtol=1e-5)


def test_placed_cells_are_a_copy_with_coordinates(pair) -> None:
    sc, st = pair
    sc.obsm["spatial"] = np.zeros((sc.n_obs, 3))
    mapping = map_cells(sc[::2].copy(), st)
    before = sc.copy()
    placed = place_cells(mapping, sc, position="argmax")
    assert placed.obs_names.equals(mapping.obs_names)
    np.testing.assert_allclose(placed.obsm["spatial"], st.obsm["spatial"][mapping.X.argmax(axis=1)])
    np.testing.assert_array_equal(placed.obsm["spatial"], placed.obs[["homespot_x", "homespot_y"]])
    np.testing.assert_array_equal(placed.X.toarray(), sc.X.toarray()[::2])
    assert placed.uns["homespot"]["position"] == "argmax"
    assert placed.obs["type"].equals(sc.obs["type"].iloc[::2])
    assert sc.obs.equals(before.obs)
    assert list(sc.uns) == []
    np.testing.assert_array_equal(sc.obsm["spatial"], 0)
    assert "position" not in mapping.uns["homespot"]


def test_cells_in_another_order_get_their_own_place(pair) -> None:
    sc, st = pair
    mapping = map_cells(sc, st)
    shuffled = sc[np.random.default_rng(0).permutation(sc.n_obs)].copy()
    a, b = place_cells(mapping, sc), place_cells(mapping, shuffled)
    assert a.obs.equals(b.obs)
    np.testing.assert_array_equal(a.X.toarray(), b.X.toarray())


def test_a_file_on_disk_is_taken(pair, tmp_path) -> None:
    sc, st = pair
    mapping = map_cells(sc, st)
    sc.write_h5ad(tmp_path / "sc.h5ad")
    backed = ad.read_h5ad(tmp_path / "sc.h5ad", backed="r")
    np.testing.assert_array_equal(
        place_cells(mapping, backed).obsm["spatial"], place_cells(mapping, sc).obsm["spatial"]
    )
    backed.file.close()


@pytest.mark.filterwarnings("ignore:.*are not confident")
def test_placed_cells_can_be_written_and_read(pair, tmp_path) -> None:
    placed = place_cells(map_cells(*pair, k_best=3), pair[0])
    placed.write_h5ad(tmp_path / "placed.h5ad")
    assert (
        ad.read_h5ad(tmp_path / "placed.h5ad").obs["homespot_spot"].tolist()
        == placed.obs["homespot_spot"].tolist()
    )


@pytest.mark.parametrize("position", POSITIONS)
def test_a_cell_with_nothing_left_is_refused(position: str) -> None:
    names = pd.DataFrame(index=["a", "b"]), pd.DataFrame(index=[f"s{i}" for i in range(12)])
    mapping = new_mapping(rows({0: 1.0}, {5: 1.0}), *names, {"format_version": 1}, positions=GRID)
    with pytest.raises(InputError, match=r"1 cell\(s\) without any"):
        cell_positions(subset(mapping, spots=["s5", "s6"]), position=position)  # type: ignore[arg-type]


def test_cells_without_any_are_counted_beyond_the_first_block() -> None:
    with pytest.raises(InputError, match=r"found 1500 cell\(s\) without any"):
        home_spots(np.zeros((1500, 3)))


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("probability", [1.0, 1e-200])
def test_spots_without_extent_have_one_place(position: str, probability: float) -> None:
    for where in (np.array([[0.1, 7.0]]), np.full((3, 3), 0.1)):
        weights = np.full((2, len(where)), probability)
        placed, spread = positions(weights, where, position)  # type: ignore[arg-type]
        np.testing.assert_allclose(placed, where[[0, 0]], rtol=1e-15)
        np.testing.assert_allclose(spread, 0, atol=1e-15)


@BOTH
def test_entropy_in_closed_form(stored) -> None:
    p = np.vstack(
        [np.full(12, 1 / 12), rows({3: 1.0}, {0: 0.5, 1: 0.5}, {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25})]
    )
    np.testing.assert_allclose(
        entropy(stored(p)), [1, 0, np.log(2) / np.log(12), np.log(4) / np.log(12)], atol=1e-12
    )
    np.testing.assert_allclose(entropy(stored(p.astype(np.float32))), entropy(stored(p)), atol=1e-6)


@BOTH
def test_what_a_row_leaves_out_is_spread_over_the_other_spots(stored) -> None:
    cut = stored(rows({0: 0.4, 5: 0.4}))
    filled = np.full((1, 12), 0.2 / 10)
    filled[0, [0, 5]] = 0.4
    np.testing.assert_allclose(entropy(cut), entropy(filled), atol=1e-12)
    p = np.random.default_rng(0).dirichlet(np.ones(12), 30)
    kept, _ = keep_best(p, 4)
    assert (entropy(kept) >= entropy(p) - 1e-12).all()
    nowhere_else = np.full((1, 12), 0.5 / 12)  # of a map whose other spots were left out
    assert 0 <= entropy(nowhere_else)[0] <= 1


def test_entropy_of_one_spot_is_none() -> None:
    assert entropy(np.ones((3, 1))).tolist() == [0, 0, 0]


def test_pitch_and_extent_of_a_grid() -> None:
    assert pitch(GRID) == 1
    assert pitch(GRID[:1]) == 0
    assert confidence.extent(GRID) == pytest.approx(np.sqrt((9 + 1) / 4 / 2 + 2 / 3))
    assert confidence.extent(GRID * 7 + 1e6) == pytest.approx(7 * confidence.extent(GRID))


@BOTH
def test_radius_in_closed_form(stored) -> None:
    p = rows({5: 1.0}, {0: 0.5, 3: 0.5})
    placed, _ = positions(stored(p), GRID, "mean")
    e = confidence.extent(GRID)
    for level in (0.5, 0.9):
        f = confidence.factor(level)
        found, _ = radius(stored(p), GRID, placed, level)
        half_a_pitch, apart = 0.5, 1.5
        np.testing.assert_allclose(
            found, [f * half_a_pitch * (half_a_pitch / e) ** (1 / 3), f * apart * (apart / e) ** (1 / 3)]
        )


def test_radius_grows_with_the_level_and_goes_with_the_unit() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(12, 0.3), 50)
    for scale, offset in ((1.0, 0.0), (55.0, 1e5)):
        spots = GRID * scale + offset
        placed, _ = positions(p, spots)
        found = [radius(p, spots, placed, level)[0] for level in (0.05, 0.5, 0.9, 0.99)]
        assert (np.diff(found, axis=0) > 0).all()
        here, confident = radius(p, GRID, positions(p, GRID)[0])
        np.testing.assert_allclose(found[2], scale * here, rtol=1e-6)
        assert radius(p, spots, placed)[1].tolist() == confident.tolist()


def test_confident_is_within_half_the_extent_or_what_is_asked_for() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(12, 0.2), 200)
    placed, _ = positions(p, GRID)
    found, confident = radius(p, GRID, placed)
    assert 0 < confident.sum() < 200
    assert confident.tolist() == (found <= confidence.extent(GRID) / 2).tolist()
    assert radius(p, GRID, placed, max_radius=1.0)[1].tolist() == (found <= 1).tolist()


def test_spots_at_one_place_give_no_radius_and_no_confidence() -> None:
    for where in (np.array([[0.1, 7.0]]), np.full((3, 3), 0.1)):
        p = np.full((2, len(where)), 1 / len(where))
        found, confident = radius(p, where, positions(p, where)[0])
        np.testing.assert_allclose(found, 0, atol=1e-12)
        assert not confident.any()


@pytest.mark.parametrize("dims", [2, 3])
def test_a_truncated_map_has_the_radius_of_its_20_best(make_pair, dims: int) -> None:
    sc, st = make_pair(dims=dims)
    columns = ["homespot_x", "homespot_y", "homespot_radius", "homespot_confident"]
    whole, cut = (cell_positions(map_cells(sc, st, gene_weights="equal", k_best=k)) for k in (None, 20))
    pd.testing.assert_frame_equal(whole[columns], cut[columns], rtol=1e-6)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"level": 1.0}, "level to be a number from 0.05 to 0.99, found 1.0"),
        ({"level": 0}, "level to be a number from 0.05"),
        ({"level": "high"}, "level to be a number"),
        ({"level": np.nan}, "level to be a number"),
        ({"max_radius": 0}, "max_radius to be a finite number above 0"),
        ({"max_radius": np.inf}, "max_radius to be a finite number above 0"),
    ],
)
def test_levels_and_radii_that_cannot_be(pair, argument, message: str) -> None:
    mapping = map_cells(*pair)
    for call in (
        lambda: cell_positions(mapping, **argument),
        lambda: place_cells(mapping, pair[0], **argument),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_the_record_says_what_the_radius_is(pair) -> None:
    mapping = map_cells(*pair)
    placed = place_cells(mapping, pair[0], level=0.8)
    assert placed.uns["homespot"]["level"] == 0.8
    assert "max_radius" not in placed.uns["homespot"]
    asked = place_cells(mapping, pair[0], max_radius=100.0)
    assert asked.uns["homespot"]["max_radius"] == 100
    assert asked.obs["homespot_confident"].tolist() == (asked.obs["homespot_radius"] <= 100).tolist()


def test_what_a_subset_leaves_out_is_not_certain(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    mapping = map_cells(*pair)
    few = subset(mapping, spots=list(mapping.var_names[:5]))
    with pytest.warns(DataWarning, match="had more of their mass on spots that were taken out"):
        found = cell_positions(few)["homespot_entropy"]
    assert (found[few.obs["homespot_left_over"] > 0.9] > 0.8).all()
