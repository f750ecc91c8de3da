"""A whole transcriptome in space: seconds and memory, beside SciPy's sparse product and the dense one.

20,000 genes (5 % of the values are not 0) of 20,000 cells at 3,600 spots, from a dense map and from one with
the 50 best spots of every cell. Each in a process of its own, the peers in the same round as ours, the best
of two rounds; SciPy's product runs in one thread, so the processor's seconds stand beside the clock's.
"""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
from _common import in_child, peak_memory, print_table, write_csv
from scipy import sparse

import homespot as hs
from homespot.mapping.validity import new_mapping
from homespot.matrix.sums import row_sums

CELLS, SPOTS, GENES, DENSITY, K_BEST = 20_000, 3_600, 20_000, 0.05, 50
IMPLEMENTATIONS = ("ours", "ours, to disk", "one scipy sparse product", "naive dense product")
ROUNDS = 2


def _map(kind: str) -> np.ndarray | sparse.csr_matrix:
    rng = np.random.default_rng(0)
    if kind == "dense":
        p = rng.random((CELLS, SPOTS), dtype=np.float32)
        p /= p.sum(axis=1, keepdims=True)
        return p
    columns = np.sort(rng.permuted(np.tile(np.arange(SPOTS, dtype=np.int32), (CELLS, 1)), axis=1)[:, :K_BEST])
    values = np.full(columns.size, 1 / K_BEST, dtype=np.float32)
    return sparse.csr_matrix(
        (values, columns.ravel(), np.arange(0, columns.size + 1, K_BEST)), shape=(CELLS, SPOTS)
    )


def _expression() -> sparse.csr_matrix:
    rng = np.random.default_rng(1)
    x = sparse.random(CELLS, GENES, DENSITY, "csr", np.float32, rng)
    x.sort_indices()
    return sparse.csr_matrix(x)


def _work(name: str, kind: str) -> Callable[[], object]:
    p, x = _map(kind), _expression()
    if name.startswith("ours"):
        cells = pd.DataFrame(index=[f"c{i}" for i in range(CELLS)])
        spots = pd.DataFrame(index=[f"s{i}" for i in range(SPOTS)])
        left_over = np.clip(1 - row_sums(p), 0, 1)
        mapping = new_mapping(p, cells, spots, {"method": "random"}, left_over=left_over)
        sc = ad.AnnData(x, obs=cells, var=pd.DataFrame(index=[f"g{i}" for i in range(GENES)]))
        few = hs.subset(mapping, cells=cells.index[:10])
        hs.impute_genes(few, sc[:10], ["g1"], scale="log", read_out="sum")  # compiled before it is timed
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder)
        output = f"{folder}/imputed.h5ad" if name.endswith("disk") else None
        return lambda: hs.impute_genes(mapping, sc, scale="log", read_out="sum", output=output)
    if name.startswith("one scipy"):
        if kind == "dense":
            return lambda: x.T @ p
        return lambda: (p.T @ x).toarray()
    whole = p if kind == "dense" else p.toarray()
    return lambda: whole.T @ x.toarray()


def child(name: str, kind: str) -> None:
    """Measure one implementation, and print the figures as JSON."""
    work = _work(name, kind)
    with peak_memory() as peak:
        start, busy = time.perf_counter(), time.process_time()
        result = work()
        figures = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - busy}
        del result
        print(json.dumps({**figures, "gib": peak() / 2**30}))


def main() -> None:
    """Print the table and write its CSV file."""
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    rows: list[dict[str, object]] = []
    for kind in ("dense", f"k = {K_BEST}"):
        found: dict[str, dict[str, float]] = {}
        for _ in range(ROUNDS):
            for name in IMPLEMENTATIONS:
                now = in_child(__file__, name, kind)
                if now and (name not in found or now["seconds"] < found[name]["seconds"]):
                    found[name] = now
        peer = found["one scipy sparse product"]["seconds"]
        rows += [
            {
                "map": kind,
                "implementation": name,
                "seconds": figures["seconds"],
                "CPU seconds": figures["cpu"],
                "GiB": figures["gib"],
                "time / scipy": figures["seconds"] / peer,
            }
            for name, figures in found.items()
        ]
    print_table(rows)
    print(f"Written to {write_csv('impute', rows)}")


if __name__ == "__main__":
    main()
