"""Scores of the DREAM challenge: by hand, and on the challenge's own data and submissions."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef

import homespot as hs
from homespot.errors import InputError
from homespot.evaluate.dream import Reference, best_spots, distmap, dream_scores, reference


def small(n_cells: int = 30, n_spots: int = 40, n_genes: int = 12, seed: int = 0) -> Reference:
    rng = np.random.default_rng(seed)
    atlas = rng.random((n_spots, n_genes)) < rng.uniform(0.2, 0.8, n_genes)
    home = rng.integers(n_spots, size=n_cells)
    values = (
        rng.gamma(2, 1, (n_cells, n_genes)) * (0.2 + atlas[home]) * (rng.random((n_cells, n_genes)) < 0.9)
    )
    return reference(
        values,
        atlas,
        rng.uniform(0, 10, (n_spots, 2)),
        cells=[f"c{i}" for i in range(n_cells)],
        spots=[f"s{i}" for i in range(n_spots)],
        genes=[f"g{i}" for i in range(n_genes)],
    )


def by_hand() -> Reference:
    """Four spots in a line, four genes, three cells; the third is ambiguous."""
    return Reference(
        cells=np.array(["a", "b", "c"]),
        spots=np.array(["s0", "s1", "s2", "s3"]),
        genes=np.array(["g0", "g1", "g2", "g3"]),
        binarised=np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], dtype=bool),
        atlas=np.array([[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 1, 0]], dtype=bool),
        coordinates=np.array([[0.0, 0], [1, 0], [2, 0], [3, 0]]),
        best=np.array([[0, 1], [2, 1], [3, 0]]),
        ambiguous=np.array([False, False, True]),
        quantile=0.2,
    )


def test_scores_by_hand() -> None:
    truth = by_hand()
    # d = 0.5, 0.5, 1.5; d' = (1 + 3) / 2, (0 + 1) / 2, 0.5: p = 0.25, 1, 3
    predicted = np.array([[1, 3], [2, 3], [3, 2]])
    scores = dream_scores(predicted, truth)
    # MCC(A[0], A[1]) = 0 (one of two on in both), MCC(A[2], A[2]) = 1
    assert scores["s1"] == pytest.approx((0.25 * 0 + 1 * 1) / (0.25 + 1 + 3))
    assert scores["s2"] == pytest.approx((0.25 + 1) / 2)
    # true: spots 0 and 2 against cells a and b, all genes agree: w = 1; first predicted: spots 1 and 2
    # g0: (1, 0) against (1, 0): 1; g1: (0, 0): 0; g2: (0, 1): 1; g3: (1, 1): 0
    assert scores["s3"] == pytest.approx((1 + 0 + 1 + 0) / 4)


def test_genes_restrict_s1_and_s3() -> None:
    predicted = np.array([[1, 3], [2, 3], [3, 2]])
    scores = dream_scores(predicted, by_hand(), genes=["g2", "g0"])
    assert scores["s1"] == pytest.approx((0.25 * 1 + 1 * 1) / 4.25)
    assert scores["s2"] == pytest.approx(1.25 / 2)
    assert scores["s3"] == pytest.approx(1)


def test_the_reference_itself_has_full_precision() -> None:
    truth = replace(small(), ambiguous=np.zeros(30, dtype=bool))
    scores = dream_scores(truth.best, truth)
    assert scores["s1"] == pytest.approx(1)
    assert scores["s2"] == pytest.approx(1)
    assert scores["s3"] == pytest.approx(
        np.square(weights := _weights(truth)).sum() / weights.sum(), rel=1e-12
    )


def _weights(truth: Reference) -> np.ndarray:
    at = truth.atlas[truth.best[:, 0]]
    return np.array([matthews_corrcoef(a, b) for a, b in zip(at.T, truth.binarised.T, strict=True)])


def test_distmap_ranks_spots_by_matthews_correlation() -> None:
    truth = small()
    for cell in range(10):
        scores = np.array([matthews_corrcoef(spot, truth.binarised[cell]) for spot in truth.atlas])
        np.testing.assert_allclose(scores[truth.best[cell]], np.sort(scores)[::-1][:10], atol=1e-12)
        top = np.sort(scores)[::-1]
        assert truth.ambiguous[cell] == bool(np.isclose(top[0], top[1]))


def test_distmap_binarises_at_the_quantile_closest_to_the_atlas() -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(2, 1, (200, 5)) * (rng.random((200, 5)) < 0.8)
    values[:, 4] = 0  # nowhere expressed
    names = {"cells": [f"c{i}" for i in range(200)], "spots": ["x", "y", "z"], "genes": list("abcde")}
    atlas, where = np.array([[1, 0, 1, 0, 1], [0, 1, 1, 0, 0], [1, 1, 0, 1, 0]]), np.eye(3, 2)
    truth = reference(values, atlas, where, **names, quantiles=(0.4,), n_best=2)
    for gene in range(4):
        column = values[:, gene]
        threshold = np.quantile(column[column > 0], 0.4)
        np.testing.assert_array_equal(truth.binarised[:, gene], column >= threshold)
    assert not truth.binarised[:, 4].any()
    wanted = np.nan_to_num(np.corrcoef(atlas.T))
    found = {}
    with np.errstate(invalid="ignore"):
        for quantile in (0.1, 0.5, 0.9):
            binary = reference(values, atlas, where, **names, quantiles=(quantile,), n_best=2).binarised
            found[quantile] = np.square(np.nan_to_num(np.corrcoef(binary.T)) - wanted).sum()
    chosen = reference(values, atlas, where, **names, quantiles=(0.1, 0.5, 0.9), n_best=2).quantile
    assert chosen == min(found, key=found.__getitem__)


def test_cells_and_spots_by_name_in_any_order() -> None:
    truth = small()
    rng = np.random.default_rng(1)
    spots = np.array([rng.permutation(40)[:10] for _ in range(30)])
    frame = pd.DataFrame(truth.spots[spots], index=truth.cells)
    expected = dream_scores(spots, truth)
    assert dream_scores(frame, truth) == expected
    shuffled = dream_scores(frame.sample(frac=1, random_state=0), truth)
    assert shuffled == pytest.approx(expected, rel=1e-12)
    positions = pd.DataFrame(spots, index=truth.cells)
    assert dream_scores(positions, truth) == expected
    part = dream_scores(frame.iloc[:12], truth)
    assert part["s2"] != expected["s2"]


def test_from_a_map_to_its_scores(make_pair) -> None:
    sc, st = make_pair()
    atlas = ad.AnnData(
        (st.X.toarray() > np.median(st.X.toarray(), axis=0)).astype(int), st.obs, st.var, obsm=dict(st.obsm)
    )
    truth = distmap(sc, atlas)
    assert (truth.best.shape, truth.coordinates.shape) == ((40, 10), (25, 2))
    mapping = hs.map_cells(sc, st, progress=False)
    found = best_spots(mapping)
    assert found.shape == (40, 10)
    first = mapping.var_names[np.asarray(mapping.X).argmax(axis=1)]
    assert found[1].tolist() == first.tolist()
    scores = dream_scores(found, truth)
    random = dream_scores(np.array([np.random.default_rng(i).permutation(25)[:10] for i in range(40)]), truth)
    assert all(scores[name] > random[name] for name in scores)
    sparse_map = hs.map_cells(sc, st, k_best=12, progress=False)
    assert dream_scores(best_spots(sparse_map), truth) == scores


@pytest.mark.parametrize(
    ("predicted", "genes", "message"),
    [
        (np.zeros((3, 2), dtype=int), None, "3 cell\\(s\\) with one location twice"),
        (np.zeros((2, 2), dtype=int), None, "all 3 cells of the reference, found 2 rows"),
        (np.zeros(3, dtype=int), None, "locations of cells x k"),
        (np.zeros((0, 2), dtype=int), None, "locations of cells x k"),
        (np.array([[0, 4]] * 3), None, "names of the 4 spots .* found '4'"),
        (np.array([[0, -1]] * 3), None, "names of the 4 spots .* found '-1'"),
        (np.array([["s0", "s9"]] * 3), None, "names of the 4 spots .* found 's9'"),
        (np.array([[0.5, 1]] * 3), None, "names of the 4 spots"),
        (pd.DataFrame([["s0", "s1"]], index=["x"]), None, "named by cells of the reference.* found 'x'"),
        (pd.DataFrame([["s0", "s1"]] * 2, index=["a", "a"]), None, "found some twice"),
        (pd.DataFrame([["s0", "s1"]], index=["c"]), None, "best reference spot is one only, found 1 cell"),
        (np.array([[0], [1], [2]]), None, "not all at the true place"),
        (np.array([[0, 1]] * 3), ["g0", "x"], "names of genes of the reference.* found 'x'"),
        (np.array([[0, 1]] * 3), ["g0", "g0"], "found some twice"),
        (np.array([[0, 1]] * 3), [], "found none"),
        (np.array([[0, 1]] * 3), "g0", "genes to be a list of names"),
    ],
)
def test_bad_predictions_are_refused(predicted, genes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dream_scores(predicted, by_hand(), genes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"atlas": np.full((3, 2), 0.5)}, "an atlas of 0 and 1, found values such as 0.5"),
        ({"atlas": np.ones((3, 3))}, "an atlas of 3 spots, x 2 genes"),
        ({"values": np.ones((2, 3))}, "values of 2 cells and"),
        ({"coordinates": np.ones((2, 2))}, "coordinates of 3 spots"),
        ({"coordinates": None}, "found no coordinates"),
        ({"quantiles": ()}, "at least one quantile"),
        ({"quantiles": (1.5,)}, "quantiles to be a number from 0 to 1"),
        ({"n_best": 4}, "n_best to be a number from 2 to 3"),
    ],
)
def test_bad_references_are_refused(change, message: str) -> None:
    good = {
        "values": np.ones((2, 2)),
        "atlas": np.ones((3, 2)),
        "coordinates": np.ones((3, 2)),
        "cells": ["a", "b"],
        "spots": ["x", "y", "z"],
        "genes": ["g", "h"],
        "n_best": 2,
    }
    with pytest.raises(InputError, match=message):
        reference(**{**good, **change})


def test_an_atlas_without_coordinates_is_refused(pair) -> None:
    sc, st = pair
    with pytest.raises(InputError, match="coordinates of the spots"):
        distmap(sc, ad.AnnData((st.X.toarray() > 3).astype(int), st.obs, st.var))


def submission(path: Path, truth: Reference) -> tuple[list[str], pd.DataFrame]:
    """Read a submission: genes in the lines without a number, then a line a cell; numbers from 1."""
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    genes = [gene for line in lines if not line[0] for gene in line[1:]]
    numbers = np.array([line for line in lines if line[0]], dtype=int) - 1
    return genes, pd.DataFrame(numbers[:, 1:], index=truth.cells[numbers[:, 0]])


@pytest.mark.slow
def test_submissions_of_the_challenge_have_their_scores(real_data: Path) -> None:
    folder = real_data / "drosophila"
    atlas = ad.AnnData(
        pd.read_csv(folder / "st_binarized.csv.gz", na_filter=False).rename(index=str),
        obsm={"spatial": pd.read_csv(folder / "st_coordinates.csv.gz").to_numpy()},
    )
    truth = distmap(hs.datasets.load("drosophila")["sc"], atlas)
    assert truth.quantile == 0.23
    assert (truth.best.shape, len(truth.genes)) == ((1297, 10), 84)

    def scores(name: str) -> list[float]:
        genes, locations = submission(folder / "dream" / name, truth)
        return list(dream_scores(locations, truth, genes).values())

    assert scores("hung_nguyen_final_60.csv") == pytest.approx([0.776, 3.064, 0.618], abs=0.001)
    assert scores("whatateam_final_60.csv") == pytest.approx([0.700, 1.533, 0.627], abs=0.001)
    folds = [scores(f"thin_nguyen_cv_60/60genes_{fold}.csv") for fold in range(1, 11)]
    np.testing.assert_allclose(np.mean(folds, axis=0), [0.762, 2.525, 0.594], atol=0.001)
    np.testing.assert_allclose(np.mean(folds, axis=0), [0.76, 2.52, 0.59], atol=0.01)
