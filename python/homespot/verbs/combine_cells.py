"""combine_cells: combine maps of different cells onto the same spots into one."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from ..common.keys import HOMESPOT
from ..errors import InputError, expected, some
from ..mapping.combined import record_of, refuse_none
from ..mapping.coordinates import coordinates, has_coordinates, images
from ..mapping.validity import check_mapping
from ..objects.access import copied, refuse_duplicates

__all__ = ["combine_cells"]


def combine_cells(mappings: Sequence[ad.AnnData]) -> ad.AnnData:
    """Stack mappings of different cells onto the same spots into one, in memory."""
    refuse_none(mappings)
    for mapping in mappings:
        check_mapping(mapping)
        if not mapping.var_names.equals(mappings[0].var_names):
            raise InputError(
                expected(
                    "mappings onto the same spots in the same order",
                    f"{some(mappings[0].var_names)} and {some(mapping.var_names)}",
                    "Use combine_sections() for the same cells on several sections.",
                )
            )
    known = [coordinates(mapping) for mapping in mappings if has_coordinates(mapping)]
    if any(not np.array_equal(where, known[0]) for where in known):
        raise InputError(
            expected(
                "the same spots in all mappings",
                "spots of the same names with other coordinates",
                "Combine mappings onto one spatial data set.",
            )
        )
    refuse_duplicates(pd.Index([name for mapping in mappings for name in mapping.obs_names]), "cells")
    out = ad.concat([copied(mapping) for mapping in mappings], axis="obs", join="outer", merge="first")
    record = record_of(mappings, "cells")
    first = mappings[0].uns[HOMESPOT]
    kept = {
        name: first[name] for name in ("sections", "shared_frame", "y_direction", "y_down") if name in first
    }
    out.uns.update({**images(*mappings), HOMESPOT: {**record, **kept}})
    return out
