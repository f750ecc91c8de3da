"""Cross-validation over genes: against the same done by hand, in processes, resumed, and refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot import methods
from homespot.common.ending import trained
from homespot.errors import ConvergenceWarning, InputError
from homespot.evaluate.cross_validate import cross_validate
from homespot.evaluate.gene_folds import gene_folds
from homespot.evaluate.metrics import gene_scores
from homespot.expression.table import Expression
from homespot.expression.transforms import log_normalised
from homespot.methods import registry
from homespot.objects.tables import expression

SETTINGS = {"regularisation": 0.1}
COLUMNS = ["gene", "fold", "method", "pcc", "ssim", "rmse", "jsd", "seconds", "read_out", "residuals"]


def same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a.drop(columns="seconds"), b.drop(columns="seconds"), check_exact=True)


def shared(sc: ad.AnnData, st: ad.AnnData) -> list[str]:
    return [gene for gene in st.var_names if gene in set(sc.var_names)]


def uniform(sc: ad.AnnData, st: ad.AnnData) -> np.ndarray:
    """A method of a user: every cell everywhere."""
    return np.full((sc.n_obs, st.n_obs), 1 / st.n_obs)


@pytest.mark.parametrize("read_out", ["scaled", "mean", "sum"])
def test_a_fold_is_what_one_does_by_hand(pair, read_out: str) -> None:
    sc, st = pair
    held_out = sorted(shared(sc, st))[:4]
    table = cross_validate(sc, st, "ssa", folds=dict.fromkeys(held_out, "a"), read_out=read_out, **SETTINGS)
    assert table.columns.tolist() == COLUMNS
    assert table["gene"].tolist() == held_out
    assert (table["fold"] == "a").all()
    assert (table["method"] == "ssa").all()
    # By hand: normalised with all genes, then the genes taken away.
    log = st.copy()
    total = st.X.sum(axis=1)
    log.X = sparse.csr_matrix(st.X.multiply(1e4 / total)).astype(np.float32).log1p()
    kept = [gene for gene in st.var_names if gene not in held_out]
    mapping = hs.map_cells(sc, log[:, kept].copy(), "ssa", st_scale="log", progress=False, **SETTINGS)
    x = log_normalised(expression(sc, "sc", None, "auto", "float64"), held_out)
    found = mapping.X.astype(np.float64).T @ x
    if read_out == "mean":
        found /= mapping.X.astype(np.float64).sum(axis=0)[:, None]
    elif read_out == "scaled":
        genes = list(mapping.uns["homespot"]["genes"])
        of_cells = log_normalised(expression(sc, "sc", None, "auto", "float64"), genes).mean(axis=1)
        p = mapping.X.astype(np.float64) / mapping.X.sum(axis=0, dtype=np.float64)
        p = 0.8 * p + 0.2 / sc.n_obs
        # The atlas of the fold holds counts, unlike `log`, so the odds are those of a share.
        measured, predicted = log[:, genes].X.toarray().mean(axis=1)[:, None], (p.T @ of_cells)[:, None]
        odds = [np.expm1(v) / (1e4 - np.expm1(v)) for v in (p.T @ x, measured, predicted)]
        found = np.log1p(1e4 / (1 + odds[2] / (odds[0] * odds[1])))
    expected = gene_scores(log[:, held_out].X.toarray(), found, held_out)
    np.testing.assert_allclose(table[["pcc", "ssim", "rmse", "jsd"]], expected, rtol=1e-4)
    assert (table["read_out"] == read_out).all()
    order = np.argsort(found, axis=0)[(2 * np.arange(20) + 1) * len(found) // 40]
    wrong = np.take_along_axis(log[:, held_out].X.toarray() - found, order, axis=0)
    for gene, kept in enumerate(table["residuals"]):
        residuals = [float(pair.split(":")[1]) for pair in kept.split()]
        np.testing.assert_allclose(residuals, wrong[:, gene], rtol=1e-2, atol=1e-3)


def test_what_is_held_out_is_not_seen(pair) -> None:
    sc, st = pair
    genes = shared(sc, st)
    seen: list[tuple[int, list[str]]] = []

    def look(cells: ad.AnnData, spots: ad.AnnData) -> np.ndarray:
        seen.append((cells.n_vars, spots.var_names.tolist()))
        assert spots.obsm["spatial"].tolist() == st.obsm["spatial"].tolist()
        assert cells.obs["type"].tolist() == sc.obs["type"].tolist()
        counts = spots.layers["counts"].toarray()
        np.testing.assert_array_equal(counts, st[:, spots.var_names].X.toarray())
        logs = np.log1p(1e4 * counts / np.asarray(st.X.sum(axis=1)))
        np.testing.assert_allclose(spots.X.toarray(), logs, rtol=1e-5)
        spots.X.data[:] = 0  # theirs to change
        return uniform(cells, spots)

    table = cross_validate(sc, st, look, folds=3)
    assert table["method"].unique().tolist() == ["look"]
    for (n_genes, names), (_, part) in zip(seen, table.groupby("fold"), strict=True):
        assert n_genes == sc.n_vars
        assert set(names) == set(st.var_names) - set(part["gene"])
    assert sorted(table["gene"]) == sorted(genes)
    assert st.X.sum() > 0


def test_totals_are_those_over_all_genes(pair) -> None:
    _, st = pair
    table = expression(st, "st", None, "auto", "float32")
    less = table.without_genes(["g3", "g7"])
    kept = [gene for gene in table.genes.tolist() if gene not in ("g3", "g7")]
    assert less.genes.tolist() == kept
    assert (less.scale, less.evidence) == (table.scale, table.evidence)
    np.testing.assert_array_equal(log_normalised(less, kept), log_normalised(table, kept))
    assert (expression(st[:, kept], "st", None, "auto", "float32").totals < table.totals).any()


def test_several_methods_in_one_table(pair) -> None:
    sc, st = pair
    table = cross_validate(
        sc,
        st,
        {
            "default": "ssa",
            "for genes": ("ssa", {"preset": "genes"}),
            "soft": ("ssa", {"regularisation": 0.2}),
            "mine": uniform,
            "bound": partial(hs.map_cells, method="correlation", progress=False),
        },
        folds=3,
    )
    assert table["method"].unique().tolist() == ["default", "for genes", "soft", "mine", "bound"]
    assert (table.groupby("method")["gene"].nunique() == len(shared(sc, st))).all()
    by_method = table.groupby("method")
    one = cross_validate(sc, st, "ssa", folds=3, preset="genes")
    same(by_method.get_group("for genes").reset_index(drop=True).assign(method="ssa"), one)
    bound = by_method.get_group("bound").reset_index(drop=True).assign(method="correlation")
    pd.testing.assert_frame_equal(
        bound.drop(columns="seconds"),
        cross_validate(sc, st, "correlation", folds=3).drop(columns="seconds"),
        rtol=1e-4,
    )
    named = cross_validate(sc, st, ["ssa", "correlation"], folds=3)
    assert named["method"].unique().tolist() == ["ssa", "correlation"]
    same(named[named["method"] == "ssa"], cross_validate(sc, st, "ssa", folds=3))
    accuracy = hs.metrics.accuracy_score(table)
    assert accuracy.index.tolist() == table["method"].unique().tolist()


def test_a_uniform_map_knows_only_how_much_a_spot_holds(pair) -> None:
    sc, st = pair
    held_out = shared(sc, st)[:4]
    folds = dict.fromkeys(held_out, 1)
    np.testing.assert_array_equal(cross_validate(sc, st, uniform, folds=folds, read_out="mean")["pcc"], 0)
    rest = [gene for gene in st.var_names if gene in set(sc.var_names) - set(held_out)]
    cells, spots = (
        pd.DataFrame(
            log_normalised(expression(data, side, None, "auto", "float64"), data.var_names),
            columns=data.var_names,
        )
        for data, side in ((sc, "sc"), (st, "st"))
    )
    found = cross_validate(sc, st, uniform, folds=folds).set_index("gene")["pcc"]
    means, holds = cells.mean(), spots[rest].mean(axis=1)
    # At every spot, the odds of a gene's mean over the cells, times what the spot holds over what they hold.
    of_gene, measured, of_cells = (
        np.expm1(v) / (1e4 - np.expm1(v)) for v in (means, holds, cells[rest].mean(axis=1).mean())
    )
    predicted = {gene: np.log1p(1e4 / (1 + of_cells / (of_gene[gene] * measured))) for gene in held_out}
    expected = [spots[gene].corr(predicted[gene]) for gene in held_out]
    np.testing.assert_allclose(found[held_out], expected, rtol=1e-4)


def test_maps_in_every_form(pair) -> None:
    sc, st = pair
    dense = partial(hs.map_cells, method="ssa", progress=False)
    forms = {
        "object": dense,
        "array": lambda a, b: dense(a, b).X,
        "csr": lambda a, b: sparse.csr_matrix(dense(a, b).X),
        "coo": lambda a, b: sparse.coo_array(dense(a, b).X),
        "list": lambda a, b: dense(a, b).X.tolist(),
        "frame": lambda a, b: dense(a, b).to_df(),
        "shuffled": lambda a, b: dense(a, b)[::-1, ::-1].copy(),
        "plain": lambda a, b: ad.AnnData(dense(a, b).X, dense(a, b).obs[[]], dense(a, b).var[[]]),
    }
    table = cross_validate(sc, st, forms, folds=2)
    wide = table.pivot_table(index="gene", columns="method", values="rmse")
    assert wide.notna().all(axis=None)
    np.testing.assert_allclose(wide, wide[["object"]].to_numpy().repeat(len(forms), axis=1), rtol=1e-6)


def test_a_truncated_map_and_one_of_fewer_cells(pair) -> None:
    sc, st = pair
    short = partial(hs.map_cells, method="ssa", k_best=5, progress=False)
    table = cross_validate(sc, st, {"k": short, "fewer": lambda a, b: short(a[5:].copy(), b)}, folds=2)
    assert table[["pcc", "ssim", "rmse", "jsd"]].notna().all(axis=None)


def test_a_spot_without_cells_is_like_any_other() -> None:
    names, genes = np.array(["a", "b", "c"]), ["g", "h", "i"]
    tables = ([[1, 0, 2], [3, 1, 1], [2, 2, 0]], [[1, 2, 4], [2, 1, 3], [1.5, 0, 4]])
    sc, st = (
        ad.AnnData(np.array(table, float), pd.DataFrame(index=names), pd.DataFrame(index=genes))
        for table in tables
    )
    p = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])
    # Over h and i, the cells have a mean of 1 each, the spots of 3, 2 and 2. The third spot is without cells.
    factor = np.expm1([3, 2, 2]) / np.expm1(1)
    for read_out, predicted in (
        ("scaled", np.log1p(factor * np.expm1([1.2, 2.4, 2.0]))),
        ("mean", [1.0, 2.5, 2.0]),
        ("sum", [1.0, 5.0, 0.0]),
    ):
        scores = cross_validate(
            sc, st, lambda *_: p, folds={"g": 1}, read_out=read_out, sc_scale="log", st_scale="log"
        )
        expected = gene_scores(np.array([[1.0], [2], [1.5]]), np.array(predicted)[:, None], ["g"])
        pd.testing.assert_frame_equal(scores.set_index("gene")[list(expected)], expected)


def test_folds_divide_the_sorted_genes() -> None:
    genes = [f"g{i}" for i in range(23)]
    parts = gene_folds(genes, 5, seed=3)
    assert list(parts) == [1, 2, 3, 4, 5]
    assert sorted(gene for part in parts.values() for gene in part) == sorted(genes)
    assert {len(part) for part in parts.values()} == {4, 5}
    assert gene_folds(genes[::-1], 5, seed=3) == parts
    assert gene_folds(genes, 5, seed=4) != parts
    assert [len(part) for part in gene_folds(genes, "loo").values()] == [1] * 23
    given = gene_folds(genes, pd.Series({"g3": "y", "g1": "x", "g2": "y"}))
    assert given == {"x": ["g1"], "y": ["g2", "g3"]}


def test_leave_one_out(pair) -> None:
    sc, st = pair
    genes = sorted(shared(sc, st))[:8]
    table = cross_validate(sc[:, genes].copy(), st[:, genes].copy(), "correlation", folds="loo")
    assert sorted(table["gene"]) == genes
    assert table["fold"].tolist() == list(range(1, 9))


def test_empty_rows_are_dropped_once(make_pair) -> None:
    sc, st = make_pair(stored="dense")
    sc.X[3] = 0
    st.X[[2, 5]] = 0
    with pytest.warns(hs.errors.DataWarning) as caught:
        table = cross_validate(sc, st, {"ssa": "ssa", "mine": uniform}, folds=3)
    assert len([w for w in caught if "without any expression" in str(w.message)]) == 2
    good = cross_validate(sc[sc.X.sum(axis=1) > 0].copy(), st[st.X.sum(axis=1) > 0].copy(), "ssa", folds=3)
    same(table[table["method"] == "ssa"].reset_index(drop=True), good)


def fake(monkeypatch: pytest.MonkeyPatch, *, finished: bool) -> list[list[str] | None]:
    """Register a method that takes labels, and return those it will be given."""
    given: list[list[str] | None] = []

    def method(sc: Expression, st: Expression, _: methods.Run, *, labels: str | None = None) -> object:
        given.append(None if labels is None else sc.labels.tolist())
        assert st.labels is None
        p = np.eye(len(st.names))[np.arange(len(sc.names)) % len(st.names)]
        every = [np.arange(n) for n in p.shape]
        expression = np.ones(p.shape[0]), np.ones(p.shape[1])
        return methods.Outcome(p, every[0], every[1], [], expression, trained({"finished": finished}))

    monkeypatch.setitem(registry._METHODS, "fake", methods.Method("fake", "for tests", method))
    return given


def test_labels_reach_the_method(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sc, st = pair
    given = fake(monkeypatch, finished=True)
    cross_validate(sc, st, {"with": ("fake", {"labels": "type"}), "without": "fake"}, folds=2)
    assert given == [sc.obs["type"].tolist()] * 2 + [None] * 2
    with pytest.raises(InputError, match=r"a column 'kind' in sc\.obs"):
        cross_validate(sc, st, "fake", folds=2, labels="kind")


def test_an_interrupted_training_is_not_scored(pair, tmp_path: Path, monkeypatch) -> None:
    fake(monkeypatch, finished=False)  # as COME ends when it is interrupted
    with pytest.raises(KeyboardInterrupt):
        cross_validate(*pair, "fake", folds=2, output=tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_processes_find_the_same(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    seen: list[tuple[int, int, str]] = []
    settings = {"folds": 3, "max_iter": 1, "tolerance": 1e-12, "progress": lambda *step: seen.append(step)}
    with pytest.warns(ConvergenceWarning, match="Sinkhorn stopped after 1 iterations"):
        alone = cross_validate(*pair, "ssa", **settings)
    with pytest.warns(ConvergenceWarning, match="Sinkhorn stopped after 1 iterations"):
        table = cross_validate(*pair, "ssa", n_jobs=2, **settings)
    same(table, alone)
    assert [step[0] for step in seen] == [0, 1, 2, 3] * 2
    assert "median PCC" in seen[-1][2]


def test_a_method_that_no_process_could_take_is_refused(pair) -> None:
    with pytest.raises(InputError, match="can be sent to fresh processes"):
        cross_validate(*pair, lambda sc, st: uniform(sc, st), folds=2, n_jobs=2)


# -- kept folds


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_run_goes_on_where_it_stopped(pair, tmp_path: Path) -> None:
    sc, st = pair
    whole = cross_validate(sc, st, "ssa", folds=4)
    path = tmp_path / "scores.csv"
    calls: list[int] = []

    def stop(done: int, *_: object) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(sc, st, "ssa", folds=4, output=path, progress=stop)
    kept = pd.read_csv(path)
    assert kept["fold"].unique().tolist() == [1, 2]
    calls.clear()
    calls.extend([0] * 3)
    table = cross_validate(sc, st, "ssa", folds=4, output=path, progress=stop)
    assert calls[3:] == [2, 3, 4]
    same(table, whole)
    again = cross_validate(sc, st, "ssa", folds=4, output=str(path))
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    assert files(tmp_path) == ["scores.csv", "scores.csv.json"]


def test_a_gene_called_nan_and_missing_scores_survive(tmp_path: Path, pair) -> None:
    sc, st = (x.copy() for x in pair)
    for data in (sc, st):
        data.var_names = ["nan" if gene == "g5" else gene for gene in data.var_names]
    folds = {"nan": "NA", "g10": "1", "g38": 2}
    table = cross_validate(sc, st, "ssa", folds=folds, output=tmp_path / "x.csv")
    again = cross_validate(sc, st, "ssa", folds=folds, output=tmp_path / "x.csv")
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    assert "nan" in again["gene"].tolist()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 1}, "folds, seed"),
        ({"folds": 4}, "folds"),
        ({"read_out": "sum"}, "read_out"),
        ({"preset": "genes"}, "methods"),
        ({"method": uniform}, "methods"),
        ({"sc": "other"}, "data"),
    ],
)
def test_scores_of_another_run_are_refused(pair, tmp_path: Path, change, what: str) -> None:
    sc, st = pair
    path = tmp_path / "scores.csv"
    cross_validate(sc, st, "ssa", folds=3, output=path)
    before = path.read_bytes()
    if change.pop("sc", None):
        sc = sc.copy()
        sc.X.data[0] += 1
    options = {"method": "ssa", "folds": 3, **change}
    with pytest.raises(InputError, match=f"a run with other {what} in"):
        cross_validate(sc, st, output=path, **options)
    assert path.read_bytes() == before


def test_files_that_are_no_scores_are_refused(pair, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="scores that cross_validate\\(\\) wrote"):
        cross_validate(*pair, output=path)
    (tmp_path / "scores.csv.json").write_text(json.dumps({}))
    with pytest.raises(InputError, match="scores that cross_validate\\(\\) wrote"):
        cross_validate(*pair, output=path)
    assert path.read_text() == "a,b\n1,2\n"


def test_a_kept_table_that_was_damaged_is_refused(pair, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    scores = cross_validate(*pair, "ssa", folds=2, output=path)
    whole = path.read_text()
    line = whole.splitlines()[3]
    for damage in (line.replace("0.", "1.", 1), "x" + line):
        path.write_text(whole.replace(line, damage))
        with pytest.raises(InputError, match="scores that cross_validate\\(\\) wrote"):
            cross_validate(*pair, "ssa", folds=2, output=path)
    path.write_text(whole)
    assert cross_validate(*pair, "ssa", folds=2, output=path).equals(scores)


def test_paths_that_cannot_be_written_are_refused(pair, tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "scores.txt", "output that ends in .csv"),
        (tmp_path / "no" / "scores.csv", "output in a folder that exists"),
        (Path("/proc/scores.csv"), "output to which a file can be written"),
    ):
        with pytest.raises(InputError, match=message):
            cross_validate(*pair, output=path)
    (folder := tmp_path / "is_folder.csv").mkdir()
    with pytest.raises(InputError, match="which is a folder"):
        cross_validate(*pair, output=folder)
    (tmp_path / "notes.csv.json").write_text("{}")
    with pytest.raises(InputError, match=r"something else in '.*notes\.csv\.json'"):
        cross_validate(*pair, output=tmp_path / "notes.csv")
    assert (tmp_path / "notes.csv.json").read_text() == "{}"


def test_a_disk_that_fills_up_leaves_what_was_there(pair, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "scores.csv"
    cross_validate(*pair, "ssa", folds=3, output=path)
    before = path.read_bytes()
    path.unlink()
    path.write_bytes(b"\n".join(before.splitlines()[:1]) + b"\n")
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        cross_validate(*pair, "ssa", folds=3, output=path)
    assert path.read_bytes() == before
    assert files(tmp_path) == ["scores.csv", "scores.csv.json"]


SCRIPT = """
    import os, sys, time
    import anndata as ad
    import numpy as np
    from homespot.evaluate.cross_validate import cross_validate

    def slow(sc, st):
        assert os.environ["OMP_NUM_THREADS"] == "2"  # two processes share four threads
        if st.n_vars < 26:
            time.sleep(60)
        return np.full((sc.n_obs, st.n_obs), 1 / st.n_obs)

    if __name__ == "__main__":
        sc, st = (ad.read_h5ad(name) for name in sys.argv[1:3])
        folds = {gene: i for i, gene in enumerate(st.var_names[:1])} | dict.fromkeys(st.var_names[1:9], 9)
        print("ready", flush=True)
        cross_validate(sc, st, slow, folds=folds, n_jobs=2, output=sys.argv[3])
