"""Intervals of imputed genes: how many values of genes that had no part in them lie within, and the width.

The genes of five semi-simulated tissues (`simulate_spots`, seeds 3, 4 and 5) are divided into three folds,
those of the Drosophila embryo into ten (three partitions). Each fold is taken away altogether: the others are
cross-validated in five folds, a map is made from them, and the genes taken away are imputed with intervals
from these scores. So no gene counted here has a residual in a quantile. Counts are normalised by the totals
over the genes that are left, as those of an atlas that never had the others. Beside it: one quantile for all
values, found from the same residuals at the same level.

    python benchmarks/intervals.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from after_map import problems
from genes import shared_genes

import homespot as hs
from homespot.mapping.intervals import Intervals

LEVELS = (0.8, 0.9)
METHOD = "ssa"


def one_quantile(scores: pd.DataFrame, level: float) -> float:
    """Return half the width if there is one stratum; every gene has as many residuals."""
    residuals = np.array([[float(pair.split(":")[1]) for pair in row.split()] for row in scores["residuals"]])
    at = min(level * (1 + 1 / len(residuals)), 1)
    return float(np.quantile(np.abs(residuals), at, method="higher"))


def log_values(st: ad.AnnData, kept: pd.Index, scale: str) -> pd.DataFrame:
    """Return the log values of all genes; counts are normalised by the totals over the kept ones."""
    table = st.to_df().astype(np.float64)
    return table if scale == "log" else np.log1p(table.div(table[kept].sum(axis=1), axis=0) * 1e4)


def found() -> Iterator[pd.DataFrame]:
    """Yield a row for every value of a gene that was taken away: its strata, and which intervals hold it."""
    for number, (tissue, sc, st, folds) in enumerate(problems()):
        genes = shared_genes(sc, st)
        for away in folds:
            kept = st[:, [gene for gene in genes if gene not in set(away)]]
            scores = hs.cross_validate(sc, kept, METHOD, folds=5, progress=False)
            mapping = hs.map_cells(sc, kept, METHOD, progress=False)
            imputed = hs.impute_genes(mapping, sc, away)
            measured = log_values(st, kept.var_names, mapping.uns["homespot"]["st_scale"])
            measured = measured.loc[imputed.obs_names, away].to_numpy()
            for level in LEVELS:
                intervals = Intervals.of_residuals(scores["residuals"], scores["gene"], level)
                one = replace(intervals, edges=np.empty(0), half=np.array([one_quantile(scores, level)]))
                top = float(np.log(10_001))
                spread = imputed.X.std(axis=0)
                table = {
                    "tissue": tissue,
                    "problem": number,
                    "level": level,
                    "stratum": np.digitize(imputed.X, intervals.edges).ravel(),
                    "spread": np.broadcast_to(spread, measured.shape).ravel(),
                }
                for name, way in (("strata", intervals), ("one", one)):
                    lower, upper = way.applied(imputed.X, top)
                    table[f"{name} holds"] = ((measured >= lower) & (measured <= upper)).ravel()
                    table[f"{name} width"] = (upper - lower).ravel()
                yield pd.DataFrame(table)
        print(tissue, flush=True)


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    values = pd.concat(found(), ignore_index=True)
    values["spread"] = values.groupby(["tissue", "level"])["spread"].transform(
        lambda spread: np.digitize(spread, np.quantile(spread, [1 / 3, 2 / 3]))
    )
    rows: list[dict[str, object]] = []
    for (tissue, level), of_tissue in values.groupby(["tissue", "level"], sort=False):
        parts = {"all": of_tissue}
        parts |= {f"level of prediction {k + 1} of 5": one for k, one in of_tissue.groupby("stratum")}
        parts |= {f"spread of the gene {k + 1} of 3": one for k, one in of_tissue.groupby("spread")}
        for stratum, part in parts.items():
            row: dict[str, object] = {"tissue": tissue, "level": level, "stratum": stratum}
            row["values"] = len(part)
            for name in ("strata", "one"):
                row[f"{name}, coverage"] = float(part[f"{name} holds"].mean())
                row[f"{name}, median width"] = float(part[f"{name} width"].median())
            rows.append(row)
    means = pd.DataFrame(rows).groupby(["level", "stratum"], sort=False).mean(numeric_only=True).reset_index()
    rows += means.assign(tissue="mean").to_dict("records")  # type: ignore[arg-type]
    print_table([row for row in rows if row["stratum"] == "all" or row["tissue"] == "mean"])
    print(f"Written to {write_csv('intervals', rows)}")


if __name__ == "__main__":
    main()
