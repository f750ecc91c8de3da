"""What only the compiled loops promise: the same bytes, no traces on disk, a fast exponential."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest

import homespot
from homespot.transport import CorrelationCost, _buffer, sinkhorn
from homespot.transport._loops import _exp

SOURCES = Path(homespot.__file__).parent


def problem(m: int = 1900, n: int = 301) -> tuple[CorrelationCost, np.ndarray, np.ndarray]:
    """Large enough for the threads to be used."""
    rng = np.random.default_rng(0)
    p, q = rng.uniform(0.2, 1, m), rng.uniform(0.2, 1, n)
    sc, st = (rng.standard_normal((k, 50), np.float32) for k in (m, n))
    sc, st = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (sc, st))
    return CorrelationCost(sc, st), p / p.sum(), q / q.sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("regularisation", [0.05, 0.001])
def test_same_bytes_with_any_number_of_threads(
    dtype: str, regularisation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = []
    for threads in (1, 2, 7, 1):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        result = sinkhorn(*problem(), regularisation=regularisation, tolerance=1e-2, dtype=dtype)
        plans.append((result.matrix.tobytes(), result.errors.tobytes(), result.transport_cost()))
    assert plans.count(plans[0]) == len(plans)


def test_same_bytes_from_two_threads_at_once() -> None:
    alone = sinkhorn(*problem()).matrix.tobytes()
    found: list[bytes] = []
    start = threading.Barrier(2)

    def solve() -> None:
        start.wait()
        found.extend(sinkhorn(*problem()).matrix.tobytes() for _ in range(3))

    workers = [threading.Thread(target=solve) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [alone] * 6


def test_no_thread_outlives_the_call() -> None:
    sinkhorn(*problem())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("homespot")]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_solves_too() -> None:
    script = """
import os, warnings
import numpy as np
from homespot.transport import MatrixCost, sinkhorn
D = np.random.default_rng(0).random((1900, 301))
p, q = np.full(1900, 1 / 1900), np.full(301, 1 / 301)
plan = sinkhorn(MatrixCost(D), p, q).matrix
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    os._exit(0 if (sinkhorn(MatrixCost(D), p, q).matrix == plan).all() else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)


def test_torch_is_not_imported_on_the_cpu() -> None:
    script = (
        "import sys, numpy as np; from homespot.transport import *; "
        "sinkhorn(MatrixCost(np.eye(2)), [0.5, 0.5], [0.5, 0.5]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)


def test_peak_memory_is_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array of the solver that is as large as a tenth of the plan is the plan."""
    import tracemalloc

    monkeypatch.setattr(_buffer, "_CACHED", 2**14)
    rng = np.random.default_rng(0)
    sc, st = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.standard_normal((2, 3000, 20), np.float32)
    )
    cost, p = CorrelationCost(sc, st[:2000]), np.full(3000, 1 / 3000)
    for regularisation in (0.05, 0.003):
        sinkhorn(cost, p, np.full(2000, 1 / 2000), regularisation=regularisation, tolerance=0.5)  # compiles
        tracemalloc.start()
        result = sinkhorn(cost, p, np.full(2000, 1 / 2000), regularisation=regularisation, tolerance=0.05)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.1 * result.matrix.nbytes


def run_with_cache(folder: Path | None, **environment: str) -> None:
    """Solve in a fresh process that sees only this cache folder."""
    kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    if folder is not None:
        kept["XDG_CACHE_HOME"] = str(folder)
    script = (
        "import numpy as np, numba; from homespot.transport import *; "
        "sinkhorn(MatrixCost(np.eye(2)), [0.5, 0.5], [0.5, 0.5]); assert numba.config.CACHE_DIR == ''"
    )
    subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", script],
        check=True,
        env={**kept, **environment},
        timeout=100,
    )


def compiled_files(folder: Path) -> list[Path]:
    """What numba leaves."""
    return [path for path in folder.rglob("*") if path.suffix in (".nbi", ".nbc")]


def test_compiled_loops_are_kept_in_the_users_cache(tmp_path: Path) -> None:
    run_with_cache(tmp_path, HOME=str(tmp_path / "none"))
    assert compiled_files(tmp_path / "homespot")
    assert not compiled_files(SOURCES)


@pytest.mark.slow
def test_without_a_writable_cache_it_runs_and_leaves_nothing(tmp_path: Path) -> None:
    # A file where the folder should be cannot be written to, whoever runs the test.
    blocked = tmp_path / "file"
    blocked.touch()
    run_with_cache(None, HOME=str(blocked))
    run_with_cache(blocked)
    assert list(tmp_path.iterdir()) == [blocked]
    assert not compiled_files(SOURCES)


def test_exponential_in_float32_is_that_of_numpy() -> None:
    @numba.njit
    def exponentials(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        for i in range(x.size):
            out[i] = _exp(x[i])
        return out

    x = np.linspace(-87, 1, 1_000_003).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(exponentials(x) / exact - 1).max() < 2e-7
    assert (exponentials(np.float32([-88, -1e4, -3e38])) < 2e-38).all()
    np.testing.assert_allclose(exponentials(x[::1000].astype(np.float64)), exact[::1000], rtol=1e-15)
