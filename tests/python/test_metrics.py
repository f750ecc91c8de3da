"""Metrics against closed forms, SciPy and scikit-learn."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import root_mean_squared_error

from homespot.errors import InputError
from homespot.evaluate import metrics
from homespot.evaluate.metrics import (
    accuracy_score,
    distances,
    gene_scores,
    kde_divergence,
    proportion_scores,
)

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


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_storage_and_blocks_do_not_matter(stored, dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    true, found = (np.round(patterns(seed)).astype(dtype) for seed in (0, 1))
    expected = gene_scores(true.astype(np.float64), found.astype(np.float64), GENES)
    monkeypatch.setattr(metrics, "_BLOCK_VALUES", 1)
    monkeypatch.setattr(metrics, "_BLOCK_LEAST", 3)
    for a, b in ((stored(true), found), (true, stored(found)), (stored(true), stored(found))):
        pd.testing.assert_frame_equal(gene_scores(a, b, GENES), expected, check_exact=True)
    as_fortran = gene_scores(np.asfortranarray(true), np.asfortranarray(found), GENES)
    pd.testing.assert_frame_equal(as_fortran, expected, check_exact=True)


def test_whole_numbers_are_numbers() -> None:
    true, found = (np.round(patterns(seed)).astype(int) for seed in (0, 1))
    floats = gene_scores(true.astype(float), found.astype(float), GENES)
    pd.testing.assert_frame_equal(gene_scores(true, found, GENES), floats)


def test_nothing_is_changed_in_place() -> None:
    true, found = patterns(0), patterns(1)
    before = true.copy(), found.copy()
    gene_scores(true, found, GENES)
    proportion_scores(true / 100, found / 100)
    np.testing.assert_array_equal(true, before[0])
    np.testing.assert_array_equal(found, before[1])


@pytest.mark.parametrize(
    ("true", "found", "genes", "words"),
    [
        (np.ones((3, 2)), np.ones((2, 3)), ["a", "b"], "two tables shape empty | 3 2 |"),
        (np.ones((3, 0)), np.ones((3, 0)), [], "two tables shape empty | 3 0 |"),
        (np.ones(3), np.ones(3), ["a"], "two tables shape empty | 3 |"),
        (np.ones((3, 2)), np.ones((3, 2)), ["a"], "2 gene names | 1 'a' |"),
        (np.ones((3, 2)), np.ones((3, 2)), "ab", "genes list | 'ab' |"),
        (np.ones((3, 1)), np.full((3, 1), np.nan), ["a"], "finite expression | |"),
        (sparse.csr_matrix([[np.inf], [1]]), np.ones((2, 1)), ["a"], "finite expression | |"),
        (np.array([["x"], ["y"]]), np.ones((2, 1)), ["a"], "numbers expression | |"),
        (np.array([[1j], [1]]), np.ones((2, 1)), ["a"], "numbers expression | complex128 |"),
        (np.ma.masked_equal([[1.0], [2.0]], 1), np.ones((2, 1)), ["a"], "numbers genes | 1 masked | Fill"),
    ],
)
def test_bad_expression_is_refused(true, found, genes, words: str, refused) -> None:
    with refused(words):
        gene_scores(true, found, genes)


def proportions(seed: int, n: int = 30) -> pd.DataFrame:
    values = np.random.default_rng(seed).dirichlet(np.full(5, 0.5), n)
    return pd.DataFrame(values, index=[f"s{i}" for i in range(n)], columns=list("abcde"))


@pytest.mark.parametrize(("by", "axis"), [("spot", 1), ("type", 0)])
def test_proportion_scores_are_scipys(by, axis: int) -> None:
    true, found = proportions(0), proportions(1)
    scores = proportion_scores(true, found, by=by)
    assert scores.index.tolist() == (true.index if by == "spot" else true.columns).tolist()
    a, b = (x.to_numpy() if axis == 1 else x.to_numpy().T for x in (true, found))
    np.testing.assert_allclose(
        scores["pcc"], [stats.pearsonr(x, y).statistic for x, y in zip(a, b, strict=True)], atol=1e-12
    )
    np.testing.assert_allclose(scores["rmse"], root_mean_squared_error(a.T, b.T, multioutput="raw_values"))
    np.testing.assert_allclose(scores["jsd"], jensenshannon(a, b, axis=1) ** 2, atol=1e-12)
    assert scores["ssim"].tolist() == gene_scores(a.T, b.T, list(scores.index))["ssim"].tolist()


def test_proportions_are_matched_by_name() -> None:
    true, found = proportions(0), proportions(1)
    expected = proportion_scores(true, found)
    shuffled = found.sample(frac=1, random_state=0)[list("edcba")]
    pd.testing.assert_frame_equal(proportion_scores(true, shuffled), expected)
    pd.testing.assert_frame_equal(proportion_scores(ad.AnnData(true), ad.AnnData(shuffled)), expected)
    arrays = proportion_scores(true.to_numpy(), found.to_numpy())
    np.testing.assert_array_equal(arrays, expected)


def test_proportions_with_defined_answers() -> None:
    true, found = proportions(0), proportions(1)
    true.iloc[0], found.iloc[0] = 0.0, 0.0  # a spot without cells in both
    true.iloc[1], found.iloc[1] = 0.2, [1, 0, 0, 0, 0]  # all types alike, against one
    scores = proportion_scores(true, found)
    assert scores.iloc[0].tolist() == [0, 1, 0, 0]
    assert scores["pcc"].iloc[1] == 0
    assert scores["rmse"].iloc[1] == pytest.approx(np.sqrt((0.8**2 + 4 * 0.2**2) / 5))
    assert scores.notna().all(axis=None)


@pytest.mark.parametrize(
    ("true", "found", "options", "words"),
    [
        (proportions(0), proportions(1)[list("abcd")], {}, "types both tables | 'e' |"),
        (proportions(0), proportions(1, 29), {}, "spots both tables | 's29' |"),
        (proportions(0), pd.concat([proportions(1)] * 2), {}, "spots | twice |"),
        (proportions(0).to_numpy(), proportions(1, 20), {}, "tables shape | |"),
        (proportions(0) * 10, proportions(1), {}, "true proportions 0 1 | |"),
        (proportions(0), -proportions(1), {}, "found proportions 0 1 | |"),
        (proportions(0), proportions(1) * np.nan, {}, "finite proportions | |"),
        (proportions(0).iloc[:0], proportions(1).iloc[:0], {}, "empty | |"),
        (proportions(0) + 1j, proportions(1), {}, "true numbers | complex128 |"),
        (
            proportions(0).to_numpy(),
            np.ma.masked_less(np.eye(30, 5), 1),
            {},
            "found numbers | masked |",
        ),
        (proportions(0), proportions(1), {"by": "gene"}, "by 'spot' 'type' | 'gene' |"),
    ],
)
def test_bad_proportions_are_refused(true, found, options, words: str, refused) -> None:
    with refused(words):
        proportion_scores(true, found, **options)


def scored(pcc: list[float], ssim: list[float], rmse: list[float], jsd: list[float]) -> pd.DataFrame:
    genes = pd.Index([f"g{i}" for i in range(len(pcc))], name="gene")
    return pd.DataFrame({"pcc": pcc, "ssim": ssim, "rmse": rmse, "jsd": jsd}, index=genes)


def test_accuracy_score_by_hand() -> None:
    table = accuracy_score(
        {
            "good": scored([0.9, 0.7], [0.8, 0.8], [0.2, 0.2], [0.1, 0.3]),
            "fair": scored([0.5, 0.5], [0.8, 0.8], [0.5, 0.5], [0.0, 0.1]),
            "poor": scored([0.1, 0.1], [0.1, 0.1], [0.9, 0.9], [0.5, 0.5]),
        }
    )
    assert table.index.tolist() == ["good", "fair", "poor"]
    assert table["rank_pcc"].tolist() == [3, 2, 1]
    assert table["rank_ssim"].tolist() == [2.5, 2.5, 1]
    assert table["rank_rmse"].tolist() == [3, 2, 1]
    assert table["rank_jsd"].tolist() == [2, 3, 1]
    assert table["accuracy"].tolist() == pytest.approx([10.5 / 12, 9.5 / 12, 4 / 12])
    assert table["pcc"].tolist() == pytest.approx([0.8, 0.5, 0.1])


def test_accuracy_score_of_a_tidy_table_in_any_order_of_genes() -> None:
    tables = {name: scored(*np.random.default_rng(i).random((4, 6))) for i, name in enumerate("xyz")}
    tidy = pd.concat([table.reset_index().assign(method=name) for name, table in tables.items()])
    shuffled = {name: table.sample(frac=1, random_state=1) for name, table in tables.items()}
    pd.testing.assert_frame_equal(accuracy_score(tidy), accuracy_score(tables))
    pd.testing.assert_frame_equal(accuracy_score(shuffled), accuracy_score(tables))


def test_missing_scores_rank_last() -> None:
    nan = np.nan
    table = accuracy_score(
        {
            "none": scored([0.9, 0.9], [0.9, 0.9], [0.1, 0.1], [nan, nan]),
            "some": scored([0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [nan, 0.4]),
            "all": scored([0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.0, 0.5]),
        }
    )
    assert table["jsd"].tolist() == pytest.approx([nan, 0.4, 0.5], nan_ok=True)
    assert table["rank_jsd"].tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"one": scored([1.0], [1.0], [0.0], [0.0])}, "scores of 2 methods or more"),
        ({}, "scores of 2 methods or more"),
        (pd.DataFrame({"gene": ["a"], "pcc": [1.0]}), "columns method, gene, .* without 'method', 'ssim'"),
        ({"a": pd.DataFrame({"pcc": [1]}), "b": 3}, "a table of gene_scores"),
        (
            {"a": scored([1.0], [1.0], [0.0], [0.0]), "b": scored([1.0, 1], [1.0, 1], [0.0, 0], [0.0, 0])},
            "the same genes for all methods, found others for 'b' \\('g1'\\)",
        ),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(scores, message: str) -> None:
    with pytest.raises(InputError, match=message):
        accuracy_score(scores)


def test_tables_in_another_order_are_refused() -> None:
    true = pd.DataFrame(patterns(0), columns=GENES)
    turned = true[GENES[::-1]]
    with pytest.raises(InputError, match=r"the same columns of both in the same order, found 'g0', 'g1'"):
        gene_scores(true, turned, GENES)
    with pytest.raises(InputError, match="the same rows of both in the same order"):
        gene_scores(true, true[::-1], GENES)
    assert (gene_scores(true, true, GENES)["pcc"] > 0.999).all()
