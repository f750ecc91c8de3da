"""Which device computes, and with how many threads."""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from .errors import DeviceError, InputError, expected
from .extras import has, require

__all__ = ["limited_threads", "resolve_device", "threads", "torch_threads"]

# The loops here are bound by memory bandwidth: more threads gain little, and a server is shared.
_MOST_THREADS = 8
_SERIAL = 2**19  # elements under which threads cost more than they bring
_LIMIT = threading.RLock()
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_LIMITS = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK")


def threads(n_elements: int | None = None) -> int:
    """Return the number of threads: the user's limit, else the cores this process may use, at most 8.

    It is one for work on few elements, where threads cost more than they bring.
    The limits read are ``OMP_NUM_THREADS`` and ``SLURM_CPUS_PER_TASK``, in this order. Cores beyond a
    container's quota do not count.
    """
    if n_elements is not None and n_elements < _SERIAL:
        return 1
    for name in _LIMITS:
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            return int(value)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, _quota(), _MOST_THREADS)


def _quota() -> int:
    """Return how many cores the container may use, as ``docker --cpus`` sets it; many without a quota."""
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no such file; "max"
        return sys.maxsize


@contextmanager
def limited_threads(most: int | None = None) -> Iterator[int]:
    """Keep the linear algebra libraries within `most` threads, by default `threads`, while the block runs.

    The limit is one of the whole process, so only one thread at a time may have one; others wait.
    """
    n = threads() if most is None else most
    with _LIMIT, threadpool_limits(limits=n):
        yield n


@contextmanager
def torch_threads(n_elements: int | None = None) -> Iterator[None]:
    """Let torch use `threads` threads while the block runs, or one for work on few elements."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads(n_elements))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cuda_driver() -> bool:
    """Whether a CUDA driver is installed, without the seconds that importing torch takes."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def resolve_device(device: str = "auto") -> str:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` into the device that will run.

    Parameters
    ----------
    device
        ``"auto"`` is the first CUDA device where there is one and torch is installed, else the CPU.

    Returns
    -------
    ``"cpu"`` or ``"cuda:<index>"``.

    Raises
    ------
    DeviceError
        If a CUDA device is asked for by name and is not there; it never falls back in silence.
    DependencyError
        If a CUDA device is asked for by name, and torch is not installed.
    """
    kind, _, index = device.partition(":") if isinstance(device, str) else ("", "", "")
    if kind not in ("auto", "cpu", "cuda") or (index and (kind != "cuda" or not index.isdigit())):
        raise InputError(
            expected("device 'auto', 'cpu', 'cuda' or 'cuda:<index>'", repr(device), "Use one of these.")
        )
    if kind == "cpu" or (kind == "auto" and not (_cuda_driver() and has("torch"))):
        return "cpu"
    require("torch", f"device {device!r}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        return "cuda:0" if count else "cpu"
    if int(index or 0) >= count:
        raise DeviceError(
            expected(
                f"device {device!r}",
                f"{count} CUDA device(s) that torch {torch.__version__} can use",
                "Use device='cpu', or install a CUDA build of torch and the NVIDIA driver.",
            )
        )
    return f"cuda:{int(index or 0)}"
