"""Where cells sit: every method between what knows nothing and what knows the truth; the scan of settings.

The problems, five tissues in six conditions and three pairs of technologies, are those of `_problems.py`,
each in three divisions of the cells.

Errors are given over that of a random spot (its expectation), and over those of two yardsticks: the ratio of
the mean errors of the divisions, with the 95 % interval by the delta method for paired means (Student's t).
Beside the methods: all cells at the centre of the tissue; a forest, and the median of the 20 most correlated
cells, which both know expression and places of the cells of the spots' tissue that are not mapped; and
every cell at the centre of its type (of its type's layer, for pairs). These three are told true places, which
no map is.

    python benchmarks/placement.py           the tables
    python benchmarks/placement.py --scan    the scan over regularisation, relaxation and read-out
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from _problems import CONDITIONS, PAIRS, SETS, Problem, across, in_tissue
from scipy import sparse, stats
from sklearn.ensemble import ExtraTreesRegressor

import homespot as hs

F64 = npt.NDArray[np.float64]
Scores = dict[tuple[str, str, str], list[float]]

SEEDS = (0, 1, 2)
NEIGHBOURS, TREES = 20, 100


class Run(NamedTuple):
    """A map and how it is read."""

    method: str = "ssa"
    settings: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    column: str | None = None  # the column of `cell_positions` with the spot; None: its place
    squared: bool = False  # whether the place is read from P squared, as before there was a sharpness
    slow: bool = False  # whether it is run on `clean` only


# The defaults of commit b07b8fa.
OLD = Run(
    settings={
        "n_genes": 5000,
        "correlation": "signed",
        "gene_weights": "equal",
        "regularisation": 0.05,
        "marginals": "expression",
        "relax_cells": 0.0,
        "relax_spots": 0.75,
    },
    squared=True,
)
RUNS = {
    "old defaults": OLD,
    "defaults": Run(),
    "defaults, best spot": Run(column="homespot_spot"),
    "defaults, spot of least expected distance": Run(column="homespot_near_spot"),
    "gene_weights='spatial'": Run(settings={"gene_weights": "spatial"}),
    "preset='paper', best spot": Run(settings={"preset": "paper"}, column="homespot_spot"),
    "correlation": Run("correlation"),
    "correlation, best spot": Run("correlation", {"gene_weights": "equal"}, column="homespot_spot"),
    "COME": Run("come", slow=True),
}
YARDSTICKS = ("old defaults", "correlation")
# What the defaults aim at, over the old ones.
AIMS = {
    "clean": dict(zip(SETS, (0.94, 0.87, 0.88, 0.89, 0.95), strict=True)),
    "half": dict.fromkeys(SETS, 1.02),
}

SCAN = {"seed": 0, "parts": 5}
SCANNED = ("clean", "leak", "half")
REGULARISATION = (0.01, 0.02, 0.03, 0.05)
RELAX_SPOTS = (1.0, 0.75, 0.5, 0.25, 0.0)
READ_OUTS = ("median", "mean", "k_best", "argmax")


def log_values(cells: ad.AnnData) -> F64:
    """Return log(1 + 10,000 x / total), cells x genes."""
    x = cells.X.toarray() if sparse.issparse(cells.X) else np.asarray(cells.X)
    return np.asarray(np.log1p(1e4 * x / np.maximum(x.sum(axis=1, keepdims=True), 1)), dtype=np.float64)


def standardised(x: F64) -> F64:
    """Return the z-scores of every column."""
    return np.asarray((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12))


def learnt(problem: Problem) -> dict[str, pd.DataFrame]:
    """Place cells by what expression and places of other cells have taught: two ways."""
    genes = problem.sc.var_names.intersection(problem.others.var_names)
    known, asked = (log_values(side[:, genes]) for side in (problem.others, problem.sc))
    places = problem.others.obsm["spatial"][:, :2]
    scaled, scaled_asked = standardised(known), standardised(asked)
    if problem.differ:
        known, asked = scaled, scaled_asked
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=5, max_features=0.2, random_state=0)
    found = {"forest": forest.fit(known, places).predict(asked)}
    alike = np.corrcoef(scaled_asked, scaled)[: len(asked), len(asked) :]
    nearest = np.argpartition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    found["neighbours"] = np.median(places[nearest], axis=1)
    return {run: pd.DataFrame(place, problem.sc.obs_names) for run, place in found.items()}


def mapped(problem: Problem, *, slow: bool) -> dict[str, pd.DataFrame]:
    """Place cells by every run."""
    spots = pd.DataFrame(problem.st.obsm["spatial"][:, :2], problem.st.obs_names)
    maps, found = {}, {}
    for name, run in RUNS.items():
        if run.slow and not slow:
            continue
        key = (run.method, *run.settings.items())
        if key not in maps:
            maps[key] = hs.map_cells(problem.sc, problem.st, run.method, progress=False, **run.settings)
        found[name] = places_of(maps[key], run, spots)
    return found


def places_of(mapping: ad.AnnData, run: Run, spots: pd.DataFrame) -> pd.DataFrame:
    """Return the places of the cells of a map, as the run reads them."""
    if run.squared:
        mapping = mapping.copy()
        mapping.obs = mapping.obs.drop(columns="homespot_sharpness", errors="ignore")
    table = hs.cell_positions(mapping)
    if run.column is None:
        return table[["homespot_x", "homespot_y"]]
    return spots.loc[table[run.column]].set_axis(table.index)


def measured(problem: Problem, *, slow: bool = False) -> dict[str, dict[str, float]]:
    """Return the scores of every way to place the cells of a problem that no map drops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # genes that one half of the tissue does not have
        places = mapped(problem, slow=slow)
    cells = problem.sc.obs_names
    for place in places.values():
        cells = cells.intersection(place.index, sort=False)
    spots = problem.st.obsm["spatial"][:, :2]

    def all_at(place: F64) -> pd.DataFrame:
        return pd.DataFrame(np.broadcast_to(place, (len(cells), 2)), cells)

    places |= {"centre of the tissue": all_at(np.median(spots, axis=0)), **learnt(problem)}
    places["centre of the type"] = problem.by_type
    found = {run: problem.scores(place.loc[cells]) for run, place in places.items()}
    random = pd.DataFrame([problem.scores(all_at(spot)) for spot in spots]).mean()
    return {"random spot": random.to_dict(), **found}


