"""What one epoch of COME costs, in seconds and memory, beside the same losses written out with autograd.

Every run has a process of its own: seconds are the median of its epochs, the best of three rounds in which
all take turns; memory is its peak less what it had before the data was made. "joint" is the peer as the
published implementation is built, with one (M + N) x (M + N) similarity; "separate" takes an M x M and an
M x N one. Random data of the size, 84 genes, ten types, every loss on, latent 128. At the end, a whole fold
of Drosophila, with pretraining, from `map_cells`.

    python benchmarks/training.py
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from _common import in_child, peak_memory, print_table, write_csv
from _dense_come import DenseCome

import homespot as hs
from homespot.common.cuda import torch_work
from homespot.learning import Autoencoder, Coupling, Tables, Training, Weights

SIZES = ((1297, 3039), (5000, 3000), (20000, 3600))
LARGE = (100000, 3600)
IMPLEMENTATIONS = ("ours", "ours, Adam", "separate", "joint")
EPOCHS, ROUNDS = 4, 3
GENES, TYPES = 84, 10


def _epoch(name: str, m: int, n: int, device: str) -> Callable[[], None]:
    """Return the function that makes one epoch."""
    generator = torch.Generator().manual_seed(0)
    x_sc, x_st = (torch.rand(rows, GENES, generator=generator).to(device) for rows in (m, n))
    types = torch.randint(0, TYPES, (m,), generator=generator).to(device)
    start = torch.randn(m, n, generator=generator).to(device)
    if name in ("separate", "joint"):
        weights = {"mapping": 0.01, "similarity": 0.03, "contrast": 0.03}
        return DenseCome(x_sc, x_st, types, start, weights, joint=name == "joint").epoch
    training = Training(
        Tables(x_sc, x_st, types),
        Autoencoder(GENES, 256, 128).to(device),
        Coupling(
            start,
            latent="P",
            optimiser="adam" if "Adam" in name else "mirror",
            learning_rate=0.05,
            shrinkage=0.0,
            sharpness=0.0,
        ),
        Weights(1.0, 0.01, 0.0, 0.03, 0.03, 0.0),
        summed="mean",
        rate=1e-3,
        tau=0.8,
    )
    training.look()
    return training.epoch


def child(name: str, m: int, n: int, device: str) -> None:
    """Measure one implementation, and print the figures as JSON."""
    with peak_memory() as peak, torch_work():
        epoch = _epoch(name, m, n, device)
        seconds = []
        for _ in range(EPOCHS + 1):
            start = time.perf_counter()
            epoch()
            if device != "cpu":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
        taken = peak() if device == "cpu" else torch.cuda.max_memory_allocated()
    print(json.dumps({"seconds": float(np.median(seconds[1:])), "gib": taken / 2**30}))


def epochs() -> list[dict[str, object]]:
    """Measure every implementation at every size, the peers in the same round as ours."""
    devices = ["cpu"] + (["cuda:0"] if torch.cuda.is_available() else [])
    rows: list[dict[str, object]] = []
    for device in devices:
        for m, n in SIZES + ((LARGE,) if device != "cpu" else ()):
            found: dict[str, dict[str, float] | None] = {}
            # The peers would need tens of GiB at the largest sizes.
            names = IMPLEMENTATIONS if m <= 5000 else IMPLEMENTATIONS[:2]
            for _ in range(ROUNDS if m <= 5000 else 1):
                for name in names:
                    best, now = found.get(name), in_child(__file__, name, m, n, device)
                    found[name] = now if best is None or (now and now["seconds"] < best["seconds"]) else best
            for name, figures in found.items():
                ours = found["ours"]
                row: dict[str, object] = {"size": f"{m} x {n}", "device": device, "implementation": name}
                if figures is None or ours is None:
                    rows.append({**row, "seconds": "-", "GiB": "-", "time / ours": "-", "memory / ours": "-"})
                    continue
                row |= {"seconds": figures["seconds"], "GiB": figures["gib"]}
                row["time / ours"] = figures["seconds"] / ours["seconds"]
                row["memory / ours"] = figures["gib"] / ours["gib"]
                rows.append(row)
    if len(devices) == 1:
        print("CUDA: not measured, no device")
    return rows


def fold() -> list[dict[str, object]]:
    """Time a whole fold of Drosophila."""
    if "HOMESPOT_DATA" not in os.environ:
        print("A fold of Drosophila: skipped, HOMESPOT_DATA does not name the folder with the data sets.")
        return []
    data = hs.datasets.load("drosophila")
    st = data["st"][:, sorted(data["st"].var_names)[9:]]
    hs.map_cells(data["sc"], st, "come", epochs=1, pretrain_epochs=1, progress=False)
    start = time.perf_counter()
    hs.map_cells(data["sc"], st, "come", progress=False)
    seconds = time.perf_counter() - start
    row: dict[str, object] = {"size": "a fold of Drosophila", "device": "auto"}
    row |= {"implementation": "map_cells, with pretraining", "seconds": seconds, "GiB": "-"}
    return [{**row, "time / ours": "-", "memory / ours": "-"}]


def main() -> None:
    """Print the table and write its CSV file."""
    if sys.argv[1:2] == ["--child"]:
        name, m, n, device = sys.argv[2:]
        child(name, int(m), int(n), device)
        return
    rows = epochs() + fold()
    print_table(rows)
    print(f"Written to {write_csv('training', rows)}")


if __name__ == "__main__":
    main()
