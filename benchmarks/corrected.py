"""Imputed genes corrected by the residuals of measured genes, beside the default read-out.

The problems of ``after_map.py``, by `homespot.cross_validate` itself: the read-outs "scaled" and "corrected",
on the same folds of the genes.

    python benchmarks/corrected.py [METHOD]      "ssa", or "come", which takes an hour
"""

from __future__ import annotations

import os
import sys
import warnings

import pandas as pd
from _common import print_table, write_csv
from after_map import problems

import homespot as hs


def main() -> None:
    """Print the table and write its CSV file: corrected less scaled, means over the problems of a tissue."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    method = sys.argv[1] if len(sys.argv) > 1 else "ssa"
    found = []
    for tissue, sc, st, folds in problems():
        of_gene = {gene: str(i) for i, fold in enumerate(folds) for gene in fold}
        for read_out in ("scaled", "corrected"):
            scores = hs.cross_validate(sc, st, method, folds=of_gene, read_out=read_out, progress=False)
            means = scores[["pcc", "ssim", "rmse", "jsd"]].mean()
            found.append(
                {"tissue": tissue, "read_out": read_out, "median pcc": scores["pcc"].median(), **means}
            )
    means = pd.DataFrame(found).groupby(["read_out", "tissue"], sort=False).mean()
    less = means.loc["corrected"] - means.loc["scaled"]
    less.loc["mean"] = less.mean()
    rows = [{"method": method, "tissue": tissue, **row} for tissue, row in less.iterrows()]
    print_table(rows)
    write_csv("corrected", rows)


if __name__ == "__main__":
    main()
