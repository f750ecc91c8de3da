"""fit_types against a model with known proportions and factors, and against scipy's least squares."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import nnls

import homespot as hs
from homespot.errors import DataWarning, InputError

TYPES = [f"t{i}" for i in range(6)]


def model(spread: float, seed: int = 0) -> tuple[ad.AnnData, ad.AnnData, pd.DataFrame, pd.Series]:
    """Counts of RCTD's model: cells, spots, true proportions and platform factors 10^N(0, spread^2)."""
    rng = np.random.default_rng(seed)
    means = rng.gamma(0.5, 1, (6, 200)) * np.exp(rng.normal(0, 1, 200))
    means /= means.sum(axis=1, keepdims=True)
    types = np.repeat(np.arange(6), 60)
    genes = [f"g{i}" for i in range(200)]
    sc = ad.AnnData(
        sparse.csr_matrix(rng.poisson(means[types] * 1000).astype(np.float64)),
        pd.DataFrame({"type": np.array(TYPES)[types]}, [f"c{i}" for i in range(360)]),
        pd.DataFrame(index=genes),
    )
    shares, factors = rng.dirichlet(np.full(6, 0.5), 120), 10 ** rng.normal(0, spread, 200)
    st = ad.AnnData(
        sparse.csr_matrix(rng.poisson(5000 * shares @ means * factors).astype(np.float64)),
        pd.DataFrame({"region": "a"}, [f"s{i}" for i in range(120)]),
        pd.DataFrame(index=genes),
        obsm={"spatial": rng.random((120, 2))},
    )
    return sc, st, pd.DataFrame(shares, st.obs_names, TYPES), pd.Series(factors, genes)


@pytest.mark.parametrize(
    ("spread", "most", "of_factors"), [(0, 0.01, 0.01), (0.2, 0.03, 0.08), (0.53, 0.06, 0.12)]
)
def test_proportions_and_platform_factors_of_the_model_are_recovered(
    spread: float, most: float, of_factors: float
) -> None:
    for seed in (0, 1):
        sc, st, truth, factors = model(spread, seed)
        found = hs.fit_types(sc, st, "type")
        assert np.abs(found.to_df() - truth).to_numpy().mean() < most
        record = found.uns["homespot"]
        away = np.log10(record["platform_factors"]) - np.log10(factors[record["fit_genes"]])
        assert np.sqrt(np.square(away - away.mean()).mean()) < of_factors


def test_without_factors_proportions_would_be_far_off() -> None:
    sc, st, truth, _ = model(0.53)
    means = pd.DataFrame(sc.X.toarray(), columns=sc.var_names).groupby(sc.obs["type"].to_numpy()).mean()
    plain = np.array([nnls(means.to_numpy().T, spot)[0] for spot in st.X.toarray()])
    plain /= plain.sum(axis=1, keepdims=True)
    found = hs.fit_types(sc, st, "type").to_df()
    assert np.abs(found - truth).to_numpy().mean() < 0.5 * np.abs(plain - truth.to_numpy()).mean()


def linear(x: Any) -> np.ndarray:
    dense = x.toarray()
    return 1e4 * dense / dense.sum(axis=1, keepdims=True)


def test_the_fit_is_the_least_squares_that_the_documentation_writes() -> None:
    sc, st, _, _ = model(0.2)
    found = hs.fit_types(sc, st, "type")
    record = found.uns["homespot"]
    genes = sc.var_names.get_indexer(record["fit_genes"])
    x, y = linear(sc.X)[:, genes], linear(st.X)[:, genes]
    codes = pd.Categorical(sc.obs["type"], TYPES).codes
    means = np.stack([x[codes == k].mean(axis=0) for k in range(6)])
    noise = np.square(x - means[codes]).mean(axis=0) / x.mean(axis=0)
    noise = np.maximum(noise, 0.1 * np.median(noise))
    factor = record["platform_factors"]
    sizes = np.sqrt([np.asarray(sc.X[codes == k].sum(axis=1)).mean() for k in range(6)])
    overall = (np.bincount(codes) / len(codes)) @ means
    for spot, shares in zip(y, found.X, strict=True):
        over = 1 / np.sqrt(factor * noise * factor * overall)
        first = nnls((means * factor * over).T, spot * over)[0]
        mixed = first @ (means * factor) / first.sum()
        over = 1 / np.sqrt(factor * noise * (0.9 * mixed + 0.1 * factor * overall))
        weights = nnls((means * factor * over).T, spot * over)[0] / sizes
        np.testing.assert_allclose(shares, weights / weights.sum(), atol=1e-4)


