"""Data sets at random: what holds for the map of any of them, and for what is read from it."""

from __future__ import annotations

import warnings
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

import homespot as hs
from homespot.errors import InputError

EXACT = {"dtype": "float64", "tolerance": 1e-11, "max_iter": 5000, "progress": False}


@st.composite
def counts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Counts of a few cells and spots over the same genes: small or large, with zeros and equal rows."""
    cells, spots, genes = draw(st.integers(2, 9)), draw(st.integers(2, 7)), draw(st.integers(2, 8))
    most = draw(st.sampled_from([1, 3, 50, 10**6]))
    values = st.integers(0, most)
    return tuple(draw(arrays.arrays(np.int64, (n, genes), elements=values)) for n in (cells, spots))


def table(x: np.ndarray, row: str, seed: int = 0) -> ad.AnnData:
    places = np.random.default_rng(seed).uniform(0, 10, (len(x), 2))
    genes = pd.DataFrame(index=[f"g{i}" for i in range(x.shape[1])])
    labels = pd.DataFrame({"type": np.arange(len(x)) % 2}, index=[f"{row}{i}" for i in range(len(x))])
    return ad.AnnData(x.astype(np.float64), labels, genes, obsm={"spatial": places})


def mapped(sc: ad.AnnData, spots: ad.AnnData, method: str, **options: Any) -> ad.AnnData:
    run = EXACT if method == "ssa" else {"dtype": "float64", "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hs.map_cells(sc, spots, method, **{**run, **options})


def other_order(
    sc: ad.AnnData, spots: ad.AnnData, rng: np.random.Generator
) -> dict[str, tuple[ad.AnnData, ad.AnnData]]:
    """The same data in other words."""
    genes = rng.permutation(sc.n_vars)
    times = sc.copy()
    times.X = times.X * 8
    return {
        "cells in another order": (sc[rng.permutation(sc.n_obs)].copy(), spots),
        "spots in another order": (sc, spots[rng.permutation(spots.n_obs)].copy()),
        "genes in another order": (sc[:, genes].copy(), spots[:, rng.permutation(sc.n_vars)].copy()),
        "counts eightfold": (times, spots),
    }


def check(x_sc: np.ndarray, x_st: np.ndarray, method: str, seed: int) -> None:
    sc, spots = table(x_sc, "c"), table(x_st, "s", 1)
    try:
        found = mapped(sc, spots, method)
    except InputError:  # too little is left that has any expression
        return
    P = found.to_df()
    assert ((P >= 0) & (P <= 1 + 1e-12)).all(axis=None)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    assert mapped(sc, spots, method).X.tobytes() == found.X.tobytes()
    stored = sc.copy()
    stored.X = sparse.csc_matrix(sc.X)
    assert mapped(stored, spots, method).X.tobytes() == found.X.tobytes()
    single = mapped(sc, spots, method, dtype="float32")
    np.testing.assert_allclose(single.X.sum(axis=1, dtype=np.float64), 1, rtol=1e-6)
    if found.uns["homespot"]["solver"]["converged"]:
        for change, pair in other_order(sc, spots, np.random.default_rng(seed)).items():
            again = mapped(*pair, method).to_df().loc[P.index, P.columns]
            np.testing.assert_allclose(again, P, atol=1e-6, err_msg=change)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = hs.cell_positions(found)[["homespot_x", "homespot_y"]].to_numpy()
        where = found.varm["spatial"]
        assert (places >= where.min(axis=0) - 1e-9).all()
        assert (places <= where.max(axis=0) + 1e-9).all()
        types = hs.deconvolve_spots(found, "type", read_out="sum")
        genes = hs.impute_genes(found, sc, read_out="sum")
    np.testing.assert_allclose(np.nansum(types.X, axis=1), np.where(np.isnan(types.X).all(axis=1), 0, 1))
    assert np.isfinite(genes.X).all()


@settings(max_examples=10)
@given(data=counts(), method=st.sampled_from(["ssa", "correlation"]), seed=st.integers(0, 99))
def test_some(data: tuple[np.ndarray, np.ndarray], method: str, seed: int) -> None:
    check(*data, method, seed)


@pytest.mark.slow
@settings(max_examples=400)
@given(data=counts(), method=st.sampled_from(["ssa", "correlation"]), seed=st.integers(0, 99))
def test_many(data: tuple[np.ndarray, np.ndarray], method: str, seed: int) -> None:
    check(*data, method, seed)
