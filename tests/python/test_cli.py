"""The command line: what it writes, prints and returns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import (
    cell_positions,
    cross_validate,
    deconvolve_spots,
    fit_types,
    impute_genes,
    load,
    map_cells,
    place_cells,
    simulate_spots,
)
from homespot.cli._shared import _is_own
from homespot.evaluate.kept import read_scores

COMMANDS = (
    *("map", "place", "impute", "deconvolve", "fit-types", "evaluate", "report", "simulate", "methods"),
    "demo",
)


@pytest.fixture
def folder(make_pair, tmp_path: Path) -> Path:
    sc, st = make_pair()
    sc.write_h5ad(tmp_path / "sc.h5ad")
    st.write_h5ad(tmp_path / "st.h5ad")
    return tmp_path


@pytest.fixture
def run(monkeypatch, called, folder):
    """Run the command line in this process; the exit status, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        return called(*arguments)

    return call


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_map_then_place_are_those_of_the_library(run, folder) -> None:
    assert run("map", "sc.h5ad", "st.h5ad", "--set", "n_genes=20", "--k-best", 5, "--preset", "paper")[0] == 0
    sc, st = ad.read_h5ad(folder / "sc.h5ad"), ad.read_h5ad(folder / "st.h5ad")
    mapping, expected = load(folder / "map.h5ad"), map_cells(sc, st, n_genes=20, k_best=5, preset="paper")
    assert mapping.X.data.tobytes() == expected.X.data.tobytes()
    assert mapping.uns["homespot"]["parameters"] == expected.uns["homespot"]["parameters"]
    code, out, err = run("place", "map.h5ad", "sc.h5ad", "--position", "k_best", "--k", 3, "-o", "out.h5ad")
    assert (code, err) == (0, "")
    assert out.startswith("Placed 40 cells; median spread ")
    assert out.endswith("Wrote out.h5ad\n")
    placed = place_cells(expected, sc, position="k_best", k=3)
    np.testing.assert_array_equal(ad.read_h5ad(folder / "out.h5ad").obsm["spatial"], placed.obsm["spatial"])
    assert files(folder) == ["map.h5ad", "out.h5ad", "sc.h5ad", "st.h5ad"]


def test_impute_and_deconvolve_are_those_of_the_library(run, folder) -> None:
    assert run("map", "sc.h5ad", "st.h5ad")[0] == 0
    mapping, sc = load(folder / "map.h5ad"), ad.read_h5ad(folder / "sc.h5ad")
    genes = ["--gene", sc.var_names[3], "--gene", sc.var_names[0]]
    code, out, err = run("impute", "map.h5ad", "sc.h5ad", *genes, "--read-out", "sum")
    assert (code, err) == (0, "")
    assert out == (
        "Imputed 2 gene(s) at 25 spots.\nScale: sum of log(1 + 10,000 x / total).\n"
        "Genes that the map was made from: 1.\nWrote imputed.h5ad\n"
    )
    assert run("evaluate", "sc.h5ad", "st.h5ad", "--folds", "3")[0] == 0
    within = ("--scores", "scores.csv", "--level", "0.8")
    code, out, err = run("impute", "map.h5ad", "sc.h5ad", *within, "-o", "within.h5ad")
    assert (code, err) == (0, "")
    expected = impute_genes(mapping, sc, scores=read_scores(folder / "scores.csv"), level=0.8)
    found = ad.read_h5ad(folder / "within.h5ad")
    for layer in ("lower", "upper"):
        np.testing.assert_array_equal(found.layers[layer], expected.layers[layer])
    width = np.nanmedian(expected.layers["upper"] - expected.layers["lower"])
    assert f"Intervals of the level 0.8: median width {width:.3g}.\n" in out
    expected = impute_genes(mapping, sc, list(sc.var_names[[3, 0]]), read_out="sum")
    found = ad.read_h5ad(folder / "imputed.h5ad")
    np.testing.assert_array_equal(found.X, expected.X)
    assert found.var_names.tolist() == expected.var_names.tolist()
    code, out, err = run("deconvolve", "map.h5ad", "type", "--json", "--read-out", "sum")
    assert (code, err) == (0, "")
    types = ad.read_h5ad(folder / "types.h5ad")
    rests_on = {"types_by": types.uns["homespot"]["types_by"]}
    assert json.loads(out) == {"output": "types.h5ad", "spots": 25, "types": ["a", "b"], **rests_on}
    code, out, err = run("deconvolve", "map.h5ad", "type", "--read-out", "sum")
    assert (code, err) == (0, "")
    lacking = (
        "This is by the map alone, with too little contrast: rare types are found in too many spots, and "
    )
    assert lacking in out
    assert "; --sc and --st add a fit of the spots.\n" in out
    np.testing.assert_array_equal(types.X, deconvolve_spots(mapping, "type", read_out="sum").X)
    scored = ["scores.csv", "scores.csv.json"]
    assert files(folder) == [
        "imputed.h5ad",
        "map.h5ad",
        "sc.h5ad",
        *scored,
        "st.h5ad",
        "types.h5ad",
        "within.h5ad",
    ]


