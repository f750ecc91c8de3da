"""COME with C for some spots of each cell, as a user meets it."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

torch = pytest.importorskip("torch", reason="torch is not installed")

import homespot as hs
from homespot import cell_positions, load, map_cells, methods, save
from homespot.errors import ConvergenceWarning, DataWarning
from homespot.methods import storage

FAST: dict[str, Any] = {"hidden": 8, "latent": 4, "pretrain_epochs": 3, "epochs": 4, "device": "cpu"}
STILL = {"epochs": 1, "map_rate": 1e-14, "dtype": "float64"}
SPOTS = 25  # of the pair

pytestmark = [
    pytest.mark.filterwarnings("ignore:The map says next to nothing"),
    pytest.mark.filterwarnings("ignore:Two halves of the genes"),
]


def come(pair: tuple[ad.AnnData, ad.AnnData], candidates: Any, **options: Any) -> ad.AnnData:
    return map_cells(*pair, "come", candidates=candidates, **FAST | options)


def solver(mapping: ad.AnnData) -> dict[str, Any]:
    return mapping.uns["homespot"]["solver"]


def same(a: ad.AnnData, b: ad.AnnData) -> None:
    """The same bytes of P, and the same curves."""
    for part in ("data", "indices", "indptr"):
        assert getattr(a.X, part).tobytes() == getattr(b.X, part).tobytes()
    curves = solver(a)["losses"], solver(b)["losses"]
    assert {k: v.tolist() for k, v in curves[0].items()} == {k: v.tolist() for k, v in curves[1].items()}


def k_largest(p: np.ndarray, k: int) -> np.ndarray:
    """Return P with the k largest entries of each row alone, scaled to sum to 1."""
    cut = np.where(p >= np.sort(p, axis=1)[:, [-k]], p, 0)
    return cut / cut.sum(axis=1, keepdims=True)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"preset": "places"},
    {"start": "uniform"},
    {"summed": "sum", "labels": "type", "st_labels": "region"},
    {"summed": "coefficients", "map_optimiser": "adam", "weight_shrinkage": 0.01},
    {"map_optimiser": "adam", "weight_entropy": 0.1},
    {"validation_genes": 0.25, "map_rate": 0.5},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_all_spots_as_candidates_give_the_full_map(pair, options: dict[str, Any], dtype: str) -> None:
    full, some = (come(pair, k, dtype=dtype, **options) for k in (None, SPOTS))
    assert isinstance(full.X, np.ndarray)
    assert sparse.issparse(some.X)
    assert some.X.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(some.X.toarray(), full.X, atol=tolerance)
    for name, curve in solver(full)["losses"].items():
        np.testing.assert_allclose(solver(some)["losses"][name], curve, rtol=1e-3, atol=1e-5)
    assert solver(some)["best_epoch"] == solver(full)["best_epoch"]
    places = [cell_positions(m)[["homespot_x", "homespot_y", "homespot_radius"]] for m in (full, some)]
    np.testing.assert_allclose(*places, atol=1e-3)
    np.testing.assert_allclose(some.obs["homespot_left_over"], 0, atol=1e-6)


@pytest.mark.parametrize("k", [1, 6])
def test_the_starts_are_the_best_spots_of_ssa_and_of_the_correlation(pair, k: int) -> None:
    settings = {"device": "cpu", "dtype": "float64"}
    ssa = map_cells(*pair, "ssa", **settings)
    np.testing.assert_allclose(
        come(pair, k, start="ssa", **STILL).X.toarray(), k_largest(ssa.X, k), atol=1e-9
    )
    soft = map_cells(*pair, "correlation", regularisation=0.1, **settings)
    found = come(pair, k, start_temperature=0.1 * solver(soft)["largest_cost"], **STILL)
    np.testing.assert_allclose(found.X.toarray(), k_largest(soft.X, k), atol=1e-9)
    # The uniform start has no weights of genes: the candidates are those of genes that count alike.
    alike = map_cells(*pair, "correlation", gene_weights="equal", **settings)
    even = np.where(k_largest(alike.X, k) > 0, 1 / k, 0)
    np.testing.assert_allclose(come(pair, k, start="uniform", **STILL).X.toarray(), even, atol=1e-9)


@pytest.mark.parametrize("labels", [None, "type"])
def test_rows_are_probabilities_of_candidates(pair, labels: str | None) -> None:
    found = come(pair, 6, labels=labels)
    assert found.X.has_sorted_indices
    assert np.diff(found.X.indptr).tolist() == [6] * pair[0].n_obs
    assert found.X.data.min() >= 0
    np.testing.assert_allclose(found.X.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found.obs["homespot_left_over"], 0, atol=1e-6)
    assert not found.obs["homespot_left_over"].isna().any()
    assert ("type_contrast" in solver(found)["losses"]) == (labels is not None)


def test_twice_is_the_same_and_the_seed_decides(pair) -> None:
    found = come(pair, 6, seed=3)
    same(found, come(pair, 6, seed=3))
    assert found.X.data.tobytes() != come(pair, 6, seed=4).X.data.tobytes()


def test_k_best_cuts_the_candidates_and_keeps_the_places(pair) -> None:
    whole = come(pair, 10)
    for k in (3, 10, 20):
        cut = come(pair, 10, k_best=k)
        p = whole.X.toarray()
        expected = np.where(p >= np.sort(p, axis=1)[:, [-min(k, 10)]], p, 0)
        np.testing.assert_array_equal(cut.X.toarray(), expected)
        np.testing.assert_allclose(cut.obs["homespot_left_over"], 1 - expected.sum(axis=1), atol=1e-6)
        columns = ["homespot_x", "homespot_y", "homespot_radius"]
        np.testing.assert_allclose(cell_positions(cut)[columns], cell_positions(whole)[columns], atol=1e-6)


def test_auto_is_from_the_size_alone_and_said_before_the_start(pair, monkeypatch, caplog) -> None:
    assert "candidates" not in solver(come(pair, "auto"))
    assert isinstance(come(pair, "auto").X, np.ndarray)
    monkeypatch.setattr(storage, "_FULL", pair[0].n_obs * SPOTS)
    assert isinstance(come(pair, "auto").X, np.ndarray)
    monkeypatch.setattr(storage, "_FULL", pair[0].n_obs * SPOTS - 1)
    monkeypatch.setattr(storage, "CANDIDATES", 7)
    assert isinstance(come(pair, None).X, np.ndarray)
    calls: list[tuple[int, int, str]] = []
    with caplog.at_level("INFO", "homespot"):
        found = come(pair, "auto", progress=lambda *call: calls.append(call))
    assert calls[0][:2] == (0, 3)
    assert calls[0][2].endswith("of memory, C for 7 of 25 spots of each cell")
    assert solver(found)["candidates"] == 7
    assert found.uns["homespot"]["parameters"]["candidates"] == "auto"
    same(found, come(pair, 7))
    for preset in ("paper", "paper:merfish"):
        assert methods.get("come").settings(preset, {})["candidates"] is None
    assert methods.get("come").settings("places", {})["candidates"] == "auto"


def test_the_record_says_how_many(pair, tmp_path) -> None:
    found = come(pair, 6)
    save(found, tmp_path / "map.h5ad")
    again = load(tmp_path / "map.h5ad")
    same(again, found)
    for mapping in (found, again):
        assert solver(mapping)["candidates"] == 6
        assert mapping.uns["homespot"]["parameters"]["candidates"] == 6
    assert "C for 6 spots of each cell" in hs.common.ending.ending_of(found.uns["homespot"]).sentence


@pytest.mark.parametrize("value", [0, -1, 2.5, "all", True, [3]])
def test_what_is_no_number_of_spots_is_refused(pair, refused, value: Any) -> None:
    with refused("candidates | | "):
        come(pair, value)


OPTIONS: dict[str, Any] = {"epochs": 6, "validation_genes": 0.25, "labels": "type"}


@pytest.mark.parametrize("start", ["correlation", "ssa"])
def test_going_on_from_a_checkpoint_gives_the_uninterrupted_result(pair, tmp_path, start: str) -> None:
    options = OPTIONS | {"start": start}
    straight = come(pair, 6, **options)
    at = {"checkpoint": str(tmp_path / "run.pt")}
    come(pair, 6, **options | at | {"epochs": 3})
    same(come(pair, 6, **options, **at), straight)
    same(come(pair, 6, **options, **at), straight)  # nothing left to do


def test_an_interrupted_training_gives_its_map(pair, tmp_path) -> None:
    def interrupt(done: int, total: int, _: str) -> None:
        if (done, total) == (3, 6):
            raise KeyboardInterrupt

    options = OPTIONS | {"checkpoint": str(tmp_path / "run.pt")}
    with pytest.warns(ConvergenceWarning, match="after 3 of 6 epochs"):
        found = come(pair, 6, **options, progress=interrupt)
    np.testing.assert_allclose(found.X.sum(axis=1), 1, atol=1e-6)
    same(come(pair, 6, **options), come(pair, 6, **OPTIONS))


@pytest.mark.parametrize(("before", "now"), [(6, 7), (6, None), (None, 6), (None, SPOTS)])
def test_a_checkpoint_of_other_candidates_is_refused(pair, tmp_path, refused, before, now) -> None:
    path = tmp_path / "run.pt"
    come(pair, before, checkpoint=str(path))
    kept = path.read_bytes()
    with refused(f"checkpoint same data settings seed | another run {str(path)!r} | another file remove"):
        come(pair, now, checkpoint=str(path))
    assert path.read_bytes() == kept


def test_auto_goes_on_from_a_checkpoint_of_what_it_chooses(pair, tmp_path) -> None:
    path = str(tmp_path / "run.pt")
    come(pair, None, checkpoint=path, epochs=2)
    found = come(pair, "auto", checkpoint=path)
    assert found.X.tobytes() == come(pair, None).X.tobytes()


def test_more_candidates_than_spots_are_all_spots(pair) -> None:
    same(come(pair, 10_000), come(pair, SPOTS))
    assert solver(come(pair, 10_000))["candidates"] == SPOTS


def test_dropped_cells_and_spots_are_no_candidates(pair) -> None:
    sc, st = (adata.copy() for adata in pair)
    shared = [g for g in st.var_names if g in set(sc.var_names)]
    x = st.X.toarray()
    x[np.ix_([0], st.var_names.get_indexer(shared))] = 0
    x[0, next(i for i, g in enumerate(st.var_names) if g not in shared)] = 5
    st.X = x
    for k in (6, SPOTS):
        with pytest.warns(DataWarning, match="Dropped 1 spot"):
            found = come((sc, st), k)
        assert found.shape == (pair[0].n_obs, SPOTS - 1)
        assert solver(found)["candidates"] == min(k, SPOTS - 1)


def test_sections_of_which_some_have_candidates(make_pair, monkeypatch) -> None:
    """A small section is mapped with C for all spots, a large one is not: the map of both is sparse."""
    sc, st = make_pair(n_cells=60)
    st.obs["part"] = np.where(np.arange(st.n_obs) % 5 == 0, "small", "large")
    st.obs["turned"] = np.where(np.arange(st.n_obs) % 5 == 0, "a small", "large")
    monkeypatch.setattr(storage, "_FULL", 60 * st.n_obs // 2)
    monkeypatch.setattr(storage, "CANDIDATES", 6)
    maps = {
        name: map_cells(sc, st, "come", sections=name, candidates="auto", progress=False, **FAST)
        for name in ("part", "turned")
    }
    for mapping in maps.values():
        assert sparse.issparse(mapping.X)
        np.testing.assert_allclose(mapping.X.sum(axis=1), 1, atol=1e-5)
        small = mapping.var_names.isin(st.obs_names[::5])
        assert np.diff(mapping.X[:, small].tocsr().indptr).tolist() == [small.sum()] * 60
        assert np.diff(mapping.X[:, ~small].tocsr().indptr).tolist() == [6] * 60
    one, other = (mapping[:, st.obs_names].X.toarray() for mapping in maps.values())
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_every_reading_of_the_map_is_that_of_the_same_in_full(pair) -> None:
    """Places, types and genes of a sparse map, and of its entries written down."""
    some = come(pair, 6)
    full = some.copy()
    full.X = some.X.toarray()
    columns = ["homespot_x", "homespot_y", "homespot_radius", "homespot_entropy"]
    np.testing.assert_allclose(cell_positions(some)[columns], cell_positions(full)[columns], atol=1e-6)
    for read in (
        lambda mapping: hs.deconvolve_spots(mapping, pair[0].obs["type"]).to_df(),
        lambda mapping: hs.impute_genes(mapping, pair[0]).to_df(),
    ):
        np.testing.assert_allclose(read(some), read(full), rtol=1e-5, atol=1e-6)
    scores = hs.cross_validate(*pair, "come", candidates=6, folds=3, progress=False, **FAST)
    assert scores["pcc"].notna().any()
