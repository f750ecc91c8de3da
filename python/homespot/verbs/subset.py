"""subset: select cells and spots of a map."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np

from ..common.keys import DROPPED, LEFT_OVER
from ..mapping.align import positions_of
from ..mapping.left_over import dropped
from ..mapping.validity import check_mapping
from ..matrix.sums import row_sums
from ..objects.access import copied

__all__ = ["subset"]


_ROUNDING = 1e-6


def subset(
    mapping: ad.AnnData, cells: Sequence[str] | None = None, spots: Sequence[str] | None = None
) -> ad.AnnData:
    """Return the mapping of these cells and spots, by name; mass on other spots goes to the left-over.

    ``obs["homespot_dropped"]`` is this mass for each cell. If the spots that are taken out held more of a
    cell's mass than the others, the cell has a place among the others, but it is not confident (see
    `cell_positions`). If the mapping is on disk, the selected part is read into memory.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    cells
        Names of the cells to keep, in the order of the result; None keeps all.
    spots
        Names of the spots to keep, in the order of the result; None keeps all.
    """
    check_mapping(mapping)
    for names, index, kind in ((cells, mapping.obs_names, "cells"), (spots, mapping.var_names, "spots")):
        if names is not None:
            positions_of(names, index, kind)
    kept = mapping if cells is None else mapping[list(cells)]
    kept = copied(kept if spots is None else kept[:, list(spots)])
    if spots is not None:
        left_over = np.clip(1 - row_sums(kept.X), 0, 1)
        lost = left_over - kept.obs[LEFT_OVER].to_numpy(dtype=np.float64)
        kept.obs[DROPPED] = dropped(kept) + np.where(lost > _ROUNDING, lost, 0)
        kept.obs[LEFT_OVER] = left_over
    return kept
