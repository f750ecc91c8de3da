"""Every value that the documentation allows gives a map: finite, rows that sum to 1, and the right one."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy.special import logsumexp

from homespot import map_cells, methods
from homespot.common.extras import has
from homespot.errors import InputError
from homespot.matrix.streamed import in_memory
from homespot.objects.annotated import x_of
from homespot.transport import REGULARISATION, MatrixCost, TransportResult, sinkhorn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ot

pytestmark = pytest.mark.filterwarnings("ignore::homespot.errors.ConvergenceWarning")

ENGINES = [
    pytest.param(
        {"dtype": dtype, "backend": backend},
        id=f"{backend}-{dtype}",
        marks=pytest.mark.skipif(backend == "torch" and not has("torch"), reason="torch is not installed"),
    )
    for backend in ("numba", "torch")
    for dtype in ("float32", "float64")
]
engines = pytest.mark.parametrize("engine", ENGINES)

REGULARISATIONS = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 1, 1e3, 1e6]
RELAXED = [0, 1e-9, 0.1, 0.5, 0.999, 1]
GRID = list(itertools.product(REGULARISATIONS, RELAXED, RELAXED))
FEW = np.random.default_rng(0).permutation(len(GRID))[:24]
POINTS = [pytest.param(*GRID[i], marks=[] if i in FEW else pytest.mark.slow) for i in range(len(GRID))]


def problem(
    m: int = 20, n: int = 12, *, spread: float = 1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random costs, which float32 holds, and masses over some powers of ten."""
    rng = np.random.default_rng(seed)
    p, q = 10 ** -rng.uniform(0, spread, m), 10 ** -rng.uniform(0, spread, n)
    return rng.random((m, n), np.float32).astype(np.float64), p / p.sum(), q / q.sum()


def by_logarithms(
    D: np.ndarray, p: np.ndarray, q: np.ndarray, epsilon: float, cells: float, spots: float
) -> np.ndarray | None:
    """P by plain steps on logarithms in float64; None if these have not ended after a while."""
    C, g = -D / epsilon, np.zeros(len(q))
    for _ in range(1000):
        f = (1 - cells) * (np.log(p) - logsumexp(C + g, axis=1))
        step = (1 - spots) * (np.log(q) - logsumexp(C + f[:, None], axis=0)) - g
        g = g + step
        if np.ptp(step) < 1e-12 * max(1, np.abs(g).max()):
            return np.exp(C + g - logsumexp(C + g, axis=1, keepdims=True))
    return None


def away(result: TransportResult, exact: np.ndarray) -> float:
    """The largest L1 error of a row of P."""
    return float(np.abs(in_memory(result.map) - exact).sum(axis=1).max())


def rounding(engine: dict[str, str], regularisation: float) -> float:
    """What rounding the cost to the dtype may change in a row of P."""
    return 4 * np.finfo(engine["dtype"]).eps * max(1 / regularisation, 10)