def test_only_genes_that_tell_the_types_apart_are_fitted() -> None:
    sc, st, _, _ = model(0)
    rng = np.random.default_rng(0)
    noise = [f"noise{i}" for i in range(300)]
    with_noise = []
    for data in (sc, st):
        more = sparse.csr_matrix(rng.poisson(2, (data.n_obs, 300)).astype(np.float64))
        both = sparse.csr_matrix(sparse.hstack([data.X, more]))
        with_noise.append(ad.AnnData(both, data.obs, pd.DataFrame(index=[*data.var_names, *noise])))
    used = set(hs.fit_types(*with_noise, "type").uns["homespot"]["fit_genes"])
    assert len(used & set(noise)) < 40  # F is above 2 by chance in 8 % at 5 and 354 degrees of freedom
    assert len(used & set(sc.var_names)) > 150


def test_a_reference_of_means() -> None:
    sc, st, truth, _ = model(0)
    table = pd.DataFrame(sc.X.toarray(), columns=sc.var_names).groupby(sc.obs["type"].to_numpy()).mean()
    found = hs.fit_types(table, st)
    assert np.abs(found.to_df() - truth).to_numpy().mean() < 0.015
    assert list(found.var.columns) == []
    assert len(found.uns["homespot"]["fit_genes"]) == 200
    as_object = hs.fit_types(ad.AnnData(table), st)
    np.testing.assert_array_equal(found.X, as_object.X)


def test_the_result_has_what_that_of_a_map_has() -> None:
    sc, st, _, _ = model(0)
    before = sc.X.copy(), st.X.copy()
    found = hs.fit_types(sc, st, "type")
    assert found.var_names.tolist() == TYPES
    assert found.var["n_cells"].tolist() == [60] * 6
    assert found.obs_names.equals(st.obs_names)
    assert found.obs["region"].tolist() == st.obs["region"].tolist()
    np.testing.assert_allclose(found.X.sum(axis=1), 1)
    np.testing.assert_array_equal(found.obsm["spatial"], st.obsm["spatial"])
    assert found.obs["homespot_type"].tolist() == found.to_df().idxmax(axis=1).tolist()
    np.testing.assert_array_equal(found.obs["homespot_type_prob"], found.X.max(axis=1))
    np.testing.assert_array_equal(sc.X.toarray(), before[0].toarray())
    np.testing.assert_array_equal(st.X.toarray(), before[1].toarray())


@pytest.mark.parametrize("stored", ["dense", "backed", "log"])
def test_storage_changes_no_byte(stored: str, tmp_path: Any) -> None:
    sc, st, _, _ = model(0.2)
    plain = hs.fit_types(sc, st, "type", level=0.5)
    if stored == "backed":
        sc.write_h5ad(tmp_path / "sc.h5ad")
        st.write_h5ad(tmp_path / "st.h5ad")
        sc, st = (ad.read_h5ad(tmp_path / f"{name}.h5ad", backed="r") for name in ("sc", "st"))
    else:
        sc.X, st.X = sc.X.toarray(), st.X.toarray()
    scales: dict[str, Any] = {}
    if stored == "log":
        sc.X, st.X = (np.log1p(1e4 * x / x.sum(axis=1, keepdims=True)) for x in (sc.X, st.X))
        scales = {"sc_scale": "log", "st_scale": "log"}
    found = hs.fit_types(sc, st, "type", level=0.5, **scales)
    if stored == "log":  # the totals of the cells, which are alike here, are not known
        np.testing.assert_allclose(found.X, plain.X, atol=0.01)
        return
    for one, other in ((found.X, plain.X), *((found.layers[k], plain.layers[k]) for k in ("lower", "upper"))):
        np.testing.assert_array_equal(one, other)


