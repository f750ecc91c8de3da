"""assign_cells: time, peak memory and value of the sparse candidates beside all pairs and a linear programme.

P of cells that sit around random spots, softened by noise; the expected number of cells as capacity. Each run
is a process of its own; memory is its peak less what it had when P was there.

    python benchmarks/assign.py         2,000 and 5,000 cells; 20,000 cells x 3,600 spots by candidates
    python benchmarks/assign.py --all   also 20,000 cells with all pairs, and as a linear programme (15 min)
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import numpy.typing as npt
from _common import print_table, write_csv
from scipy import sparse
from scipy.optimize import linprog

from homespot.verbs.assign_cells import _all_pairs, assign, expected_capacity

SMALL = ((2_000, 400), (5_000, 900))
LARGE = (20_000, 3_600)


def rows(n_cells: int, n_spots: int) -> npt.NDArray[np.float32]:
    """Return P, cells x spots, float32."""
    rng = np.random.default_rng(0)
    spots = rng.uniform(0, 1, (n_spots, 2))
    places = spots[rng.integers(n_spots, size=n_cells)] + rng.normal(0, 0.05, (n_cells, 2))
    p = np.empty((n_cells, n_spots), np.float32)
    for i in range(0, n_cells, 500):
        part = slice(i, i + 500)
        away = np.square(places[part, None] - spots[None]).sum(axis=2)
        p[part] = np.exp(-100 * away + rng.gumbel(size=away.shape))
        p[part] /= p[part].sum(axis=1, keepdims=True)
    return p


def programme(p: npt.NDArray[np.float32], room: npt.NDArray[np.int64], k: int = 50) -> float:
    """Return the value of the linear programme over the k best spots of every cell."""
    n_cells, n_spots = p.shape
    best = np.argpartition(p, n_spots - k, axis=1)[:, n_spots - k :]
    cost = -np.log(np.take_along_axis(p, best, axis=1).astype(float)).ravel()
    one, every = np.ones(len(cost)), np.arange(len(cost))
    cells = sparse.csr_matrix((one, (np.repeat(np.arange(n_cells), k), every)))
    spots = sparse.csr_matrix((one, (best.ravel(), every)), shape=(n_spots, len(cost)))
    return -float(linprog(cost, spots, room, cells, np.ones(n_cells), (0, 1)).fun)


def one(n_cells: int, n_spots: int, run: str) -> dict[str, object]:
    """Measure one run in this process."""
    p = rows(n_cells, n_spots)
    room = expected_capacity(p)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if run == "linear programme, 50 best":
        value = programme(p, room)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it considers candidates
            found = _all_pairs(p, room) if run == "all pairs" else assign(p, room, int(run.split()[0]))
        value = float(np.log(p[np.arange(n_cells), found].astype(float)).sum())
    return {
        "cells": n_cells,
        "spots": n_spots,
        "run": run,
        "seconds": time.perf_counter() - start,
        "peak GiB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20,
        "sum of log P": value,
    }


def main() -> None:
    """Run all in turn; print the table and write its CSV."""
    if len(sys.argv) > 3:
        print(json.dumps(one(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
        return
    runs = ["20 candidates", "50 candidates", "all pairs", "linear programme, 50 best"]
    todo = [(*size, run) for size in SMALL for run in runs]
    todo += [(*LARGE, run) for run in (runs if "--all" in sys.argv else runs[:2])]
    found = []
    for n_cells, n_spots, run in todo:
        command = [sys.executable, __file__, str(n_cells), str(n_spots), run]
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(found[-1], flush=True)
    print_table(found)
    print(f"Written to {write_csv('assign', found)}")


if __name__ == "__main__":
    main()
