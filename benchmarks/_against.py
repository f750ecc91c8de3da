"""Settings against others on five tissues: places, types and held-out genes, on the same divisions.

Semi-simulated spots of five tissues, half of the cells mapped, which are not in the spots; three divisions
(seeds 0, 1, 2), of at most 6,000 cells. Places: mean error. Types: correlation of the shares of all spots
and types with the truth. Genes: median correlation of held-out genes, three folds. Within: the share of the
cells that lie within the radius of the level 0.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _problems import SETS, TYPES
from deconvolution import by_map, score
from placement import interval

import homespot as hs

SEEDS = (0, 1, 2)
MEASURES = ("types PCC", "genes PCC", "within")
"""What `measured` returns after the error of the places."""

_MOST_CELLS = 6_000

Settings = Mapping[str, Any]


def tissue(name: str) -> ad.AnnData:
    """Return the cells of a tissue, at most 6,000, with their types as "cell_type"."""
    cells = hs.datasets.load(name)["st"]
    cells = cells[np.sort(np.random.default_rng(0).permutation(cells.n_obs)[:_MOST_CELLS])].copy()
    cells.obs["cell_type"] = cells.obs[TYPES[name]].astype(str)
    return cells


def problem(
    cells: ad.AnnData, seed: int, cells_per_spot: float = 25.0
) -> tuple[ad.AnnData, ad.AnnData, pd.DataFrame]:
    """Return the cells to be mapped, the spots made of the others, and the true shares of the types."""
    types = pd.get_dummies(cells.obs["cell_type"]).astype(np.float64)
    of_types = ad.AnnData(types, obsm={"spatial": cells.obsm["spatial"]})
    halves = {"n_parts": 2, "seed": seed, "cells_per_spot": cells_per_spot}
    sc, st = hs.simulate_spots(cells, **halves)
    return sc, st, hs.simulate_spots(of_types, **halves)[1].to_df()


def read(mapping: ad.AnnData, sc: ad.AnnData, truth: pd.DataFrame) -> tuple[float, float, float]:
    """Return the mean error of the places, the PCC of the types, and the share within."""
    true_places = sc.obs[["true_x", "true_y"]]
    places = hs.cell_positions(mapping)[["homespot_x", "homespot_y"]].to_numpy()
    away = np.linalg.norm(places - true_places.to_numpy(), axis=1)
    within = hs.calibration(mapping, true_places, levels=[0.9])["share"].iloc[0]
    return float(away.mean()), score(truth, by_map(mapping))["PCC"], float(within)


def measured(sc: ad.AnnData, st: ad.AnnData, truth: pd.DataFrame, settings: Settings) -> list[float]:
    """Return the mean error, the PCC of the types, the median PCC of held-out genes, the share within."""
    away, types, within = read(hs.map_cells(sc, st, progress=False, **settings), sc, truth)
    scores = hs.cross_validate(sc, st, folds=3, seed=0, progress=False, **settings)
    return [away, types, float(scores["pcc"].median()), within]


def against(
    base: Settings,
    others: Callable[[ad.AnnData, ad.AnnData], Mapping[Any, Settings]],
    *,
    of_base: str,
    what: str,
    also: Callable[[ad.AnnData, ad.AnnData, Settings], Mapping[str, float]] = lambda *_: {},
) -> list[dict[str, object]]:
    """Return a row for each tissue and other settings: the place over, types and genes less, those of `base`.

    Parameters
    ----------
    base
        Arguments of `map_cells`.
    others
        Returns the other settings of a problem, from cells and spots, by what the row is called.
    of_base, what
        Name of `base`, and of the column of what rows are called.
    also
        Returns more columns, from cells, spots and settings.
    """
    columns = (f"place over {of_base}", *(f"{measure} less {of_base}" for measure in MEASURES))
    rows: list[dict[str, object]] = []
    for name in SETS:
        cells = tissue(name)
        found: dict[Any, list[list[float]]] = {}
        more: dict[Any, list[Mapping[str, float]]] = {}
        for seed in SEEDS:
            sc, st, truth = problem(cells, seed)
            exact = measured(sc, st, truth, base)
            for called, settings in others(sc, st).items():
                values = measured(sc, st, truth, settings)
                compared = [values[0] / exact[0], *np.subtract(values[1:], exact[1:])]
                found.setdefault(called, []).append(compared)
                more.setdefault(called, []).append(also(sc, st, settings))
        for called, divisions in found.items():
            row: dict[str, object] = {"tissue": name, "genes": st.n_vars, "spots": st.n_obs, what: called}
            for column, values in zip(columns, np.transpose(divisions), strict=True):
                row[column], row[f"{column}, interval"] = interval(values.tolist())
            row |= {key: float(np.mean([one[key] for one in more[called]])) for key in more[called][0]}
            rows.append(row)
            print(row, flush=True)
    return rows
