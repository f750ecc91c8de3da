"""Recognise the scale of an expression table: counts, or log values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError, expected, some

__all__ = ["LOG_VALUES", "SCALES", "Recognised", "Sample", "Scale", "recognised", "refuse_beyond"]

F64 = npt.NDArray[np.float64]
Scale = Literal["counts", "log"]

SCALES = ("auto", "counts", "log")

LOG_VALUES: dict[str, str] = {"counts": "log(1 + 10,000 x / total)", "log": "log values as given"}
"""What a table's values are once they are on the log scale, by what its numbers are."""

_LARGEST_LOGARITHM = 20
_LARGEST_ROOT = 100  # the square root of a count of 10,000
_EQUAL = 0.02
"""Coefficient of variation below which the sums of rows count as equal."""
_MANY = 20
"""Number of rows, or of values, from which their distribution is looked at."""

_INVERSES: dict[str, tuple[str, Callable[[F64], F64]]] = {
    "exp(x) - 1": ("the logarithm of normalised counts", np.expm1),
    "2^x - 1": ("the logarithm to base 2 of normalised counts", lambda x: np.exp2(x) - 1),
    "10^x - 1": ("the logarithm to base 10 of normalised counts", lambda x: np.expm1(np.log(10) * x)),
    "x^2": ("the square root of normalised counts, used as they are", np.square),
}
"""Functions that turn values back into counts, and what the values are if they do."""


@dataclass(frozen=True)
class Sample:
    """Some rows of a table, by which its scale is recognised.

    Parameters
    ----------
    rows
        The positive values of every row in the sample.
    n_columns
        Number of genes of the table.
    highest
        Largest value of the whole table.
    whole
        Whether all values of the whole table are whole numbers.
    """

    rows: Sequence[F64]
    n_columns: int
    highest: float
    whole: bool


@dataclass(frozen=True)
class Recognised:
    """The scale of a table and the evidence; not `certain` if the values fit another scale as well."""

    scale: Scale
    evidence: str
    certain: bool = True


def _are_multiples(rows: Sequence[F64]) -> bool:
    """Whether nearly all rows are whole multiples of their smallest value, or of a half or a third of it."""

    def whole(values: F64) -> bool:
        ratios = values / values.min()
        tolerance = np.minimum(1e-3 + 1e-4 * ratios, 0.05)
        return any(bool((np.abs(ratios * k - np.rint(ratios * k)) < k * tolerance).all()) for k in (1, 2, 3))

    return bool(rows) and sum(whole(row) for row in rows) >= 0.9 * len(rows)


