"""How much memory is free, and a clear error if a step needs more."""

from __future__ import annotations

import logging
from pathlib import Path

import psutil

from ..errors import TooLargeError, expected

__all__ = ["available", "human", "require"]


_log = logging.getLogger("homespot")
_CGROUP = Path("/sys/fs/cgroup")


def _cgroup_left() -> int | None:
    """Bytes left under a container's limit, or None where there is none.

    File pages that the kernel can drop at any time do not count as used.
    """
    try:
        limit = int((_CGROUP / "memory.max").read_text())  # "max", no number, where there is no limit
        used = int((_CGROUP / "memory.current").read_text())
        kept = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return max(limit - used + int(kept.get("inactive_file", 0)), 0)


def available() -> int:
    """Return the bytes of main memory that this process can still take."""
    free = int(psutil.virtual_memory().available)
    left = _cgroup_left()
    return free if left is None else min(free, left)


def human(n_bytes: float) -> str:
    """Write a number of bytes for people: ``1.4 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TiB"


def require(n_bytes: int, what: str, remedy: str, device: str = "cpu") -> None:
    """Raise a `TooLargeError` if a step would not fit into memory; else log its size (INFO, "homespot").

    Parameters
    ----------
    n_bytes
        Bytes about to be taken.
    what
        What they are for, e.g. ``"a map of 20,000 cells x 3,600 spots"``.
    remedy
        The option that makes it fit.
    device
        Whose memory: ``"cpu"`` or ``"cuda:<index>"``.
    """
    free, where = available(), "memory"
    if device != "cpu":
        from . import cuda  # torch takes seconds to import, and most callers need none

        free, where = cuda.free_memory(device), f"memory on {device}"
    if n_bytes > free:
        raise TooLargeError(
            expected(f"{human(n_bytes)} of {where} for {what}", f"{human(free)} free", remedy)
        )
    _log.info("%s of %s for %s, %s free", human(n_bytes), where, what, human(free))
