"""What is done to imputed genes after the map: the scale, smoothing in space, residuals of measured genes.

Genes held out of five semi-simulated tissues (`simulate_spots`, seeds 3, 4 and 5, three folds each) and of
the Drosophila embryo (partitions seed 1, 2 and 3, ten folds each), mapped by SSA and by COME as they come.
The mean of the cells at a spot, a fifth of it replaced by the mean over all cells (Y), is brought to the
scale of the atlas in several ways; `homespot.impute_genes` does it by the odds. Then the patterns are
smoothed over the six nearest spots, or corrected by what the map got wrong about the measured genes: ridge
regression of the held-out gene on these over the cells, of z-scores, applied to their residuals at the spots.
Strengths are fixed, or chosen by the genes of the map: for smoothing by these as the map gives them back, for
residuals by carrying those of one half of the genes over to the other.

    python benchmarks/after_map.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import print_table, write_csv
from _problems import SETS
from genes import Folds, log_table, partitions, random_folds, shared_genes

import homespot as hs
from homespot.mapping.read_out import factors
from homespot.report._genes import neighbours

F64 = npt.NDArray[np.float64]
METHODS = ("ssa", "come")
SEEDS = (3, 4, 5)
SHARES = (0.0, 0.1, 0.3)
STRENGTHS = (0.25, 0.5)
SHRINKAGE = 0.2
RIDGES = (0.1, 1.0)
TOP = np.log(10_001)
SCORES = ("median PCC", "mean PCC", "SSIM", "RMSE", "JSD")
BASE = "multiplied (earlier default)"


class Fold(NamedTuple):
    """A map, the correlation's, the log values of all genes, and the genes that were and were not seen."""

    mapping: ad.AnnData
    correlation: ad.AnnData
    cells: pd.DataFrame
    spots: pd.DataFrame
    kept: list[str]
    held_out: list[str]


def problems() -> Iterator[tuple[str, ad.AnnData, ad.AnnData, Folds]]:
    """Yield tissue, cells, spots, and folds of the genes."""
    for name in SETS:
        for seed in SEEDS:
            sc, st = hs.simulate_spots(hs.datasets.load(name)["st"], seed=seed)
            shared = shared_genes(sc, st)
            yield name, sc, st[:, shared], random_folds(shared, 3, seed)
    data = hs.datasets.load("drosophila")
    for name, folds in partitions(data["st"]).items():
        if name in ("seed 1", "seed 2", "seed 3"):
            yield "drosophila", data["sc"], data["st"], folds


def odds(values: F64) -> F64:
    """Return the odds of the share of the molecules of which these are the log values."""
    share = np.minimum(np.expm1(values) / 1e4, 1 - 1e-9)
    return np.asarray(share / (1 - share))


def values(of_odds: F64) -> F64:
    """Return the log values that have these odds."""
    return np.asarray(np.log1p(1e4 * of_odds / (1 + of_odds)))


def factor_of_sums(predicted: F64, measured: F64) -> F64:
    """Return the factor of the odds at which the mean of all predicted genes is the measured one."""
    low, high = np.full(len(measured), -9.0), np.full(len(measured), 9.0)
    of_genes = odds(predicted)
    for _ in range(40):
        middle = (low + high) / 2
        short = values(of_genes * np.exp(middle)[:, None]).mean(axis=1) < measured
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray(np.exp(low)[:, None])