def test_threads_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    sc, st, _, _ = model(0.2)
    st = ad.concat([st] * 20, index_unique="-")  # enough for several threads
    found = []
    for n in (1, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(n))
        found.append(hs.fit_types(sc, st, "type").X)
    np.testing.assert_array_equal(*found)


def test_the_order_of_spots_types_and_genes_changes_nothing() -> None:
    sc, st, _, _ = model(0.2)
    plain = hs.fit_types(sc, st, "type")
    rng = np.random.default_rng(1)
    turned = hs.fit_types(
        sc[rng.permutation(sc.n_obs)].copy(), st[rng.permutation(120), rng.permutation(200)].copy(), "type"
    )
    np.testing.assert_allclose(turned[st.obs_names].X, plain.X, atol=1e-4)
    renamed = sc.obs["type"].map(lambda name: f"{9 - int(name[1])}")
    other = hs.fit_types(sc, st, renamed)
    np.testing.assert_allclose(other.X, plain.X[:, ::-1], atol=1e-4)


def test_intervals_hold_what_is_found_and_narrow_with_the_number_of_cells() -> None:
    sc, st, truth, _ = model(0)
    few = np.concatenate([np.flatnonzero(sc.obs["type"] == name)[:6] for name in TYPES])
    width = {}
    for name, cells in (("many", sc), ("few", sc[few].copy())):
        found = hs.fit_types(cells, st, "type", level=0.8)
        low, high = found.layers["lower"], found.layers["upper"]
        assert (low <= found.X).all()
        assert (high >= found.X).all()
        assert (low >= 0).all()
        assert (high <= 1).all()
        width[name] = (high - low).mean()
        assert found.uns["homespot"]["level"] == 0.8
        if name == "many":
            assert ((low <= truth) & (truth <= high)).to_numpy().mean() > 0.7
            wider = hs.fit_types(cells, st, "type", level=0.95)
            assert (wider.layers["lower"] <= low).all()
            assert (high <= wider.layers["upper"]).all()
    assert width["many"] < width["few"]


def test_a_spot_without_any_of_the_genes_has_no_proportions() -> None:
    sc, st, _, _ = model(0)
    x = st.X.toarray()
    x[3] = 0
    st.X = x
    with pytest.warns(DataWarning, match=r"1 spot\(s\) have no expression of the genes .*'s3'"):
        found = hs.fit_types(sc, st, "type", level=0.5)
    assert np.isnan(found.X[3]).all()
    assert np.isnan(found.layers["lower"][3]).all()
    assert np.isfinite(np.delete(found.X, 3, axis=0)).all()
    assert found.obs["homespot_type"].isna().sum() == 1


def test_cells_without_expression_are_left_out_and_counted() -> None:
    sc, st, _, _ = model(0)
    plain = hs.fit_types(sc[1:].copy(), st, "type")
    x = sc.X.toarray()
    x[0] = 0
    sc.X = x
    with pytest.warns(DataWarning, match=r"Dropped 1 cell\(s\) without any expression"):
        found = hs.fit_types(sc, st, "type")
    assert found.var["n_cells"].tolist() == [59, 60, 60, 60, 60, 60]
    np.testing.assert_allclose(found.X, plain.X, atol=1e-6)


def test_spots_off_the_tissue_are_left_out() -> None:
    sc, st, _, _ = model(0)
    st.obs["in_tissue"] = [0] * 20 + [1] * 100
    with pytest.warns(DataWarning, match="Left out 20 of 120 spots"):
        found = hs.fit_types(sc, st, "type")
    assert found.obs_names.tolist() == st.obs_names[20:].tolist()
    np.testing.assert_array_equal(found.obsm["spatial"], st.obsm["spatial"][20:])


