"""Counts or log values: corrected counts, other logarithms, and what nothing speaks for."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot import datasets
from homespot.errors import DataWarning
from homespot.expression.scale import Sample, recognised
from homespot.expression.table import Expression

N, GENES = 150, 400


def counts(depth: float = 300, seed: int = 0) -> np.ndarray:
    """Counts of rows of three kinds, whose depths differ as those of cells do."""
    rng = np.random.default_rng(seed)
    profiles = rng.lognormal(0, 1, (3, GENES))
    profiles /= profiles.sum(axis=1, keepdims=True)
    depths = rng.lognormal(np.log(depth), 0.5, N)
    return rng.poisson(depths[:, None] * profiles[rng.integers(3, size=N)]).astype(np.float64)


def smoothed(x: np.ndarray, share: float = 0.1, seed: int = 1) -> np.ndarray:
    """Counts that have bled to others, as those of spots do: no value stays whole."""
    weights = np.random.default_rng(seed).gamma(0.3, 1, (len(x), len(x)))
    return (1 - share) * x + share * (weights / weights.sum(axis=1, keepdims=True)) @ x


def without_soup(x: np.ndarray) -> np.ndarray:
    """Counts less their share of the ambient profile, which differs from cell to cell."""
    share = np.random.default_rng(2).uniform(0.02, 0.15, (len(x), 1))
    return np.clip(x - share * x.sum(axis=1, keepdims=True) * (x.sum(axis=0) / x.sum()), 0, None)


def expected_counts(x: np.ndarray) -> np.ndarray:
    """Counts of which some are shared between two genes, as reads that map to both are."""
    rng = np.random.default_rng(3)
    part = np.where(rng.random(x.shape) < 0.1, rng.random(x.shape), 1)
    return x * part + np.roll(x * (1 - part), 1, axis=1)


def normalised(x: np.ndarray, target: float = 1e4) -> np.ndarray:
    return target * x / x.sum(axis=1, keepdims=True)


def table(x: np.ndarray, **options: object) -> Expression:
    names = [[f"{kind}{i}" for i in range(n)] for kind, n in zip("rg", x.shape, strict=True)]
    return Expression(x.astype(np.float32), *names, **options)  # type: ignore[arg-type]


def largest(x: np.ndarray, limit: float = 20) -> np.ndarray:
    assert x.max() < limit
    return x


@pytest.mark.parametrize("correct", [smoothed, without_soup, expected_counts])
def test_corrected_counts_are_counts_however_shallow(correct: Callable[[np.ndarray], np.ndarray]) -> None:
    deep, shallow = correct(counts(20_000)), largest(correct(counts(140)))
    assert deep.max() > 20
    for x in (deep, shallow):
        assert not np.array_equal(x, np.rint(x))
        found = table(x)
        assert (found.scale, found.assumed) == ("counts", False), found.evidence


def test_counts_scaled_by_noisy_factors_are_counts() -> None:
    rng = np.random.default_rng(4)
    x = counts(110) / rng.lognormal(0, 0.3, (N, 1)) * rng.lognormal(0, 0.1, (N, GENES))
    assert table(largest(x)).scale == "counts"


@pytest.mark.parametrize("target", [1e4, 1e6, 500.0])
@pytest.mark.parametrize("of", [counts, lambda: smoothed(counts())], ids=["counts", "corrected counts"])
def test_every_logarithm_of_normalised_counts_is_used_as_it_is(
    of: Callable[[], np.ndarray], target: float
) -> None:
    x = normalised(of(), target)
    for logarithm, words in (
        (np.log1p, "exp(x) - 1"),
        (lambda x: np.log2(1 + x), "2^x - 1"),
        (lambda x: np.log10(1 + x), "10^x - 1"),
        (np.sqrt, "x^2"),
    ):
        found = table(logarithm(x))
        assert (found.scale, found.assumed) == ("log", False), words
        assert words in found.evidence


def test_logarithms_of_a_panel_are_recognised_by_the_unit_of_a_row() -> None:
    """The sums of 30 of 400 genes differ from row to row; the unit of a row stays."""
    found = table(np.log1p(normalised(counts(3000)))[:, :30])
    assert found.scale == "log"
    assert found.evidence.startswith("exp(x) - 1 are multiples of one unit")


def test_logarithms_of_corrected_counts_of_a_panel() -> None:
    """There is no unit, and sums are not the same; still they are alike as those of counts never are."""
    found = table(np.log1p(normalised(smoothed(counts(3000))))[:, :200])
    assert (found.scale, found.assumed) == ("log", False)


def test_means_of_counts_over_many_cells_are_counts() -> None:
    rng = np.random.default_rng(5)
    x = np.stack([counts(40, seed=seed)[rng.choice(N, 37, replace=False)].mean(axis=0) for seed in range(60)])
    found = table(largest(x))
    assert (found.scale, found.assumed) == ("counts", False)


def test_normalised_corrected_counts_without_logarithm_are_counts() -> None:
    found = table(largest(normalised(smoothed(counts()), 100.0)))
    assert found.scale == "counts"
    assert "the sums of all rows are the same" in found.evidence


def test_intensities_without_zeros_are_used_as_they_are() -> None:
    x = np.random.default_rng(6).gamma(4, 0.06, (N, 60)) + 0.02
    found = table(x)
    assert (found.scale, found.assumed) == ("log", False)
    assert "hardly any of them 0" in found.evidence


@pytest.mark.parametrize("correct", [smoothed, without_soup, expected_counts])
@pytest.mark.parametrize("depth", [30, 140, 1000, 3000, 20_000])
@pytest.mark.parametrize("n_genes", [30, 400])
def test_square_roots_of_corrected_counts_are_never_taken_for_counts_without_a_word(
    correct: Callable[[np.ndarray], np.ndarray], depth: float, n_genes: int
) -> None:
    """Sums say nothing: the roots are of counts that were not normalised, of some genes or of all."""
    found = table(np.sqrt(correct(counts(depth)))[:, :n_genes])
    assert found.scale == "log" or found.assumed, found.evidence


@pytest.mark.parametrize("correct", [without_soup, expected_counts])
@pytest.mark.parametrize("n_genes", [30, 400])
def test_squares_near_whole_numbers_are_those_of_square_roots(
    correct: Callable[[np.ndarray], np.ndarray], n_genes: int
) -> None:
    x = correct(counts(140))[:, :n_genes]
    found = table(np.sqrt(x))
    assert (found.scale, found.assumed) == ("log", False)
    assert found.evidence.startswith("most squares of small values are near whole numbers: the square root")
    assert (table(x).scale, table(x).assumed) == ("counts", False)


def test_counts_that_may_be_square_roots_are_warned_of(pair) -> None:
    """Values up to 50 are no logarithms, but the roots of 2500; those up to 1000 are counts."""
    sc, st = pair
    st = st.copy()
    st.X = np.random.default_rng(9).gamma(1.5, 4, st.shape) + 0.3
    st.X[0, 0] = 50
    with pytest.warns(DataWarning) as caught:
        mapping = hs.map_cells(sc, st)
    assert [str(w.message) for w in caught] == [
        "The spatial data is taken as counts, but nothing in the values says so: not whole numbers, but "
        "values up to 50, too large for logarithms. Set st_scale='counts' if they are, or st_scale='log' to "
        "have them used as they are."
    ]
    assert mapping.uns["homespot"]["st_scale"] == "counts"
    assert hs.map_cells(sc, st, st_scale="counts").X.tobytes() == mapping.X.tobytes()
    st.X[0, 0] = 1000
    assert hs.map_cells(sc, st).uns["homespot"]["st_scale"] == "counts"


def test_few_rows_alike_by_chance_prove_nothing() -> None:
    rows = [np.array([1.0, 2.3, 0.7]), np.array([2.3, 1.0, 0.71])]
    found = recognised(Sample(rows, 3, 2.3, whole=False))
    assert (found.scale, found.certain) == ("log", False)


def test_values_rounded_to_two_digits_are_no_means_of_counts() -> None:
    rounded = np.round(np.random.default_rng(8).gamma(2, 1, (N, 60)), 2)
    assert table(largest(rounded)).scale == "log"


def test_logarithms_in_half_precision_are_no_means_of_counts() -> None:
    shallow = counts(12)
    x = np.log1p(normalised(shallow[shallow.sum(axis=1) > 0]))
    assert table(x.astype(np.float16)).scale == "log"


def test_rows_without_positive_values_prove_nothing() -> None:
    assert not recognised(Sample([np.array([])], 5, 1.5, whole=False)).certain


def uncertain(pair: tuple[ad.AnnData, ad.AnnData]) -> ad.AnnData:
    """The spots with values that could be anything: not whole, small, and many of them 0."""
    st = pair[1].copy()
    rng = np.random.default_rng(7)
    st.X = np.where(rng.random(st.shape) < 0.4, 0, rng.gamma(1, 1, st.shape)).astype(np.float32)
    return st


def test_where_nothing_speaks_for_either_a_warning_names_the_argument(pair) -> None:
    st = uncertain(pair)
    with pytest.warns(DataWarning) as caught:
        mapping = hs.map_cells(pair[0], st, gene_weights="equal")
    (said,) = [str(w.message) for w in caught]
    assert said.startswith(
        "The spatial data is taken as log values, but nothing in the values says so: not whole numbers, and "
        "no value above "
    )
    assert "Set st_scale='log' if they are, or st_scale='counts' to have them normalised." in said
    assert mapping.uns["homespot"]["st_scale"] == "log"


@pytest.mark.parametrize("scale", ["counts", "log"])
def test_a_stated_scale_is_not_looked_at(pair, scale: str) -> None:
    record = hs.map_cells(pair[0], uncertain(pair), st_scale=scale).uns["homespot"]  # type: ignore[arg-type]
    assert (record["st_scale"], record["st_scale_evidence"]) == (scale, "as stated")


def test_the_cells_of_an_imputation_name_its_own_argument(pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    sc = sc.copy()
    sc.layers["odd"] = uncertain((sc, sc)).X
    with pytest.warns(DataWarning, match="Set scale='log' if they are, or scale='counts'"):
        hs.impute_genes(mapping, sc, layer="odd")


def test_a_layer_is_looked_at_like_x(pair) -> None:
    sc, st = pair
    sc = sc.copy()
    sc.layers["corrected"] = smoothed(sc.X.toarray())
    assert hs.map_cells(sc, st, sc_layer="corrected").uns["homespot"]["sc_scale"] == "counts"


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_of_the_real_data_every_scale_is_known() -> None:
    for name in datasets.names():
        for side, adata in datasets.load(name).items():
            found = Expression(adata.X, adata.obs_names.to_numpy(), adata.var_names.to_numpy(), side)
            assert not found.assumed, name
            assert found.scale == ("log" if (name, side) == ("drosophila", "st") else "counts"), name
            x = pd.DataFrame(adata.X.toarray() if hasattr(adata.X, "toarray") else adata.X).to_numpy(float)
            x = x[x.sum(axis=1) > 0]
            found = table(np.log1p(normalised(x)))
            assert (found.scale, found.assumed) == ("log", False), name
