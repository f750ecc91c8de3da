"""What homespot knows by name, for R: keys, methods and their parameters, verbs and their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import homespot as hs

from .. import methods
from ..common import keys
from .offered import offered

__all__ = ["VERBS"]

VERBS: dict[str, Callable[..., Any]] = {
    name: verb
    for module in (hs, hs.metrics)
    for name in module.__all__
    if inspect.isfunction(verb := getattr(module, name))
}
"""The public verbs, and the functions of `homespot.metrics`."""


@offered
def key_names() -> dict[str, Any]:
    """Return every name of keys.py."""
    return {name: getattr(keys, name) for name in keys.__all__}


@offered
def method_names() -> list[str]:
    """Return the names of the registered methods."""
    return methods.names()


@offered
def method_parameters(method: str) -> dict[str, Any]:
    """Return a method's own parameters with their defaults."""
    return methods.get(method).parameters


@offered
def signature(verb: str) -> dict[str, Any]:
    """Return the arguments of a verb with their defaults, ``"<required>"`` where there is none."""
    parameters = inspect.signature(VERBS[verb]).parameters.values()
    return {
        p.name: "<required>" if p.default is p.empty else p.default
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    }
