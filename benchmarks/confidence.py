"""How far a position can be trusted: the radius of `place_cells` beside known truth, tissue by tissue.

Semi-simulated spots (`homespot.simulate_spots`, the mapped cells left out of them) of five tissues and of the
Drosophila embryo's bins, and the demo. A cell's truth is its own place in the tissue, not its spot's. The
constants of the rule are fitted on SSA's and the correlation's maps of some parts (seed 0), at about 25 and 8
cells a spot, every tissue with the same weight. The table is measured on other parts (seed 2), every tissue
with the constants that the other six give: which share of its cells lies within the radius at each level, and
how many are called confident at 0.9 and which share of those lies within it.

    python benchmarks/confidence.py         the table, and the constants fitted on all tissues
    python benchmarks/confidence.py fit     the constants alone
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from placement import SETS

import homespot as hs
from homespot.mapping.confidence import extent, factor

TISSUES = (*SETS, "drosophila", "demo")
LEVELS = (0.5, 0.8, 0.9, 0.95)
SHOWN = 0.9
FITTED = np.linspace(0.5, 0.98, 25)
Run = tuple[str, dict[str, Any], dict[str, Any]]
FIT: dict[str, Run] = {"ssa": ("ssa", {}, {}), "correlation": ("correlation", {}, {})}
FAST: dict[str, Run] = {
    **FIT,
    "ssa, k_best=20": ("ssa", {"k_best": 20}, {}),
    "ssa, preset genes": ("ssa", {"preset": "genes"}, {}),
    "ssa, preset paper": ("ssa", {"preset": "paper"}, {}),
    "ssa, mean": ("ssa", {}, {"position": "mean"}),
    "ssa, argmax": ("ssa", {}, {"position": "argmax"}),
}
SLOW: dict[str, Run] = {
    "come, preset places": ("come", {"preset": "places"}, {}),
    "come, defaults": ("come", {}, {}),
}


def problem(
    cells: ad.AnnData, cells_per_spot: float, part: int, seed: int
) -> tuple[ad.AnnData, ad.AnnData, pd.DataFrame]:
    """Return cells, spots and the true places of the cells."""
    sc, st = hs.simulate_spots(cells, part=part, seed=seed, cells_per_spot=cells_per_spot)
    where = cells[sc.obs_names].obsm["spatial"][:, :2]
    return sc, st, pd.DataFrame(where, sc.obs_names)


def problems(tissue: str, seed: int) -> Iterator[tuple[str, int, ad.AnnData, ad.AnnData, pd.DataFrame]]:
    """Yield the condition, the part, cells, spots and truth of one tissue."""
    if tissue == "demo":
        for part in range(2):
            sc, st = hs.make_demo(seed + part)
            yield "clean", part, sc, st, sc.obs[["true_x", "true_y"]]
        return
    cells = hs.datasets.load(tissue)["st"]
    for part in range(3):
        sc, st, truth = problem(cells, 25, part, seed)
        yield "clean", part, sc, st, truth
        if seed and part == 0:
            left = truth[0] < truth[0].median()
            yield "half", part, sc[left.to_numpy()].copy(), st, truth[left]
    sc, st, truth = problem(cells, 8, 0, seed)
    yield "8 cells a spot", 0, sc, st, truth


def collect(seed: int, fast: dict[str, Run], slow: dict[str, Run]) -> pd.DataFrame:
    """Return one row a cell, tissue, condition and run: its error, and its radius before the factor."""
    found = []
    for tissue in TISSUES:
        for condition, part, sc, st, truth in problems(tissue, seed):
            for run, (method, settings, read) in (
                fast | (slow if (condition, part) == ("clean", 0) else {})
            ).items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # genes that one half of the tissue does not have
                    mapping = hs.map_cells(sc, st, method, progress=False, **settings)
                table = hs.cell_positions(mapping, level=SHOWN, **read)
                away = table[["homespot_x", "homespot_y"]].to_numpy() - truth.loc[table.index].to_numpy()
                found.append(
                    pd.DataFrame(
                        {
                            "tissue": tissue,
                            "condition": condition,
                            "run": run,
                            "error": np.linalg.norm(away, axis=1),
                            "plain": table["homespot_radius"].to_numpy() / factor(SHOWN),
                            "extent": extent(mapping.varm["spatial"]),
                        }
                    )
                )
        print(f"{tissue}: mapped", flush=True)
    return pd.concat(found, ignore_index=True)


def quantiles(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted quantiles at the levels `FITTED`."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return np.asarray(values[order][np.minimum(np.searchsorted(reached, FITTED), len(values) - 1)])


def fit(frame: pd.DataFrame) -> tuple[float, float]:
    """Fit scale and shape of the factor, scale (-log(1 - level))^shape, every tissue with the same weight."""
    group = frame.groupby(["tissue", "condition"])["error"].transform("size")
    conditions = frame.groupby("tissue")["condition"].transform("nunique")
    found = quantiles((frame["error"] / frame["plain"]).to_numpy(), (1 / group / conditions).to_numpy())
    shape, scale = np.polyfit(np.log(-np.log1p(-FITTED)), np.log(found), 1)
    return float(np.exp(scale)), float(shape)


def observed(frame: pd.DataFrame, scale: float, shape: float) -> dict[str, object]:
    """Return the share of cells within their radius at each level, and of those that are confident."""
    row: dict[str, object] = {"cells": len(frame)}
    for level in LEVELS:
        radius = frame["plain"] * scale * (-np.log1p(-level)) ** shape
        within = frame["error"] <= radius
        row[f"within at {level:g}"] = float(within.mean())
        if level == SHOWN:
            confident = radius <= frame["extent"] / 2
            row["confident"] = float(confident.mean())
            inside = float(within[confident].mean()) if confident.any() else float("nan")
    row["within of confident"] = inside
    return row


def main() -> None:
    """Print the table and the constants, and write the CSV."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    calibration = collect(0, FIT, {})
    scale, shape = fit(calibration)
    print(f"Fitted on all tissues: scale {scale:.4f}, shape {shape:.4f}")
    if "fit" in sys.argv[1:]:
        return
    test = collect(2, FAST, SLOW)
    constants = {tissue: fit(calibration[calibration["tissue"] != tissue]) for tissue in TISSUES}
    rows: list[dict[str, object]] = []
    for (run, condition, tissue), part in test.groupby(["run", "condition", "tissue"], sort=False):
        values = observed(part, *constants[tissue])
        rows.append({"run": run, "condition": condition, "tissue": tissue, **values})
    print_table(rows)
    print(f"Written to {write_csv('confidence', rows)}")


if __name__ == "__main__":
    main()
