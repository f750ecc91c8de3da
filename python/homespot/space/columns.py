"""Coordinates in plain columns of the annotation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..common.checks import is_real
from ..common.keys import COORDINATES

__all__ = ["plain_columns"]


def plain_columns(obs: pd.DataFrame) -> pd.DataFrame | None:
    """Return the columns x, y (and z) if they hold finite numbers."""
    names = [name for name in COORDINATES if name in obs]
    if tuple(names[:2]) != COORDINATES[:2]:
        return None
    plain = obs[names]
    if not all(map(is_real, plain.dtypes)):
        return None
    return plain if np.isfinite(plain.to_numpy(dtype=np.float64, na_value=np.nan)).all() else None
