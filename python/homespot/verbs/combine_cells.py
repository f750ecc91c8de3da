"""combine_cells: combine maps of different cells onto the same spots into one."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad

from ..common.checks import listed
from ..common.keys import HOMESPOT
from ..mapping.checked import checked_in_memory
from ..mapping.combined import record_of_cells
from ..mapping.coordinates import images
from ..objects.access import copied

__all__ = ["combine_cells"]


def combine_cells(mappings: Sequence[ad.AnnData]) -> ad.AnnData:
    """Stack mappings of different cells onto the same spots into one, in memory.

    Parameters
    ----------
    mappings
        Results of `map_cells`, for different cells and the same spots in the same order.
    """
    mappings = listed("mappings", mappings)
    matrices = [checked_in_memory(mapping) for mapping in mappings]
    record = record_of_cells(mappings)
    out = ad.concat(list(map(copied, mappings, matrices)), axis="obs", join="outer", merge="first")
    out.uns.update({**images(*mappings), HOMESPOT: record})
    return out
