"""impute_genes against the written-out product, in memory and on disk."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError

Pair = tuple[ad.AnnData, ad.AnnData]


def log_normalised(sc: ad.AnnData) -> np.ndarray:
    counts = np.asarray(sc.X.todense() if sparse.issparse(sc.X) else sc.X, dtype=np.float64)
    return np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))


def odds(log_values: np.ndarray) -> np.ndarray:
    """The odds of a molecule's being of a gene with this log value."""
    share = np.expm1(log_values) / 1e4
    return share / (1 - share)


@pytest.mark.parametrize("k_best", [None, 5])
@pytest.mark.parametrize("stored", ["csr", "dense"])
def test_it_is_the_product(make_pair: Callable[..., Pair], stored: str, k_best: int | None) -> None:
    sc, st = make_pair(stored=stored)
    mapping = hs.map_cells(sc, st, k_best=k_best)
    p = mapping.to_df().to_numpy(dtype=np.float64)
    total = p.T @ log_normalised(sc)
    found = hs.impute_genes(mapping, sc, read_out="sum", block_size=7)
    assert found.var_names.equals(sc.var_names)
    assert found.obs_names.equals(mapping.var_names)
    np.testing.assert_array_equal(found.obsm["spatial"], mapping.varm["spatial"])
    np.testing.assert_allclose(found.X, total, rtol=1e-5, atol=1e-6)
    mass, there = p.sum(axis=0), p.sum(axis=0) > 0
    wanted = {"mean": total[there] / mass[there, None]}
    genes = mapping.uns["homespot"]["genes"]
    cells, spots = (
        pd.DataFrame(log_normalised(side), columns=side.var_names)[genes].mean(axis=1).to_numpy()
        for side in (sc, st)
    )
    shrunk, of_genes = (
        0.8 * (p.T @ x)[there] / mass[there, None] + 0.2 * x.mean(axis=0)
        for x in (log_normalised(sc), cells[:, None])
    )
    factor = odds(spots[there, None]) / odds(of_genes)
    wanted["scaled"] = np.log1p(1e4 / (1 + 1 / (factor * odds(shrunk))))
    for read_out, expected in wanted.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = hs.impute_genes(mapping, sc, read_out=read_out)
        said = [str(w.message) for w in caught if w.category is DataWarning]
        assert [text.split(" ", 1)[0] for text in said] == [str((~there).sum())] * (not there.all())
        assert np.isnan(found.X[~there]).all()
        np.testing.assert_allclose(found.X[there], expected, rtol=1e-5, atol=1e-6)
        assert found.uns["homespot"]["read_out"] == read_out
        assert found.var["homespot_mapped"].tolist() == found.var_names.isin(genes).tolist()


SCALE = "log(1 + 10,000 x / total)"


@pytest.mark.parametrize(
    ("read_out", "cells", "spots", "scale"),
    [
        ("scaled", "counts", "counts", SCALE),
        ("scaled", "log", "counts", SCALE),
        ("scaled", "counts", "log", "log values as given"),
        ("mean", "counts", "log", f"mean of {SCALE}"),
        ("mean", "log", "counts", "mean of log values as given"),
        ("sum", "counts", "counts", f"sum of {SCALE}"),
    ],
)
def test_the_record_states_the_scale(pair: Pair, read_out, cells: str, spots: str, scale: str) -> None:
    sc, st = pair
    of_cells, of_spots = (
        data if kind == "counts" else ad.AnnData(log_normalised(data), data.obs, data.var, obsm=data.obsm)
        for data, kind in ((sc, cells), (st, spots))
    )
    mapping = hs.map_cells(of_cells, of_spots, sc_scale=cells, st_scale=spots)
    found = hs.impute_genes(mapping, of_cells, read_out=read_out)
    assert found.uns["homespot"]["imputed_scale"] == scale
    alike = hs.impute_genes(hs.map_cells(sc, st), sc, read_out=read_out)
    if read_out != "scaled" or spots == "counts":
        np.testing.assert_allclose(found.X, alike.X, rtol=1e-3)


@pytest.mark.parametrize("cells", ["counts", "log"])
def test_no_value_leaves_the_scale_of_counts(cells: str) -> None:
    # One gene is nearly all of a cell. Of the genes that the map is made from, the spots hold much more than
    # the cells, so that every value grows.
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.2, (30, 12)).astype(float) + np.eye(30, 12)
    counts[:, 0] = 5000
    x = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    table = counts if cells == "counts" else 3 * x  # log values of another total are above log(10,001)
    sc = ad.AnnData(table, var=pd.DataFrame(index=[f"g{i}" for i in range(12)]))
    st = ad.AnnData(rng.poisson(30, (9, 11)).astype(float), var=pd.DataFrame(index=sc.var_names[1:]))
    with warnings.catch_warnings(action="ignore"):
        mapping = hs.map_cells(sc, st, sc_scale=cells, st_scale="counts")
    found = hs.impute_genes(mapping, sc)
    assert np.isfinite(found.X).all()
    assert 9 < found.X.max() <= np.float32(np.log(10_001))


