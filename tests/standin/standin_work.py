"""What the tests of the stand-in device run in its process: everything on a device that is named."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import anndata as ad
import numpy as np
from standin import CARD

import homespot as hs
from homespot.errors import ConvergenceWarning
from homespot.transport import CorrelationCost, Cost, MatrixCost, sinkhorn


def unit_rows(n: int, k: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, k)) + np.linspace(0, 2, k)
    x -= x.mean(axis=1, keepdims=True)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cost(kind: str, m: int, n: int) -> Cost:
    """Return a cost by name."""
    if kind == "matrix":
        return MatrixCost(np.random.default_rng(0).random((m, n)))
    sc, st = unit_rows(m, 20, 0), unit_rows(n, 20, 1)
    st[3] = sc[7]
    return CorrelationCost(sc, st, absolute=kind == "absolute")


def marginals(m: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    p, q = rng.uniform(0.2, 1, m), rng.uniform(0.2, 1, n)
    return p / p.sum(), q / q.sum()


def transport(kind: str, device: str, m: int = 900, n: int = 61, **options: Any) -> dict[str, Any]:
    """Solve, and return what was found, and how often it crossed between the devices."""
    given, before = cost(kind, m, n), CARD.crossings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = sinkhorn(given, *marginals(m, n), device=device, backend="torch", progress=False, **options)
    return {
        "matrix": found.matrix,
        "potentials": found.potentials,
        "masses": found.masses,
        "errors": found.errors,
        "domain": found.domain,
        "iterations": found.iterations,
        "rows": found.map[:50],
        "crossings": CARD.crossings - before,
        "left": _left(),
    }


def _left() -> int:
    gc.collect()
    return CARD.allocated


def mapped(pair: tuple[ad.AnnData, ad.AnnData], method: str, device: str, **options: Any) -> dict[str, Any]:
    """Map, and return the map, and what is left on the card."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = hs.map_cells(*pair, method, device=device, progress=False, **options)
    return {"mapping": found, "left": _left(), "reserved": CARD.reserved}
