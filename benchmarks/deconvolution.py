"""Types per spot, where the cells in the spots are not in the reference.

The published spots of li2022_starmap_sim are sums of the very cells that come as the reference, which makes
the task circular. Here the cells are halved at random, within every spot: one half is the reference, the
spots are made anew of the other half, and so is the truth, the share of each type in a spot. Four other
tissues are divided in the same way by `homespot.simulate_spots`: a third of the cells is the reference, and
the spots are made of the rest, on grids of about 8 and 25 cells of the whole, for three seeds of the
division. The pancreas (pdac_moncada) has no truth: there the contrast of the proportions counts, and the
correlation of four types with their marker genes.

    python benchmarks/deconvolution.py paired   the fit and its joint with the map against least squares
    python benchmarks/deconvolution.py          all runs
    python benchmarks/deconvolution.py shift    the same where another technology measured the reference
    python benchmarks/deconvolution.py peer     flashdeconv beside the fit (tools/setup-peers.sh flashdeconv)
    python benchmarks/deconvolution.py pancreas
    python benchmarks/deconvolution.py scan     the powers of P by which cells may count, on other parts
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from genes import shared_genes
from peers import answer, drive, missing
from placement import interval
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
SEEDS = (0, 1, 2)
PAIRED_PARTS = (1, 2)
LEVEL = 0.9
LAWS = ("log-normal", "laplace")
AS_THERE = "as in the tissue"
MARKERS = {
    "Acinar_cells": "PRSS1",
    "Cancer_clone_A": "TM4SF1",
    "Cancer_clone_B": "S100A4",
    "Ductal_CRISP3_high-centroacinar_like": "CRISP3",
}
SCALED = "NNLS, every gene over its standard deviation in the cells"
FIT, JOINT = "fit_types", "fit_types and SSA"
PEER = "flashdeconv"
POWERS = (1, 1.5, 2, 2.5, 3, 4)
Problem = tuple[str, ad.AnnData, ad.AnnData, pd.DataFrame]
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "correlation": ("correlation", {}),
    "ssa, defaults": ("ssa", {}),
    "ssa, preset genes": ("ssa", {"preset": "genes"}),
    "come, defaults": ("come", {}),
    "come, defaults, labels (COME+)": ("come", {"labels": "cell_type"}),
}
JOINED = ("ssa, defaults", "come, defaults")


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


def tissues(part: int, seed: int = 0, **shift: Any) -> Iterator[Problem]:
    """Yield name, reference, spots and true shares of the tissues; `shift` as for `simulate_spots`."""
    for name, column in TISSUES.items():
        cells = hs.datasets.load(name)["st"]
        kept = np.random.default_rng(0).permutation(cells.n_obs)[:MOST_CELLS]
        cells = cells[np.sort(kept)].copy()
        cells.obs["cell_type"] = cells.obs[column].astype(str)
        types = pd.get_dummies(cells.obs["cell_type"]).astype(np.float64)
        # The same division with types for genes gives the shares as the means of the spots.
        of_types = ad.AnnData(types, obsm={"spatial": cells.obsm["spatial"]})
        for n in (8, 25):
            sc, st = hs.simulate_spots(cells, cells_per_spot=n, n_parts=3, part=part, seed=seed, **shift)
            _, truth = hs.simulate_spots(of_types, cells_per_spot=n, n_parts=3, part=part, seed=seed)
            yield f"{name}, {n} cells a spot", sc, st, truth.to_df()


def by_nnls(sc: ad.AnnData, st: ad.AnnData, *, scaled: bool = False) -> pd.DataFrame:
    """Return the shares of types by non-negative least squares of every spot on the types' mean counts.

    If they are `scaled`, every gene is divided by its standard deviation over the cells.
    """
    tables = [expression(x, side, None, "counts", "float64") for x, side in ((sc, "sc"), (st, "st"))]  # type: ignore[arg-type]
    genes = shared_genes(sc, st)
    x, y = (np.expm1(log_normalised(table, genes)) for table in tables)
    deviation = x.std(axis=0)
    over = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    if not scaled:
        over = np.ones_like(over)
    means = pd.DataFrame(x, index=sc.obs["cell_type"].to_numpy()).groupby(level=0).mean()
    weights = np.array([nnls((means.to_numpy() * over).T, spot * over)[0] for spot in y])
    return pd.DataFrame(weights / weights.sum(axis=1)[:, None], index=st.obs_names, columns=means.index)


def score(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """Return PCC (over all spots and types), RMSE, and the mean JSD (nats) of the spots."""
    found = found.reindex(index=truth.index, columns=truth.columns, fill_value=0.0)
    a, b = truth.to_numpy(), found.to_numpy()
    jsd = [jensenshannon(t, f) ** 2 for t, f in zip(a, b, strict=True)]
    return {
        "PCC": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        "RMSE": float(np.sqrt(np.square(a - b).mean())),
        "JSD": float(np.mean(np.nan_to_num(jsd))),  # NaN by rounding where both are the same
    }


def by_map(mapping: ad.AnnData, read_out: TypesReadOut = "square") -> pd.DataFrame:
    """Return the shares of types at every spot by a mapping."""
    return hs.deconvolve_spots(mapping, "cell_type", read_out=read_out).to_df()


def by_power(mapping: ad.AnnData, power: float) -> pd.DataFrame:
    """Return the shares where cells count by this power of their probability."""
    types = pd.get_dummies(mapping.obs["cell_type"]).astype(np.float64)
    mass = (mapping.X.astype(np.float64) ** power).T @ types.to_numpy()
    return pd.DataFrame(mass / mass.sum(axis=1)[:, None], mapping.var_names, types.columns)


def problems(seeds: Sequence[int] = SEEDS, parts: Sequence[int] = (TABLE_PART,)) -> Iterator[Problem]:
    """Yield the splits of li2022_starmap_sim, and the other tissues in several divisions."""
    for seed in range(SPLITS):
        yield ("li2022_starmap_sim", *halves(seed))
    for seed in seeds:
        for part in parts:
            yield from tissues(part, seed)


def least_squares(sc: ad.AnnData, st: ad.AnnData) -> dict[str, pd.DataFrame]:
    """Return the shares by the two ways of least squares, and by the fit, none of which needs a map."""
    return {
        "NNLS on type means": by_nnls(sc, st),
        SCALED: by_nnls(sc, st, scaled=True),
        FIT: hs.fit_types(sc, st, "cell_type").to_df(),
    }


def joint(mapping: ad.AnnData, sc: ad.AnnData, st: ad.AnnData, **named: Any) -> ad.AnnData:
    """Return the types by a map joined with the fit."""
    return hs.deconvolve_spots(mapping, "cell_type", sc=sc, st=st, **named)


def table() -> list[dict[str, object]]:
    """Return the mean scores of every data set, and the range of the PCC over its divisions."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name, sc, st, truth in problems():
        same = sc.obs["cell_type"].value_counts(normalize=True).reindex(truth.columns, fill_value=0.0)
        everywhere = pd.DataFrame(np.tile(same, (len(truth), 1)), truth.index, truth.columns)
        tables = {"reference's shares everywhere": everywhere, **least_squares(sc, st)}
        for run, (method, settings) in RUNS.items():
            mapping = hs.map_cells(sc, st, method, progress=False, **settings)
            for read_out in get_args(TypesReadOut):
                tables[f"{run}, {read_out}"] = by_map(mapping, read_out)
            if run in JOINED:
                tables[f"fit_types and {run}"] = joint(mapping, sc, st).to_df()
        for run, shares in tables.items():
            found.setdefault((name, run), []).append(score(truth, shares))
        print(f"{name}: measured", flush=True)
    rows: list[dict[str, object]] = []
    for (name, run), scores in found.items():
        frame = pd.DataFrame(scores)
        spread = f"{frame['PCC'].min():.3f} to {frame['PCC'].max():.3f}"
        rows.append({"data": name, "run": run, **frame.mean().to_dict(), "range of the PCC": spread})
    return rows