def ratio(errors: list[float], base: list[float]) -> tuple[float, float]:
    """Return the ratio of the means, and the half width of its 95 % interval (delta method, paired)."""
    one, other = np.asarray(errors), np.asarray(base)
    found = one.mean() / other.mean()
    half = stats.t.ppf(0.975, len(one) - 1) * stats.sem(one - found * other) / other.mean()
    return float(found), float(half)


def rows_of(labels: dict[str, str], divisions: list[dict[str, dict[str, float]]]) -> list[dict[str, object]]:
    """Return a row of every way to place cells, from its scores in the divisions of one problem."""
    rows: list[dict[str, object]] = []
    errors = {run: [division[run]["error"] for division in divisions] for run in divisions[0]}
    for run in errors:
        row: dict[str, object] = {**labels, "run": run}
        row["over random"] = ratio(errors[run], errors["random spot"])[0]
        for yardstick in YARDSTICKS:
            found, half = ratio(errors[run], errors[yardstick])
            row |= {f"over {yardstick}": found, f"± over {yardstick}": half}
        others = [name for name in divisions[0][run] if name != "error"]
        row |= {name: float(np.mean([division[run][name] for division in divisions])) for name in others}
        rows.append(row)
    return rows


def tissues() -> list[dict[str, object]]:
    """Measure every tissue in every condition."""
    rows = []
    for name in SETS:
        for condition in CONDITIONS:
            problems = (in_tissue(name, condition, seed) for seed in SEEDS)
            divisions = [measured(problem, slow=condition == "clean") for problem in problems]
            rows += rows_of({"tissue": name, "condition": condition}, divisions)
        print(f"{name}: measured", flush=True)
    return rows


def pairs() -> list[dict[str, object]]:
    """Measure every pair of technologies."""
    rows = []
    for name, (source, target) in PAIRS.items():
        rows += rows_of({"pair": name}, [measured(across(source, target, seed)) for seed in SEEDS])
    return rows


def wide(rows: list[dict[str, object]], column: str) -> list[dict[str, object]]:
    """Return a row of every condition and run, and a column of every tissue."""
    found: dict[tuple[object, object], dict[str, object]] = {}
    for row in rows:
        value = f"{row[column]:.3f}"
        if f"± {column}" in row:
            value += f" ± {row[f'± {column}']:.3f}"
        key = row["condition"], row["run"]
        found.setdefault(key, {"condition": key[0], "run": key[1]})[str(row["tissue"])] = value
    return list(found.values())


