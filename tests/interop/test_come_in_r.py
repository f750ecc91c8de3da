"""COME: the same numbers from both languages, checkpoints across them, and an interruption from R."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

import homespot
from homespot.errors import ConvergenceWarning

pytest.importorskip("torch", reason="torch is not installed")

HERE = Path(__file__).parent

QUICK = {"epochs": 4, "pretrain_epochs": 5, "hidden": 16, "latent": 8}
LABELS = {"labels": "type", "st_labels": "layer"}
CASES = {
    "typed": QUICK | LABELS,
    "bare": QUICK,
    "numbers": QUICK | {"labels": "cluster", "seed": 3},
    "preset": {"preset": "paper:drosophila", "epochs": 3, "pretrain_epochs": 3, "labels": "type"},
    "alike": QUICK | {"gene_weights": "equal"},
    "held": QUICK | LABELS | {"validation_genes": 0.25, "k_best": 6},
    "candidates": QUICK | LABELS | {"candidates": 7},
    "candidates cut": QUICK | {"candidates": 7, "k_best": 3, "preset": "places"},
    "all": QUICK | {"candidates": None},
    "continued": QUICK | LABELS,
    "as values": QUICK | LABELS,
    "as a list": QUICK | LABELS,
}
VALUES = ("as values", "as a list")
"""Cases whose labels are given as the values themselves, by R in the data's order or by name in another."""
DIFFERENT = {"typed", "bare", "numbers", "preset", "alike", "held", "candidates", "candidates cut"}