def held(truth: pd.DataFrame, found: ad.AnnData) -> dict[str, float]:
    """Return the share of the true proportions within the intervals, of types present, and the mean width."""
    true = truth.reindex(index=found.obs_names, columns=found.var_names, fill_value=0.0).to_numpy()
    low, high = found.layers["lower"], found.layers["upper"]
    present = true > 0
    inside = (low - 1e-9 <= true) & (true <= high + 1e-9)
    return {
        "held": float(inside.mean()),
        "held where present": float(inside[present].mean()),
        "width where present": float((high - low)[present].mean()),
    }


def paired() -> list[dict[str, object]]:
    """Return what the fit and the joint answer gain over least squares, and over one another, by tissue.

    The interval is that of Student's t over the divisions, of which a tissue's two grids are two each.
    """
    scores: dict[str, list[dict[str, dict[str, float]]]] = {}
    more: dict[str, list[dict[str, float]]] = {}
    for name, sc, st, truth in problems(parts=PAIRED_PARTS):
        mapping = hs.map_cells(sc, st, progress=False)
        both = joint(mapping, sc, st, level=LEVEL)
        fitted = hs.fit_types(sc, st, "cell_type", level=LEVEL)
        tables = {**least_squares(sc, st), JOINT: both.to_df()}
        tissue = name.split(",")[0]
        scores.setdefault(tissue, []).append({run: score(truth, one) for run, one in tables.items()})
        held_by = {FIT: held(truth, fitted), JOINT: held(truth, both)}
        weight = {"map's weight": float(both.uns["homespot"]["map_weight"])}
        more.setdefault(tissue, []).append(
            weight | {f"{what}, {run}": value for run, of in held_by.items() for what, value in of.items()}
        )
    rows: list[dict[str, object]] = []
    for tissue, divisions in scores.items():
        for one, other in ((FIT, SCALED), (JOINT, SCALED), (JOINT, FIT)):
            row: dict[str, object] = {"data": tissue, "divisions": len(divisions), "run": one, "less": other}
            for what in ("PCC", "JSD"):
                gains = [division[one][what] - division[other][what] for division in divisions]
                mean, half = interval(gains)
                row |= {what: mean, f"± {what}": half}
            rows.append({**row, **pd.DataFrame(more[tissue]).mean().to_dict()})
    return rows


