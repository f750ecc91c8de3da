"""Ask for the memory that an .h5ad file takes once it is read."""

from __future__ import annotations

import os
from typing import Any

import h5py

from ..common import memory

__all__ = ["require_file"]

_CHECKED = 2**24  # bytes of X that are looked at at once, to check it


def _bytes_in(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return the bytes of X, and those of everything else, as they are in memory: not packed."""
    sizes = {True: 0, False: 0}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes[name.split("/")[0] == "X"] += int(item.size or 0) * int(item.dtype.itemsize)

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return sizes[True], sizes[False]


def require_file(path: str | os.PathLike[str], *, backed: bool) -> None:
    """Refuse a file that does not fit into memory; `backed` leaves X in it."""
    of_x, others = _bytes_in(path)
    memory.require(
        lambda backed: others + (0 if backed else of_x) + min(of_x, _CHECKED),
        f"what {os.fspath(path)!r} holds",
        {"backed": backed},
        options={"leave X in the file (backed=True, or 'r' for anndata.read_h5ad)": {"backed": True}},
    )