def test_what_is_refused() -> None:
    sc, st, _, _ = model(0)
    one_each = sc[:5].copy()
    one_each.obs["type"] = list("abcde")
    means = pd.DataFrame(np.ones((2, 200)), ["a", "b"], sc.var_names)
    for words, call in {
        "cells of two types or more.*only 't0'": lambda: hs.fit_types(sc[:60].copy(), st, "type"),
        "a type of two cells or more.*without labels": lambda: hs.fit_types(one_each, st, "type"),
        "labels of single cells for intervals": lambda: hs.fit_types(means, st, level=0.9),
        "level to be a number from 0.05 to 0.99": lambda: hs.fit_types(sc, st, "type", level=1),
        "numbers in the table of types x genes": lambda: hs.fit_types(means.astype(str) + "x", st),
        "some expression of every type.*'b'": lambda: hs.fit_types(means.mul([1, 0], axis=0), st),
        "a column 'no' with the labels of the reference's cells": lambda: hs.fit_types(sc, st, "no"),
        "at least 2 shared genes": lambda: hs.fit_types(means.add_prefix("x"), st),
        "means of two types or more.*found 1. Pass those of all types": lambda: hs.fit_types(means[:1], st),
        "at least 2 cells in the single-cell data, found 1. Pass data with more": lambda: hs.fit_types(
            sc[:1].copy(), st, "type"
        ),
        "at least 2 spots in the spatial data, found 1. Pass data with more": lambda: hs.fit_types(
            sc, st[:1].copy(), "type"
        ),
        "labels of the reference's cells.*Pass the labels of the reference": lambda: hs.fit_types(
            sc, st, sc.obs["type"].iloc[1:]
        ),
        "an AnnData as reference": lambda: hs.fit_types(sc.X, st, "type"),
    }.items():
        with pytest.raises(InputError, match=words):
            call()


def test_cells_without_labels_and_spots_without_expression_are_refused(refused: Any) -> None:
    sc, st, _, _ = model(0)
    cells = ad.concat([sc] * (501 // sc.n_obs + 1), index_unique="-", keys=range(501 // sc.n_obs + 1))
    with refused("means types labels | rows | labels cells"):
        hs.fit_types(cells, st)
    nothing = st.copy()
    nothing.X = 0 * nothing.X
    with refused("spots expression | none | layer"):
        hs.fit_types(sc, nothing, "type")


def test_the_record_says_what_was_read() -> None:
    sc, st, _, _ = model(0.2)
    plain = hs.fit_types(sc, st, "type").uns["homespot"]
    assert not {"sc_layer", "st_layer", "sc_gene_column", "st_gene_column"} & set(plain)
    sc.layers["counts"], st.var["symbol"] = sc.X.copy(), st.var_names
    record = hs.fit_types(sc, st, "type", sc_layer="counts", st_gene_column="symbol").uns["homespot"]
    assert (record["sc_layer"], record["st_gene_column"]) == ("counts", "symbol")
    assert not {"st_layer", "sc_gene_column"} & set(record)


def test_a_result_is_no_map(refused: Any, tmp_path: Any) -> None:
    sc, st, _, _ = model(0)
    fitted = hs.fit_types(sc, st, "type")
    with refused("mapping record | result fit_types 120 6 | map_cells load write_h5ad"):
        hs.deconvolve_spots(fitted, "type")
    with refused("mapping record | result fit_types 120 6 | map_cells load write_h5ad"):
        hs.save(fitted, tmp_path / "types.h5ad")
    mapping = hs.map_cells(sc, st, progress=False)
    with refused("mapping record | result deconvolve_spots 120 6 | map_cells load write_h5ad"):
        hs.save(hs.deconvolve_spots(mapping, "type"), tmp_path / "types.h5ad")
    with refused("mapping record | result impute_genes 120 200 | map_cells load write_h5ad"):
        hs.add_mapping(st, hs.impute_genes(mapping, sc))
