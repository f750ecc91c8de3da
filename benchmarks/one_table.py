"""One table: places, genes and types on five tissues, from what knows nothing to what knows the truth.

The problems are those of `_against.py`: half of the cells of a tissue is mapped onto spots of the other
half. Every map is made once of all genes, for places and types, and once for each of three folds of the
genes. Ours are read by the defaults. A peer's map is read in each of the ways below, and the docs give the
one that is best for it on the tissue, by the truth; no map of ours has this advantage. Peers run with one
thread each, as in `peers.py`; their maps stay in build/one_table, from where the next run takes them (remove
it after a change of the problems).

    tools/setup-peers.sh && python benchmarks/one_table.py [TISSUE ...]      all tissues, or those named

Places: mean distance from the true place over that of a random spot, from the map's "median" (of maps
without a sharpness that of the 20 most probable spots under the square of P) and "mean". Genes: median
correlation of held-out genes by the three readings of `cross_validate`. Types: correlation of the shares of
all spots and types with the truth, and their JSD, with P ("sum") and its square ("square").
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from _against import problem, tissue
from _common import write_csv
from _problems import SETS
from deconvolution import by_map, by_nnls, by_peer, by_power, joint, score
from genes import expression_alone, log_table
from peers import PEERS, READ_OUTS, Peer, costs, mapped, missing
from placement import Problem, learnt
from scipy import sparse
from scipy.spatial.distance import cdist

import homespot as hs
from homespot.evaluate.gene_folds import gene_folds

KEPT = Path(__file__).resolve().parent.parent / "build" / "one_table"
SEED = 0  # of the division, and of the folds
CV: dict[str, Any] = {"folds": 3, "seed": SEED, "progress": False}
OURS: dict[str, dict[str, Any]] = {
    "correlation": {"method": "correlation"},
    "SSA": {"method": "ssa"},
    "COME": {"method": "come"},
    "COME, preset places": {"method": "come", "preset": "places"},
}
JOINED = "SSA"  # the map that is joined with the fit of the types
OTHERS = (
    "POT, SSA's cost",
    "POT, signed cost",
    "Tangram",
    "novoSpaRc, alpha 0.5",
    "novoSpaRc, alpha 0.8",
    "moscot",
)
# cellmapper maps a reference to a query: places of spots to cells, genes and types of cells to spots.
TO_CELLS, TO_SPOTS = (Peer("cellmapper", "mean", {"query": query}) for query in ("cells", "spots"))
UNLABELLED = "nan"  # cells of starmap_visp and merfish_visp; they are left out
EVENLY = 1e-6  # is spread over all spots of a cell that is at one spot, or at none: no row or column is empty
POWERS = {"sum": 1, "square": 2}


class Found(NamedTuple):
    """A figure: of what, by whom and by which reading; of types their JSD, too; of a map what it took."""

    what: str
    method: str
    reading: str
    value: float
    jsd: float | str = ""
    seconds: float | str = ""
    version: str = ""
    why_not: str = ""


class Division:
    """A division of a tissue: cells to be mapped, spots of the others, and the truth."""

    def __init__(self, cells: ad.AnnData, folder: Path) -> None:
        self.sc, self.st, self.shares = problem(cells, SEED)
        self.folder = folder
        self.others = cells[~cells.obs_names.isin(self.sc.obs_names)]
        self.truth = cells[self.sc.obs_names].obsm["spatial"][:, :2]
        self.spots = self.st.obsm["spatial"][:, :2]
        self.by_chance = float(cdist(self.truth, self.spots).mean())
        self.labels = pd.get_dummies(self.sc.obs["cell_type"]).astype(np.float64)

    def places(self, method: str, reading: str, places: Any) -> Found:
        """Return the mean error of places over that of a random spot."""
        away = np.linalg.norm(np.asarray(places) - self.truth, axis=1)
        return Found("places", method, reading, float(away.mean()) / self.by_chance)

    def genes(self, method: str, reading: str, /, *of: Any, **settings: Any) -> Found:
        """Return the median correlation of the held-out genes."""
        scores = hs.cross_validate(self.sc, self.st, *of, read_out=reading, **CV, **settings)
        return Found("genes", method, reading, float(scores["pcc"].median()))

    def types(self, method: str, reading: str, shares: pd.DataFrame) -> Found:
        """Return the correlation of the shares of types with the truth, and their JSD."""
        scores = score(self.shares, shares)
        return Found("types", method, reading, scores["PCC"], scores["JSD"])

    def types_by(self, method: str, p: Any) -> Iterator[Found]:
        """Return the figures of the types by a map of somebody else's."""
        mapping = ad.AnnData(p, self.sc.obs[["cell_type"]], pd.DataFrame(index=self.st.obs_names))
        for reading, power in POWERS.items():
            yield self.types(method, reading, by_power(mapping, power))

    def on_log_scale(self) -> tuple[ad.AnnData, ad.AnnData]:
        """Return cells and spots as `cross_validate` gives them to a function, with all genes."""
        genes = self.st.var_names.tolist()
        sc, st = (
            ad.AnnData(log_table(x, side, "auto", genes)) for x, side in ((self.sc, "sc"), (self.st, "st"))
        )
        st.obsm["spatial"] = self.spots
        return sc, st


