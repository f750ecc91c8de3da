"""subset: select cells and spots of a map."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np

from ..common.keys import DROPPED, LEFT_OVER
from ..common.memory import bounded
from ..mapping.align import positions_of
from ..mapping.left_over import dropped
from ..mapping.room import require_copies
from ..mapping.validity import check_mapping
from ..mapping.whole_rows import without_whole_rows
from ..matrix.sums import row_sums
from ..objects.access import copied
from ..objects.annotated import x_of
from ..objects.potentials import potentials_of

__all__ = ["subset"]


_ROUNDING = 1e-6


@bounded
def subset(
    mapping: ad.AnnData, cells: Sequence[str] | None = None, spots: Sequence[str] | None = None
) -> ad.AnnData:
    """Return the mapping of these cells and spots, by name; mass on other spots goes to the left-over.

    ``obs["homespot_dropped"]`` is this mass for each cell. If the spots that are taken out held more of a
    cell's mass than the others, the cell has a place among the others, but it is not confident (see
    `cell_positions`). What a map with ``k_best`` has kept of whole rows (see `map_cells`) is dropped with the
    spots: places are then read from the entries. If the mapping is on disk, the selected part is read into
    memory.

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
    shape = mapping.n_obs if cells is None else len(cells), mapping.n_vars if spots is None else len(spots)
    share = shape[0] * shape[1] / max(mapping.n_obs * mapping.n_vars, 1)
    read = 2 * shape[0] / max(mapping.n_obs, 1) if mapping.isbacked else 0
    what = f"a part of a map, {shape[0]:,} cells x {shape[1]:,} spots"
    if potentials_of(mapping) is None:
        require_copies(what, [x_of(mapping)], 2 * share + read, "take at most {} cells")
    rows, columns = (slice(None) if names is None else list(names) for names in (cells, spots))
    # Of a file whole rows are read, because older versions of h5py select by one list, not by two.
    kept = copied(mapping[rows])[:, columns].copy() if mapping.isbacked else copied(mapping[rows, columns])
    if spots is not None:
        left_over = np.clip(1 - row_sums(x_of(kept)), 0, 1)
        lost = left_over - kept.obs[LEFT_OVER].to_numpy(dtype=np.float64)
        kept.obs[DROPPED] = dropped(kept) + np.where(lost > _ROUNDING, lost, 0)
        kept.obs[LEFT_OVER] = left_over
        kept.obs = without_whole_rows(kept.obs)
    return kept
