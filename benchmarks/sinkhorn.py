"""Seconds per Sinkhorn iteration, here and in the usual libraries, in one run.

    python benchmarks/sinkhorn.py [--repeats 7]

The contenders take turns on the same problem, and ratios are medians over the turns; whole solutions are the
best of three. "read once" is a sum over the float32 kernel with the same number of threads, which is as fast
as memory allows.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from time import perf_counter

import numba
import numpy as np
import psutil
import torch
from _common import print_table, write_csv

from homespot.common.cores import threads
from homespot.matrix.streamed import in_memory
from homespot.transport import CorrelationCost, sinkhorn
from homespot.transport._cpu import CpuPasses
from homespot.transport.solver import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ot

REGULARISATION = 0.05
SIZES = [(1_297, 3_039), (10_000, 3_615), (20_000, 3_615)]
GENES = 84
TOLERANCES = (1e-4, 1e-6)


def problem(m: int, n: int) -> tuple[CorrelationCost, np.ndarray, np.ndarray]:
    """Cells and spots as noisy mixtures of 12 programmes, with masses that differ."""
    rng = np.random.default_rng(0)
    programmes = rng.gamma(0.5, 1, (12, GENES))

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        rate = rng.dirichlet(np.full(12, 0.3), count) @ programmes * 2
        x = np.log1p(rng.poisson(rate)).astype(np.float32)
        mass = x.sum(axis=1, dtype=np.float64) + 1e-3
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        x -= x.mean(axis=1, keepdims=True)
        return x / np.linalg.norm(x, axis=1, keepdims=True), mass / mass.sum()

    (sc, p), (st, q) = rows(m), rows(n)
    return CorrelationCost(sc, st), p, q


def full_cost(cost: CorrelationCost, dtype: str) -> np.ndarray:
    D = np.empty(cost.shape, dtype)
    cost.writer(dtype)(0, cost.shape[0], D)
    return D


@numba.njit(nogil=True, fastmath=True)
def total(block: np.ndarray) -> float:
    flat = block.ravel()
    s = flat.dtype.type(0)
    for i in range(flat.size):
        s += flat[i]
    return s


def seconds(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def best_seconds(run: Callable[[], object]) -> float:
    return min(seconds(run) for _ in range(3))


def pot(n: int, p: np.ndarray, q: np.ndarray, D: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ot.sinkhorn(p, q, D, REGULARISATION * D.max(), numItermax=n, stopThr=0)


def pot_seconds(n: int, p: np.ndarray, q: np.ndarray, D: np.ndarray) -> float:
    return best_seconds(lambda: pot(n, p, q, D))


def iterate(path: Path) -> None:
    """Make one iteration: a pass, its step and error, and the next iterate."""
    path.sweep()
    path.step()
    path.move()


def per_iteration(m: int, n: int, repeats: int) -> list[dict[str, object]]:
    """Time one iteration of each, in turns."""
    busy = psutil.cpu_percent(interval=2)
    cost, p, q = problem(m, n)
    D = full_cost(cost, "float64")
    kernel = torch.from_numpy(np.exp(-D / (REGULARISATION * D.max())).astype(np.float32))
    single_p, single_q = (torch.from_numpy(x.astype(np.float32)) for x in (p, q))
    b = torch.ones(n)
    torch.set_num_threads(threads())
    edges = np.linspace(0, m, threads() + 1).astype(int)
    blocks = [kernel.numpy()[i:j] for i, j in pairwise(edges)]

    def two_products() -> None:
        a = single_p / (kernel @ b)
        b[:] = single_q / (kernel.T @ a)

    with CpuPasses(cost, p, 1.0, "float32") as passes, ThreadPoolExecutor(threads()) as pool:
        epsilon = REGULARISATION * passes.fill()
        passes.start("kernel", epsilon)
        path = passes.iterates(q, 1.0)
        contenders: dict[str, Callable[[], float]] = {
            "homespot, float32": lambda: seconds(partial(iterate, path)),
            # The difference takes off the set-up, and leaves in the check that POT makes every tenth time.
            "POT, NumPy float64": lambda: (pot_seconds(11, p, q, D) - pot_seconds(1, p, q, D)) / 10,
            "two torch products, float32": lambda: seconds(two_products),
            "read once, float32": lambda: seconds(lambda: list(pool.map(total, blocks))),
        }
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for name in ("homespot, float32", "two torch products, float32", "read once, float32"):
            contenders[name]()  # compiles, and wakes the threads
        for _ in range(repeats):
            for name, run in contenders.items():
                # The best of a few short ones: a single one may be disturbed by anything.
                times[name].append(run() if name.startswith("POT") else min(run() for _ in range(5)))
    ours = np.array(times["homespot, float32"])
    return [
        {
            "cells": m,
            "spots": n,
            "measure": "seconds per iteration",
            "contender": name,
            "value": float(np.median(found)),
            "times_homespot": float(np.median(np.array(found) / ours)),
            "note": f"{threads()} threads, machine {busy:.0f} % busy before",
        }
        for name, found in times.items()
    ]


def to_the_same_error(m: int, n: int) -> list[dict[str, object]]:
    """Time the way from the data's rows to a plan whose spots are wrong by the same L1 error."""
    cost, p, q = problem(m, n)
    rows = []
    for tolerance in TOLERANCES:
        solve = partial(sinkhorn, cost, p, q, regularisation=REGULARISATION, tolerance=tolerance)
        result = solve()
        found = [("homespot, float32", best_seconds(solve), result.error_spots, result.iterations)]
        for iterations in range(1, 200):  # POT checks its error every tenth: give it what it needs
            plan = pot(iterations, p, q, full_cost(cost, "float64"))
            # POT ends with the cells' scaling or the spots': count the worse side.
            error = max(np.abs(plan.sum(axis=axis) - side).sum() for axis, side in ((0, q), (1, p)))
            if error <= tolerance:
                break
        elapsed = best_seconds(lambda: pot(iterations, p, q, full_cost(cost, "float64")))  # noqa: B023
        found.append(("POT, NumPy float64", elapsed, error, iterations))
        rows += [
            {
                "cells": m,
                "spots": n,
                "measure": f"seconds to an L1 error of {tolerance:g}",
                "contender": name,
                "value": value,
                "times_homespot": value / found[0][1],
                "note": f"{iterations} iterations, error {error:.1e}",
            }
            for name, value, error, iterations in found
        ]
    return rows


