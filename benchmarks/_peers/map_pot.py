"""POT alone: SSA written down with NumPy and ``ot.sinkhorn``, in float64, as one would from the paper.

Genes among the 5,000 most variable of the cells, z-scores, Pearson correlation of cells and spots, marginals
by the row sums of the log values, D = 1 - abs(rho) (or 1 - rho) over its maximum, regularisation 0.05.
"""

from __future__ import annotations

import numpy as np
import ot
from _driver import Tables, main

REGULARISATION = 0.05
TOLERANCE = 1e-4  # L1 error of the marginals, as of homespot
MOST_ITERATIONS = 2000


def unit_rows(x: np.ndarray) -> np.ndarray:
    x = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    x = x - x.mean(axis=1, keepdims=True)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def mapped(data: Tables, signed: bool) -> np.ndarray:
    x = data.cells.astype(np.float64)
    variances = np.asarray(x.multiply(x).mean(axis=0) - np.square(x.mean(axis=0))).ravel()
    variable = {data.cell_genes[j] for j in np.argsort(-variances)[:5000]}
    kept = [j for j, gene in enumerate(data.spot_genes) if gene in variable]
    tables = [table[:, kept].astype(np.float64) for table in (data.shared(), data.spots)]
    p, q = (table.sum(axis=1) / table.sum() for table in tables)
    rho = unit_rows(tables[0]) @ unit_rows(tables[1]).T
    cost = 1 - (rho if signed else np.abs(rho))
    # POT stops on the L2 norm of the error; sqrt(N) times it bounds the L1 norm.
    return ot.sinkhorn(
        p,
        q,
        cost / cost.max(),
        REGULARISATION,
        stopThr=TOLERANCE / np.sqrt(len(q)),
        numItermax=MOST_ITERATIONS,
    )


if __name__ == "__main__":
    main("POT", mapped)
