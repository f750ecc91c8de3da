"""simulate_spots(platform=): the counts of another technology, against the law that they are drawn from."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from homespot import simulate_spots

N, GENES = 600, 1500
HALF = {"cells_per_spot": 4.0, "n_parts": 2}


@pytest.fixture(scope="module")
def tissue() -> ad.AnnData:
    """Cells with so many molecules of every gene that factors can be read from the counts."""
    rng = np.random.default_rng(0)
    return ad.AnnData(
        X=sparse.csr_matrix(rng.poisson(200.0, (N, GENES)).astype(np.float32)),
        obs=pd.DataFrame(index=[f"c{i}" for i in range(N)]),
        var=pd.DataFrame({"id": np.arange(GENES)}, index=[f"g{i}" for i in range(GENES)]),
        obsm={"spatial": rng.uniform(0, 100, (N, 2))},
    )


def test_the_shift_changes_the_counts_of_the_cells_alone(tissue) -> None:
    before = tissue.X.copy()
    sc, st = simulate_spots(tissue, **HALF)
    other, spots = simulate_spots(tissue, platform="log-normal", **HALF)
    pd.testing.assert_frame_equal(other.obs, sc.obs)
    np.testing.assert_array_equal(spots.X.toarray(), st.X.toarray())
    assert (before != tissue.X).nnz == 0
    assert "true_factor" not in sc.var
    assert list(other.var["id"]) == list(sc.var["id"])
    assert other.X.dtype == sc.X.dtype


@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool"])
def test_whole_numbers_of_a_narrow_type_are_not_wrapped(dtype) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2 if dtype == "bool" else 127, (200, 30))
    spatial = rng.uniform(0, 10, (200, 2))
    settings = {"platform": "log-normal", "platform_sd": 1.0, "depth": 1.0, **HALF}
    made = [
        simulate_spots(ad.AnnData(x.astype(kind), obsm={"spatial": spatial}), **settings)[0]
        for kind in (dtype, "float64")
    ]
    np.testing.assert_array_equal(made[0].X, made[1].X)
    assert made[1].X.max() > x.max()


def test_nothing_is_shifted_by_nothing(tissue) -> None:
    sc, _ = simulate_spots(tissue, **HALF)
    same, _ = simulate_spots(tissue, platform="laplace", platform_sd=0, depth=1, **HALF)
    np.testing.assert_array_equal(same.X.toarray(), sc.X.toarray())
    np.testing.assert_array_equal(same.var["true_factor"], 1)


@pytest.mark.parametrize(("law", "kurtosis"), [("log-normal", 0.0), ("laplace", 3.0)])
def test_factors_follow_their_law(tissue, law, kurtosis) -> None:
    """The standard deviation of 1,500 draws is known to 2 to 3 %, their mean over all molecules exactly."""
    sc, _ = simulate_spots(tissue, platform=law, platform_sd=0.4, **HALF)
    factor = sc.var["true_factor"].to_numpy()
    exponent = np.log10(factor)
    assert exponent.std() == pytest.approx(0.4, rel=0.08)
    assert stats.kurtosis(exponent) == pytest.approx(kurtosis, abs=1.0)
    molecules = np.asarray(simulate_spots(tissue, **HALF)[0].X.sum(axis=0)).ravel()
    assert factor @ molecules / molecules.sum() == pytest.approx(1)


@pytest.mark.parametrize("depth", [0.1, 1.0])
def test_counts_have_the_mean_and_variance_of_their_factor(tissue, depth) -> None:
    """Given n molecules, the count has mean a n and the variance of the binomial part alone."""
    plain, _ = simulate_spots(tissue, **HALF)
    sc, _ = simulate_spots(tissue, platform="log-normal", platform_sd=0.3, depth=depth, **HALF)
    n, seen = plain.X.toarray().astype(float), sc.X.toarray().astype(float)
    a = depth * sc.var["true_factor"].to_numpy()
    part = a - np.floor(a)
    assert (a > 1).any() == (depth == 1)
    variance = n * part * (1 - part)
    z = (seen - a * n).sum() / np.sqrt(variance.sum())
    assert abs(z) < 4
    assert np.square(seen - a * n).sum() == pytest.approx(variance.sum(), rel=0.02)
    assert seen.sum() / n.sum() == pytest.approx(depth, rel=0.01)
    assert np.array_equal(seen, np.rint(seen))


def test_dropout_loses_its_share_of_the_counts(tissue) -> None:
    settings = {"platform": "log-normal", "platform_sd": 0.1, "depth": 0.5, **HALF}
    kept = simulate_spots(tissue, **settings)[0].X.toarray()
    sc = simulate_spots(tissue, dropout=0.3, **settings)[0].X.toarray()
    lost = (sc == 0) & (kept > 0)
    assert lost.sum() / (kept > 0).sum() == pytest.approx(0.3, abs=0.005)
    np.testing.assert_array_equal(sc[~lost], kept[~lost])


def test_dense_and_sparse_counts_are_shifted_alike_and_by_the_seed(tissue) -> None:
    part = tissue[:, :50].copy()
    dense = ad.AnnData(part.X.toarray(), part.obs, part.var, obsm=dict(part.obsm))
    settings = {"platform": "log-normal", "dropout": 0.1, **HALF}
    sc, again, of_dense = (simulate_spots(cells, **settings)[0] for cells in (part, part, dense))
    assert isinstance(of_dense.X, np.ndarray)
    np.testing.assert_array_equal(of_dense.X, sc.X.toarray())
    np.testing.assert_array_equal(again.X.toarray(), sc.X.toarray())
    other = simulate_spots(part, seed=1, **settings)[0]
    assert not np.array_equal(other.var["true_factor"], sc.var["true_factor"])
