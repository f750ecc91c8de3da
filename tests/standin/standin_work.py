"""What the tests of the stand-in device run in its process: everything on a device that is named."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import anndata as ad
import numpy as np
import torch
from standin import CARD

import homespot as hs
from homespot.errors import ConvergenceWarning
from homespot.matrix.best import largest_entries
from homespot.matrix.streamed import in_memory
from homespot.transport import CorrelationCost, Cost, MatrixCost, sinkhorn
from homespot.transport._torch_map import largest


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


def largest_of(p: np.ndarray, k: int, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Pick the largest entries of every row on a device."""
    columns, values = largest(torch.from_numpy(p).to(device), k)
    return columns.cpu().numpy(), values.cpu().numpy()


def kept(kind: str, device: str, k: int, **options: Any) -> dict[str, Any]:
    """Solve, keep the k best of every row, and count what comes to main memory for it."""
    given, m, n = cost(kind, 900, 61), 900, 61
    fetched = CARD.fetched
    result = sinkhorn(
        given, *marginals(m, n), device=device, backend="torch", fetch=False, progress=False, **options
    )
    best = largest_entries(result.map, k)
    fetched = CARD.fetched - fetched
    rows = in_memory(result.map)
    matrix = result.matrix
    del result
    return {"best": best, "rows": rows, "matrix": matrix, "fetched": fetched, "left": _left()}
