"""Scores of genes: all at once, and one gene after the other with SciPy.

20,000 genes at 3,600 spots, float32, as `impute_genes` returns them; the measured values, most of them 0,
dense and sparse. The loop does what the scripts of Li et al. 2022 do for every gene: SciPy's Pearson
correlation, z-scores and Jensen-Shannon distance, and SSIM in NumPy. It is run on the first 1,000 genes only,
and its seconds are scaled to all of them; the table says how many were timed.

    python benchmarks/metrics.py
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from scipy import sparse, stats
from scipy.spatial.distance import jensenshannon

from homespot.common.cores import threads
from homespot.evaluate.metrics import gene_scores

GENES, SPOTS = 20_000, 3_600
LOOPED = 1_000
REPEATS = 3

Floats = npt.NDArray[np.float32]


def tables() -> tuple[Floats, Floats]:
    """Return measured and predicted values on the log scale, spots x genes."""
    rng = np.random.default_rng(0)
    true = np.zeros((SPOTS, GENES), dtype=np.float32)
    found = np.empty_like(true)
    for start in range(0, GENES, 1000):
        genes = slice(start, start + 1000)
        level = rng.gamma(0.5, 0.5, 1000)
        pattern = rng.gamma(2, 0.5, (SPOTS, 1000)) * level
        true[:, genes] = np.log1p(rng.poisson(pattern * 0.65))
        found[:, genes] = np.log1p(pattern * rng.gamma(4, 0.25, pattern.shape))
    return true, found


def ssim(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Structural similarity of two patterns, each divided by its maximum."""
    a, b = a / a.max(), b / b.max()
    c1, c2 = 0.01**2, 0.03**2
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    luminance = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
    contrast = (2 * a.std() * b.std() + c2) / (a.var() + b.var() + c2)
    return float(luminance * contrast * (covariance + c2 / 2) / (a.std() * b.std() + c2 / 2))


def loop(true: Floats, found: Floats) -> pd.DataFrame:
    """Score one gene after the other; genes whose answer has to be defined are not among them."""
    rows = []
    for gene in range(true.shape[1]):
        a, b = true[:, gene].astype(np.float64), found[:, gene].astype(np.float64)
        rmse = np.sqrt(np.square(stats.zscore(a) - stats.zscore(b)).mean())
        rows.append((stats.pearsonr(a, b).statistic, ssim(a, b), rmse, jensenshannon(a, b) ** 2))
    return pd.DataFrame(rows, columns=["pcc", "ssim", "rmse", "jsd"])


def best_of(run: Callable[[], object]) -> tuple[float, float]:
    """Return the least seconds of `REPEATS` runs: by the clock, and of the processor."""
    clock, processor = [], []
    for _ in range(REPEATS):
        start = time.perf_counter(), time.process_time()
        run()
        clock.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    return min(clock), min(processor)


def memory_mib(run: Callable[[], object]) -> float:
    """Return the most memory that a run takes beyond its input."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    """Print the table and write its CSV file."""
    true, found = tables()
    genes = [f"g{i}" for i in range(GENES)]
    expressed = np.flatnonzero(true.max(axis=0) > 0)[:LOOPED]
    few = np.ascontiguousarray(true[:, expressed]), np.ascontiguousarray(found[:, expressed])
    alone, ours = loop(*few), gene_scores(*few, [genes[i] for i in expressed])
    furthest = float(np.abs(alone.to_numpy() - ours.to_numpy()).max())
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "gene_scores, both dense": (lambda: gene_scores(true, found, genes), GENES),
        "gene_scores, measured CSR": (lambda: gene_scores(sparse_true, found, genes), GENES),
        "loop over genes, SciPy": (lambda: loop(*few), len(expressed)),
    }
    sparse_true = sparse.csr_matrix(true)
    rows: list[dict[str, object]] = []
    for name, (run, done) in runs.items():
        seconds, processor = best_of(run)
        rows.append(
            {
                "run": name,
                "genes": GENES,
                "spots": SPOTS,
                "genes timed": done,
                "seconds": seconds * GENES / done,
                "CPU seconds": processor * GENES / done,
                "memory MiB": memory_mib(run),
                "threads": threads(),
            }
        )
    print_table(rows)
    print(f"Largest difference of a score between the two, over {len(expressed)} genes: {furthest:.1e}")
    print(f"Non-zero measured values: {np.count_nonzero(true) / true.size:.0%}")
    print(f"Written to {write_csv('metrics', rows)}")


if __name__ == "__main__":
    main()
