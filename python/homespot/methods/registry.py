"""The registry of mapping methods: one decorator, one look-up, one list.

A method is a function of two expression tables and a `Run`; its own parameters are its remaining keyword
arguments, each declared by a `Parameter` in the signature, with the default that `map_cells` has in both
languages. A new method is one new file: here, or in any other package, which names it in the entry point
group ``homespot.methods``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import metadata
from typing import Any

from ..common.checks import one_of
from ..common.extras import require
from ..common.run import Outcome, Run
from ..errors import DataWarning, InputError, expected, some
from ..expression.table import Expression
from .parameter import Parameter, declared, documented
from .size import dense_map

__all__ = ["GROUP", "Method", "Outcome", "Run", "get", "names", "register"]

GROUP = "homespot.methods"
"""The group of entry points by which other packages register methods, each a name and its module."""


@dataclass(frozen=True)
class Method:
    """A registered method: its function, parameters, presets, check, and the packages it needs.

    ``needs`` returns the bytes of main memory that it takes, for the arguments of `dense_map`, the device and
    all parameters by name. ``distribution`` is the package that contains it; None: homespot.
    """

    name: str
    summary: str
    function: Callable[..., Outcome]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    check: Callable[..., None] | None = None
    packages: tuple[str, ...] = ()
    needs: Callable[..., float] = dense_map
    distribution: str | None = None

    @cached_property
    def declared(self) -> dict[str, Parameter]:
        """The method's own parameters as its signature declares them."""
        return dict(getattr(self.function, _DECLARED, None) or declared(self.function))

    @property
    def parameters(self) -> dict[str, Any]:
        """The method's own parameters and their defaults."""
        return {name: parameter.default for name, parameter in self.declared.items()}

    @property
    def distributions(self) -> tuple[str, ...]:
        """The package that contains the method, if that is not homespot."""
        return () if self.distribution is None else (self.distribution,)

    @property
    def grid(self) -> dict[str, tuple[Any, ...]]:
        """The values that `tune` tries, by parameter."""
        return {name: parameter.tuned for name, parameter in self.declared.items() if parameter.tuned}

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
        for name, value in settings.items():
            self.declared[name].check(value)
        if self.check is not None:
            self.check(**settings)
        return {name: self.declared[name].plain(value) for name, value in settings.items()}

    def __call__(self, sc: Expression, st: Expression, run: Run, **settings: Any) -> Outcome:
        """Map the cells of `sc` to the spots of `st`."""
        return self.function(sc, st, run, **settings)


_METHODS: dict[str, Method] = {}
_DECLARED = "__homespot_parameters__"  # where a function keeps what its signature declared


def register(
    name: str,
    summary: str,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    check: Callable[..., None] | None = None,
    packages: tuple[str, ...] = (),
    needs: Callable[..., float] = dense_map,
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register the decorated function as a method.

    Every value is checked by the `Parameter` of its argument, before any work on the data.

    Parameters
    ----------
    name
        Name of the method, as users give it.
    summary
        What the method does, in a few words.
    presets
        Values of some parameters, by the name of the preset.
    check
        A function that takes all parameters by name, and refuses values that do not go together.
    packages
        Packages without which the method cannot run.
    needs
        A function that returns the bytes that the method takes, see `Method`; the default is a dense P beside
        both tables.
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        if name in _METHODS:
            raise InputError(
                expected("a new name for a method", f"{name!r}, which is registered", "Choose another.")
            )
        parameters = declared(function)
        documented(function, parameters)
        setattr(function, _DECLARED, parameters)
        _METHODS[name] = Method(name, summary, function, presets or {}, check, packages, needs)
        return function

    return decorate


@cache
def _points() -> list[metadata.EntryPoint]:
    """Return the entry points that are not loaded yet; loading them empties the list."""
    return list(metadata.entry_points(group=GROUP))


def _waiting() -> Iterator[metadata.EntryPoint]:
    while _points():
        yield _points().pop(0)  # removed first, because its module may ask for names itself


def _load() -> None:
    """Import the methods of other packages, once; one that cannot be imported is left out with a warning."""
    for point in _waiting():
        before = set(_METHODS)
        try:
            point.load()
        except Exception as error:  # no error of one package may stop the others
            _left_out(point, f"{type(error).__name__}: {error}")
            continue
        distribution = None if point.dist is None else point.dist.name
        for name in set(_METHODS) - before:
            _METHODS[name] = replace(_METHODS[name], distribution=distribution)
        if point.name not in _METHODS:
            _left_out(point, f"no method {point.name!r} after the import of {point.value}")


def _left_out(point: metadata.EntryPoint, found: str) -> None:
    source = "" if point.dist is None else f" of package {point.dist.name!r}"
    warnings.warn(
        f"Left out method {point.name!r}{source}: {found}. Repair or remove that package.",
        DataWarning,
        stacklevel=4,
    )


def get(name: str) -> Method:
    """Return a method.

    Parameters
    ----------
    name
        Name of a registered method.
    """
    one_of("method", name, names())
    return _METHODS[name]


def names() -> list[str]:
    """Return the names of all methods, including methods of other packages."""
    _load()
    return sorted(_METHODS)
