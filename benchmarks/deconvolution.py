"""Types per spot, where the cells in the spots are not in the reference.

The published spots of li2022_starmap_sim are sums of the very cells that come as the reference, which makes
the task circular. Here the cells are halved at random, within every spot: one half is the reference, the
spots are made anew of the other half, and so is the truth, the share of each type in a spot. Four other
tissues are divided in the same way by `homespot.simulate_spots`: a third of the cells is the reference, and
the spots are made of the rest, on grids of about 8 and 25 cells of the whole.

    python benchmarks/deconvolution.py          the table
    python benchmarks/deconvolution.py --scan   the powers of P by which cells may count, on other parts
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, get_args

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from genes import shared_genes
from scipy import sparse
from scipy.optimize import nnls
from scipy.spatial.distance import jensenshannon

import homespot as hs
from homespot.expression.transforms import log_normalised
from homespot.objects.tables import expression
from homespot.verbs.deconvolve_spots import TypesReadOut

SPLITS = 10
TISSUES = {
    "merfish_visp": "cell_type",
    "smfish_visp": "cluster",
    "seqfish_embryo": "cell_type",
    "xenium_breast": "leiden",
}
MOST_CELLS = 6000
TABLE_PART, SCAN_PART = 1, 0
POWERS = (1, 1.5, 2, 2.5, 3, 4)
Problem = tuple[str, ad.AnnData, ad.AnnData, pd.DataFrame]
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


def tissues(part: int) -> Iterator[Problem]:
    """Yield name, reference, spots and true shares of the tissues."""
    for name, column in TISSUES.items():
        cells = hs.datasets.load(name)["st"]
        kept = np.random.default_rng(0).permutation(cells.n_obs)[:MOST_CELLS]
        cells = cells[np.sort(kept)].copy()
        cells.obs["cell_type"] = cells.obs[column].astype(str)
        types = pd.get_dummies(cells.obs["cell_type"]).astype(np.float64)
        # The same division with types for genes gives the shares as the means of the spots.
        of_types = ad.AnnData(types, obsm={"spatial": cells.obsm["spatial"]})
        for n in (8, 25):
            sc, st = hs.simulate_spots(cells, cells_per_spot=n, n_parts=3, part=part)
            _, truth = hs.simulate_spots(of_types, cells_per_spot=n, n_parts=3, part=part)
            yield f"{name}, {n} cells a spot", sc, st, truth.to_df()


def by_nnls(sc: ad.AnnData, st: ad.AnnData) -> pd.DataFrame:
    """Return the shares of types by non-negative least squares of every spot on the types' mean counts."""
    tables = [expression(x, side, None, "counts", "float64") for x, side in ((sc, "sc"), (st, "st"))]  # type: ignore[arg-type]
    genes = shared_genes(sc, st)
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


def by_map(mapping: ad.AnnData, read_out: TypesReadOut = "square") -> pd.DataFrame:
    """Return the shares of types at every spot by a mapping."""
    return hs.deconvolve_spots(mapping, "cell_type", read_out=read_out).to_df()


def by_power(mapping: ad.AnnData, power: float) -> pd.DataFrame:
    """Return the shares where cells count by this power of their probability."""
    types = pd.get_dummies(mapping.obs["cell_type"]).astype(np.float64)
    mass = (mapping.X.astype(np.float64) ** power).T @ types.to_numpy()
    return pd.DataFrame(mass / mass.sum(axis=1)[:, None], mapping.var_names, types.columns)


def problems() -> Iterator[Problem]:
    """Yield the splits of li2022_starmap_sim, and the other tissues."""
    for seed in range(SPLITS):
        yield ("li2022_starmap_sim", *halves(seed))
    yield from tissues(TABLE_PART)


def table() -> list[dict[str, object]]:
    """Return the mean scores of every data set, and the range of the PCC over its splits."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name, sc, st, truth in problems():
        same = sc.obs["cell_type"].value_counts(normalize=True).reindex(truth.columns, fill_value=0.0)
        everywhere = pd.DataFrame(np.tile(same, (len(truth), 1)), truth.index, truth.columns)
        tables = {"reference's shares everywhere": everywhere, "NNLS on type means": by_nnls(sc, st)}
        for run, (method, settings) in RUNS.items():
            mapping = hs.map_cells(sc, st, method, progress=False, **settings)
            for read_out in get_args(TypesReadOut):
                tables[f"{run}, {read_out}"] = by_map(mapping, read_out)
        for run, shares in tables.items():
            found.setdefault((name, run), []).append(score(truth, shares))
    rows: list[dict[str, object]] = []
    for (name, run), scores in found.items():
        frame = pd.DataFrame(scores)
        spread = f"{frame['PCC'].min():.3f} to {frame['PCC'].max():.3f}"
        rows.append({"data": name, "run": run, **frame.mean().to_dict(), "range of the PCC": spread})
    return rows


def scan() -> list[dict[str, object]]:
    """Return the scores of every power of P, on parts that the table is not measured on."""
    rows: list[dict[str, object]] = []
    for name, sc, st, truth in tissues(SCAN_PART):
        for run, (method, settings) in RUNS.items():
            mapping = hs.map_cells(sc, st, method, progress=False, **settings)
            for power in POWERS:
                rows.append(
                    {"data": name, "run": run, "power": power, **score(truth, by_power(mapping, power))}
                )
    return rows


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    runs = {"deconvolution": table}
    if "--scan" in sys.argv[1:]:
        runs["deconvolution_scan"] = scan
    for name, run in runs.items():
        rows = run()
        print_table(rows)
        print(f"Written to {write_csv(name, rows)}")


if __name__ == "__main__":
    main()
