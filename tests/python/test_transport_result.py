"""A plan that is not written down: its rows, products and best entries from the potentials of the spots."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from homespot.common.extras import has
from homespot.errors import ConvergenceWarning
from homespot.expression.table import Expression
from homespot.mapping.left_over import keep_best
from homespot.mapping.solve import solve
from homespot.matrix.gather import Masses, Summed, gather, masses, summed
from homespot.matrix.streamed import Streamed, in_memory
from homespot.transport import CorrelationCost, Cost, MatrixCost, TransportResult, _tiles, sinkhorn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ot

EXACT = {"float64": 1e-12, "float32": 1e-5}
M, N = 150, 31

torch = pytest.param("torch", marks=pytest.mark.skipif(not has("torch"), reason="torch is not installed"))


def problem(absolute: bool | None) -> tuple[Cost, np.ndarray, np.ndarray]:
    """Correlations, or a cost of random numbers."""
    rng = np.random.default_rng(3)
    p, q = rng.uniform(0.2, 1, M), rng.uniform(0.2, 1, N)
    cost: Cost = MatrixCost(rng.random((M, N)))
    if absolute is not None:
        sc, st = (x - x.mean(axis=1, keepdims=True) for x in (rng.normal(size=(n, 30)) for n in (M, N)))
        sc, st = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (sc, st))
        cost = CorrelationCost(sc, st, absolute=absolute)
    return cost, p / p.sum(), q / q.sum()


def solved(absolute: bool | None = False, **options: Any) -> TransportResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return sinkhorn(*problem(absolute), **{"tolerance": 1e-7, "max_iter": 50} | options)


def divided(plan: np.ndarray) -> np.ndarray:
    return plan / plan.sum(axis=1, keepdims=True, dtype=np.float64)


@pytest.mark.parametrize("backend", ["numba", torch])
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("absolute", [None, False, True])
@pytest.mark.parametrize(
    ("regularisation", "domain", "relax"),
    [
        *((0.05, "kernel", relax) for relax in ((0, 0), (0, 0.6), (0.3, 0), (0.2, 0.6), (0, 1), (1, 0))),
        *((0.004, "log", relax) for relax in ((0, 0), (0, 0.6), (0.3, 0), (0.2, 0.6), (0, 1))),
        *((0.0005, "log", relax) for relax in ((0, 0), (0, 0.6), (0, 1))),
    ],
)
def test_rows_from_the_potentials_are_those_of_the_stored_plan(
    backend: str,
    dtype: str,
    absolute: bool | None,
    regularisation: float,
    domain: str,
    relax: tuple[float, float],
) -> None:
    cells, spots = relax
    result = solved(
        absolute,
        regularisation=regularisation,
        relax_cells=cells,
        relax_spots=spots,
        dtype=dtype,
        backend=backend,
    )
    assert result.matrix is not None
    if dtype == "float32":
        assert result.domain == domain
    computed = replace(result, matrix=None)
    # In the log domain a stored plan has D / epsilon rounded to its type, here it is not.
    exact = EXACT[dtype] if domain == "kernel" or dtype == "float64" else 1.2e-7 / regularisation
    for plan, stored in ((computed.plan, result.plan), (computed.map, result.map)):
        assert plan.shape == stored.shape == (M, N)
        assert plan.dtype == stored.dtype == np.dtype(dtype)
        found, expected = in_memory(plan), in_memory(stored)
        largest = expected.max(axis=1, keepdims=True).astype(np.float64)
        assert (np.abs(found - expected) / largest).max() < exact
    np.testing.assert_array_equal(in_memory(result.map), result.matrix)
    np.testing.assert_allclose(in_memory(computed.map).sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    assert computed.transport_cost() == pytest.approx(result.transport_cost(), rel=10 * exact)


@pytest.mark.parametrize(("relax", "regularisation"), [((0, 0), 0.05), ((0.2, 0.6), 0.05), ((0, 0), 0.004)])
def test_rows_from_the_potentials_are_those_of_pot(relax: tuple[float, float], regularisation: float) -> None:
    cost, p, q = problem(True)
    D = np.empty((M, N))
    cost.writer("float64")(0, M, D)
    epsilon = regularisation * D.max()
    cells, spots = relax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if relax == (0, 0):
            plan = ot.sinkhorn(p, q, D, epsilon, method="sinkhorn_log", stopThr=1e-13, numItermax=50_000)
        else:
            weights = tuple(epsilon * (1 - x) / x for x in relax)
            options = {"reg_type": "entropy", "method": "sinkhorn", "stopThr": 1e-14, "numItermax": 50_000}
            plan = ot.unbalanced.sinkhorn_unbalanced(p, q, D, epsilon, weights, **options)
    result = solved(
        True,
        regularisation=regularisation,
        relax_cells=cells,
        relax_spots=spots,
        dtype="float64",
        tolerance=1e-12,
        max_iter=2000,
    )
    computed = replace(result, matrix=None)
    assert np.abs(in_memory(computed.plan) - plan).sum() < 1e-8
    np.testing.assert_allclose(in_memory(computed.map), divided(plan), atol=1e-8)
    assert computed.transport_cost() == pytest.approx((plan * D).sum(), abs=1e-8)


@pytest.mark.parametrize("dtype", EXACT)
def test_products_and_best_entries_are_those_of_the_whole_matrix(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tiles, "_VALUES", 900)
    rng = np.random.default_rng(0)
    of_spots, of_cells = rng.normal(size=(N, 3)), rng.normal(size=(M, 2))
    result = solved(dtype=dtype)
    p = divided(in_memory(result.plan))
    for found in (result.map, replace(result, matrix=None).map):
        np.testing.assert_allclose(summed(found, of_spots), p @ of_spots, atol=10 * EXACT[dtype])
        np.testing.assert_allclose(masses(found, of_cells.T).T, p.T @ of_cells, atol=100 * EXACT[dtype])
        for k in (1, 5, N, 99):
            kept, left_over = keep_best(found, k)
            whole, out = keep_best(in_memory(found), k)
            assert (kept != whole).nnz == 0
            np.testing.assert_array_equal(left_over, out)


class Watched(Cost):
    """A cost that notes which rows were asked for."""

    def __init__(self, n_rows: int) -> None:
        self._column = np.linspace(0, 1, N)
        self.shape = (n_rows, N)
        self.asked: list[tuple[int, int]] = []

    def writer(self, dtype: Any) -> Callable[[int, int, Any], None]:  # noqa: ARG002
        def write(start: int, stop: int, out: Any) -> None:
            self.asked.append((start, stop))
            out[...] = np.abs(self._column - np.linspace(0, 1, self.shape[0])[start:stop, None])

        return write


def test_a_pass_computes_every_row_once_and_holds_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    m = 50_000
    monkeypatch.setattr(_tiles, "_VALUES", 20_000)
    cost = Watched(m)
    even = np.full(m, 1 / m)
    result = TransportResult(
        matrix=None,
        potentials=np.zeros(N),
        epsilon=0.1,
        cost=cost,
        masses=even,
        dtype="float32",
        converged=True,
        iterations=0,
        errors=np.empty((0, 2)),
        error_cells=0.0,
        error_spots=0.0,
        scale=1.0,
        domain="kernel",
    )
    mass, means = Masses(np.ones((1, m))), Summed(np.ones((N, 1)))
    tracemalloc.start()
    try:
        gather(result.map, mass, means)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < m * N * 4 / 2  # of the whole matrix; the sums of the rows are a tenth of it
    rows = np.concatenate([np.arange(*some) for some in cost.asked])
    np.testing.assert_array_equal(rows, np.arange(m))
    np.testing.assert_allclose(means.total, 1, atol=1e-6)
    assert mass.total.sum() == pytest.approx(m, rel=1e-6)


def tables(make_pair: Callable[..., Any], dtype: str) -> list[Expression]:
    return [
        Expression(x.X, x.obs_names.to_numpy(str), x.var_names.to_numpy(str), side, "counts", np.dtype(dtype))
        for side, x in zip(("sc", "st"), make_pair(n_cells=300), strict=True)
    ]


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("name", ["ssa", "correlation"])
def test_k_best_keeps_these_entries_of_the_whole_map_to_the_byte(
    make_pair: Callable[..., Any], name: str, dtype: str
) -> None:
    sides = tables(make_pair, dtype)
    dense = solve(*sides, name).matrix
    for k in (1, 7, 99):
        kept = solve(*sides, name, k_best=k).matrix
        expected, _ = keep_best(dense, k)
        for one, other in ((kept.data, expected.data), (kept.indices, expected.indices)):
            assert one.tobytes() == other.tobytes()
            assert one.dtype == other.dtype


def test_a_map_that_exists_is_read_as_it_is() -> None:
    result = solved()
    assert isinstance(result.map, Streamed)
    assert result.matrix is not None
    before = result.matrix.tobytes()
    np.testing.assert_allclose(in_memory(result.map), divided(in_memory(result.plan)), rtol=1e-6)
    assert result.matrix.tobytes() == before