@pytest.fixture(scope="module")
def typed(problem):
    """The problem with types: text and numbers of the cells, text of the spots."""
    sc, st = (table.copy() for table in problem)
    sc.obs["type"] = [["beta'COP", "nan", "µ 3"][i % 3] for i in range(sc.n_obs)]
    sc.obs["cluster"] = [[1.5, 10.0, 2.0][i // 5 % 3] for i in range(sc.n_obs)]
    st.obs["layer"] = ["in" if i % 4 else "out" for i in range(st.n_obs)]
    return sc, st


@pytest.fixture(scope="module")
def own_come(typed):
    """What Python makes of every case."""
    sc, st = typed
    values = {
        "as values": {"labels": sc.obs["type"].to_numpy(), "st_labels": st.obs["layer"].to_numpy()},
        "as a list": {"labels": sc.obs["type"][::-1], "st_labels": st.obs["layer"].to_dict()},
    }
    with pytest.warns(ConvergenceWarning, match="says next to nothing"):  # of the preset's few epochs
        return {
            name: homespot.map_cells(*typed, "come", **arguments | values.get(name, {}))
            for name, arguments in CASES.items()
        }


@pytest.fixture(scope="module")
def files(folder, typed, tmp_path_factory):
    """The problem in files, with a checkpoint that Python left half-way."""
    problem = tmp_path_factory.mktemp("come")
    shutil.copytree(folder, problem, dirs_exist_ok=True)
    for table, side in zip(typed, ("sc", "st"), strict=True):
        table.obs.to_csv(problem / f"{side}_labels.csv", index=False)
    path = str(problem / "half.pt")
    homespot.map_cells(*typed, "come", **CASES["continued"] | {"epochs": 2, "checkpoint": path})
    cases = CASES | {"continued": CASES["continued"] | {"checkpoint": path}}
    (problem / "come.json").write_text(json.dumps(cases))
    return problem


@pytest.fixture(scope="module", params=["fresh", "hosted"])
def r_come(request, files, sourced, tmp_path_factory):
    """Folder of what an R process made of every case: one of its own, and one that Python hosts."""
    out = tmp_path_factory.mktemp(request.param)
    sourced("come.R", {"PROBLEM": files, "OUT": out}, hosted=request.param == "hosted")
    return out


@pytest.mark.parametrize("case", CASES)
def test_r_trains_as_python_does(case, r_come, own_come, same):
    """P, home spots and the whole record, every loss of every epoch included."""
    found, expected = same.from_r(r_come / case), own_come[case]
    same.numbers(found, expected)
    assert found.home.tolist() == homespot.cell_positions(expected)["homespot_spot"].tolist()
    record = found.record
    if case == "continued":
        assert record["parameters"].pop("checkpoint") == str(r_come / "half.pt")
    same.record(record, expected.uns["homespot"])


@pytest.mark.parametrize("case", CASES)
def test_the_file_of_r_has_the_losses(case, r_come, own_come, same):
    found, expected = (
        mapping.uns["homespot"]["solver"]
        for mapping in (homespot.load(r_come / f"{case}.h5ad"), own_come[case])
    )
    same.record(found, expected)
    assert found["genes_held_out"].shape == expected["genes_held_out"].shape


def test_python_goes_on_from_a_checkpoint_of_r(r_come, typed):
    """R wrote it at the end of a longer run than the file began with."""
    path = str(r_come / "half.pt")
    longer = CASES["continued"] | {"epochs": 6}
    whole = homespot.map_cells(*typed, "come", **longer)
    rest = homespot.map_cells(*typed, "come", **longer | {"checkpoint": path})
    assert rest.X.tobytes() == whole.X.tobytes()


@pytest.mark.parametrize("case", VALUES)
def test_labels_as_values_are_a_column_of_the_map(case, r_come, own_come, same):
    found, expected = same.from_r(r_come / case), own_come[case]
    same.columns(found.obs, expected.obs, ignore=("homespot_labels",))
    for labels, table, column in (
        (found.obs["homespot_labels"], expected.obs, "homespot_labels"),
        (found.var["homespot_st_labels"], expected.var, "homespot_st_labels"),
    ):
        assert np.asarray(labels).tolist() == table[column].tolist()
    assert found.p.tobytes() == own_come["typed"].X.astype("f8").tobytes()


def test_the_cases_are_not_all_the_same(own_come):
    maps = {own_come[name].X.astype("f8").sum(0).tobytes() for name in DIFFERENT}
    assert len(maps) == len(DIFFERENT)


WAYS = ("log", "function")
STEP = re.compile(
    r'\{"step": "(Pretraining|Training)", "done": (\d+), "total": (2|100001), "note": "[^"]*"\}\n'
)


def _interrupted(environment):
    """Start R, send it Ctrl-C's signal in each of its trainings; return what it writes, and its log."""
    process = subprocess.Popen(
        ["Rscript", "--vanilla", HERE / "interrupt.R", *WAYS],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    limit = threading.Timer(240, process.kill)
    limit.start()
    said = []
    try:
        for i in range(len(WAYS)):
            for line in process.stderr:
                said.append(line)
                if f'"total": {100_001 + i}' in line and '"done": 0,' not in line:
                    process.send_signal(signal.SIGINT)
                    break
        output, rest = process.stdout.read(), process.stderr.read()
        process.wait()
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            pipe.close()
    assert process.returncode == 0, "".join([*said, rest, output])
    return output, said


def _interrupted_at_a_console(environment):
    """The same of an R at a terminal, with its bar, where an interruption goes back to the prompt."""
    here, there = os.openpty()
    command = ["R", "--vanilla", "--interactive", "--no-echo", "--no-readline", "--args", "bar"]
    process = subprocess.Popen(
        command, env=environment, stdin=there, stdout=there, stderr=there, start_new_session=True
    )
    os.close(there)
    limit = threading.Timer(240, process.kill)
    limit.start()
    os.write(here, f"source('{HERE / 'interrupt.R'}')\nq()\n".encode())
    said, sent = b"", False
    try:
        while True:
            try:
                said += os.read(here, 65536)
            except OSError:  # the other end is closed
                break
            if not sent and re.search(rb"[1-9]\d*/100001", said):
                process.send_signal(signal.SIGINT)
                sent = True
        process.wait()
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        os.close(here)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode().replace("\r", "\n"))
    assert process.returncode == 0, text
    return text


@pytest.fixture(scope="module")
def interrupted(environment):
    return _interrupted(environment)


def _is_the_map_so_far(output, total):
    said = dict(line.split(":", 1) for line in output.splitlines() if ":" in line)
    assert said["finished"].strip() == "FALSE"
    epochs = int(said["epochs"])
    assert 1 <= epochs < 1000
    assert said["valid"].split() == ["TRUE", "800", "405"]
    assert (
        said["warned"].split()
        == (
            f"Training was interrupted after {epochs} of {total} epochs; the map is that of the state "
            "so far. Name a checkpoint to be able to go on from an interruption."
        ).split()
    )
    assert said["method"].strip().startswith(f"come, INTERRUPTED after {epochs} epoch")
    assert said["again"].strip() == "TRUE"


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("way", WAYS)
def test_an_interruption_of_a_script_gives_the_map_so_far(way, interrupted):
    i = WAYS.index(way)
    output = interrupted[0].split("finished:")[1:][i]
    _is_the_map_so_far(f"finished:{output}", 100_001 + i)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_an_interruption_at_a_console_gives_the_map_so_far(environment):
    _is_the_map_so_far(_interrupted_at_a_console(environment), 100_001)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_progress_as_a_log_is_a_line_of_json_for_every_step(interrupted):
    lines = [line for line in interrupted[1] if line.startswith('{"step"')]
    steps = [STEP.fullmatch(line).groups() for line in lines]
    done = [(stage, int(at)) for stage, at, _ in steps if at != "0"]
    assert done[:3] == [("Pretraining", 1), ("Pretraining", 2), ("Training", 1)]
