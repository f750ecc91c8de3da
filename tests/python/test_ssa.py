"""SSA against the same mathematics written down once more in NumPy float64, with POT as the solver."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import softmax

import homespot as hs
from homespot.errors import DataWarning, InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ot

KEPT = {"relax_cells": 0.0, "relax_spots": 0.0}


def map_cells(*data, **settings):
    """Map with genes that count alike."""
    return hs.map_cells(*data, **({"gene_weights": "equal"} | settings))


def log_table(adata) -> np.ndarray:
    x = adata.X.toarray().astype(np.float64)
    return np.log1p(1e4 * x / x.sum(axis=1, keepdims=True))


def by_hand(sc, st, n_genes: int = 5000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlation (cells x spots), and both log tables over the genes used."""
    logs = log_table(sc)
    variable = set(sc.var_names[np.argsort(-logs.var(axis=0))[:n_genes]])
    genes = [g for g in st.var_names if g in variable]
    a = logs[:, sc.var_names.get_indexer(genes)]
    b = log_table(st)[:, st.var_names.get_indexer(genes)]

    def z(x: np.ndarray) -> np.ndarray:
        deviation = x.std(axis=0)
        return (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)

    return np.corrcoef(z(a), z(b))[: len(a), len(a) :], a, b


def masses(sc, st, a: np.ndarray, b: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    weights = {
        "uniform": (np.ones(len(a)), np.ones(len(b))),
        "expression": (a.sum(axis=1), b.sum(axis=1)),
        "expression_all": (log_table(sc).sum(axis=1), log_table(st).sum(axis=1)),
        "counts": tuple(x.X.toarray().sum(axis=1, dtype=np.float64) for x in (sc, st)),
    }[kind]
    return weights[0] / weights[0].sum(), weights[1] / weights[1].sum()


def pot(cost: np.ndarray, p: np.ndarray, q: np.ndarray, regularisation: float) -> np.ndarray:
    plan = ot.sinkhorn(
        p, q, cost / cost.max(), regularisation, method="sinkhorn_log", stopThr=1e-13, numItermax=20_000
    )
    return plan / plan.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("marginals", ["uniform", "expression", "expression_all", "counts"])
@pytest.mark.parametrize("correlation", ["signed", "absolute"])
def test_agrees_with_pot(pair, marginals: str, correlation: str) -> None:
    rho, a, b = by_hand(*pair)
    cost = 1 - (np.abs(rho) if correlation == "absolute" else rho)
    expected = pot(cost, *masses(*pair, a, b, marginals), 0.05)
    settings = {"marginals": marginals, "correlation": correlation, "regularisation": 0.05, **KEPT}
    exact = map_cells(*pair, dtype="float64", tolerance=1e-12, max_iter=20_000, **settings)
    np.testing.assert_allclose(exact.X, expected, atol=1e-9)
    single = map_cells(*pair, tolerance=1e-6, max_iter=20_000, **settings)
    assert single.X.dtype == np.float32
    np.testing.assert_allclose(single.X, expected, atol=1e-4)


def test_preset_paper_is_that_of_the_paper(pair) -> None:
    rho, a, b = by_hand(*pair)
    expected = pot(1 - np.abs(rho), *masses(*pair, a, b, "expression"), 0.05)
    found = map_cells(*pair, preset="paper", dtype="float64", tolerance=1e-12, max_iter=20_000)
    np.testing.assert_allclose(found.X, expected, atol=1e-9)
    record = found.uns["homespot"]
    assert record["preset"] == "paper"
    assert record["parameters"]["correlation"] == "absolute"


@pytest.mark.parametrize("n_genes", [9, 14, 25])
def test_genes_are_the_shared_among_the_most_variable_of_the_cells(pair, n_genes: int) -> None:
    rho, a, b = by_hand(*pair, n_genes)
    expected = pot(1 - rho, *masses(*pair, a, b, "expression"), 0.1)
    settings = {
        "marginals": "expression",
        "regularisation": 0.1,
        "tolerance": 1e-12,
        "max_iter": 20_000,
        **KEPT,
    }
    found = map_cells(*pair, n_genes=n_genes, dtype="float64", **settings)
    np.testing.assert_allclose(found.X, expected, atol=1e-9)
    genes = list(found.uns["homespot"]["genes"])
    assert len(genes) == a.shape[1] <= n_genes
    assert genes == [g for g in pair[1].var_names if g in genes]


@pytest.mark.parametrize("regularisation", [0.01, 0.05, 0.5])
def test_ignoring_the_spots_mass_is_a_softmax(pair, regularisation: float) -> None:
    rho, _, _ = by_hand(*pair)
    cost = 1 - rho
    expected = softmax(-cost / (regularisation * cost.max()), axis=1)
    found = map_cells(*pair, regularisation=regularisation, relax_cells=0.0, relax_spots=1.0, dtype="float64")
    np.testing.assert_allclose(found.X, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_sum_to_one_and_the_spots_get_their_mass(pair, dtype: str) -> None:
    _, a, b = by_hand(*pair)
    p, q = masses(*pair, a, b, "counts")
    found = map_cells(*pair, marginals="counts", dtype=dtype, tolerance=1e-5, **KEPT)
    assert found.X.dtype == dtype
    np.testing.assert_allclose(found.X.sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    assert np.abs((p[:, None] * found.X).sum(axis=0) - q).sum() < 2e-5


def test_a_cell_finds_the_spot_it_came_from(make_pair) -> None:
    sc, st = make_pair(n_cells=60, n_genes=150)
    found = map_cells(sc, st)
    home = st.obs_names[found.X.argmax(axis=1)]
    assert (home == sc.obs["home"]).mean() > 0.95


def test_the_same_bytes_twice(pair) -> None:
    assert map_cells(*pair).X.tobytes() == map_cells(*pair).X.tobytes()
    assert map_cells(*pair, seed=7).X.tobytes() == map_cells(*pair).X.tobytes()


def test_counts_and_their_logarithms_give_one_map(pair) -> None:
    sc, st = pair
    expected = map_cells(sc, st).X
    logs = [adata.copy() for adata in pair]
    for adata in logs:
        adata.X = log_table(adata).astype(np.float32)
    found = map_cells(*logs)
    assert found.uns["homespot"]["sc_scale"] == "log"
    np.testing.assert_allclose(found.X, expected, atol=1e-5)


def test_doubling_the_counts_of_a_cell_changes_nothing(pair) -> None:
    sc, st = pair
    expected = map_cells(sc, st).X
    doubled = sc.copy()
    doubled.X = doubled.X * 2
    np.testing.assert_allclose(map_cells(doubled, st).X, expected, atol=1e-6)


def test_cells_and_spots_without_any_gene_used_are_dropped_and_counted(pair) -> None:
    sc, st = (adata.copy() for adata in pair)
    shared = [g for g in st.var_names if g in set(sc.var_names)]
    for adata, rows in ((sc, [3, 7]), (st, [0])):
        x = adata.X.toarray()
        at = adata.var_names.get_indexer(shared)
        x[np.ix_(rows, at)] = 0
        x[rows, next(i for i in range(x.shape[1]) if i not in at)] = 5
        adata.X = x
    with pytest.warns(DataWarning) as caught:
        found = map_cells(sc, st)
    assert [str(w.message) for w in caught] == [
        f"Dropped 2 cell(s) without any of the {len(shared)} genes used ('c3', 'c7').",
        f"Dropped 1 spot(s) without any of the {len(shared)} genes used ('s0').",
    ]
    assert found.obs_names.tolist() == [c for c in sc.obs_names if c not in ("c3", "c7")]
    assert found.var_names.tolist() == st.obs_names[1:].tolist()
    np.testing.assert_array_equal(found.varm["spatial"], st.obsm["spatial"][1:])


def test_genes_without_expression_on_one_side_are_dropped_and_counted(pair) -> None:
    sc, st = (adata.copy() for adata in pair)
    shared = [g for g in st.var_names if g in set(sc.var_names)]
    for adata, genes in ((sc, shared[3:5]), (st, shared[4:6])):
        x = adata.X.toarray()
        x[:, adata.var_names.get_indexer(genes)] = 0
        adata.X = x
    with pytest.warns(DataWarning) as caught:
        found = map_cells(sc, st)
    assert [str(w.message) for w in caught] == [
        "Dropped 3 gene(s) without expression in one of the data sets "
        f"({shared[3]!r}, {shared[4]!r}, {shared[5]!r})."
    ]
    assert list(found.uns["homespot"]["genes"]) == [*shared[:3], *shared[6:]]


def test_too_few_cells_with_the_genes_used(pair) -> None:
    sc, st = (adata.copy() for adata in pair)
    x = sc.X.toarray()
    x[1:, sc.var_names.isin(st.var_names)] = 0
    x[:, ~sc.var_names.isin(st.var_names)] += 1
    sc.X = x
    with pytest.warns(DataWarning), pytest.raises(InputError, match="Raise n_genes, or check that both"):
        map_cells(sc, st)


def test_the_record_says_how_the_solver_ended(pair) -> None:
    solver = map_cells(*pair).uns["homespot"]["solver"]
    assert set(solver) >= {"converged", "iterations", "errors", "error_cells", "error_spots", "domain"}
    assert solver["converged"] is True
    assert isinstance(solver["iterations"], int)
    assert solver["errors"].ndim == 2
    assert solver["error_cells"] < 1e-5
