"""Seconds of an iteration of ott-jax's Sinkhorn on point clouds whose cost is made anew, in blocks.

    python pass_ott.py CELLS SPOTS DIMENSIONS THREADS

XLA takes all cores, whatever the threads.

Six and two iterations are timed once they are compiled; the difference is the time of four.
"""

from __future__ import annotations

import json
import sys
import time

import jax
import numpy as np
from ott.geometry import pointcloud
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

m, n, d = (int(size) for size in sys.argv[1:4])
rng = np.random.default_rng(0)
x, y = (rng.standard_normal((k, d), np.float32) for k in (m, n))
x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
problem = linear_problem.LinearProblem(pointcloud.PointCloud(x, y, epsilon=0.1, batch_size=256))


def seconds(iterations: int) -> float:
    """Return the seconds of so many iterations."""
    solver = sinkhorn.Sinkhorn(
        threshold=-1, inner_iterations=1, min_iterations=iterations, max_iterations=iterations
    )
    solve = jax.jit(solver)
    jax.block_until_ready(solve(problem).f)
    start = time.perf_counter()
    jax.block_until_ready(solve(problem).f)
    return time.perf_counter() - start


print(json.dumps((seconds(6) - seconds(2)) / 4))
