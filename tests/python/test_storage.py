"""How the numbers are stored changes no byte of a result: dense or sparse, by rows or columns, on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.matrix.sums import column_sums, row_sums, squares_about, weighted_sums


def _explicit_zeros(x: np.ndarray) -> sparse.csr_matrix:
    """Entries in reverse order, some of them zeros."""
    stored = np.where(x == 0, -1, x)
    stored[::2] = x[::2]
    found = sparse.csr_matrix(stored)
    found.data[found.data == -1] = 0
    for i in range(found.shape[0]):
        of_row = slice(*found.indptr[i : i + 2])
        found.indices[of_row], found.data[of_row] = found.indices[of_row][::-1], found.data[of_row][::-1]
    return sparse.csr_matrix((found.data, found.indices, found.indptr), shape=x.shape)


STORED: dict[str, Callable[[np.ndarray], Any]] = {
    "dense": np.ascontiguousarray,
    "dense by columns": np.asfortranarray,
    "CSR": sparse.csr_matrix,
    "CSR with zeros, in no order": _explicit_zeros,
    "CSC": sparse.csc_matrix,
    "CSR array": sparse.csr_array,
}


def with_x(adata: ad.AnnData, stored: str, folder: Path) -> ad.AnnData:
    """Return the object with X stored in another way."""
    x = adata.X.toarray() if sparse.issparse(adata.X) else np.asarray(adata.X)
    other = ad.AnnData(
        STORED[stored.removesuffix(", on disk")](x),
        obs=adata.obs,
        var=adata.var,
        obsm=dict(adata.obsm),
        varm=dict(adata.varm),
        uns=adata.uns,
    )
    if not stored.endswith(", on disk"):
        return other
    path = folder / f"{stored} {len(list(folder.iterdir()))}.h5ad"
    other.write_h5ad(path)
    return ad.read_h5ad(path, backed="r")


WAYS = [*STORED, "dense, on disk", "CSR, on disk", "CSC, on disk"]


def digest(found: Any) -> str:
    """Digest of all numbers of a result."""
    content = hashlib.sha256()

    def add(x: Any) -> None:
        if isinstance(x, ad.AnnData):
            for part in (x.X, x.obs, x.var, *(x.obsm[name] for name in sorted(x.obsm))):
                add(part)
        elif isinstance(x, pd.DataFrame):
            for column in x:
                add(x[column].to_numpy())
        elif isinstance(x, (tuple, list)):
            for part in x:
                add(part)
        elif x is not None:
            array = x.toarray() if sparse.issparse(x) else np.asarray(x)
            texts = array.dtype.kind not in "fiub"
            content.update(repr(array.astype(str).tolist()).encode() if texts else array.tobytes())

    add(found)
    return content.hexdigest()


@pytest.fixture(scope="module")
def real(make_pair: Callable[..., Any]) -> tuple[ad.AnnData, ad.AnnData]:
    """Values whose sums depend on their order."""
    sc, st = make_pair(n_cells=70, n_spots=45, n_genes=60)
    rng = np.random.default_rng(5)
    for adata in (sc, st):
        x = adata.X.toarray().astype(np.float64)
        adata.X = x * rng.lognormal(0, 1, x.shape) * (rng.random(x.shape) < 0.7)
        adata.X[:, 0] += 1e-3
    return sc, st


FROM_TABLES: dict[str, Callable[..., Any]] = {
    "SSA": lambda sc, st: hs.map_cells(sc, st, dtype="float64"),
    "SSA of few genes": lambda sc, st: hs.map_cells(sc, st, dtype="float64", n_genes=20),
    "all marginals": lambda sc, st: [
        hs.map_cells(sc, st, dtype="float64", marginals=name) for name in ("counts", "expression_all")
    ],
    "float32": lambda sc, st: hs.map_cells(sc, st, n_genes=20),
    "logarithms": lambda sc, st: hs.map_cells(sc, st, dtype="float64", sc_scale="log", st_scale="log"),
    "genes": lambda sc, st: hs.impute_genes(hs.map_cells(sc, st, "correlation"), sc, list(sc.var_names[:9])),
    "folds": lambda sc, st: hs.cross_validate(sc, st, folds=2, progress=False).drop(columns="seconds"),
}


@pytest.mark.parametrize("name", FROM_TABLES)
def test_tables(name: str, real: tuple[ad.AnnData, ad.AnnData], tmp_path: Path) -> None:
    wanted = digest(FROM_TABLES[name](*real))
    for way in WAYS:
        found = digest(FROM_TABLES[name](*(with_x(adata, way, tmp_path) for adata in real)))
        assert found == wanted, way


def _labels(mapping: ad.AnnData) -> list[str]:
    return [f"l{i % 3}" for i in range(mapping.n_vars)]


FROM_MAP: dict[str, Callable[..., Any]] = {
    "places": lambda m, sc: [
        hs.place_cells(m, sc, position=position) for position in ("median", "mean", "k_best", "argmax")
    ],
    "positions": lambda m, sc: hs.cell_positions(m),  # noqa: ARG005
    "cells with the map": lambda m, sc: hs.add_mapping(sc, m).obs,
    "modes": lambda m, sc: hs.cell_modes(m),  # noqa: ARG005
    "types": lambda m, sc: [hs.deconvolve_spots(m, "type", read_out=way) for way in ("sum", "square")],  # noqa: ARG005
    "genes": lambda m, sc: [
        hs.impute_genes(m, sc, list(sc.var_names[:9]), read_out=way) for way in ("sum", "mean")
    ],
    "neighbours": lambda m, sc: hs.colocate_types(m, "type"),  # noqa: ARG005
    "distances of types": lambda m, sc: hs.type_distances(m, "type"),  # noqa: ARG005
    "distances of cells": lambda m, sc: hs.cell_distances(m, ["c1", "c5", "c8"]),  # noqa: ARG005
    "assigned": lambda m, sc: hs.assign_cells(m, 5),  # noqa: ARG005
    "annotated": lambda m, sc: hs.annotate_cells(m, _labels(m)),  # noqa: ARG005
    "divided anew": lambda m, sc: hs.renormalise(hs.subset(m, spots=list(m.var_names[::2]))).X,  # noqa: ARG005
    "part": lambda m, sc: hs.subset(m, spots=list(m.var_names[::2])).obs,  # noqa: ARG005
}


@pytest.mark.parametrize("name", FROM_MAP)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_maps(name: str, dtype: Any, real: tuple[ad.AnnData, ad.AnnData], tmp_path: Path) -> None:
    """P with zeros: it is made of the largest entries of every row, and stored with the zeros or without."""
    sc, st = real
    mapping = hs.map_cells(sc, st, dtype=dtype, regularisation=0.2)
    few = hs.map_cells(sc, st, dtype=dtype, regularisation=0.2, k_best=25)
    for each in (mapping, few):
        wanted = digest(FROM_MAP[name](with_x(each, "dense", tmp_path), sc))
        for way in WAYS[1:]:
            assert digest(FROM_MAP[name](with_x(each, way, tmp_path), sc)) == wanted, way


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16"])
def test_sums_add_one_value_after_the_other(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = (rng.lognormal(0, 4, (37, 53)) * (rng.random((37, 53)) < 0.5)).clip(0, 6e4).astype(dtype)
    weights = rng.lognormal(0, 2, 53)
    # Python's own sum() compensates its errors from 3.12 on.
    columns = [column.cumsum()[-1] for column in x.astype(np.float64).T]
    rows = [row.cumsum()[-1] for row in x.astype(np.float64)]
    weighted = [(row * weights).cumsum()[-1] for row in x.astype(np.float64)]
    mean = np.asarray(columns) / 37
    for way, stored in STORED.items():
        made = stored(x.astype(np.float32) if dtype == "float16" else x)
        np.testing.assert_array_equal(row_sums(made), rows, err_msg=way)
        np.testing.assert_array_equal(column_sums(made), columns, err_msg=way)
        if not sparse.issparse(made):
            np.testing.assert_array_equal(weighted_sums(made, weights), weighted, err_msg=way)
            exact = np.square(x.astype(np.float64) - mean).sum(axis=0)
            np.testing.assert_allclose(squares_about(made, mean), exact, rtol=1e-10, err_msg=way)
