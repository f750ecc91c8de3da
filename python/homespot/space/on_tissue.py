"""Find the spots that lie on the tissue."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.wording import words
from ..errors import DataWarning, InputError, expected, some
from .section_names import plain_name

__all__ = ["on_tissue"]

Ints = npt.NDArray[np.intp]

# Words of a column that says whether a spot lies on the tissue, in the spelling of `plain_name`.
_TRUE = ("1", "10", "true", "yes", "t", "y", "in", "on", "tissue", "intissue", "ontissue", "inside")
_FALSE = (
    *("0", "00", "false", "no", "f", "n", "out", "off", "outside", "background", "offtissue", "notissue"),
    *("outoftissue", "notintissue", "nottissue", "outsidetissue"),
)
_CERTAIN = (
    "intissue",
    "ontissue",
    "isintissue",
    "spotintissue",
    "overlapstissue",
    "withintissue",
    "insidetissue",
)
_TISSUE = (*_CERTAIN, "overlapstissue", "undertissue", "overtissue", "tissue", "istissue", "intissueflag")


def _flags(column: pd.Series) -> npt.NDArray[np.bool_] | None:
    """Return False where a column holds 0, false or the like; None if it holds other values."""
    text = column.astype(object).where(column.notna(), "1").map(plain_name)
    values = set(text.unique())
    if not values <= {*_TRUE, *_FALSE}:
        return None
    return np.asarray(~text.isin(_FALSE), dtype=bool)


def on_tissue(obs: pd.DataFrame, *, warn: bool = True) -> Ints:
    """Return the rows of the spots on the tissue; a warning counts the others."""
    for name in obs.columns:
        if plain_name(name) not in _TISSUE or not isinstance(obs[name], pd.Series):
            continue
        on = _flags(obs[name])
        missing = int(obs[name].isna().sum())
        if warn and plain_name(name) in _CERTAIN and (on is None or 0 < missing < len(obs)):
            found = f"{missing} missing" if on is not None else f"{some(obs[name].dropna().unique())}"
            warnings.warn(
                f"{words().column('st', name)} does not say with 1 or 0 of every spot whether it lies on "
                f"the tissue "
                f"({found}). The other spots are taken as on the tissue.",
                DataWarning,
                stacklevel=4,
            )
        if on is None or on.all():
            continue
        if on.sum() < 2:
            raise InputError(
                expected(
                    "at least 2 spots on the tissue",
                    f"{on.sum()} of {len(on)} by {words().column('st', name)}",
                    f"Correct this column, or set {words().set_column('st', name, 1)} to use all spots.",
                )
            )
        if warn:
            warnings.warn(
                f"Left out {(~on).sum()} of {len(on)} spots, which are off the tissue by "
                f"{words().column('st', name)}. To keep them, set {words().set_column('st', name, 1)}.",
                DataWarning,
                stacklevel=4,
            )
        return np.flatnonzero(on)
    return np.arange(len(obs))
