"""Metrics against closed forms, SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import root_mean_squared_error

from homespot.evaluate.metrics import distances, gene_scores, kde_divergence

GENES = [f"g{i}" for i in range(20)]


def patterns(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.7, 2, (150, 20))


def test_distances_by_hand() -> None:
    assert distances(np.zeros((2, 2)), np.array([[3, 4], [0, 1]])) == {"euclidean": 3.0, "manhattan": 4.0}
    assert distances(np.zeros((1, 3)), np.array([[1, 2, 2]])) == {"euclidean": 3.0, "manhattan": 5.0}
    assert distances(np.ones((5, 2)), np.ones((5, 2))) == {"euclidean": 0.0, "manhattan": 0.0}


def test_pcc_is_scipys() -> None:
    true, found = patterns(0), patterns(1)
    expected = [stats.pearsonr(a, b).statistic for a, b in zip(true.T, found.T, strict=True)]
    scores = gene_scores(true, found, GENES)
    assert scores.index.tolist() == GENES
    np.testing.assert_allclose(scores["pcc"], expected, atol=1e-13)


def test_rmse_is_that_of_z_scores() -> None:
    true, found = patterns(0), patterns(1)
    z = [stats.zscore(x, axis=0) for x in (true, found)]
    expected = root_mean_squared_error(*z, multioutput="raw_values")
    np.testing.assert_allclose(gene_scores(true, found, GENES)["rmse"], expected, rtol=1e-12)
    pcc = gene_scores(true, found, GENES)["pcc"]
    np.testing.assert_allclose(expected, np.sqrt(2 * (1 - pcc)), rtol=1e-12)


def test_jsd_is_scipys_squared_distance() -> None:
    true, found = patterns(0), patterns(1)
    true[true < 0.5] = 0
    expected = jensenshannon(true, found, axis=0) ** 2
    np.testing.assert_allclose(gene_scores(true, found, GENES)["jsd"], expected, atol=1e-13)


def test_jsd_from_0_for_the_same_to_log_2_for_the_disjoint() -> None:
    a, b = np.array([[1.0], [3], [0], [0]]), np.array([[0.0], [0], [2], [5]])
    assert gene_scores(a, 7 * a, ["g"])["jsd"].item() == 0
    assert gene_scores(a, b, ["g"])["jsd"].item() == pytest.approx(np.log(2))


def test_ssim_is_the_product_of_its_three_factors() -> None:
    true, found = patterns(0), patterns(1)
    a, b = true / true.max(axis=0), found / found.max(axis=0)
    c1, c2 = 0.01**2, 0.03**2
    covariance = ((a - a.mean(0)) * (b - b.mean(0))).mean(0)
    luminance = (2 * a.mean(0) * b.mean(0) + c1) / (a.mean(0) ** 2 + b.mean(0) ** 2 + c1)
    contrast = (2 * a.std(0) * b.std(0) + c2) / (a.var(0) + b.var(0) + c2)
    structure = (covariance + c2 / 2) / (a.std(0) * b.std(0) + c2 / 2)
    np.testing.assert_allclose(
        gene_scores(true, found, GENES)["ssim"], luminance * contrast * structure, rtol=1e-12
    )


def test_a_perfect_prediction() -> None:
    scores = gene_scores(patterns(0), 3 * patterns(0), GENES)
    np.testing.assert_allclose(scores[["pcc", "ssim"]], 1, atol=1e-12)
    np.testing.assert_allclose(scores[["rmse", "jsd"]], 0, atol=1e-7)


@pytest.mark.parametrize("constant", [0.0, 0.1, 5.0])
def test_constant_and_zero_genes_have_scores(constant: float) -> None:
    true, flat = patterns(0)[:, :1], np.full((150, 1), constant)
    scores = gene_scores(true, flat, ["g"]).loc["g"]
    assert scores["pcc"] == 0
    assert scores["rmse"] == pytest.approx(1)
    assert scores["jsd"] == pytest.approx(jensenshannon(true[:, 0], np.ones(150)) ** 2)
    assert 0 <= scores["ssim"] < 0.1
    both = gene_scores(flat, flat, ["g"]).loc["g"]
    assert both.tolist() == pytest.approx([0, 1, 0, 0])


def test_negative_values_have_no_jsd() -> None:
    scores = gene_scores(patterns(0), patterns(1) - 0.5, GENES)
    assert scores["jsd"].isna().all()
    assert scores[["pcc", "rmse", "ssim"]].notna().all(axis=None)


def kl_by_hand(true: np.ndarray, found: np.ndarray, everyone: np.ndarray) -> float:
    low, high = everyone.min(axis=0), everyone.max(axis=0)
    x, y = np.meshgrid(np.linspace(low[0], high[0], 50), np.linspace(low[1], high[1], 50))
    p, q = (stats.gaussian_kde(xy.T)(np.vstack([x.ravel(), y.ravel()])) for xy in (true, found))
    return float(stats.entropy(p, q))


def test_kde_divergence_is_scipys() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 100)
    true, found = rng.normal(0, 10, (200, 2)), rng.normal(1, 12, (200, 2))
    everyone = np.vstack([true, found])
    scores = kde_divergence(true, found, labels)
    assert scores.index.tolist() == ["a", "b"]
    for kind in "ab":
        of = labels == kind
        assert scores[kind] == pytest.approx(kl_by_hand(true[of], found[of], everyone), rel=1e-9)
    assert kde_divergence(true, true, labels).tolist() == [0, 0]


def test_types_that_span_no_area_have_no_divergence() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["few", "line", "point", "fine"], [2, 10, 10, 10])
    true, found = rng.normal(size=(32, 2)), rng.normal(size=(32, 2))
    true[2:12, 1] = 3 * true[2:12, 0]
    found[12:22] = 1.0
    scores = kde_divergence(true, found, labels)
    assert scores.isna().to_dict() == {"few": True, "fine": False, "line": True, "point": True}
