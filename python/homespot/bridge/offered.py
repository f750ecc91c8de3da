"""offered: what R may call by name, where that is more than the public verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["OFFERED", "offered"]

F = TypeVar("F", bound=Callable[..., Any])

OFFERED: dict[str, Callable[..., Any]] = {}
"""The decorated functions by name."""


def offered(function: F) -> F:
    """Offer the decorated function to R under its name, instead of the public verb of that name if any."""
    OFFERED[function.__name__] = function
    return function
