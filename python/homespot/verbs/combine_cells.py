"""combine_cells: combine maps of different cells onto the same spots into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad

from ..common.checks import listed
from ..common.keys import HOMESPOT
from ..common.memory import bounded
from ..mapping.checked import CheckedMap, checked_in_memory
from ..mapping.combined import record_of_cells
from ..mapping.coordinates import images
from ..mapping.room import require_copies
from ..objects.access import copied
from ..objects.potentials import potentials_of, with_potentials

__all__ = ["combine_cells"]


@bounded
def combine_cells(mappings: Sequence[ad.AnnData]) -> ad.AnnData:
    """Stack mappings of different cells onto the same spots into one, in memory.

    Maps that are kept as features and potentials (see `map_cells`) stay so if they are parts of one map; if
    each was made by itself, P is written down.

    Parameters
    ----------
    mappings
        Results of `map_cells`, for different cells and the same spots in the same order.
    """
    mappings = listed("mappings", mappings)
    views = [CheckedMap(mapping) for mapping in mappings]
    made = [potentials_of(mapping) for mapping in mappings]
    one = made[0] if made else None
    if one is not None and all(other is not None and one.same_spots(other) for other in made):
        for view in views:
            view.read()
        return _stacked(mappings, list(map(copied, mappings)), with_potentials({}, one))
    require_copies(
        "maps of different cells, one below the other",
        [view.matrix for view in views],
        2,
    )
    matrices = [checked_in_memory(mapping) for mapping in mappings]
    return _stacked(mappings, list(map(copied, mappings, matrices)), {})


def _stacked(
    mappings: Sequence[ad.AnnData], copies: Sequence[ad.AnnData], more: dict[str, Any]
) -> ad.AnnData:
    """Return copies of the mappings one below the other, with the record of all and what is `more` in it."""
    record = record_of_cells(mappings)
    out = ad.concat(copies, axis="obs", join="outer", merge="first")
    out.uns.update({**images(*mappings), HOMESPOT: {**record, **more}})
    return out
