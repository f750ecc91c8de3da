"""Principal components in place of the genes: places, types and held-out genes of SSA on five tissues.

The problems and measures of ``come_start.py``. Every number of components is compared with the genes
themselves on the same divisions; a tissue with no more genes than components has no row.

    python benchmarks/components.py
"""

from __future__ import annotations

import os
import warnings

import numpy as np
from _common import print_table, write_csv
from _problems import SETS
from come_start import MEASURES, SEEDS, measured, problem, tissue
from placement import interval

import homespot as hs

COMPONENTS = (16, 32, 64, 128, 256)


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    rows: list[dict[str, object]] = []
    for name in SETS:
        found: dict[int, list[list[float]]] = {}
        for seed in SEEDS:
            sc, st, truth = problem(tissue(name), seed)
            exact = measured(sc, st, truth, {"method": "ssa", "n_components": None})
            for n in COMPONENTS:
                settings = {"method": "ssa", "n_components": n}
                solver = hs.map_cells(sc, st, progress=False, **settings).uns["homespot"]["solver"]
                if "components" not in solver:
                    continue
                values = measured(sc, st, truth, settings)
                compared = [values[0] / exact[0], *np.subtract(values[1:], exact[1:])]
                found.setdefault(n, []).append([*compared, solver["error_correlations"]["rms"]])
        for n, values in found.items():
            row: dict[str, object] = {"tissue": name, "genes": len(sc.var_names), "components": n}
            of_exact = ("place over exact", *(f"{measure} less exact" for measure in MEASURES[1:]))
            for measure, column in zip(of_exact, np.transpose(values), strict=False):
                mean, half = interval(column)
                row |= {measure: mean, f"{measure}, interval": half}
            row["error of the correlations, rms"] = np.mean([one[-1] for one in values])
            rows.append(row)
    print_table(rows)
    write_csv("components", rows)


if __name__ == "__main__":
    main()
