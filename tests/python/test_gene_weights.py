"""Weights of genes: Moran's I against its definition, and what weights do to the map."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.expression.gene_weights import morans_i
from homespot.expression.places import Places, pitch
from homespot.expression.transforms import unit_rows, z_scores
from homespot.transport import CorrelationCost, sinkhorn

SIDE = 6


def grid(side: int = SIDE) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(float)


@pytest.fixture
def problem() -> tuple[ad.AnnData, ad.AnnData]:
    """Twenty genes of a gradient over the spots, and twenty without any pattern."""
    rng = np.random.default_rng(1)
    xy = grid()
    slopes = rng.normal(size=(2, 20))
    pattern = np.exp(0.6 * (xy - xy.mean(axis=0)) @ slopes)
    genes = [f"g{i}" for i in range(40)]
    spots = np.hstack([rng.poisson(5 * pattern), rng.poisson(2000, (len(xy), 20))]).astype(np.float32)
    home = rng.integers(len(xy), size=90)
    cells = np.hstack([rng.poisson(2 * pattern[home]), rng.poisson(500, (90, 20))]).astype(np.float32)
    sc = ad.AnnData(cells, pd.DataFrame(index=[f"c{i}" for i in range(90)]), pd.DataFrame(index=genes))
    st = ad.AnnData(spots, pd.DataFrame(index=[f"s{i}" for i in range(36)]), pd.DataFrame(index=genes))
    st.obsm["spatial"] = xy
    return sc, st


def by_definition(z: np.ndarray, xy: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Moran's I with the 6 nearest within two pitches, one spot after the other."""
    nearest = [
        np.sort(np.linalg.norm(xy[frame == of] - here, axis=1))[1] for here, of in zip(xy, frame, strict=True)
    ]
    weights = np.zeros((len(xy), len(xy)))
    for i, here in enumerate(xy):
        distance = np.where(frame == frame[i], np.linalg.norm(xy - here, axis=1), np.inf)
        distance[i] = np.inf
        weights[i] = distance <= min(np.sort(distance)[5], 2 * np.median(nearest)) * (1 + 1e-6)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1)
    return np.array([column @ weights @ column / len(column) for column in z.T])


def test_neither_the_unit_nor_the_order_of_spots_decides_who_is_a_neighbour() -> None:
    """On a square grid the sixth neighbour is one of four that are equally near: all of them are taken."""
    rng = np.random.default_rng(0)
    xy, z = grid(), z_scores(rng.normal(size=(36, 50)))
    expected = morans_i(z, Places(xy))
    graph = Places(xy).neighbours().toarray()
    np.testing.assert_array_equal(np.flatnonzero(graph[14]), [7, 8, 9, 13, 15, 19, 20, 21])
    for unit in (0.65, 1e-200, 1e200, 1 / 3):
        np.testing.assert_allclose(morans_i(z, Places(xy * unit)), expected, atol=1e-12)
    order = rng.permutation(36)
    np.testing.assert_allclose(morans_i(z[order], Places(xy[order])), expected, atol=1e-12)


@pytest.mark.parametrize("frames", [1, 2])
def test_morans_i_by_its_definition(frames) -> None:
    rng = np.random.default_rng(0)
    # A jitter decides between neighbours that are equally near.
    xy = np.vstack([grid() + rng.uniform(-1e-3, 1e-3, (36, 2)) for _ in range(frames)])
    frame = np.repeat(np.arange(frames), 36)
    z = z_scores(rng.normal(size=(len(xy), 300)))
    places = Places(xy, frame if frames > 1 else None)
    np.testing.assert_allclose(morans_i(z, places), by_definition(z, xy, frame), atol=1e-12)


def test_nearness_is_a_gaussian_of_mean_one_within_frames() -> None:
    xy = np.vstack([grid(), grid()])
    near = Places(xy, np.repeat([0, 1], 36)).nearness().toarray()
    away = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    expected = np.where(away <= 4, np.exp(-np.square(away) / 2), 0)
    expected[:36, 36:] = expected[36:, :36] = 0
    np.testing.assert_allclose(near, expected / expected.mean(), rtol=1e-12)


