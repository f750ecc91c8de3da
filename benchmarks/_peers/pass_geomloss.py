"""Seconds of an iteration of geomloss's online Sinkhorn, whose reductions KeOps compiles.

    python pass_geomloss.py CELLS SPOTS DIMENSIONS THREADS

Divergences with a schedule of 3 and of 1 iterations are timed; the difference is the time of 2.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from geomloss import SamplesLoss

m, n, d, threads = (int(size) for size in sys.argv[1:])
torch.set_num_threads(threads)
rng = np.random.default_rng(0)
x, y = (rng.standard_normal((k, d), np.float32) for k in (m, n))
x, y = (torch.from_numpy(z / np.linalg.norm(z, axis=1, keepdims=True)) for z in (x, y))


def seconds(steps: int, rows: int | None = None) -> float:
    """Return the seconds of a divergence of some rows, with so many steps of its schedule."""
    loss = SamplesLoss(
        "sinkhorn", p=2, blur=0.3, diameter=2.0, scaling=(0.3 / 2.0) ** (1 / steps), debias=False,
        potentials=True, backend="online",
    )  # fmt: skip
    start = time.perf_counter()
    loss(x[:rows], y[:rows])
    return time.perf_counter() - start


seconds(1, rows=100)  # compiles
print(json.dumps((seconds(3) - seconds(1)) / 2))
