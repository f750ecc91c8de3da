"""Every argument of every public function, given what is of the wrong kind, ends in our own error."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot import plot
from homespot.errors import HomespotError

mpl.use("agg")

WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "[]": list,
    "[[]]": lambda: [[]],
    "{}": dict,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "empty text": str,
    "text": lambda: "no",
    "bytes": lambda: b"no",
    "function": lambda: len,
    "table": lambda: pd.DataFrame({"a": [1.0]}),
    "complex": lambda: 1 + 2j,
    "-1": lambda: -1,
    "5": lambda: 5,
    "0.5": lambda: 0.5,
    "True": lambda: True,
    "NumPy's True": lambda: np.True_,
    "large": lambda: 10**30,
    "set": lambda: {"c1", "c2"},
    "object": object,
    "generator": lambda: (name for name in ("c1", "c2")),
    "array of objects": lambda: np.array([None, object()], dtype=object),
    "array of no dimension": lambda: np.array(3),
    "masked array": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    "complex numbers": lambda: np.array([1 + 2j, 3]),
    "missing": lambda: pd.NA,
    "missing among numbers": lambda: pd.array([1, None], dtype="Int64"),
    "AnnData of nothing": lambda: ad.AnnData(np.empty((0, 0))),
    "class": lambda: int,
    "list of a list": lambda: [["c1"]],
    "list of arrays": lambda: [np.arange(2), np.arange(1)],
    "pairs": lambda: pd.MultiIndex.from_tuples([("c1", "c2")]),
    "several values in a place": lambda: np.zeros(2, [("a", int), ("b", int)]),
    "dates": lambda: pd.to_datetime(["2020-01-01", "2020-01-02"]),
    "fraction": lambda: Fraction(1, 3),
    "larger than any number": lambda: 10**400,
    "of two lines": lambda: pd.Categorical(["c1", None]),
    "part of an AnnData": lambda: ad.AnnData(np.eye(3))[:2],
    "dictionary": lambda: {"a": 1},
}


NEVER = (
    "function",
    "complex",
    "set",
    "object",
    "generator",
    "array of objects",
    "masked array",
    "missing",
    "list of arrays",
    "pairs",
    "several values in a place",
    "dates",
    "fraction",
)
"""What no argument takes, but those that take functions."""

CALLED = {
    (name, argument, kind)
    for name, argument in (
        ("cross_validate", "method"),
        ("cross_validate", "progress"),
        ("map_cells", "progress"),
        ("tune", "progress"),
    )
    for kind in ("function", "class")
}
"""Functions of the user, which are called: their errors are the user's."""


