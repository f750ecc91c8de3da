"""Maps in two threads at once, each its own problem, and compares with one after the other.

Arguments: folder of the problem, folder for the results.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import anndata as ad
import numpy as np
from scipy import sparse

import homespot

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
sc, st = (ad.read_h5ad(folder / f"{side}.h5ad") for side in ("sc", "st"))
# Alone, a map of this problem is over before another thread has begun.
many = ad.concat([sc] * 20, index_unique="-")
together = Barrier(2)


def answer(cells: ad.AnnData, method: str, k_best: int | None) -> bytes:
    mapping = homespot.map_cells(cells, st, method, k_best=k_best)
    p = mapping.X.toarray() if sparse.issparse(mapping.X) else np.asarray(mapping.X)
    return (
        p.tobytes() + homespot.cell_positions(mapping).select_dtypes("number").to_numpy(dtype="f8").tobytes()
    )


def at_once(problem: tuple[ad.AnnData, str, int | None]) -> bytes:
    together.wait(60)
    return answer(*problem)


problems = [(many, "ssa", None), (many[::2].copy(), "ssa", 5), (sc, "correlation", None), (many, "ssa", 3)]
alone = [answer(*problem) for problem in problems]
pairs = [(i, j) for i in range(len(problems)) for j in range(len(problems))]
wrong = []
with ThreadPoolExecutor(2) as pool:
    for pair in pairs:
        found = list(pool.map(at_once, [problems[i] for i in pair]))
        wrong += [pair for i, value in zip(pair, found, strict=True) if value != alone[i]]
(out / "threads.json").write_text(json.dumps({"pairs": len(pairs), "wrong": wrong}))
