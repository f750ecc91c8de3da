"""Whether a type that the slide lacks is flagged: `homespot_fits` of its cells against that of the others.

Spots are simulated from half of the cells of a tissue, about 25 cells of all a spot, without the cells of one
type; the other half is mapped, with that type ("clean"). Under "shift" another technology seems to
have measured the mapped cells. Every type with at least 20 mapped cells is left out in turn. The AUC
is the chance that a cell of the type has a lower `homespot_fits` than one of another. Beside it stand the AUC
of the same cells against themselves, mapped on spots with the type, the shares of the cells of the type below
0.5 in both maps, and the AUC of what a map tells without it: the highest correlation with a spot.

    python benchmarks/fits.py
"""

from __future__ import annotations

import os
import warnings

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from _problems import SETS, TYPES
from scipy import sparse
from scipy.stats import rankdata

import homespot as hs

F64 = npt.NDArray[np.float64]

SEEDS = (0, 1)
SHIFTS = {"clean": {}, "shift": {"platform": "log-normal", "depth": 0.22}}
LEAST = 20
FLAGGED = 0.5


def auc(low: F64, high: F64) -> float:
    """Return the chance that a value of `low` is below one of `high`."""
    ranks = rankdata(np.concatenate([low, high]))
    below = ranks[len(low) :].sum() - len(high) * (len(high) + 1) / 2
    return float(below / (len(low) * len(high)))


def without(st: ad.AnnData, others: ad.AnnData, held: npt.NDArray[np.bool_]) -> ad.AnnData:
    """Return the spots as means of these cells of theirs alone, and no spot that has none."""
    spot = st.obs_names.get_indexer(others.obs["true_spot"])[held]
    count = np.bincount(spot, minlength=st.n_obs)
    member = sparse.csr_matrix((1 / count[spot], (spot, np.flatnonzero(held))), (st.n_obs, others.n_obs))
    out = st.copy()
    out.X = member @ others.X
    return out[count > 0].copy()


def scores(sc: ad.AnnData, st: ad.AnnData) -> pd.DataFrame:
    """Return the fit of every mapped cell, and its highest correlation with a spot."""
    mapping = hs.map_cells(sc, st, "correlation", gene_weights="equal", regularisation=0.05, progress=False)
    genes = list(mapping.uns["homespot"]["genes"])
    unit = []
    for table, names in ((sc, mapping.obs_names), (st, mapping.var_names)):
        x = table[names, genes].X
        whole = np.asarray(table[names].X.sum(axis=1), dtype=np.float64).reshape(-1, 1)
        dense = np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float64)
        z = np.log1p(1e4 * dense / whole)
        z = (z - z.mean(axis=0)) / z.std(axis=0)
        z -= z.mean(axis=1, keepdims=True)
        unit.append(z / np.linalg.norm(z, axis=1, keepdims=True))
    nearest = (unit[0] @ unit[1].T).max(axis=1)
    return pd.DataFrame({"fits": mapping.obs["homespot_fits"], "nearest": nearest})


def measured(name: str, condition: str, seed: int) -> list[dict[str, object]]:
    """Leave every type of a tissue out in turn."""
    cells = hs.datasets.load(name)["st"]
    sc, st = hs.simulate_spots(cells, n_parts=2, seed=seed, **SHIFTS[condition])
    others, _ = hs.simulate_spots(cells, n_parts=2, part=1, seed=seed)
    kind, of_others = (table.obs[TYPES[name]].astype(str) for table in (sc, others))
    counts = kind[cells.obs.loc[kind.index, TYPES[name]].notna() & (kind != "nan")].value_counts()
    whole = scores(sc, st)
    rows: list[dict[str, object]] = []
    for one in sorted(counts.index[counts >= LEAST]):
        found = scores(sc, without(st, others, (of_others != one).to_numpy()))
        is_one = (kind[found.index] == one).to_numpy()
        here, there = found[is_one], whole.loc[found.index[is_one]]
        rows.append(
            {
                "condition": condition,
                "tissue": name,
                "seed": seed,
                "type": one,
                "cells": int(is_one.sum()),
                "AUC": auc(here["fits"], found["fits"][~is_one]),
                "AUC against itself": auc(here["fits"], there["fits"]),
                "AUC of the highest correlation": auc(here["nearest"], found["nearest"][~is_one]),
                "flagged where missing": float((here["fits"] < FLAGGED).mean()),
                "flagged where present": float((there["fits"] < FLAGGED).mean()),
            }
        )
    return rows


def main() -> None:
    """Print the medians over the types of every tissue, and write all types."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore", hs.errors.DataWarning)
    rows = [
        row
        for condition in SHIFTS
        for name in SETS
        for seed in SEEDS
        for row in measured(name, condition, seed)
    ]
    table = pd.DataFrame(rows).drop(columns=["type", "seed", "cells"])
    medians = table.groupby(["condition", "tissue"], sort=False).median().reset_index()
    every = table.drop(columns="tissue").groupby("condition", sort=False).median().reset_index()
    print_table([*medians.to_dict("records"), *every.assign(tissue="all types").to_dict("records")])
    print(f"Written to {write_csv('fits', rows)}")


if __name__ == "__main__":
    main()
