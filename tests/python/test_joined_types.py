"""deconvolve_spots with a fit beside the map, and its intervals."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.expression.type_means import redrawn


@pytest.fixture(scope="module")
def demo() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    sc, st = hs.make_demo()
    return sc, st, hs.map_cells(sc, st, progress=False)


def joined(mapping: ad.AnnData, sc: ad.AnnData, st: ad.AnnData, **named: Any) -> ad.AnnData:
    return hs.deconvolve_spots(mapping, "cell_type", sc=sc, st=st, **named)


@pytest.mark.parametrize("read_out", ["square", "sum"])
def test_the_answer_is_the_mean_of_map_and_fit_by_the_weight(demo, read_out: Any) -> None:
    sc, st, mapping = demo
    found = joined(mapping, sc, st, read_out=read_out)
    fitted = hs.fit_types(sc, st, "cell_type")
    by_map = hs.deconvolve_spots(mapping, "cell_type", read_out=read_out)
    record = found.uns["homespot"]
    a = record["map_weight"]
    np.testing.assert_allclose(found.X, (1 - a) * fitted.X + a * by_map.X, atol=1e-12)
    assert a == record["map_weights"][record["map_weight_errors"].argmin()]
    assert record["map_weight_errors"][0] == 1
    for name in ("fit_genes", "platform_factors"):
        np.testing.assert_array_equal(record[name], fitted.uns["homespot"][name])
    assert found.obs["homespot_type"].tolist() == found.to_df().idxmax(axis=1).tolist()
    np.testing.assert_allclose(found.layers["cells"].sum(axis=1), by_map.obs["homespot_cells"])
    pd.testing.assert_series_equal(
        found.obs["homespot_confident_share"], by_map.obs["homespot_confident_share"]
    )


def test_the_record_says_what_the_types_rest_on_and_what_the_fit_has_read(demo) -> None:
    sc, st, mapping = (data.copy() for data in demo)
    by_map = hs.deconvolve_spots(mapping, "cell_type").uns["homespot"]
    assert by_map["types_by"].startswith("the map alone")
    assert not any(name.startswith("fit_") for name in by_map)
    for adata in (sc, st):
        adata.layers["logs"] = adata.X.copy()
        adata.layers["logs"].data = np.log1p(adata.layers["logs"].data)
    record = joined(mapping, sc, st, sc_layer="logs").uns["homespot"]
    assert record["types_by"] == "the map and a fit of the spots on the expression of the types"
    assert record["fit_sc_layer"] == "logs"
    assert (record["fit_sc_scale"], record["fit_st_scale"]) == ("log", "counts")
    assert (
        record["fit_sc_scale_evidence"]
        == hs.map_cells(sc, st, sc_layer="logs").uns["homespot"]["sc_scale_evidence"]
    )
    assert "fit_st_layer" not in record
    # What the map was made from stays as it is.
    for name in ("sc_scale", "st_scale", "sc_scale_evidence"):
        assert record[name] == mapping.uns["homespot"][name]
    assert "sc_layer" not in record


def test_it_is_nearer_to_the_truth_than_the_map_where_the_cells_are_not_in_the_spots() -> None:
    cells, _ = hs.make_demo()
    cells.obsm["spatial"] = cells.obs[["true_x", "true_y"]].to_numpy()
    types = pd.get_dummies(cells.obs["cell_type"]).astype(np.float64)
    of_types = ad.AnnData(types, obsm={"spatial": cells.obsm["spatial"]})
    sc, st = hs.simulate_spots(cells, cells_per_spot=12, n_parts=3)
    truth = hs.simulate_spots(of_types, cells_per_spot=12, n_parts=3)[1].to_df()
    mapping = hs.map_cells(sc, st, progress=False)
    rmse = {
        name: hs.metrics.proportion_scores(truth, found.to_df())["rmse"].mean()
        for name, found in (
            ("map", hs.deconvolve_spots(mapping, "cell_type")),
            ("joined", joined(mapping, sc, st)),
        )
    }
    assert rmse["joined"] < 0.8 * rmse["map"]


def test_a_map_that_knows_nothing_gets_no_weight(demo) -> None:
    sc, st, mapping = demo
    wrong = mapping.copy()
    wrong.X = mapping.X[:, np.random.default_rng(0).permutation(mapping.n_vars)]
    found = joined(wrong, sc, st)
    assert found.uns["homespot"]["map_weight"] == 0
    np.testing.assert_array_equal(found.X, hs.fit_types(sc, st, "cell_type").X)


def test_the_data_is_found_by_name(demo) -> None:
    sc, st, mapping = demo
    part = hs.subset(mapping, cells=list(mapping.obs_names[::2]))
    turned = sc[np.random.default_rng(0).permutation(sc.n_obs)].copy()
    found, other = joined(part, sc, st), joined(part, turned, st[::-1].copy())
    np.testing.assert_array_equal(found.X, other.X)
    half = hs.fit_types(sc[part.obs_names].copy(), st, "cell_type")
    np.testing.assert_array_equal(found.uns["homespot"]["fit_genes"], half.uns["homespot"]["fit_genes"])


def test_a_spot_that_the_map_does_not_reach_has_the_fit(demo) -> None:
    sc, st, _ = demo
    few = hs.map_cells(sc, st, "correlation", k_best=1, gene_weights="equal")
    empty = np.asarray(few.X.sum(axis=0)).ravel() == 0
    assert empty.any()
    with pytest.warns(DataWarning, match=rf"{empty.sum()} spot\(s\) hold no cell"):
        hs.deconvolve_spots(few, "cell_type")
    found = joined(few, sc, st, level=0.5)
    np.testing.assert_array_equal(found.X[empty], hs.fit_types(sc, st, "cell_type").X[empty])
    assert np.isfinite(found.layers["lower"]).all()


def test_intervals_of_the_map_are_quantiles_over_draws_of_its_cells(demo) -> None:
    _, _, mapping = demo
    found = hs.deconvolve_spots(mapping, "cell_type", level=0.8)
    np.testing.assert_array_equal(found.X, hs.deconvolve_spots(mapping, "cell_type").X)
    types = pd.get_dummies(mapping.obs["cell_type"]).to_numpy(np.float64)
    squares = np.square(mapping.X.astype(np.float64))
    draws = []
    for counts in redrawn(mapping.n_obs, 100):
        mass = squares.T @ (types * counts[:, None])
        draws.append(mass / mass.sum(axis=1, keepdims=True))
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    np.testing.assert_allclose(found.layers["lower"], np.minimum(low, found.X), atol=1e-9)
    np.testing.assert_allclose(found.layers["upper"], np.maximum(high, found.X), atol=1e-9)
    assert found.uns["homespot"]["level"] == 0.8


def test_every_draw_takes_as_many_with_replacement() -> None:
    counts = redrawn(50, 200)
    assert counts.shape == (200, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert abs((counts == 0).mean() - (1 - 1 / 50) ** 50) < 0.02


def test_joined_intervals_hold_the_answer_and_do_not_depend_on_storage(demo, tmp_path: Any) -> None:
    sc, st, mapping = demo
    found = joined(mapping, sc, st, level=0.8)
    low, high = found.layers["lower"], found.layers["upper"]
    assert (low <= found.X).all()
    assert (low < high).any(axis=1).all()
    assert (high >= found.X).all()
    np.testing.assert_array_equal(found.X, joined(mapping, sc, st).X)
    hs.save(mapping, tmp_path / "map.h5ad")
    sc.write_h5ad(tmp_path / "sc.h5ad")
    backed = joined(
        hs.load(tmp_path / "map.h5ad", backed=True),
        ad.read_h5ad(tmp_path / "sc.h5ad", backed="r"),
        st,
        level=0.8,
    )
    for name in ("lower", "upper"):
        np.testing.assert_array_equal(backed.layers[name], found.layers[name])


def test_layers_that_were_mapped_are_read_again(demo) -> None:
    sc, st, _ = demo
    moved = []
    for data in (sc, st):
        other = data.copy()
        other.layers["counts"] = data.X.copy()
        other.X = np.zeros(data.shape, dtype=np.float32)
        moved.append(other)
    mapping = hs.map_cells(*moved, sc_layer="counts", st_layer="counts", progress=False)
    plain = joined(hs.map_cells(sc, st, progress=False), sc, st)
    np.testing.assert_array_equal(joined(mapping, *moved).X, plain.X)
    mapping = hs.map_cells(sc, st, progress=False)
    found = joined(mapping, *moved, sc_layer="counts", st_layer="counts")
    np.testing.assert_array_equal(found.X, plain.X)


def test_what_is_refused(demo) -> None:
    sc, st, mapping = demo
    for words, named in {
        r"both sc and st.*only sc\. Pass both": {"sc": sc},
        r"both sc and st.*only st\.": {"st": st},
        r"both sc and st.*only sc_layer\.": {"sc_layer": "counts"},
        "the single-cell data that was mapped.*without": {"sc": sc[:10].copy(), "st": st},
        "the spatial data that was mapped to.*without": {"sc": sc, "st": st[:10].copy()},
        "level to be a number from 0.05 to 0.99": {"level": 0},
    }.items():
        with pytest.raises(InputError, match=words):
            hs.deconvolve_spots(mapping, "cell_type", **named)
    with pytest.raises(InputError, match="cells of two types or more"):
        hs.deconvolve_spots(mapping, ["a"] * mapping.n_obs, sc=sc, st=st)
