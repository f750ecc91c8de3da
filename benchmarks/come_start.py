"""COME's start, temperature and epochs: places, types and held-out genes on five tissues, beside SSA.

Semi-simulated spots of five tissues, half of the cells mapped, which are not in the spots; three divisions
(seeds 0, 1, 2), of at most 6,000 cells. Places: mean error over that of SSA's defaults. Types: correlation of
the shares of all spots and types with the truth. Genes: median correlation of held-out genes, three folds.
Within: the share of the cells that lie within the radius of the level 0.9.

    python benchmarks/come_start.py
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from _problems import SETS, TYPES
from deconvolution import by_map, score
from placement import interval

import homespot as hs

SEEDS = (0, 1, 2)
MOST_CELLS = 6_000
RUNS: dict[str, dict[str, Any]] = {
    "ssa, defaults": {"method": "ssa"},
    "correlation": {"method": "correlation"},
    "come, genes alike (earlier defaults)": {"method": "come", "gene_weights": "equal"},
    "come, defaults": {"method": "come"},
    "come, 10 epochs": {"method": "come", "epochs": 10},
    "come, temperature 0.1": {"method": "come", "start_temperature": 0.1},
    "come, preset places": {"method": "come", "preset": "places"},
    "come, start ssa, 10 epochs": {"method": "come", "preset": "places", "epochs": 10},
    "come, defaults, labels (COME+)": {"method": "come", "labels": "cell_type"},
}
MEASURES = ("place over that of SSA", "types PCC", "genes PCC", "within")


def tissue(name: str) -> ad.AnnData:
    """Return the cells of a tissue, at most `MOST_CELLS`, with their types as "cell_type"."""
    cells = hs.datasets.load(name)["st"]
    cells = cells[np.sort(np.random.default_rng(0).permutation(cells.n_obs)[:MOST_CELLS])].copy()
    cells.obs["cell_type"] = cells.obs[TYPES[name]].astype(str)
    return cells


def problem(cells: ad.AnnData, seed: int) -> tuple[ad.AnnData, ad.AnnData, pd.DataFrame]:
    """Return the cells to be mapped, the spots made of the others, and the true shares of the types."""
    types = pd.get_dummies(cells.obs["cell_type"]).astype(np.float64)
    of_types = ad.AnnData(types, obsm={"spatial": cells.obsm["spatial"]})
    sc, st = hs.simulate_spots(cells, n_parts=2, seed=seed)
    return sc, st, hs.simulate_spots(of_types, n_parts=2, seed=seed)[1].to_df()


def measured(sc: ad.AnnData, st: ad.AnnData, truth: pd.DataFrame, settings: dict[str, Any]) -> list[float]:
    """Return the mean error, the PCC of the types, the median PCC of held-out genes, the share within."""
    mapping = hs.map_cells(sc, st, progress=False, **settings)
    true_places = sc.obs[["true_x", "true_y"]]
    places = hs.cell_positions(mapping)[["homespot_x", "homespot_y"]].to_numpy()
    away = np.linalg.norm(places - true_places.to_numpy(), axis=1)
    within = hs.calibration(mapping, true_places, levels=[0.9])["share"].iloc[0]
    scores = hs.cross_validate(sc, st, folds=3, seed=0, progress=False, **settings)
    types = score(truth, by_map(mapping))["PCC"]
    return [float(away.mean()), types, float(scores["pcc"].median()), float(within)]


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    rows: list[dict[str, object]] = []
    for name in SETS:
        cells = tissue(name)
        found: dict[str, list[list[float]]] = {}
        for seed in SEEDS:
            sc, st, truth = problem(cells, seed)
            for run, settings in RUNS.items():
                found.setdefault(run, []).append(measured(sc, st, truth, settings))
        of_ssa = np.array(found["ssa, defaults"])
        for run, values in found.items():
            numbers = np.array(values)
            numbers[:, 0] /= of_ssa[:, 0]
            row: dict[str, object] = {"tissue": name, "run": run}
            for i, measure in enumerate(MEASURES):
                row[measure] = float(numbers[:, i].mean())
                away, half = interval((numbers[:, i] - (1 if i == 0 else of_ssa[:, i])).tolist())
                row[f"{measure}, less SSA's"] = f"{away:+.3f} ± {half:.3f}"
            rows.append(row)
            print(row, flush=True)
    print_table(rows)
    print(f"Written to {write_csv('come_start', rows)}")


if __name__ == "__main__":
    main()
