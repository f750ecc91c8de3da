"""What every registered method has to keep, that of another package included."""

from __future__ import annotations

import json
import sys
import threading
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from homespot import load, map_cells, methods, save
from homespot.common.ending import ending_of
from homespot.errors import ConvergenceWarning, DataWarning, InputError
from homespot.methods import registry

OTHERS = ("nearest",)  # of tests/plugin
QUICK = {"come": {"hidden": 8, "latent": 4, "pretrain_epochs": 3, "epochs": 3}}
"""Settings with which a method takes no time; those of the others are their defaults."""

Map = Callable[..., ad.AnnData]


@pytest.fixture(params=[*methods.names(), *OTHERS])
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name every method; those of other packages are there for one test."""
    name: str = request.param
    if name in OTHERS:
        site: Path = request.getfixturevalue("plugin")
        monkeypatch.syspath_prepend(site)
        monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
        [installed] = metadata.distributions(name="homespot-nearest", path=[str(site)])
        monkeypatch.setattr(registry, "_points", lambda points=list(installed.entry_points): points)
        monkeypatch.delitem(sys.modules, "homespot_nearest", raising=False)
        assert name in methods.names()
    return name


@pytest.fixture
def mapped(method: str) -> Map:
    """Map by the method, with settings that take no time."""

    def run(sc: ad.AnnData, st: ad.AnnData, **options: Any) -> ad.AnnData:
        return map_cells(
            sc, st, method, **{"progress": False, "device": "cpu"} | QUICK.get(method, {}) | options
        )

    return run


def dense(mapping: ad.AnnData) -> np.ndarray:
    p = mapping.X.toarray() if sparse.issparse(mapping.X) else mapping.X
    return np.asarray(p)


def same_run(a: ad.AnnData, b: ad.AnnData) -> None:
    """P, annotation and record are the same, to the byte."""
    assert dense(a).tobytes() == dense(b).tobytes()
    for table in ("obs", "var"):
        assert getattr(a, table).equals(getattr(b, table))
    assert written(a.uns["homespot"]) == written(b.uns["homespot"])


def written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: written(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_probabilities_in_the_type_asked_for(mapped: Map, pair, dtype: str) -> None:
    mapping = mapped(*pair, dtype=dtype)
    assert mapping.X.dtype == dtype
    assert mapping.shape == (40, 25)
    assert (mapping.X >= 0).all()
    np.testing.assert_allclose(mapping.X.sum(axis=1), 1, atol=1e-5 if dtype == "float32" else 1e-12)
    assert mapping.uns["homespot"]["dtype"] == dtype
    assert (mapping.obs["homespot_expression"] > 0).all()
    assert (mapping.var["homespot_expression"] > 0).all()


def test_both_types_say_the_same(mapped: Map, pair) -> None:
    single, double = mapped(*pair), mapped(*pair, dtype="float64")
    np.testing.assert_allclose(single.X, double.X, atol=5e-3)
    assert single.uns["homespot"]["genes"].tolist() == double.uns["homespot"]["genes"].tolist()


def test_the_same_input_gives_the_same_bytes(mapped: Map, make_pair) -> None:
    same_run(mapped(*make_pair(), seed=3), mapped(*make_pair(), seed=3))


def test_dense_and_sparse_give_the_same(mapped: Map, make_pair) -> None:
    np.testing.assert_allclose(
        mapped(*make_pair(stored="dense")).X, mapped(*make_pair(stored="csr")).X, atol=1e-6
    )


@pytest.mark.parametrize("stored", ["csr", "dense"])
def test_the_input_is_left_as_it_was(mapped: Map, make_pair, stored: str) -> None:
    sc, st = make_pair(stored=stored)
    before = sc.copy(), st.copy()
    mapped(sc, st)
    for now, then in zip((sc, st), before, strict=True):
        assert (now.X != then.X).sum() == 0
        assert now.obs.equals(then.obs)
        assert now.var.equals(then.var)
        assert now.uns.keys() == then.uns.keys()
        assert now.obsm.keys() == then.obsm.keys()


def test_empty_rows_are_dropped_and_counted(mapped: Map, make_pair) -> None:
    sc, st = make_pair(stored="dense")
    sc.X[[3, 5]] = 0
    st.X[7] = 0
    with pytest.warns(DataWarning) as caught:
        mapping = mapped(sc, st)
    said = [str(warning.message) for warning in caught]
    assert any("2 cell(s) without any expression" in text for text in said), said
    assert any("1 spot(s) without any expression" in text for text in said), said
    assert mapping.obs_names.tolist() == [name for i, name in enumerate(sc.obs_names) if i not in (3, 5)]
    assert mapping.var_names.tolist() == [name for i, name in enumerate(st.obs_names) if i != 7]
    np.testing.assert_allclose(mapping.X.sum(axis=1), 1, atol=1e-5)
    keep_sc, keep_st = np.arange(sc.n_obs), np.arange(st.n_obs)
    others = mapped(sc[~np.isin(keep_sc, [3, 5])].copy(), st[keep_st != 7].copy())
    assert mapping.X.tobytes() == others.X.tobytes()


def test_k_best_keeps_the_largest_and_accounts_for_the_rest(mapped: Map, pair) -> None:
    whole, cut = mapped(*pair), mapped(*pair, k_best=4)
    assert sparse.issparse(cut.X)
    assert (np.diff(cut.X.indptr) == 4).all()
    p = dense(cut)
    np.testing.assert_allclose(p.sum(axis=1) + cut.obs["homespot_left_over"], 1, atol=1e-5)
    fourth = np.sort(whole.X, axis=1)[:, -4]
    kept = p > 0
    np.testing.assert_allclose(p[kept], whole.X[kept], atol=1e-6)
    assert (whole.X[kept] >= np.repeat(fourth, kept.sum(axis=1)) - 1e-6).all()


def test_sections_are_mapped_jointly_or_each_by_itself(mapped: Map, pair) -> None:
    sc, st = pair
    joint = mapped(sc, st, sections="region", joint=True)
    assert "parts" not in joint.uns["homespot"]
    np.testing.assert_allclose(joint.X.sum(axis=1), 1, atol=1e-5)
    apart = mapped(sc, st, sections="region")
    parts = list(apart.uns["homespot"]["parts"].values())
    assert [part["section"] for part in parts] == ["0", "1", "2"]
    np.testing.assert_allclose(apart.X.sum(axis=1), 1, atol=1e-5)
    for part in parts:
        assert ending_of(part).sentence
        spots = apart.var["homespot_section"].astype(str) == part["section"]
        np.testing.assert_allclose(dense(apart)[:, spots].sum(axis=1), 1 / 3, atol=1e-5)
        alone = mapped(sc, st[st.obs["region"].astype(str) == part["section"]].copy())
        np.testing.assert_allclose(dense(apart)[:, spots] * 3, alone.X, atol=1e-5)


def test_the_record_says_how_the_run_ended(mapped: Map, method: str, pair, tmp_path: Path) -> None:
    mapping = mapped(*pair)
    ending = ending_of(mapping.uns["homespot"])
    assert ending.well
    assert not ending.interrupted
    assert ending.sentence.endswith(".")
    assert ending.sentence != ending_of({}).sentence
    assert ending.brief
    json.dumps({name: value for name, value in ending.numbers.items() if np.ndim(value) == 0}, default=float)
    for curve in ending.curves.values():
        assert len(curve.steps) == len(curve.values) > 0
        assert np.isfinite(curve.values).all()
        assert curve.axis
    assert written(ending.record()) == written(mapping.uns["homespot"]["solver"])
    save(mapping, tmp_path / "map.h5ad")
    read = ending_of(load(tmp_path / "map.h5ad").uns["homespot"])
    assert (read.well, read.sentence, read.brief, list(read.curves)) == (
        ending.well,
        ending.sentence,
        ending.brief,
        list(ending.curves),
    )
    assert mapping.uns["homespot"]["method"] == method


@pytest.mark.filterwarnings("ignore:Training was interrupted:homespot.errors.ConvergenceWarning")
@pytest.mark.parametrize("after", [1, 2, 4])
def test_an_interruption_is_a_clean_end(mapped: Map, pair, after: int) -> None:
    """The call ends, or gives the map so far and says so; and the next call knows nothing of it."""
    straight = mapped(*pair)
    threads = threading.active_count()
    calls = 0

    def progress(_done: int, _total: int, _note: str) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise KeyboardInterrupt

    try:
        mapping = mapped(*pair, progress=progress)
    except KeyboardInterrupt:
        assert calls == after
    else:
        assert ending_of(mapping.uns["homespot"]).interrupted is (calls >= after)
        np.testing.assert_allclose(mapping.X.sum(axis=1), 1, atol=1e-5)
    assert threading.active_count() <= threads
    same_run(mapped(*pair), straight)


def test_unknown_parameters_and_values_out_of_range_are_refused(mapped: Map, method: str, pair) -> None:
    with pytest.raises(InputError, match=f"parameters of method '{method}'"):
        mapped(*pair, no_such=1)
    for name, parameter in methods.get(method).declared.items():
        with pytest.raises(InputError, match=f"Expected {name} to be "):
            mapped(*pair, **{name: -1.5} if str not in parameter.types else {name: 3})


def test_every_default_and_preset_is_taken(method: str) -> None:
    chosen = methods.get(method)
    for preset in (None, *chosen.presets):
        settings = chosen.settings(preset, {})
        assert list(settings) == list(chosen.declared)
        for name, values in chosen.grid.items():
            for value in values:
                assert chosen.settings(preset, {name: value})[name] == value
    assert all(parameter.doc for parameter in chosen.declared.values())


def test_a_warning_says_where_the_solver_stopped_early(pair) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mapping = map_cells(*pair, "ssa", max_iter=1, tolerance=1e-12, progress=False)
    assert [w.category for w in caught] == [ConvergenceWarning]
    ending = ending_of(mapping.uns["homespot"])
    assert (ending.well, ending.brief) == (False, "NOT converged")
    assert ending.sentence.startswith("Did not converge after 1 iteration: ")
