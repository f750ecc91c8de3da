"""Several sections in one spatial data set: which spots are of which."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import InputError, expected, some

__all__ = ["refuse_checkpoint", "section_rows"]


def section_rows(spots: pd.DataFrame, column: object) -> dict[str, npt.NDArray[np.intp]]:
    """Return the rows of every section, in the order in which the sections first appear.

    Raises
    ------
    InputError
        If there is no such column, a spot has no section, or a section fewer than two spots.
    """
    if not isinstance(column, str) or column not in spots:
        raise InputError(
            expected(
                f"a column {column!r} in st.obs",
                some(spots.columns, 10) or "no columns",
                "Name the one with the section of every spot as sections, or leave it out.",
            )
        )
    given = spots[column]
    missing = given.isna().to_numpy()
    if missing.any():
        raise InputError(
            expected(
                f"a section of every spot in column {column!r} of st.obs",
                f"{missing.sum()} spot(s) without ({some(spots.index[missing])})",
                "Name the section of these spots, or drop them.",
            )
        )
    codes, values = pd.factorize(given)
    rows = {_text(value): np.flatnonzero(codes == i) for i, value in enumerate(values)}
    if len(rows) < len(values):
        raise InputError(
            expected(
                f"sections with names of their own in column {column!r} of st.obs",
                f"{len(values)} values, but {len(rows)} names",
                "Give all the same type.",
            )
        )
    small = [name for name, members in rows.items() if len(members) < 2]
    if small:
        raise InputError(
            expected(
                "at least 2 spots in every section",
                f"{len(small)} section(s) of one spot ({some(small)})",
                "Drop these sections.",
            )
        )
    return rows


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.15g}"  # as R writes it
    return str(value)


def refuse_checkpoint(settings: dict[str, Any]) -> None:
    """Refuse a checkpoint, which holds the state of one training and not of several sections."""
    if settings.get("checkpoint") is not None:
        raise InputError(
            expected("no checkpoint, which is of one training", "one", "Leave it out, or sections.")
        )
