"""Every mistake that the data contract names, with the whole message a user reads.

A case is what is done wrong, the call, and the text of the `InputError`. To add one, write the call with an
empty text, run the test, and paste what it shows, once that says what was expected, what was found and what
to do.
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
from homespot.errors import DeviceError, InputError
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
        "Expected an AnnData as sc, found a csr_matrix. Build one with anndata.AnnData(X, obs, var).",
    ),
    (
        "spots as a path",
        lambda sc, _st: hs.map_cells(sc, "st.h5ad"),
        "Expected an AnnData as st, found a str. Build one with anndata.AnnData(X, obs, var).",
    ),
    (
        "no X",
        lambda sc, st: hs.map_cells(ad.AnnData(obs=sc.obs, var=sc.var), st),
        "Expected expression values in sc.X, found none. Name a layer as sc_layer.",
    ),
    (
        "a layer that is not there",
        lambda sc, st: hs.map_cells(sc, st, sc_layer="counts"),
        "Expected a layer 'counts' in sc, found no layers. Name one that is there as sc_layer, "
        "or leave it out to use X.",
    ),
    (
        "text",
        lambda sc, st: hs.map_cells(with_x(sc, np.full(sc.shape, "1")), st),
        "Expected numbers in the single-cell data, found values of type <U1. Convert them to numbers.",
    ),
    (
        "objects",
        lambda sc, st: hs.map_cells(with_x(sc, sc.X.toarray().astype(object)), st),
        "Expected numbers in the single-cell data, found values of type object. Convert them to numbers.",
    ),
    (
        "complex numbers",
        lambda sc, st: hs.map_cells(sc, with_x(st, st.X.astype(complex))),
        "Expected numbers in the spatial data, found values of type complex128. Convert them to numbers.",
    ),
    # names
    (
        "a gene twice",
        lambda sc, st: hs.map_cells(named(sc, genes=lambda g: "g7" if g in ("g8", "g9") else g), st),
        "Expected unique gene names in the single-cell data, found 1 that occur more than once "
        "('g7'). Sum the columns of one gene, or give them names of their own: sc.var_names_make_unique().",
    ),
    (
        "cells twice",
        lambda sc, st: hs.map_cells(named(sc, rows=lambda c: c[:2]), st),
        "Expected unique cell names in the single-cell data, found 3 that occur more than once ('c1',"
        " 'c2', 'c3'). Give every cell a name of its own: sc.obs_names_make_unique().",
    ),
    (
        "a spot twice",
        lambda sc, st: hs.map_cells(sc, named(st, rows=lambda s: "s1" if s == "s2" else s)),
        "Expected unique spot names in the spatial data, found 1 that occur more than once ('s1'). "
        "Give every spot a name of its own: st.obs_names_make_unique().",
    ),
    (
        "no gene in common",
        lambda sc, st: hs.map_cells(named(sc, genes=lambda g: f"x{g}"), st),
        "Expected at least 2 shared genes, found 0 (single-cell: 'xg8', 'xg39', 'xg16', ...; spatial:"
        " 'g5', 'g10', 'g38', ...). Check that both use the same kind of gene names.",
    ),
    (
        "one gene in common",
        lambda sc, st: hs.map_cells(named(sc, genes=lambda g: g if g == "g20" else f"x{g}"), st),
        "Expected at least 2 shared genes, found 1 (single-cell: 'xg8', 'xg39', 'xg16', ...; spatial:"
        " 'g5', 'g10', 'g38', ...). Check that both use the same kind of gene names.",
    ),
    (
        "cells with Ensembl ids",
        lambda sc, st: hs.map_cells(ensembl(sc), st),
        "Expected at least 2 shared genes, found 0 (single-cell: 'ENSMUSG00000000008', "
        "'ENSMUSG00000000039', 'ENSMUSG00000000016', ...; spatial: 'g5', 'g10', 'g38', ...). The "
        "single-cell data has Ensembl ids and the other gene symbols: translate one of them.",
    ),
    (
        "spots with Ensembl ids",
        lambda sc, st: hs.map_cells(sc, ensembl(st)),
        "Expected at least 2 shared genes, found 0 (single-cell: 'g8', 'g39', 'g16', ...; spatial: "
        "'ENSMUSG00000000005', 'ENSMUSG00000000010', 'ENSMUSG00000000038', ...). The spatial data has"
        " Ensembl ids and the other gene symbols: translate one of them.",
    ),
    (
        "versions of Ensembl ids",
        lambda sc, st: hs.map_cells(ensembl(sc, ".4"), ensembl(st)),
        "Expected at least 2 shared genes, found 0 (single-cell: 'ENSMUSG00000000008.4', "
        "'ENSMUSG00000000039.4', 'ENSMUSG00000000016.4', ...; spatial: 'ENSMUSG00000000005', "
        "'ENSMUSG00000000010', 'ENSMUSG00000000038', ...). 31 more would match if the version, "
        "which is the number after the last '.', were left out: 'ENSMUSG00000000005.4' in sc and "
        "'ENSMUSG00000000005' in st. To match them, set sc.var_names = "
        "sc.var_names.str.replace('(?<=[0-9]{7})[.][0-9]+$', '', regex=True).",
    ),
    (
        "human and mouse case",
        lambda sc, st: hs.map_cells(named(sc, genes=str.upper), st),
        "Expected at least 2 shared genes, found 0 (single-cell: 'G8', 'G39', 'G16', ...; spatial: "
        "'g5', 'g10', 'g38', ...). 31 more would match if upper and lower case were the same: 'G5' "
        "in sc and 'g5' in st. If the species is the same, set st.var_names = st.var_names.str.upper().",
    ),
    (
        "cells transposed",
        lambda sc, st: hs.map_cells(sc.T.copy(), st),
        "Expected at least 2 shared genes, found 0 (single-cell: 'c0', 'c1', 'c2', ...; spatial: "
        "'g5', 'g10', 'g38', ...). The rows of the single-cell data have the names of the other's "
        "genes: pass cells x genes (transpose it).",
    ),
    (
        "spots transposed",
        lambda sc, st: hs.map_cells(sc, ad.AnnData(st.X.T.tocsr(), obs=st.var, var=st.obs)),
        "Expected at least 2 shared genes, found 0 (single-cell: 'g8', 'g39', 'g16', ...; spatial: "
        "'s0', 's1', 's2', ...). The rows of the spatial data have the names of the other's genes: "
        "pass spots x genes (transpose it).",
    ),
    # values
    (
        "NaN",
        lambda sc, st: hs.map_cells(with_value(sc, np.nan), st),
        "Expected finite numbers in the single-cell data, found 2 that are NaN or infinite. Replace "
        "them, or drop the cells or genes that have them.",
    ),
    (
        "infinite",
        lambda sc, st: hs.map_cells(sc, with_value(st, np.inf)),
        "Expected finite numbers in the spatial data, found 2 that are NaN or infinite. Replace them,"
        " or drop the spots or genes that have them.",
    ),
    (
        "negative",
        lambda sc, st: hs.map_cells(with_value(sc, -1), st),
        "Expected counts or log values, never negative, in the single-cell data, found values down to"
        " -1, as z-scores or scaled data have. Pass the counts or the log-normalised values instead.",
    ),
    (
        "scaled",
        lambda sc, st: hs.map_cells(scaled(sc), st),
        "Expected counts or log values, never negative, in the single-cell data, found values down to"
        " -1.252, as z-scores or scaled data have. Pass the counts or the log-normalised values "
        "instead.",
    ),
    (
        "one cell",
        lambda sc, st: hs.map_cells(sc[:1].copy(), st),
        "Expected at least 2 cells in the single-cell data, found 1. There is nothing to map.",
    ),
    (
        "one spot",
        lambda sc, st: hs.map_cells(sc, st[:1].copy()),
        "Expected at least 2 spots in the spatial data, found 1. There is nothing to map.",
    ),
    (
        "no cell",
        lambda sc, st: hs.map_cells(sc[:0].copy(), st),
        "Expected at least 2 cells in the single-cell data, found 0. There is nothing to map.",
    ),
    (
        "no gene",
        lambda sc, st: hs.map_cells(sc[:, :0].copy(), st),
        "Expected genes in the single-cell data, found none. There is nothing to compare.",
    ),
    # coordinates
    (
        "coordinates in one dimension",
        lambda sc, st: hs.map_cells(sc, placed_at(st, np.ones((25, 1)))),
        "Expected coordinates of 25 spots x 2 or 3 dimensions, found 25 x 1. One row a spot, one "
        "column a dimension.",
    ),
    (
        "coordinates in four dimensions",
        lambda sc, st: hs.map_cells(sc, placed_at(st, np.ones((25, 4)))),
        "Expected coordinates of 25 spots x 2 or 3 dimensions, found 25 x 4. One row a spot, one "
        "column a dimension.",
    ),
    (
        "missing coordinates",
        lambda sc, st: hs.map_cells(sc, holed(st)),
        "Expected finite coordinates of every spot, found 2 spot(s) with missing or infinite ones. "
        "Drop these spots first, or map without coordinates.",
    ),
    (
        "text as coordinates",
        lambda sc, st: hs.map_cells(sc, placed_at(st, np.full((25, 2), "left"))),
        "Expected numbers as coordinates, found values of type <U4. Convert them to numbers.",
    ),
    (
        "too few shared genes among the variable",
        lambda sc, st: hs.map_cells(sc, st, n_genes=2),
        "Expected at least 2 shared genes among the 2 most variable of the single-cell data, found 1."
        " Raise n_genes.",
    ),
    # labels, and what else come asks of the data
    (
        "a column of labels that is not there",
        lambda sc, st: hs.map_cells(sc, st, "come", labels="cell_type"),
        "Expected a column 'cell_type' in sc.obs, found 'type', 'home'. Name one that is there as labels.",
    ),
    (
        "a column of st_labels that is not there",
        lambda sc, st: hs.map_cells(sc, st, "come", st_labels="type"),
        "Expected a column 'type' in st.obs, found 'region'. Name one that is there as st_labels.",
    ),
    (
        "missing labels",
        lambda sc, st: hs.map_cells(labelled(sc, ["a", "b", None, np.nan]), st, "come", labels="kind"),
        "Expected a label of every cell, found 20 cell(s) without ('c2', 'c3', 'c6', ...). Label "
        "them, or drop these cells.",
    ),
    (
        "empty labels",
        lambda sc, st: hs.map_cells(labelled(sc, ["a", "b", "", "c"]), st, "come", labels="kind"),
        "Expected a label of every cell, found 10 cell(s) without ('c2', 'c6', 'c10', ...). Label "
        "them, or drop these cells.",
    ),
    (
        "missing labels of a nullable type",
        lambda sc, st: hs.map_cells(
            labelled(sc, pd.array(["a", "b", None, "c"], "string")), st, "come", labels="kind"
        ),
        "Expected a label of every cell, found 10 cell(s) without ('c2', 'c6', 'c10', ...). Label "
        "them, or drop these cells.",
    ),
    (
        "missing st_labels",
        lambda sc, st: hs.map_cells(sc, labelled(st, [1.0, np.nan, 2.0, 1.0, 1.0]), "come", st_labels="kind"),
        "Expected a label of every spot, found 5 spot(s) without ('s1', 's6', 's11', ...). Label "
        "them, or drop these spots.",
    ),
    (
        "one type",
        lambda sc, st: hs.map_cells(labelled(sc, ["a"]), st, "come", labels="kind"),
        "Expected cells of two types or more, found only 'a'. Leave the labels out.",
    ),
    (
        "as many types as cells",
        lambda sc, st: hs.map_cells(labelled(sc, list(sc.obs_names)), st, "come", labels="kind"),
        "Expected fewer types than cells, found 40 types of 40 cells. Name the column with the "
        "types, or leave the labels out.",
    ),
    (
        "too few genes to hold out",
        lambda sc, st: hs.map_cells(sc, st, "come", validation_genes=0.02),
        "Expected at least 2 genes to train on and 2 to hold out, found 31 genes, of which "
        "validation_genes=0.02 holds out 1. Raise n_genes, or set validation_genes=0.",
    ),
]

PARAMETERS: list[Case] = [
    (
        "method",
        lambda sc, st: hs.map_cells(sc, st, "tangram"),
        "Expected method to be one of 'come', 'correlation', 'ssa', found 'tangram'. Use one of these.",
    ),
    (
        "method as a list",
        lambda sc, st: hs.map_cells(sc, st, ["ssa"]),
        "Expected method to be one of 'come', 'correlation', 'ssa', found ['ssa']. Use one of these.",
    ),
    (
        "preset as a list",
        lambda sc, st: hs.map_cells(sc, st, preset=["paper"]),
        "Expected preset of method 'ssa' to be one of 'paper', 'genes', found ['paper']. Correct or drop it.",
    ),
    (
        "preset",
        lambda sc, st: hs.map_cells(sc, st, preset="fast"),
        "Expected preset of method 'ssa' to be one of 'paper', 'genes', found 'fast'. Correct or drop it.",
    ),
    (
        "preset where there is none",
        lambda sc, st: hs.map_cells(sc, st, "correlation", preset="paper"),
        "Expected preset of method 'correlation' to be None, as there is none, found 'paper'. Correct"
        " or drop it.",
    ),
    (
        "parameter",
        lambda sc, st: hs.map_cells(sc, st, epsilon=0.1),
        "Expected parameters of method 'ssa' (n_genes, correlation, regularisation, marginals, "
        "relax_cells, relax_spots, tolerance, max_iter), found 'epsilon'. Check the spelling.",
    ),
    (
        "parameter of another method",
        lambda sc, st: hs.map_cells(sc, st, "correlation", marginals="uniform"),
        "Expected parameters of method 'correlation' (n_genes, correlation, regularisation), found "
        "'marginals'. Check the spelling.",
    ),
    (
        "scale",
        lambda sc, st: hs.map_cells(sc, st, sc_scale="raw"),
        "Expected sc_scale to be one of 'auto', 'counts', 'log', found 'raw'. Use one of these.",
    ),
    (
        "dtype",
        lambda sc, st: hs.map_cells(sc, st, dtype="float16"),
        "Expected dtype to be one of 'float32', 'float64', found 'float16'. Use one of these.",
    ),
    (
        "seed",
        lambda sc, st: hs.map_cells(sc, st, seed=-1),
        "Expected seed to be a whole number of at least 0, found -1. Choose such a number.",
    ),
    (
        "seed that is a fraction",
        lambda sc, st: hs.map_cells(sc, st, seed=0.5),
        "Expected seed to be a whole number of at least 0, found 0.5. Choose such a number.",
    ),
    (
        "k_best",
        lambda sc, st: hs.map_cells(sc, st, k_best=0),
        "Expected k_best to be a whole number of at least 1, found 0. Choose such a number.",
    ),
    (
        "k_best that is no number",
        lambda sc, st: hs.map_cells(sc, st, k_best="all"),
        "Expected k_best to be a whole number of at least 1, found 'all'. Choose such a number.",
    ),
    (
        "device",
        lambda sc, st: hs.map_cells(sc, st, device="gpu"),
        "Expected device 'auto', 'cpu', 'cuda' or 'cuda:<index>', found 'gpu'. Use one of these.",
    ),
    (
        "n_genes",
        lambda sc, st: hs.map_cells(sc, st, n_genes=1),
        "Expected n_genes to be a whole number of at least 2, found 1. Choose such a number.",
    ),
    (
        "n_genes True",
        lambda sc, st: hs.map_cells(sc, st, n_genes=True),
        "Expected n_genes to be a whole number of at least 2, found True. Choose such a number.",
    ),
    (
        "correlation",
        lambda sc, st: hs.map_cells(sc, st, correlation="spearman"),
        "Expected correlation to be one of 'signed', 'absolute', found 'spearman'. Use one of these.",
    ),
    (
        "regularisation 0",
        lambda sc, st: hs.map_cells(sc, st, regularisation=0),
        "Expected regularisation to be a number from 1e-06 to 1e+06, found 0. Choose such a number.",
    ),
    (
        "regularisation below what the solver takes",
        lambda sc, st: hs.map_cells(sc, st, regularisation=1e-7),
        "Expected regularisation to be a number from 1e-06 to 1e+06, found 1e-07. Choose such a number.",
    ),
    (
        "regularisation NaN",
        lambda sc, st: hs.map_cells(sc, st, regularisation=np.nan),
        "Expected regularisation to be a number from 1e-06 to 1e+06, found nan. Choose such a number.",
    ),
    (
        "regularisation infinite",
        lambda sc, st: hs.map_cells(sc, st, regularisation=np.inf),
        "Expected regularisation to be a number from 1e-06 to 1e+06, found inf. Choose such a number.",
    ),
    (
        "regularisation as text",
        lambda sc, st: hs.map_cells(sc, st, regularisation="0.1"),
        "Expected regularisation to be a number from 1e-06 to 1e+06, found '0.1'. Choose such a number.",
    ),
    (
        "regularisation of the yardstick",
        lambda sc, st: hs.map_cells(sc, st, "correlation", regularisation=-1),
        "Expected regularisation to be a number from 1e-06 to 1e+06, found -1. Choose such a number.",
    ),
    (
        "marginals",
        lambda sc, st: hs.map_cells(sc, st, marginals="density"),
        "Expected marginals to be one of 'uniform', 'expression', 'expression_all', 'counts', found "
        "'density'. Use one of these.",
    ),
    (
        "marginals given as numbers",
        lambda sc, st: hs.map_cells(sc, st, marginals=np.ones(40)),
        "Expected marginals to be one of 'uniform', 'expression', 'expression_all', 'counts', found a"
        " ndarray. Use one of these.",
    ),
    (
        "relax_cells",
        lambda sc, st: hs.map_cells(sc, st, relax_cells=1.5),
        "Expected relax_cells to be a number from 0 to 1, found 1.5. Choose such a number.",
    ),
    (
        "relax_spots",
        lambda sc, st: hs.map_cells(sc, st, relax_spots=-0.1),
        "Expected relax_spots to be a number from 0 to 1, found -0.1. Choose such a number.",
    ),
    (
        "tolerance",
        lambda sc, st: hs.map_cells(sc, st, tolerance=0),
        "Expected tolerance to be a finite number above 0, found 0. Choose such a number.",
    ),
    (
        "max_iter",
        lambda sc, st: hs.map_cells(sc, st, max_iter=0),
        "Expected max_iter to be a whole number of at least 1, found 0. Choose such a number.",
    ),
    # of come
    (
        "epochs 0",
        lambda sc, st: hs.map_cells(sc, st, "come", epochs=0),
        "Expected epochs to be a whole number of at least 1, found 0. Choose such a number.",
    ),
    (
        "epochs that are a fraction",
        lambda sc, st: hs.map_cells(sc, st, "come", epochs=1.5),
        "Expected epochs to be a whole number of at least 1, found 1.5. Choose such a number.",
    ),
    (
        "hidden",
        lambda sc, st: hs.map_cells(sc, st, "come", hidden=0),
        "Expected hidden to be a whole number of at least 1, found 0. Choose such a number.",
    ),
    (
        "pretrain_batch",
        lambda sc, st: hs.map_cells(sc, st, "come", pretrain_batch=0),
        "Expected pretrain_batch to be a whole number of at least 1, found 0. Choose such a number.",
    ),
    (
        "rate 0",
        lambda sc, st: hs.map_cells(sc, st, "come", rate=0),
        "Expected rate to be a finite number above 0, found 0. Choose such a number.",
    ),
    (
        "map_rate NaN",
        lambda sc, st: hs.map_cells(sc, st, "come", map_rate=np.nan),
        "Expected map_rate to be a finite number above 0, found nan. Choose such a number.",
    ),
    (
        "negative weight",
        lambda sc, st: hs.map_cells(sc, st, "come", weight_contrast=-1),
        "Expected weight_contrast to be a finite number of at least 0, found -1. Choose such a number.",
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
        "Expected a term of the data to count, found all of their weights 0. Raise one of weight_*.",
    ),
    (
        "tau",
        lambda sc, st: hs.map_cells(sc, st, "come", tau=0.001),
        "Expected tau to be a finite number of at least 0.02, found 0.001. Choose such a number.",
    ),
    (
        "start_temperature",
        lambda sc, st: hs.map_cells(sc, st, "come", start_temperature=0),
        "Expected start_temperature to be a finite number of at least 0.01, found 0. Choose such a number.",
    ),
    (
        "start",
        lambda sc, st: hs.map_cells(sc, st, "come", start="random"),
        "Expected start to be one of 'correlation', 'ssa', 'uniform', found 'random'. Use one of these.",
    ),
    (
        "summed",
        lambda sc, st: hs.map_cells(sc, st, "come", summed="median"),
        "Expected summed to be one of 'mean', 'sum', 'coefficients', found 'median'. Use one of these.",
    ),
    (
        "map_optimiser",
        lambda sc, st: hs.map_cells(sc, st, "come", map_optimiser="sgd"),
        "Expected map_optimiser to be one of 'mirror', 'adam', found 'sgd'. Use one of these.",
    ),
    (
        "technology",
        lambda sc, st: hs.map_cells(sc, st, "come", technology="visium"),
        "Expected technology to be one of 'auto', 'imaging', 'sequencing', found 'visium'. Use one of these.",
    ),
    (
        "validation_genes",
        lambda sc, st: hs.map_cells(sc, st, "come", validation_genes=0.9),
        "Expected validation_genes to be a number from 0 to 0.5, found 0.9. Choose such a number.",
    ),
    (
        "mirror descent on coefficients",
        lambda sc, st: hs.map_cells(sc, st, "come", summed="coefficients", map_optimiser="mirror"),
        "Expected map_optimiser to be 'adam' where summed is 'coefficients' or weight_shrinkage is "
        "above 0, found 'mirror'. Use map_optimiser='adam'.",
    ),
    (
        "mirror descent with shrinkage",
        lambda sc, st: hs.map_cells(sc, st, "come", weight_shrinkage=0.1, map_optimiser="mirror"),
        "Expected map_optimiser to be 'adam' where summed is 'coefficients' or weight_shrinkage is "
        "above 0, found 'mirror'. Use map_optimiser='adam'.",
    ),
    (
        "labels of two cells",
        lambda sc, st: hs.map_cells(sc, st, "come", labels=["a", "b"]),
        "Expected labels of the data's 40 cells, found 2 value(s). Pass one a cell in the data's order, "
        "a Series with their names, or a column's name.",
    ),
    (
        "labels of no name",
        lambda sc, st: hs.map_cells(sc, st, "come", labels=""),
        "Expected labels to be a name, found ''. Name one, or leave it out.",
    ),
    (
        "checkpoint as a switch",
        lambda sc, st: hs.map_cells(sc, st, "come", checkpoint=True),
        "Expected checkpoint to be a name, found True. Name one, or leave it out.",
    ),
    (
        "labels for a method without",
        lambda sc, st: hs.map_cells(sc, st, labels="type"),
        "Expected parameters of method 'ssa' (n_genes, correlation, regularisation, marginals, "
        "relax_cells, relax_spots, tolerance, max_iter), found 'labels'. Check the spelling.",
    ),
]

MAPPINGS: list[Case] = [
    (
        "place with no mapping",
        lambda sc, _st: hs.place_cells(sc, sc),
        "Expected a mapping, with uns['homespot'] and obs['homespot_left_over'], found an AnnData of "
        "40 x 35 without them. Pass what map_cells() or load() returned.",
    ),
    (
        "place an array",
        lambda sc, _st: hs.place_cells(np.ones((3, 3)), sc),
        "Expected an AnnData as mapping, found a ndarray. Pass what map_cells() or load() returned.",
    ),
    (
        "place a mapping that was changed",
        lambda sc, st: hs.place_cells(spoilt(mapped(sc, st)), sc),
        "Expected every row sum and its homespot_left_over, which is never negative, to add up to 1, "
        "found 1 cell(s) where they do not, e.g. 'c0' with 1.5. To take some spots of a mapping use "
        "subset(), which keeps the account.",
    ),
    (
        "place without coordinates",
        lambda sc, st: hs.place_cells(mapped(sc, without_places(st)), sc),
        "Expected a mapping whose spots have coordinates, found one made without. Map again with "
        'coordinates in st.obsm["spatial"], or set mapping.varm["spatial"].',
    ),
    (
        "place at lost coordinates",
        lambda sc, st: hs.place_cells(lost(mapped(sc, st)), sc),
        "Expected finite coordinates of every spot, found 1 spot(s) with missing or infinite ones. "
        "Drop these spots first, or map without coordinates.",
    ),
    (
        "positions at infinity",
        lambda _sc, _st: positions(np.eye(2), np.array([[0, 1], [np.inf, 2]])),
        "Expected finite coordinates of every spot, found 1 spot(s) with missing or infinite ones. "
        "Drop these spots first, or map without coordinates.",
    ),
    (
        "place other cells",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc[:5].copy()),
        "Expected the single-cell data that was mapped, found data without 35 of its cells ('c5', "
        "'c6', 'c7', ...). Pass that one, or take the part of the mapping with subset().",
    ),
    (
        "place no AnnData",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc.obs),
        "Expected an AnnData as sc, found a DataFrame. Build one with anndata.AnnData(X, obs, var).",
    ),
    (
        "place cells named twice",
        lambda sc, st: hs.place_cells(mapped(sc, st), named(sc, rows=lambda c: c[:2])),
        "Expected unique names of cells, found 'c1', 'c2', 'c3' more than once. Rename or drop the others.",
    ),
    (
        "place cells with nothing left",
        lambda sc, st: hs.place_cells(part(mapped(sc, st)), sc),
        "Expected every cell to have some probability, found 5 cell(s) without any on the spots of "
        "this mapping. Drop these cells with subset() first.",
    ),
    (
        "position",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc, position="centre"),
        "Expected position to be one of 'median', 'mean', 'k_best', 'argmax', found 'centre'. Use one"
        " of these.",
    ),
    (
        "k",
        lambda sc, st: hs.place_cells(mapped(sc, st), sc, position="k_best", k=0),
        "Expected k to be a whole number of at least 1, found 0. Choose such a number.",
    ),
    (
        "add to other data",
        lambda sc, st: hs.add_mapping(sc[:5].copy(), mapped(sc, st)),
        "Expected data with all 40 mapped cells ('c0', 'c1', 'c2', ...) or all 25 spots ('s0', 's1', "
        "'s2', ...), found 5 of the cells and 0 of the spots. Pass the data that was mapped, or take "
        "the part of the mapping with subset().",
    ),
    (
        "add to data with both names",
        lambda sc, st: hs.add_mapping(ad.concat([sc, st]), mapped(sc, st)),
        "Expected data with all 40 mapped cells ('c0', 'c1', 'c2', ...) or all 25 spots ('s0', 's1', "
        "'s2', ...), found the names of both. Name cells and spots differently.",
    ),
    (
        "add to a table",
        lambda sc, st: hs.add_mapping(sc.obs, mapped(sc, st)),
        "Expected an AnnData as adata, found a DataFrame. Build one with anndata.AnnData(X, obs, var).",
    ),
    (
        "add no mapping",
        lambda sc, st: hs.add_mapping(sc, st),
        "Expected a mapping, with uns['homespot'] and obs['homespot_left_over'], found an AnnData of "
        "25 x 35 without them. Pass what map_cells() or load() returned.",
    ),
    (
        "subset to unknown spots",
        lambda sc, st: hs.subset(mapped(sc, st), spots=["s1", "x", "y"]),
        "Expected names of spots of the mapping, found 'x', 'y'. Check the names.",
    ),
    (
        "subset to a spot twice",
        lambda sc, st: hs.subset(mapped(sc, st), spots=["s1", "s1"]),
        "Expected unique names of spots, found 's1' more than once. Rename or drop the others.",
    ),
    (
        "subset to one string",
        lambda sc, st: hs.subset(mapped(sc, st), cells="c1"),
        "Expected a list of names of cells, found 'c1'. Pass ['c1'].",
    ),
    (
        "renormalise nothing",
        lambda sc, st: hs.renormalise(part(mapped(sc, st))),
        "Expected every cell to have some probability on the spots kept, found 5 cell(s) without "
        "('c20', 'c21', 'c22', ...). Drop these cells with subset() first.",
    ),
    (
        "combine nothing",
        lambda _sc, _st: hs.combine_cells([]),
        "Expected at least one mapping, found none. Pass a list of mappings.",
    ),
    (
        "combine no sections",
        lambda _sc, _st: hs.combine_sections([]),
        "Expected at least one mapping, found none. Pass a list of mappings.",
    ),
    (
        "combine the same cells",
        lambda sc, st: hs.combine_cells([mapped(sc, st)] * 2),
        "Expected unique names of cells, found 'c0', 'c1', 'c2', ... more than once. Rename or drop "
        "the others.",
    ),
    (
        "combine cells on other spots",
        lambda sc, st: hs.combine_cells([m := mapped(sc, st), hs.subset(m, spots=["s9"])]),
        "Expected mappings onto the same spots in the same order, found 's0', 's1', 's2', ... and "
        "'s9'. Use combine_sections() for the same cells on several sections.",
    ),
    (
        "combine cells on spots that have moved",
        lambda sc, st: hs.combine_cells([m := mapped(sc, st), named_cells(lost(m.copy(), 7.0))]),
        "Expected the same spots in all mappings, found spots of the same names with other "
        "coordinates. Combine mappings onto one spatial data set.",
    ),
    (
        "combine sections with and without coordinates",
        lambda sc, st: hs.combine_sections(
            [mapped(sc, st), mapped(sc, without_places(named(st, rows=lambda s: f"t{s}")))]
        ),
        "Expected sections that all have coordinates of the same dimensions, or none, found sections "
        "with no and 2 dimensions. Map all sections with coordinates alike.",
    ),
    (
        "combine the same section",
        lambda sc, st: hs.combine_sections([mapped(sc, st)] * 2),
        "Expected unique names of spots, found 's0', 's1', 's2', ... more than once. Rename or drop "
        "the others.",
    ),
    (
        "combine sections of other cells",
        lambda sc, st: hs.combine_sections([m := mapped(sc, st), m[::-1].copy()]),
        "Expected mappings of the same cells in the same order, found 'c0', 'c1', 'c2', ... and "
        "'c39', 'c38', 'c37', .... Use combine_cells() for other cells on the same spots.",
    ),
    (
        "weights of sections",
        lambda sc, st: hs.combine_sections([mapped(sc, st)] * 2, [1, 0]),
        "Expected 2 positive weights, one a section, found [1, 0]. Give one for each mapping.",
    ),
    (
        "number of weights",
        lambda sc, st: hs.combine_sections([mapped(sc, st)] * 2, [1.0]),
        "Expected 2 positive weights, one a section, found [1.0]. Give one for each mapping.",
    ),
    # files
    (
        "save as a table",
        lambda sc, st: hs.save(mapped(sc, st), "map.csv"),
        "Expected a path that ends in .h5ad, found 'map.csv'. Rename it.",
    ),
    (
        "save where there is no folder",
        lambda sc, st: hs.save(mapped(sc, st), "no/map.h5ad"),
        "Expected a path in a folder that exists, found 'no/map.h5ad'. Make the folder first.",
    ),
    (
        "save data that is no mapping",
        lambda sc, _st: hs.save(sc, "map.h5ad"),
        "Expected a mapping, with uns['homespot'] and obs['homespot_left_over'], found an AnnData of "
        "40 x 35 without them. Pass what map_cells() or load() returned.",
    ),
    (
        "save lost coordinates",
        lambda sc, st: hs.save(lost(mapped(sc, st), np.inf), "map.h5ad"),
        "Expected finite coordinates of every spot, found 1 spot(s) with missing or infinite ones. "
        "Drop these spots first, or map without coordinates.",
    ),
    (
        "load nothing",
        lambda _sc, _st: hs.load("no.h5ad"),
        "Expected an .h5ad file, found no file at 'no.h5ad'. Check the path.",
    ),
]

SCORES: list[Case] = [
    (
        "simulate a table",
        lambda _sc, st: hs.simulate_spots(st.obs),
        "Expected an AnnData as cells, found a DataFrame. Build one with anndata.AnnData(X, obs, var).",
    ),
    (
        "simulate without places",
        lambda sc, _st: hs.simulate_spots(sc),
        'Expected coordinates of the cells in obsm["spatial"], found none. Put them there first.',
    ),
    (
        "simulate with missing places",
        lambda _sc, st: hs.simulate_spots(holed(st), cells_per_spot=2),
        "Expected finite coordinates of every cell, found 2 cell(s) with missing or infinite ones. "
        "Drop these cells first.",
    ),
    (
        "simulate in one dimension",
        lambda _sc, st: hs.simulate_spots(placed_at(st, np.ones((25, 1))), cells_per_spot=2),
        "Expected coordinates of 25 cells x 2 or 3 dimensions, found 25 x 1. One row a cell, one "
        "column a dimension.",
    ),
    (
        "simulate with text as places",
        lambda _sc, st: hs.simulate_spots(placed_at(st, np.full((25, 2), "left")), cells_per_spot=2),
        "Expected numbers as coordinates, found values of type <U4. Convert them to numbers.",
    ),
    (
        "cells_per_spot 0",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=0),
        "Expected cells_per_spot to be a number from 1 to 12.5, found 0. Choose such a number.",
    ),
    (
        "cells_per_spot too large",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=20),
        "Expected cells_per_spot to be a number from 1 to 12.5, found 20. Choose such a number.",
    ),
    (
        "a part that is not there",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, part=10),
        "Expected part to be a number from 0 to 9, found 10. Choose such a number.",
    ),
    (
        "leave out of one part",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, n_parts=1),
        "Expected n_parts of at least 2 where the mapped cells are left out, found 1. Raise it, or "
        "set leave_out=False.",
    ),
    (
        "simulate from no layer",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, layer="raw"),
        "Expected a layer 'raw' in cells, found no layers. Name one that is there as layer, or leave it out "
        "to use X.",
    ),
    (
        "more parts than cells",
        lambda _sc, st: hs.simulate_spots(st, cells_per_spot=2, n_parts=26, part=25),
        "Expected n_parts to be a number from 1 to 25, found 26. Choose such a number.",
    ),
    (
        "distances of other shapes",
        lambda _sc, _st: metrics.distances(np.ones((3, 2)), np.ones((4, 2))),
        "Expected true and found positions as two tables of one shape, not empty, found (3, 2) and "
        "(4, 2). Pass the same rows of both.",
    ),
    (
        "distances of nothing",
        lambda _sc, _st: metrics.distances(np.ones((0, 2)), np.ones((0, 2))),
        "Expected true and found positions as two tables of one shape, not empty, found (0, 2) and "
        "(0, 2). Pass the same rows of both.",
    ),
    (
        "distances with NaN",
        lambda _sc, _st: metrics.distances(np.ones((3, 2)), np.full((3, 2), np.nan)),
        "Expected finite positions, found NaN or infinite ones. Drop these rows first.",
    ),
    (
        "labels of another length",
        lambda _sc, _st: metrics.kde_divergence(*np.ones((2, 5, 2)), ["a"] * 4),
        "Expected one label for each of the 5 cells, found 4. Pass as many labels as cells.",
    ),
    (
        "densities in 3 dimensions",
        lambda _sc, _st: metrics.kde_divergence(*np.ones((2, 5, 3)), ["a"] * 5),
        "Expected positions in 2 dimensions, found 3. Pass x and y only.",
    ),
    (
        "names of other genes",
        lambda _sc, _st: metrics.gene_scores(*np.ones((2, 5, 3)), ["a", "b"]),
        "Expected 3 gene names, found 2 ('a', 'b'). Name every column.",
    ),
]


# --- the tests ------------------------------------------------------------------------------------


def refusal(case: Case, pair: tuple[ad.AnnData, ad.AnnData]) -> str:
    with pytest.raises(InputError) as caught:
        case[1](*pair)
    return str(caught.value)


def cases(*groups: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c[0]) for group in groups for c in group])


@cases(MAPPINGS, SCORES)
def test_the_message(pair, case: Case, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(case, pair) == case[2]
    assert list(tmp_path.iterdir()) == []


@cases(DATA)
def test_bad_data_is_refused_before_the_correlation_is_computed(pair, case: Case, monkeypatch) -> None:
    monkeypatch.setattr("homespot.expression.selection.log_normalised", None)
    assert refusal(case, pair) == case[2]


@cases(PARAMETERS)
def test_bad_parameters_are_refused_before_the_data_is_looked_at(pair, case: Case, monkeypatch) -> None:
    monkeypatch.setattr("homespot.verbs.map_cells.Expression", None)
    assert refusal(case, pair) == case[2]


@pytest.mark.parametrize("method", ["ssa", "come"])
@pytest.mark.parametrize("progress", ["loud", 1])
def test_progress_of_no_known_kind(pair, method: str, progress: Any) -> None:
    with pytest.raises(InputError) as caught:
        hs.map_cells(*pair, method, progress=progress)
    assert str(caught.value) == (
        f"Expected progress to be True, False, None, 'log' or a function, found {progress!r}. "
        "Use one of these."
    )


def test_a_device_that_is_not_there(pair, monkeypatch) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr("homespot.verbs.map_cells.Expression", None)
    with pytest.raises(DeviceError) as caught:
        hs.map_cells(*pair, device="cuda:99")
    assert str(caught.value) == (
        f"Expected device 'cuda:99', found {torch.cuda.device_count()} CUDA device(s) that torch "
        f"{torch.__version__} can use. "
        "Use device='cpu', or install a CUDA build of torch and the NVIDIA driver."
    )


def test_ids_are_unique() -> None:
    ids = [case[0] for group in (DATA, PARAMETERS, MAPPINGS, SCORES) for case in group]
    assert len(ids) == len(set(ids))
