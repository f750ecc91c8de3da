"""The choice of settings: by hand, honest, cheap where it can be, and refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot import methods
from homespot.errors import InputError
from homespot.evaluate.cross_validate import cross_validate
from homespot.evaluate.gene_folds import gene_folds
from homespot.evaluate.tune import tune

GRID = {"regularisation": [0.05, 0.2], "read_out": ["mean", "sum"]}
FOLDS = {"folds": 2, "outer_folds": 2}


@pytest.fixture(scope="module")
def data(make_pair) -> tuple[ad.AnnData, ad.AnnData]:
    return make_pair()


@pytest.fixture(scope="module")
def tuned(data):
    return tune(*data, "ssa", GRID, **FOLDS, seed=3)


def test_the_choice_is_that_of_cross_validation(data, tuned) -> None:
    rows = tuned.tried[tuned.tried["outer"] == "all"]
    assert rows["regularisation"].tolist() == [0.05] * 3 + [0.2] * 3
    assert rows["read_out"].tolist() == ["scaled", "mean", "sum"] * 2
    for row in rows.itertuples():
        table = cross_validate(
            *data, "ssa", folds=2, seed=3, regularisation=row.regularisation, read_out=row.read_out
        )
        assert row.pcc == pytest.approx(table["pcc"].median(), rel=1e-12)
    best = rows.loc[rows["pcc"].idxmax()]
    assert tuned.method == "ssa"
    assert tuned.settings == {"regularisation": best["regularisation"]}
    assert tuned.read_out == best["read_out"]
    assert rows["chosen"].sum() == 1
    assert best["chosen"]
    hs.map_cells(*data, tuned.method, progress=False, **tuned.settings)


def test_the_outer_scores_are_of_what_was_chosen_inside(data, tuned) -> None:
    sc, st = data
    genes = [gene for gene in st.var_names if gene in set(sc.var_names)]
    outer = gene_folds(genes, 2, 3)
    assert tuned.outer["method"].unique().tolist() == ["tuned", "defaults"]
    defaults = cross_validate(sc, st, "ssa", folds=2, seed=3).assign(method="defaults")
    mine = tuned.outer[tuned.outer["method"] == "defaults"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine.drop(columns="seconds"), defaults.drop(columns="seconds"))
    for fold, held_out in outer.items():
        (chosen,) = tuned.tried[(tuned.tried["outer"] == fold) & tuned.tried["chosen"]].itertuples()
        # Inside, the genes of the outer fold are not there at all; the totals are those of all genes.
        one = cross_validate(
            sc,
            st,
            "ssa",
            folds=dict.fromkeys(held_out, fold),
            regularisation=chosen.regularisation,
            read_out=chosen.read_out,
        )
        mine = tuned.outer[(tuned.outer["method"] == "tuned") & (tuned.outer["fold"] == fold)]
        np.testing.assert_array_equal(mine["pcc"], one["pcc"])


def test_genes_of_an_outer_fold_have_no_part_in_its_choice(data, tuned) -> None:
    sc, st = data
    genes = [gene for gene in st.var_names if gene in set(sc.var_names)]
    spoilt = st.copy()
    held_out = gene_folds(genes, 2, 3)[1]
    columns = spoilt.var_names.get_indexer(held_out)
    values = spoilt.X.toarray()
    # Another pattern of the same totals: what is normalised stays as it is.
    rng = np.random.default_rng(0)
    values[:, columns] = rng.permuted(values[:, columns], axis=1)
    spoilt.X = values
    again = tune(sc, spoilt, "ssa", GRID, **FOLDS, seed=3)
    for fold, alike in ((1, True), ("all", False)):
        before, after = (found.tried[found.tried["outer"] == fold]["pcc"] for found in (tuned, again))
        assert np.allclose(before, after, rtol=1e-6) == alike


def test_what_it_says_and_cost(tuned) -> None:
    assert len(tuned.tried) == 3 * 6
    assert (tuned.tried["seconds"] > 0).all()
    assert tuned.seconds > tuned.tried.drop_duplicates(["outer", "regularisation"])["seconds"].sum()
    text = str(tuned)
    assert text.startswith("ssa: regularisation=")
    assert "Median PCC of genes that had no part in the choice" in text
    assert "6 settings were tried" in text
    with pytest.raises(FrozenInstanceError):
        tuned.seconds = 0.0


def test_processes_progress_and_fixed_parameters(data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    steps: list[tuple[int, int]] = []
    found = tune(
        *data,
        "ssa",
        {"relax_spots": [0.0]},
        **FOLDS,
        preset="genes",
        n_genes=500,
        progress=lambda done, total, _: steps.append((done, total)),
    )
    # One combination: the preset has it already, so nothing else is tried.
    assert found.settings == {"preset": "genes", "n_genes": 500, "relax_spots": 0.0}
    assert (len(found.tried), found.chosen_from) == (3, 1)
    assert steps[0] == (0, 10)
    assert steps[-1] == (10, 10)
    by_method = found.outer.groupby("method")["pcc"]
    np.testing.assert_array_equal(by_method.get_group("tuned"), by_method.get_group("defaults"))
    hs.map_cells(*data, "ssa", progress=False, **found.settings)


@pytest.mark.slow
def test_processes_find_the_same(data, tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = tune(*data, "ssa", GRID, **FOLDS, seed=3, n_jobs=2)
    for a, b in ((found.tried, tuned.tried), (found.outer, tuned.outer)):
        pd.testing.assert_frame_equal(a.drop(columns="seconds"), b.drop(columns="seconds"), check_exact=True)


@pytest.mark.parametrize("method", methods.names())
def test_every_method_has_a_grid_with_its_defaults(method: str) -> None:
    chosen = methods.get(method)
    assert chosen.grid
    for name, values in chosen.grid.items():
        assert chosen.parameters[name] in values
        for value in values:
            assert chosen.settings(None, {name: value})[name] == value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "tangram"}, "method to be one of"),
        ({"grid": {"sharpness": [1]}}, "or read_out in grid, found 'sharpness'"),
        ({"grid": {"regularisation": 0.1}}, "a list of values of regularisation"),
        ({"grid": {"correlation": "signed"}}, "a list of values of correlation"),
        ({"grid": {"regularisation": []}}, "a list of values of regularisation"),
        ({"grid": {"regularisation": [-1.0]}}, "regularisation to be a number"),
        ({"grid": {"read_out": ["median"]}}, "read_out to be one of"),
        ({"grid": {"regularisation": [0.1]}, "regularisation": 0.2}, "either in grid or fixed, found both"),
        ({"n_genes": 1}, "n_genes to be a whole number"),
        ({"preset": "quick"}, "preset of method 'ssa'"),
        ({"folds": 1}, "folds to be a whole number from 2"),
        ({"folds": 30}, "folds to be a whole number from 2 to the"),
        ({"outer_folds": 1}, "folds to be a whole number from 2"),
        ({"outer_folds": {"g5": "all", "g10": "b"}}, "outer folds not called 'all'"),
        ({"n_jobs": 0}, "n_jobs to be a whole number"),
        ({"method": "come", "checkpoint": "x.pt"}, "no checkpoint, which is of one training"),
    ],
)
def test_bad_parameters_are_refused(data, arguments, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tune(*data, **{"method": "ssa", **arguments})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dropped:homespot.errors.DataWarning")  # few genes are left inside
def test_drosophila_is_tuned(real_data: Path) -> None:
    assert real_data.is_dir()
    data = hs.datasets.load("drosophila")
    found = tune(
        data["sc"], data["st"], "ssa", {"regularisation": (0.02, 0.05), "relax_spots": (0.0, 0.75)}, **FOLDS
    )
    median = found.outer.groupby("method")["pcc"].median()
    assert found.settings["regularisation"] == 0.05
    assert median["tuned"] > 0.55
    assert median["defaults"] > 0.55
