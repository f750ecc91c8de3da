"""renormalise: divide every row of a map by its sum."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy.typing as npt

from ..common.keys import DROPPED, LEFT_OVER
from ..errors import InputError, expected, some
from ..mapping.validity import check_mapping
from ..matrix.sums import is_sparse, row_sums
from ..objects.access import copied
from ..objects.annotated import x_of

__all__ = ["renormalise", "row_factors"]


def row_factors(mapping: ad.AnnData) -> npt.NDArray[Any]:
    """Return what every row of P is multiplied by to sum to 1, in the type of P.

    Raises
    ------
    InputError
        If a cell has no mass on the kept spots.
    """
    check_mapping(mapping)
    sums = row_sums(x_of(mapping))
    if (sums <= 0).any():
        raise InputError(
            expected(
                "every cell to have some probability on the spots kept",
                f"{(sums <= 0).sum()} cell(s) without ({some(mapping.obs_names[sums <= 0])})",
                "Drop these cells with subset() first.",
            )
        )
    factors: npt.NDArray[Any] = (1 / sums).astype(x_of(mapping).dtype)
    return factors


def renormalise(mapping: ad.AnnData) -> ad.AnnData:
    """Return the mapping, in memory, with every row divided by its sum; no mass is left over or dropped.

    Raises
    ------
    InputError
        If a cell has no mass on the kept spots.
    """
    factors = row_factors(mapping)
    out = copied(mapping)
    scaled = out.X.multiply(factors[:, None]).tocsr() if is_sparse(out.X) else out.X * factors[:, None]
    out.X = scaled
    out.obs[LEFT_OVER] = 0.0
    out.obs = out.obs.drop(columns=DROPPED, errors="ignore")
    return out
