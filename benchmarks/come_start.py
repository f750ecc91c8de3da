"""COME's start, temperature and epochs: places, types and held-out genes on five tissues, beside SSA.

The problems and measures of ``_against.py``. Places are over the mean error of SSA's defaults.

    python benchmarks/come_start.py
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from _against import MEASURES, SEEDS, measured, problem, tissue
from _common import print_table, write_csv
from _problems import SETS
from placement import interval

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
            for i, measure in enumerate(("place over that of SSA", *MEASURES)):
                row[measure] = float(numbers[:, i].mean())
                away, half = interval((numbers[:, i] - (1 if i == 0 else of_ssa[:, i])).tolist())
                row[f"{measure}, less SSA's"] = f"{away:+.3f} ± {half:.3f}"
            rows.append(row)
            print(row, flush=True)
    print_table(rows)
    print(f"Written to {write_csv('come_start', rows)}")


if __name__ == "__main__":
    main()
