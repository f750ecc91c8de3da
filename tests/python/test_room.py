"""What every large step says it takes of memory is what it takes, within the factor stated here."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs

LEAST, MOST = 0.5, 1.15
"""The peak of a step lies between these multiples of what it announced."""

SLACK = 3 * 2**20
"""Bytes that Python itself takes meanwhile: names, tables, records."""

CELLS, SPOTS, GENES = 3000, 2000, 300


def _expression(n: int, rows: str, seed: int) -> ad.AnnData:
    rng = np.random.default_rng(seed)
    counts = sparse.csr_matrix(rng.poisson(rng.gamma(0.5, 0.6, (n, GENES))).astype(np.float32))
    names = [f"{rows}{i}" for i in range(n)]
    genes = pd.DataFrame(index=[f"g{i}" for i in range(GENES)])
    obs = pd.DataFrame({"part": rng.choice(["a", "b"], n)}, index=names)
    return ad.AnnData(counts, obs, genes, obsm={"spatial": rng.uniform(0, 100, (n, 2))})


@pytest.fixture(scope="module")
def sc() -> ad.AnnData:
    cells = _expression(CELLS, "c", 0)
    del cells.obsm["spatial"]
    return cells


@pytest.fixture(scope="module")
def st() -> ad.AnnData:
    return _expression(SPOTS, "s", 1)


@pytest.fixture(scope="module")
def dense(sc, st) -> ad.AnnData:
    return hs.map_cells(sc, st, joint=True, progress=False)


@pytest.fixture(scope="module")
def kept(sc, st) -> ad.AnnData:
    return hs.map_cells(sc, st, joint=True, k_best=100, progress=False)


@pytest.fixture(scope="module")
def files(dense, kept, tmp_path_factory) -> Callable[[str], str]:
    folder = tmp_path_factory.mktemp("maps")
    hs.save(dense, folder / "dense.h5ad")
    hs.save(kept, folder / "kept.h5ad")
    return lambda name: str(folder / f"{name}.h5ad")


def _part(mapping: ad.AnnData, cells: slice = slice(None), spots: slice = slice(None)) -> ad.AnnData:
    return hs.subset(mapping, list(mapping.obs_names[cells]), list(mapping.var_names[spots]))


def _labels(n: int, kinds: int) -> list[str]:
    return [f"type{i % kinds}" for i in range(n)]


QUIET: dict[str, Any] = {"progress": False}

STEPS: dict[str, Callable[[Any], Callable[[], object]]] = {
    "ssa": lambda of: lambda: hs.map_cells(of.sc, of.st, joint=True, **QUIET),
    "ssa in doubles": lambda of: lambda: hs.map_cells(of.sc, of.st, joint=True, dtype="float64", **QUIET),
    "ssa, k_best": lambda of: lambda: hs.map_cells(of.sc, of.st, joint=True, k_best=50, **QUIET),
    "ssa, streamed": lambda of: (
        lambda: hs.map_cells(of.sc, of.st, joint=True, k_best=50, storage="streamed", **QUIET)
    ),
    "ssa, streamed without components": lambda of: (
        lambda: hs.map_cells(
            of.sc, of.st, joint=True, k_best=50, storage="streamed", n_components=None, **QUIET
        )
    ),
    "ssa, potentials": lambda of: lambda: hs.map_cells(of.sc, of.st, joint=True, storage="streamed", **QUIET),
    "ssa, potentials of genes": lambda of: (
        lambda: hs.map_cells(of.sc, of.st, joint=True, storage="streamed", n_components=None, **QUIET)
    ),
    "correlation": lambda of: lambda: hs.map_cells(of.sc, of.st, "correlation", joint=True, **QUIET),
    "come": lambda of: _trained(of),
    "come by adam": lambda of: _trained(of, map_optimiser="adam"),
    "come, genes held out": lambda of: _trained(of, validation_genes=0.2),
    "come on candidates": lambda of: _trained(of, candidates=400),
    "come on candidates from ssa": lambda of: _trained(of, candidates=400, start="ssa", map_optimiser="adam"),
    "sections": lambda of: lambda: hs.map_cells(of.sc, of.st, sections="part", **QUIET),
    "sections, k_best": lambda of: lambda: hs.map_cells(of.sc, of.st, sections="part", k_best=50, **QUIET),
    "combine_cells": lambda of: _combined(of, hs.combine_cells, cells=True),
    "combine_sections": lambda of: _combined(of, hs.combine_sections, cells=False),
    "renormalise": lambda of: lambda: hs.renormalise(of.dense),
    "renormalise, in a file": lambda of: _backed(of, hs.renormalise),
    "subset of cells": lambda of: lambda: _part(of.dense, slice(0, 2000)),
    "subset of spots": lambda of: lambda: _part(of.dense, spots=slice(0, 1500)),
    "subset, in a file": lambda of: _backed(
        of, lambda mapping: _part(mapping, slice(0, 2000), slice(0, 1500))
    ),
    "load": lambda of: lambda: hs.load(of.files("dense")),
    "load, k_best": lambda of: lambda: hs.load(of.files("kept")),
    "add_mapping": lambda of: lambda: hs.add_mapping(of.sc, of.dense),
    "impute_genes": lambda of: lambda: hs.impute_genes(of.dense, of.sc),
    "deconvolve_spots": lambda of: lambda: hs.deconvolve_spots(of.dense, _labels(of.dense.n_obs, 900)),
    "annotate_cells": lambda of: lambda: hs.annotate_cells(of.dense, _labels(of.dense.n_vars, 900)),
    "type_distances": lambda of: lambda: hs.type_distances(of.dense, _labels(of.dense.n_obs, 900)),
    "cell_distances": lambda of: lambda: hs.cell_distances(of.dense),
    "cell_distances of some": lambda of: lambda: hs.cell_distances(of.dense, list(of.dense.obs_names[:900])),
    "cell_modes": lambda of: _few_cells(of, lambda mapping: hs.cell_modes(mapping, k=1500)),
    "join_sections": lambda of: _joined(of),
    "cross_validate": lambda of: lambda: hs.cross_validate(of.sc, of.st, folds=3, joint=True, **QUIET),
}


def _trained(of: Any, **options: Any) -> Callable[[], object]:
    short = {"epochs": 2, "pretrain_epochs": 1, "device": "cpu", "joint": True}
    return lambda: hs.map_cells(of.sc, of.st, "come", **short, **QUIET, **options)


def _combined(of: Any, verb: Callable[..., object], *, cells: bool) -> Callable[[], object]:
    halves = slice(0, 1000), slice(1000, None)
    if cells:
        parts = [_part(of.dense, half) for half in halves]
    else:
        parts = [hs.renormalise(_part(of.dense, spots=half)) for half in halves]
    return lambda: verb(parts)


def _backed(of: Any, verb: Callable[[ad.AnnData], object]) -> Callable[[], object]:
    mapping = hs.load(of.files("dense"), backed=True)
    return lambda: verb(mapping)


def _few_cells(of: Any, verb: Callable[[ad.AnnData], object]) -> Callable[[], object]:
    few = _part(of.dense, slice(0, 4))
    return lambda: verb(few)


def _joined(of: Any) -> Callable[[], object]:
    parts = {}
    for name in ("a", "b"):
        part = ad.AnnData(np.tile(of.st.X.toarray(), (1, 5)), of.st.obs[[]])
        part.obs_names = [f"{name}{spot}" for spot in part.obs_names]
        parts[name] = part
    return lambda: hs.join_sections(parts)


def _announced(caplog: pytest.LogCaptureFixture) -> int:
    return max((record.n_bytes for record in caplog.records if hasattr(record, "n_bytes")), default=0)


@pytest.fixture
def of(sc, st, dense, kept, files) -> Any:
    class All:
        pass

    found = All()
    vars(found).update(sc=sc, st=st, dense=dense, kept=kept, files=files)
    return found


@contextmanager
def _same_thread() -> Iterator[Callable[[Callable[[], object]], bool]]:
    """Take the place of `worker`: torch tells of the tensors of one thread only."""

    def run(task: Callable[[], object]) -> bool:
        task()
        return False

    yield run


@contextmanager
def _with_tensors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Yield what returns the most bytes that tensors and Python took together."""
    pytest.importorskip("torch")
    from torch import Tensor, strided
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    from homespot.learning import training

    monkeypatch.setattr(training, "worker", _same_thread)
    live: dict[int, tuple[StorageWeakRef, int]] = {}
    peak = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal peak
            found = function(*args, **(kwargs or {}))
            for tensor in tree_leaves(found):
                # The parts of a sparse tensor are tensors by themselves.
                if isinstance(tensor, Tensor) and tensor.layout == strided:
                    storage = tensor.untyped_storage()
                    live[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            for gone in [key for key, (storage, _) in live.items() if storage.expired()]:
                del live[gone]
            tensors = sum(n_bytes for _, n_bytes in live.values())
            peak = max(peak, tensors + tracemalloc.get_traced_memory()[0])
            return found

    with Watch():
        yield lambda: peak


@pytest.mark.filterwarnings("ignore::homespot.errors.DataWarning")
@pytest.mark.filterwarnings("ignore::homespot.errors.ConvergenceWarning")
@pytest.mark.parametrize("step", STEPS)
def test_the_peak_is_what_was_announced(step, of, caplog, monkeypatch) -> None:
    run = STEPS[step](of)
    run()  # what is compiled, imported and cached is not counted
    gc.collect()
    tracemalloc.start()
    try:
        with caplog.at_level("INFO", "homespot"):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            if step.startswith("come"):
                with _with_tensors(monkeypatch) as most:
                    run()
                peak = most()
            else:
                run()
                peak = tracemalloc.get_traced_memory()[1]
            peak -= before
    finally:
        tracemalloc.stop()
    said = _announced(caplog)
    ratio = f"{step}: peak {peak / 2**20:.1f} MiB, announced {said / 2**20:.1f} MiB"
    assert peak <= MOST * said + SLACK, ratio
    assert peak + SLACK >= LEAST * said, ratio