def yardsticks(at: Division) -> Iterator[Found]:
    """Yield what knows nothing, and what knows the places of cells of the tissue."""
    centre = np.broadcast_to(np.median(at.spots, axis=0), at.truth.shape)
    yield at.places("floor: the centre of the tissue", "", centre)
    known = Problem(at.sc, at.st, at.others, dict, pd.DataFrame(), differ=False)
    for method, places in learnt(known).items():
        yield at.places("taught true places", method, places)
    spot = at.st.obs_names.get_indexer(at.sc.obs["true_spot"])
    homes = np.full((at.sc.n_obs, at.st.n_obs), EVENLY / at.st.n_obs)
    homes[np.arange(at.sc.n_obs), spot] += 1 - EVENLY
    folds = gene_folds(at.st.var_names.tolist(), CV["folds"], CV["seed"])
    alone = expression_alone(at.st, list(folds.values()))["pcc"].median()
    yield Found("genes", "floor: the spot's other genes", "", float(alone))
    for reading in READ_OUTS:
        yield at.genes("the cells at their true spots", reading, lambda _sc, _st: homes)
    same = np.tile(at.labels.mean(), (at.st.n_obs, 1))
    everywhere = pd.DataFrame(same, at.st.obs_names, at.labels.columns)
    yield at.types("floor: the cells' shares everywhere", "", everywhere)
    yield from at.types_by("the cells at their true spots", homes)


def ours(at: Division) -> Iterator[Found]:
    """Yield our methods by their defaults, and the fits of types."""
    for method, settings in OURS.items():
        start = time.process_time()
        mapping = hs.map_cells(at.sc, at.st, progress=False, **settings)
        seconds = time.process_time() - start
        places = hs.cell_positions(mapping)[["homespot_x", "homespot_y"]]
        yield at.places(method, "median", places)._replace(seconds=seconds)
        yield at.genes(method, "scaled", **settings)
        yield at.types(method, "square", by_map(mapping))
        if method == JOINED:
            yield at.types(f"fit_types and {method}", "", joint(mapping, at.sc, at.st).to_df())
    yield at.types("fit_types", "", hs.fit_types(at.sc, at.st, "cell_type").to_df())
    yield at.types("least squares, genes scaled", "", by_nnls(at.sc, at.st, scaled=True))


def as_mapping(at: Division, p: np.ndarray) -> ad.AnnData:
    """Return P as a mapping without a sharpness, which no other method knows."""
    mapping = hs.map_cells(at.sc, at.st, "correlation", progress=False)
    mapping.obs = mapping.obs.drop(columns="homespot_sharpness")
    mapping.X = p
    return mapping


def places_by(at: Division, method: str, p: np.ndarray) -> Iterator[Found]:
    """Yield the figures of the places by a map of somebody else's."""
    mapping = as_mapping(at, p)
    for reading in ("median", "mean"):
        places = hs.cell_positions(mapping, position=reading)[["homespot_x", "homespot_y"]]
        yield at.places(method, reading, places)