def there() -> bool:
    """Return whether flashdeconv can be run; where it cannot, say why."""
    if reason := missing(PEER):
        print(f"Left out: {PEER}: {reason}")
    return not reason


def by_peer(sc: ad.AnnData, st: ad.AnnData) -> pd.DataFrame:
    """Return the shares of types by flashdeconv, which is given the cells' and the spots' raw counts."""
    types = sc.obs["cell_type"].to_numpy(dtype=str)
    if "n_cells" in st.obs:  # a simulated spot is the mean of its cells: their sum is what a machine counts
        st = st.copy()
        st.X = sparse.diags_array(st.obs["n_cells"].to_numpy(dtype=np.float64)) @ st.X
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "shares.npz"
        drive("types", PEER, target, sc, st, cell_types=types)
        return pd.DataFrame(answer(target), st.obs_names, np.unique(types))


def peer() -> list[dict[str, object]]:
    """Return the mean scores by tissue beside flashdeconv's, and what each has more than it.

    They are the problems of `paired`, and those of `shift` with two technologies.
    """
    found: dict[tuple[str, str, str], dict[str, list[dict[str, float]]]] = {}
    same = (("none", AS_THERE, *problem) for problem in problems(parts=PAIRED_PARTS))
    for law, types, name, sc, st, truth in chain(same, shifted(LAWS)):
        both = joint(hs.map_cells(sc, st, progress=False), sc, st).to_df()
        runs = found.setdefault((law, types, name.split(",")[0]), {})
        for run, shares in {**least_squares(sc, st), JOINT: both, PEER: by_peer(sc, st)}.items():
            runs.setdefault(run, []).append(score(truth, shares))
    rows: list[dict[str, object]] = []
    for (law, types, tissue), runs in found.items():
        of_peer = pd.DataFrame(runs[PEER])
        for run, scores in runs.items():
            own = pd.DataFrame(scores)
            row = {"shift": law, "shares of types": types, "data": tissue, "divisions": len(own), "run": run}
            row |= own.mean().to_dict()
            for what in ("PCC", "JSD"):
                mean, half = interval((own[what] - of_peer[what]).tolist())
                row |= {f"{what} less {PEER}": mean, f"± {what}": half}
            rows.append(row)
    return rows


