"""The registry of mapping methods: one decorator, one look-up, one list.

A method is a function of two expression tables and a `Run`; its own parameters are its remaining keyword
arguments, and their defaults are the defaults of `map_cells` in both languages. A new method is one new file.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..common.checks import one_of
from ..common.extras import require
from ..common.run import Outcome, Run
from ..errors import InputError, expected, some
from ..expression.table import Expression

__all__ = ["Method", "Outcome", "Run", "get", "names", "register"]


def _plain(value: Any, default: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


@dataclass(frozen=True)
class Method:
    """A registered method: its function, parameters, presets, check, and the packages it needs."""

    name: str
    summary: str
    function: Callable[..., Outcome]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    check: Callable[..., None] | None = None
    packages: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The method's own parameters and their defaults."""
        signature = inspect.signature(self.function)
        return {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}

    def settings(self, preset: str | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, checked: the defaults, over them the preset's, over them the chosen ones.

        Numbers from NumPy and paths become plain values, which every file and R can take, and whole numbers
        become floats where the default is one. A package that the method needs and that is not installed is a
        `DependencyError`.
        """
        for package in self.packages:
            require(package, f"method {self.name!r}")
        if preset is not None and (not isinstance(preset, str) or preset not in self.presets):
            known = f"one of {some(self.presets, 20)}" if self.presets else "None, as there is none"
            raise InputError(
                expected(f"preset of method {self.name!r} to be {known}", repr(preset), "Correct or drop it.")
            )
        unknown = [name for name in chosen if name not in self.parameters]
        if unknown:
            raise InputError(
                expected(
                    f"parameters of method {self.name!r} ({', '.join(self.parameters)})",
                    some(unknown),
                    "Check the spelling.",
                )
            )
        settings = {**self.parameters, **(self.presets[preset] if preset else {}), **chosen}
        if self.check is not None:
            self.check(**settings)
        return {name: _plain(value, self.parameters[name]) for name, value in settings.items()}

    def __call__(self, sc: Expression, st: Expression, run: Run, **settings: Any) -> Outcome:
        """Map the cells of `sc` to the spots of `st`."""
        return self.function(sc, st, run, **settings)


_METHODS: dict[str, Method] = {}


def register(
    name: str,
    summary: str,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    check: Callable[..., None] | None = None,
    packages: tuple[str, ...] = (),
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register the decorated function as method `name`.

    `check` takes its parameters by name and refuses bad ones; it runs before any work on the data. `packages`
    are those of an extra of homespot without which the method cannot run.
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        _METHODS[name] = Method(name, summary, function, presets or {}, check, packages)
        return function

    return decorate


def get(name: str) -> Method:
    """Return the method of this name."""
    one_of("method", name, names())
    return _METHODS[name]


def names() -> list[str]:
    """Return the names of all methods."""
    return sorted(_METHODS)