def test_types_by_a_fit_are_those_of_the_library(run, folder) -> None:
    sc, st = ad.read_h5ad(folder / "sc.h5ad"), ad.read_h5ad(folder / "st.h5ad")
    code, out, err = run("fit-types", "sc.h5ad", "st.h5ad", "--labels", "type", "--level", 0.5)
    assert (code, err) == (0, "")
    assert out.startswith("Found 2 types in 25 spots; most abundant in: ")
    found, expected = ad.read_h5ad(folder / "types.h5ad"), fit_types(sc, st, "type", level=0.5)
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.layers["lower"], expected.layers["lower"])
    assert run("map", "sc.h5ad", "st.h5ad")[0] == 0
    both = ["--sc", "sc.h5ad", "--st", "st.h5ad"]
    code, out, err = run("deconvolve", "map.h5ad", "type", *both, "--level", 0.5)
    assert (code, err) == (0, "")
    expected = deconvolve_spots(load(folder / "map.h5ad"), "type", sc=sc, st=st, level=0.5)
    weight = expected.uns["homespot"]["map_weight"]
    assert f"The map counts {weight:.0%} beside the fit." in out
    assert "map alone" not in out
    found = ad.read_h5ad(folder / "types.h5ad")
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.layers["upper"], expected.layers["upper"])
    assert json.loads(run("deconvolve", "map.h5ad", "type", *both, "--json")[1])["map_weight"] == weight
    code, _, err = run("deconvolve", "map.h5ad", "type", "--sc", "sc.h5ad")
    assert (code, "Expected both --sc and --st" in err) == (1, True)


def test_evaluate_is_that_of_the_library_and_goes_on(run, folder) -> None:
    options = ["--method", "ssa", "--method", "correlation", "--folds", 3, "--seed", 4]
    code, out, err = run("evaluate", "sc.h5ad", "st.h5ad", *options)
    assert (code, err) == (0, "")
    sc, st = ad.read_h5ad(folder / "sc.h5ad"), ad.read_h5ad(folder / "st.h5ad")
    methods = {"ssa": "ssa", "correlation": "correlation"}
    expected = cross_validate(sc, st, methods, folds=3, seed=4).drop(columns="seconds")
    found = pd.read_csv(folder / "scores.csv")
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected, check_dtype=False)
    lines = out.splitlines()
    assert lines[0].startswith("Scores over 31 genes, each predicted from the others")
    assert [line.split()[0] for line in lines[1:]] == ["median", "ssa", "correlation", "Wrote"]
    assert f"{expected[expected['method'] == 'ssa']['pcc'].mean():.3f}" in lines[2]
    written = (folder / "scores.csv").read_text()
    assert json.loads(run("evaluate", "sc.h5ad", "st.h5ad", *options, "--json")[1])["genes"] == 31
    assert (folder / "scores.csv").read_text() == written  # the seconds, too: nothing was done again
    code, _, err = run("evaluate", "sc.h5ad", "st.h5ad", "--folds", "few")
    assert code == 1
    assert "folds" in err


def test_report_is_a_page(run, folder) -> None:
    assert run("map", "sc.h5ad", "st.h5ad")[0] == 0
    code, out, err = run(
        *("report", "map.h5ad", "--sc", "sc.h5ad", "--st", "st.h5ad", "--labels", "type", "--title", "A & B")
    )
    assert (code, out, err) == (0, "Wrote report.html\n", "")
    page = (folder / "report.html").read_text()
    assert "<h1>A &amp; B</h1>" in page


def test_map_says_what_it_found(run) -> None:
    code, out, err = run("map", "sc.h5ad", "st.h5ad", "-o", "m.h5ad", "--device", "cpu")
    assert (code, err) == (0, "")
    first, second, third, last = out.splitlines()
    assert first == "Mapped 40 cells to 25 spots over 31 genes by ssa on cpu."
    assert second == (
        "Single-cell data: counts (all values are whole numbers); "
        "spatial data: counts (all values are whole numbers)."
    )
    assert third.startswith("Converged after ")
    assert last == "Wrote m.h5ad"


