"""COME's C for the most plausible spots of each cell: places, types and genes on five tissues.

The problems and measures of ``_against.py``. Every number of candidates is compared with C for all spots on
the same divisions, at the defaults and at ``preset="places"``; a tissue with no more spots than candidates
has no row. These tissues have few spots, so a smaller grid (4 cells a spot instead of 25) of one division
shows what happens where the candidates are a small part of the spots: its places and types.

    python benchmarks/come_candidates.py
    python benchmarks/come_candidates.py fine       the smaller grid alone
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import anndata as ad
from _against import against, problem, read, tissue
from _common import print_table, write_csv
from _problems import SETS

import homespot as hs

CANDIDATES = (32, 64, 128, 256)
OF_FINE = (128, 256, 512, 1024)
FINE = 4.0  # cells a spot
PRESETS: dict[str, dict[str, Any]] = {"defaults": {}, "places": {"preset": "places"}}


def coarse() -> list[dict[str, object]]:
    """Compare on the grid of 25 cells a spot."""
    rows: list[dict[str, object]] = []
    for name, preset in PRESETS.items():
        full = {"method": "come", "candidates": None, **preset}

        def fewer(_: ad.AnnData, st: ad.AnnData, full: dict[str, Any] = full) -> dict[int, dict[str, Any]]:
            return {k: full | {"candidates": k} for k in CANDIDATES if k < st.n_obs}

        found = against(full, fewer, of_base="full", what="candidates")
        rows += [{"settings": name, **row} for row in found]
    return rows


def fine() -> list[dict[str, object]]:
    """Compare places and types on the smaller grid."""
    rows: list[dict[str, object]] = []
    for name in SETS:
        sc, st, truth = problem(tissue(name), 0, FINE)
        for settings, preset in PRESETS.items():
            found: dict[int | None, tuple[float, float, float]] = {}
            for k in (None, *(k for k in OF_FINE if k < st.n_obs)):
                mapping = hs.map_cells(sc, st, "come", candidates=k, progress=False, **preset)
                found[k] = read(mapping, sc, truth)
            full = found.pop(None)
            for k, (away, types, within) in found.items():
                row: dict[str, object] = {"settings": settings, "tissue": name, "genes": st.n_vars}
                row |= {"spots": st.n_obs, "candidates": k, "place over full": away / full[0]}
                row |= {"types PCC less full": types - full[1], "within less full": within - full[2]}
                rows.append(row)
                print(row, flush=True)
    return rows


def main() -> None:
    """Print the tables and write their CSV files."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    parts = {"come_candidates": coarse, "come_candidates_fine": fine}
    for name, part in parts.items():
        if sys.argv[1:] in ([], ["fine"] if part is fine else []):
            rows = part()
            print_table(rows)
            print(f"Written to {write_csv(name, rows)}")


if __name__ == "__main__":
    main()
