"""Every mistake that the data contract names, with the message that a user reads.

A case is what is done wrong, the call, and the words that the message of the `InputError` must have in what
it expected, in what it found, and in the remedy: ``expected | found | remedy``. The sentences stand in
messages.txt; to add a case, write it here and run pytest with ``--update-messages``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot import metrics
from homespot.errors import DeviceError
from homespot.mapping.positions import positions

Case = tuple[str, Callable[[ad.AnnData, ad.AnnData], Any], str]


# --- how data is spoilt ---------------------------------------------------------------------------


def named(adata: ad.AnnData, *, genes: Any = None, rows: Any = None) -> ad.AnnData:
    """The data with its genes or rows renamed by a function, or by a list."""
    obs, var = adata.obs.copy(), adata.var.copy()
    if genes is not None:
        var.index = [genes(g) for g in var.index] if callable(genes) else genes
    if rows is not None:
        obs.index = [rows(r) for r in obs.index] if callable(rows) else rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are not unique
        return ad.AnnData(adata.X, obs=obs, var=var, obsm=dict(adata.obsm))


def with_x(adata: ad.AnnData, x: Any) -> ad.AnnData:
    return ad.AnnData(x, obs=adata.obs, var=adata.var, obsm=dict(adata.obsm))


def with_value(adata: ad.AnnData, value: float) -> ad.AnnData:
    x = adata.X.toarray()
    x[2, 3] = x[4, 5] = value
    return with_x(adata, sparse.csr_matrix(x))


def scaled(adata: ad.AnnData) -> ad.AnnData:
    x = adata.X.toarray()
    return with_x(adata, (x - x.mean(axis=0)) / x.std(axis=0))


def placed_at(st: ad.AnnData, positions: Any) -> ad.AnnData:
    return ad.AnnData(st.X, obs=st.obs, var=st.var, obsm={"spatial": positions})


def holed(st: ad.AnnData) -> ad.AnnData:
    xy = st.obsm["spatial"].copy()
    xy[3, 1], xy[7, 0] = np.nan, np.inf
    return placed_at(st, xy)


def with_values(st: ad.AnnData, x: Any) -> ad.AnnData:
    """The spots with other expression."""
    return ad.AnnData(x, st.obs, st.var, obsm={"spatial": st.obsm["spatial"]})


def halves(st: ad.AnnData) -> ad.AnnData:
    """The data with 0.5 in every entry."""
    return with_values(st, np.full(st.shape, 0.5))


def ensembl(adata: ad.AnnData, version: str = "") -> ad.AnnData:
    return named(adata, genes=lambda g: f"ENSMUSG{int(g[1:]):011d}{version}")


def labelled(adata: ad.AnnData, labels: Any) -> ad.AnnData:
    """The data with a column of labels: these again and again."""
    column = pd.Series(labels)
    column = pd.concat([column] * (adata.n_obs // len(column)), ignore_index=True)
    column.index = adata.obs.index
    return ad.AnnData(adata.X, obs=adata.obs.assign(kind=column), var=adata.var, obsm=dict(adata.obsm))


def mapped(sc: ad.AnnData, st: ad.AnnData, **options: Any) -> ad.AnnData:
    return hs.map_cells(sc, st, **options)


def without_places(st: ad.AnnData) -> ad.AnnData:
    return ad.AnnData(st.X, var=pd.DataFrame(index=st.var_names), obs=pd.DataFrame(index=st.obs_names))


def spoilt(mapping: ad.AnnData) -> ad.AnnData:
    mapping.X[0, 0] += 0.5
    return mapping


def lost(mapping: ad.AnnData, at: float = np.nan) -> ad.AnnData:
    mapping.varm["spatial"][3, 1] = at
    return mapping


def named_cells(mapping: ad.AnnData) -> ad.AnnData:
    mapping.obs_names = [f"d{name}" for name in mapping.obs_names]
    return mapping


def part(mapping: ad.AnnData) -> ad.AnnData:
    """Of one-hot cells, those whose spots are left out."""
    mapping.X[:] = 0
    mapping.X[np.arange(mapping.n_obs), np.arange(mapping.n_obs) % mapping.n_vars] = 1
    return hs.subset(mapping, spots=list(mapping.var_names[:20]))


# --- the table ------------------------------------------------------------------------------------

DATA: list[Case] = [
    # what is no table of expression
    (
        "cells as an array",
        lambda sc, st: hs.map_cells(sc.X, st),
        "AnnData sc | csr_matrix | anndata.AnnData",
    ),
    (
        "spots as a path",
        lambda sc, _st: hs.map_cells(sc, "st.h5ad"),
        "AnnData st | str | anndata.AnnData",
    ),
    (
        "no X",
        lambda sc, st: hs.map_cells(ad.AnnData(obs=sc.obs, var=sc.var), st),
        "sc.X | none | sc_layer",
    ),
    (
        "a layer that is not there",
        lambda sc, st: hs.map_cells(sc, st, sc_layer="counts"),
        "layer 'counts' sc | layers | sc_layer",
    ),
    (
        "text",
        lambda sc, st: hs.map_cells(with_x(sc, np.full(sc.shape, "1")), st),
        "numbers single-cell data | <U1 |",
    ),
    (
        "objects",
        lambda sc, st: hs.map_cells(with_x(sc, sc.X.toarray().astype(object)), st),
        "numbers single-cell data | object |",
    ),
    (
        "complex numbers",
        lambda sc, st: hs.map_cells(sc, with_x(st, st.X.astype(complex))),
        "numbers spatial data | complex128 |",
    ),
    (
        "masked values",
        lambda sc, st: hs.map_cells(with_x(sc, np.ma.masked_greater(sc.X.toarray(), 20)), st),
        "numbers single-cell data | masked | Fill",
    ),
    (
        "coordinates with an imaginary part",
        lambda sc, st: hs.map_cells(sc, placed_at(st, st.obsm["spatial"] + 1j)),
        "numbers coordinates | complex128 |",
    ),
    (
        "coordinates whose squares are no numbers",
        lambda sc, st: hs.map_cells(sc, placed_at(st, st.obsm["spatial"] * [1, 1e200])),
        "coordinates 1e+100 squares | spot | unit",
    ),
    (
        "dates for coordinates",
        lambda sc, st: hs.map_cells(
            sc, placed_at(st, pd.DataFrame(st.obsm["spatial"], st.obs_names, ["x", "y"]).astype("M8[s]"))
        ),
        "numbers coordinates | datetime64 |",
    ),
    # names
    (
        "a gene twice",
        lambda sc, st: hs.map_cells(named(sc, genes=lambda g: "g7" if g in ("g8", "g9") else g), st),
        "unique gene names | 1 'g7' | sc.var_names_make_unique",
    ),
    (
        "cells twice",
        lambda sc, st: hs.map_cells(named(sc, rows=lambda c: c[:2]), st),
        "unique cell names | 3 'c1' 'c2' | sc.obs_names_make_unique",
    ),
    (
        "a spot twice",
        lambda sc, st: hs.map_cells(sc, named(st, rows=lambda s: "s1" if s == "s2" else s)),
        "unique spot names | 1 's1' | st.obs_names_make_unique",
    ),
    (
        "no gene in common",
        lambda sc, st: hs.map_cells(named(sc, genes=lambda g: f"x{g}"), st),
        "shared genes 2 | 0 'xg8' 'xg39' |",
    ),
    (
        "one gene in common",
        lambda sc, st: hs.map_cells(named(sc, genes=lambda g: g if g == "g20" else f"x{g}"), st),
        "shared genes 2 | 1 'xg8' 'xg39' |",
    ),
    (
        "cells with Ensembl ids",
        lambda sc, st: hs.map_cells(ensembl(sc), st),
        "shared genes 2 | 0 'ENSMUSG00000000008' 'ENSMUSG00000000039' |",
    ),
    (
        "spots with Ensembl ids",
        lambda sc, st: hs.map_cells(sc, ensembl(st)),
        "shared genes 2 | 0 'g8' 'g39' |",
    ),
    (
        "versions of Ensembl ids",
        lambda sc, st: hs.map_cells(ensembl(sc, ".4"), ensembl(st)),
        "shared genes 2 | 0 'ENSMUSG00000000008.4' 'ENSMUSG00000000039.4' | 31 '.' 'ENSMUSG00000000005.4'",
    ),
    (
        "human and mouse case",
        lambda sc, st: hs.map_cells(named(sc, genes=str.upper), st),
        "shared genes 2 | 0 'G8' 'G39' | 31 'G5' 'g5'",
    ),
    (
        "cells transposed",
        lambda sc, st: hs.map_cells(sc.T.copy(), st),
        "shared genes 2 | 0 'c0' 'c1' |",
    ),
    (
        "spots transposed",
        lambda sc, st: hs.map_cells(sc, ad.AnnData(st.X.T.tocsr(), obs=st.var, var=st.obs)),
        "shared genes 2 | 0 'g8' 'g39' |",
    ),
    # values
    (
        "NaN",
        lambda sc, st: hs.map_cells(with_value(sc, np.nan), st),
        "finite numbers single-cell | 2 |",
    ),
    (
        "infinite",
        lambda sc, st: hs.map_cells(sc, with_value(st, np.inf)),
        "finite numbers spatial | 2 |",
    ),
    (
        "negative",
        lambda sc, st: hs.map_cells(with_value(sc, -1), st),
        "counts log values | -1 |",
    ),
    (
        "scaled",
        lambda sc, st: hs.map_cells(scaled(sc), st),
        "counts log values | -1.252 |",
    ),
    (
        "one cell",
        lambda sc, st: hs.map_cells(sc[:1].copy(), st),
        "cells single-cell data 2 | 1 |",
    ),
    (
        "one spot",
        lambda sc, st: hs.map_cells(sc, st[:1].copy()),
        "spots spatial data 2 | 1 |",
    ),
    (
        "no cell",
        lambda sc, st: hs.map_cells(sc[:0].copy(), st),
        "cells single-cell data 2 | 0 |",
    ),
    (
        "no gene",
        lambda sc, st: hs.map_cells(sc[:, :0].copy(), st),
        "genes single-cell data | none |",
    ),
    # coordinates
    (
        "coordinates in one dimension",
        lambda sc, st: hs.map_cells(sc, placed_at(st, np.ones((25, 1)))),
        "coordinates spots dimensions 25 2 3 | 25 1 |",
    ),
    (
        "coordinates in four dimensions",
        lambda sc, st: hs.map_cells(sc, placed_at(st, np.ones((25, 4)))),
        "coordinates spots dimensions 25 2 3 | 25 4 |",
    ),
    (
        "missing coordinates",
        lambda sc, st: hs.map_cells(sc, holed(st)),
        "finite coordinates spot | 2 spot |",
    ),
    (
        "text as coordinates",
        lambda sc, st: hs.map_cells(sc, placed_at(st, np.full((25, 2), "left"))),
        "numbers coordinates | <U4 |",
    ),
    (
        "too few shared genes among the variable",
        lambda sc, st: hs.map_cells(sc, st, n_genes=2),
        "shared genes among 2 | 1 | n_genes",
    ),
    # labels, and what else come asks of the data
    (
        "a column of labels that is not there",
        lambda sc, st: hs.map_cells(sc, st, "come", labels="cell_type"),
        "column 'cell_type' sc.obs | 'type' 'home' |",
    ),
    (
        "a column of st_labels that is not there",
        lambda sc, st: hs.map_cells(sc, st, "come", st_labels="type"),
        "column 'type' st.obs | 'region' | st_labels",
    ),
    (
        "missing labels",
        lambda sc, st: hs.map_cells(labelled(sc, ["a", "b", None, np.nan]), st, "come", labels="kind"),
        "label cell | 20 cell 'c2' |",
    ),
    (
        "empty labels",
        lambda sc, st: hs.map_cells(labelled(sc, ["a", "b", "", "c"]), st, "come", labels="kind"),
        "label cell | 10 cell 'c2' |",
    ),
    (
        "missing labels of a nullable type",
        lambda sc, st: hs.map_cells(
            labelled(sc, pd.array(["a", "b", None, "c"], "string")), st, "come", labels="kind"
        ),
        "label cell | 10 cell 'c2' |",
    ),
    (
        "missing st_labels",
        lambda sc, st: hs.map_cells(sc, labelled(st, [1.0, np.nan, 2.0, 1.0, 1.0]), "come", st_labels="kind"),
        "label spot | 5 spot 's1' |",
    ),
    (
        "one type",
        lambda sc, st: hs.map_cells(labelled(sc, ["a"]), st, "come", labels="kind"),
        "cells two types | 'a' |",
    ),
    (
        "as many types as cells",
        lambda sc, st: hs.map_cells(labelled(sc, list(sc.obs_names)), st, "come", labels="kind"),
        "fewer types cells | 40 |",
    ),
    (
        "too few genes to hold out",
        lambda sc, st: hs.map_cells(sc, st, "come", validation_genes=0.02),
        "genes train hold 2 | 31 validation_genes 0.02 | n_genes validation_genes 0",
    ),
]

PARAMETERS: list[Case] = [
    (
        "method",
        lambda sc, st: hs.map_cells(sc, st, "tangram"),
        "method 'come' 'correlation' 'ssa' | 'tangram' |",
    ),
    (
        "method as a list",
        lambda sc, st: hs.map_cells(sc, st, ["ssa"]),
        "method 'come' 'correlation' 'ssa' | 'ssa' |",
    ),
    (
        "preset as a list",
        lambda sc, st: hs.map_cells(sc, st, preset=["paper"]),
        "preset 'ssa' 'paper' 'genes' | 'paper' |",
    ),
    (
        "preset",
        lambda sc, st: hs.map_cells(sc, st, preset="fast"),
        "preset 'ssa' 'paper' 'genes' | 'fast' |",
    ),
    (
        "preset where there is none",
        lambda sc, st: hs.map_cells(sc, st, "correlation", preset="paper"),
        "preset 'correlation' | 'paper' |",
    ),
    (
        "parameter",
        lambda sc, st: hs.map_cells(sc, st, epsilon=0.1),
        "parameters 'ssa' n_genes relax_cells relax_spots max_iter | 'epsilon' |",
    ),
    (
        "parameter of another method",
        lambda sc, st: hs.map_cells(sc, st, "correlation", marginals="uniform"),
        "parameters 'correlation' n_genes | 'marginals' |",
    ),
    (
        "scale",
        lambda sc, st: hs.map_cells(sc, st, sc_scale="raw"),
        "sc_scale 'auto' 'counts' 'log' | 'raw' |",
    ),
    (
        "dtype",
        lambda sc, st: hs.map_cells(sc, st, dtype="float16"),
        "dtype 'float32' 'float64' | 'float16' |",
    ),
    (
        "seed",
        lambda sc, st: hs.map_cells(sc, st, seed=-1),
        "seed 0 | -1 |",
    ),
    (
        "seed that is a fraction",
        lambda sc, st: hs.map_cells(sc, st, seed=0.5),
        "seed 0 | 0.5 |",
    ),
    (
        "k_best",
        lambda sc, st: hs.map_cells(sc, st, k_best=0),
        "k_best 1 | 0 |",
    ),
    (
        "k_best that is no number",
        lambda sc, st: hs.map_cells(sc, st, k_best="all"),
        "k_best 1 | 'all' |",
    ),
    (
        "device",
        lambda sc, st: hs.map_cells(sc, st, device="gpu"),
        "device 'auto' 'cpu' 'cuda' 'cuda:<index>' | 'gpu' |",
    ),
    (
        "n_genes",
        lambda sc, st: hs.map_cells(sc, st, n_genes=1),
        "n_genes 2 | 1 |",
    ),
    (
        "n_genes True",
        lambda sc, st: hs.map_cells(sc, st, n_genes=True),
        "n_genes 2 | True |",
    ),
    (
        "correlation",
        lambda sc, st: hs.map_cells(sc, st, correlation="spearman"),
        "correlation 'signed' 'absolute' | 'spearman' |",
    ),
    (
        "regularisation 0",
        lambda sc, st: hs.map_cells(sc, st, regularisation=0),
        "backend pot regularisation 0 | None | above 0",
    ),
    (
        "regularisation below what the solver takes",
        lambda sc, st: hs.map_cells(sc, st, regularisation=1e-7),
        "regularisation 1e-06 1e+06 | 1e-07 |",
    ),
    (
        "regularisation NaN",
        lambda sc, st: hs.map_cells(sc, st, regularisation=np.nan),
        "regularisation 1e+06 | nan |",
    ),
    (
        "regularisation infinite",
        lambda sc, st: hs.map_cells(sc, st, regularisation=np.inf),
        "regularisation 1e+06 | inf |",
    ),
    (
        "regularisation as text",
        lambda sc, st: hs.map_cells(sc, st, regularisation="0.1"),
        "regularisation 1e+06 | '0.1' |",
    ),
    (
        "regularisation of the yardstick",
        lambda sc, st: hs.map_cells(sc, st, "correlation", regularisation=-1),
        "regularisation 1e-06 1e+06 | -1 |",
    ),
    (
        "marginals",
        lambda sc, st: hs.map_cells(sc, st, marginals="density"),
        "marginals 'uniform' 'expression' 'expression_all' 'counts' | 'density' |",
    ),
    (
        "marginals given as numbers",
        lambda sc, st: hs.map_cells(sc, st, marginals=np.ones(40)),
        "marginals 'uniform' 'expression' 'expression_all' 'counts' | ndarray |",
    ),
    (
        "relax_cells",
        lambda sc, st: hs.map_cells(sc, st, relax_cells=1.5),
        "relax_cells 0 1 | 1.5 |",
    ),
    (
        "relax_spots",
        lambda sc, st: hs.map_cells(sc, st, relax_spots=-0.1),
        "relax_spots 0 1 | -0.1 |",
    ),
    (
        "tolerance",
        lambda sc, st: hs.map_cells(sc, st, tolerance=0),
        "tolerance 0 | 0 |",
    ),
    (
        "max_iter",
        lambda sc, st: hs.map_cells(sc, st, max_iter=0),
        "max_iter 1 | 0 |",
    ),
    # of come
    (
        "epochs 0",
        lambda sc, st: hs.map_cells(sc, st, "come", epochs=0),
        "epochs 1 | 0 |",
    ),
    (
        "epochs that are a fraction",
        lambda sc, st: hs.map_cells(sc, st, "come", epochs=1.5),
        "epochs 1 | 1.5 |",
    ),
    (
        "hidden",
        lambda sc, st: hs.map_cells(sc, st, "come", hidden=0),
        "hidden 1 | 0 |",
    ),
    (
        "pretrain_batch",
        lambda sc, st: hs.map_cells(sc, st, "come", pretrain_batch=0),
        "pretrain_batch 1 | 0 |",
    ),
    (
        "rate 0",
        lambda sc, st: hs.map_cells(sc, st, "come", rate=0),
        "rate 0 | 0 |",
    ),
    (
        "map_rate NaN",
        lambda sc, st: hs.map_cells(sc, st, "come", map_rate=np.nan),
        "map_rate 0 | nan |",
    ),
    (
        "negative weight",
        lambda sc, st: hs.map_cells(sc, st, "come", weight_contrast=-1),
        "weight_contrast 0 | -1 |",
    ),
    (
        "no weight of the data",
        lambda sc, st: hs.map_cells(
            sc,
            st,
            "come",
            weight_reconstruction=0,
            weight_mapping=0,
            weight_similarity=0,
            weight_contrast=0,
            weight_entropy=1,
        ),
        "term data count | 0 | weight_",
    ),
    (
        "tau",
        lambda sc, st: hs.map_cells(sc, st, "come", tau=0.001),
        "tau 0.02 | 0.001 |",
    ),
    (
        "start_temperature",
        lambda sc, st: hs.map_cells(sc, st, "come", start_temperature=0),
        "start_temperature 0.01 | 0 |",
    ),
    (
        "start",
        lambda sc, st: hs.map_cells(sc, st, "come", start="random"),
        "start 'correlation' 'ssa' 'uniform' | 'random' |",
    ),
    (
        "summed",
        lambda sc, st: hs.map_cells(sc, st, "come", summed="median"),
        "summed 'mean' 'sum' 'coefficients' | 'median' |",
    ),
    (
        "map_optimiser",
        lambda sc, st: hs.map_cells(sc, st, "come", map_optimiser="sgd"),
        "map_optimiser 'mirror' 'adam' | 'sgd' |",
    ),
    (
        "technology",
        lambda sc, st: hs.map_cells(sc, st, "come", technology="visium"),
        "technology 'auto' 'imaging' 'sequencing' | 'visium' |",
    ),
    (
        "validation_genes",
        lambda sc, st: hs.map_cells(sc, st, "come", validation_genes=0.9),
        "validation_genes 0 0.5 | 0.9 |",
    ),
    (
        "mirror descent on coefficients",
        lambda sc, st: hs.map_cells(sc, st, "come", summed="coefficients", map_optimiser="mirror"),
        "map_optimiser 'adam' 'coefficients' weight_shrinkage 0 | 'mirror' | map_optimiser 'adam'",
    ),
    (
        "mirror descent with shrinkage",
        lambda sc, st: hs.map_cells(sc, st, "come", weight_shrinkage=0.1, map_optimiser="mirror"),
        "map_optimiser 'adam' 'coefficients' weight_shrinkage 0 | 'mirror' | map_optimiser 'adam'",
    ),
    (
        "labels of two cells",
        lambda sc, st: hs.map_cells(sc, st, "come", labels=["a", "b"]),
        "labels data cells 40 | 2 value |",
    ),
    (
        "labels of no name",
        lambda sc, st: hs.map_cells(sc, st, "come", labels=""),
        "labels | '' |",
    ),
    (
        "checkpoint as a switch",
        lambda sc, st: hs.map_cells(sc, st, "come", checkpoint=True),
        "checkpoint | True |",
    ),
    (
        "labels for a method without",
        lambda sc, st: hs.map_cells(sc, st, labels="type"),
        "parameters 'ssa' n_genes relax_cells relax_spots max_iter | 'labels' |",
    ),
]

MAPPINGS: list[Case] = [
    (
        "place with no mapping",
        lambda sc, _st: hs.place_cells(sc, sc),
        "mapping 'homespot' homespot_left_over | 40 35 | map_cells load",
    ),
    (
        "place an array",
        lambda sc, _st: hs.place_cells(np.ones((3, 3)), sc),
        "AnnData mapping | ndarray | map_cells load",
    ),
    (
        "place a mapping that was changed",
        lambda sc, st: hs.place_cells(spoilt(mapped(sc, st)), sc),
        "homespot_left_over 1 | 1 cell 'c0' | subset",
    ),
    (
        "place without coordinates",
        lambda sc, st: hs.place_cells(mapped(sc, without_places(st)), sc),
        'mapping spots coordinates | without | st.obsm["spatial"] mapping.varm["spatial"]',
    ),
    (
        "place at lost coordinates",
        lambda sc, st: hs.place_cells(lost(mapped(sc, st)), sc),
        "finite coordinates spot | 1 spot |",
    ),
    (
        "positions at infinity",
        lambda _sc, _st: positions(np.eye(2), np.array([[0, 1], [np.inf, 2]])),
        "finite coordinates spot | 1 spot |",
    ),
    (
        "place other cells",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc[:5].copy()),
        "single-cell data mapped | 35 'c5' 'c6' | subset",
    ),
    (
        "place no AnnData",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc.obs),
        "AnnData | DataFrame | anndata.AnnData",
    ),
    (
        "place cells named twice",
        lambda sc, st: hs.place_cells(mapped(sc, st), named(sc, rows=lambda c: c[:2])),
        "unique names cells | 'c1' 'c2' 'c3' |",
    ),
    (
        "place cells with nothing left",
        lambda sc, st: hs.place_cells(part(mapped(sc, st)), sc),
        "cell probability | 5 cell | subset",
    ),
    (
        "position",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc, position="centre"),
        "position 'median' 'mean' 'k_best' 'argmax' | 'centre' |",
    ),
    (
        "k",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc, position="k_best", k=0),
        "k 1 | 0 |",
    ),
    (
        "add to other data",
        lambda sc, st: hs.add_mapping(sc[:5].copy(), mapped(sc, st)),
        "40 cells 'c0' 'c1' 'c2' 25 spots | 5 0 | subset",
    ),
    (
        "add to data with both names",
        lambda sc, st: hs.add_mapping(ad.concat([sc, st]), mapped(sc, st)),
        "40 cells 'c0' 'c1' 'c2' 25 spots | names |",
    ),
    (
        "add to a table",
        lambda sc, st: hs.add_mapping(sc.obs, mapped(sc, st)),
        "AnnData adata | DataFrame | anndata.AnnData",
    ),
    (
        "add no mapping",
        lambda sc, st: hs.add_mapping(sc, st),
        "mapping 'homespot' homespot_left_over | 25 35 | map_cells load",
    ),
    (
        "subset to unknown spots",
        lambda sc, st: hs.subset(mapped(sc, st), spots=["s1", "x", "y"]),
        "names spots mapping | 'x' 'y' |",
    ),
    (
        "subset to a spot twice",
        lambda sc, st: hs.subset(mapped(sc, st), spots=["s1", "s1"]),
        "unique names spots | 's1' |",
    ),
    (
        "subset to one string",
        lambda sc, st: hs.subset(mapped(sc, st), cells="c1"),
        "list names cells | 'c1' | 'c1'",
    ),
    (
        "renormalise nothing",
        lambda sc, st: hs.renormalise(part(mapped(sc, st))),
        "cell probability spots | 5 cell 'c20' | subset",
    ),
    (
        "combine nothing",
        lambda _sc, _st: hs.combine_cells([]),
        "one mapping | none |",
    ),
    (
        "combine no sections",
        lambda _sc, _st: hs.combine_sections([]),
        "one mapping | none |",
    ),
    (
        "combine the same cells",
        lambda sc, st: hs.combine_cells([mapped(sc, st)] * 2),
        "unique names cells | 'c0' 'c1' 'c2' |",
    ),
    (
        "combine cells on other spots",
        lambda sc, st: hs.combine_cells([m := mapped(sc, st), hs.subset(m, spots=["s9"])]),
        "mappings onto spots | 's0' 's1' 's2' | combine_sections",
    ),
    (
        "combine cells on spots that have moved",
        lambda sc, st: hs.combine_cells([m := mapped(sc, st), named_cells(lost(m.copy(), 7.0))]),
        "spots mappings | spots names |",
    ),
    (
        "combine sections with and without coordinates",
        lambda sc, st: hs.combine_sections(
            [mapped(sc, st), mapped(sc, without_places(named(st, rows=lambda s: f"t{s}")))]
        ),
        "sections coordinates dimensions | 2 |",
    ),
    (
        "combine the same section",
        lambda sc, st: hs.combine_sections([mapped(sc, st)] * 2),
        "unique names spots | 's0' 's1' 's2' |",
    ),
    (
        "combine sections of other cells",
        lambda sc, st: hs.combine_sections([m := mapped(sc, st), m[::-1].copy()]),
        "mappings cells order | 'c0' 'c1' 'c2' | combine_cells",
    ),
    (
        "weights of sections",
        lambda sc, st: hs.combine_sections([mapped(sc, st)] * 2, [1, 0]),
        "positive weights section 2 | 1 0 |",
    ),
    (
        "number of weights",
        lambda sc, st: hs.combine_sections([mapped(sc, st)] * 2, [1.0]),
        "positive weights section 2 | 1.0 |",
    ),
    # files
    (
        "save as a table",
        lambda sc, st: hs.save(mapped(sc, st), "map.csv"),
        "path .h5ad | 'map.csv' |",
    ),
    (
        "save where there is no folder",
        lambda sc, st: hs.save(mapped(sc, st), "no/map.h5ad"),
        "path folder exists | 'no/map.h5ad' |",
    ),
    (
        "save data that is no mapping",
        lambda sc, _st: hs.save(sc, "map.h5ad"),
        "mapping 'homespot' homespot_left_over | 40 35 | map_cells load",
    ),
    (
        "save lost coordinates",
        lambda sc, st: hs.save(lost(mapped(sc, st), np.inf), "map.h5ad"),
        "finite coordinates spot | 1 spot |",
    ),
    (
        "load nothing",
        lambda _sc, _st: hs.load("no.h5ad"),
        "file .h5ad | no file 'no.h5ad' |",
    ),
]

SCORES: list[Case] = [
    (
        "simulate a table",
        lambda _sc, st: hs.simulate_spots(st.obs),
        "AnnData cells | DataFrame | anndata.AnnData",
    ),
    (
        "simulate without places",
        lambda sc, _st: hs.simulate_spots(sc),
        'coordinates cells "spatial" | none |',
    ),
    (
        "simulate with missing places",
        lambda _sc, st: hs.simulate_spots(holed(st), cells_per_spot=2),
        "finite coordinates cell | 2 cell |",
    ),
    (
        "simulate in one dimension",
        lambda _sc, st: hs.simulate_spots(placed_at(st, np.ones((25, 1))), cells_per_spot=2),
        "coordinates cells dimensions 25 2 3 | 25 1 |",
    ),
    (
        "simulate with text as places",
        lambda _sc, st: hs.simulate_spots(placed_at(st, np.full((25, 2), "left")), cells_per_spot=2),
        "numbers coordinates | <U4 |",
    ),
    (
        "cells_per_spot 0",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=0),
        "cells_per_spot 1 12.5 | 0 |",
    ),
    (
        "cells_per_spot too large",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=20),
        "cells_per_spot 1 12.5 | 20 |",
    ),
    (
        "a part that is not there",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, part=10),
        "part 0 9 | 10 |",
    ),
    (
        "leave out of one part",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, n_parts=1),
        "n_parts 2 | 1 | leave_out",
    ),
    (
        "simulate from no layer",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, layer="raw"),
        "layer 'raw' cells | layers |",
    ),
    (
        "simulate an unknown platform",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, platform="visium"),
        "platform 'log-normal' 'laplace' | 'visium' |",
    ),
    (
        "simulate a platform of log values",
        lambda _sc, st: hs.simulate_spots(halves(st), cells_per_spot=2, platform="laplace"),
        "counts cells platform | 0.5 | platform",
    ),
    (
        "a depth without a platform",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, depth=0.5),
        "platform depth | none | platform",
    ),
    (
        "simulate from values below 0",
        lambda _sc, st: hs.simulate_spots(with_values(st, -st.X), cells_per_spot=2),
        "finite expression never negative | 836 | counts",
    ),
    (
        "simulate from NaN",
        lambda _sc, st: hs.simulate_spots(with_values(st, st.X * np.nan), cells_per_spot=2),
        "finite expression | nan | counts",
    ),
    (
        "simulate from imaginary numbers",
        lambda _sc, st: hs.simulate_spots(with_values(st, st.X * 1j), cells_per_spot=2),
        "real numbers expression | complex64 | numbers",
    ),
    (
        "simulate too many molecules",
        lambda _sc, st: hs.simulate_spots(with_values(st, st.X * 1e17), cells_per_spot=2, platform="laplace"),
        "counts platform | 8.7e+18 | platform_sd",
    ),
    (
        "a depth of nothing",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, platform="laplace", depth=0),
        "depth 0 1 | 0 |",
    ),
    (
        "more parts than cells",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, n_parts=26, part=25),
        "n_parts 1 25 | 26 |",
    ),
    (
        "distances of other shapes",
        lambda _sc, _st: metrics.distances(np.ones((3, 2)), np.ones((4, 2))),
        "true positions two | 3 2 4 |",
    ),
    (
        "distances of nothing",
        lambda _sc, _st: metrics.distances(np.ones((0, 2)), np.ones((0, 2))),
        "true positions two | 0 2 |",
    ),
    (
        "distances with NaN",
        lambda _sc, _st: metrics.distances(np.ones((3, 2)), np.full((3, 2), np.nan)),
        "finite positions | NaN infinite |",
    ),
    (
        "labels of another length",
        lambda _sc, _st: metrics.kde_divergence(*np.ones((2, 5, 2)), ["a"] * 4),
        "label cells 5 | 4 |",
    ),
    (
        "densities in 3 dimensions",
        lambda _sc, _st: metrics.kde_divergence(*np.ones((2, 5, 3)), ["a"] * 5),
        "positions dimensions 2 | 3 |",
    ),
    (
        "names of other genes",
        lambda _sc, _st: metrics.gene_scores(*np.ones((2, 5, 3)), ["a", "b"]),
        "gene names 3 | 2 'a' 'b' |",
    ),
]


# --- the tests ------------------------------------------------------------------------------------


def cases(*groups: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c[0]) for group in groups for c in group])


@cases(MAPPINGS, SCORES)
def test_the_message(pair, case: Case, refused, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with refused(case[2]):
        case[1](*pair)
    assert list(tmp_path.iterdir()) == []


@cases(DATA)
def test_bad_data_is_refused_before_the_correlation_is_computed(
    pair, case: Case, refused, monkeypatch
) -> None:
    monkeypatch.setattr("homespot.expression.selection.log_normalised", None)
    with refused(case[2]):
        case[1](*pair)


@cases(PARAMETERS)
def test_bad_parameters_are_refused_before_the_data_is_looked_at(
    pair, case: Case, refused, monkeypatch
) -> None:
    monkeypatch.setattr("homespot.verbs.map_cells.Expression", None)
    with refused(case[2]):
        case[1](*pair)


@pytest.mark.parametrize("method", ["ssa", "come"])
@pytest.mark.parametrize("progress", ["loud", 1])
def test_progress_of_no_known_kind(pair, method: str, progress: Any, refused) -> None:
    with refused(f"progress True False None 'log' | {progress!r} |"):
        hs.map_cells(*pair, method, progress=progress)


def test_a_device_that_is_not_there(pair, refused, monkeypatch) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr("homespot.verbs.map_cells.Expression", None)
    words = f"device 'cuda:99' | {torch.cuda.device_count()} CUDA {torch.__version__} | device 'cpu' driver"
    with refused(words, DeviceError, recorded=False):
        hs.map_cells(*pair, device="cuda:99")


def test_ids_are_unique() -> None:
    ids = [case[0] for group in (DATA, PARAMETERS, MAPPINGS, SCORES) for case in group]
    assert len(ids) == len(set(ids))
