"""How far a position can be trusted: the radius of `place_cells` beside known truth, tissue by tissue.

The clean and the shifted problems of `_problems.py`, three divisions of every tissue. A cell's truth is its
own place in the tissue. Of each run and level: the share of cells within their radius; the median radius over
that of the old rule at this level; how many cells of a division are called confident; which share of these
lies within the radius, and the lower bound of its 95 % interval by Wilson, for the cells of one division, as
those of the others are partly the same. The last column names what misses its aim: "coverage" (within 0.05 of
the level), "radius" (at most 1.1 times the old one at level 0.9), "confident" (where 100 cells or more are,
the lower bound is at least the level).

"Old rule" is that of commit b07b8fa, with its map and its places, written down here: the radius is f(level)
s (s / e)^(1/3), where s is the root mean squared distance of the 20 best spots from the place, at least half
the pitch, and e the extent of the tissue. The constants of f were fitted on SSA's and the correlation's maps
of some parts of seven tissues (seed 0), at about 25 and 8 cells a spot, every tissue with the same weight.

    python benchmarks/confidence.py         the table
    python benchmarks/confidence.py fit     the constants of the old rule, fitted
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from _problems import SETS, in_tissue
from placement import OLD, RUNS, SEEDS, Run, places_of
from scipy import stats

import homespot as hs
from homespot.expression.places import pitch

F64 = npt.NDArray[np.float64]

CONDITIONS = ("clean", "shift")
LEVELS = (0.5, 0.8, 0.9)
READ = {
    "defaults": Run(),
    "gene_weights='spatial'": RUNS["gene_weights='spatial'"],
    "k_best=20": Run(settings={"k_best": 20}),
    "correlation": RUNS["correlation"],
}
BEST, EXPONENT, SCALE, SHAPE = 20, 1 / 3, 0.93, 0.70  # of the old rule
# Aims: coverage is off by at most OFF, radii at level SHOWN are at most WIDER times the old ones, and the
# confident cells are right where there are LEAST.
OFF, SHOWN, WIDER, LEAST = 0.05, 0.9, 1.1, 100

TISSUES = (*SETS, "drosophila", "demo")
FITTED = np.linspace(0.5, 0.98, 25)


class Read(NamedTuple):
    """What is said of the places of some cells, and how far they are off."""

    error: F64
    radius: F64
    confident: npt.NDArray[np.bool_]


def extent(spots: F64) -> float:
    """Return the root mean squared distance of the spots from their centroid."""
    return float(np.sqrt(np.square(spots - spots.mean(axis=0)).sum(axis=1).mean()))


def plain(mapping: ad.AnnData, places: F64) -> F64:
    """Return the radius of the old rule over its factor f, for these places of the cells of a dense map."""
    spots = np.asarray(mapping.varm["spatial"])
    best = np.argpartition(-mapping.X, min(BEST, len(spots)) - 1, axis=1)[:, :BEST]
    share = np.take_along_axis(mapping.X, best, axis=1).astype(np.float64)
    squares = np.square(spots[best] - places[:, None]).sum(axis=2)
    spread = np.sqrt((share * squares).sum(axis=1) / share.sum(axis=1))
    spread = np.maximum(spread, pitch(spots) / 2)
    return np.asarray(spread * (spread / extent(spots)) ** EXPONENT)


def factor(level: float, scale: float = SCALE, shape: float = SHAPE) -> float:
    """Return f of the old rule."""
    return float(scale * (-np.log1p(-level)) ** shape)


def read(name: str, condition: str, seed: int) -> dict[tuple[str, float], Read]:
    """Return what every run and level say of one division of a tissue."""
    problem = in_tissue(name, condition, seed)
    where = hs.datasets.load(name)["st"][problem.sc.obs_names].obsm["spatial"][:, :2]
    truth = pd.DataFrame(where, problem.sc.obs_names)
    spots = pd.DataFrame(problem.st.obsm["spatial"][:, :2], problem.st.obs_names)

    def off(places: pd.DataFrame) -> F64:
        return np.linalg.norm(places.to_numpy() - truth.loc[places.index].to_numpy(), axis=1)

    found = {}
    mapping = hs.map_cells(problem.sc, problem.st, progress=False, **OLD.settings)
    places = places_of(mapping, OLD, spots)
    radius, most = plain(mapping, places.to_numpy()), extent(spots.to_numpy()) / 2
    for level in LEVELS:
        found["old rule", level] = Read(off(places), radius * factor(level), radius * factor(level) <= most)
    for run, (method, settings, *_) in READ.items():
        mapping = hs.map_cells(problem.sc, problem.st, method, progress=False, **settings)
        for level in LEVELS:
            table = hs.cell_positions(mapping, level=level)
            columns = (table[f"homespot_{what}"].to_numpy() for what in ("radius", "confident"))
            found[run, level] = Read(off(table[["homespot_x", "homespot_y"]]), *columns)
    return found


def summary(level: float, divisions: list[Read], old: list[Read]) -> dict[str, object]:
    """Return what the divisions of a tissue say together, beside the old rule."""
    error, radius, confident = (np.concatenate(parts) for parts in zip(*divisions, strict=True))
    inside = error <= radius
    cells, named = len(error) / len(divisions), int(confident.sum() / len(divisions))
    within, right = float(inside.mean()), float(inside[confident].mean()) if named else float("nan")
    wider = float(np.median(radius) / np.median(np.concatenate([part.radius for part in old])))
    low = stats.binomtest(round(right * named), named).proportion_ci(method="wilson").low if named else right
    missed = {
        "coverage": abs(within - level) > OFF,
        "radius": level == SHOWN and wider > WIDER,
        "confident": named >= LEAST and low < level,
    }
    return {
        "level": level,
        "cells": round(cells),
        "within": within,
        "radius over old": wider,
        "confident": named,
        "within of confident": right,
        "at least": float(low),
        "missed": " ".join(name for name, is_so in missed.items() if is_so) or "-",
    }


def table() -> list[dict[str, object]]:
    """Measure every tissue."""
    rows: list[dict[str, object]] = []
    for condition in CONDITIONS:
        for name in SETS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # where no cell is confident, that is said
                divisions = [read(name, condition, seed) for seed in SEEDS]
            for run, level in divisions[0]:
                parts, old = ([one[key, level] for one in divisions] for key in (run, "old rule"))
                named = {"condition": condition, "tissue": name, "run": run}
                rows.append({**named, **summary(level, parts, old)})
    return rows


def parts_of(tissue: str) -> Iterator[tuple[int, ad.AnnData, ad.AnnData, pd.DataFrame]]:
    """Yield cells per spot, cells, spots and true places, for the fit."""
    if tissue == "demo":
        for part in range(2):
            sc, st = hs.make_demo(part)
            yield 25, sc, st, sc.obs[["true_x", "true_y"]]
        return
    cells = hs.datasets.load(tissue)["st"]
    for dense, part in ((25, 0), (25, 1), (25, 2), (8, 0)):
        sc, st = hs.simulate_spots(cells, part=part, seed=0, cells_per_spot=dense)
        yield dense, sc, st, pd.DataFrame(cells[sc.obs_names].obsm["spatial"][:, :2], sc.obs_names)


def quantiles(values: F64, weights: F64) -> F64:
    """Return the weighted quantiles at the levels `FITTED`."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return np.asarray(values[order][np.minimum(np.searchsorted(reached, FITTED), len(values) - 1)])


