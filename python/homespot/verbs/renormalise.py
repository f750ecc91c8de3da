"""renormalise: divide every row of a map by its sum."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy.typing as npt

from ..common.keys import CUT, DROPPED, LEFT_OVER, LOG_SUM
from ..common.memory import bounded
from ..common.wording import verb
from ..errors import InputError, expected, some
from ..mapping.checked import CheckedMap
from ..mapping.left_over import cut_away
from ..mapping.room import require_copies
from ..matrix.sums import is_sparse, row_sums
from ..objects.access import copied
from ..objects.potentials import potentials_of

__all__ = ["renormalise", "row_factors"]


def row_factors(view: CheckedMap) -> npt.NDArray[Any]:
    """Return what every row of P is multiplied by to sum to 1, in the type of P.

    Raises
    ------
    InputError
        If a cell has no mass on the kept spots.
    """
    view.read()
    sums = row_sums(view.matrix)
    if (sums <= 0).any():
        raise InputError(
            expected(
                "every cell to have some probability on the spots kept",
                f"{(sums <= 0).sum()} cell(s) without ({some(view.mapping.obs_names[sums <= 0])})",
                f"Drop these cells with {verb('subset')} first.",
            )
        )
    factors: npt.NDArray[Any] = (1 / sums).astype(view.matrix.dtype)
    return factors


@bounded
def renormalise(mapping: ad.AnnData) -> ad.AnnData:
    """Return the mapping, in memory, with every row divided by its sum; no mass is left over or dropped.

    If `k_best` has cut rows short, ``obs["homespot_cut"]`` keeps how much of each, as what was cut off may
    lie anywhere: such cells still have no radius where their rows are read by their sharpness.

    Parameters
    ----------
    mapping
        A result of `map_cells`.

    Raises
    ------
    InputError
        If a cell has no mass on the kept spots.
    """
    view = CheckedMap(mapping)
    if (made := potentials_of(mapping)) is not None:
        factors, out = row_factors(view), copied(mapping)
        out.obsm[LOG_SUM] = made.scaled(factors).of_cells[:, None]
    else:
        what = f"a copy of a map of {mapping.n_obs:,} cells x {mapping.n_vars:,} spots"
        require_copies(what, [view.matrix], 2)
        view.load()
        factors = row_factors(view)
        out = copied(mapping, view.matrix)
        out.X = out.X.multiply(factors[:, None]).tocsr() if is_sparse(out.X) else out.X * factors[:, None]
    out.obs[LEFT_OVER] = 0.0
    out.obs = out.obs.drop(columns=DROPPED, errors="ignore")
    if (cut := cut_away(mapping)) is not None:
        out.obs[CUT] = cut
    return out
