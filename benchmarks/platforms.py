"""How two technologies differ that measured one kind of tissue: what `simulate_spots(platform=)` takes.

For every pair of data sets, over the genes with 50 molecules or more in both: the standard deviation of the
base-10 logarithm of a gene's share of all molecules in one over its share in the other; the log-likelihood
of a normal law and of Laplace's for these logarithms; the ratio of the median number of molecules of a cell
(or spot); and the share of counts that the sparser one loses beyond what a binomial thinning to its number
of molecules loses, negative if it loses fewer. The tissues are of one kind, not the same, so the standard
deviation holds differences of cell types as well. The medians of the pairs are the defaults.

    python benchmarks/platforms.py
"""

from __future__ import annotations

import os
from statistics import median

import anndata as ad
import numpy as np
import numpy.typing as npt
from _common import print_table, write_csv
from scipy import sparse, stats

import homespot as hs

PAIRS = {
    "MERFISH and STARmap, mouse visual cortex": (("merfish_visp", "st"), ("starmap_visp", "st")),
    "MERFISH and smFISH, mouse visual cortex": (("merfish_visp", "st"), ("smfish_visp", "st")),
    "inDrop and Spatial Transcriptomics, pancreas": (("pdac_moncada", "sc"), ("pdac_moncada", "st")),
}
LEAST = 50  # molecules of a gene


def counts(side: tuple[str, str], genes: list[str]) -> npt.NDArray[np.float64]:
    """Return the counts of these genes, cells x genes."""
    found: ad.AnnData = hs.datasets.load(side[0])[side[1]]
    x = found[:, genes].X
    return np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float64)


def lost_beyond_thinning(more: npt.NDArray[np.float64], less: npt.NDArray[np.float64]) -> float:
    """Return which share of the counts above 0 is lost that a thinning to the means of `less` leaves."""
    share = np.clip(less.mean(axis=0) / more.mean(axis=0), 0, 1)
    return float(1 - (less > 0).mean(axis=0).sum() / (1 - (1 - share) ** more).mean(axis=0).sum())


def compared(name: str, one: tuple[str, str], other: tuple[str, str]) -> dict[str, object]:
    """Measure how two data sets differ."""
    genes = [set(hs.datasets.load(data)[side].var_names) for data, side in (one, other)]
    shared = sorted(genes[0] & genes[1])
    x, y = counts(one, shared), counts(other, shared)
    kept = (x.sum(axis=0) >= LEAST) & (y.sum(axis=0) >= LEAST)
    x, y = x[:, kept], y[:, kept]
    exponent = np.log10(y.mean(axis=0) / y.mean() / (x.mean(axis=0) / x.mean()))
    scale = np.abs(exponent - np.median(exponent)).mean()
    totals = [float(np.median(table.sum(axis=1))) for table in (x, y)]
    more, less = (x, y) if totals[0] > totals[1] else (y, x)
    return {
        "pair": name,
        "genes": int(kept.sum()),
        "platform_sd": float(exponent.std()),
        "log-likelihood, normal": float(stats.norm.logpdf(exponent, exponent.mean(), exponent.std()).sum()),
        "log-likelihood, Laplace": float(stats.laplace.logpdf(exponent, np.median(exponent), scale).sum()),
        "depth": min(totals) / max(totals),
        "dropout": lost_beyond_thinning(more, less),
    }


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    rows = [compared(name, *sides) for name, sides in PAIRS.items()]
    columns = ("platform_sd", "depth", "dropout")
    medians = {column: median(float(str(row[column])) for row in rows) for column in columns}
    rows.append({**dict.fromkeys(rows[0], "-"), "pair": "median", **medians})
    print_table(rows)
    print(f"Written to {write_csv('platforms', rows)}")


if __name__ == "__main__":
    main()
