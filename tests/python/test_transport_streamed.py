"""A kernel that is made anew in every pass: the same plan as a stored one, in the memory of the data."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.common import memory
from homespot.common.extras import has
from homespot.errors import ConvergenceWarning, DataWarning, InputError, TooLargeError
from homespot.expression import selection
from homespot.expression.components import projected
from homespot.expression.transforms import unit_rows
from homespot.matrix.streamed import Streamed, in_memory
from homespot.methods.storage import COMPONENTS, layout
from homespot.transport import CorrelationCost, Cost, MatrixCost, TransportResult, sinkhorn

M, N = 1900, 301
EXACT = {"float64": 1e-12, "float32": 1e-5}
torch = pytest.mark.skipif(not has("torch"), reason="torch is not installed")


def problem(kind: str) -> tuple[Cost, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    p, q = rng.uniform(0.2, 1, M), rng.uniform(0.2, 1, N)
    cost: Cost = MatrixCost(rng.random((M, N)))
    if kind != "matrix":
        sc, st = (unit_rows(rng.standard_normal((n, 40))) for n in (M, N))
        cost = CorrelationCost(sc, st, absolute=kind == "absolute")
    return cost, p / p.sum(), q / q.sum()


def solved(kind: str, storage: str, **options: Any) -> TransportResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return sinkhorn(*problem(kind), storage=storage, **{"tolerance": 1e-6, "max_iter": 60} | options)


SETTINGS = [
    {},
    {"relax_spots": 0.5},
    {"relax_cells": 0.5, "relax_spots": 0.3},
    {"relax_cells": 1.0},
    {"regularisation": 0.002},
]


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("kind", ["matrix", "signed", "absolute"])
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_streamed_and_stored_have_the_same_bytes(dtype: str, kind: str, options: dict[str, Any]) -> None:
    stored, streamed = (solved(kind, storage, dtype=dtype, **options) for storage in ("stored", "streamed"))
    assert streamed.matrix is None
    assert stored.domain == streamed.domain
    assert stored.errors.tobytes() == streamed.errors.tobytes()
    assert stored.potentials.tobytes() == streamed.potentials.tobytes()
    assert in_memory(streamed.map).tobytes() == stored.matrix.tobytes()
    for name in ("masses", "error_cells", "error_spots"):
        np.testing.assert_allclose(getattr(streamed, name), getattr(stored, name), rtol=1e-5, atol=1e-6)


def elsewhere(run: Any, n: int) -> list[Any]:
    """Call a function from the last number to the first, each time a copy that has crossed to nowhere."""
    return [pickle.loads(pickle.dumps(run))(i) for i in reversed(range(n))][::-1]


@pytest.mark.parametrize("kind", ["matrix", "signed", "absolute"])
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_what_runs_the_blocks_does_not_change_a_byte(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = (solved(kind, "streamed", each=each, **options) for each in (None, elsewhere))
    for name in ("potentials", "errors", "masses"):
        assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()


def test_other_processes_run_the_blocks(monkeypatch) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        theirs = solved("signed", "streamed", each=lambda run, n: list(processes.map(run, range(n))))
    assert theirs.potentials.tobytes() == solved("signed", "streamed").potentials.tobytes()


@torch
@pytest.mark.parametrize(("storage", "backend"), [("stored", None), ("streamed", "torch")])
def test_only_streamed_blocks_on_the_cpu_are_handed_over(storage: str, backend: str, refused) -> None:
    with refused(f"storage='streamed' backend='numba' each | {storage} {backend} | each"):
        solved("signed", storage, backend=backend, each=elsewhere)


@torch
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_torch_streams_the_same_plan(dtype: str, options: dict[str, Any]) -> None:
    options = options | {"dtype": dtype, "tolerance": 1e-4}
    stored = solved("signed", "stored", **options)
    streamed = solved("signed", "streamed", backend="torch", **options)
    assert streamed.iterations == stored.iterations
    most = EXACT[dtype] * (10 if stored.domain == "log" else 1)
    np.testing.assert_allclose(in_memory(streamed.map), stored.matrix, atol=most)
    np.testing.assert_allclose(streamed.errors, stored.errors, atol=1e-5)


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for threads in (1, 2, 5):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        result = solved("signed", "streamed")
        found.add((result.potentials.tobytes(), in_memory(result.map).tobytes()))
    assert len(found) == 1


def test_nothing_as_large_as_the_kernel_is_made() -> None:
    m, n = 40_000, 500
    rng = np.random.default_rng(0)
    cost = CorrelationCost(*(unit_rows(rng.standard_normal((k, 8), np.float32)) for k in (m, n)))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = sinkhorn(cost, np.full(m, 1 / m), np.full(n, 1 / n), storage="streamed")
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert result.converged
    assert peak < 4 * m * n / 8


class _Alone(Cost):
    """A cost whose writer fails if two threads use it at once."""

    def __init__(self, D: npt.NDArray[Any]) -> None:
        self._D, self.shape, self._busy = D, D.shape, False

    def writer(self, dtype: npt.DTypeLike) -> Any:  # noqa: ARG002
        def write(start: int, stop: int, out: npt.NDArray[Any]) -> None:
            assert not self._busy
            self._busy = True
            out[...] = self._D[start:stop]
            self._busy = False

        return write


def test_a_cost_for_one_thread_at_a_time_is_written_by_one() -> None:
    D = np.random.default_rng(0).random((M, N))
    p, q = np.full(M, 1 / M), np.full(N, 1 / N)
    one, other = (sinkhorn(cost, p, q, storage="streamed") for cost in (_Alone(D), MatrixCost(D)))
    assert in_memory(one.map).tobytes() == in_memory(other.map).tobytes()


def test_rows_picked_from_afar_are_those_of_the_map() -> None:
    result = solved("signed", "streamed")
    at = np.array([1700, 3, 3, 900])
    np.testing.assert_allclose(result.map[at], in_memory(result.map)[at], atol=1e-6)


def test_an_unknown_storage_is_refused(refused) -> None:
    with refused("storage 'stored' 'streamed' | 'disk' | Use one"):
        sinkhorn(*problem("matrix"), storage="disk")


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    return hs.make_demo()


def same(one: Any, other: Any) -> bool:
    """Whether two maps have the same entries and the same columns of the cells and spots."""
    x, y = (m.X.toarray() if sparse.issparse(m.X) else m.X for m in (one, other))
    cells = one.obs.filter(like="homespot").equals(other.obs.filter(like="homespot"))
    spots = one.var.equals(other.var)
    return x.tobytes() == y.tobytes() and cells and spots


@pytest.mark.parametrize("method", ["ssa", "correlation"])
def test_the_best_of_a_streamed_map_are_those_of_a_stored_one(demo: Any, method: str) -> None:
    stored = hs.map_cells(*demo, method, k_best=7)
    streamed = hs.map_cells(*demo, method, k_best=7, storage="streamed", n_components=None)
    assert stored.uns["homespot"]["solver"]["storage"] == "stored"
    assert streamed.uns["homespot"]["solver"]["storage"] == "streamed"
    assert "components" not in streamed.uns["homespot"]["solver"]
    assert same(stored, streamed)
    placed = [hs.cell_positions(mapping) for mapping in (stored, streamed)]
    assert placed[0].equals(placed[1])


@pytest.mark.parametrize("form", ["csr", "dense", "backed"])
@pytest.mark.parametrize("storage", ["stored", "streamed"])
def test_cells_that_are_read_block_by_block_give_the_same_map(
    demo: Any, form: str, storage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    sc, st = demo[0].copy(), demo[1]
    counts = sc.X.toarray() if sparse.issparse(sc.X) else sc.X.copy()
    counts[5] = 0  # a cell that is left out
    sc.X = counts if form == "dense" else sparse.csr_matrix(counts)
    options = {"k_best": 5, "storage": storage, "n_components": None}
    with pytest.warns(DataWarning, match="1 cell"):
        expected = hs.map_cells(sc, st, **options)
    if form == "backed":
        sc.write_h5ad(tmp_path / "sc.h5ad")
        sc = ad.read_h5ad(tmp_path / "sc.h5ad", backed="r")
    monkeypatch.setattr(selection, "HELD", 0)
    with pytest.warns(DataWarning, match="1 cell"):
        found = hs.map_cells(sc, st, **options)
    assert same(expected, found)


def test_the_memory_of_a_map_with_k_best_is_that_of_the_data(demo: Any) -> None:
    sc, st = demo
    counts = sparse.csr_matrix(sc.X)[np.resize(np.arange(sc.n_obs), 60_000)]
    names = pd.DataFrame(index=[f"c{i}" for i in range(60_000)])
    sc = ad.AnnData(counts, names, sc.var[[]])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    mapping = hs.map_cells(sc, st, "correlation", k_best=5, storage="streamed", gene_weights="equal")
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert mapping.shape == (sc.n_obs, st.n_obs)
    tables = 4 * sc.n_obs * (sc.n_vars + COMPONENTS)
    assert peak < 2 * tables + 150e6


def low_rank(m: int, rank: int, seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(1)
    programmes = rng.standard_normal((rank, 60))
    programmes -= programmes.mean(axis=1, keepdims=True)
    return unit_rows(np.random.default_rng(seed).standard_normal((m, rank)) @ programmes)


def test_as_many_components_as_the_rank_keep_every_correlation() -> None:
    sc, st = low_rank(300, 7, 2), low_rank(80, 7, 3)
    found = projected(sc, st, 7)
    assert found.sc.shape == (300, 7)
    assert found.error["largest"] < 1e-12
    np.testing.assert_allclose(found.sc @ found.st.T, sc @ st.T, atol=1e-12)


def test_components_are_the_leading_directions_of_both_tables() -> None:
    rng = np.random.default_rng(0)
    scale = 0.8 ** np.arange(60)
    sc, st = (unit_rows(rng.standard_normal((n, 60)) * scale) for n in (900, 400))
    found = projected(sc, st, 5)
    gram = sc.T @ sc / len(sc) + st.T @ st / len(st)
    leading = np.linalg.eigh(gram)[1][:, -5:]
    np.testing.assert_allclose(found.sc @ found.st.T, sc @ leading @ leading.T @ st.T, atol=1e-6)
    apart = found.sc @ found.st.T - sc @ st.T
    assert found.error["largest"] <= np.abs(apart).max()
    assert found.error["rms"] == pytest.approx(np.sqrt(np.square(apart).mean()), rel=0.1)


def test_components_have_the_same_bytes_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    sc, st = (np.random.default_rng(0).standard_normal((n, 400), np.float32) for n in (4000, 500))
    found = set()
    for threads in (1, 2, 5):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        found.add(projected(unit_rows(sc.copy()), unit_rows(st.copy()), 20).sc.tobytes())
    assert len(found) == 1


def test_the_record_tells_components_and_their_error(demo: Any) -> None:
    solver = hs.map_cells(*demo, "ssa", n_components=64).uns["homespot"]["solver"]
    assert solver["components"] == 64
    assert 0 < solver["error_correlations"]["rms"] < solver["error_correlations"]["largest"] < 1


def test_the_problem_alone_decides_how_it_is_solved() -> None:
    small = {"cells": 1000, "spots": 400, "genes": 2000}
    large = {"cells": 300_000, "spots": 20_000, "genes": 2000}
    assert layout(**small, k_best=20) == ("stored", None)
    assert layout(**large, k_best=20) == ("streamed", COMPONENTS)
    assert layout(**large, k_best=20, n_components=None) == ("streamed", None)
    assert layout(**large, k_best=20, storage="stored") == ("stored", None)
    assert layout(**(large | {"genes": 90}), k_best=20) == ("streamed", None)
    assert layout(**small, k_best=None, storage="streamed", n_components=30) == ("streamed", 30)


def test_what_does_not_fit_names_the_storage_that_does(
    demo: Any, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sc = ad.concat([demo[0]] * 40, index_unique="-")
    streamed = {"k_best": 5, "storage": "streamed"}
    monkeypatch.setattr(memory, "available", lambda: 125 * 2**20)
    with refused("MiB map 60,000 cells 405 spots | free | storage streamed", TooLargeError):
        hs.map_cells(sc, demo[1], **streamed | {"storage": "stored"})
    assert hs.map_cells(sc, demo[1], **streamed).shape == (60_000, 405)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "all", True, [3]])
def test_a_wrong_number_of_components_is_refused(demo: Any, wrong: Any) -> None:
    with pytest.raises(InputError, match="n_components"):
        hs.map_cells(*demo, "ssa", n_components=wrong)


def test_a_matrix_that_is_read_can_be_changed_row_by_row() -> None:
    x = np.arange(12.0).reshape(6, 2)
    source = Streamed(lambda a, b: x[a:b].copy(), x.shape, x.dtype, sparse=False, pick=lambda i: x[i])
    doubled = source.mapped(lambda block: 2 * block).taken(np.array([5, 1, 2]))
    assert np.array_equal(in_memory(doubled), 2 * x[[5, 1, 2]])
    assert np.array_equal(doubled[np.array([2, 0])], 2 * x[[2, 5]])
    assert len(doubled) == 3
