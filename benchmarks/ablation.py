"""COME with each loss term and each choice on and off.

Each read by its default. Genes: median PCC of genes in space in two random folds on Drosophila, on clean
semi-simulated starmap_visp, on seqfish_cortex_tasic, and on pdac_moncada (1,000 of the shared genes). Places:
mean error on starmap_visp over that of the correlation. Types: PCC of the shares of types in a spot on
li2022_starmap_sim (see `deconvolution.py`). Entropy: mean row entropy of P on Drosophila over log N (1 says
nothing about any cell).

    python benchmarks/ablation.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import anndata as ad
import numpy as np
from _common import print_table, write_csv
from deconvolution import by_map, halves, score
from genes import cross_validate, pancreas, random_folds, shared_genes
from placement import error

import homespot as hs

VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "reconstruction off": {"weight_reconstruction": 0.0},
    "mapping off": {"weight_mapping": 0.0},
    "mapping 1 (as published)": {"weight_mapping": 1.0},
    "similarity off": {"weight_similarity": 0.0},
    "similarity 1 (as published)": {"weight_similarity": 1.0},
    "contrast off": {"weight_contrast": 0.0},
    "contrast 1 (as published)": {"weight_contrast": 1.0},
    "reconstruction alone": {"weight_mapping": 0.0, "weight_similarity": 0.0, "weight_contrast": 0.0},
    "entropy term 0.1": {"weight_entropy": 0.1},
    "Adam on C": {"map_optimiser": "adam"},
    "summed by P": {"summed": "sum"},
    "start: uniform": {"start": "uniform"},
    "start: SSA's plan": {"start": "ssa"},
    "start temperature 0.1": {"start_temperature": 0.1},
    "start temperature 0.2": {"start_temperature": 0.2},
    "10 epochs": {"epochs": 10},
    "100 epochs": {"epochs": 100},
    "100 epochs, the best by validation genes": {"epochs": 100, "validation_genes": 0.2},
    "no pretraining": {"pretrain_epochs": 1},
    "preset places": {"preset": "places"},
    "preset paper": {"preset": "paper"},
}
LABELLED = "with cell types (COME+)"


def gene_problems() -> Iterator[tuple[str, ad.AnnData, ad.AnnData, list[str], str]]:
    """Yield name, cells, spots, genes and scale."""
    data = hs.datasets.load("drosophila")
    yield "drosophila", data["sc"], data["st"], data["st"].var_names.tolist(), "auto"
    sc, st = hs.simulate_spots(hs.datasets.load("starmap_visp")["st"], seed=3)
    yield "starmap_visp", sc, st, st.var_names.tolist(), "auto"
    cortex = hs.datasets.load("seqfish_cortex_tasic")
    yield "seqfish_cortex_tasic", cortex["sc"], cortex["st"], shared_genes(cortex["sc"], cortex["st"]), "log"
    cells, spots = pancreas()
    yield "pdac_moncada", cells, spots, spots.var_names.tolist(), "auto"


def places(settings: dict[str, Any], base: dict[int, float]) -> float:
    """Return the mean error on three parts of starmap_visp over that of the correlation."""
    found = []
    for part in range(3):
        sc, st = hs.simulate_spots(hs.datasets.load("starmap_visp")["st"], part=part, seed=3)
        pitch = st.uns["homespot"]["pitch"]
        if part not in base:
            base[part] = error(hs.map_cells(sc, st, "correlation", progress=False), sc, pitch, "median")[0]
        mapping = hs.map_cells(sc, st, "come", progress=False, **settings)
        found.append(error(mapping, sc, pitch, "median")[0] / base[part])
    return float(np.mean(found))


def measured(settings: dict[str, Any], problems: list[Any], base: dict[int, float]) -> dict[str, float]:
    """Return one row of the table."""
    row: dict[str, float] = {}
    sc, st = problems[0][1:3]
    mapping = hs.map_cells(sc, st, "come", progress=False, **settings)
    row["entropy"] = float(mapping.uns["homespot"]["solver"]["entropy"])
    for name, sc, st, genes, scale in problems:
        tables, _ = cross_validate(sc, st[:, genes], random_folds(genes, 2, 7), "come", settings, scale)
        row[f"genes {name}"] = float(tables["scaled"]["pcc"].median())
    row["places starmap_visp"] = places(settings, base)
    row["types li2022_starmap_sim"] = types(settings)
    return row


def types(settings: dict[str, Any]) -> float:
    """Return the PCC of the shares of types, mean of three splits."""
    found = []
    for seed in range(3):
        sc, st, truth = halves(seed)
        mapping = hs.map_cells(sc, st, "come", progress=False, **settings)
        found.append(score(truth, by_map(mapping, "square"))["PCC"])
    return float(np.mean(found))


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    problems, base = list(gene_problems()), {}
    rows: list[dict[str, object]] = []
    for variant, settings in VARIANTS.items():
        rows.append({"variant": variant, **measured(settings, problems, base)})
        print(rows[-1], flush=True)
    labelled: dict[str, object] = dict.fromkeys(rows[0], "-")
    labelled |= {"variant": LABELLED, "types li2022_starmap_sim": types({"labels": "cell_type"})}
    rows.insert(1, labelled)
    print_table(rows)
    print(f"Written to {write_csv('ablation', rows)}")


if __name__ == "__main__":
    main()
