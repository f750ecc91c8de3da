"""Errors and warnings, and the one form that their messages take."""

from __future__ import annotations

__all__ = [
    "ConvergenceWarning",
    "DataWarning",
    "DependencyError",
    "DeviceError",
    "HomespotError",
    "InputError",
    "TooLargeError",
    "expected",
    "some",
]


class HomespotError(Exception):
    """Anything that homespot refuses."""


class InputError(HomespotError, ValueError):
    """The data, or a parameter, is not valid."""


class DeviceError(HomespotError, RuntimeError):
    """The device asked for is not there."""


class DependencyError(HomespotError, ImportError):
    """A package that is needed is not installed."""


class TooLargeError(HomespotError, MemoryError):
    """The result would not fit into the memory there is."""


class DataWarning(UserWarning):
    """Part of the data was dropped or changed; the message says which part, and how much."""


class ConvergenceWarning(UserWarning):
    """A solver stopped before it reached its tolerance; the message gives the number and the remedy."""


def expected(what: str, found: str, remedy: str) -> str:
    """Say what was expected, what was found and what to do."""
    return f"Expected {what}, found {found}. {remedy}"


def some(names: object, n: int = 3) -> str:
    """Name the first `n` of a collection: ``'a', 'b', 'c', ...``."""
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(repr(name) for name in listed[:n]) + (", ..." if len(listed) > n else "")
