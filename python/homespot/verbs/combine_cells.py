"""combine_cells: combine maps of different cells onto the same spots into one."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad

from ..common.checks import listed
from ..common.keys import HOMESPOT
from ..common.memory import bounded
from ..mapping.checked import CheckedMap, checked_in_memory
from ..mapping.combined import record_of_cells
from ..mapping.coordinates import images
from ..mapping.room import require_copies
from ..objects.access import copied

__all__ = ["combine_cells"]


@bounded
def combine_cells(mappings: Sequence[ad.AnnData]) -> ad.AnnData:
    """Stack mappings of different cells onto the same spots into one, in memory.

    Parameters
    ----------
    mappings
        Results of `map_cells`, for different cells and the same spots in the same order.
    """
    mappings = listed("mappings", mappings)
    require_copies(
        "maps of different cells, one below the other",
        [CheckedMap(mapping).matrix for mapping in mappings],
        2,
    )
    matrices = [checked_in_memory(mapping) for mapping in mappings]
    record = record_of_cells(mappings)
    out = ad.concat(list(map(copied, mappings, matrices)), axis="obs", join="outer", merge="first")
    out.uns.update({**images(*mappings), HOMESPOT: record})
    return out
