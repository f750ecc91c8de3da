"""The door: every call from R, with errors and warnings as plain values."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import methods
from ..common import memory
from ..common.device import first_device
from ..common.extras import has
from ..common.version import __version__
from ..common.wording import spoken
from ..errors import ConvergenceWarning, DataWarning, HomespotError, TooLargeError
from ..mapping.solve import versions
from . import evaluate, files, maps, types, verbs  # noqa: F401  what they offer
from .names import VERBS
from .offered import OFFERED
from .values import crossed
from .wording import R

__all__ = ["about", "call", "interrupted", "lacking", "set_threads"]


def about() -> dict[str, Any]:
    """Return the version, folder and device of homespot, its Python, and the versions of its libraries."""
    return {
        "version": __version__,
        "device": first_device(),
        "executable": sys.executable,
        "folder": str(Path(__file__).parents[1]),
        "versions": versions(["torch"] if has("torch") else []),
    }


def lacking(names: Sequence[str], device: str) -> list[str]:
    """Return the packages that these methods, or the device, need and that are not installed."""
    known = [methods.get(name) for name in names if name in methods.names()]
    needed = [package for method in known for package in method.packages]
    return [name for name in (*needed, *(["torch"] if device.startswith("cuda") else [])) if not has(name)]


def _whole(value: Any) -> Any:
    """Return large whole numbers, which R has as doubles only, as whole numbers; in a dict each value."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) >= 2**31 else value


@contextmanager
def _own_libraries() -> Iterator[None]:
    """Make libraries that are loaded inside the block search for symbols in themselves first.

    R's BLAS is in the global scope of its process, so torch's calls of ``sgemm_`` would find it before
    torch's own BLAS: slower, and with other last digits than in Python. On systems other than Linux,
    libraries always search in themselves first.
    """
    deep = getattr(os, "RTLD_DEEPBIND", None)
    if deep is None:
        yield
        return
    before = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | deep)
    try:
        yield
    finally:
        sys.setdlopenflags(before)


def interrupted() -> bool:
    """Return whether the last error that was printed, and not raised, is an interruption; forget it."""
    kind = vars(sys).pop("last_type", None)
    return kind is KeyboardInterrupt


def set_threads(limit: str) -> None:
    """Set ``OMP_NUM_THREADS`` to its value in the environment of R; an empty value is no limit."""
    if limit:
        os.environ["OMP_NUM_THREADS"] = limit
    else:
        os.environ.pop("OMP_NUM_THREADS", None)


def call(
    verb: str, *arguments: Any, sides: Mapping[str, Mapping[str, Any]] | None = None, **named: Any
) -> dict[str, Any]:
    """Call what is offered to R under this name, or else the public verb, with errors as plain values.

    `sides` says what the user has as ``sc`` and ``st``, for lines of code in messages; see `wording.Side`.

    Returns
    -------
    ``value``; ``error``, None or what homespot refused; ``warnings``, homespot's own warnings. Errors and
    warnings have their ``class``, the ``message``, and its parts ``what``, ``found``, ``remedy`` and
    ``topic``. Other errors are faults of the program and pass.
    """
    named = _whole(named)
    answer: dict[str, Any] = {"value": None, "error": None, "memory": []}
    tell = answer["memory"].append  # a line for every large step
    with (
        warnings.catch_warnings(record=True) as caught,
        _own_libraries(),
        spoken(R(sides)),
        memory.told(tell),
    ):
        warnings.simplefilter("always")
        try:
            if verb in OFFERED:
                answer["value"] = memory.bounded(OFFERED[verb])(*arguments, **named)
            else:
                answer["value"] = crossed(VERBS[verb](*arguments, **named))
        except (HomespotError, MemoryError) as error:
            kind = type(error) if isinstance(error, HomespotError) else TooLargeError
            answer["error"] = _told(kind, error)
    answer["warnings"] = []
    for warning in caught:
        if issubclass(warning.category, DataWarning | ConvergenceWarning):
            answer["warnings"].append(_told(warning.category, warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return answer


def _told(kind: type, said: BaseException | Warning | str) -> dict[str, str]:
    """Return an error or a warning as plain values."""
    text = said.args[0] if isinstance(said, BaseException) and said.args else said
    parts = {name: getattr(text, name, "") for name in ("what", "found", "remedy", "topic")}
    return {"class": kind.__name__, "message": str(said), **parts}
