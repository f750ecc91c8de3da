"""One path through every verb, on one small pair of data sets: what to run while one works on any of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs


@pytest.fixture(scope="module")
def made(make_pair, tmp_path_factory) -> SimpleNamespace:
    """Data with labels, their map, and a folder."""
    sc, st = make_pair()
    mapping = hs.map_cells(sc, st, gene_weights="equal")  # no gene has a pattern
    return SimpleNamespace(sc=sc, st=st, mapping=mapping, folder=tmp_path_factory.mktemp("verbs"))


def places(m: SimpleNamespace) -> pd.DataFrame:
    home = m.st.obs_names.get_indexer(m.sc.obs["home"])
    return pd.DataFrame(m.st.obsm["spatial"][home], m.sc.obs_names, ["x", "y"])


def map_cells(m: SimpleNamespace) -> None:
    np.testing.assert_allclose(m.mapping.X.sum(axis=1), 1, atol=1e-5)
    found = m.mapping.var_names[m.mapping.X.argmax(axis=1)]
    assert (found == m.sc.obs["home"]).mean() > 0.5  # of 25 spots
    again = hs.map_cells(m.sc, m.st, "correlation", k_best=3)
    assert again.X.getnnz(axis=1).max() == 3


def place_cells(m: SimpleNamespace) -> None:
    placed = hs.place_cells(m.mapping, m.sc, position="mean")
    np.testing.assert_allclose(placed.obsm["spatial"], m.mapping.X @ m.st.obsm["spatial"], rtol=1e-4)


def cell_positions(m: SimpleNamespace) -> None:
    found = hs.cell_positions(m.mapping, position="argmax")
    spots = m.mapping.X.argmax(axis=1)
    np.testing.assert_allclose(found[["homespot_x", "homespot_y"]], m.st.obsm["spatial"][spots])


def add_mapping(m: SimpleNamespace) -> None:
    added = hs.add_mapping(m.sc, m.mapping)
    assert (added.obs["homespot_spot"] == m.mapping.var_names[m.mapping.X.argmax(axis=1)]).all()


def annotate_cells(m: SimpleNamespace) -> None:
    found = hs.annotate_cells(m.mapping, "region")
    shares = m.mapping.X @ pd.get_dummies(m.mapping.var["region"]).to_numpy(np.float64)
    np.testing.assert_allclose(found.X, shares, atol=1e-5)


def deconvolve_spots(m: SimpleNamespace) -> None:
    found = hs.deconvolve_spots(m.mapping, "type", read_out="sum")
    mass = m.mapping.X.T @ pd.get_dummies(m.mapping.obs["type"]).to_numpy(np.float64)
    np.testing.assert_allclose(found.X, mass / mass.sum(axis=1, keepdims=True), rtol=1e-4)


def fit_types(m: SimpleNamespace) -> None:
    found = hs.fit_types(m.sc, m.st, "type", level=0.5)
    np.testing.assert_allclose(found.X.sum(axis=1), 1)
    assert (found.layers["lower"] <= found.layers["upper"]).all()


def assign_cells(m: SimpleNamespace) -> None:
    found = hs.assign_cells(m.mapping, 2)
    assert found["homespot_assigned"].value_counts().max() <= 2


def cell_modes(m: SimpleNamespace) -> None:
    assert set(hs.cell_modes(m.mapping)["cell"]) == set(m.mapping.obs_names)


def colocate_types(m: SimpleNamespace) -> None:
    found = hs.colocate_types(m.mapping, "type")
    np.testing.assert_allclose(found, found.T)
    assert found.index.tolist() == ["a", "b"]


def type_distances(m: SimpleNamespace) -> None:
    found = hs.type_distances(m.mapping, "type")
    np.testing.assert_allclose(found, found.T)
    assert (found.to_numpy() >= 0).all()


def cell_distances(m: SimpleNamespace) -> None:
    found = hs.cell_distances(m.mapping, ["c1", "c5"])
    P = m.mapping[["c1", "c5"]].X.astype(np.float64)
    xy = m.st.obsm["spatial"]
    between = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.testing.assert_allclose(found, P @ between @ P.T, rtol=1e-4)


def impute_genes(m: SimpleNamespace) -> None:
    shared = sorted(set(m.sc.var_names) & set(m.st.var_names))
    found = hs.impute_genes(m.mapping, m.sc, shared)
    assert found.obs_names.tolist() == m.st.obs_names.tolist()
    scores = hs.metrics.gene_scores(np.log1p(m.st[:, shared].X.toarray()), found.X, shared)
    assert scores["pcc"].median() > 0.5


def calibration(m: SimpleNamespace) -> None:
    table = hs.calibration(m.mapping, places(m), levels=(0.5, 0.9))
    assert len(table) == 2


def cross_validate(m: SimpleNamespace) -> None:
    scores = hs.cross_validate(m.sc, m.st, folds=2)
    assert set(scores["gene"]) == set(m.sc.var_names) & set(m.st.var_names)


def tune(m: SimpleNamespace) -> None:
    tuned = hs.tune(m.sc, m.st, "ssa", {"regularisation": [0.05, 0.2]}, folds=2, outer_folds=2)
    assert tuned.settings["regularisation"] in (0.05, 0.2)


def simulate_spots(m: SimpleNamespace) -> None:
    sc, st = hs.simulate_spots(m.st, cells_per_spot=3, leave_out=False)
    assert 1 < st.n_obs < m.st.n_obs
    assert set(sc.obs["true_spot"]) <= set(st.obs_names)
    assert st.var_names.tolist() == sc.var_names.tolist()


def subset(m: SimpleNamespace) -> None:
    part = hs.subset(m.mapping, spots=["s3", "s1"])
    np.testing.assert_array_equal(part.X, m.mapping[:, ["s3", "s1"]].X)


def renormalise(m: SimpleNamespace) -> None:
    part = hs.renormalise(hs.subset(m.mapping, spots=list(m.st.obs_names[:20])))
    np.testing.assert_allclose(part.X.sum(axis=1), 1, rtol=1e-5)


def combine_cells(m: SimpleNamespace) -> None:
    parts = [hs.subset(m.mapping, cells=m.mapping.obs_names[cut]) for cut in (slice(10), slice(10, None))]
    np.testing.assert_array_equal(hs.combine_cells(parts).X, m.mapping.X)


def combine_sections(m: SimpleNamespace) -> None:
    other = m.mapping.copy()
    other.var_names = [f"t{i}" for i in range(other.n_vars)]
    both = hs.combine_sections([m.mapping, other], [3, 1])
    np.testing.assert_allclose(both.X[:, :25].sum(axis=1), 0.75, rtol=1e-5)


def join_sections(m: SimpleNamespace) -> None:
    joined = hs.join_sections({"one": m.st[:10].copy(), "two": m.st[10:].copy()})
    assert joined.n_obs == m.st.n_obs


def save(m: SimpleNamespace) -> None:
    hs.save(m.mapping, m.folder / "map.h5ad")
    np.testing.assert_array_equal(ad.read_h5ad(m.folder / "map.h5ad").X, m.mapping.X)


def load(m: SimpleNamespace) -> None:
    hs.save(m.mapping, m.folder / "loaded.h5ad")
    assert hs.load(m.folder / "loaded.h5ad").uns["homespot"]["method"] == "ssa"


def make_demo(_m: SimpleNamespace) -> None:
    sc, st = hs.make_demo()
    assert set(sc.var_names) & set(st.var_names)


def report(m: SimpleNamespace) -> None:
    for package in ("jinja2", "matplotlib", "plotly"):
        pytest.importorskip(package)
    page = hs.report(m.mapping, m.folder / "report.html", labels="type", sc=m.sc, st=m.st)
    assert "ssa" in Path(page).read_text(encoding="utf-8")


VERBS = sorted(name for name in dir(hs) if callable(getattr(hs, name)) and name != "plot")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb(made: SimpleNamespace, verb: str) -> None:
    """Every public verb has a function of its name above."""
    globals()[verb](made)


@pytest.mark.filterwarnings("ignore:Two halves of the genes:homespot.errors.DataWarning")
def test_every_picture(made: SimpleNamespace) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    placed = hs.place_cells(made.mapping, made.sc)
    scores = hs.cross_validate(made.sc, made.st, {"ssa": "ssa", "correlation": "correlation"}, folds=2)
    gene = next(name for name in made.st.var_names if name in made.sc.var_names)
    pictures: dict[str, Callable[[], Any]] = {
        "agreement": lambda: hs.plot.agreement(hs.map_cells(made.sc, made.st, gene_weights="spatial")),
        "calibration": lambda: hs.plot.calibration(hs.calibration(made.mapping, places(made))),
        "cells": lambda: hs.plot.cells(placed, "type"),
        "colocation": lambda: hs.plot.colocation(hs.colocate_types(made.mapping, "type")),
        "confidence": lambda: hs.plot.confidence(placed),
        "gene": lambda: hs.plot.gene(made.st, hs.impute_genes(made.mapping, made.sc, [gene]), gene),
        "marginals": lambda: hs.plot.marginals(made.mapping),
        "probability": lambda: hs.plot.probability(made.mapping, cell="c1"),
        "proportions": lambda: hs.plot.proportions(hs.deconvolve_spots(made.mapping, "type")),
        "scores": lambda: hs.plot.scores(scores),
        "spots": lambda: hs.plot.spots(made.st, np.arange(25.0), name="number"),
        "losses": lambda: hs.plot.losses(trained),
    }
    assert set(pictures) == set(hs.plot.__all__) - {"PALETTE", "compare"}
    trained = hs.map_cells(made.sc, made.st, "come", epochs=2, pretrain_epochs=2, hidden=8, latent=4)
    for name, draw in pictures.items():
        drawn = draw()
        pyplot.gcf().canvas.draw()
        assert drawn is not None, name
        pyplot.close("all")
