"""The coordinates of a map's spots, and the images of their tissue."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt

from ..common.keys import SPATIAL
from ..common.wording import either
from ..errors import InputError, expected
from ..space.axes import libraries, spot_coordinates
from ..space.columns import plain_columns

__all__ = ["coordinates", "has_coordinates", "images"]


def has_coordinates(mapping: ad.AnnData) -> bool:
    """Whether the spots have coordinates: in varm, or in finite plain columns, which converters keep."""
    return SPATIAL in mapping.varm or plain_columns(mapping.var) is not None


def coordinates(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    """Return the coordinates of the spots (spots x 2 or 3).

    Raises
    ------
    InputError
        If the mapping has no coordinates, or they are not finite numbers.
    """
    found = mapping.varm.get(SPATIAL)
    if found is None:
        found = plain_columns(mapping.var)
    values = spot_coordinates(found, mapping.n_vars)
    if values is None:
        raise InputError(
            expected(
                "a mapping whose spots have coordinates",
                "one made without",
                either(
                    'Map again with coordinates in st.obsm["spatial"], or set mapping.varm["spatial"].',
                    "Map again with coordinates in `coords`, or in spatialCoords(st).",
                ),
            )
        )
    return values


def images(*mappings: ad.AnnData) -> dict[str, Any]:
    """Return the images of the tissue as an entry of uns; empty if there are none."""
    found: dict[str, Any] = {}
    for mapping in mappings:
        found |= libraries(mapping.uns)
    return {SPATIAL: found} if found else {}
