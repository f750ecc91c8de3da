"""Compile loops with numba, and keep the results in the user's cache folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

__all__ = ["compiled"]

_config: Any = numba.config


def _candidate() -> Path:
    """Return the folder to cache in: numba's own setting, else the system's place for caches."""
    if _config.CACHE_DIR:
        return Path(_config.CACHE_DIR)
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(base or default).expanduser() / "homespot"


@cache
def _folder() -> str | None:
    """Return a folder in which a megabyte can be written, or None: loops are then compiled each time."""
    try:
        folder = _candidate()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None
    return str(folder)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` at its first call; it runs without Python's lock.

    Fast arithmetic is allowed where it lets sums be vectorised; infinities and NaN keep their meaning. By
    default numba puts its cache beside the sources; its setting is changed only while it looks the place up.
    """
    before = _config.CACHE_DIR
    folder = _folder()
    _config.CACHE_DIR = folder or before
    try:
        return numba.njit(
            nogil=True,
            error_model="numpy",
            fastmath={"reassoc", "contract", "nsz"},
            cache=folder is not None,
        )(function)
    finally:
        _config.CACHE_DIR = before
