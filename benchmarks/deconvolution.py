"""Types per spot on li2022_starmap_sim, where the cells in the spots are not in the reference.

The published spots are sums of the very cells that come as the reference, which makes the task circular. Here
the cells are halved at random, within every spot: one half is the reference, the spots are made anew of the
other half, and so is the truth, the share of each type in a spot.

    python benchmarks/deconvolution.py
"""

from __future__ import annotations

import os
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from scipy import sparse
from scipy.optimize import nnls
from scipy.spatial.distance import jensenshannon

import homespot as hs
from homespot.map import expression
from homespot.preprocess import log_normalised

SPLITS = 10
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "correlation": ("correlation", {}),
    "ssa, defaults": ("ssa", {}),
    "ssa, preset genes": ("ssa", {"preset": "genes"}),
    "come, defaults": ("come", {}),
    "come, defaults, labels (COME+)": ("come", {"labels": "cell_type"}),
}


def halves(seed: int) -> tuple[ad.AnnData, ad.AnnData, pd.DataFrame]:
    """Return the reference half, the spots made of the other half, and their true shares of types."""
    cells = hs.datasets.load("li2022_starmap_sim")["sc"]
    order = np.random.default_rng(seed).permutation(cells.n_obs)
    spots = cells.obs["true_spot"].to_numpy()[order]
    # Every second cell of every spot, in random order: no spot is left without cells.
    rank = pd.Series(spots).groupby(spots).cumcount().to_numpy()
    reference, used = cells[np.sort(order[rank % 2 == 1])].copy(), cells[np.sort(order[rank % 2 == 0])]
    codes, names = pd.factorize(used.obs["true_spot"], sort=True)
    members = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    where = np.asarray((members @ used.obsm["spatial"]) / members.sum(axis=1))
    st = ad.AnnData(
        X=sparse.csr_matrix(members @ used.X),
        obs=pd.DataFrame(index=names),
        var=used.var.copy(),
        obsm={"spatial": where},
    )
    counts = pd.crosstab(used.obs["true_spot"], used.obs["cell_type"])
    return reference, st, counts.div(counts.sum(axis=1), axis=0).loc[names]


def by_map(mapping: ad.AnnData) -> pd.DataFrame:
    """Return the shares of types at every spot: the column shares of P, summed by the cells' types."""
    types = pd.get_dummies(mapping.obs["cell_type"]).astype(np.float64)
    p = mapping.X.astype(np.float64)
    return pd.DataFrame(
        p.T @ types.to_numpy() / p.sum(axis=0)[:, None], index=mapping.var_names, columns=types.columns
    )


def by_nnls(sc: ad.AnnData, st: ad.AnnData) -> pd.DataFrame:
    """Return the shares of types by non-negative least squares of every spot on the types' mean counts."""
    tables = [expression(x, side, None, "counts", "float64") for x, side in ((sc, "sc"), (st, "st"))]  # type: ignore[arg-type]
    genes = [gene for gene in st.var_names if gene in set(sc.var_names)]
    x, y = (np.expm1(log_normalised(table, genes)) for table in tables)
    means = pd.DataFrame(x, index=sc.obs["cell_type"].to_numpy()).groupby(level=0).mean()
    weights = np.array([nnls(means.to_numpy().T, spot)[0] for spot in y])
    return pd.DataFrame(weights / weights.sum(axis=1)[:, None], index=st.obs_names, columns=means.index)


def score(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """Return PCC (over all spots and types), RMSE, and the mean JSD (nats) of the spots."""
    found = found.reindex(index=truth.index, columns=truth.columns, fill_value=0.0)
    a, b = truth.to_numpy(), found.to_numpy()
    jsd = [jensenshannon(t, f) ** 2 for t, f in zip(a, b, strict=True)]
    return {
        "PCC": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        "RMSE": float(np.sqrt(np.square(a - b).mean())),
        "JSD": float(np.mean(jsd)),
    }


def shares(sc: ad.AnnData, st: ad.AnnData, method: str, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the shares of types at every spot by a mapping."""
    return by_map(hs.map_cells(sc, st, method, progress=False, **settings))


def table() -> list[dict[str, object]]:
    """Return the mean scores over the splits, and the range of the PCC."""
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(SPLITS):
        sc, st, truth = halves(seed)
        same = pd.DataFrame(
            np.tile(sc.obs["cell_type"].value_counts(normalize=True)[truth.columns], (len(truth), 1)),
            index=truth.index,
            columns=truth.columns,
        )
        found.setdefault("reference's shares everywhere", []).append(score(truth, same))
        found.setdefault("NNLS on type means", []).append(score(truth, by_nnls(sc, st)))
        for run, (method, settings) in RUNS.items():
            found.setdefault(run, []).append(score(truth, shares(sc, st, method, settings)))
    rows: list[dict[str, object]] = []
    for run, scores in found.items():
        frame = pd.DataFrame(scores)
        spread = f"{frame['PCC'].min():.3f} to {frame['PCC'].max():.3f}"
        rows.append({"run": run, **frame.mean().to_dict(), "range of the PCC": spread})
    return rows


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    rows = table()
    print_table(rows)
    print(f"Written to {write_csv('deconvolution', rows)}")


if __name__ == "__main__":
    main()
