"""COME beside SSA and the correlation: genes in space, places, types per spot, on all data sets that fit.

Genes: Drosophila (the given folds, five random partitions of the genes; COME with three seeds each), and in
three folds the semi-simulated tissues, seqfish_cortex_tasic, pdac_moncada (1,000 genes) and
li2022_starmap_sim, halved so that no cell of a spot is in the reference. Differences are paired over the
partitions, with their 95 % interval. Every map is read by the default, the weighted mean of the cells at a
spot, a fifth of it replaced by that over all cells, scaled to what the spot holds. Genes are also read as the
mean alone, and predicted without a map, by what the spot holds of the other genes. Places: as in
`placement.py`, read by the default, the median. DREAM: the challenge's scores of the ten most probable spots
of every cell of Drosophila, all 84 genes given; no setting was chosen by them. At the end all in one table,
from what the parts and `deconvolution.py` wrote.

    python benchmarks/accuracy.py [genes] [tissues] [places] [dream] [table]      all of them, or those named
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _common import RESULTS, print_table, write_csv
from _problems import SETS
from deconvolution import halves
from genes import (
    cross_validate,
    expression_alone,
    other_tissues,
    pancreas,
    partitions,
    random_folds,
    shared_genes,
)
from placement import error, interval

import homespot as hs

Run = tuple[str, dict[str, Any]]

# "Switched off": COME's run with every loss left out is its start, the softmax of the correlation.
OFF = {"map_rate": 1e-12, "epochs": 1, "pretrain_epochs": 1}
RUNS: dict[str, Run] = {
    "correlation": ("correlation", {}),
    "ssa, defaults": ("ssa", {}),
    "ssa, preset genes": ("ssa", {"preset": "genes"}),
    "come, every loss switched off": ("come", OFF),
    "come, defaults": ("come", {}),
}
PLACED: dict[str, Run] = {
    "correlation": ("correlation", {}),
    "ssa, defaults": ("ssa", {}),
    "come, preset places": ("come", {"preset": "places"}),
    "come, defaults": ("come", {}),
}
SCORED: dict[str, Run] = {**PLACED, "ssa, preset paper": ("ssa", {"preset": "paper"})}
SCORES = {"mean PCC": "pcc", "SSIM": "ssim", "RMSE": "rmse", "JSD": "jsd"}
SEEDS = (0, 1, 2)
READ_OUTS = ("scaled", "mean")
ALONE = "without a map"


def summary(scores: pd.DataFrame) -> dict[str, float]:
    """Return the median PCC over the genes, and the means of all scores."""
    means = scores.mean()
    return {
        "median PCC": float(scores["pcc"].median()),
        **{name: float(means[column]) for name, column in SCORES.items()},
    }


def drosophila() -> list[dict[str, object]]:
    """Score every run on every partition of Drosophila's genes."""
    data = hs.datasets.load("drosophila")
    sc, st = data["sc"], data["st"]
    rows: list[dict[str, object]] = []
    for seed in SEEDS:
        for name, folds in partitions(st).items():
            if seed == 0:
                row = {"folds": name, "run": ALONE, "read-out": "scaled", "seed": 0}
                rows.append({**row, **summary(expression_alone(st, folds)), "seconds a fold": 0.0})
            for run, (method, settings) in RUNS.items():
                if seed > 0 and run != "come, defaults":  # the others draw nothing
                    continue
                tables, seconds = cross_validate(sc, st, folds, method, {**settings, "seed": seed})
                for read_out in READ_OUTS:
                    row = {"folds": name, "run": run, "read-out": read_out, "seed": seed}
                    rows.append({**row, **summary(tables[read_out]), "seconds a fold": seconds})
                    print(rows[-1], flush=True)
    return rows


def genes() -> None:
    """Drosophila: the scores of every partition, their spread, and the paired differences."""
    rows = drosophila()
    print(f"Written to {write_csv('accuracy_drosophila', rows)}")
    compare(pd.DataFrame(rows))


def compare(frame: pd.DataFrame) -> None:
    """Print and write the spread of every run's scores, and the paired differences over the partitions."""
    names = ["median PCC", *SCORES]
    by_partition = frame.groupby(["read-out", "run", "folds"], sort=False)[names].mean()
    lines: list[dict[str, object]] = []
    for (read_out, run), mine in frame.groupby(["read-out", "run"], sort=False):
        found = by_partition.loc[read_out, run]
        line: dict[str, object] = {"run": run, "read-out": read_out}
        for score in names:
            line[score] = f"{mine[score].median():.3f} ({mine[score].min():.3f} to {mine[score].max():.3f})"
        for other in ("correlation", "ssa, defaults"):
            differences = found - by_partition.loc[read_out, other]
            for score in names:
                mean, half = interval(differences[score].tolist()) if run != other else (0.0, 0.0)
                line[f"{score} minus {other}"] = f"{mean:+.4f} ± {half:.4f}"
        lines.append(line)
    print_table(lines)
    print(f"Written to {write_csv('accuracy_genes', lines)}")


