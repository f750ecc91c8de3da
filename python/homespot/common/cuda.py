"""What torch says of GPUs, and the state that torch works in. Importing this module imports torch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from .cores import threads

__all__ = ["VERSION", "count", "fault", "free_memory", "release", "torch_work"]

VERSION = torch.__version__

_LOCK = threading.Lock()
_running: list[dict[str, Any]] = []  # what to go back to, once for every `torch_work` that runs


def count() -> int:
    """Return how many CUDA devices torch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def fault(device: str) -> str | None:
    """Return why a GPU cannot compute; None if it can. A card that torch was not built for is found so."""
    try:
        found = float(torch.ones(2, device=device).add_(1).sum())
    except RuntimeError as error:
        return " ".join(str(error).split("\n")[0].split()).rstrip(".")
    return None if found == 4 else f"1 + 1 is {found / 2:g}"


def _of(device: str) -> Any:
    """Return torch's module for a GPU: `torch.cuda`."""
    return getattr(torch, torch.device(device).type)


def free_memory(device: str) -> int:
    """Return the free bytes of a GPU, those that torch holds and does not use among them."""
    module = _of(device)
    kept = module.memory_reserved(device) - module.memory_allocated(device)
    return int(module.mem_get_info(device)[0] + kept)


def release(device: str) -> None:
    """Give back what torch holds of a GPU's memory and does not use; the CPU has nothing of that kind."""
    if device != "cpu":
        _of(device).empty_cache()


@contextmanager
def torch_work(device: str = "cpu", n_elements: int | None = None) -> Iterator[None]:
    """Let torch compute the same whatever the caller has set, and leave what was set as it was.

    While the block runs, products keep all digits of float32, new tensors are float32 and on the CPU unless
    the call says otherwise, nothing is cast by itself, and work on a GPU is in the order of the calls, on the
    device's default stream. torch uses `threads` threads, or one for work on few elements.

    Parameters
    ----------
    device
        Where the work is done.
    n_elements
        On how many elements; None: on many.
    """
    with ExitStack() as stack:
        stack.enter_context(_process())
        for kind in {"cpu", torch.device(device).type}:
            if torch.is_autocast_enabled(kind):
                stack.callback(torch.set_autocast_enabled, kind, True)
                torch.set_autocast_enabled(kind, False)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if device != "cpu":
            module = _of(device)
            stack.enter_context(module.device(device))
            stack.enter_context(module.stream(module.default_stream(device)))
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(threads(n_elements))
        yield


@contextmanager
def _process() -> Iterator[None]:
    """Set what holds for the whole process; the last of several blocks to end restores it."""
    with _LOCK:
        if not _running:
            _running.append(_switches())
            torch.set_default_dtype(torch.float32)
            torch.set_float32_matmul_precision("highest")
        else:
            _running.append({})
    try:
        yield
    finally:
        with _LOCK:
            kept = _running[0]
            _running.pop()
            if not _running:
                _restore(kept)


def _products() -> list[Any]:
    """Return what holds the precision of products; torch before 2.9 has one number for all of them."""
    found = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    return [products for products in found if hasattr(products, "fp32_precision")]


def _switches() -> dict[str, Any]:
    """Return what `_restore` takes."""
    # A product without a setting of its own ("none") reports the one of all products: they are told alike.
    every = getattr(torch.backends, "fp32_precision", "none")
    new = [products.fp32_precision for products in _products()]
    try:
        old = torch.get_float32_matmul_precision()
    except RuntimeError:  # the caller has set the new name only, and torch says the two contradict
        old = "highest" if new[0] == "tf32" else "high"
    new = ["none" if precision == every else precision for precision in new]
    return {"dtype": torch.get_default_dtype(), "old": old, "new": new}


def _restore(kept: dict[str, Any]) -> None:
    torch.set_default_dtype(kept["dtype"])
    torch.set_float32_matmul_precision(kept["old"])
    for products, precision in zip(_products(), kept["new"], strict=True):
        products.fp32_precision = precision