def test_sections_are_mapped_by_themselves(run, folder) -> None:
    """The file is that of map_cells; what is said is said of each."""
    options = ["--sections", "region", "--device", "cpu"]
    code, out, err = run("map", "sc.h5ad", "st.h5ad", "-o", "m.h5ad", *options)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Mapped 40 cells to 25 spots in 3 sections (region), each by itself."
    said = [line for line in lines if line.startswith("Section")]
    assert said == [f"Section '{name}' over 31 genes by ssa on cpu." for name in (0, 1, 2)]
    assert sum(line.startswith("Converged after ") for line in lines) == 3
    mapping = load(folder / "m.h5ad")
    tables = [ad.read_h5ad(folder / f"{side}.h5ad") for side in ("sc", "st")]
    assert np.array_equal(mapping.X, map_cells(*tables, sections="region").X)
    code, out, err = run("map", "sc.h5ad", "st.h5ad", "-o", "m.h5ad", *options, "--json")
    found = json.loads(out)
    assert (found["cells"], found["spots"]) == (40, 25)
    assert all(section["converged"] and section["genes"] == 31 for section in found["sections"].values())
    assert list(found["sections"]) == ["0", "1", "2"]


@pytest.mark.filterwarnings("ignore:Found . sections")
def test_sections_in_several_files(run, folder) -> None:
    """Each file is a section; what follows says of which section the cells are."""
    sc, st = (ad.read_h5ad(folder / f"{side}.h5ad") for side in ("sc", "st"))
    parts = {"left": st[:10].copy(), "right": st[10:].copy()}
    for name, part in parts.items():
        part.write_h5ad(folder / f"{name}.h5ad")
    files = ["map", "sc.h5ad", "left.h5ad", "right.h5ad"]
    for options, joint in (([], None), (["--each"], False), (["--joint"], True)):
        code, out, _ = run(*files, "-o", "m.h5ad", "--device", "cpu", *options)
        assert code == 0
        mapping = load(folder / "m.h5ad")
        expected = map_cells(sc, parts, joint=joint)
        np.testing.assert_array_equal(mapping.X, expected.X)
        assert mapping.var["homespot_section"].tolist() == ["left"] * 10 + ["right"] * 15
    code, out, _ = run("place", "m.h5ad", "sc.h5ad", "--json")
    placed = ad.read_h5ad(folder / "placed.h5ad")
    assert json.loads(out)["sections"] == placed.obs["homespot_section"].value_counts().to_dict()
    code, out, _ = run("place", "m.h5ad", "sc.h5ad")
    assert "Cells by section: " in out
    assert run(*files, "-o", "one.h5ad", "--shared-frame")[0] == 0
    assert "homespot_section" not in cell_positions(load(folder / "one.h5ad"))
    code, _, err = run("map", "sc.h5ad", "left.h5ad", "left.h5ad", "-o", "m.h5ad")
    assert code == 1
    assert "sections in files of different names" in err


SMALL = ("hidden=8", "latent=4", "pretrain_epochs=3")
COME = ["--method", "come", "--device", "cpu", *(part for one in SMALL for part in ("--set", one))]


@pytest.mark.parametrize("typed", [False, True])
def test_come_says_how_it_was_trained(run, folder, typed: bool) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    options = [*COME, "--set", "epochs=3", *(["--set", "labels=type"] if typed else [])]
    code, out, err = run("map", "sc.h5ad", "st.h5ad", *options)
    assert (code, err) == (0, "")
    sentence = out.splitlines()[2]
    assert re.fullmatch(
        r"Trained for 3 epochs as imaging data \(35 genes in the spatial data, fewer than 2000\); "
        r"row entropy of the map 0\.\d\d of log N; " + rf"the term of types is {'on' if typed else 'off'}\.",
        sentence,
    )
    parameters = load(folder / "map.h5ad").uns["homespot"]["parameters"]
    assert parameters["epochs"] == 3
    assert parameters.get("labels") == ("type" if typed else None)


