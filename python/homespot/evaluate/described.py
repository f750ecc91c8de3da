"""described: a method or a parameter as plain values, by which an equal one is known in a later session."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..errors import InputError, expected

__all__ = ["described"]


def described(value: Any) -> Any:
    """Describe a method or a parameter so that equal ones are described alike, and others are not.

    A function is described by its name, its code, and the values, functions and classes that the code refers
    to. This goes on through functions and classes of its own package and of modules that are not installed,
    e.g. beside a script; of other packages only the code of a function that is called directly counts.

    Raises
    ------
    InputError
        If a value in it cannot be pickled.
    """
    return _Describer(value)(value)


class _Describer:
    """Describes a value and what it refers to, each function and class once."""

    def __init__(self, value: Any) -> None:
        while isinstance(value, partial):
            value = value.func
        self.package = _package(str(getattr(value, "__module__", "")))
        self.seen: set[int] = set()

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, partial):
            return [self(value.func), self(list(value.args)), self(value.keywords)]
        if isinstance(value, Mapping):
            return {str(name): self(item) for name, item in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        if isinstance(value, set | frozenset):
            return sorted(map(self, value), key=repr)
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, MethodType):
            return [self(value.__func__), self(value.__self__)]
        if isinstance(value, FunctionType | type):
            return self._named(value)
        if isinstance(wrapped := getattr(value, "__wrapped__", None), FunctionType):
            return [_name(type(value)), self(wrapped)]  # cached or compiled
        if self._is_own(type(value).__module__):
            return [self(type(value)), _pickled(value)]
        return _pickled(value)

    def _is_own(self, module: str) -> bool:
        """Return whether what this module defines may change between two runs of one version of homespot."""
        package = _package(module)
        return package != "homespot" and (package == self.package or not _is_installed(module))

    def _named(self, value: FunctionType | type) -> Any:
        own = self._is_own(value.__module__)
        if id(value) in self.seen or (isinstance(value, type) and not own):
            return _name(value)
        self.seen.add(id(value))
        if isinstance(value, type):
            return [_name(value), *map(self, value.__bases__), *map(self, _members(value))]
        code = _digest(value.__code__)
        if not own:
            return [_name(value), code]
        data = [value.__defaults__, value.__kwdefaults__, *self._around(value)]
        return [_name(value), code, self(data)]

    def _around(self, function: FunctionType) -> Iterator[Any]:
        """Yield what the code refers to: variables of the functions around it, globals, names in modules."""
        yield from (cell.cell_contents for cell in function.__closure__ or ())
        names = list(dict.fromkeys(_names(function.__code__)))
        spaces, passed = [function.__globals__], set()
        while spaces:
            space = spaces.pop(0)
            passed.add(id(space))
            for value in (space[name] for name in names if name in space):
                if not isinstance(value, ModuleType):
                    yield value
                elif self._is_own(value.__name__) and id(vars(value)) not in passed:
                    spaces.append(vars(value))


def _package(module: str) -> str:
    return module.partition(".")[0]


def _is_installed(module: str) -> bool:
    """Return whether a module is of Python itself or of an installed package."""
    if _package(module) in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _name(value: FunctionType | type) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _nested(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions that it defines."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _names(code: CodeType) -> Iterator[str]:
    for part in _nested(code):
        yield from part.co_names


def _digest(code: CodeType) -> str:
    """Return a digest of what the code does, without the lines and the file in which it stands."""
    parts = [
        (part.co_code, part.co_names, [_constant(item) for item in part.co_consts]) for part in _nested(code)
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return ""  # which stands in a part of its own
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


def _members(kind: type) -> Iterator[Any]:
    """Yield the functions and the values that a class itself defines."""
    for name, member in vars(kind).items():
        if isinstance(member, FunctionType):
            yield member
        elif isinstance(member, staticmethod | classmethod):
            yield member.__func__
        elif isinstance(member, property):
            yield from (member.fget, member.fset)
        elif isinstance(member, cached_property):
            yield member.func
        elif not name.startswith("_") and not hasattr(member, "__get__"):
            yield [name, member]


def _pickled(value: Any) -> str:
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except Exception as error:  # whatever an object's own way of being pickled raises
        raise InputError(
            expected(
                "a method that can be told from others, so that finished folds can be kept",
                f"a {type(value).__name__} in it that cannot be pickled ({error})",
                "Leave output out, or give the method plain values and arrays.",
            )
        ) from error
