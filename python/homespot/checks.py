"""Checks of parameters that more than one method or verb needs."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import InputError, expected, some

__all__ = ["one_of", "whole", "within"]


def one_of(name: str, value: object, options: Sequence[str]) -> None:
    """Refuse a `value` that is not one of the `options`."""
    if value not in options:
        raise InputError(
            expected(f"{name} to be one of {some(options, 20)}", repr(value), "Use one of these.")
        )


def within(name: str, value: float, low: float, high: float, *, open_low: bool = False) -> None:
    """Refuse a number outside [low, high], or (low, high] where `open_low`."""
    ok = isinstance(value, int | float) and low <= value <= high and not (open_low and value == low)
    if not ok:
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}]"
        raise InputError(
            expected(f"{name} to be a number in {interval}", repr(value), "Choose a value in it.")
        )


def whole(name: str, value: object, low: int) -> None:
    """Refuse what is not a whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(
            expected(f"{name} to be a whole number of at least {low}", repr(value), "Choose such a number.")
        )
