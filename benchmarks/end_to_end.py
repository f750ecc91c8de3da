"""Matrices in, P out: homespot beside the straightforward NumPy + POT script.

10,000 cells x 3,615 spots x 2,000 genes of counts; both solve SSA as in the paper to one L1 marginal error.
Each run is a process of its own, in turn; memory is its peak less what it had when the inputs were there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import psutil
from _common import print_table, write_csv

CELLS, SPOTS, GENES = 10_000, 3_615, 2_000
TOLERANCE = 1e-4
REPEATS = 3


def counts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cells of 20 types with gradients in space, and spots of 1 to 8 such cells; float32."""
    rng = np.random.default_rng(seed)
    profiles = rng.lognormal(-1.5, 1.2, (20, GENES)).astype(np.float32)
    slopes = rng.normal(0, 0.8, (2, GENES)).astype(np.float32)

    def draw(n: int) -> np.ndarray:
        place = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
        kind = np.clip(((place[:, 0] + 1) * 10 + rng.normal(0, 2, n)).astype(int), 0, 19)
        return rng.poisson(profiles[kind] * np.exp(place @ slopes)).astype(np.float32)

    return draw(CELLS), draw(SPOTS) * rng.integers(1, 9, (SPOTS, 1)).astype(np.float32)


def homespot(sc: np.ndarray, st: np.ndarray, **settings: Any) -> tuple[np.ndarray, int]:
    """Return P and the iterations, by homespot."""
    import anndata as ad

    import homespot as hs

    mapping = hs.map_cells(ad.AnnData(sc), _named(ad.AnnData(st)), "ssa", progress=False, **settings)
    return mapping.X, int(mapping.uns["homespot"]["solver"]["iterations"])


def _named(spots: Any) -> Any:
    spots.obs_names = [f"spot{i}" for i in range(spots.n_obs)]
    return spots


def paper(sc: np.ndarray, st: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the paper's SSA by homespot."""
    return homespot(sc, st, preset="paper", tolerance=TOLERANCE)


def defaults(sc: np.ndarray, st: np.ndarray) -> tuple[np.ndarray, int]:
    """Return SSA with homespot's defaults."""
    return homespot(sc, st, tolerance=TOLERANCE)


def script(sc: np.ndarray, st: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the same by NumPy and POT, as one would write it down from the paper."""
    import ot

    logs = [np.log1p(1e4 * x / x.sum(axis=1, keepdims=True)) for x in (sc, st)]
    best = np.argsort(-logs[0].var(axis=0))[:5000]
    logs = [x[:, best].astype(np.float64) for x in logs]
    p, q = (x.sum(axis=1) / x.sum() for x in logs)
    z = [(x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1) for x in logs]
    cost = 1 - np.abs(_correlation(*z))
    # POT stops on the L2 norm of the error; sqrt(N) times it bounds the L1 norm.
    plan, log = ot.sinkhorn(
        p, q, cost / cost.max(), 0.05, stopThr=TOLERANCE / np.sqrt(len(q)), numItermax=2000, log=True
    )
    return plan / plan.sum(axis=1, keepdims=True), int(log["niter"])


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return a @ b.T


RUNS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, int]]] = {
    "homespot, preset paper": paper,
    "homespot, defaults": defaults,
    "NumPy + POT": script,
}


class Peak:
    """Watches the resident memory of this process every few milliseconds."""

    def __enter__(self) -> Peak:
        self._process, self._stop = psutil.Process(), threading.Event()
        self.start = self.most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def measure(name: str) -> dict[str, float]:
    """Run one of `RUNS` in this process, after a small one that loads and compiles everything."""
    rng = np.random.default_rng(1)
    small = rng.poisson(1.0, (60, 50)).astype(np.float32), rng.poisson(3.0, (40, 50)).astype(np.float32)
    run = RUNS[name]
    run(*small)
    sc, st = counts()
    with Peak() as peak:
        start = time.perf_counter()
        p, iterations = run(sc, st)
        seconds = time.perf_counter() - start
    assert np.allclose(p.sum(axis=1), 1, atol=1e-4)
    return {"seconds": seconds, "peak_bytes": float(peak.most - peak.start), "iterations": iterations}


def main() -> None:
    """Print the table and write results/end_to_end.csv."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    for _ in range(REPEATS):
        for name in RUNS:
            out = subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True)
            found[name].append(json.loads(out.stdout))
    kernel = CELLS * SPOTS * 4
    rows = []
    for name, runs in found.items():
        ratios = [b["seconds"] / a["seconds"] for a, b in zip(runs, found["NumPy + POT"], strict=True)]
        rows.append(
            {
                "run": name,
                "cells": CELLS,
                "spots": SPOTS,
                "genes": GENES,
                "seconds": median(r["seconds"] for r in runs),
                "faster than NumPy + POT": median(ratios),
                "iterations": runs[0]["iterations"],
                "peak over inputs / float32 kernel": median(r["peak_bytes"] for r in runs) / kernel,
            }
        )
    print_table(rows)
    print(f"Written to {write_csv('end_to_end', rows)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
