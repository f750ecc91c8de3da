"""Labels of cells or of spots, in every form in which users give them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common import checks
from ..common.wording import argument, either, verb, words
from ..errors import DataWarning, InputError, expected, some

__all__ = ["GIVEN_LABELS", "LABELS", "Labels", "in_order", "label_column", "labels_named", "resolve"]

LABELS: dict[str, str] = {"sc": "labels", "st": "st_labels"}
"""Parameters of methods that give labels, by the side of the labels."""

GIVEN_LABELS = {"sc": "homespot_labels", "st": "homespot_st_labels"}
"""Columns of labels that are given as values."""
_ROWS = {"sc": "cell", "st": "spot"}


@dataclass(frozen=True)
class Labels:
    """One label per row: ``codes`` (rows) into ``names``."""

    codes: npt.NDArray[np.intp]
    names: list[str]

    def membership(self) -> sparse.csr_matrix:
        """Return the labels x rows matrix of 0 and 1."""
        n = len(self.codes)
        return sparse.csr_matrix((np.ones(n), (self.codes, np.arange(n))), shape=(len(self.names), n))


def in_order(values: Any, frame: pd.DataFrame, what: str, row: str, owner: str = "mapping") -> pd.Series:
    """Return one value for every row of `frame`, of the values that `_in_order` finds.

    Raises
    ------
    InputError
        As for `_in_order`, or if the value of a row is a list or the like.
    """
    found = _in_order(values, frame, what, row, owner)
    if pd.api.types.infer_dtype(found).startswith("mixed"):
        lists = found.map(pd.api.types.is_list_like)
        if lists.any():
            raise InputError(
                expected(
                    f"{what} that are texts or numbers",
                    f"a {type(found[lists].iloc[0]).__name__} among them",
                    f"Give every {row} one text or number.",
                )
            )
    return found


def _in_order(values: Any, frame: pd.DataFrame, what: str, row: str, owner: str = "mapping") -> pd.Series:
    """Return one value for every row of `frame`.

    Parameters
    ----------
    values
        Name of a column of `frame`; a Series with the names of the rows as index, or a dict by name, in any
        order and with further names allowed; or one value per row. A table of one column counts as that
        column.
    frame
        Annotation of the mapping's cells or spots, indexed by name.
    what
        Name of the values in messages: ``"labels"``.
    row
        Name of a row in messages: ``"cell"``.
    owner
        Name of the object that `frame` annotates, for messages.

    Raises
    ------
    InputError
        If `frame` lacks the column, a row has no value or two, or the numbers of values and rows differ.
    """
    if isinstance(values, str):
        if values not in frame:
            raise InputError(
                expected(
                    f"a column {values!r} with the {what} of the {owner}'s {row}s",
                    some(frame.columns, 10) or "no columns",
                    f"Name one that is there, or pass one value a {row}.",
                )
            )
        return frame[values]
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    if isinstance(values, np.ndarray) and values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    if isinstance(values, np.ma.MaskedArray) and values.ndim == 1:
        values = pd.Series(values).array  # what is masked is missing
    if isinstance(values, Mapping):
        values = pd.Series(list(values.values()), index=list(values), dtype=None if values else object)
    if isinstance(values, pd.Series):
        if not values.index.is_unique:
            raise InputError(
                expected(
                    f"one of the {what} for every {row}",
                    f"several for {some(values.index[values.index.duplicated()].unique())}",
                    "Drop the others.",
                )
            )
        unknown = ~frame.index.isin(values.index)
        if unknown.any():
            raise InputError(
                expected(
                    f"{what} of the {owner}'s {row}s, by name",
                    f"{unknown.sum()} {row}(s) without ({some(frame.index[unknown])}); "
                    f"the {what} have names like {some(values.index)}",
                    f"Pass the {what} of the {owner}."
                    if owner == "reference"
                    else f"Pass the {what} of the data that was mapped.",
                )
            )
        return values.reindex(frame.index)
    # pandas converts the list, because NumPy would turn a missing value among texts into text.
    table = isinstance(values, pd.DataFrame) or (isinstance(values, np.ndarray) and values.ndim > 1)
    given = [] if table else checks.listed(what, values)
    listed = values if hasattr(values, "shape") else pd.Series(given).array
    if listed.shape != (len(frame),):
        raise InputError(
            expected(
                f"{what} of the {owner}'s {len(frame)} {row}s",
                f"{listed.size} value(s)"
                if listed.ndim == 1
                else "a table of " + " x ".join(map(str, listed.shape)),
                f"Pass one a {row} in the {owner}'s order, {either('a Series', 'a vector')} with their "
                f"names, or a "
                "column's name.",
            )
        )
    return pd.Series(listed, index=frame.index)


def label_column(frame: pd.DataFrame, side: str, name: str) -> npt.NDArray[np.object_]:
    """Return the column of labels that a parameter names."""
    if name not in frame:
        raise InputError(
            expected(
                f"a column {name!r} in {words().annotation(side)}",
                some(frame.columns, 10) or "no columns",
                f"Name one that is there as {argument(LABELS[side])}.",
            )
        )
    return frame[name].to_numpy(dtype=object)


def labels_named(
    frame: pd.DataFrame, side: str, parameters: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put labels that are given as values into a column, which the parameters then name.

    Parameters
    ----------
    frame
        Annotation of the cells or spots.
    side
        ``"sc"`` or ``"st"``.
    parameters
        Parameters of a method; ``labels`` (``st_labels``) may be the name of a column, or values as for
        `in_order`.
    """
    values = parameters.get(LABELS[side])
    if values is None or isinstance(values, str):
        return frame, parameters
    if not pd.api.types.is_list_like(values):
        return frame, parameters  # the method raises the error
    taken = in_order(values, frame, LABELS[side], _ROWS[side], "data").set_axis(frame.index)
    name = GIVEN_LABELS[side]
    while name in frame and not frame[name].equals(taken):
        name += "_"  # labels of another method have this name
    return frame.assign(**{name: taken}), {**parameters, LABELS[side]: name}


