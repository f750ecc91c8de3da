"""Runs that are ended at any time, by any signal, break no file, and the next run leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from homespot import load, make_demo, map_cells, save
from homespot.common.extras import has

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored
sys.argv[0] = "homespot"
import homespot.cli
if "come" in sys.argv:
    from homespot.learning import checkpoint
    checkpoint._SECONDS = 0  # written after every epoch
print("begun", flush=True)
homespot.cli.main()
"""
SMALL = ("n_genes=100", "hidden=32", "latent=16", "pretrain_epochs=2", "epochs=25", "checkpoint=run1")
JOBS = {
    "map": ["map", "sc.h5ad", "st.h5ad", "-o", "out.h5ad"],
    "come": ["map", "sc.h5ad", "st.h5ad", "-o", "out.h5ad", "--method", "come"]
    + [part for setting in SMALL for part in ("--set", setting)],
    "impute": ["impute", "in.h5ad", "sc.h5ad", "-o", "out.h5ad", "--block-size", "8"],
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT) if sys.platform != "win32" else ()
# The status is negative if the signal came before the first line or after the last one.
STATUS = {signal.SIGINT: (130, -signal.SIGINT), signal.SIGTERM: (143, -signal.SIGTERM)}
INPUTS = {"sc.h5ad", "st.h5ad", "in.h5ad"}


def started(folder: Path, arguments: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def finished(folder: Path, arguments: list[str]) -> tuple[bytes, float]:
    """Run to the end; return the matrix that was written, and the time it took."""
    start = time.perf_counter()
    _, err = (process := started(folder, arguments)).communicate(timeout=600)
    assert process.returncode == 0, err
    seconds = time.perf_counter() - start
    return np.asarray(ad.read_h5ad(folder / "out.h5ad").X).tobytes(), seconds


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("job", JOBS)
def test_a_run_that_is_ended_breaks_nothing_and_the_next_one_cleans_up(
    tmp_path, job: str, kills: int
) -> None:
    if job == "come" and not has("torch"):
        pytest.skip("torch is not installed")
    sc, st = make_demo()
    sc = sc[:400].copy()
    sc.write_h5ad(tmp_path / "sc.h5ad")
    st.write_h5ad(tmp_path / "st.h5ad")
    if job == "impute":
        save(map_cells(sc, st, progress=False), tmp_path / "in.h5ad")
    expected, seconds = finished(tmp_path, JOBS[job])
    for name in ("out.h5ad", "run1"):
        (tmp_path / name).unlink(missing_ok=True)
    rng = np.random.default_rng(kills)
    for kill in range(kills):
        number = SIGNALS[kill % 3]
        before = set(tmp_path.iterdir())
        process = started(tmp_path, JOBS[job])
        time.sleep(rng.uniform(0, seconds / 2))
        process.send_signal(number)
        _, err = process.communicate(timeout=600)
        if number != signal.SIGKILL and process.returncode != 0:
            assert process.returncode in STATUS[number], err
            assert "Traceback" not in err
        elif process.returncode == 0:  # it was faster
            (tmp_path / "run1").unlink(missing_ok=True)
        new = {path.name for path in set(tmp_path.iterdir()) - before}
        left = new - {"out.h5ad", "run1"}
        assert all(name.startswith(".homespot-") for name in left)
        assert not left or number == signal.SIGKILL
        if (tmp_path / "out.h5ad").exists():
            ad.read_h5ad(tmp_path / "out.h5ad") if job == "impute" else load(tmp_path / "out.h5ad")
    assert finished(tmp_path, JOBS[job])[0] == expected
    assert {path.name for path in tmp_path.iterdir()} - INPUTS <= {"out.h5ad", "run1"}