def test_rows_that_share_a_place_are_not_their_own_neighbours() -> None:
    graph = Places(np.repeat(grid(3), 9, axis=0)).neighbours()
    assert (graph.diagonal() == 0).all()
    np.testing.assert_allclose(np.asarray(graph.sum(axis=1)).ravel(), 1)
    assert pitch(np.repeat(grid(3), 9, axis=0)) == 1


def test_the_weighted_map_is_the_plan_of_the_weighted_scores(problem) -> None:
    sc, st = problem
    mapping = hs.map_cells(sc, st, gene_weights="spatial", relax_spots=0.75, dtype="float64")
    record = mapping.uns["homespot"]
    logs = [
        np.log1p(1e4 * x / x.sum(axis=1, keepdims=True)) for x in (sc.X.astype(float), st.X.astype(float))
    ]
    z = [z_scores(x.copy()) for x in logs]
    weights = np.sqrt(np.maximum(0, morans_i(z[1], Places(st.obsm["spatial"]))))
    np.testing.assert_allclose(record["gene_weights"], weights, rtol=1e-9, atol=1e-12)
    pattern, noise = weights[:20], weights[20:]
    assert np.median(pattern) > 2 * np.median(noise)
    cost = CorrelationCost(*(unit_rows(x * weights) for x in z))
    masses = [x.sum(axis=1) / x.sum() for x in logs]
    plan = sinkhorn(cost, *masses, regularisation=0.05, relax_spots=0.75, dtype="float64", tolerance=1e-4)
    np.testing.assert_allclose(mapping.X, plan.matrix, atol=1e-9)


def test_a_table_of_ones_own_weighs_genes_by_name(problem) -> None:
    sc, st = problem
    genes = sc.var_names
    same = hs.map_cells(sc, st, gene_weights="spatial")
    table = pd.Series(same.uns["homespot"]["gene_weights"] * 7, index=same.uns["homespot"]["genes"])
    own = hs.map_cells(sc, st, gene_weights=table.sample(frac=1, random_state=0))
    np.testing.assert_allclose(own.X, same.X, atol=1e-5)
    assert own.uns["homespot"]["parameters"]["gene_weights"] == "own"
    ones = hs.map_cells(sc, st, gene_weights=dict.fromkeys(genes, 2.5), relax_spots=0.75)
    equal = hs.map_cells(sc, st, gene_weights="equal", relax_spots=0.75)
    np.testing.assert_array_equal(ones.X, equal.X)
    with pytest.warns(DataWarning, match=r"Left out 20 gene\(s\) without a weight"):
        few = hs.map_cells(sc, st, gene_weights=dict.fromkeys(genes[:20], 1), sc_scale="counts")
    assert not np.allclose(few.X, ones.X)


@pytest.mark.parametrize("method", ["ssa", "correlation"])
def test_genes_that_neither_table_has_are_counted(problem, method) -> None:
    sc, st = problem
    known = dict.fromkeys(sc.var_names, 1.0)
    sc = sc[:, 1:].copy()  # a gene of one table is known, and so is one that is held out
    st = st[:, :-1].copy()
    known.pop("g1")
    st.var_names = ["Blank-1" if name == "g1" else name for name in st.var_names]  # and one that is no gene
    known["Blank-1"] = 1.0
    options = {"method": method, "relax_spots": 0.75, "sc_scale": "counts", "st_scale": "counts"}
    if method == "correlation":
        options.pop("relax_spots")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*Blank|.* genes are in both")
        expected = hs.map_cells(sc, st, gene_weights=known, **options)
        own = pd.Series({"nowhere": 3.0, **known, "G2": 0.0})
        with pytest.warns(
            DataWarning,
            match=r"^2 of 42 gene\(s\) with a weight are in neither data set \('nowhere', 'G2'\), and",
        ) as caught:
            found = hs.map_cells(sc, st, gene_weights=own, **options)
    assert sum("in neither data set" in str(one.message) for one in caught) == 1
    np.testing.assert_array_equal(found.X, expected.X)


