"""Which device computes."""

from __future__ import annotations

import ctypes
import sys

from ..errors import DeviceError, InputError, expected
from .extras import has, require
from .wording import argument

__all__ = ["resolve_device"]


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
    from . import cuda  # torch takes seconds to import

    count = cuda.count()
    if kind == "auto":
        return "cuda:0" if count else "cpu"
    if int(index or 0) >= count:
        raise DeviceError(
            expected(
                f"device {device!r}",
                f"{count} CUDA device(s) that torch {cuda.VERSION} can use",
                f"Use {argument('device', 'cpu')}, or install a CUDA build of torch and the NVIDIA driver.",
            )
        )
    return f"cuda:{int(index or 0)}"