def fit() -> tuple[float, float]:
    """Fit scale and shape of f: the quantiles of error over `plain`, every tissue with the same weight."""
    found = []
    for tissue in TISSUES:
        for dense, sc, st, truth in parts_of(tissue):
            spots = pd.DataFrame(st.obsm["spatial"][:, :2], st.obs_names)
            for run in (OLD, OLD._replace(method="correlation", settings={"gene_weights": "equal"})):
                mapping = hs.map_cells(sc, st, run.method, progress=False, **run.settings)
                places = places_of(mapping, run, spots)
                error = np.linalg.norm(places.to_numpy() - truth.loc[places.index].to_numpy(), axis=1)
                over = error / plain(mapping, places.to_numpy())
                found.append(pd.DataFrame({"tissue": tissue, "dense": dense, "over": over}))
    frame = pd.concat(found, ignore_index=True)
    group = frame.groupby(["tissue", "dense"])["over"].transform("size")
    groups = frame.groupby("tissue")["dense"].transform("nunique")
    reached = quantiles(frame["over"].to_numpy(), (1 / group / groups).to_numpy())
    shape, scale = np.polyfit(np.log(-np.log1p(-FITTED)), np.log(reached), 1)
    return float(np.exp(scale)), float(shape)


def main() -> None:
    """Print the table and write the CSV, or print the constants."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    if "fit" in sys.argv[1:]:
        print("Fitted: scale {:.4f}, shape {:.4f}".format(*fit()))
        return
    rows = table()
    print_table(rows)
    print(f"Written to {write_csv('confidence', rows)}")


if __name__ == "__main__":
    main()