def resolve(labels: Any, frame: pd.DataFrame, row: str, owner: str = "mapping") -> Labels:
    """Return the labels of the rows of `frame`, which are given as for `in_order`.

    Names are in the order of a categorical's levels, else sorted, with numbers sorted as numbers. Whole
    numbers are written without a decimal point, however they are stored. Levels that no row has are left out,
    and a warning names them.

    Raises
    ------
    InputError
        As for `in_order`, or if a label is missing or empty.
    """
    column = in_order(labels, frame, "labels", row, owner)
    missing = (column.isna() | (column.astype(str) == "")).to_numpy()
    if missing.any():
        raise InputError(
            expected(
                f"a label of every {row}",
                f"{missing.sum()} {row}(s) without ({some(frame.index[missing])})",
                f"Label them, or leave these {row}s out"
                + (f" with {verb('subset')}." if owner == "mapping" else "."),
            )
        )
    if column.dtype.kind == "f" and ((column == column.round()) & (column.astype(float).abs() < 2**53)).all():
        column = column.astype(np.int64)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [str(name) for name in column.cat.categories]
        # A date as a value is written in another way than in a column of dates.
        column = pd.Series(np.asarray(levels, dtype=object)[column.cat.codes], index=column.index)
    else:
        numbers = pd.api.types.is_numeric_dtype(column.dtype)
        distinct = (column if numbers else column.astype(str)).drop_duplicates()
        levels = distinct.sort_values().astype(str).tolist()
    text = column.astype(str).to_numpy()
    empty = [name for name in levels if name not in set(text)]
    if empty:
        warnings.warn(f"Left out label(s) that no {row} has: {some(empty)}.", DataWarning, stacklevel=3)
    names = [name for name in levels if name not in empty]
    return Labels(pd.Index(names).get_indexer(pd.Index(text)), names)
