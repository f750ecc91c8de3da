"""The problem handed to POT: the same plan as ours, and the exact one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import homespot as hs
from homespot.common.extras import has
from homespot.matrix.streamed import in_memory
from homespot.methods import storage
from homespot.transport import MatrixCost, sinkhorn

if not has("ot"):
    pytest.skip("POT is not installed", allow_module_level=True)

from homespot.transport import _pot

M, N = 70, 23


def problem() -> tuple[MatrixCost, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    p, q = rng.uniform(0.2, 1, M), rng.uniform(0.2, 1, N)
    return MatrixCost(rng.random((M, N))), p / p.sum(), q / q.sum()


@pytest.mark.parametrize("relax", [(0.0, 0.0), (0.0, 0.4), (0.3, 0.0), (0.2, 0.6)])
@pytest.mark.parametrize("regularisation", [0.5, 0.05, 0.005])
def test_pot_and_ours_agree(relax: tuple[float, float], regularisation: float) -> None:
    options: dict[str, Any] = {
        "regularisation": regularisation,
        "relax_cells": relax[0],
        "relax_spots": relax[1],
        "tolerance": 1e-10,
        "max_iter": 20_000,
        "dtype": "float64",
    }
    ours, other = sinkhorn(*problem(), **options), sinkhorn(*problem(), backend="pot", **options)
    assert other.converged
    np.testing.assert_allclose(other.matrix, ours.matrix, atol=1e-7)
    np.testing.assert_allclose(other.masses, ours.masses, rtol=1e-6)
    # The rows follow from the potentials, as ours do.
    other_rows = in_memory(other._computed())
    np.testing.assert_allclose(other_rows, other.matrix, atol=1e-7)


def test_a_regularisation_of_0_is_the_best_assignment() -> None:
    D = np.random.default_rng(1).random((30, 30))
    masses = np.full(30, 1 / 30)
    found = sinkhorn(MatrixCost(D), masses, masses, regularisation=0, backend="pot", dtype="float64")
    rows, columns = linear_sum_assignment(D)
    expected = np.zeros((30, 30))
    expected[rows, columns] = 1
    np.testing.assert_allclose(found.matrix, expected, atol=1e-12)
    assert found.transport_cost() == pytest.approx(D[rows, columns].mean())
    assert found.converged
    assert found.error_spots < 1e-12


def test_what_pot_cannot_do_is_refused(refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("backend pot regularisation 0 | None | above 0"):
        sinkhorn(*problem(), regularisation=0)
    with refused("relax_spots 0 regularisation 0 | 0.5 | relax_spots"):
        sinkhorn(*problem(), regularisation=0, backend="pot", relax_spots=0.5)
    with refused("storage stored backend pot | 'streamed' | Leave out"):
        sinkhorn(*problem(), backend="pot", storage="streamed")
    monkeypatch.setattr(_pot, "EXACT_PAIRS", 1000)
    with refused("1,000 pairs exact | 70 cells 23 spots | fewer"):
        sinkhorn(*problem(), regularisation=0, backend="pot")


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    sc, st = hs.make_demo()
    return sc[:300].copy(), st


def test_a_map_by_pot_is_ours(demo: Any) -> None:
    ours = hs.map_cells(*demo, tolerance=1e-7, dtype="float64")
    other = hs.map_cells(*demo, tolerance=1e-7, dtype="float64", backend="pot")
    np.testing.assert_allclose(other.X, ours.X, atol=1e-5)
    assert other.uns["homespot"]["parameters"]["backend"] == "pot"


def test_a_map_without_regularisation_is_the_exact_plan(demo: Any) -> None:
    mapping = hs.map_cells(*demo, regularisation=0, backend="pot", dtype="float64")
    np.testing.assert_allclose(mapping.X.sum(axis=1), 1)
    # A vertex of the polytope of plans has fewer than M + N entries.
    assert np.count_nonzero(mapping.X) < sum(mapping.shape)
    assert mapping.uns["homespot"]["solver"]["error_spots"] < 1e-12
    soft = hs.map_cells(*demo, gene_weights="equal", relax_spots=0.0, dtype="float64")
    assert mapping.uns["homespot"]["solver"]["converged"]
    assert np.count_nonzero(soft.X > 1e-9) > np.count_nonzero(mapping.X)
    assert np.isfinite(hs.cell_positions(mapping)["homespot_x"]).all()


def test_pot_stores_however_large_the_problem_is(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_STORED", 1000)
    mapping = hs.map_cells(*demo, backend="pot", k_best=5)
    assert mapping.uns["homespot"]["solver"]["storage"] == "stored"


def test_pot_tells_how_many_iterations_it_took() -> None:
    found = sinkhorn(*problem(), backend="pot", tolerance=1e-8, dtype="float64")
    assert found.errors[-1, 0] <= found.iterations <= found.errors[-1, 0] + 10
    assert found.iterations > 10


@pytest.mark.parametrize("wrong", ["POT", 3, True])
def test_an_unknown_backend_is_refused(demo: Any, wrong: Any) -> None:
    with pytest.raises(hs.errors.InputError, match="backend"):
        hs.map_cells(*demo, backend=wrong)
