"""COME's C for the most plausible spots of each cell: places, types and genes on five tissues.

The problems and measures of ``_against.py``. Every number of candidates is compared with C for all spots on
the same divisions, at the defaults and at ``preset="places"``; a tissue with no more spots than
candidates has no row.

    python benchmarks/come_candidates.py
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import anndata as ad
from _against import against
from _common import print_table, write_csv

CANDIDATES = (32, 64, 128, 256)
PRESETS: dict[str, dict[str, Any]] = {"defaults": {}, "places": {"preset": "places"}}


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    rows: list[dict[str, object]] = []
    for name, preset in PRESETS.items():
        full = {"method": "come", "candidates": None, **preset}

        def fewer(_: ad.AnnData, st: ad.AnnData, full: dict[str, Any] = full) -> dict[int, dict[str, Any]]:
            return {k: full | {"candidates": k} for k in CANDIDATES if k < st.n_obs}

        found = against(full, fewer, of_base="full", what="candidates")
        rows += [{"settings": name, **row} for row in found]
    print_table(rows)
    print(f"Written to {write_csv('come_candidates', rows)}")


if __name__ == "__main__":
    main()