def test_a_gene_like_the_mean_of_the_others_is_the_mean_that_the_atlas_measured(pair: Pair) -> None:
    sc, st = pair
    for method in ("ssa", "come", "correlation"):
        settings = {"epochs": 2, "pretrain_epochs": 2, "hidden": 8, "latent": 4} if method == "come" else {}
        mapping = hs.map_cells(sc, st, method, n_genes=20, **settings)
        genes = list(mapping.uns["homespot"]["genes"])
        x = pd.DataFrame(log_normalised(sc), sc.obs_names, sc.var_names)
        x["mean"] = x[genes].mean(axis=1)
        found = hs.impute_genes(mapping, ad.AnnData(x), ["mean"], scale="log")
        measured = pd.DataFrame(log_normalised(st), st.obs_names, st.var_names)
        measured = measured.loc[mapping.var_names, genes].mean(axis=1)
        np.testing.assert_allclose(found.X[:, 0], measured, rtol=1e-5)
        np.testing.assert_allclose(mapping.var["homespot_expression"], measured, rtol=1e-6)


def test_a_map_from_elsewhere_is_read_as_a_mean(pair: Pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    known = hs.impute_genes(mapping, sc)
    assert known.uns["homespot"]["read_out"] == "scaled"
    del mapping.var["homespot_expression"]
    found = hs.impute_genes(mapping, sc)
    assert found.uns["homespot"]["read_out"] == "mean"
    np.testing.assert_array_equal(found.X, hs.impute_genes(mapping, sc, read_out="mean").X)
    assert not np.allclose(found.X, known.X)
    with pytest.raises(InputError, match=r"knows its expression .* Use read_out='mean'\."):
        hs.impute_genes(mapping, sc, read_out="scaled")


def test_blocks_and_storage_change_no_byte(
    make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    (sc, st), (dense, _) = make_pair(stored="csr"), make_pair(stored="dense")
    mapping = hs.map_cells(sc, st)
    whole = hs.impute_genes(mapping, sc).X
    np.testing.assert_array_equal(whole, hs.impute_genes(mapping, sc, block_size=1).X)
    np.testing.assert_array_equal(whole, hs.impute_genes(mapping, dense, block_size=9).X)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    np.testing.assert_array_equal(whole, hs.impute_genes(mapping, sc, block_size=4).X)


def test_cells_are_found_by_name_in_any_order(pair: Pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    order = np.random.default_rng(0).permutation(sc.n_obs)
    found = hs.impute_genes(mapping, sc[order], ["g8", "g9"])
    assert found.var_names.tolist() == ["g8", "g9"]
    np.testing.assert_array_equal(found.X, hs.impute_genes(mapping, sc, ["g8", "g9"]).X)
    some_cells = hs.subset(mapping, cells=list(mapping.obs_names[5:20]))
    p = some_cells.X.astype(np.float64)
    at = sc.obs_names.get_indexer(some_cells.obs_names)
    expected = p.T @ log_normalised(sc)[at] / p.sum(axis=0)[:, None]
    np.testing.assert_allclose(
        hs.impute_genes(some_cells, sc, read_out="mean").X, expected, rtol=1e-5, atol=1e-6
    )


def test_the_file_holds_the_same(pair: Pair, tmp_path: Path) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    in_memory = hs.impute_genes(mapping, sc)
    path = tmp_path / "imputed.h5ad"
    backed = hs.impute_genes(mapping, sc, output=path, block_size=8)
    assert backed.isbacked
    backed.file.close()
    read = ad.read_h5ad(path)
    np.testing.assert_array_equal(read.X, in_memory.X)
    pd.testing.assert_frame_equal(read.obs, in_memory.obs, check_dtype=False, check_categorical=False)
    assert read.var_names.equals(in_memory.var_names)
    assert read.uns["homespot"]["read_out"] == "scaled"
    np.testing.assert_array_equal(read.obsm["spatial"], in_memory.obsm["spatial"])
    assert [p.name for p in tmp_path.iterdir()] == ["imputed.h5ad"]


FULL = """
import resource, signal, sys
import homespot as hs
from homespot.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sc, st = hs.make_demo()
mapping = hs.map_cells(sc, st, progress=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    hs.impute_genes(mapping, sc, output=sys.argv[1])
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX's")
def test_nothing_is_left_where_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "imputed.h5ad"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert f"where {str(path)!r} is to be written, found File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_scores_go_to_the_genes_that_have_some(pair: Pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    scores = pd.DataFrame(
        {
            "gene": ["g9", "g8"],
            "method": ["ssa", "ssa"],
            "pcc": [0.5, 0.25],
            "ssim": [0.1, 0.2],
            "rmse": [1, 2],
            "jsd": [0.3, 0.4],
        }
    )
    var = hs.impute_genes(mapping, sc, ["g8", "g9", "g10"], scores=scores).var
    assert var["homespot_pcc"].tolist()[:2] == [0.25, 0.5]
    assert var["homespot_jsd"].tolist()[:2] == [0.4, 0.3]
    assert var.loc["g10", ["homespot_pcc", "homespot_rmse"]].isna().all()
    for wrong in (["high", "low"], [0.5 + 1j, 0.25], pd.to_datetime(["2020-01-01"] * 2)):
        with pytest.raises(InputError, match="numbers as pcc, found"):
            hs.impute_genes(mapping, sc, ["g8"], scores=scores.assign(pcc=wrong))


@pytest.mark.parametrize("stored", ["csr", "dense"])
def test_a_cell_without_expression_brings_none(make_pair: Callable[..., Pair], stored: str) -> None:
    sc, st = make_pair(stored=stored)
    mapping = hs.map_cells(sc, st)
    silent = sc.copy()
    silent.X = (sc.X.toarray() if sparse.issparse(sc.X) else sc.X.copy()) * (np.arange(sc.n_obs) > 0)[:, None]
    if stored == "csr":
        silent.X = sparse.csr_matrix(silent.X)
    rest = hs.subset(mapping, cells=list(mapping.obs_names[1:]))
    np.testing.assert_allclose(
        hs.impute_genes(mapping, silent, read_out="sum").X,
        hs.impute_genes(rest, sc, read_out="sum").X,
        rtol=1e-5,
        atol=1e-6,
    )


def test_counts_can_be_taken_as_they_are(pair: Pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    found = hs.impute_genes(mapping, sc, scale="log", read_out="sum")
    np.testing.assert_allclose(found.X, mapping.X.astype(np.float64).T @ sc.X.toarray(), rtol=1e-5)


def test_what_does_not_fit_is_refused(pair: Pair, tmp_path: Path) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    cases = [
        ({"genes": ["g1", "nowhere"]}, r"each once, found 1 that are not there \('nowhere'\)"),
        ({"genes": []}, r"each once, found none"),
        ({"genes": ["g1", "g1"]}, r"'g1' more than once"),
        ({"genes": "g1"}, r"a list of names, found 'g1'\. Pass \['g1'\]"),
        (
            {"read_out": "median"},
            r"read_out to be one of 'scaled', 'mean', 'sum', 'corrected', found 'median'",
        ),
        ({"block_size": 0}, r"block_size to be a whole number of at least 1, found 0"),
        ({"output": tmp_path / "x.csv"}, r"a path that ends in \.h5ad"),
        ({"layer": "lost"}, r"a layer 'lost' in sc"),
        ({"scores": pd.DataFrame({"gene": ["g1"]})}, r"scores as a table with the columns gene, pcc"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            hs.impute_genes(mapping, sc, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"data without 35 of its cells \('c5', 'c6', 'c7', \.\.\.\)"):
        hs.impute_genes(mapping, sc[:5])
    assert list(tmp_path.iterdir()) == []


def test_corrected_genes_are_the_written_out_regression(make_pair: Callable[..., Pair]) -> None:
    sc, st = make_pair()
    mapping = hs.map_cells(sc, st)
    scaled = hs.impute_genes(mapping, sc).to_df().astype(np.float64)
    found = hs.impute_genes(mapping, sc, st=st, block_size=7)
    record = found.uns["homespot"]
    assert record["read_out"] == "corrected"
    assert record["imputed_scale"] == "log(1 + 10,000 x / total)"
    genes = sorted(mapping.uns["homespot"]["genes"])
    x = pd.DataFrame(log_normalised(sc), columns=sc.var_names)
    measured = pd.DataFrame(log_normalised(st), st.obs_names, st.var_names).loc[mapping.var_names, genes]
    z = (x - x.mean()) / x.std(ddof=0).replace(0, np.inf)
    residuals = measured - scaled[genes]
    residuals = (residuals - residuals.mean()) / x[genes].std(ddof=0)
    gram = z[genes].T @ z[genes] / len(z) + np.eye(len(genes))
    slopes = np.linalg.solve(gram, z[genes].T @ z / len(z)) * x.std(ddof=0).to_numpy()
    wanted = scaled + record["correction"] * residuals.to_numpy() @ slopes
    np.testing.assert_allclose(found.X, wanted.clip(0, np.log(10_001)), rtol=1e-4, atol=1e-4)


def test_a_correction_of_strength_0_leaves_the_bytes(
    make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homespot.mapping.carried.STRENGTHS", (0.0,))
    sc, st = make_pair()
    mapping = hs.map_cells(sc, st)
    found = hs.impute_genes(mapping, sc, st=st)
    assert found.uns["homespot"]["correction"] == 0
    np.testing.assert_array_equal(found.X, hs.impute_genes(mapping, sc).X)


@pytest.mark.parametrize("read_out", ["scaled", "mean", "sum"])
def test_the_spatial_data_is_for_corrected_genes_only(make_pair: Callable[..., Pair], read_out: str) -> None:
    sc, st = make_pair()
    mapping = hs.map_cells(sc, st)
    with pytest.raises(InputError, match="Leave st out"):
        hs.impute_genes(mapping, sc, read_out=read_out, st=st)
    with pytest.raises(InputError, match="Pass the spatial data"):
        hs.impute_genes(mapping, sc, read_out="corrected")
