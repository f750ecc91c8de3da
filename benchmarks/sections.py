"""The section of a cell, where each section was mapped by itself: measures of fit, beside known truth.

Every row of such a map sums to 1, so the masses say nothing, and the section has to come from how well the
cell fits. Semi-simulated spots (`homespot.simulate_spots`, half of the cells mapped, left out of the spots'
means) of five tissues are cut into sections: at the median of x, at that of y, at both (four sections), at
the 20 % quantile of x or y (sections of different size), and at random, where every section is right. "batch"
gives the first section (the small one) another factor for every gene (log-normal, sd 0.3) and half the depth,
"batch, rest" the other one. Every section is mapped by itself; the yardstick is the mass of each section in
the map of all spots together. Ties count as wrong.

The statistic and its temperature were chosen on seeds 0 and 1; the tables of shares and of calibration that
are printed are of seed 2.

    python benchmarks/sections.py           the tables
    python benchmarks/sections.py --come    also COME, on two tissues (slow)
    python benchmarks/sections.py --cost    also seconds beside SSA, 20,000 cells x 2,000 genes x 4,000 spots
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from _problems import SETS
from scipy import sparse
from scipy.special import logsumexp, softmax

import homespot as hs
from homespot.expression.transforms import log_normalised, unit_rows, z_scores
from homespot.objects.tables import expression

CHOICE, TEST = (0, 1), 2
BEST = 20
WIDTHS = (1.0, 1.5, 2.0, 3.0)
TEMPERATURES = (0.8, 1.0, 1.2, 1.5)
CHOSEN = "best 20: log-sum, own spread"
COME_SETS = ("merfish_visp", "smfish_visp")
BINS = (0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0001)

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]


class Problem(NamedTuple):
    """Cells, spots, the section of every spot, and that of every cell; None where all sections are right."""

    cut: str
    variant: str
    sc: ad.AnnData
    st: ad.AnnData
    section: Indices
    truth: Indices | None


class Fits(NamedTuple):
    """The fit of every cell (rows) in every section (columns) by each statistic, and what calibrates it."""

    by_name: dict[str, Floats]
    best: list[Floats]
    truth: Indices | None


def with_batch(st: ad.AnnData, spots: npt.NDArray[np.bool_], rng: np.random.Generator) -> ad.AnnData:
    """Give these spots another factor for every gene, and half the depth by binomial thinning."""
    count = st.obs["n_cells"].to_numpy()[spots, None]
    totals = st.X.toarray()
    kept = np.minimum(1, 0.5 * np.exp(rng.normal(0, 0.3, st.n_vars)))
    totals[spots] = rng.binomial(np.rint(totals[spots] * count).astype(int), kept) / count
    return ad.AnnData(sparse.csr_matrix(totals), st.obs, st.var, obsm=dict(st.obsm))


def problems(tissue: str, seed: int) -> Iterator[Problem]:
    """Yield every cut of a tissue, as it is and with a batch effect."""
    sc, st = hs.simulate_spots(hs.datasets.load(tissue)["st"], n_parts=2, seed=seed)
    rng = np.random.default_rng(seed)
    where, true = st.obsm["spatial"], sc.obs[["true_x", "true_y"]].to_numpy()

    def beyond(axis: int, share: float) -> tuple[Indices, Indices]:
        limit = np.quantile(where[:, axis], share)
        return (where[:, axis] > limit).astype(np.intp), (true[:, axis] > limit).astype(np.intp)

    (x, true_x), (y, true_y) = beyond(0, 0.5), beyond(1, 0.5)
    cuts: dict[str, tuple[Indices, Indices | None]] = {
        "x": (x, true_x),
        "y": (y, true_y),
        "four": (2 * x + y, 2 * true_x + true_y),
        "x, 20 %": beyond(0, 0.2),
        "y, 20 %": beyond(1, 0.2),
        "random": ((rng.random(st.n_obs) > 0.5).astype(np.intp), None),
        "random, 20 %": ((rng.random(st.n_obs) > 0.2).astype(np.intp), None),
    }
    for cut, (section, truth) in cuts.items():
        yield Problem(cut, "as it is", sc, st, section, truth)
        yield Problem(cut, "batch", sc, with_batch(st, section == 0, rng), section, truth)
        if cut.endswith("20 %"):
            yield Problem(cut, "batch, rest", sc, with_batch(st, section > 0, rng), section, truth)


def scaled(x: Floats, like: Floats) -> Floats:
    """Bring every gene of `x` to z-scores by the means and deviations of the table `like`."""
    deviation = like.std(axis=0)
    return (x - like.mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)


def profile_fit(cells: Floats, spots: Floats, best: Indices, p: Floats) -> Floats:
    """Return the correlation of each cell with the mean of its best spots, weighted by the squares of P."""
    weights = np.square(p / p.max(axis=1, keepdims=True))
    rows = np.arange(0, best.size + 1, best.shape[1])
    mean = sparse.csr_matrix((weights.ravel(), best.ravel(), rows), shape=(len(best), len(spots))) @ spots
    return np.einsum("ig,ig->i", unit_rows(cells.copy()), unit_rows(mean))


def spread_fit(best: list[Floats], width: float = 2.0) -> tuple[Floats, Floats]:
    """Return the statistic that was chosen, and its temperature for every cell.

    With rho the correlations of a cell with its best spots, and s the mean over the sections of their
    standard deviation: the fit in a section is w s log(sum(exp(rho / (w s)))), the temperature s.
    """
    spread = np.maximum(np.mean([rho.std(axis=1) for rho in best], axis=0), 1e-6)[:, None]
    fit = [logsumexp(rho / (width * spread), axis=1) for rho in best]
    return width * spread * np.stack(fit, axis=1), spread


def fits(problem: Problem, method: str) -> Fits:
    """Map every section by itself and all spots together, and compute every statistic."""
    parts = [problem.st[problem.section == s].copy() for s in range(problem.section.max() + 1)]
    maps = [hs.map_cells(problem.sc, part, method, progress=False) for part in parts]
    joint = hs.map_cells(problem.sc, problem.st, method, progress=False)
    names = joint.obs_names
    for mapping in maps:
        names = names[names.isin(mapping.obs_names)]
    record = maps[0].uns["homespot"]
    genes = [g for g in record["genes"] if all(g in m.uns["homespot"]["genes"] for m in maps)]
    cells = log_normalised(expression(problem.sc[names], "sc", None, record["sc_scale"], "float32"), genes)
    tables = [
        log_normalised(expression(part[m.var_names], "st", None, record["st_scale"], "float32"), genes)
        for part, m in zip(parts, maps, strict=True)
    ]
    pooled = np.vstack(tables)
    own = scaled(cells, cells)
    unit = unit_rows(own.copy())
    found: dict[str, list[Floats]] = {}
    correlations: list[Floats] = []
    for mapping, spots in zip(maps, tables, strict=True):
        p = mapping[names].X
        best = np.argsort(-p, axis=1, kind="stable")[:, :BEST]
        share = np.take_along_axis(p, best, axis=1)
        rho = unit @ unit_rows(scaled(spots, pooled)).T
        correlations.append(np.take_along_axis(rho, best, axis=1).astype(np.float64))
        log_sum = 0.05 * logsumexp(rho.astype(np.float64) / 0.05, axis=1)
        for name, values in {
            "largest": rho.max(axis=1),
            "largest, section's z": (unit @ unit_rows(scaled(spots, spots)).T).max(axis=1),
            "profile of 20": profile_fit(own, scaled(spots, pooled), best, share),
            "profile, section's z": profile_fit(own, scaled(spots, spots), best, share),
            "profile, cells' z": profile_fit(own, scaled(spots, cells), best, share),
            "profile, plain log": profile_fit(cells, spots, best, share),
            "log-sum": log_sum,
            "log-sum less log N": log_sum - 0.05 * np.log(len(spots)),
            "mean under P": (rho * p).sum(axis=1),
            "best 20: mean": correlations[-1].mean(axis=1),
            "best 20: log-sum, 0.1": 0.1 * logsumexp(correlations[-1] / 0.1, axis=1),
        }.items():
            found.setdefault(name, []).append(values)
    by_name = {name: np.stack(values, axis=1) for name, values in found.items()}
    by_name[CHOSEN] = spread_fit(correlations)[0]
    at = problem.section[problem.st.obs_names.get_indexer(joint.var_names)]
    masses = [joint[names].X[:, at == s].sum(axis=1) for s in range(len(parts))]
    by_name["all spots together"] = np.stack(masses, axis=1)
    rows = problem.sc.obs_names.get_indexer(names)
    return Fits(by_name, correlations, None if problem.truth is None else problem.truth[rows])


def right(fit: Floats, truth: Indices) -> float:
    """Return the share of cells that fit best in their own section; a tie is wrong."""
    others = np.where(np.arange(fit.shape[1]) == truth[:, None], -np.inf, fit).max(axis=1)
    return float((fit[np.arange(len(fit)), truth] > others).mean())


def balanced(fit: Floats, truth: Indices) -> float:
    """Return the mean over the sections of the share of their cells that are right: all count alike."""
    return float(np.mean([right(fit[truth == s], truth[truth == s]) for s in np.unique(truth)]))


def stated(best: list[Floats], width: float = 2.0, temperature: float = 1.0) -> Floats:
    """Return the probability of every section."""
    fit, spread = spread_fit(best, width)
    return np.asarray(softmax(fit / (temperature * spread), axis=1))


def scan(key: dict[str, object], found: Fits) -> list[dict[str, object]]:
    """Score the stated probabilities for every width and temperature."""
    rows = []
    for width in WIDTHS:
        for temperature in TEMPERATURES:
            p = stated(found.best, width, temperature)
            rows.append(
                {
                    **key,
                    "width": width,
                    "temperature": temperature,
                    "log loss": float(-np.log(p[np.arange(len(p)), found.truth]).mean()),
                    "right": right(p, found.truth),
                    "stated": float(p.max(axis=1).mean()),
                }
            )
    return rows


def decided(key: dict[str, object], found: Fits, share: float) -> dict[str, object]:
    """Say how decided the statistic is where all sections are right."""
    p = stated(found.best)
    joint = found.by_name["all spots together"]
    return {
        **key,
        "spots in the first": share,
        "cells in the first": float((p[:, 0] > 0.5).mean()),
        "the same, all spots together": float((joint[:, 0] > joint[:, 1]).mean()),
        "stated": float(p.max(axis=1).mean()),
        "stated above 0.9": float((p.max(axis=1) > 0.9).mean()),
    }


def cost() -> list[dict[str, object]]:
    """Time the statistic beside mapping both sections by SSA."""
    rng = np.random.default_rng(0)
    n_genes, kinds = 2000, rng.gamma(0.5, 1, (10, 2000))
    sc, st = (
        ad.AnnData(sparse.csr_matrix(rng.poisson(kinds[rng.integers(10, size=n)]).astype(np.float32)))
        for n in (20_000, 4_000)
    )
    halves = [st[:2000].copy(), st[2000:].copy()]
    start = time.perf_counter()
    maps = [hs.map_cells(sc, half, progress=False) for half in halves]
    mapped = time.perf_counter()
    bests = [np.argpartition(-m.X, BEST, axis=1)[:, :BEST] for m in maps]
    chosen = time.perf_counter()
    genes = sc.var_names.tolist()
    cells = unit_rows(z_scores(log_normalised(expression(sc, "sc", None, "counts", "float32"), genes)))
    spots = unit_rows(z_scores(log_normalised(expression(st, "st", None, "counts", "float32"), genes)))
    prepared = time.perf_counter()
    correlations = []
    for rows, best in zip((slice(0, 2000), slice(2000, 4000)), bests, strict=True):
        rho = np.empty((sc.n_obs, BEST))
        for i in range(0, sc.n_obs, 1024):
            block = cells[i : i + 1024] @ spots[rows].T
            rho[i : i + 1024] = np.take_along_axis(block, best[i : i + 1024], axis=1)
        correlations.append(rho)
    stated(correlations)
    ended = time.perf_counter()
    seconds = {"map": mapped - start, "best spots": chosen - mapped, "tables": prepared - chosen}
    return [{"cells": sc.n_obs, "genes": n_genes, "spots": 4000, **seconds, "statistic": ended - prepared}]


def measure(come: bool) -> tuple[dict[str, list[dict[str, object]]], pd.DataFrame]:
    """Return the rows of the tables, and what is stated of the cells of the test, one row a cell."""
    tables: dict[str, list[dict[str, object]]] = {"": [], "_balanced": [], "_scan": [], "_random": []}
    cells = []
    for tissue in SETS:
        for seed in (*CHOICE, TEST):
            for problem in problems(tissue, seed):
                key: dict[str, object] = {"tissue": tissue, "seed": seed}
                key |= {"cut": problem.cut, "variant": problem.variant}
                methods = ["ssa", "correlation"]
                plain = problem.cut in {"x", "x, 20 %"} and problem.variant == "as it is"
                if come and tissue in COME_SETS and seed == TEST and plain:
                    methods.append("come")
                for method in methods:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # genes and cells that a thinned section has not
                        found = fits(problem, method)
                    of = {**key, "method": method}
                    if found.truth is None:
                        share = float((problem.section == 0).mean())
                        tables["_random"].append(decided(of, found, share))
                        continue
                    largest = float(np.bincount(found.truth).max() / len(found.truth))
                    shares = {name: right(fit, found.truth) for name, fit in found.by_name.items()}
                    tables[""].append({**of, "largest section": largest, **shares})
                    shares = {name: balanced(fit, found.truth) for name, fit in found.by_name.items()}
                    largest = 1 / len(np.unique(found.truth))
                    tables["_balanced"].append({**of, "largest section": largest, **shares})
                    if seed in CHOICE:
                        tables["_scan"] += scan(of, found)
                    elif method == "ssa":
                        p = stated(found.best)
                        hit = p.argmax(axis=1) == found.truth
                        cells.append(pd.DataFrame({**key, "stated": p.max(axis=1), "right": hit}))
        print(f"{tissue}: done", flush=True)
    return tables, pd.concat(cells, ignore_index=True)


def calibration(cells: pd.DataFrame) -> list[dict[str, object]]:
    """Compare stated and observed shares by bins, all tissues with the same weight: by tissue, cut, batch."""
    cells = cells.assign(
        weight=1 / cells.groupby("tissue")["stated"].transform("size"),
        bin=[f"from {low:g}" for low in pd.cut(cells["stated"], BINS, right=False, labels=BINS[:-1])],
        size=cells["cut"]
        .where(~cells["cut"].str.endswith("20 %"), "20 %")
        .replace({"x": "half", "y": "half"}),
    )
    rows: list[dict[str, object]] = []
    for groups in (
        [("all", cells)],
        *(cells.groupby(name, sort=False) for name in ("tissue", "size", "variant")),
    ):
        for of, group in groups:
            for name, part in group.groupby("bin"):
                row: dict[str, object] = {"of": of, "stated": name}
                row["share of cells"] = float(part["weight"].sum() / group["weight"].sum())
                for column, title in (("stated", "mean stated"), ("right", "right")):
                    row[title] = float(np.average(part[column], weights=part["weight"]))
                rows.append(row)
    return rows


def mean_over(rows: list[dict[str, object]], by: list[str], without: list[str]) -> list[dict[str, object]]:
    """Return the means of the rows over what is not in `by`."""
    means = pd.DataFrame(rows).drop(columns=without).groupby(by, sort=False).mean().reset_index()
    return means.to_dict("records")


def main() -> None:
    """Print the tables and write their CSV files."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    if "--cost" in sys.argv[1:]:
        rows = cost()
        print_table(rows)
        print(f"Written to {write_csv('sections_cost', rows)}")
    tables, cells = measure("--come" in sys.argv[1:])
    for table, title in (("", "right, SSA"), ("_balanced", "right, mean over sections")):
        test = [row for row in tables[table] if (row["seed"], row["method"]) == (TEST, "ssa")]
        names = [name for name in test[0] if name not in {"tissue", "seed", "cut", "variant", "method"}]
        for by in (["cut", "variant"], ["tissue"]):
            others = [name for name in test[0] if name not in {*names, *by}]
            means = pd.DataFrame(mean_over(test, by, others)).set_index(by)[names].T
            means.columns = ["; ".join(np.atleast_1d(column)) for column in means.columns]
            print_table(means.reset_index(names=title).to_dict("records"))
    tables["_scan"] = mean_over(
        tables["_scan"], ["tissue", "width", "temperature"], ["seed", "cut", "variant", "method"]
    )
    tables["_bins"] = calibration(cells)
    print_table(mean_over(tables["_scan"], ["width", "temperature"], ["tissue"]))
    print_table(tables["_bins"])
    print_table(mean_over(tables["_random"], ["tissue", "cut", "variant"], ["seed", "method"]))
    for name, rows in tables.items():
        print(f"Written to {write_csv(f'sections{name}', rows)}")


if __name__ == "__main__":
    main()