@pytest.mark.parametrize("start", ["correlation", "ssa"])
def test_come_counts_genes_that_neither_table_has(problem, start) -> None:
    pytest.importorskip("torch")
    own = dict.fromkeys([*problem[0].var_names, "nowhere"], 1.0)
    options = {"start": start, "epochs": 1, "pretrain_epochs": 1, "hidden": 4, "latent": 2}
    with pytest.warns(DataWarning, match=r"^1 of 41 gene\(s\) .* neither data set \('nowhere'\)") as caught:
        hs.map_cells(*problem, "come", gene_weights=own, sc_scale="counts", progress=False, **options)
    assert sum("neither data set" in str(one.message) for one in caught) == 1


@pytest.mark.parametrize("method", ["ssa", "correlation"])
def test_storage_and_seed_change_no_byte(problem, method) -> None:
    sc, st = problem
    first = hs.map_cells(sc, st, method, gene_weights="spatial")
    for x, seed in ((sparse.csr_matrix(st.X), 0), (st.X, 5)):
        other = ad.AnnData(x, st.obs, st.var, obsm=dict(st.obsm))
        again = hs.map_cells(sc, other, method, gene_weights="spatial", seed=seed)
        np.testing.assert_array_equal(again.X, first.X)
        for name in ("power", "agreement"):
            np.testing.assert_array_equal(
                again.uns["homespot"]["sharpness"][name], first.uns["homespot"]["sharpness"][name]
            )


def test_weights_place_cells_better_where_half_of_the_genes_say_nothing() -> None:
    rng = np.random.default_rng(3)
    xy = grid(12)
    pattern = np.exp(0.2 * (xy - xy.mean(axis=0)) @ rng.normal(size=(2, 30)))
    home = rng.integers(len(xy), size=300)
    x = [
        rng.poisson(level * np.hstack([pattern[rows], np.ones((len(rows), 300))]))
        for level, rows in ((20, np.arange(len(xy))), (1, home))
    ]
    genes = pd.DataFrame(index=[f"g{i}" for i in range(330)])
    st = ad.AnnData(x[0].astype("f4"), pd.DataFrame(index=[f"s{i}" for i in range(len(xy))]), genes)
    sc = ad.AnnData(x[1].astype("f4"), pd.DataFrame(index=[f"c{i}" for i in range(300)]), genes)
    st.obsm["spatial"] = xy
    error = {}
    for weights in ("equal", "spatial"):
        table = hs.cell_positions(hs.map_cells(sc, st, gene_weights=weights))
        away = table[["homespot_x", "homespot_y"]].to_numpy() - xy[home]
        error[weights] = np.linalg.norm(away, axis=1).mean()
    assert error["spatial"] < 0.8 * error["equal"]


@pytest.mark.filterwarnings("ignore::homespot.errors.ConvergenceWarning")
def test_what_has_no_pattern_gets_no_weights(problem) -> None:
    sc, st = problem
    st = st.copy()
    noise = np.random.default_rng(0).uniform(1, 3, (36, 400)).astype(np.float32)
    st.X = noise[:, morans_i(z_scores(noise.copy()), Places(st.obsm["spatial"])) < 0][:, :40]
    with pytest.warns(DataWarning, match="No gene has a pattern over the spots"):
        mapping = hs.map_cells(sc, st, gene_weights="spatial", st_scale="log")
    assert "homespot_sharpness" not in mapping.obs


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("moran", "Expected gene_weights to be 'equal' or 'spatial', or numbers by the names of the genes"),
        ({"g0": -1.0, "g1": 1.0}, "finite and never negative, found -1"),
        ({"g0": "heavy"}, "Expected gene_weights to be numbers"),
        ({"g0": 1.0, "other": 1.0}, "Expected at least 2 of the 40 genes used .* above 0, found 1"),
        (pd.Series([1.0, 2.0], index=["g0", "g0"]), "found several for 'g0'"),
        (3.0, "or numbers by the names of the genes, found 3.0"),
        ([1.0, 2.0], "or numbers by the names of the genes, found a list"),
    ],
)
def test_wrong_weights_are_refused(problem, weights, message) -> None:
    with pytest.raises(InputError, match=message):
        hs.map_cells(*problem, gene_weights=weights)


def test_spatial_weights_need_coordinates(problem) -> None:
    sc, st = problem
    del st.obsm["spatial"]
    st.obs = st.obs.iloc[:, :0]
    with pytest.raises(InputError, match=r"Expected spots with coordinates for gene_weights='spatial'"):
        hs.map_cells(sc, st, gene_weights="spatial")
