"""What else was tried for places: each choice of SSA's defaults left out or done in another way.

On the tissues and pairs of technologies of `placement.py`, the error over that of the old defaults, as there.
The powers of the genes' weights are those of Moran's I: 1/2 is the default. "power by agreement" takes, on
every problem, the one of the powers 0, 1/2 and 1 at which two halves of the genes agree most. "averaged
cells" are each replaced by the mean of itself and its ten nearest cells, in the correlation of expression.

    python benchmarks/tried.py
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from _problems import PAIRS, SETS, Problem, across, in_tissue
from placement import OLD, SEEDS, Run, log_values, places_of, ratio

import homespot as hs
from homespot.expression.gene_weights import morans_i
from homespot.expression.places import Places
from homespot.expression.transforms import unit_rows, z_scores

CONDITIONS = ("clean", "half", "shift")
POWERS = (0, 0.5, 1)
NEAREST = 10


def weighed(problem: Problem, power: float) -> ad.AnnData:
    """Map with genes weighed by a power of Moran's I."""
    z = z_scores(log_values(problem.st))
    pattern = np.maximum(morans_i(z, Places(problem.st.obsm["spatial"])), 0)
    weights = dict(zip(problem.st.var_names, map(float, pattern**power), strict=True))
    return hs.map_cells(problem.sc, problem.st, gene_weights=weights, progress=False)


def by_agreement(problem: Problem) -> ad.AnnData:
    """Map with the power at which two halves of the genes agree most."""
    maps = [weighed(problem, power) for power in POWERS]
    return max(maps, key=lambda mapping: mapping.uns["homespot"]["sharpness"]["agreement"].max())


def averaged(problem: Problem) -> ad.AnnData:
    """Map cells averaged with those of the nearest expression."""
    x = log_values(problem.sc)
    unit = unit_rows(z_scores(x.copy()))
    near = np.argpartition(-(unit @ unit.T), NEAREST, axis=1)[:, : NEAREST + 1]
    cells = ad.AnnData(np.expm1(x)[near].mean(axis=1), problem.sc.obs[[]], problem.sc.var[[]])
    return hs.map_cells(cells, problem.st, sc_scale="counts", progress=False)


def with_settings(**settings: Any) -> Callable[[Problem], ad.AnnData]:
    """Return a function that maps a problem with these settings."""
    return lambda problem: hs.map_cells(problem.sc, problem.st, progress=False, **settings)


TRIED: dict[str, Callable[[Problem], ad.AnnData]] = {
    "defaults": with_settings(),
    "relax_spots=0: every spot keeps its mass": with_settings(relax_spots=0.0),
    "relax_spots=0.75": with_settings(relax_spots=0.75),
    "relax_spots=1: no mass of spots": with_settings(relax_spots=1.0),
    "weights of power 0": lambda problem: weighed(problem, 0),
    "weights of power 1": lambda problem: weighed(problem, 1),
    "power by agreement": by_agreement,
    "averaged cells": averaged,
}


def errors(problem: Problem) -> dict[str, float]:
    """Return the mean error of every way that was tried, and of the old defaults."""
    spots = pd.DataFrame(problem.st.obsm["spatial"][:, :2], problem.st.obs_names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # genes that one half of the tissue does not have
        places = {name: places_of(way(problem), Run(), spots) for name, way in TRIED.items()}
        places["old defaults"] = places_of(with_settings(**OLD.settings)(problem), OLD, spots)
    cells = problem.sc.obs_names
    for place in places.values():
        cells = cells.intersection(place.index, sort=False)
    return {name: problem.scores(place.loc[cells])["error"] for name, place in places.items()}


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    problems = {
        f"{name}, {condition}": [partial(in_tissue, name, condition, seed) for seed in SEEDS]
        for condition in CONDITIONS
        for name in SETS
    } | {name: [partial(across, *pair, seed) for seed in SEEDS] for name, pair in PAIRS.items()}
    rows = []
    for name, divisions in problems.items():
        found = pd.DataFrame([errors(make()) for make in divisions])
        over = {way: ratio(list(found[way]), list(found["old defaults"]))[0] for way in TRIED}
        rows.append({"problem": name, **over})
        print(name, {way: round(value, 3) for way, value in over.items()}, flush=True)
    print_table(rows)
    print(f"Written to {write_csv('tried', rows)}")


if __name__ == "__main__":
    main()