def variants(fold: Fold) -> Iterator[tuple[str, F64]]:
    """Yield a name and the predicted genes (spots x genes) of everything that was tried."""
    p = fold.mapping.X.astype(np.float64)
    weights = p / p.sum(axis=0)
    genes = [*fold.kept, *fold.held_out]
    n = len(fold.kept)
    x, measured = fold.cells[genes].to_numpy(), fold.spots[fold.kept].to_numpy()
    of_cells, of_spots = (
        frame["homespot_expression"].to_numpy() for frame in (fold.mapping.obs, fold.mapping.var)
    )

    def predicted(share: float, column: F64) -> F64:
        return np.asarray(((1 - share) * weights + share / len(p)).T @ column)

    y, expected = predicted(SHRINKAGE, x), predicted(SHRINKAGE, of_cells)
    multiplied = y[:, n:] * (of_spots / expected)[:, None]
    yield BASE, multiplied
    yield "multiplied, at most log(10,001)", np.minimum(multiplied, TOP)
    logit = y[:, n:] / (TOP - y[:, n:]) * (of_spots / (TOP - of_spots) * (TOP - expected) / expected)[:, None]
    yield "odds of the log value over log(10,001)", TOP * logit / (1 + logit)
    yield (
        "odds, so that the mean over the genes is exact",
        values(odds(y[:, n:]) * factor_of_sums(y[:, :n], of_spots)),
    )
    for share in SHARES:
        mixed, holds = predicted(share, x[:, n:]), predicted(share, of_cells)
        yield f"odds, share {share}", values(odds(mixed) * (odds(of_spots) / odds(holds))[:, None])
    scale = factors(fold.mapping.X, "scaled", (of_cells, of_spots), fold.mapping.uns["homespot"]["st_scale"])
    every = scale.applied(p.T @ x, x.mean(axis=0))
    found = every[:, n:]
    yield "odds (default)", found

    other = fold.correlation
    of_other = factors(
        other.X,
        "scaled",
        tuple(frame["homespot_expression"].to_numpy() for frame in (other.obs, other.var)),
        other.uns["homespot"]["st_scale"],
    )
    x_other = fold.cells.loc[other.obs_names, fold.held_out].to_numpy()
    by_other = of_other.applied(other.X.astype(np.float64).T @ x_other, x_other.mean(axis=0))
    yield "mean with the correlation's", (found + by_other) / 2

    near = neighbours(fold.mapping.varm["spatial"].astype(np.float64))

    def smoothed(genes: F64, strength: float) -> F64:
        return np.asarray((1 - strength) * genes + strength * (near @ genes))

    for strength in STRENGTHS:
        yield f"smoothed, {strength}", smoothed(found, strength)
    chosen = best({strength: smoothed(every[:, :n], strength) for strength in (0.0, *STRENGTHS)}, measured)
    yield "smoothed, strength chosen by the genes of the map", smoothed(found, chosen)

    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    residual = measured - every[:, :n]
    residual = (residual - residual.mean(axis=0)) / (x[:, :n].std(axis=0) + 1e-9)

    def carried(given: npt.NDArray[np.intp], wanted: npt.NDArray[np.intp], ridge: float) -> F64:
        """Return what the residuals of the given genes say of those of the wanted ones."""
        gram = z[:, given].T @ z[:, given] / len(z) + ridge * np.eye(len(given))
        slopes = np.linalg.solve(gram, z[:, given].T @ z[:, wanted] / len(z))
        return np.asarray(residual[:, given] @ slopes * x[:, wanted].std(axis=0))

    new = np.arange(n, x.shape[1])
    halves = np.array_split(np.random.default_rng(0).permutation(n), 2)
    for ridge in RIDGES:
        more = carried(np.arange(n), new, ridge)
        for strength in STRENGTHS:
            yield f"residuals, ridge {ridge}, {strength}", np.clip(found + strength * more, 0, TOP)
        tried = {}
        for strength in (0.0, *STRENGTHS):
            tried[strength] = every[:, :n].copy()
            for given, wanted in (halves, halves[::-1]):
                tried[strength][:, wanted] += strength * carried(given, wanted, ridge)
        more *= best(tried, measured)
        yield (
            f"residuals, ridge {ridge}, strength chosen by the genes of the map",
            np.clip(found + more, 0, TOP),
        )


def best(tried: dict[float, F64], measured: F64) -> float:
    """Return the strength with the best median correlation over the genes; the least of equals."""

    def median(found: F64) -> float:
        table = hs.metrics.gene_scores(measured, np.maximum(found, 0), range(measured.shape[1]))
        return float(table["pcc"].median())

    return max(tried, key=lambda strength: median(tried[strength]))


def scores() -> pd.DataFrame:
    """Return the scores of every gene, by method, tissue, variant and problem."""
    tables = []
    for method in METHODS:
        for number, (tissue, sc, st, folds) in enumerate(problems()):
            genes = shared_genes(sc, st)
            x, truth = log_table(sc, "sc", "auto", genes), log_table(st, "st", "auto", genes)
            for held_out in folds:
                kept = [gene for gene in genes if gene not in set(held_out)]
                mapping = hs.map_cells(sc, st[:, kept], method, progress=False)
                other = hs.map_cells(sc, st[:, kept], "correlation", progress=False)
                cells, spots = x.loc[mapping.obs_names], truth.loc[mapping.var_names]
                for name, found in variants(Fold(mapping, other, cells, spots, kept, held_out)):
                    table = hs.metrics.gene_scores(spots[held_out].to_numpy(), found, held_out)
                    about = {"method": method, "tissue": tissue, "problem": number, "variant": name}
                    tables.append(table.assign(**about, highest=found.max()))
            print(method, tissue, flush=True)
    return pd.concat(tables)


def main() -> None:
    """Print the table and write its CSV file: means over the problems of a tissue, and over the tissues."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    by = ["method", "variant", "tissue"]
    of_problem = (
        scores()
        .groupby([*by, "problem"], sort=False)
        .agg(
            **{"median PCC": ("pcc", "median"), "mean PCC": ("pcc", "mean")},
            SSIM=("ssim", "mean"),
            RMSE=("rmse", "mean"),
            JSD=("jsd", "mean"),
            highest=("highest", "max"),
        )
    )
    rows = of_problem.groupby(by, sort=False).agg({**dict.fromkeys(SCORES, "mean"), "highest": "max"})
    mean = rows.groupby(["method", "variant"], sort=False).agg(
        {**dict.fromkeys(SCORES, "mean"), "highest": "max"}
    )
    mean = pd.concat({"mean": mean}, names=["tissue"]).reorder_levels(by)
    whole = pd.concat([rows, mean])
    base = whole.xs(BASE, level="variant")[list(SCORES)]
    less = whole[list(SCORES)] - base.loc[whole.index.droplevel("variant")].to_numpy()
    lines = whole.join(less.add_suffix(" less the earlier")).reset_index().to_dict("records")
    print_table([line for line in lines if line["tissue"] == "mean"])
    print(f"Written to {write_csv('after_map', lines)}")


if __name__ == "__main__":
    main()
