"""The command line writes nothing but its outputs, and ends in order at any signal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import cross_validate, map_cells, save

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and signals of POSIX")


@pytest.fixture(scope="module")
def inputs(make_pair, tmp_path_factory) -> Path:
    """A folder with cells, spots, a map and scores."""
    folder = tmp_path_factory.mktemp("inputs")
    sc, st = make_pair()
    sc.write_h5ad(folder / "sc.h5ad")
    st.write_h5ad(folder / "st.h5ad")
    save(map_cells(sc, st), folder / "in.h5ad")
    cross_validate(sc, st, folds=3, output=folder / "in.csv")
    (folder / "notes.html").write_text("<p>mine")
    return folder


@pytest.fixture
def run(monkeypatch, called, inputs, tmp_path):
    """Run the command line in this process, in a folder with copies of the inputs."""
    folder = tmp_path / "folder"
    shutil.copytree(inputs, folder)
    monkeypatch.chdir(folder)

    def call(*arguments: object) -> tuple[int, str]:
        code, _, err = called(*arguments)
        return code, err

    return call


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


READS = {
    "map": (["map", "sc.h5ad", "st.h5ad"], ["sc.h5ad", "st.h5ad"]),
    "place": (["place", "in.h5ad", "sc.h5ad"], ["in.h5ad", "sc.h5ad"]),
    "impute": (
        ["impute", "in.h5ad", "sc.h5ad", "--scores", "in.csv"],
        ["in.h5ad", "sc.h5ad"],
    ),
    "deconvolve": (
        ["deconvolve", "in.h5ad", "type", "--sc", "sc.h5ad", "--st", "st.h5ad"],
        ["in.h5ad", "sc.h5ad", "st.h5ad"],
    ),
    "fit-types": (["fit-types", "sc.h5ad", "st.h5ad", "--labels", "type"], ["sc.h5ad", "st.h5ad"]),
}
NAMES = {
    "itself": lambda path: path.name,
    "a dot": lambda path: f"./{path.name}",
    "in full": lambda path: str(path.resolve()),
    "around": lambda path: f"../{path.resolve().parent.name}/{path.name}",
}


def symbolic(path: Path) -> str:
    Path("soft.h5ad").symlink_to(path)
    return "soft.h5ad"


def hard(path: Path) -> str:
    os.link(path, "hard.h5ad")
    return "hard.h5ad"


if sys.platform != "win32":
    NAMES |= {"a symbolic link": symbolic, "a hard link": hard}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", READS)
def test_an_input_is_never_written(run, command: str, name: str) -> None:
    arguments, paths = READS[command]
    for path in paths:
        target = NAMES[name](Path(path))
        before = contents()
        for overwrite in ([], ["--overwrite"]):
            code, err = run(*arguments, "-o", target, *overwrite)
            assert code == 1
            assert "which is read" in err
        assert contents() == before
        for link in ("soft.h5ad", "hard.h5ad"):
            Path(link).unlink(missing_ok=True)


def test_an_input_that_an_option_names_is_never_written(run) -> None:
    Path("scores.html").symlink_to("in.csv")
    Path("spots.html").symlink_to("st.h5ad")
    before = contents()
    page = ["report", "in.h5ad", "--st", "st.h5ad", "--scores", "in.csv", "--overwrite"]
    for target in ("scores.html", "spots.html"):
        code, err = run(*page, "-o", target)
        assert (code, "which is read" in err) == (1, True)
    assert contents() == before


def test_a_checkpoint_does_not_replace_an_input(run) -> None:
    pytest.importorskip("torch")
    before = contents()
    come = ["map", "sc.h5ad", "st.h5ad", "--method", "come", "--set"]
    for target in ("sc.h5ad", "map.h5ad"):
        code, err = run(*come, f"checkpoint={target}")
        assert (code, "which is read" in err) == (1, True)
    assert contents() == before


def test_a_folder_of_results_does_not_take_its_input(run) -> None:
    before = contents()
    options = ["--cells-per-spot", 3, "--overwrite"]
    for target in (".", "../folder", Path.cwd()):
        code, err = run("simulate", "st.h5ad", "-o", target, *options)
        assert (code, "'st.h5ad'" in err) == (1, True)
    assert contents() == before
    Path("cells.h5ad").write_bytes(before["st.h5ad"])
    os.remove("st.h5ad")  # noqa: PTH107
    os.remove("sc.h5ad")  # noqa: PTH107
    assert run("simulate", "cells.h5ad", "-o", ".", *options)[0] == 0


@posix
def test_a_folder_that_cannot_be_made_is_refused(run, tmp_path) -> None:
    targets = ["a" * 300, *(["/proc/new"] if Path("/proc/self").exists() else [])]
    for target in targets:
        for command in (["simulate", "st.h5ad"], ["demo"]):
            code, err = run(*command, "-o", target)
            assert (code, "Expected a folder that can be written to, found" in err) == (1, True)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    code, err = run("demo")
    assert (code, "Expected a folder that can be written to, found" in err) == (1, True)


def test_what_homespot_did_not_write_is_kept_unless_it_is_to_be_replaced(run) -> None:
    shutil.copy("sc.h5ad", "other.h5ad")
    before = contents()
    pages = ["report", "in.h5ad", "-o", "notes.html"]
    for command in (
        *([*arguments, "-o", "other.h5ad"] for arguments, _ in READS.values()),
        pages,
        ["simulate", "in.h5ad", "-o", "."],
        ["demo", "-o", "shelf"],
    ):
        if command[0] == "demo":
            Path("shelf").mkdir()
            Path("shelf/demo.png").write_bytes(b"mine")
            before = contents()
        code, err = run(*command)
        assert (code, "did not write" in err, "--overwrite" in err) == (1, True, True)
        assert contents() == before
    for _ in range(2):  # the second time it is homespot's own
        assert run("map", "sc.h5ad", "st.h5ad")[0] == 0
    assert run("map", "sc.h5ad", "st.h5ad", "-o", "other.h5ad", "--overwrite")[0] == 0
    assert run("map", "sc.h5ad", "st.h5ad", "-o", "other.h5ad")[0] == 0


def test_its_own_pages_and_empty_files_are_replaced(run) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    Path("page.html").write_text("")
    for _ in range(2):
        assert run("report", "in.h5ad", "-o", "page.html")[0] == 0


def test_a_zarr_is_read_and_nothing_is_written_into_it(run) -> None:
    pytest.importorskip("zarr")
    warnings.simplefilter("ignore")  # about the format of zarr
    ad.read_h5ad("sc.h5ad").write_zarr("sc.zarr")
    before = contents()
    for target in ("sc.zarr/map.h5ad", "sc.zarr/X/map.h5ad"):
        code, err = run("map", "sc.zarr", "st.h5ad", "-o", target)
        assert (code, "lies in the zarr" in err) == (1, True)
    code, err = run("simulate", "sc.zarr", "-o", "sc.zarr")
    assert code == 1
    assert contents() == before


def test_in_a_folder_that_is_read_nothing_is_replaced(run) -> None:
    from scipy import io

    pytest.importorskip("scanpy")
    sc = ad.read_h5ad("sc.h5ad")
    Path("tenx").mkdir()
    io.mmwrite("tenx/matrix.mtx", sc.X.T)
    pd.Series(sc.obs_names).to_csv("tenx/barcodes.tsv", index=False, header=False)
    pd.DataFrame([sc.var_names, sc.var_names]).T.to_csv("tenx/genes.tsv", sep="\t", index=False, header=False)
    shutil.copy("st.h5ad", "tenx/notes.h5ad")
    before = contents()
    code, err = run("map", "tenx", "st.h5ad", "-o", "tenx/notes.h5ad", "--overwrite")
    assert (code, "in a folder that is read" in err) == (1, True)
    assert contents() == before
    for _ in range(2):
        assert run("map", "tenx", "st.h5ad", "-o", "tenx/map.h5ad")[0] == 0


WRONG = {
    "map": ["map", "no.h5ad", "st.h5ad"],
    "place": ["place", "no.h5ad", "sc.h5ad"],
    "impute": ["impute", "no.h5ad", "sc.h5ad"],
    "deconvolve": ["deconvolve", "no.h5ad", "type"],
    "fit-types": ["fit-types", "no.h5ad", "st.h5ad"],
    "evaluate": ["evaluate", "no.h5ad", "st.h5ad"],
    "report": ["report", "no.h5ad"],
}


@pytest.mark.parametrize("command", WRONG)
def test_a_path_is_refused_before_anything_is_read(run, command: str) -> None:
    """That an input is not there is not found: nothing was read yet."""
    before = contents()
    for target in ("run1", "map.xyz", "no/map.h5ad", "sc.h5ad/map.h5ad"):
        code, err = run(*WRONG[command], "-o", target)
        assert code == 1
        assert "no.h5ad" not in err
        assert repr(target) in err
    for ending in (".h5ad", ".html", ".csv"):
        Path(f"folder{ending}").mkdir()
        code, err = run(*WRONG[command], "-o", f"folder{ending}")
        assert code == 1
        assert "no.h5ad" not in err
    assert contents() == before


def test_a_checkpoint_is_refused_before_anything_is_read(run) -> None:
    pytest.importorskip("torch")
    for target in ("no/run", "folder"):
        Path("folder").mkdir(exist_ok=True)
        code, err = run("map", "no.h5ad", "st.h5ad", "--method", "come", "--set", f"checkpoint={target}")
        assert code == 1
        assert "Expected checkpoint" in err


def test_a_link_stays_on_the_command_line(run) -> None:
    if sys.platform == "win32":
        pytest.skip("links")
    Path("elsewhere").mkdir()
    Path("map.h5ad").symlink_to("elsewhere/real.h5ad")
    assert run("map", "sc.h5ad", "st.h5ad")[0] == 0
    assert Path("map.h5ad").is_symlink()
    Path("elsewhere/real.h5ad").chmod(0o640)
    assert run("map", "sc.h5ad", "st.h5ad")[0] == 0
    assert Path("elsewhere/real.h5ad").stat().st_mode & 0o777 == 0o640


# --- signals ----------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_at_any_time_ends_the_command_line_in_order(inputs, tmp_path, number: int) -> None:
    """From the first line of the package on: status 130 or 143, no traceback, no file left."""
    rng = np.random.default_rng(int(number))
    shutil.copytree(inputs, tmp_path / "folder")
    before = sorted(path.name for path in (tmp_path / "folder").iterdir())
    for delay in [0.3, 0.8, *rng.uniform(0.2, 5, 2)]:
        process = subprocess.Popen(
            [sys.executable, "-c", PAUSED, "map", "sc.h5ad", "st.h5ad", "-o", "map.h5ad"],
            cwd=tmp_path / "folder",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(delay)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        left = sorted(path.name for path in (tmp_path / "folder").iterdir())
        if process.returncode == 0:  # it was faster
            assert left == sorted([*before, "map.h5ad"])
            (tmp_path / "folder" / "map.h5ad").unlink()
        else:
            assert process.returncode in (128 + number, -number)
            assert [name for name in left if name != "map.h5ad"] == before


PAUSED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored
sys.argv[0] = "homespot"
print("begun", flush=True)
from homespot.cli import main
main()
"""


@posix
def test_nothing_of_a_run_that_was_ignored_is_interrupted(inputs, tmp_path) -> None:
    """What a shell starts in the background ignores Ctrl-C, and goes on."""
    shutil.copytree(inputs, tmp_path / "folder")
    paused = PAUSED.replace("signal.default_int_handler", "signal.SIG_IGN")
    process = subprocess.Popen(
        [sys.executable, "-c", paused, "map", "sc.h5ad", "st.h5ad"],
        cwd=tmp_path / "folder",
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    for _ in range(20):
        time.sleep(0.1)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
