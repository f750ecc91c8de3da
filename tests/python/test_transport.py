"""One body of tests for all back ends, held against exact answers."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from homespot.common import device, memory
from homespot.common.extras import has
from homespot.errors import ConvergenceWarning, DependencyError, TooLargeError
from homespot.matrix.streamed import in_memory
from homespot.transport import CorrelationCost, Cost, MatrixCost, TransportResult, sinkhorn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ot


def cuda() -> bool:
    try:
        device.resolve_device("cuda")
    except (device.DeviceError, DependencyError):
        return False
    return True


ENGINES = [
    pytest.param(
        {"backend": backend, "device": where, "dtype": dtype},
        id=f"{backend}-{where}-{dtype}",
        marks=[
            pytest.mark.skipif(backend == "torch" and not has("torch"), reason="torch is not installed"),
            pytest.mark.skipif(where == "cuda" and not cuda(), reason="no CUDA device here"),
        ],
    )
    for backend, where in (("numba", "cpu"), ("torch", "cpu"), ("torch", "cuda"))
    for dtype in ("float64", "float32")
]
engines = pytest.mark.parametrize("engine", ENGINES)


def exactness(engine: dict[str, str]) -> float:
    """Error that the dtype allows in a plan of mass 1."""
    return 1e-9 if engine["dtype"] == "float64" else 2e-6


def problem(m: int = 83, n: int = 61, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random cost and marginals."""
    rng = np.random.default_rng(seed)
    p, q = rng.uniform(0.2, 1, m), rng.uniform(0.2, 1, n)
    return rng.random((m, n)), p / p.sum(), q / q.sum()


