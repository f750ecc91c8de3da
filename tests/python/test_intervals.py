"""Intervals of imputed genes: quantiles by hand, and how many values of unseen genes they hold."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot.errors import InputError
from homespot.evaluate.kept import read_scores
from homespot.mapping.intervals import Intervals, kept_residuals

Pair = tuple[ad.AnnData, ad.AnnData]


@pytest.fixture(scope="module")
def demo() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData, pd.DataFrame]:
    sc, st = hs.make_demo()
    scores = hs.cross_validate(sc, st, folds=3, progress=False)
    return sc, st, hs.map_cells(sc, st, progress=False), scores


def text(pairs: list[tuple[float, float]]) -> str:
    return " ".join(f"{level}:{residual}" for level, residual in pairs)


def test_residuals_are_kept_at_evenly_spaced_ranks() -> None:
    rng = np.random.default_rng(0)
    predicted, measured = rng.uniform(0, 5, (2, 200, 3))
    for gene, kept in enumerate(kept_residuals(predicted, measured)):
        pairs = np.array([pair.split(":") for pair in kept.split()], dtype=float)
        order = np.argsort(predicted[:, gene])[np.arange(5, 200, 10)]
        np.testing.assert_allclose(pairs[:, 0], predicted[order, gene], rtol=1e-3)
        np.testing.assert_allclose(pairs[:, 1], (measured - predicted)[order, gene], rtol=1e-3)
    few = kept_residuals(predicted[:7], measured[:7])
    assert [len(kept.split()) for kept in few] == [7] * 3


def test_half_the_width_is_the_quantile_of_a_stratum() -> None:
    # 20 genes, each with one residual in every fifth of the levels: n is 20 there, and the quantile that
    # at 0.8 * 1.05 = 0.84, the 17th of 20.
    residuals = np.arange(1.0, 21) * np.where(np.arange(20) % 2, 1, -1)
    found = Intervals.of_residuals(
        [text([(level, (level + 1) * residual) for level in range(5)]) for residual in residuals],
        range(20),
        0.8,
    )
    np.testing.assert_array_equal(found.half, 17 * np.arange(1.0, 6))
    values = np.array([[0, 1.5], [2, 9]], dtype=np.float32)
    lower, upper = found.applied(values, 50.0)
    np.testing.assert_array_equal(upper, [[17, 35.5], [50, 50]])
    np.testing.assert_array_equal(lower, 0)
    assert upper.dtype == lower.dtype == np.float32


def test_genes_of_one_level_are_one_stratum() -> None:
    found = Intervals.of_residuals([text([(1, k), (1, -k)]) for k in range(1, 11)], range(10), 0.5)
    assert found.edges.size == 0
    # n is 10: the quantile at 0.55 of 1, 1, 2, 2, ..., 10, 10 is the 12th.
    np.testing.assert_array_equal(found.half, [6])


def test_the_ends_are_about_the_values_and_on_their_scale(demo, tmp_path: Path) -> None:
    sc, _, mapping, scores = demo
    found = hs.impute_genes(mapping, sc, scores=scores, level=0.9)
    used = found.uns["homespot"]["intervals"]
    half = used["half"][np.digitize(found.X, used["edges"])].astype(np.float32)
    np.testing.assert_array_equal(found.layers["lower"], np.maximum(found.X - half, 0))
    np.testing.assert_array_equal(
        found.layers["upper"], np.minimum(found.X + half, np.float32(np.log(10_001)))
    )
    assert used["level"] == 0.9
    plain = hs.impute_genes(mapping, sc, scores=scores)
    np.testing.assert_array_equal(plain.X, found.X)
    assert list(plain.layers) == []
    narrow = hs.impute_genes(mapping, sc, scores=scores, level=0.5)
    assert (narrow.layers["upper"] <= found.layers["upper"]).all()
    # In a file, and from scores that went through one.
    hs.cross_validate(*demo[:2], folds=3, progress=False, output=tmp_path / "scores.csv")
    again = read_scores(tmp_path / "scores.csv")
    stored = hs.impute_genes(
        mapping, sc, scores=again, level=0.9, output=tmp_path / "imputed.h5ad", block_size=7
    )
    stored.file.close()
    read = ad.read_h5ad(tmp_path / "imputed.h5ad")
    for layer in ("lower", "upper"):
        np.testing.assert_array_equal(read.layers[layer], found.layers[layer])
    np.testing.assert_array_equal(read.X, found.X)


def test_values_of_genes_that_had_no_part_lie_within_as_often_as_is_said(demo) -> None:
    sc, st, _, _ = demo
    shared = [gene for gene in st.var_names if gene in set(sc.var_names)]
    away = shared[::3]
    kept = st[:, [gene for gene in st.var_names if gene not in set(away)]].copy()
    scores = hs.cross_validate(sc, kept, folds=3, progress=False)
    mapping = hs.map_cells(sc, kept, progress=False)
    # As of an atlas that never had these genes: over the totals of the others.
    counts = st.to_df().loc[mapping.var_names]
    measured = np.log1p(1e4 * counts[away].div(counts[kept.var_names].sum(axis=1), axis=0)).to_numpy()
    for level in (0.8, 0.9):
        found = hs.impute_genes(mapping, sc, away, scores=scores, level=level)
        inside = (measured >= found.layers["lower"]) & (measured <= found.layers["upper"])
        assert inside.mean() == pytest.approx(level, abs=0.04)


def test_scores_that_give_no_intervals_are_refused(demo, refused) -> None:
    sc, _, mapping, scores = demo

    def impute(**named: object) -> ad.AnnData:
        return hs.impute_genes(mapping, sc, **{"scores": scores, "level": 0.9, **named})

    with refused("read_out='scaled' intervals | no scores | cross_validate()"):
        impute(scores=None)
    with refused("read_out='scaled' intervals | scores without residuals | cross_validate()"):
        impute(scores=scores.drop(columns="residuals"))
    with refused("read_out='mean' intervals | those of 'scaled' | cross_validate()"):
        impute(read_out="mean")
    with refused("residuals of at least 9 genes level 0.9 | 8 | lower level"):
        impute(scores=scores.iloc[:8])
    for wrong in ("1:2 3", "a:b", "1:nan", ""):
        with refused("residuals as pairs predicted:residual | something else | cross_validate()"):
            impute(scores=scores.assign(residuals=wrong))
    for level in (0, 1, "0.9", True):
        with refused("level to be a number from 0.05 to 0.99 | | number"):
            impute(level=level)


def test_genes_without_scores_have_intervals(demo) -> None:
    sc, _, mapping, scores = demo
    new = [gene for gene in sc.var_names if gene not in set(scores["gene"])]
    found = hs.impute_genes(mapping, sc, new, scores=scores, level=0.9)
    assert (found.layers["lower"] <= found.X).all()
    assert (found.layers["upper"] > found.X).all()
    with pytest.raises(InputError, match="scores of genes that are imputed"):
        hs.impute_genes(mapping, sc, new, scores=scores)


def test_a_gene_held_out_twice_is_one_gene(demo) -> None:
    sc, _, mapping, scores = demo
    once, twice = (
        hs.impute_genes(mapping, sc, scores=table, level=0.9).uns["homespot"]["intervals"]
        for table in (scores, pd.concat([scores, scores]))
    )
    np.testing.assert_array_equal(once["half"], twice["half"])
    np.testing.assert_allclose(once["edges"], twice["edges"], rtol=1e-12)
    few = pd.concat([scores[:5]] * 20)
    with pytest.raises(
        InputError, match=r"at least 9 genes for intervals of the level 0\.9, found those of 5"
    ):
        hs.impute_genes(mapping, sc, scores=few, level=0.9)


def test_scores_are_of_this_map_and_this_read_out(demo) -> None:
    sc, st, mapping, scores = demo
    elsewhere = scores.assign(gene=[f"other {i}" for i in range(len(scores))])
    with pytest.raises(InputError, match="that are imputed, or that the map was made from, found those of"):
        hs.impute_genes(mapping, sc, scores=elsewhere, level=0.9)
    mean = hs.cross_validate(sc, st, read_out="mean", folds=3, progress=False)
    assert not np.allclose(mean["rmse"], scores["rmse"])
    for read_out, own in (("scaled", scores), ("mean", mean)):
        found = hs.impute_genes(mapping, sc, read_out=read_out, scores=pd.concat([scores, mean]))
        known = own.set_index("gene")["rmse"]
        np.testing.assert_allclose(found.var.loc[known.index, "homespot_rmse"], known, rtol=1e-12)