def on_cuda(m: int = 100_000, n: int = 3_615) -> list[dict[str, object]]:
    """Time an iteration on a GPU, with step, acceleration and error, and compare its plan with the CPU's."""
    row = {"cells": m, "spots": n, "measure": "seconds per iteration", "contender": "homespot, CUDA float32"}
    if not torch.cuda.is_available():
        return [{**row, "value": "", "times_homespot": "", "note": "not measured: no CUDA device here"}]
    from homespot.transport._torch import TorchPasses

    cost, p, q = problem(m, n)
    with TorchPasses(cost, p, 1.0, "float32", "cuda:0") as passes:
        passes.start("kernel", REGULARISATION * passes.fill())
        path = passes.iterates(q, 1.0)
        found = [seconds(partial(iterate, path)) for _ in range(20)]
    cost, p, q = problem(10_000, n)
    one, other = (
        in_memory(sinkhorn(cost, p, q, tolerance=1e-6, device=device).plan) for device in ("cuda:0", "cpu")
    )
    note = f"sum |T - T on the CPU| at 10,000 cells: {np.abs(one - other).sum(dtype=np.float64):.1e}"
    return [{**row, "value": float(np.median(found[5:])), "times_homespot": 1.0, "note": note}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    rows = [row for size in SIZES for row in per_iteration(*size, repeats)]
    rows += [row for size in SIZES[:2] for row in to_the_same_error(*size)]
    rows += on_cuda()
    print_table(rows)
    print(f"\nwritten to {write_csv('sinkhorn', rows)}")


if __name__ == "__main__":
    main()
