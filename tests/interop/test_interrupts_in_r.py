"""Ctrl-C and SIGTERM while R saves or loads a map: never lost, and nothing half-written is left."""

import os
import random
import signal
import subprocess
import threading
from pathlib import Path

import pytest

import homespot

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them"),
]


def _signalled(environment, folder, job, number, times):
    """Start R; send it the signal within each of its saves or loads; return the status, and what it told."""
    process = subprocess.Popen(
        ["Rscript", "--vanilla", HERE / "interrupt_files.R", folder, job, str(times)],
        env=environment,
        text=True,
        stderr=subprocess.PIPE,
    )
    chance, seconds, told = random.Random(times), 0.0, []
    with process:
        for line in process.stderr:
            told.append(line)
            if line.startswith("seconds "):
                seconds = float(line.split()[1])
            if line == "begun\n":
                delay = chance.uniform(0, seconds)
                threading.Timer(delay, process.send_signal, [number]).start()
    return process.returncode, told


@pytest.mark.parametrize("job", ["save", "load"])
def test_no_interruption_is_lost_and_the_file_is_whole(environment, tmp_path, job):
    status, told = _signalled(environment, tmp_path, job, signal.SIGINT, 12)
    outcomes = [line.split()[1:] for line in told if line.startswith("outcome")]
    assert status == 0, told
    assert len(outcomes) == 12, told
    assert {outcome for outcome, *_ in outcomes} <= {"within", "after"}
    assert sum(outcome == "within" for outcome, *_ in outcomes) > 3
    assert all(found == ["TRUE", "map.h5ad"] for _, *found in outcomes), told


def test_the_next_save_removes_what_a_terminated_one_left(environment, tmp_path):
    for _ in range(3):
        status, told = _signalled(environment, tmp_path, "save", signal.SIGTERM, 1)
        assert status == -signal.SIGTERM, told
        left = {path.name for path in tmp_path.iterdir()} - {"map.h5ad"}
        assert len(left) <= 1
        assert all(name.startswith(".homespot-") for name in left)
        assert homespot.load(tmp_path / "map.h5ad").shape == (1200, 800)
    homespot.save(homespot.load(tmp_path / "map.h5ad"), tmp_path / "copy.h5ad")
    assert {path.name for path in tmp_path.iterdir()} == {"map.h5ad", "copy.h5ad"}
