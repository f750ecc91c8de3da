"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, expected

__all__ = ["check_target", "whole"]


def check_target(path: str | os.PathLike[str], *suffixes: str) -> Path:
    """Refuse a path that cannot be written to or has none of these endings; the first is the usual one."""
    target = Path(path)
    if target.suffix not in suffixes:
        raise InputError(expected(f"a path that ends in {suffixes[0]}", repr(str(path)), "Rename it."))
    if not target.parent.is_dir():
        raise InputError(
            expected("a path in a folder that exists", repr(str(path)), "Make the folder first.")
        )
    if not os.access(target.parent, os.W_OK) or target.is_dir():
        raise InputError(expected("a path that can be written to", repr(str(path)), "Use another."))
    return target


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield an empty temporary file; it replaces `target` at the end, and is deleted after an error."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
    os.close(handle)
    file = Path(name)
    try:
        yield file
        mask = os.umask(0)
        os.umask(mask)
        file.chmod(0o666 & ~mask)
        file.replace(target)
    finally:
        file.unlink(missing_ok=True)
