"""A map that says nothing of where a cell sits is told by one warning, whatever made it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import anndata as ad
import numpy as np
import pytest

from homespot import map_cells
from homespot.errors import ConvergenceWarning

METHODS = {
    "ssa": {},
    "correlation": {},
    "come": {"hidden": 8, "latent": 4, "pretrain_epochs": 2, "epochs": 2},
}
methods = pytest.mark.parametrize("method", METHODS)

SAYS_NOTHING = "The map says next to nothing of where a cell sits: "


def alike(adata: ad.AnnData) -> ad.AnnData:
    other = adata.copy()
    other.X = np.tile(adata.X[:1].toarray() + np.arange(adata.n_vars), (adata.n_obs, 1))
    return other


CASES: dict[str, Callable[[ad.AnnData, ad.AnnData], tuple[ad.AnnData, ad.AnnData]]] = {
    "all spots alike": lambda sc, st: (sc, alike(st)),
    "all cells alike": lambda sc, st: (alike(sc), st),
    "all alike": lambda sc, st: (alike(sc), alike(st)),
}


@methods
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("options", [{}, {"k_best": 5}, {"dtype": "float64"}], ids=str)
def test_data_that_tells_nothing_apart(pair: Any, method: str, case: str, options: Any) -> None:
    with pytest.warns(ConvergenceWarning, match=SAYS_NOTHING) as caught:
        map_cells(*CASES[case](*pair), method, progress=False, **METHODS[method], **options)
    assert len(caught) == 1


@methods
def test_a_map_that_says_something(pair: Any, method: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        map_cells(*pair, method, progress=False, **METHODS[method])


def test_the_warning_gives_the_number(pair: Any, told: Callable[..., None]) -> None:
    with pytest.warns(ConvergenceWarning) as caught:
        map_cells(*pair, gene_weights="equal", regularisation=1000.0)
    told(caught[0].message, "1.0000 log N regularisation")
    sc, st = CASES["all cells alike"](*pair)
    st.X = st.X.multiply(10.0 ** (np.arange(st.n_obs) % 4)[:, None]).tocsr()
    with pytest.warns(ConvergenceWarning) as caught:
        map_cells(sc, st, marginals="counts", relax_spots=0)
    told(caught[0].message, "same row")
