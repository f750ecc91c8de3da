"""Checks of parameters, for methods and verbs."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import InputError, expected, some
from .wording import argument, shown

__all__ = [
    "array",
    "as_array",
    "flag",
    "is_real",
    "listed",
    "name",
    "names",
    "numbers",
    "one_of",
    "path",
    "real",
    "refuse_masked",
    "table",
    "whole",
    "within",
]


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
    # A fraction is a number as well, but neither NumPy nor torch computes with it.
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        found = float(value) if number else math.nan  # type: ignore[arg-type]
    except OverflowError:  # a whole number beyond float64
        found = math.inf
    if math.isfinite(found) and low <= found <= high and not (open_low and found == low):
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
    if not isinstance(value, bool | np.bool_):
        flags = f"{shown(True)} or {shown(False)}"
        raise InputError(expected(f"{argument(name)} to be {flags}", _shown(value), "Choose one."))


def table(value: object, columns: Sequence[str], remedy: str) -> None:
    """Refuse a value that is not a DataFrame of at least one row, with these columns."""
    if not isinstance(value, pd.DataFrame):
        found = _shown(value)
    elif missing := [name for name in columns if name not in value]:
        found = f"one without {some(missing)}"
    elif len(value) == 0:
        found = "one without rows"
    else:
        return
    *first, last = columns
    raise InputError(expected(f"a table with the columns {', '.join(first)} and {last}", found, remedy))


def path(name: str, value: object) -> None:
    """Refuse a value that is not a path."""
    if not isinstance(value, str) and not (
        isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)
    ):
        raise InputError(expected(f"{argument(name)} to be a path", _shown(value), "Name a file."))


def listed(name: str, value: object) -> list[Any]:
    """Return the values of a list, tuple, array of one dimension, Series or Index, in their order.

    A text, a set, a dictionary, a generator, an array with masked values and one with several values in a
    place are refused: they are no list, or have no order, or can be read only once, or leave values out.
    """
    if isinstance(value, list | tuple | range):
        return list(value)
    if (
        isinstance(value, np.ndarray | pd.Series | pd.Index | pd.api.extensions.ExtensionArray)
        and not isinstance(value, pd.MultiIndex)
        and value.ndim == 1
        and not (value.dtype.kind == "V" or _masked(value))
    ):
        return list(value)
    raise InputError(
        expected(f"{argument(name)} to be a list or an array of one dimension", _shown(value), "Pass a list.")
    )


def names(name: str, value: object) -> list[str]:
    """Return names that are given as a list."""
    if isinstance(value, str):
        raise InputError(
            expected(f"{argument(name)} to be a list of names", repr(value), f"Pass [{value!r}].")
        )
    found = listed(name, value)
    wrong = [one for one in found if not isinstance(one, str)]
    if wrong:
        raise InputError(
            expected(
                f"{argument(name)} to be a list of names",
                f"{_shown(wrong[0])} among them",
                "Pass texts, as in the data.",
            )
        )
    return [str(one) for one in found]


def as_array(value: Any) -> npt.NDArray[Any]:
    """Return an array; one without values if NumPy can make none, as of rows of different lengths."""
    try:
        return np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    except ValueError:
        return np.empty(0, dtype=object)


def array(name: str, value: object, dimensions: int = 1, *, flags: bool = False) -> npt.NDArray[np.float64]:
    """Return real numbers in float64: a list or a table, of so many dimensions; NaN is left to the caller.

    Complex numbers and masked values are refused, as a part would be lost; so are texts and, unless `flags`,
    truth values.
    """
    given, masked = as_array(value), _masked(value)
    if given.dtype.kind in ("biuf" if flags else "iuf") and given.ndim == dimensions and not masked:
        return np.asarray(given, dtype=np.float64)
    found = _shown(value)
    if given.size and given.ndim == dimensions:
        found = f"values of type {given.dtype}" + (", some of them masked" if masked else "")
    kind = "a list" if dimensions == 1 else f"a table of {dimensions} dimensions"
    raise InputError(expected(f"{argument(name)} to be numbers in {kind}", found, "Pass such numbers."))


def real(value: Any) -> npt.NDArray[np.float64]:
    """Return an array, a column or a table in float64, NaN for missing values.

    Raises
    ------
    TypeError, ValueError
        If a value is no real number: a text, a date, a part that is imaginary, or what is masked.
    """
    given = np.asarray(value)
    if given.dtype.kind not in "biufOU" or isinstance(value, pd.MultiIndex) or _masked(value):
        raise TypeError(f"values of type {given.dtype}")
    try:
        if hasattr(value, "to_numpy"):
            return np.asarray(value.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(given, dtype=np.float64)
    except OverflowError as error:  # a whole number beyond float64
        raise ValueError(str(error)) from error


def refuse_masked(value: Any, what: str) -> None:
    """Refuse an array that masks any of its values, which NumPy would take for numbers."""
    if _masked(value):
        raise InputError(
            expected(
                f"numbers as {what}",
                f"{np.ma.getmaskarray(value).sum()} masked ones among them",
                "Fill them in, or leave out their rows or columns.",
            )
        )


def is_real(dtype: Any) -> bool:
    """Whether values of a type of NumPy or pandas are real numbers, or truth values."""
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)


def _masked(value: object) -> bool:
    """Whether an array masks any of its values; pandas' arrays with missing ones do not count."""
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def _shown(value: object) -> str:
    text = shown(value) if isinstance(value, bool) or not isinstance(value, Real) else str(value)
    return text if len(text) <= 60 and "\n" not in text else f"a {type(value).__name__}"


def numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return a column in float64; text that is no number is refused, and `name` names the column."""
    try:
        return pd.Series(real(column), column.index, name=column.name)
    except (TypeError, ValueError) as error:
        text = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        first = repr(text.iloc[0]) if len(text) else f"values of type {column.dtype}"
        raise InputError(expected(f"numbers as {name}", first, "Correct or drop these rows.")) from error
