"""The yardstick: a row softmax of np.corrcoef."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from homespot import map_cells


def log_z(adata, genes: list[str]) -> np.ndarray:
    x = adata.X.toarray().astype(np.float64)
    logs = np.log1p(1e4 * x / x.sum(axis=1, keepdims=True))[:, adata.var_names.get_indexer(genes)]
    return (logs - logs.mean(axis=0)) / logs.std(axis=0)


def rho(sc, st) -> np.ndarray:
    genes = [g for g in st.var_names if g in set(sc.var_names)]
    a, b = log_z(sc, genes), log_z(st, genes)
    return np.corrcoef(a, b)[: len(a), len(a) :]


@pytest.mark.filterwarnings("ignore:The map says next to nothing")  # at 1.0, as it is
@pytest.mark.parametrize("regularisation", [1e-3, 0.02, 1.0])
def test_home_is_the_spot_of_highest_correlation(pair, regularisation: float) -> None:
    settings = {"gene_weights": "equal", "regularisation": regularisation}
    found = map_cells(*pair, "correlation", dtype="float64", **settings)
    np.testing.assert_array_equal(found.X.argmax(axis=1), rho(*pair).argmax(axis=1))


@pytest.mark.parametrize("correlation", ["signed", "absolute"])
def test_is_the_softmax_of_the_correlation(pair, correlation: str) -> None:
    cost = 1 - (np.abs(rho(*pair)) if correlation == "absolute" else rho(*pair))
    settings = {"gene_weights": "equal", "correlation": correlation, "regularisation": 0.1}
    found = map_cells(*pair, "correlation", dtype="float64", **settings)
    np.testing.assert_allclose(found.X, softmax(-cost / (0.1 * cost.max()), axis=1), atol=1e-12)


def test_every_cell_is_mapped_by_itself_up_to_the_scale_of_genes_and_cost(pair) -> None:
    """Its record says so: one step, converged."""
    solver = map_cells(*pair, "correlation").uns["homespot"]["solver"]
    assert solver["iterations"] == 1
    assert solver["converged"] is True
