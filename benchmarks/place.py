"""place_cells: seconds beside those of map_cells, in one run, and of another checkout.

Cells of random spots of a grid, whose 5,000 genes are smooth fields. Each run maps and places the same cells
in a process of its own. Processor time counts all cores, and does not depend on what else a machine does. The
other checkout is an earlier commit, b07b8fa, for example from

    git worktree add ../before b07b8fa

    python benchmarks/place.py ../before                  100,000 cells x 3,615 spots
    python benchmarks/place.py ../before --cells 10000    fewer cells
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from scipy import sparse

import homespot as hs

GENES, SPOTS, WIDTH = 5_000, 3_615, 61
REPEATS = 3
AT_ONCE = 2_000
HERE = Path(__file__).resolve()


def data(n_cells: int, n_spots: int = SPOTS, n_genes: int = GENES) -> tuple[ad.AnnData, ad.AnnData]:
    """Return cells and spots."""
    rng = np.random.default_rng(0)
    width = WIDTH if n_spots == SPOTS else int(np.ceil(np.sqrt(n_spots)))
    xy = 100.0 * np.stack(np.divmod(np.arange(n_spots), width), axis=1)
    centres, reach = rng.uniform(0, 100 * width, (n_genes, 2)), rng.uniform(300, 2_500, n_genes)
    away = np.square(xy[:, :1] - centres[:, 0]) + np.square(xy[:, 1:] - centres[:, 1])
    field = np.exp(-away / (2 * reach**2)) * rng.gamma(0.5, 1, n_genes) + 0.02
    home = rng.integers(n_spots, size=n_cells)
    counts = [
        sparse.csr_matrix(rng.poisson(0.2 * field[home[i : i + AT_ONCE]]).astype(np.float32))
        for i in range(0, n_cells, AT_ONCE)
    ]
    genes = pd.DataFrame(index=[f"g{i}" for i in range(n_genes)])
    cells = pd.DataFrame({"home": home}, index=[f"c{i}" for i in range(n_cells)])
    sc = ad.AnnData(sparse.vstack(counts, format="csr"), cells, genes)
    spots = pd.DataFrame(index=[f"s{i}" for i in range(n_spots)])
    st = ad.AnnData(rng.poisson(20 * field).astype(np.float32), spots, genes.copy(), obsm={"spatial": xy})
    return sc, st


def one(n_cells: int) -> dict[str, float]:
    """Map and place in this process."""
    sc, st = data(n_cells)
    small = sc[:200].copy()
    hs.place_cells(hs.map_cells(small, st, progress=False), small)  # compiles what is compiled
    start, busy = time.perf_counter(), time.process_time()
    mapping = hs.map_cells(sc, st, progress=False)
    mapped, mapped_busy = time.perf_counter() - start, time.process_time() - busy
    seconds, placed_busy = [], []
    for _ in range(REPEATS):
        start, busy = time.perf_counter(), time.process_time()
        placed = hs.place_cells(mapping, sc)
        seconds.append(time.perf_counter() - start)
        placed_busy.append(time.process_time() - busy)
    away = placed.obsm["spatial"] - st.obsm["spatial"][sc.obs["home"]]
    sharpness = mapping.obs.get("homespot_sharpness")
    return {
        "map": mapped,
        "map, busy": mapped_busy,
        "place": float(np.median(seconds)),
        "place, busy": float(np.median(placed_busy)),
        "error": float(np.linalg.norm(away, axis=1).mean()),
        "sharpness": float("nan") if sharpness is None else float(sharpness.iloc[0]),
    }


def run_of(checkout: Path, n_cells: int) -> dict[str, float]:
    """Map and place with the package of a checkout."""
    variables = os.environ | {"PYTHONPATH": str(checkout / "python")}
    command = [sys.executable, "-W", "ignore", str(HERE), "--child", "--cells", str(n_cells)]
    found = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in json.loads(found.stdout.splitlines()[-1]).items()}


def main() -> None:
    """Run both, print the table, and write results/place.csv."""
    parser = argparse.ArgumentParser()
    parser.add_argument("before", nargs="?", type=Path)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--child", action="store_true")
    given = parser.parse_args()
    if given.child:
        warnings.simplefilter("ignore")
        print(json.dumps(one(given.cells)))
        return
    if given.before is None:
        parser.error("name the checkout to compare with")
    found = {"b07b8fa": run_of(given.before, given.cells), "now": run_of(HERE.parents[1], given.cells)}
    of_map = found["b07b8fa"]
    rows = [
        {
            "run": name,
            "cells": given.cells,
            "spots": SPOTS,
            "genes": GENES,
            "map, s": seconds["map"],
            "place, s": seconds["place"],
            "place over map of b07b8fa": seconds["place"] / of_map["map"],
            "the same, processor time": seconds["place, busy"] / of_map["map, busy"],
            "sharpness": seconds["sharpness"],
            "error": seconds["error"],
        }
        for name, seconds in found.items()
    ]
    print_table(rows)
    write_csv("place", rows)


if __name__ == "__main__":
    main()
