"""combine_cells: combine maps of different cells onto the same spots into one."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad

from ..common.keys import HOMESPOT
from ..mapping.combined import record_of_cells
from ..mapping.coordinates import images
from ..mapping.validity import check_mapping
from ..objects.access import copied

__all__ = ["combine_cells"]


def combine_cells(mappings: Sequence[ad.AnnData]) -> ad.AnnData:
    """Stack mappings of different cells onto the same spots into one, in memory."""
    for mapping in mappings:
        check_mapping(mapping)
    record = record_of_cells(mappings)
    out = ad.concat([copied(mapping) for mapping in mappings], axis="obs", join="outer", merge="first")
    out.uns.update({**images(*mappings), HOMESPOT: record})
    return out