def thinned(sc: ad.AnnData, seed: int) -> ad.AnnData:
    """Return the cells with a random share of every type, 0.1 to 1 (uniform logarithm), at least three."""
    rng = np.random.default_rng(seed)
    rank = sc.obs.groupby("cell_type", observed=True).cumcount()
    count = sc.obs["cell_type"].map(sc.obs["cell_type"].value_counts()).astype(float)
    share = {name: 10 ** rng.uniform(-1, 0) for name in sorted(sc.obs["cell_type"].unique())}
    return sc[((rank < 3) | (rank < count * sc.obs["cell_type"].map(share).astype(float))).to_numpy()].copy()


def shifted(laws: Sequence[str | None]) -> Iterator[tuple[str, str, *Problem]]:
    """Yield law, shares of types and problem, where the reference was measured by another technology.

    Its types have the shares that they have in the tissue, or others (`thinned`). None: one technology.
    """
    for law in laws:
        for seed in SEEDS:
            for name, sc, st, truth in tissues(
                TABLE_PART, seed, **({} if law is None else {"platform": law})
            ):
                some = sc[np.asarray(sc.X.sum(axis=1)).ravel() > 0].copy()
                yield law or "none", AS_THERE, name, some, st, truth
                yield law or "none", "others", name, thinned(some, seed), st, truth


def shift() -> list[dict[str, object]]:
    """Return the mean scores by tissue where the reference was measured by another technology, or by one."""
    found: dict[tuple[str, str, str, str], list[dict[str, float]]] = {}
    for law, types, name, sc, st, truth in shifted((None, *LAWS)):
        both = joint(hs.map_cells(sc, st, progress=False), sc, st).to_df()
        for run, shares in {**least_squares(sc, st), JOINT: both}.items():
            found.setdefault((law, types, name, run), []).append(score(truth, shares))
    return [
        {"shift": law, "shares of types": types, "data": name, "run": run, **pd.DataFrame(scores).mean()}
        for (law, types, name, run), scores in found.items()
    ]


def pancreas() -> list[dict[str, object]]:
    """Return the contrast of the proportions on the pancreas, and the PCC of types with marker genes."""
    data = hs.datasets.load("pdac_moncada")
    sc, st = data["sc"], data["st"]
    tables = least_squares(sc, st)
    if there():
        tables[PEER] = by_peer(sc, st)
    for run in JOINED:
        method, settings = RUNS[run]
        mapping = hs.map_cells(sc, st, method, progress=False, **settings)
        tables[f"{run}, square"] = by_map(mapping)
        tables[f"fit_types and {run}"] = joint(mapping, sc, st).to_df()
    markers = pd.DataFrame(
        log_normalised(expression(st, "st", None, "counts", "float64"), list(MARKERS.values())),
        st.obs_names,
        list(MARKERS),
    )
    return [
        {
            "run": run,
            "median largest proportion": float(shares.max(axis=1).median()),
            "top types": int(shares.idxmax(axis=1).nunique()),
            **{f"{name}, {gene}": shares[name].corr(markers[name]) for name, gene in MARKERS.items()},
        }
        for run, shares in tables.items()
    ]


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
    """Print the tables that are named, or that of all runs, and write their CSV files."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    for name in sys.argv[1:] or ["table"]:
        if name == "peer" and not there():
            continue
        rows = PARTS[name]()
        print_table(rows)
        file = "deconvolution" if name == "table" else f"deconvolution_{name}"
        print(f"Written to {write_csv(file, rows)}")


PARTS = {"table": table, "paired": paired, "shift": shift, "peer": peer, "pancreas": pancreas, "scan": scan}


if __name__ == "__main__":
    main()
