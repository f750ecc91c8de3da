"""combine_sections: combine maps of the same cells onto different spots into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anndata as ad
import numpy as np

from ..common.checks import flag, listed
from ..common.keys import HOMESPOT, SECTION
from ..common.memory import bounded
from ..mapping.checked import CheckedMap, checked_in_memory
from ..mapping.combined import side_by_side
from ..mapping.coordinates import images
from ..mapping.room import require_copies
from ..objects.access import copied

__all__ = ["combine_sections"]


@bounded
def combine_sections(
    mappings: Sequence[ad.AnnData] | Mapping[str, ad.AnnData],
    weights: Sequence[float] | None = None,
    *,
    shared_frame: bool = False,
) -> ad.AnnData:
    """Put mappings of the same cells onto several sections side by side, in memory.

    ``var["homespot_section"]`` names the section of every spot. The name comes from the dict of mappings,
    from the mapping itself, or from the mapping's tissue image or only sample; otherwise it is ``section1``,
    ``section2``, ... The masses of a cell in the sections equal the weights, so they do not show its section:
    `place_cells` gives the cell no place, but `cell_modes` gives it one in every section. `map_cells` with
    ``sections=`` compares how well the sections fit a cell.

    Parameters
    ----------
    mappings
        Mappings of the same cells in the same order, or a dict of them by the names of the sections.
    weights
        Share of each section; they are scaled to sum to 1. None: equal shares.
    shared_frame
        Whether all sections share one frame of coordinates; see `map_cells`.
    """
    names = list(map(str, mappings)) if isinstance(mappings, Mapping) else None
    mappings = listed("mappings", list(mappings.values()) if isinstance(mappings, Mapping) else mappings)
    flag("shared_frame", shared_frame)
    require_copies(
        "maps onto several sections, side by side", [CheckedMap(mapping).matrix for mapping in mappings], 2
    )
    together = side_by_side(mappings, names, weights, shared_frame=shared_frame)
    # One after the other, so that P of a map that is not in memory is there once.
    scaled = [_scaled(mapping, share) for share, mapping in zip(together.shares, mappings, strict=True)]
    out = ad.concat(scaled, axis="var", join="outer", merge="first")
    out.obs = together.of_cells(out.obs)
    if together.sections is not None:
        out.var[SECTION] = together.sections
    out.uns.update({**images(*mappings), HOMESPOT: together.record})
    return out


def _scaled(mapping: ad.AnnData, share: float) -> ad.AnnData:
    """Return a map in memory whose entries are multiplied by the share of its section."""
    part = copied(mapping, checked_in_memory(mapping))
    part.X = part.X * np.asarray(share, dtype=part.X.dtype)[()]
    return part
