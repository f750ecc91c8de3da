"""Compile loops with numba, and keep the results in the user's cache folder."""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from .files import whole

__all__ = ["compiled", "compiled_in_order"]

_config: Any = numba.config


def _candidate() -> tuple[Path, bool]:
    """Return the folder to cache in, and whether the user named it: the system's place for caches if not."""
    if _config.CACHE_DIR:
        return Path(_config.CACHE_DIR), True
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(base or default).expanduser() / "homespot", False


@cache
def _folder() -> Path | None:
    """Return a folder in which a megabyte can be written, or None: loops are then compiled each time.

    What is in the folder is run. So one that belongs to somebody else is used only if the user named it.
    """
    try:
        folder, named = _candidate()
        folder.mkdir(parents=True, exist_ok=True)
        if not named and hasattr(os, "geteuid") and folder.stat().st_uid != os.geteuid():
            return None
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None
    return folder


class _Cache:
    """The compiled forms of a function, each in a file that is named by all that it depends on.

    numba's own cache trusts its files: one that is cut off ends every call, one that is damaged crashes, and
    two processes may write two forms into one file. Here a file begins with the digest of the rest; where it
    is not right, or not there, the function is compiled again and the file written anew.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._source = [
            inspect.getsource(sys.modules[name]) for name in sorted(_modules(function.__module__))
        ]
        self._folder = folder

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def _file(self, signature: Any, codegen: Any) -> Path:
        versions = (numba.__version__, llvmlite.__version__, sys.implementation.cache_tag)
        key = repr((versions, codegen.magic_tuple(), str(signature), self._name, self._source))
        return self._folder / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.nbc"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the form that was compiled for this signature, or None."""
        context.refresh()
        file = self._file(signature, context.codegen())
        with suppress(OSError):
            content = file.read_bytes()
            digest, data = content[:32], content[32:]
            if digest == _digest(file, data):
                rebuild: Any = CompileResult._rebuild
                return rebuild(context, *pickle.loads(data))
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Write a form that was compiled; without room or right for it, it is compiled again next time."""
        data: bytes = dumps(result._reduce())  # type: ignore[no-untyped-call]
        file = self._file(signature, result.codegen)
        with suppress(OSError), whole(file) as new:
            new.write_bytes(_digest(file, data) + data)


def _modules(name: str) -> set[str]:
    """Return the names of a module, and of those whose compiled functions it imports."""
    found = {name}
    for value in vars(sys.modules[name]).values():
        if isinstance(value, Dispatcher) and value.__module__ not in found:
            found |= _modules(value.__module__)
    return found


def _digest(file: Path, data: bytes) -> bytes:
    return hashlib.sha256(file.name.encode() + data).digest()


def compiled_in_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` as `compiled` does, with every sum in the order in which it is written."""
    return _compiled(function, set())


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` at its first call; it runs without Python's lock.

    Fast arithmetic is allowed where it lets sums be vectorised; infinities and NaN keep their meaning.
    """
    return _compiled(function, {"reassoc", "contract", "nsz"})


def _compiled(function: Callable[..., Any], fast: set[str]) -> Callable[..., Any]:
    # A function that was not inlined would be another one, with other last digits, where it is read from the
    # cache than where it was just compiled.
    make = numba.njit(nogil=True, error_model="numpy", fastmath=fast, forceinline=True)
    made: Any = make(function)
    folder = _folder()
    if folder is not None:
        with suppress(OSError):  # the sources are not there
            made._cache = _Cache(function, folder)
    return made  # type: ignore[no-any-return]