@engines
@pytest.mark.parametrize(("regularisation", "cells", "spots"), POINTS)
def test_every_map_is_finite_and_right_where_it_converged(
    engine: dict[str, str], regularisation: float, cells: float, spots: float
) -> None:
    D, p, q = problem()
    result = sinkhorn(
        MatrixCost(D), p, q, regularisation=regularisation, relax_cells=cells, relax_spots=spots, **engine
    )
    P = in_memory(result.map).astype(np.float64)
    assert (P >= 0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite([*result.errors.ravel(), result.error_cells, result.error_spots]).all()
    exact = by_logarithms(D, p, q, regularisation * D.max(), cells, spots)
    if exact is not None:
        assert result.converged
        assert away(result, exact) < 5e-3 + rounding(engine, regularisation)


@engines
@pytest.mark.parametrize("regularisation", [1e-2, 0.1, 10])
@pytest.mark.parametrize(("cells", "spots"), [(0, 0), (0, 0.5), (0.3, 0.3)])
def test_rows_are_those_of_pot(
    engine: dict[str, str], regularisation: float, cells: float, spots: float
) -> None:
    D, p, q = problem()
    epsilon = regularisation * D.max()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if cells == spots == 0:
            plan = ot.sinkhorn(p, q, D, epsilon, method="sinkhorn_log", stopThr=1e-13, numItermax=50_000)
        else:
            weights = tuple(np.inf if x == 0 else epsilon * (1 - x) / x for x in (cells, spots))
            options = {"reg_type": "entropy", "method": "sinkhorn", "stopThr": 1e-14, "numItermax": 50_000}
            plan = ot.unbalanced.sinkhorn_unbalanced(p, q, D, epsilon, weights, **options)
    result = sinkhorn(
        MatrixCost(D), p, q, regularisation=regularisation, relax_cells=cells, relax_spots=spots, **engine
    )
    assert away(result, plan / plan.sum(axis=1, keepdims=True)) < 5e-3 + rounding(engine, regularisation)


@engines
@pytest.mark.parametrize("regularisation", [0.003, 0.01, 0.05, 1])
@pytest.mark.parametrize("seed", range(3))
def test_the_row_of_a_cell_of_hardly_any_mass_is_as_right_as_the_others(
    engine: dict[str, str], regularisation: float, seed: int
) -> None:
    """The error of the plan does not see it; ROWS_TOLERANCE is the promise for P."""
    D, p, q = problem(60, 40, spread=12, seed=seed)
    q = np.flip(np.sort(q))
    result = sinkhorn(
        MatrixCost(D), p, q, regularisation=regularisation, tolerance=1e-4, max_iter=5000, **engine
    )
    tight = sinkhorn(
        MatrixCost(D),
        p,
        q,
        regularisation=regularisation,
        tolerance=1e-11,
        max_iter=50_000,
        dtype="float64",
    )
    assert result.converged
    assert tight.converged
    assert away(result, in_memory(tight.map)) < 0.02
    np.testing.assert_allclose(in_memory(result.map).sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    assert result.errors[-1, 1] <= 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("regularisation", [REGULARISATION[0], 1e-4, 1e-3, 0.02, 0.05, 1, REGULARISATION[1]])
@pytest.mark.parametrize("marginals", ["uniform", "expression"])
def test_without_marginals_the_map_is_that_of_the_correlation(
    pair: tuple[ad.AnnData, ad.AnnData], dtype: Any, regularisation: float, marginals: str
) -> None:
    run = {"dtype": dtype, "regularisation": regularisation}
    relaxed = map_cells(*pair, relax_cells=1, relax_spots=1, marginals=marginals, **run)
    correlation = map_cells(*pair, "correlation", **run)
    np.testing.assert_allclose(relaxed.X, correlation.X, atol=1e-6 if dtype == "float32" else 1e-13)
    assert relaxed.uns["homespot"]["solver"]["converged"]


# The methods with all their parameters

VALUES: dict[str, dict[str, tuple[Any, ...]]] = {
    "ssa": {
        "n_genes": (2, 10, 5000),
        "regularisation": (1e-6, 1e-3, 0.05, 1e6),
        "relax_cells": (0, 0.5, 1),
        "relax_spots": (0, 0.5, 1),
        "tolerance": (1e-12, 1e-4, 1),
        "max_iter": (1, 50),
    },
    "correlation": {"n_genes": (2, 5000), "regularisation": (1e-6, 1e-3, 0.05, 1e6)},
    "come": {
        "labels": (None, "type"),
        "st_labels": (None, "region"),
        "n_genes": (4, 3000),
        "hidden": (1, 16),
        "latent": (1, 8),
        "pretrain_epochs": (1, 3),
        "pretrain_patience": (1, 10),
        "pretrain_batch": (1, 256),
        "pretrain_rate": (1e-6, 1e-3, 1),
        "epochs": (1, 5),
        "rate": (1e-6, 1e-3, 1),
        "map_rate": (1e-6, 0.05, 10),
        "start_temperature": (0.01, 0.15, 1e3),
        "tau": (0.02, 0.8, 1e3),
        "weight_reconstruction": (0, 1, 1e3),
        "weight_mapping": (0, 0.01, 1e3),
        "weight_shrinkage": (0, 1e-3, 1e3),
        "weight_similarity": (0, 0.03, 1e3),
        "weight_contrast": (0, 0.03, 1e3),
        "weight_entropy": (0, 1, 1e3),
        "validation_genes": (0, 0.2, 0.5),
        "checkpoint": (None,),
    },
}
"""Values of every parameter: the ends of its range, and values inside."""


def drawn(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Settings at random, half of them the defaults."""
    found = {}
    for parameter in methods.get(name).declared.values():
        values = parameter.options or VALUES[name][parameter.name]
        if rng.random() < 0.5 or parameter.name in ("epochs", "pretrain_epochs"):
            found[parameter.name] = values[rng.integers(len(values))]
    return found


def test_every_parameter_has_values_here() -> None:
    for name, values in VALUES.items():
        declared = methods.get(name).declared
        assert set(values) == {parameter for parameter in declared if not declared[parameter].options}


@pytest.mark.filterwarnings("ignore::homespot.errors.DataWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("draws", [10, pytest.param(150, marks=pytest.mark.slow)])
def test_every_setting_gives_a_map_or_names_the_cause(
    make_pair: Callable[..., Any], name: str, dtype: Any, draws: int
) -> None:
    sc, st = make_pair(n_cells=24, n_spots=15)
    rng = np.random.default_rng(draws)
    refusals = []
    for _ in range(draws):
        settings = drawn(name, rng)
        try:
            found = map_cells(sc, st, name, dtype=dtype, progress=False, device="cpu", **settings)
        except InputError as error:
            refusals.append((settings, str(error)))
            continue
        p = in_memory(x_of(found))
        assert p.dtype == dtype
        assert (p >= 0).all(), settings
        np.testing.assert_allclose(p.sum(axis=1, dtype=np.float64), 1, atol=1e-5, err_msg=str(settings))
    assert all(any(parameter in text for parameter in settings) for settings, text in refusals), refusals
    assert len(refusals) <= draws / 2