@pytest.fixture(scope="module")
def made(make_pair: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Arguments with which every public function succeeds."""
    sc, st = make_pair(n_cells=12, n_spots=9, n_genes=14)
    folder = tmp_path_factory.mktemp("arguments")
    mapping = hs.map_cells(sc, st)
    other = st.copy()
    other.obs_names = [f"other {name}" for name in other.obs_names]
    file = folder / "map.h5ad"
    hs.save(mapping, file)
    genes = sorted(set(sc.var_names) & set(st.var_names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = hs.cross_validate(sc, st, folds=2, progress=False)
        types = hs.deconvolve_spots(mapping, "type")
        weighted = hs.map_cells(sc, st, gene_weights="spatial")
        placed, imputed = hs.place_cells(mapping, sc), hs.impute_genes(mapping, sc, genes)
        tuned = hs.tune(sc, st, "ssa", {"regularisation": [0.05, 0.2]}, folds=2, outer_folds=2)
    places = pd.DataFrame(
        st.obsm["spatial"][st.obs_names.get_indexer(sc.obs["home"])], sc.obs_names, ["x", "y"]
    )
    x = np.random.default_rng(0).random((9, 4))
    atlas = ad.AnnData((st[:, genes].X.toarray() > 4).astype(float), st.obs, st.var.loc[genes], obsm=st.obsm)
    truth = hs.dream.distmap(sc, atlas, n_best=3)
    return SimpleNamespace(**{name: value for name, value in locals().items() if name != "make_pair"})


def calls(m: SimpleNamespace) -> dict[str, dict[str, Any]]:
    """The arguments of every function, by name; further arguments have their defaults."""
    of_map = {"mapping": m.mapping}
    labelled = {**of_map, "labels": "type"}
    pair = {"sc": m.sc, "st": m.st}
    truth = {"true": m.x, "found": m.x[::-1].copy()}
    return {
        "add_mapping": {"adata": m.sc, **of_map},
        "annotate_cells": {**of_map, "labels": "region"},
        "assign_cells": {**of_map, "capacity": 3},
        "calibration": {**of_map, "truth": m.places},
        "cell_distances": of_map,
        "cell_modes": of_map,
        "cell_positions": of_map,
        "colocate_types": labelled,
        "combine_cells": {"mappings": [hs.subset(m.mapping, cells=[name]) for name in ("c1", "c2")]},
        "combine_sections": {"mappings": {"a": m.mapping, "b": hs.map_cells(m.sc, m.other)}},
        "cross_validate": {**pair, "folds": 2, "progress": False},
        "deconvolve_spots": {**labelled, **pair},
        "fit_types": {"reference": m.sc, "st": m.st, "labels": "type"},
        "impute_genes": {**of_map, "sc": m.sc, "genes": m.genes[:3]},
        "join_sections": {"sections": [m.st, m.other]},
        "load": {"path": m.file},
        "make_demo": {},
        "map_cells": {**pair, "progress": False},
        "place_cells": {**of_map, "sc": m.sc},
        "renormalise": of_map,
        "report": {**of_map, "output": m.folder / "report.html"},
        "save": {**of_map, "path": m.folder / "saved.h5ad"},
        "simulate_spots": {"cells": m.st, "cells_per_spot": 2.0, "n_parts": 2},
        "subset": {**of_map, "cells": ["c1", "c2"]},
        "tune": {**pair, "method": "ssa", "grid": {"regularisation": [0.05]}, "folds": 2, "outer_folds": 2},
        "type_distances": labelled,
        "datasets.load": {"name": "demo"},
        "datasets.folder": {"name": "drosophila"},
        "datasets.names": {},
        "dream.best_spots": {**of_map, "k": 2},
        "dream.distmap": {"sc": m.sc, "atlas": m.atlas, "n_best": 3},
        "dream.dream_scores": {"predicted": hs.dream.best_spots(m.mapping, 3), "truth": m.truth},
        "dream.reference": {
            "values": m.sc[:, m.genes].X.toarray(),
            "atlas": m.atlas.X,
            "coordinates": m.st.obsm["spatial"],
            "cells": list(m.sc.obs_names),
            "spots": list(m.st.obs_names),
            "genes": m.genes,
        },
        "methods.get": {"name": "ssa"},
        "methods.names": {},
        "metrics.accuracy_score": {
            "scores": {"a": m.scores.set_index("gene"), "b": m.scores.set_index("gene")}
        },
        "metrics.distances": truth,
        "metrics.gene_scores": {**truth, "genes": ["a", "b", "c", "d"]},
        "metrics.kde_divergence": {**truth, "labels": list("aabbaabba")},
        "metrics.proportion_scores": truth,
        "plot.agreement": {"mapping": m.weighted},
        "plot.calibration": {"table": hs.calibration(m.mapping, m.places)},
        "plot.cells": {"placed": m.placed, "label": "type"},
        "plot.colocation": {"matrix": hs.colocate_types(**labelled)},
        "plot.compare": {"table": m.scores},
        "plot.confidence": {"placed": m.placed},
        "plot.gene": {"st": m.st, "imputed": m.imputed, "gene": m.genes[0]},
        "plot.losses": of_map,  # without losses, which only a training has; no other argument can be wrong
        "plot.marginals": of_map,
        "plot.probability": {**labelled, "label": m.types.var_names[0]},
        "plot.proportions": {"types": m.types},
        "plot.scores": {"table": m.scores},
        "plot.spots": {"st": m.st, "values": m.x[:, 0], "name": "value"},
    }


def members(name: str, module: Any) -> dict[str, Callable[..., Any]]:
    """All public functions of a module by name."""
    parts = {f"{name}.{part}": getattr(module, part) for part in module.__all__}
    return {full: part for full, part in parts.items() if inspect.isfunction(part)}


def functions() -> dict[str, Callable[..., Any]]:
    """All public functions by name; those of `methods` that take checked tables are for methods alone."""
    found: dict[str, Callable[..., Any]] = {}
    for name in hs.__all__:
        member = getattr(hs, name)
        if inspect.isfunction(member):
            found[name] = member
        elif inspect.ismodule(member):
            found |= members(name, member)
    found |= members("plot", plot)  # which is loaded when it is first used
    return {
        name: function
        for name, function in found.items()
        if name not in ("methods.register", "methods.log_tables", "methods.selected_genes")
    }


FUNCTIONS = functions()


def arguments() -> Iterator[Any]:
    """Name every argument of every function."""
    for name, function in FUNCTIONS.items():
        for argument in inspect.signature(function).parameters.values():
            if argument.kind is not argument.VAR_KEYWORD:
                yield pytest.param(name, argument.name, id=f"{name}-{argument.name}")


def test_every_public_function_is_called(made: SimpleNamespace) -> None:
    assert set(calls(made)) == set(FUNCTIONS)


def draw_all() -> None:
    """Draw the pictures that were made: some of what is wrong would end only then."""
    try:
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
    finally:
        plt.close("all")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "argument"), list(arguments()))
def test_an_argument_of_the_wrong_kind(
    name: str, argument: str, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    given = calls(made)[name]
    found = {}
    for kind, wrong in WRONG.items():
        try:
            FUNCTIONS[name](**{**given, argument: wrong()})
            draw_all()
        except HomespotError as error:
            if not str(error).startswith(("Expected", "Section")) or "\n" in str(error):
                found[kind] = str(error)
        except Exception as error:  # any other is what the test looks for
            if (name, argument, kind) not in CALLED:
                found[kind] = f"{type(error).__name__}: {error}"
        else:
            if kind in NEVER:
                found[kind] = "taken as it is"
    assert not found