def quiet(D: np.ndarray, p: np.ndarray, q: np.ndarray, **options: object) -> TransportResult:
    """Solve where the tolerance may be beyond the dtype."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return sinkhorn(MatrixCost(D), p, q, **options)


# Independent solvers


@engines
@pytest.mark.parametrize("regularisation", [0.5, 0.05, 0.01, 0.002])
def test_balanced_plan_is_that_of_pot(engine: dict[str, str], regularisation: float) -> None:
    D, p, q = problem()
    result = quiet(D, p, q, regularisation=regularisation, tolerance=1e-11, max_iter=400, **engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = ot.sinkhorn(
            p, q, D, regularisation * D.max(), method="sinkhorn_log", stopThr=1e-12, numItermax=20000
        )
    assert np.abs(in_memory(result.plan) - plan).sum() < 20 * exactness(engine)
    assert result.transport_cost() == pytest.approx((plan * D).sum(), abs=20 * exactness(engine))
    assert result.domain == ("log" if regularisation == 0.002 and engine["dtype"] == "float32" else "kernel")


@engines
@pytest.mark.parametrize("relax", [(0, 0.4), (0.3, 0), (0.2, 0.6), (1, 0), (0, 0.01), (0.999, 0.2)])
@pytest.mark.parametrize("regularisation", [0.05, 0.002])
def test_relaxed_plan_is_that_of_pot(
    engine: dict[str, str], relax: tuple[float, float], regularisation: float
) -> None:
    D, p, q = problem()
    cells, spots = relax
    result = quiet(
        D,
        p,
        q,
        regularisation=regularisation,
        relax_cells=cells,
        relax_spots=spots,
        tolerance=1e-11,
        max_iter=400,
        **engine,
    )
    epsilon = regularisation * D.max()
    weights = tuple(np.inf if x == 0 else epsilon * (1 - x) / x for x in relax)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # "entropy": the entropy of the plan itself, as here, not relative to p q'.
        plan = ot.unbalanced.sinkhorn_unbalanced(
            p,
            q,
            D,
            epsilon,
            weights,
            reg_type="entropy",
            method="sinkhorn",
            stopThr=1e-13,
            numItermax=50000,
        )
    assert np.abs(in_memory(result.plan) - plan).sum() < 20 * exactness(engine) * max(plan.sum(), 1)


@engines
def test_cost_at_small_regularisation_is_that_of_the_linear_programme(engine: dict[str, str]) -> None:
    D, p, q = problem()
    result = sinkhorn(MatrixCost(D), p, q, regularisation=1e-3, tolerance=1e-5, max_iter=5000, **engine)
    exact = ot.emd2(p, q, D)
    assert result.converged
    # An entropic plan costs more, by at most epsilon times the entropy's range.
    assert exact - 1e-5 <= result.transport_cost() <= exact + 1e-3 * D.max() * np.log(D.size)


@engines
def test_argmax_at_small_regularisation_is_the_hungarian_assignment(engine: dict[str, str]) -> None:
    n = 40
    D, *_ = problem(n, n, seed=4)
    uniform = np.full(n, 1 / n)
    result = sinkhorn(
        MatrixCost(D), uniform, uniform, regularisation=1e-3, tolerance=1e-4, max_iter=20000, **engine
    )
    rows, columns = linear_sum_assignment(D)
    exact = D[rows, columns].mean()
    assert exact - 1e-4 <= result.transport_cost() <= exact + 1e-3 * np.log(n)
    assert (in_memory(result.plan).argmax(axis=1) == columns).mean() >= 0.9


# Closed forms


@engines
def test_constant_cost_gives_the_product_of_the_marginals(engine: dict[str, str]) -> None:
    _, p, q = problem()
    for constant in (0.0, 0.7):
        result = sinkhorn(MatrixCost(np.full((len(p), len(q)), constant)), p, q, **engine)
        np.testing.assert_allclose(in_memory(result.plan), np.outer(p, q), rtol=1e-5)
        assert result.scale == pytest.approx(constant)
        assert result.transport_cost() == pytest.approx(constant, abs=1e-5)


@engines
@pytest.mark.parametrize("regularisation", [0.3, 0.05, 1e-3])
def test_two_by_two_in_closed_form(engine: dict[str, str], regularisation: float) -> None:
    # With uniform marginals and cost [[0, 1], [1, 0]] the diagonal holds t / 2, t = 1 / (1 + exp(-1 / eps)).
    half = np.full(2, 0.5)
    result = sinkhorn(MatrixCost(1 - np.eye(2)), half, half, regularisation=regularisation, **engine)
    t = 1 / (1 + np.exp(-1 / regularisation))
    np.testing.assert_allclose(
        in_memory(result.plan), [[t / 2, (1 - t) / 2], [(1 - t) / 2, t / 2]], atol=1e-7
    )


@engines
@pytest.mark.parametrize("regularisation", [0.05, 0.001])
def test_ignoring_the_spots_gives_the_softmax_of_every_row(
    engine: dict[str, str], regularisation: float
) -> None:
    D, p, q = problem()
    result = sinkhorn(MatrixCost(D), p, q, regularisation=regularisation, relax_spots=1, **engine)
    softmax = np.exp((D.min(axis=1, keepdims=True) - D) / (regularisation * D.max()))
    softmax /= softmax.sum(axis=1, keepdims=True)
    plan = in_memory(result.plan).astype(np.float64)
    tolerance = exactness(engine) / regularisation
    np.testing.assert_allclose(plan / plan.sum(axis=1, keepdims=True), softmax, atol=tolerance)
    assert result.iterations == 1
    assert result.error_cells < exactness(engine)


def test_ignoring_both_marginals_gives_the_kernel() -> None:
    D, p, q = problem(9, 7)
    result = sinkhorn(MatrixCost(D), p, q, relax_cells=1, relax_spots=1, dtype="float64")
    np.testing.assert_allclose(in_memory(result.plan), np.exp(-D / (0.05 * D.max())), rtol=1e-12)


# How it ended


@engines
@pytest.mark.parametrize("regularisation", [0.05, 0.001])
def test_reported_errors_are_those_of_the_plan(engine: dict[str, str], regularisation: float) -> None:
    D, p, q = problem()
    result = sinkhorn(MatrixCost(D), p, q, regularisation=regularisation, **engine)
    plan = in_memory(result.plan).astype(np.float64)
    assert result.error_cells == pytest.approx(np.abs(plan.sum(axis=1) - p).sum(), abs=1e-7)
    assert result.error_spots == pytest.approx(np.abs(plan.sum(axis=0) - q).sum(), abs=1e-7)
    assert result.error_cells < 1e-6
    assert result.converged
    assert result.iterations == len(result.errors)
    np.testing.assert_array_equal(result.errors[:, 0], np.arange(1, result.iterations + 1))
    assert (result.errors[:-1, 1] > 1e-4).all()
    assert result.errors[-1, 1] == pytest.approx(result.error_spots, abs=1e-6)
    assert in_memory(result.plan).dtype == engine["dtype"]
    assert result.scale == pytest.approx(D.max())


@engines
def test_stopping_early_warns_with_the_number_and_the_remedy(engine: dict[str, str]) -> None:
    D, p, q = problem()
    with pytest.warns(ConvergenceWarning) as caught:
        result = sinkhorn(MatrixCost(D), p, q, max_iter=2, tolerance=1e-7, **engine)
    assert re.fullmatch(
        r"Sinkhorn stopped after 2 iterations with an error of \d\.\de-\d\d where 1\.0e-07 was asked for\. "
        r"Raise max_iter, tolerance or regularisation, or use dtype='float64'\.",
        str(caught[0].message),
    )
    assert caught[0].filename == __file__
    assert not result.converged
    assert result.iterations == 2
    assert result.error_cells < 1e-6


def test_progress_is_reported_and_may_interrupt() -> None:
    D, p, q = problem()
    seen = []
    sinkhorn(MatrixCost(D), p, q, progress=lambda *report: seen.append(report))
    assert seen[0][:2] == (1, 1000)
    assert re.fullmatch(r"error \d\.\de-\d\d", seen[-1][2])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sinkhorn(MatrixCost(D), p, q, progress=interrupt)


# Hard inputs


@engines
def test_tiny_regularisation_is_finite_and_converges(engine: dict[str, str]) -> None:
    D, p, q = problem(31, 29)
    result = sinkhorn(MatrixCost(D), p, q, regularisation=1e-4, tolerance=1e-3, max_iter=50000, **engine)
    assert result.domain == "log"
    assert np.isfinite(in_memory(result.plan)).all()
    assert result.converged
    assert result.error_spots < 1.1e-3


@engines
def test_very_unequal_masses(engine: dict[str, str]) -> None:
    D, *_ = problem()
    p, q = np.logspace(-12, 0, D.shape[0]), np.logspace(0, -30, D.shape[1])
    p, q = p / p.sum(), q / q.sum()
    result = sinkhorn(MatrixCost(D), p, q, **engine)
    assert result.converged
    assert result.error_cells < 1e-6
    sums = in_memory(result.plan).astype(np.float64).sum(axis=1)
    np.testing.assert_allclose(sums, p, rtol=1e-5)


@engines
def test_kernel_that_runs_out_of_range_goes_on_in_the_log_domain(engine: dict[str, str]) -> None:
    # The last spot is far from all cells, beyond what the kernel can hold, and has to be filled all the same.
    D, p, q = problem(20, 10)
    D[:, -1] += 20
    result = sinkhorn(
        MatrixCost(D), p, q, regularisation=0.005, tolerance=1e-5, **{**engine, "dtype": "float32"}
    )
    assert result.domain == "log"
    assert result.converged
    assert result.error_spots < 2e-5


@engines
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 5), (5, 1), (2, 2), (2, 7), (3, 2), (17, 2), (67, 33), (1030, 3)]
)
@pytest.mark.parametrize("regularisation", [0.05, 0.002])
def test_every_shape(engine: dict[str, str], shape: tuple[int, int], regularisation: float) -> None:
    D, p, q = problem(*shape)
    result = sinkhorn(MatrixCost(D), p, q, regularisation=regularisation, max_iter=5000, **engine)
    assert result.converged
    assert result.error_cells < 1e-6
    assert result.error_spots < 1.1e-4


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("regularisation", [0.05, 0.001])
def test_float32_and_float64_agree(backend: str, regularisation: float) -> None:
    D, p, q = problem(200, 150)
    D = D.astype(np.float32)
    single, double = (
        quiet(D, p, q, regularisation=regularisation, tolerance=3e-7, dtype=dtype, backend=backend)
        for dtype in ("float32", "float64")
    )
    assert np.abs(in_memory(single.plan) - in_memory(double.plan)).sum() < 1e-7 / regularisation + 1e-5
    assert single.transport_cost() == pytest.approx(double.transport_cost(), rel=1e-5)


# Properties


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    m=st.integers(2, 30),
    n=st.integers(2, 30),
    seed=st.integers(0, 10**6),
    regularisation=st.floats(0.01, 1),
)
def test_marginals_hold_and_order_does_not_matter(m: int, n: int, seed: int, regularisation: float) -> None:
    D, p, q = problem(m, n, seed)
    options = {"regularisation": regularisation, "tolerance": 1e-10, "dtype": "float64", "max_iter": 20000}
    result = sinkhorn(MatrixCost(D), p, q, **options)
    assert (in_memory(result.plan) >= 0).all()
    np.testing.assert_allclose(in_memory(result.plan).sum(axis=1), p, rtol=1e-10)
    np.testing.assert_allclose(in_memory(result.plan).sum(axis=0), q, atol=1e-9)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(m), rng.permutation(n)
    shuffled = sinkhorn(MatrixCost(D[rows][:, columns]), p[rows], q[columns], **options)
    np.testing.assert_allclose(in_memory(shuffled.plan), in_memory(result.plan)[rows][:, columns], atol=1e-8)
    # A constant changes nothing but the scale, which the regularisation is relative to.
    options["regularisation"] = regularisation * D.max() / (D.max() + 2)
    shifted = sinkhorn(MatrixCost(D + 2), p, q, **options)
    np.testing.assert_allclose(in_memory(shifted.plan), in_memory(result.plan), atol=1e-8)
    assert shifted.transport_cost() == pytest.approx(result.transport_cost() + 2, abs=1e-8)


# Inputs that are refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"cost": np.ones((4, 3))},
            "cost Cost | ndarray | MatrixCost",
        ),
        ({"p": np.ones(3) / 3}, "p shape 4 | 3 |"),
        (
            {"q": [0.5, 0.5, 0]},
            "q 0 | 1 3 2 |",
        ),
        (
            {"q": [0.5, np.nan, 0.5]},
            "q 0 | 1 3 |",
        ),
        ({"p": np.ones(4)}, "p sums 1 | 4 |"),
        (
            {"regularisation": 0},
            "backend='pot' regularisation=0 | None | regularisation",
        ),
        ({"regularisation": 1e-7}, "regularisation 1e-06 1e+06 | 1e-07 |"),
        (
            {"relax_cells": -0.1},
            "relax_cells 0 1 | -0.1 | 0",
        ),
        ({"relax_spots": 1.5}, "relax_spots 0 1 | 1.5 | 0"),
        ({"tolerance": 0}, "tolerance 0 | 0 | 1e-4"),
        ({"max_iter": 0}, "max_iter 1 | 0 | 1000"),
        ({"dtype": "float16"}, "dtype 'float32' 'float64' | 'float16' |"),
        ({"backend": "jax"}, "backend 'numba' 'torch' 'pot' | 'jax' |"),
        (
            {"cost": MatrixCost(np.full((4, 3), np.inf))},
            "finite cost | inf | NaN Inf",
        ),
    ],
)
def test_bad_parameters(change: dict[str, object], words: str, refused) -> None:
    arguments = {"cost": MatrixCost(np.ones((4, 3))), "p": np.ones(4) / 4, "q": np.ones(3) / 3, **change}
    cost, p, q = (arguments.pop(name) for name in ("cost", "p", "q"))
    with refused(words):
        sinkhorn(cost, p, q, **arguments)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_plan_that_does_not_fit_is_refused_with_the_option_that_helps(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 100)
    D, p, q = problem(10, 8)
    for dtype, remedy in (
        ("float32", "Map at most 3 cells at a time."),
        (
            "float64",
            "Map at most 1 cells at a time, or use dtype='float32' and map at most 3 cells at a time.",
        ),
    ):
        with pytest.raises(TooLargeError) as caught:
            sinkhorn(MatrixCost(D), p, q, backend=backend, dtype=dtype)
        size = 320 if dtype == "float32" else 640
        assert str(caught.value) == (
            f"Expected {size} bytes of memory for a plan of 10 cells x 8 spots, "
            f"found 100 bytes free. {remedy}"
        )


# Costs


def rows(n: int, k: int, seed: int) -> np.ndarray:
    """Centred rows of norm 1."""
    x = np.random.default_rng(seed).standard_normal((n, k))
    x -= x.mean(axis=1, keepdims=True)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@engines
@pytest.mark.parametrize("absolute", [False, True])
def test_correlation_cost(engine: dict[str, str], absolute: bool) -> None:
    sc, spots = rows(1100, 20, 0), rows(50, 20, 1)
    spots[3] = sc[7]
    cost = CorrelationCost(sc.astype(np.float32), spots.astype(np.float32), absolute=absolute)
    rho = np.corrcoef(sc, spots)[:1100, 1100:]
    D = np.maximum(1 - (np.abs(rho) if absolute else rho), 0)
    assert cost.shape == (1100, 50)
    _, p, q = problem(1100, 50)
    one, other = sinkhorn(cost, p, q, **engine), sinkhorn(MatrixCost(D), p, q, **engine)
    assert one.scale == pytest.approx(other.scale, abs=1e-6)
    np.testing.assert_allclose(in_memory(one.plan), in_memory(other.plan), atol=1e-6)
    out = np.empty((3, 50))
    cost.writer("float64")(6, 9, out)
    np.testing.assert_allclose(out, D[6:9], atol=1e-6)
    assert out[1, 3] >= 0


@engines
def test_a_cost_of_ones_own_needs_only_a_writer(engine: dict[str, str]) -> None:
    D, p, q = problem()

    class Streamed(Cost):
        shape = D.shape

        def writer(self, dtype: object) -> object:
            def write(start: int, stop: int, out: np.ndarray) -> None:
                assert out.dtype == dtype
                out[...] = D[start:stop]

            return write

    one, other = sinkhorn(Streamed(), p, q, **engine), sinkhorn(MatrixCost(D), p, q, **engine)
    np.testing.assert_array_equal(in_memory(one.plan), in_memory(other.plan))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: MatrixCost(np.ones(3)),
            "cost numeric matrix | 3 |",
        ),
        (
            lambda: MatrixCost(np.ones((0, 3))),
            "cost rows columns | 0 3 |",
        ),
        (
            lambda: MatrixCost([[1.0, -2.0]]),
            "cost negative NaN | -2 |",
        ),
        (
            lambda: MatrixCost([[1.0, np.nan]]),
            "cost negative NaN | nan |",
        ),
        (
            lambda: CorrelationCost(rows(3, 5, 0), rows(4, 6, 0)),
            "sc st genes | 5 6 |",
        ),
        (
            lambda: CorrelationCost(rows(3, 5, 0) * 2, rows(4, 5, 0)),
            "sc norm NaN 1 | 2 |",
        ),
        (
            lambda: CorrelationCost(rows(3, 5, 0), rows(4, 5, 0) * np.nan),
            "st norm NaN 1 | nan |",
        ),
    ],
)
def test_bad_costs(make: object, words: str, refused) -> None:
    with refused(words):
        make()
