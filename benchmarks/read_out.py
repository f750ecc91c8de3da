"""How the scaled read-out of genes got its share of the mean over all cells; not on Drosophila's folds.

Held-out genes of clean semi-simulated tissues (parts that `accuracy.py` does not use, three folds), and
inside the training genes of the first three given folds of Drosophila (two of three inner parts of each). At
every spot a share of the weighted mean of the cells is replaced by the mean over all cells, and then scaled.

    python benchmarks/read_out.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from genes import SIMULATED, Folds, log_table, partitions, random_folds

import homespot as hs

SHARES = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3)
METHODS = ("come", "ssa", "correlation")


def problems() -> Iterator[tuple[str, ad.AnnData, ad.AnnData, Folds]]:
    """Yield name, cells, spots with the genes that may be seen, and folds of these."""
    for name in SIMULATED:
        sc, st = hs.simulate_spots(hs.datasets.load(name)["st"], seed=7, part=1)
        yield name, sc, st, random_folds(st.var_names.tolist(), 3, 7)
    data = hs.datasets.load("drosophila")
    for number, outer in enumerate(partitions(data["st"])["given"][:3]):
        training = [gene for gene in data["st"].var_names if gene not in set(outer)]
        inner = random_folds(training, 3, 100 + number)[:2]
        yield "drosophila, training genes", data["sc"], data["st"][:, training], inner


def predicted(mapping: ad.AnnData, x: np.ndarray, share: float) -> np.ndarray:
    """Return spots x genes for cells x genes."""
    weights = mapping.X.astype(np.float64)
    weights = (1 - share) * weights / weights.sum(axis=0) + share / len(weights)
    of_cells, of_spots = (frame["homespot_expression"].to_numpy() for frame in (mapping.obs, mapping.var))
    return weights.T @ x * (of_spots / (weights.T @ of_cells))[:, None]


def scores() -> pd.DataFrame:
    """Return the scores of every gene held out, by tissue, method and share."""
    found = []
    for name, sc, st, folds in problems():
        genes = st.var_names.tolist()
        x, truth = log_table(sc, "sc", "auto", genes), log_table(st, "st", "auto", genes)
        for method in METHODS:
            for held_out in folds:
                kept = [gene for gene in genes if gene not in set(held_out)]
                mapping = hs.map_cells(sc, st[:, kept], method, progress=False)
                of_genes = x.loc[mapping.obs_names, held_out].to_numpy()
                true = truth.loc[mapping.var_names, held_out].to_numpy()
                for share in SHARES:
                    table = hs.metrics.gene_scores(true, predicted(mapping, of_genes, share), held_out)
                    found.append(table.assign(tissue=name, method=method, share=share))
            print(name, method, flush=True)
    return pd.concat(found)


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    by = ["method", "tissue", "share"]
    table = scores().groupby(by, sort=False)
    means = table[["ssim", "rmse", "jsd"]].mean()
    pcc = table["pcc"].agg(["median", "mean"]).add_suffix(" pcc")
    rows = pcc.join(means).reset_index()
    of_all = rows.drop(columns="tissue").groupby(["method", "share"], sort=False).mean().reset_index()
    of_all.insert(1, "tissue", "mean of all")
    lines = pd.concat([rows, of_all]).to_dict("records")
    print_table(lines)
    print(f"Written to {write_csv('read_out', lines)}")


if __name__ == "__main__":
    main()
