"""Where cells sit: SSA and the correlation on five tissues whose truth is known, and the scan of settings.

Semi-simulated spots (`homespot.simulate_spots`) of ten random parts of every tissue (five in the scan): with
the mapped cells left out of the spots' means ("clean"), in them ("leak"), and left out with cells of one half
of the tissue only ("half"), for an atlas that does not cover the spots evenly. The error is the mean
Euclidean distance from the true spot, in pitches of the grid; differences to the correlation are paired
over the parts, with their 95 % interval.

    python benchmarks/placement.py              the table
    python benchmarks/placement.py --scan       also the scan over regularisation, relaxation and read-out
    python benchmarks/placement.py --ceilings   only the table between what knows nothing and what knows most

The last table has errors over that of a random spot, of three divisions of every tissue into halves, and of
three into tenths: of the defaults and of weighted genes, beside all cells at the centre of the tissue, a
forest that learns places from the expression of the cells in the spots, and every cell at the centre of its
type. The forest and the types know true places of cells, which no map does.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator

import anndata as ad
import numpy as np
import numpy.typing as npt
from _common import print_table, write_csv
from scipy import sparse, stats
from sklearn.ensemble import ExtraTreesRegressor

import homespot as hs

SETS = ("starmap_visp", "merfish_visp", "smfish_visp", "seqfish_embryo", "xenium_breast")
# The table is measured on other parts of the tissues than the scan that chose the defaults.
TABLE = {"seed": 2, "parts": 10}
SCAN = {"seed": 0, "parts": 5}
YARDSTICKS = ("correlation, argmax", "correlation, median")
RUNS = {
    "correlation, argmax": ("correlation", {}, "argmax"),
    "correlation, median": ("correlation", {}, "median"),
    "ssa, median (defaults)": ("ssa", {}, "median"),
    "ssa, argmax": ("ssa", {}, "argmax"),
    "ssa, mean": ("ssa", {}, "mean"),
    "ssa, k_best": ("ssa", {}, "k_best"),
    "ssa paper, argmax": ("ssa", {"preset": "paper"}, "argmax"),
    "ssa paper, median": ("ssa", {"preset": "paper"}, "median"),
}
REGULARISATION = (0.01, 0.02, 0.03, 0.05)
RELAX_SPOTS = (1.0, 0.75, 0.5, 0.25, 0.0)
READ_OUTS = ("median", "mean", "k_best", "argmax")

CONDITIONS = ("clean", "leak", "half")
TYPES = {name: "cluster" if name == "smfish_visp" else "cell_type" for name in SETS}
WEIGHTED = {"defaults": "equal", "gene_weights='spatial'": "spatial"}
SEEDS = (0, 1, 2)

Scores = dict[tuple[str, str, str], list[float]]


def problems(seed: int, parts: int) -> Iterator[tuple[str, str, ad.AnnData, ad.AnnData]]:
    """Yield tissue, condition, cells and spots of the first `parts` of ten random parts."""
    for name in SETS:
        cells = hs.datasets.load(name)["st"]
        for condition in CONDITIONS:
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


def table() -> list[dict[str, object]]:
    """Measure `RUNS` and random placement on every tissue."""
    errors: Scores = defaultdict(list)
    exact: Scores = defaultdict(list)
    for name, condition, sc, st in problems(**TABLE):
        pitch = st.uns["homespot"]["pitch"]
        rng = np.random.default_rng(0)
        spots = st.obsm["spatial"][rng.integers(st.n_obs, size=sc.n_obs)]
        truth = sc.obs[["true_x", "true_y"]].to_numpy()
        errors[name, condition, "random spot"].append(hs.metrics.distances(truth, spots)["euclidean"] / pitch)
        exact[name, condition, "random spot"].append(1 / st.n_obs)
        mappings = {}
        for run, (method, settings, position) in RUNS.items():
            key = (method, *settings.items())
            if key not in mappings:
                mappings[key] = hs.map_cells(sc, st, method, progress=False, **settings)
            distance, hit = error(mappings[key], sc, pitch, position)
            errors[name, condition, run].append(distance)
            exact[name, condition, run].append(hit)
    rows: list[dict[str, object]] = []
    for (name, condition, run), values in errors.items():
        row: dict[str, object] = {
            "tissue": name,
            "condition": condition,
            "run": run,
            "mean error": float(np.mean(values)),
            "exact spot": float(np.mean(exact[name, condition, run])),
        }
        for yardstick in YARDSTICKS:
            mean, half = interval(
                [a - b for a, b in zip(values, errors[name, condition, yardstick], strict=True)]
            )
            row[f"minus {yardstick}"] = "-" if run == yardstick else f"{mean:+.3f} ± {half:.3f}"
        rows.append(row)
    return rows


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
        for condition in CONDITIONS:
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
    return sorted(rows, key=lambda row: sum(float(str(row[name])) for name in CONDITIONS))


def log_values(cells: ad.AnnData) -> npt.NDArray[np.float32]:
    """Return log(1 + 10,000 x / total), cells x genes."""
    x = cells.X.toarray() if sparse.issparse(cells.X) else np.asarray(cells.X)
    return np.log1p(1e4 * x / np.maximum(x.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def by_forest(sc: ad.AnnData, others: ad.AnnData) -> npt.NDArray[np.float64]:
    """Place cells by a forest that has learnt the places of other cells from their expression."""
    forest = ExtraTreesRegressor(200, min_samples_leaf=5, max_features=0.2, n_jobs=-1, random_state=0)
    forest.fit(log_values(others), others.obsm["spatial"][:, :2])
    return np.asarray(forest.predict(log_values(sc)))


def placed_by_all(cells: ad.AnnData, name: str, condition: str, n_parts: int, seed: int) -> dict[str, float]:
    """Return the mean error of every way to place the cells of one division."""
    sc, st = hs.simulate_spots(cells, n_parts=n_parts, leave_out=condition != "leak", seed=seed)
    if condition == "half":
        sc = sc[sc.obs["true_x"] < sc.obs["true_x"].median()].copy()
    found = {}
    for run, weights in WEIGHTED.items():
        table = hs.cell_positions(hs.map_cells(sc, st, gene_weights=weights, progress=False))
        sc = sc[table.index].copy()  # without the cells that the map has dropped
        found[run] = table[["homespot_x", "homespot_y"]].to_numpy()
    truth = sc.obs[["true_x", "true_y"]].to_numpy()
    spots, rng = st.obsm["spatial"], np.random.default_rng(0)
    found["random spot"] = spots[rng.integers(len(spots), size=len(truth))]
    found["centre of the tissue"] = np.broadcast_to(np.median(spots, axis=0), truth.shape)
    found["forest, knows other cells' places"] = by_forest(sc, cells[~cells.obs_names.isin(sc.obs_names)])
    kinds = sc.obs[TYPES[name]].astype(str)
    centres = sc.obs[["true_x", "true_y"]].groupby(kinds).median()
    found["centre of the type, knows the truth"] = centres.loc[kinds].to_numpy()
    return {run: float(np.linalg.norm(place - truth, axis=1).mean()) for run, place in found.items()}


def ceilings() -> list[dict[str, object]]:
    """Measure errors over that of a random spot, and over that of the defaults, with paired intervals."""
    rows: list[dict[str, object]] = []
    for name in SETS:
        cells = hs.datasets.load(name)["st"]
        for condition, n_parts in (*((condition, 2) for condition in CONDITIONS), ("clean", 10)):
            errors = [placed_by_all(cells, name, condition, n_parts, seed) for seed in SEEDS]
            for run in errors[0]:
                mean, half = interval([error[run] / error["defaults"] for error in errors])
                row = {"tissue": name, "condition": condition, "parts": n_parts, "run": run}
                over = float(np.mean([error[run] / error["random spot"] for error in errors]))
                rows.append({**row, "over random": over, "over defaults": f"{mean:.3f} ± {half:.3f}"})
    return rows


def main() -> None:
    """Print the tables and write their CSV files."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    if "--ceilings" in sys.argv[1:]:
        rows = ceilings()
        print_table(rows)
        print(f"Written to {write_csv('placement_ceilings', rows)}")
        return
    rows = table()
    print_table(rows)
    print(f"Written to {write_csv('placement', rows)}")
    if "--scan" in sys.argv[1:]:
        rows = scan()
        print_table(rows[:30])
        print(f"Written to {write_csv('placement_scan', rows)}")


if __name__ == "__main__":
    main()