def aims(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return what the defaults aim at, over the old ones, and what they reach."""
    found = []
    for row in rows:
        aim = AIMS.get(str(row["condition"]), {}).get(str(row["tissue"]))
        if aim is not None and row["run"] == "defaults":
            reached = row["over old defaults"]
            named = {name: row[name] for name in ("condition", "tissue")}
            found.append({**named, "aim": aim, "reached": reached, "met": reached <= aim})
    return found


def problems(seed: int, parts: int) -> Iterator[tuple[str, str, ad.AnnData, ad.AnnData]]:
    """Yield tissue, condition, cells and spots of the first `parts` of ten random parts."""
    for name in SETS:
        cells = hs.datasets.load(name)["st"]
        for condition in SCANNED:
            for part in range(parts):
                sc, st = hs.simulate_spots(cells, part=part, leave_out=condition != "leak", seed=seed)
                if condition == "half":
                    sc = sc[sc.obs["true_x"] < sc.obs["true_x"].median()].copy()
                yield name, condition, sc, st


def error(mapping: ad.AnnData, sc: ad.AnnData, pitch: float, position: str) -> tuple[float, float]:
    """Return the mean error in pitches, and the share of cells whose most probable spot is the true one."""
    table = hs.cell_positions(mapping, position=position)
    truth = sc.obs.loc[table.index]
    found = table[["homespot_x", "homespot_y"]].to_numpy()
    distance = hs.metrics.distances(truth[["true_x", "true_y"]].to_numpy(), found)["euclidean"]
    return distance / pitch, float((table["homespot_spot"] == truth["true_spot"]).mean())


def interval(differences: list[float]) -> tuple[float, float]:
    """Return the mean and the half width of its 95 % interval (Student's t)."""
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return float(np.mean(differences)), float(half)


def scan() -> list[dict[str, object]]:
    """Measure every setting: error over that of the correlation's argmax, mean over the tissues."""
    errors: Scores = defaultdict(list)
    for name, condition, sc, st in problems(**SCAN):
        pitch = st.uns["homespot"]["pitch"]
        base = hs.map_cells(sc, st, "correlation", progress=False)
        errors[name, condition, "base"].append(error(base, sc, pitch, "argmax")[0])
        for regularisation in REGULARISATION:
            for relax in RELAX_SPOTS:
                for marginals in ("uniform", "expression") if relax < 1 else ("uniform",):
                    mapping = hs.map_cells(
                        sc,
                        st,
                        "ssa",
                        regularisation=regularisation,
                        relax_spots=relax,
                        marginals=marginals,
                        progress=False,
                    )
                    for position in READ_OUTS:
                        key = f"{regularisation}|{relax}|{marginals}|{position}"
                        errors[name, condition, key].append(error(mapping, sc, pitch, position)[0])
    rows = []
    for key in dict.fromkeys(run for _, _, run in errors if run != "base"):
        regularisation, relax, marginals, position = key.split("|")
        row: dict[str, object] = {
            "regularisation": float(regularisation),
            "relax_spots": float(relax),
            "marginals": marginals,
            "position": position,
        }
        counts = {}
        for condition in SCANNED:
            ratios, worse, better = [], 0, 0
            for name in SETS:
                found, base = errors[name, condition, key], errors[name, condition, "base"]
                ratios.append(np.mean(found) / np.mean(base))
                mean, half = interval([a - b for a, b in zip(found, base, strict=True)])
                worse += mean > half
                better += mean < -half
            row[condition] = float(np.mean(ratios))
            counts[condition] = f"{better}/{worse}"
        rows.append({**row, **{f"better/worse, {name}": count for name, count in counts.items()}})
    return sorted(rows, key=lambda row: sum(float(str(row[name])) for name in SCANNED))


def main() -> None:
    """Print the tables and write their CSV files."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    if "--scan" in sys.argv[1:]:
        rows = scan()
        print_table(rows[:30])
        print(f"Written to {write_csv('placement_scan', rows)}")
        return
    rows = tissues()
    for column in ("over random", *(f"over {yardstick}" for yardstick in YARDSTICKS)):
        print(f"\n{column}")
        print_table(wide(rows, column))
    print("\nAims")
    print_table(aims(rows))
    print(f"Written to {write_csv('placement', rows)}")
    rows = pairs()
    print_table(rows)
    print(f"Written to {write_csv('placement_pairs', rows)}")


if __name__ == "__main__":
    main()