"""


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interruption_ends_all_processes_and_keeps_what_is_finished(pair, tmp_path: Path) -> None:
    sc, st = pair
    genes = shared(sc, st)[:28]
    for name, data in (("sc", sc[:, genes]), ("st", st[:, genes])):
        data.copy().write_h5ad(tmp_path / f"{name}.h5ad")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    output = tmp_path / "scores.csv"
    process = subprocess.Popen(
        [sys.executable, str(script), *(str(tmp_path / x) for x in ("sc.h5ad", "st.h5ad")), str(output)],
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "4"},
    )
    try:
        for _ in range(600):
            if output.exists():
                break
            time.sleep(0.1)
        assert output.exists()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) != 0
    finally:
        process.kill()
    for _ in range(100):
        if not alive(process.pid):
            break
        time.sleep(0.1)
    assert not alive(process.pid)
    assert pd.read_csv(output)["fold"].tolist() == [0]


UNGUARDED = """
    import numpy as np, anndata as ad
    from homespot.evaluate.cross_validate import cross_validate
    rng = np.random.default_rng(0)
    tables = [ad.AnnData(rng.poisson(3, (20, 8)).astype("f4")) for _ in range(2)]
    cross_validate(*tables, "ssa", folds=2, n_jobs=2)
"""


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(UNGUARDED))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "below `if __name__ == '__main__':`" in done.stderr


# -- bad input


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (1, "from 2 to the 31 shared genes"),
        (32, "from 2 to the 31 shared genes"),
        (2.5, "from 2 to the 31 shared genes"),
        (True, "from 2 to the 31 shared genes"),
        ("all", "from 2 to the 31 shared genes"),
        ({"nowhere": 1, "g1": 2}, "1 that are not \\('nowhere'\\)"),
        ({"g1": None}, "1 without a fold \\('g1'\\)"),
        ({}, "found none"),
        (pd.Series([1, 2], index=["g1", "g1"]), "found some twice"),
        ({f"g{i}": 0 for i in range(40)}, "that are not"),
    ],
)
def test_bad_folds_are_refused(pair, folds, message: str) -> None:
    sc, st = pair
    genes = shared(sc, st)
    assert len(genes) == 31
    with pytest.raises(InputError, match=message):
        cross_validate(sc, st, folds=folds)


def test_folds_that_leave_no_genes_are_refused(pair) -> None:
    sc, st = pair
    genes = shared(sc, st)
    with pytest.raises(
        InputError, match="at least 2 genes to map with in every fold, found 1 without the 30"
    ):
        cross_validate(sc, st, folds=dict.fromkeys(genes[1:], "a"))
    with pytest.raises(InputError, match="at least 2 shared genes"), pytest.warns(hs.errors.DataWarning):
        cross_validate(sc, st[:, [genes[0]]].copy(), folds=2)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda p: p.T, "a map of 40 cells x 25 spots from the method, found 25 x 40"),
        (lambda p: p[:-1], "a map of 40 cells x 25 spots from the method, found 39 x 25"),
        (lambda _: None, "found no matrix of numbers"),
        (lambda _: "map", "found no matrix of numbers"),
        (lambda p: p * 2, "rows of probabilities .* 40 row\\(s\\) with another sum, e.g. 2"),
        (lambda p: p / 40, "another sum, e.g. 0.025"),
        (lambda p: p * np.nan, "finite probabilities"),
        (lambda p: p - np.eye(40, 25) + np.roll(np.eye(40, 25), 1, axis=1), "values down to -0.96"),
        (lambda p: sparse.csr_matrix(p * 2), "another sum, e.g. 2"),
        (lambda p: sparse.csr_matrix(p * 0), "another sum, e.g. 0"),
        (lambda p: ad.AnnData(p), "a map of the cells that the method was given, found '0', '1'"),
    ],
)
def test_bad_maps_of_functions_are_refused(pair, returned, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cross_validate(*pair, lambda sc, st: returned(uniform(sc, st)), folds=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "tangram"}, "method to be one of"),
        ({"method": {}}, "at least one method"),
        ({"method": []}, "at least one method"),
        ({"method": ["ssa", 3]}, "a list of names, or by name .* found a list"),
        ({"method": {"a": 3}}, "a method: its name.* a pair .* found a int"),
        ({"method": {"a": (uniform, {})}}, "found a tuple"),
        ({"method": {"a": ("ssa", {"sharpness": 1})}}, "parameters of method 'ssa'"),
        ({"method": uniform, "regularisation": 0.1}, "one method by name only, found 'regularisation'"),
        ({"method": {"a": "ssa"}, "preset": "genes"}, "one method by name only, found 'preset'"),
        ({"method": "come", "checkpoint": "x.pt"}, "no checkpoint"),
        ({"regularisation": -1}, "regularisation to be"),
        ({"read_out": "median"}, "read_out to be one of 'scaled', 'mean', 'sum'"),
        ({"n_jobs": 0}, "n_jobs to be a whole number of at least 1"),
        ({"seed": -1}, "seed to be a whole number"),
        ({"sc_layer": "counts"}, "a layer 'counts' in sc"),
        ({"st_scale": "raw"}, "st_scale to be one of"),
        ({"progress": 3}, "progress to be"),
        ({"device": "tpu"}, "device 'auto', 'cpu'"),
    ],
)
def test_bad_parameters_are_refused(pair, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cross_validate(*pair, **options)


def test_data_that_is_no_anndata_is_refused(pair) -> None:
    with pytest.raises(InputError, match="an AnnData as st, found a ndarray"):
        cross_validate(pair[0], np.ones((2, 2)))
    bad = pair[0].copy()
    bad.X.data[0] = np.nan
    with pytest.raises(InputError, match="finite numbers in the single-cell data"):
        cross_validate(bad, pair[1])


def test_an_error_of_a_method_passes(pair) -> None:
    def broken(*_: ad.AnnData) -> np.ndarray:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        cross_validate(*pair, broken, folds=2)


@pytest.mark.slow
def test_drosophila_has_the_recorded_scores(real_data: Path) -> None:
    data = hs.datasets.load("drosophila")
    folds = pd.read_csv(real_data / "drosophila" / "folds_kfold10_sorted.csv", keep_default_na=False)
    table = cross_validate(
        data["sc"], data["st"], "ssa", folds=folds.set_index("gene")["fold"], read_out="sum", preset="paper"
    )
    assert len(table) == 84
    assert table["pcc"].median() == pytest.approx(0.635, abs=0.003)
    means = table[["pcc", "ssim", "rmse", "jsd"]].mean()
    assert means.tolist() == pytest.approx([0.603, 0.505, 0.863, 0.075], abs=0.003)
