"""What torch says of GPUs, and how many threads it may use. Importing this module imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .cores import threads

__all__ = ["VERSION", "count", "free_memory", "torch_threads"]

VERSION = torch.__version__


def count() -> int:
    """Return how many CUDA devices torch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def free_memory(device: str) -> int:
    """Return the free bytes of a CUDA device."""
    return int(torch.cuda.mem_get_info(device)[0])


@contextmanager
def torch_threads(n_elements: int | None = None) -> Iterator[None]:
    """Let torch use `threads` threads while the block runs, or one for work on few elements."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads(n_elements))
    try:
        yield
    finally:
        torch.set_num_threads(before)
