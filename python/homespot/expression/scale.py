"""What the numbers of an expression table are: counts, or log values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["SCALES", "Recognised", "Sample", "Scale", "recognised"]

F64 = npt.NDArray[np.float64]
Scale = Literal["counts", "log"]

SCALES = ("auto", "counts", "log")

_LARGEST_LOGARITHM = 20
_LARGEST_ROOT = 100  # of a count of 10,000
_EQUAL = 0.02
"""Variation of sums over the rows that is taken for none."""
_MANY = 20
"""Rows, or values, whose distribution says something."""

_INVERSES: dict[str, tuple[str, Callable[[F64], F64]]] = {
    "exp(x) - 1": ("the logarithm of normalised counts", np.expm1),
    "2^x - 1": ("the logarithm to base 2 of normalised counts", lambda x: np.exp2(x) - 1),
    "10^x - 1": ("the logarithm to base 10 of normalised counts", lambda x: np.expm1(np.log(10) * x)),
    "x^2": ("the square root of normalised counts, used as they are", np.square),
}
"""What brings values back to counts, and what the values then are."""


@dataclass(frozen=True)
class Sample:
    """Some rows of a table, by which its scale is recognised.

    Parameters
    ----------
    rows
        The positive values of every row looked at.
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
    """The scale of a table, and why; it is not `certain` where no value speaks for this scale alone."""

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
    """Whether nearly all rows are whole numbers over a whole number, as the mean of some cells is."""

    def whole(values: F64, over: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        scaled = values[:, None] * over
        return np.asarray((np.abs(scaled - np.rint(scaled)) < 1e-3).all(axis=0))

    def mean(values: F64) -> bool:
        numbers = np.arange(2, 257)
        # In half precision, numbers above 4 are multiples of 1/256, and above 8 of 1/128, whatever they are.
        if values.min() >= 2:
            numbers = numbers[~np.isin(numbers, (128, 256))]
        numbers = numbers[whole(values[:: max(1, len(values) // 8)], numbers)]
        return len(numbers) > 0 and bool(whole(values, numbers[:8]).any())

    # Numbers that were rounded to two digits say nothing.
    rounded = all(whole(row, np.array([100])).all() for row in rows)
    return bool(rows) and not rounded and sum(map(mean, rows)) >= 0.9 * len(rows)


def _variation(sums: npt.ArrayLike) -> float:
    """Return the coefficient of variation."""
    values = np.asarray(sums, dtype=np.float64)
    return float(values.std() / values.mean())


def _nearness(values: F64, least: float, most: float = np.inf) -> float:
    """Return the share of the values between these two that is near a whole number; 0 if they are few."""
    found = values[(values >= least) & (values < most)]
    return float((np.abs(found - np.rint(found)) <= 0.1).mean()) if len(found) >= _MANY else 0.0


def _near_whole(values: F64) -> bool:
    """Whether most of the values are near whole numbers."""
    # The square roots and logarithms of few counts can be near 1 as well: those of 2 and 3 are not near 2.
    return _nearness(values, 0.5) >= 0.75 and _nearness(values, 1.25) >= 0.6


def _squares_near_whole(values: F64) -> bool:
    """Whether squares of small values are near whole numbers, and the values are not."""
    squares = _nearness(np.square(values), 1.25, 8)
    return squares >= 0.5 and squares >= 2 * _nearness(values, 1.25, 8)


def _no_roots(values: F64, highest: float) -> bool:
    """Whether values that are no logarithms are no square roots of counts either."""
    small = _nearness(values, 1.25, 8)
    nearer = small >= 0.35 and small >= 1.5 * _nearness(np.square(values), 1.25, 8)
    # Of counts that were smoothed, what has bled is tiny; roots of it are not.
    below = float((values < 1).mean())
    tiny = float((values < 0.03).mean()) >= 0.35 * max(below, 0.2)
    return highest > _LARGEST_ROOT or nearer or tiny or _near_whole(values)


def _by_units(rows: Sequence[F64], inverses: Sequence[str]) -> Recognised | None:
    """Recognise counts, or what became of them, by the unit that they are multiples of."""
    # Few distinct values say nothing: one detected gene is always a multiple of itself.
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
    """Recognise what was normalised by its equal sums; `spread` is the variation of the sums as they are."""
    equal = _EQUAL if len(rows) >= _MANY else _EQUAL / 1000  # of few rows some are alike by chance
    spreads = {name: _variation([_INVERSES[name][1](row).sum() for row in rows]) for name in inverses}
    name = min(spreads, key=lambda name: spreads[name])
    if spreads[name] < equal and spreads[name] < spread / 3:
        return Recognised("log", f"sums of {name} are the same in all rows: {_INVERSES[name][0]}")
    # Values that were brought to one distribution have the same sums of anything.
    if spread < equal and spreads["x^2"] > 5 * _EQUAL:
        return Recognised("counts", "the sums of all rows are the same: normalised counts, or shares")
    return None


def _by_values(rows: Sequence[F64], spread: float, sample: Sample) -> Recognised | None:
    """Recognise what has neither units nor equal sums by how its values are distributed."""
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
    # Counts that were smoothed are full of tiny values.
    if (values < 0.1).mean() >= 0.3:
        return None
    # Of few counts a row, exp(x) - 1 is not much more than x.
    if sample.highest >= 5 and of_exp < 0.65 and exponentials.sum() >= 8 * values.sum():
        return Recognised("log", f"sums of exp(x) - 1 are alike, and no value is above {sample.highest:.3g}")
    n_values = len(rows) * sample.n_columns
    # Counts of a mean below 0.7 are 0 in half of all places.
    if len(values) > 0.99 * n_values and values.sum() < 0.7 * n_values and spread < 0.2:
        return Recognised("log", "small values, hardly any of them 0: no counts, used as they are")
    return None


def recognised(sample: Sample) -> Recognised:
    """Say whether a table holds counts or log values, and why.

    In this order: whole numbers are counts, and so are whole multiples of one unit in every row. If an
    inverse of a logarithm, or the square, makes such multiples of the values, or makes the sums of all rows
    equal, they are used as they are, as log values; so are values where the squares of the small ones are
    near whole numbers. Values above 20, equal sums of the values themselves, values near whole numbers, and
    sums of exp(x) - 1 that differ by far are counts; where these sums are alike, they are log values. Values
    above 20 and sums that differ by far say nothing of square roots: up to 100, without tiny values and
    without small ones near whole numbers, counts are assumed only. What is left is assumed to be log values.
    The limits were set on the counts of nine data sets, thinned, corrected or smoothed in seven ways, and on
    their logarithms.
    """
    if sample.whole:
        return Recognised("counts", "all values are whole numbers")
    rows = [row for row in sample.rows if len(row)]
    if not rows:
        return Recognised("log", "no positive value in the rows looked at", certain=False)
    # Above that only squares are looked at: no count of 5e8 is needed to know better.
    logarithms = sample.highest <= _LARGEST_LOGARITHM
    inverses = list(_INVERSES) if logarithms else ["x^2"]
    spread = _variation([row.sum() for row in rows])
    found = _by_units(rows, inverses) or _by_sums(rows, spread, inverses)
    assumed = Recognised("log", f"not whole numbers, and no value above {sample.highest:.3g}", certain=False)
    return found or _by_values(rows, spread, sample) or assumed