def test_come_as_json(run) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    options = ["--set", "epochs=3", "--set", "validation_genes=0.2", "--set", "st_labels=region"]
    code, out, err = run("map", "sc.h5ad", "st.h5ad", *COME, *options, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    found = {k: answer[k] for k in ("method", "finished", "epochs", "technology", "cell_types", "spot_types")}
    assert found == {
        "method": "come",
        "finished": True,
        "epochs": 3,
        "technology": "imaging",
        "cell_types": 0,
        "spot_types": 3,
    }
    assert answer["best_epoch"] in range(4)
    assert 0 < answer["entropy"] < 1
    assert not {"losses", "genes_held_out"} & set(answer)  # they are in the file


@pytest.mark.filterwarnings("ignore::homespot.errors.ConvergenceWarning")
def test_an_interrupted_training_is_written_and_says_so(run, folder, monkeypatch) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    whole = map_cells

    def interrupted(*arguments: object, **options: object) -> ad.AnnData:
        def progress(done: int, total: int, _: str) -> None:
            if (done, total) == (2, 7):
                raise KeyboardInterrupt

        return whole(*arguments, **options | {"progress": progress})

    monkeypatch.setattr("homespot.cli._map.map_cells", interrupted)
    code, out, _ = run("map", "sc.h5ad", "st.h5ad", *COME, "--set", "epochs=7")
    assert code == 130
    assert out.splitlines()[2].startswith("Interrupted: trained for 2 epochs as imaging data")
    assert load(folder / "map.h5ad").uns["homespot"]["solver"]["epochs"] == 2


def test_simulate_writes_both_sides(run, folder) -> None:
    cells = ad.read_h5ad(folder / "st.h5ad")
    options = ["--cells-per-spot", 3, "--n-parts", 4, "--part", 1, "--seed", 3]
    code, out, _ = run("simulate", "st.h5ad", "-o", "sim/deep", "--json", *options)
    assert code == 0
    sc, st = simulate_spots(cells, cells_per_spot=3, n_parts=4, part=1, seed=3)
    assert json.loads(out) == {
        "output": "sim/deep",
        "cells": sc.n_obs,
        "spots": st.n_obs,
        "pitch": st.uns["homespot"]["pitch"],
    }
    assert files(folder / "sim" / "deep") == ["sc.h5ad", "st.h5ad"]
    np.testing.assert_array_equal(ad.read_h5ad(folder / "sim/deep/st.h5ad").X.toarray(), st.X.toarray())
    assert ad.read_h5ad(folder / "sim/deep/sc.h5ad").obs["true_spot"].tolist() == sc.obs["true_spot"].tolist()
    run("simulate", "st.h5ad", "-o", "leak", "--no-leave-out", *options)
    leak = simulate_spots(cells, cells_per_spot=3, n_parts=4, part=1, seed=3, leave_out=False)[1]
    np.testing.assert_array_equal(ad.read_h5ad(folder / "leak/st.h5ad").X.toarray(), leak.X.toarray())
    shift = ["--platform", "laplace", "--platform-sd", 0.4, "--depth", 0.5, "--dropout", 0.1]
    run("simulate", "st.h5ad", "-o", "shift", *shift, *options)
    shift = {"platform": "laplace", "platform_sd": 0.4, "depth": 0.5, "dropout": 0.1}
    other = simulate_spots(cells, cells_per_spot=3, n_parts=4, part=1, seed=3, **shift)[0]
    written = ad.read_h5ad(folder / "shift/sc.h5ad")
    np.testing.assert_array_equal(written.X.toarray(), other.X.toarray())
    np.testing.assert_array_equal(written.var["true_factor"], other.var["true_factor"])


def test_every_json_is_one_object(run) -> None:
    for command in (
        ["map", "sc.h5ad", "st.h5ad", "-o", "map.h5ad"],
        ["place", "map.h5ad", "sc.h5ad"],
        ["simulate", "st.h5ad", "--cells-per-spot", 3],
        ["methods"],
    ):
        code, out, err = run(*command, "--json")
        assert (code, err) == (0, "")
        assert isinstance(json.loads(out), dict)
        assert out.count("\n") == 1


def test_methods_are_listed_with_defaults_and_presets(run) -> None:
    code, text, _ = run("methods")
    assert code == 0
    assert "correlation: " in text
    assert "  regularisation = " in text
    assert "  preset paper: " in text
    listed = json.loads(run("methods", "--json")[1])
    assert listed["ssa"]["presets"]["paper"]["correlation"] == "absolute"
    assert listed["come"]["presets"]["paper:merfish"]["epochs"] == 200
    assert listed["come"]["parameters"]["labels"] is None


def test_help_mentions_every_command(run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(command in out for command in COMMANDS)
    for command in COMMANDS:
        assert run(command, "--help")[0] == 0


def test_help_names_the_devices_in_full(run) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", run("map", "--help")[1])
    assert "cuda:0" in plain


def test_version(run) -> None:
    from homespot import __version__

    assert run("--version") == (0, f"homespot {__version__}\n", "")


REFUSED = {
    "no file": (
        ["map", "no.h5ad", "st.h5ad"],
        "file .h5ad no.h5ad",
    ),
    "not an h5ad": (["map", "text.h5ad", "st.h5ad"], None),
    "method": (
        ["map", "sc.h5ad", "st.h5ad", "--method", "magic"],
        "method 'come' 'correlation' 'ssa' 'magic'",
    ),
    "no equals sign": (
        ["map", "sc.h5ad", "st.h5ad", "--set", "n_genes"],
        "--set name=value 'n_genes'",
    ),
    "an option as a parameter": (["map", "sc.h5ad", "st.h5ad", "--set", "seed=3"], None),
    "a word where a number is due": (
        ["map", "sc.h5ad", "st.h5ad", "--set", "n_genes=many"],
        "n_genes 2 'many'",
    ),
    "folder of the output": (
        ["map", "sc.h5ad", "st.h5ad", "-o", "no/map.h5ad"],
        "folder 'no/map.h5ad'",
    ),
    "ending of the output": (
        ["place", "map.h5ad", "sc.h5ad", "-o", "placed.csv"],
        ".h5ad 'placed.csv'",
    ),
    "not a mapping": (
        ["place", "sc.h5ad", "sc.h5ad"],
        "mapping 'homespot' 40 35 `homespot map`",
    ),
    "output is a file": (["simulate", "st.h5ad", "--cells-per-spot", "3", "-o", "text.h5ad"], None),
    "output is below a file": (
        ["simulate", "no.h5ad", "-o", "text.h5ad/sim"],  # before the cells are looked for
        "folder 'text.h5ad/sim'",
    ),
    "the demo's output is a file": (["demo", "-o", "text.h5ad"], None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_go_to_stderr_with_status_1_and_leave_nothing(run, folder, told, case: str) -> None:
    (folder / "text.h5ad").write_text("no")
    arguments, words = REFUSED[case]
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    if words is not None:
        told(err, words)
    assert files(folder) == ["sc.h5ad", "st.h5ad", "text.h5ad"]


@pytest.mark.parametrize(
    "arguments",
    [["map"], ["map", "sc.h5ad", "st.h5ad", "--no-such"], ["fly"], ["methods", "--json=3"]],
    ids=str,
)
def test_wrong_usage_is_status_2(run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Error" in err


def test_interruption_is_status_130(run, monkeypatch, folder) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("homespot.cli._map.map_cells", interrupt)
    assert run("map", "sc.h5ad", "st.h5ad")[0] == 130
    assert files(folder) == ["sc.h5ad", "st.h5ad"]


def homespot(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "homespot.cli", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_in_a_process_of_its_own_it_is_silent_but_for_its_answer(folder, told) -> None:
    """No progress bar where stderr is no terminal, and dropped cells as a note."""
    sc = ad.read_h5ad(folder / "sc.h5ad")
    x = sc.X.toarray()
    x[2] = 0
    sc.X = x
    sc.write_h5ad(folder / "sc.h5ad")
    done = homespot(folder, "map", "sc.h5ad", "st.h5ad", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["cells"] == 39
    assert done.stderr == "Note: Dropped 1 cell(s) without any expression ('c2').\n"
    failed = homespot(folder, "place", "map.h5ad", "st.h5ad")
    assert failed.returncode == 1
    assert failed.stdout == ""
    told(failed.stderr, "Error: single-cell data mapped 39")


def test_demo_makes_everything_it_says(run, folder) -> None:
    code, out, err = run("demo", "-o", "demo", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    made = {"cells.h5ad", "spots.h5ad", "map.h5ad", "placed.h5ad"} | (
        {"demo.png", "report.html"} if answer["figure"] else set()
    )
    assert set(files(folder / "demo")) == made
    assert all(_is_own(folder / "demo" / name) for name in made)
    assert load(folder / "demo" / "map.h5ad").n_obs == ad.read_h5ad(folder / "demo" / "placed.h5ad").n_obs


def test_runs_of_the_same_name_are_sections_by_their_folders(tmp_path) -> None:
    from homespot.cli._shared import spatial

    runs = [tmp_path / run / "outs" / "filtered_feature_bc_matrix.h5" for run in ("runA", "runB")]
    for path in runs:
        path.parent.mkdir(parents=True)
    for paths in (runs, [path.parent for path in runs]):
        found = spatial(paths, lambda path: ad.AnnData(obs={"path": [str(path)]}))
        assert list(found) == ["runA", "runB"]
        assert [part.obs["path"].iloc[0] for part in found.values()] == list(map(str, paths))