def all_tissues() -> Iterator[tuple[str, ad.AnnData, ad.AnnData, str]]:
    """Yield name, cells, spots and scale: those on which settings were chosen, then those only reported."""
    yield from other_tissues()
    yield "xenium_breast", *hs.simulate_spots(hs.datasets.load("xenium_breast")["st"], seed=3), "auto"
    yield "pdac_moncada", *pancreas(), "auto"
    yield "li2022_starmap_sim", *halves(0)[:2], "auto"


def tissues() -> None:
    """Score genes in space on the other tissues, in three folds."""
    rows: list[dict[str, object]] = []
    for name, sc, st, scale in all_tissues():
        shared = shared_genes(sc, st)
        folds = random_folds(shared, 3, 0)
        alone = summary(expression_alone(st, folds, scale))
        rows.append({"data": name, "run": ALONE, "read-out": "scaled", **alone, "seconds a fold": 0.0})
        for run, (method, settings) in RUNS.items():
            tables, seconds = cross_validate(sc, st[:, shared], folds, method, settings, scale)
            for read_out in READ_OUTS:
                row = {"data": name, "run": run, "read-out": read_out, **summary(tables[read_out])}
                rows.append({**row, "seconds a fold": seconds})
                print(rows[-1], flush=True)
    print_table(rows)
    print(f"Written to {write_csv('accuracy_tissues', rows)}")


def places() -> None:
    """Score places: mean error in pitches on ten parts of each tissue, less the correlation's."""
    errors: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for name in SETS:
        cells = hs.datasets.load(name)["st"]
        for condition in ("clean", "leak"):
            for part in range(10):
                sc, st = hs.simulate_spots(cells, part=part, leave_out=condition == "clean", seed=2)
                pitch = st.uns["homespot"]["pitch"]
                for run, (method, settings) in PLACED.items():
                    mapping = hs.map_cells(sc, st, method, progress=False, **settings)
                    errors[name, condition, run].append(error(mapping, sc, pitch, "median")[0])
                    if run == "correlation":
                        argmax = error(mapping, sc, pitch, "argmax")[0]
                        errors[name, condition, "correlation, argmax"].append(argmax)
    rows: list[dict[str, object]] = []
    for (name, condition, run), values in errors.items():
        row: dict[str, object] = {"tissue": name, "condition": condition, "run": run}
        row["mean error"] = float(np.mean(values))
        for yardstick in ("correlation, argmax", "correlation"):
            pairs = zip(values, errors[name, condition, yardstick], strict=True)
            mean, half = interval([a - b for a, b in pairs]) if run != yardstick else (0.0, 0.0)
            row[f"minus {yardstick}"] = f"{mean:+.3f} ± {half:.3f}"
        rows.append(row)
    print_table(rows)
    print(f"Written to {write_csv('accuracy_places', rows)}")


def dream() -> None:
    """Score places on Drosophila as the DREAM challenge does, against those of DistMap."""
    data = hs.datasets.load("drosophila")
    sc, st = data["sc"], data["st"]
    binary = pd.read_csv(hs.datasets.folder("drosophila") / "st_binarized.csv.gz", na_filter=False)
    atlas = ad.AnnData(binary.set_index(st.obs_names), obsm={"spatial": st.obsm["spatial"]})
    truth = hs.dream.distmap(sc, atlas)
    rows: list[dict[str, object]] = []
    for run, (method, settings) in SCORED.items():
        best = hs.dream.best_spots(hs.map_cells(sc, st, method, progress=False, **settings))
        rows.append({"run": run, **hs.dream.dream_scores(best, truth)})
    print_table(rows)
    print(f"Written to {write_csv('accuracy_dream', rows)}")


def table() -> None:
    """Put what the parts wrote, and `deconvolution.py`, into one table: a row a question, a column a run."""
    tall = []

    def add(question: str, frame: pd.DataFrame, data: str | pd.Series, run: pd.Series, score: str) -> None:
        tall.append(pd.DataFrame({"question": question, "data": data, "run": run, "score": frame[score]}))

    embryo, others, placed, scored, shares = (
        pd.read_csv(RESULTS / f"{name}.csv")
        for name in (
            "accuracy_drosophila",
            "accuracy_tissues",
            "accuracy_places",
            "accuracy_dream",
            "deconvolution",
        )
    )
    for name, frame in (("drosophila", embryo), (None, others)):
        read = frame[frame["read-out"] == "scaled"]
        for score in ("median PCC", *SCORES):
            add(f"genes, {score}", read, name or read["data"], read["run"], score)
    for condition in ("clean", "leak"):
        part = placed[placed["condition"] == condition]
        add(f"places, mean error, {condition}", part, part["tissue"], part["run"], "mean error")
    for score in ("s1", "s2", "s3"):
        add(f"places, DREAM {score}", scored, "drosophila", scored["run"], score)
    read = shares[~shares["run"].str.endswith("sum")]
    for score in ("PCC", "JSD"):
        add(f"types, {score}", read, read["data"], read["run"].str.removesuffix(", square"), score)
    whole = pd.concat(tall).pivot_table("score", ["question", "data"], "run", "median", sort=False)
    rows = whole.astype(object).where(whole.notna(), "-").reset_index().to_dict("records")
    print_table(rows)
    print(f"Written to {write_csv('accuracy', rows)}")


PARTS = {"genes": genes, "tissues": tissues, "places": places, "dream": dream, "table": table}


def main() -> None:
    """Run the parts named, or all."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
