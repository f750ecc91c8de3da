"""Cross-validation, tuning, scores, simulated spots and calibration: the same numbers from both languages."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import homespot
from homespot import metrics
from homespot.evaluate import folds as _folds
from homespot.evaluate.calibration import calibration
from homespot.evaluate.cross_validate import cross_validate as validate
from homespot.evaluate.simulate_spots import simulate_spots
from homespot.evaluate.tune import tune

SEVERAL = {
    "ssa": "ssa",
    "soft": ("ssa", {"preset": "genes", "regularisation": 0.2}),
    "correlation": "correlation",
}
SEVERAL_FOLDS = {"method": SEVERAL, "folds": 3, "seed": 2}


def same_table(found, expected, ignore=("seconds",)):
    """Columns of R are those of Python, numbers to the byte."""
    assert list(found) == list(expected.columns)
    for name in set(found) - set(ignore):
        values = expected[name].to_numpy()
        if values.dtype.kind in "fiu":
            assert np.asarray(found[name], dtype="f8").tobytes() == values.astype("f8").tobytes(), name
        else:
            assert np.asarray(found[name]).tolist() == values.tolist(), name


def first_seconds(file):
    return pd.read_csv(file, float_precision="round_trip")["seconds"][0]


def uniform(sc, st):
    return np.full((sc.n_obs, st.n_obs), 1 / st.n_obs)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def scores(problem):
    return validate(*problem, **SEVERAL_FOLDS)


@pytest.fixture(scope="module")
def r(problem, folder, sourced, tmp_path_factory, scores, same):
    """Tables of R by name, and its folder; Python has begun a file before, and not finished it."""
    out = tmp_path_factory.mktemp("evaluate")
    begun = folder / "begun.csv"
    validate(*problem, **SEVERAL_FOLDS, output=begun)
    lines = begun.read_text(encoding="utf-8").splitlines(keepends=True)
    first_fold = int((scores["fold"] == 1)[: len(scores) // 3].sum())
    begun.write_text("".join(lines[: 1 + first_fold]), encoding="utf-8")
    seconds = first_seconds(begun)
    sourced("evaluate.R", {"PROBLEM": folder, "OUT": out})
    tables = json.loads((out / "evaluate.json").read_text(encoding="utf-8"))
    tables = {
        name: {key: same.decode(value) for key, value in table.items()} for name, table in tables.items()
    }
    return SimpleNamespace(tables=tables, out=out, begun_seconds=seconds)


def test_r_scores_the_folds_of_python(r, problem, scores):
    same_table(r.tables["several"], scores)
    sc, st = problem
    by_sum = validate(sc, st, "ssa", folds=3, read_out="sum", st_scale="log", regularisation=0.1)
    same_table(r.tables["sum"], by_sum)
    few = sc[:, :24].copy()
    same_table(r.tables["loo"], validate(few, st, "correlation", folds="loo"))
    given = {"NA": "b", "gene03": "a", "beta'COP": "b"}
    same_table(r.tables["given"], validate(sc, st, folds=given))


@pytest.mark.filterwarnings("ignore:Found 3 sections:homespot.errors.DataWarning")
def test_r_scores_sections_as_python_does(r, problem):
    sc, st = problem
    apart = validate(sc, st, folds=2, sections="lamina")
    same_table(r.tables["apart"], apart)
    same_table(r.tables["apart by values"], validate(sc, st, folds=2, sections=st.obs["lamina"]))
    parts = {name: st[st.obs["lamina"] == name].copy() for name in ("s/2", "1", "µ")}
    same_table(r.tables["listed"], validate(sc, parts, folds=2, joint=False))
    assert not np.array_equal(apart["pcc"], validate(sc, st, folds=2)["pcc"])
    named = sc.copy()
    named.var["symbol"] = named.var_names.to_numpy()
    named.var_names = [f"ENSG{i:011d}" for i in range(named.n_vars)]
    same_table(r.tables["symbols"], validate(named, st, folds=2, sc_gene_column="symbol"))
    tuned = tune(sc, st, "ssa", {"regularisation": [0.1]}, folds=2, outer_folds=2, sections="lamina")
    same_table(r.tables["tuned apart"], tuned.outer)


def test_fresh_processes_of_r_give_the_same(r, problem):
    same_table(r.tables["parallel"], validate(*problem, {"ssa": "ssa", "uniform": uniform}, folds=3, seed=2))


def test_r_goes_on_with_what_python_began(r, scores):
    found = r.tables["continued"]
    same_table(found, scores)
    assert found["seconds"][0] == r.begun_seconds


def test_python_goes_on_with_what_r_began(r, problem, scores, monkeypatch):
    def none(*_):
        pytest.fail("a finished fold was done again")

    monkeypatch.setattr(_folds, "work", none)
    found = validate(*problem, **SEVERAL_FOLDS, output=r.out / "written.csv")
    pd.testing.assert_frame_equal(
        found.drop(columns="seconds"), scores.drop(columns="seconds"), check_exact=True
    )


@pytest.mark.filterwarnings("ignore:Dropped:homespot.errors.DataWarning")
def test_r_tunes_as_python_does(r, problem):
    grid = {"regularisation": [0.05, 0.2], "read_out": ["mean", "sum"]}
    tuned = tune(*problem, "ssa", grid, folds=2, outer_folds=2, n_genes=45)
    tried = tuned.tried.rename(columns={"read_out": "read.out"})
    tried["outer"] = tried["outer"].astype(str)
    same_table(r.tables["tried"], tried)
    same_table(r.tables["outer"], tuned.outer)
    settings = {name.replace("_", "."): value for name, value in tuned.settings.items()}
    found = {name: np.asarray(value).item() for name, value in r.tables["settings"].items()}
    assert found == {**settings, "read_out": tuned.read_out}


def test_r_scores_as_python_does(r, problem, scores):
    _, st = problem
    log = st.X.log1p().astype("f8")
    counts = st.X.astype("f8")
    log, twice = counts.log1p(), (2 * counts).log1p()
    # R keeps whole counts as they are; logarithms are doubles there.
    expected = metrics.gene_scores(log, twice, st.var_names)
    found = r.tables["genes"]
    assert found["gene"].tolist() == list(expected.index)
    for name in expected:
        np.testing.assert_allclose(found[name].astype("f8"), expected[name], rtol=1e-12, atol=1e-12)
    # The same doubles, so the same bytes: the spots of `found` are in reverse, and matched.
    dense = np.ascontiguousarray(log.toarray())[::-1]
    expected = metrics.gene_scores(dense, dense, st.var_names)
    np.testing.assert_allclose(r.tables["dense"]["pcc"].astype("f8"), expected["pcc"], rtol=1e-12)

    parts = st.X[:, :5].toarray().astype("f8") + 1
    true = pd.DataFrame(parts / parts.sum(axis=1, keepdims=True), st.obs_names, st.var_names[:5])
    found = pd.DataFrame(np.roll(true.to_numpy(), -1, axis=0), true.index, true.columns)
    for by in ("spot", "type"):
        same_table(r.tables[f"{by}s"], metrics.proportion_scores(true, found, by=by).reset_index())
    accuracy = metrics.accuracy_score(scores).reset_index()
    accuracy.columns = accuracy.columns.str.replace("rank_", "rank.")
    same_table(r.tables["accuracy"], accuracy)


def test_r_compares_places_as_python_does(r, problem):
    places = problem[1].obsm["spatial"][::-1]
    moved = np.roll(problem[1].obsm["spatial"], -1, axis=0)[::-1]
    found = {name: float(value[0]) for name, value in r.tables["distances"].items()}
    assert found == metrics.distances(places, moved)
    kinds = np.array(["b", "a"] * 20)[::-1]
    expected = metrics.kde_divergence(places[:, :2], moved[:, :2], kinds)
    found = {name: float(value[0]) for name, value in r.tables["kde"].items()}
    assert found == expected.to_dict()


@pytest.fixture(scope="module")
def simulated(problem):
    return simulate_spots(problem[1], cells_per_spot=3, n_parts=3, part=1, seed=4)


def test_r_simulates_the_spots_of_python(r, simulated):
    sc, st = simulated
    values = r.tables["values"]
    assert values["cells"].tolist() == list(sc.obs_names)
    assert values["spots"].tolist() == list(st.obs_names)
    assert values["genes"].tolist() == list(st.var_names)
    for found, table in ((values["sc"], sc), (values["st"], st)):
        assert np.ascontiguousarray(found.T).tobytes() == table.X.toarray().astype("f8").tobytes()
    assert np.ascontiguousarray(values["coordinates"]).tobytes() == st.obsm["spatial"].tobytes()
    assert float(values["pitch"][0]) == st.uns["homespot"]["pitch"]
    for found, table in ((r.tables["sc"], sc.obs), (r.tables["st"], st.obs)):
        found.pop("sample_id")
        same_table(found, table)


def test_r_shifts_the_cells_of_python(r, problem):
    shift = {"platform": "laplace", "platform_sd": 0.4, "depth": 0.5, "dropout": 0.1}
    sc, _ = simulate_spots(problem[1], cells_per_spot=3, n_parts=3, part=1, seed=4, **shift)
    found = r.tables["shifted"]
    assert np.ascontiguousarray(found["sc"].T).tobytes() == sc.X.toarray().astype("f8").tobytes()
    assert np.asarray(found["factor"]).tobytes() == sc.var["true_factor"].to_numpy().tobytes()


def test_r_calibrates_as_python_does(r, problem, simulated):
    sc, st = simulated
    truth = pd.DataFrame(problem[1].obsm["spatial"][:, :2], problem[1].obs_names)
    mapping = homespot.map_cells(sc, st)
    same_table(r.tables["calibration"], calibration(mapping, truth, [0.5, 0.9]))
    expected = calibration(mapping, truth, [0.5], level=0.5, confident=True)
    same_table(r.tables["confident"], expected)
