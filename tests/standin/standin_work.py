"""What the tests of the stand-in device run in its process: everything on a device that is named."""

from __future__ import annotations

import gc
import logging
import warnings
from typing import Any
from unittest import mock

import anndata as ad
import numpy as np
import torch
from standin import CARD, DEVICE

import homespot as hs
from homespot.common import device as device_module
from homespot.errors import ConvergenceWarning, TooLargeError
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


def reset(**card: Any) -> None:
    """Forget what was counted, and set what the card is like."""
    gc.collect()
    CARD.reserved = CARD.peak = CARD.allocated
    CARD.products.clear()
    CARD.streams.clear()
    CARD.total, CARD.rounds, CARD.broken = 2**40, False, None
    for name, value in card.items():
        setattr(CARD, name, value)


class _Asked(logging.Handler):
    """The bytes that were asked for on the device."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.n_bytes = 0

    def emit(self, record: logging.LogRecord) -> None:
        if DEVICE in record.getMessage():
            self.n_bytes = record.n_bytes  # type: ignore[attr-defined]


def asked_and_taken(run: str, *given: Any, block: int = 2**12, **options: Any) -> tuple[int, int]:
    """Return the bytes that were asked for on the card, and its peak.

    `run` is a function of this module, `block` the elements of a temporary block.
    """
    reset()
    asked, log = _Asked(), logging.getLogger("homespot")
    log.addHandler(asked)
    log.setLevel(logging.INFO)
    try:
        with mock.patch.object(device_module, "_BLOCK", (block, block)):
            globals()[run](*given, **options)
    finally:
        log.removeHandler(asked)
    return asked.n_bytes, CARD.peak


def twice(**options: Any) -> None:
    """Solve twice on a card that holds little more than one problem, and keeps what was freed."""
    n_bytes, _ = asked_and_taken("transport", "signed", DEVICE, **options)
    reset(total=int(1.2 * n_bytes))
    for _ in range(2):
        transport("signed", DEVICE, **options)
    reset()


def out_of_memory(pair: tuple[ad.AnnData, ad.AnnData], method: str, **options: Any) -> str:
    """Map on a card that another program fills in the meantime; return the error."""
    reset(total=20_000)
    with mock.patch("homespot.common.cuda.free_memory", return_value=2**30):
        try:
            mapped(pair, method, DEVICE, **options)
        except TooLargeError as error:
            return str(error)
        finally:
            reset()
    return ""


def host_is_full(pair: tuple[ad.AnnData, ad.AnnData]) -> tuple[str, int]:
    """Map by COME on a card, with too little main memory; return the error, and what the card has done."""
    reset()
    with mock.patch("homespot.common.memory.available", return_value=100):
        try:
            mapped(pair, "come", DEVICE)
        except TooLargeError as error:
            return str(error), CARD.peak
    return "", 0


def interrupted(pair: tuple[ad.AnnData, ad.AnnData], method: str, **options: Any) -> tuple[str, int, int]:
    """Return an error from within a run, and what is left on the card while the error is kept."""

    def stop(done: int, *_: object) -> None:
        if done == 2:
            raise ValueError("enough")

    reset()
    try:
        hs.map_cells(*pair, method, device=DEVICE, progress=stop, **options)
    except ValueError as error:
        gc.collect()
        return str(error), CARD.allocated, CARD.reserved
    return "", 0, 0


def products(storage: str, **options: Any) -> list[tuple[str, tuple[tuple[int, ...], ...]]]:
    """Return names and shapes of the products of a transport."""
    reset()
    transport("signed", DEVICE, storage=storage, max_iter=3, **options)
    return sorted(CARD.products)


def streams(pair: tuple[ad.AnnData, ad.AnnData]) -> list[str]:
    """Return the streams and devices that were made current."""
    reset()
    mapped(pair, "come", DEVICE, epochs=1, pretrain_epochs=1)
    return CARD.streams


def under_tf32(device: str, how: str) -> dict[str, Any]:
    """Solve where the caller allows products of ten bits; return what was found, and what is set then."""
    reset(rounds=True)
    kept = torch.backends.cuda.matmul.fp32_precision
    if how == "old":
        torch.set_float32_matmul_precision("high")
    elif how == "new":
        torch.backends.cuda.matmul.fp32_precision = "tf32"
    during = torch.backends.cuda.matmul.fp32_precision
    try:
        found = transport("signed", device, max_iter=20)
        assert torch.backends.cuda.matmul.fp32_precision == during
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.fp32_precision = kept
        reset()
    return found
