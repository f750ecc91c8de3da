"""Principal components in place of the genes: places, types and held-out genes of SSA on five tissues.

The problems and measures of ``_against.py``. Every number of components is compared with the genes
themselves on the same divisions; a tissue with no more genes than components has no row.

    python benchmarks/components.py
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import anndata as ad
from _against import Settings, against
from _common import print_table, write_csv

import homespot as hs

COMPONENTS = (16, 32, 64, 128, 256)
EXACT: dict[str, Any] = {"method": "ssa", "n_components": None}


def solver(sc: ad.AnnData, st: ad.AnnData, settings: Settings) -> dict[str, Any]:
    """Return what the record of a map says of its solution."""
    found: dict[str, Any] = hs.map_cells(sc, st, progress=False, **settings).uns["homespot"]["solver"]
    return found


def fewer(sc: ad.AnnData, st: ad.AnnData) -> dict[int, Settings]:
    """Return the settings with fewer components than genes."""
    every = {n: EXACT | {"n_components": n} for n in COMPONENTS}
    return {n: settings for n, settings in every.items() if "components" in solver(sc, st, settings)}


def error(sc: ad.AnnData, st: ad.AnnData, settings: Settings) -> dict[str, float]:
    """Return the error of the correlations."""
    return {"error of the correlations, rms": solver(sc, st, settings)["error_correlations"]["rms"]}


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    rows = against(EXACT, fewer, of_base="exact", what="components", also=error)
    print_table(rows)
    write_csv("components", rows)


if __name__ == "__main__":
    main()