def _are_means(rows: Sequence[F64]) -> bool:
    """Whether nearly all rows are whole numbers divided by a whole number, as a mean of cells is."""

    def whole(values: F64, over: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        scaled = values[:, None] * over
        return np.asarray((np.abs(scaled - np.rint(scaled)) < 1e-3).all(axis=0))

    def mean(values: F64) -> bool:
        numbers = np.arange(2, 257)
        # In half precision, all numbers above 4 are multiples of 1/256, and all above 8 of 1/128.
        if values.min() >= 2:
            numbers = numbers[~np.isin(numbers, (128, 256))]
        numbers = numbers[whole(values[:: max(1, len(values) // 8)], numbers)]
        return len(numbers) > 0 and bool(whole(values, numbers[:8]).any())

    # Numbers that were rounded to two digits are multiples of 1/100 anyway.
    rounded = all(whole(row, np.array([100])).all() for row in rows)
    return bool(rows) and not rounded and sum(map(mean, rows)) >= 0.9 * len(rows)


def _variation(sums: npt.ArrayLike) -> float:
    """Return the coefficient of variation."""
    values = np.asarray(sums, dtype=np.float64)
    return float(values.std() / values.mean())


def _nearness(values: F64, least: float, most: float = np.inf) -> float:
    """Return the share of the values in [least, most) that are near a whole number; 0 if there are few."""
    found = values[(values >= least) & (values < most)]
    return float((np.abs(found - np.rint(found)) <= 0.1).mean()) if len(found) >= _MANY else 0.0


def _near_whole(values: F64) -> bool:
    """Whether most of the values are near whole numbers."""
    # The square roots and logarithms of few counts can be near 1 as well: those of 2 and 3 are not near 2.
    return _nearness(values, 0.5) >= 0.75 and _nearness(values, 1.25) >= 0.6


def _squares_near_whole(values: F64) -> bool:
    """Whether the squares of small values are near whole numbers, and the values themselves are not."""
    squares = _nearness(np.square(values), 1.25, 8)
    return squares >= 0.5 and squares >= 2 * _nearness(values, 1.25, 8)


def _no_roots(values: F64, highest: float) -> bool:
    """Whether values that are not logarithms cannot be square roots of counts either."""
    small = _nearness(values, 1.25, 8)
    nearer = small >= 0.35 and small >= 1.5 * _nearness(np.square(values), 1.25, 8)
    # Smoothing counts gives many tiny values; square roots are not tiny.
    below = float((values < 1).mean())
    tiny = float((values < 0.03).mean()) >= 0.35 * max(below, 0.2)
    return highest > _LARGEST_ROOT or nearer or tiny or _near_whole(values)


def _by_units(rows: Sequence[F64], inverses: Sequence[str]) -> Recognised | None:
    """Recognise counts, or transformed counts, by a unit that all values of a row are multiples of."""
    # Rows with few distinct values do not tell: the value of a single gene is a multiple of itself.
    distinct = [one for one in map(np.unique, rows) if len(one) >= 3]
    if _are_multiples(distinct) or _are_means(distinct):
        return Recognised(
            "counts", "the values of a row are multiples of one unit: scaled or averaged counts"
        )
    for name in inverses:
        meaning, inverse = _INVERSES[name]
        if _are_multiples([inverse(row) for row in distinct]):
            return Recognised("log", f"{name} are multiples of one unit: {meaning}")
    return None


def _by_sums(rows: Sequence[F64], spread: float, inverses: Sequence[str]) -> Recognised | None:
    """Recognise normalised values by their equal sums; `spread` is the variation of the raw sums."""
    equal = _EQUAL if len(rows) >= _MANY else _EQUAL / 1000  # few rows may have equal sums by chance
    spreads = {name: _variation([_INVERSES[name][1](row).sum() for row in rows]) for name in inverses}
    name = min(spreads, key=lambda name: spreads[name])
    if spreads[name] < equal and spreads[name] < spread / 3:
        return Recognised("log", f"sums of {name} are the same in all rows: {_INVERSES[name][0]}")
    # If all rows have the same distribution, the sums of any transform are equal as well.
    if spread < equal and spreads["x^2"] > 5 * _EQUAL:
        return Recognised("counts", "the sums of all rows are the same: normalised counts, or shares")
    return None


def _by_values(rows: Sequence[F64], spread: float, sample: Sample) -> Recognised | None:
    """Recognise values without units and equal sums by their distribution."""
    values = np.concatenate(rows)
    if _squares_near_whole(values):
        reason = "the square root of counts that were corrected, used as they are"
        return Recognised("log", f"most squares of small values are near whole numbers: {reason}")
    if sample.highest > _LARGEST_LOGARITHM:
        reason = f"but values up to {sample.highest:.3g}, too large for logarithms"
        return Recognised("counts", f"not whole numbers, {reason}", _no_roots(values, sample.highest))
    if _near_whole(values):
        return Recognised("counts", "most values are near whole numbers: counts that were corrected")
    if len(rows) < _MANY:
        return None
    exponentials = np.array([np.expm1(row).sum() for row in rows])
    of_exp = _variation(exponentials)
    if of_exp >= 5 and of_exp >= 5 * spread:
        reason = "differ too much over the rows for logarithms: counts that were corrected"
        return Recognised("counts", f"sums of exp(x) - 1 {reason}", _no_roots(values, sample.highest))
    # Smoothed counts have many tiny values.
    if (values < 0.1).mean() >= 0.3:
        return None
    # If a row has few counts, exp(x) - 1 is not much larger than x.
    if sample.highest >= 5 and of_exp < 0.65 and exponentials.sum() >= 8 * values.sum():
        return Recognised("log", f"sums of exp(x) - 1 are alike, and no value is above {sample.highest:.3g}")
    n_values = len(rows) * sample.n_columns
    # Counts with a mean below 0.7 are 0 in half of all entries.
    if len(values) > 0.99 * n_values and values.sum() < 0.7 * n_values and spread < 0.2:
        return Recognised("log", "small values, hardly any of them 0: no counts, used as they are")
    return None


def recognised(sample: Sample) -> Recognised:
    """Say whether a table holds counts or log values, and why.

    The rules apply in this order:

    1. Whole numbers, and whole multiples of one unit in every row, are counts.
    2. Values are log values, used as they are, if an inverse of a logarithm, or the square, turns them into
       whole multiples of one unit or makes the sums of all rows equal, or if the squares of small values are
       near whole numbers.
    3. Values are counts if one is above 20, if the sums of all rows are equal, if most are near whole
       numbers, or if the sums of exp(x) - 1 differ by far. If those sums are alike, they are log values.
    4. Values above 20, and sums that differ by far, do not exclude square roots. If the values are at most
       100, few are tiny and small ones are not near whole numbers, counts are only assumed.
    5. All other values are assumed to be log values.

    The limits were set on the counts of nine data sets, thinned, corrected or smoothed in seven ways, and on
    their logarithms.
    """
    if sample.whole:
        return Recognised("counts", "all values are whole numbers")
    rows = [row for row in sample.rows if len(row)]
    if not rows:
        return Recognised("log", "no positive value in the rows looked at", certain=False)
    # Larger values cannot be logarithms, as a count of 5e8 does not occur; only the square is tried.
    logarithms = sample.highest <= _LARGEST_LOGARITHM
    inverses = list(_INVERSES) if logarithms else ["x^2"]
    spread = _variation([row.sum() for row in rows])
    found = _by_units(rows, inverses) or _by_sums(rows, spread, inverses)
    assumed = Recognised("log", f"not whole numbers, and no value above {sample.highest:.3g}", certain=False)
    return found or _by_values(rows, spread, sample) or assumed


def refuse_beyond(
    dtype: np.dtype[Any], highest: float, totals: F64, names: npt.NDArray[np.str_], table: str
) -> None:
    """Refuse values whose squares, or the inverses of whose sums, the dtype cannot hold.

    Parameters
    ----------
    dtype
        Type of the computation.
    highest
        Largest value.
    totals
        Sum of every row.
    names
        Name of every row.
    table
        Name of the table, for the message.
    """
    most = float(np.sqrt(np.finfo(dtype).max))
    small = (totals > 0) & (totals < 1 / most)
    inside = highest == 0 or 1 / most <= highest <= most
    if inside and not small.any():
        return
    found = f"values up to {highest:.4g}"
    if inside:
        found = f"values whose sum is {totals[small][0]:.4g} in {small.sum()} row(s) ({some(names[small])})"
    other = ", or dtype='float64'" if dtype == np.float32 else ""
    raise InputError(
        expected(
            f"numbers that {dtype} can compute with, from {1 / most:.0e} to {most:.0e}, in the {table}",
            found,
            f"Use other units{other}.",
        )
    )