def to_spots(folder: Path, sc: ad.AnnData, st: ad.AnnData) -> sparse.csr_matrix:
    """Return what cellmapper maps to the spots as cells x spots: every column weighs a spot's neighbours."""
    weights = mapped("cellmapper", TO_SPOTS, folder, sc, st).T.astype(np.float64)
    return sparse.csr_matrix((1 - EVENLY) * weights / weights.sum(axis=1).max() + EVENLY / len(st))


def of_peer(at: Division, method: str) -> Iterator[Found]:
    """Yield the figures of a method of somebody else's, by every reading."""
    sc, st = at.on_log_scale()
    if method == "cellmapper":
        yield from places_by(at, method, mapped("cellmapper, to cells", TO_CELLS, at.folder, sc, st))
        function, p = partial(to_spots, at.folder), to_spots(at.folder, sc, st).toarray()
    else:
        function = partial(mapped, method, PEERS[method], at.folder)
        p = function(sc, st)
        yield from places_by(at, method, p)
    for reading in READ_OUTS:
        yield at.genes(method, reading, function)
    yield from at.types_by(method, p)


def spent(folder: Path, method: str) -> dict[str, Any]:
    """Return what a map of a peer took, the median of the folds, and the version of its package."""
    row = costs(folder).loc[method]
    return {"seconds": float(row["processor_seconds"]), "version": row["version"]}


def by_flashdeconv(at: Division) -> Iterator[Found]:
    """Yield the figures of flashdeconv, which makes no map."""
    yield at.types("flashdeconv", "", by_peer(at.sc, at.st))


def measured(name: str) -> Iterator[dict[str, object]]:
    """Yield a row for every figure of a tissue, and one for every peer that gave none."""
    folder = KEPT / name / str(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    cells = tissue(name)
    at = Division(cells[cells.obs["cell_type"] != UNLABELLED].copy(), folder)
    labels = {"tissue": name, "cells": at.sc.n_obs, "spots": at.st.n_obs, "genes": at.st.n_vars}
    ways = {"yardsticks": yardsticks, "homespot": ours, "flashdeconv": by_flashdeconv}
    ways |= {method: partial(of_peer, method=method) for method in (*OTHERS, "cellmapper")}
    for method, way in ways.items():
        package = PEERS[method].package if method in PEERS else method
        why_not = missing(package) if method not in ("yardsticks", "homespot") else None
        if why_not is None:
            try:
                figures = list(way(at))
                if method in (*OTHERS, "cellmapper"):
                    figures = [found._replace(**spent(folder, method)) for found in figures]
            except RuntimeError as error:  # the driver's own process has failed
                why_not = str(error).strip().rpartition("\n")[2]
        if why_not is not None:
            figures = [Found("", method, "", np.nan, why_not=why_not)]
        yield from ({**labels, **found._asdict()} for found in figures)
        print(f"{name}: {method}: {why_not or 'measured'}", flush=True)


def with_best(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return the rows, and which of several readings of a map is nearest to the truth."""
    table = pd.DataFrame(rows)
    error = table["value"].where(table["what"] == "places", -table["value"])
    least = error.groupby([table[name] for name in ("tissue", "what", "method")]).transform("min")
    return table.assign(best=error == least)


def for_docs(table: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of the table in docs/methods.md, every method by its best reading."""
    tissues = list(dict.fromkeys(table["tissue"]))
    yield f"| | {' | '.join(tissues)} |"
    yield "|---" * (len(tissues) + 1) + "|"
    for what in ("places", "genes", "types"):
        of_what = table[(table["what"] == what) & table["best"]]
        yield f"| **{what}** |" + " |" * len(tissues)
        for method in dict.fromkeys(of_what["method"]):
            line = [method]
            for name in tissues:
                one = of_what[(of_what["method"] == method) & (of_what["tissue"] == name)]
                figures = [f"{value:.3f}" for value in one["value"]]
                jsd = [f" ({value:.3f})" for value in one["jsd"] if value != ""]
                line.append("".join(figures[:1] + jsd[:1]))
            yield f"| {' | '.join(line)} |"


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    warnings.simplefilter("ignore")
    table = with_best([row for name in sys.argv[1:] or SETS for row in measured(name)])
    print("\n".join(for_docs(table)))
    if not sys.argv[1:]:
        print(f"Written to {write_csv('one_table', table.to_dict('records'))}")


if __name__ == "__main__":
    main()
