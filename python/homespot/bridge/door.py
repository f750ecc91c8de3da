"""The door: every call from R, with errors and warnings as plain values."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import homespot as hs

from .. import methods
from ..common import keys
from ..common.device import resolve_device
from ..common.extras import has
from ..common.version import __version__
from ..errors import ConvergenceWarning, DataWarning, HomespotError, TooLargeError
from ..mapping.solve import versions
from . import evaluate, files, maps, verbs

__all__ = ["about", "argument_names", "call", "lacking", "set_threads"]

_VERBS: dict[str, Callable[..., Any]] = {
    "map_cells": hs.map_cells,
    "place_cells": hs.place_cells,
    "add_mapping": hs.add_mapping,
    "simulate_spots": hs.simulate_spots,
    "impute_genes": hs.impute_genes,
    "deconvolve_spots": hs.deconvolve_spots,
    "annotate_cells": hs.annotate_cells,
    "assign_cells": hs.assign_cells,
    "cell_modes": hs.cell_modes,
    "report": hs.report,
    "colocate_types": hs.colocate_types,
    "type_distances": hs.type_distances,
    "cell_distances": hs.cell_distances,
    **evaluate.VERBS,
}


def about() -> dict[str, Any]:
    """Return which homespot and Python this is, its folder and device, and the versions of what it needs."""
    return {
        "version": __version__,
        "device": resolve_device(),
        "executable": sys.executable,
        "folder": str(Path(__file__).parents[1]),
        "versions": versions(["torch"] if has("torch") else []),
    }


def lacking(names: Sequence[str], device: str) -> list[str]:
    """Return the packages that these methods, or the device, need and that are not installed."""
    known = [methods.get(name) for name in names if name in methods.names()]
    needed = [package for method in known for package in method.packages]
    return [name for name in (*needed, *(["torch"] if device.startswith("cuda") else [])) if not has(name)]


@contextmanager
def _own_libraries() -> Iterator[None]:
    """Let libraries that are loaded meanwhile look for symbols in themselves first.

    R's BLAS is in the global scope of its process, where torch's calls of ``sgemm_`` would find it before
    torch's own: slower, and with other last digits than Python gets. Elsewhere than on Linux libraries always
    look so.
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


def set_threads(limit: str) -> None:
    """Take over what R's environment has as ``OMP_NUM_THREADS``; empty is no limit."""
    if limit:
        os.environ["OMP_NUM_THREADS"] = limit
    else:
        os.environ.pop("OMP_NUM_THREADS", None)


def call(verb: str, *arguments: Any, **named: Any) -> dict[str, Any]:
    """Call a function of this module, with its errors and warnings as plain values.

    Returns
    -------
    ``value``; ``error``, None or the class and the message of what homespot refused; ``warnings``, the
    classes and messages of homespot's own warnings. Other errors are faults of the program and pass.
    """
    answer: dict[str, Any] = {"value": None, "error": None}
    with warnings.catch_warnings(record=True) as caught, _own_libraries():
        warnings.simplefilter("always")
        try:
            answer["value"] = _DOOR[verb](*arguments, **named)
        except (HomespotError, MemoryError) as error:
            kind = type(error) if isinstance(error, HomespotError) else TooLargeError
            answer["error"] = {"class": kind.__name__, "message": str(error)}
    answer["warnings"] = []
    for warning in caught:
        if issubclass(warning.category, DataWarning | ConvergenceWarning):
            answer["warnings"].append({"class": warning.category.__name__, "message": str(warning.message)})
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return answer


def key_names() -> dict[str, Any]:
    """Return every name of keys.py."""
    return {name: getattr(keys, name) for name in keys.__all__}


def method_names() -> list[str]:
    """Return the names of the registered methods."""
    return methods.names()


def method_parameters(method: str) -> dict[str, Any]:
    """Return a method's own parameters with their defaults."""
    return methods.get(method).parameters


def signature(verb: str) -> dict[str, Any]:
    """Return the arguments of a verb with their defaults, ``"<required>"`` where there is none."""
    parameters = inspect.signature(_VERBS[verb]).parameters.values()
    return {
        p.name: "<required>" if p.default is p.empty else p.default
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    }


def argument_names() -> list[str]:
    """Return the names of all arguments, of the verbs and of the methods."""
    names = {name for verb in _VERBS for name in signature(verb)}
    return sorted(names.union(*(method_parameters(method) for method in method_names())))


_DOOR: dict[str, Callable[..., Any]] = {
    **{function.__name__: function for function in (key_names, method_names, method_parameters, signature)},
    **maps.DOOR,
    **verbs.DOOR,
    **evaluate.DOOR,
    **files.DOOR,
}
