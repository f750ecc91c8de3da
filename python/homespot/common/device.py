"""Which device computes."""

from __future__ import annotations

import ctypes
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import DataWarning, DeviceError, InputError, expected
from .extras import has, require
from .wording import argument

__all__ = ["LARGE", "block_elements", "first_device", "given_back", "named_device", "resolve_device"]

LARGE = 2**24
"""Pairs of a cell and a spot from which ``"auto"`` takes a GPU; its start takes longer than a smaller map."""

_BLOCK = (2**22, 2**26)  # elements of a temporary block on a GPU
_PART = 16  # of all elements, for a temporary block


def block_elements(n_elements: int) -> int:
    """Return how many elements a temporary block on a GPU has, whatever memory is free."""
    return min(max(n_elements // _PART, _BLOCK[0]), _BLOCK[1])


def _cuda_driver() -> bool:
    """Whether a CUDA driver is installed, without the seconds that importing torch takes."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def first_device() -> str:
    """Return the device that ``"auto"`` takes for large problems if it works, which is not tried here."""
    if not (_cuda_driver() and has("torch")):
        return "cpu"
    from . import cuda  # torch takes seconds to import

    return "cuda:0" if cuda.count() else "cpu"


def resolve_device(device: str = "auto", pairs: int | None = None) -> str:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` into the device that will run.

    Parameters
    ----------
    device
        ``"auto"`` is the first CUDA device where there is one that works, torch is installed, and the problem
        is large; else the CPU.
    pairs
        Size of the problem, cells times spots; None: large.

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
    number = index.isascii() and index.isdecimal()
    if kind not in ("auto", "cpu", "cuda") or (index and (kind != "cuda" or not number)):
        raise InputError(
            expected("device 'auto', 'cpu', 'cuda' or 'cuda:<index>'", repr(device), "Use one of these.")
        )
    if kind == "cpu" or (kind == "auto" and pairs is not None and pairs < LARGE):
        return "cpu"
    if kind == "auto":
        return _if_it_works(first_device())
    require("torch", f"device {device!r}")
    from . import cuda

    count = cuda.count()
    if int(index or 0) >= count:
        raise DeviceError(
            expected(
                f"device {device!r}",
                f"{count} CUDA device(s) that torch {cuda.VERSION} can use",
                f"Use {argument('device', 'cpu')}, or install a CUDA build of torch and the NVIDIA driver.",
            )
        )
    return f"cuda:{int(index or 0)}"


def named_device(device: str) -> str:
    """Return what `resolve_device` does, but ``"auto"``, which follows from the problem, as it is."""
    return device if isinstance(device, str) and device == "auto" else resolve_device(device)


def _if_it_works(device: str) -> str:
    """Return the device, or the CPU and a warning if a small sum on the device fails."""
    if device == "cpu":
        return device
    from . import cuda

    fault = cuda.fault(device)
    if fault is None:
        return device
    warnings.warn(
        f"The GPU {device} does not compute with torch {cuda.VERSION} ({fault}), so the CPU does. "
        f"{argument('device', 'cpu')} says so without this warning.",
        DataWarning,
        stacklevel=4,
    )
    return "cpu"


@contextmanager
def given_back(device: str) -> Iterator[None]:
    """Give back a GPU's memory at the end of the block, also after an error, which would keep what it met."""
    if device == "cpu":
        yield
        return
    from . import cuda

    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        cuda.release(device)
