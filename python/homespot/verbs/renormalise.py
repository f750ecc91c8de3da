"""renormalise: divide every row of a map by its sum."""

from __future__ import annotations

import anndata as ad

from ..common.keys import DROPPED, LEFT_OVER
from ..errors import InputError, expected, some
from ..mapping.validity import check_mapping
from ..matrix.sums import is_sparse, row_sums
from ..objects.access import copied
from ..objects.annotated import x_of

__all__ = ["renormalise"]


def renormalise(mapping: ad.AnnData) -> ad.AnnData:
    """Return the mapping, in memory, with every row divided by its sum; no mass is left over or dropped.

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
    out = copied(mapping)
    scale = (1 / sums).astype(out.X.dtype)
    scaled = out.X.multiply(scale[:, None]).tocsr() if is_sparse(out.X) else out.X * scale[:, None]
    out.X = scaled
    out.obs[LEFT_OVER] = 0.0
    out.obs = out.obs.drop(columns=DROPPED, errors="ignore")
    return out
