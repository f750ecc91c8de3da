"""Checks of parameters, for methods and verbs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError, expected, some
from .wording import argument, shown

__all__ = ["flag", "name", "numbers", "one_of", "whole", "within"]


def one_of(name: str, value: object, options: Sequence[str]) -> None:
    """Refuse a `value` that is not one of the `options`."""
    if not isinstance(value, str) or value not in options:
        raise InputError(
            expected(f"{argument(name)} to be one of {some(options, 20)}", _shown(value), "Use one of these.")
        )


def name(parameter: str, value: object) -> None:
    """Refuse a value that is not a text of at least one character."""
    if not isinstance(value, str) or not value:
        raise InputError(
            expected(f"{argument(parameter)} to be a name", _shown(value), "Name one, or leave it out.")
        )


def within(name: str, value: object, low: float, high: float = math.inf, *, open_low: bool = False) -> None:
    """Refuse a value that is not a finite number from `low` to `high`; `open_low` refuses `low` itself."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and math.isfinite(value) and low <= value <= high and not (open_low and value == low):  # type: ignore[arg-type,operator]
        return
    kind = "a finite number" if math.isinf(high) else "a number"
    bounds = f" above {low:g}" if open_low else f" of at least {low:g}"
    if high < math.inf:
        bounds = f"{bounds} and at most {high:g}" if open_low else f" from {low:g} to {high:g}"
    if math.isinf(low):
        bounds = f" of at most {high:g}" if high < math.inf else ""
    raise InputError(
        expected(f"{argument(name)} to be {kind}{bounds}", _shown(value), "Choose such a number.")
    )


def whole(name: str, value: object, low: float, high: float = math.inf) -> None:
    """Refuse a value that is not a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        bounds = f" of at least {low}" if math.isinf(high) else f" from {low} to {high}"
        wanted = f"{argument(name)} to be a whole number{'' if math.isinf(low) else bounds}"
        raise InputError(expected(wanted, _shown(value), "Choose such a number."))


def flag(name: str, value: object) -> None:
    """Refuse a value that is not True or False."""
    if not isinstance(value, bool):
        flags = f"{shown(True)} or {shown(False)}"
        raise InputError(expected(f"{argument(name)} to be {flags}", _shown(value), "Choose one."))


def _shown(value: object) -> str:
    text = shown(value) if isinstance(value, bool) or not isinstance(value, Real) else str(value)
    return text if len(text) <= 60 and "\n" not in text else f"a {type(value).__name__}"


def numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return a column in float64; text that is no number is refused, and `name` names the column."""
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError) as error:
        text = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        first = repr(text.iloc[0]) if len(text) else f"values of type {column.dtype}"
        raise InputError(expected(f"numbers as {name}", first, "Correct or drop these rows.")) from error
