"""Which way y points: a property of the spatial data, which every result carries on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np

from .axes import libraries, rows_count_down
from .keys import HOMESPOT, SPATIAL

__all__ = ["combined_direction", "direction_record", "y_down"]

_DIRECTION, _DOWN = "y_direction", "y_down"


def y_down(adata: ad.AnnData, section: str | None = None) -> bool:
    """Whether y points down in a section, as in images, or in the whole of a result.

    The record of a run says so. Spatial data say so by a tissue image, or by columns of coordinates that
    count rows.
    """
    record = adata.uns.get(HOMESPOT)
    if isinstance(record, Mapping) and _DIRECTION in record:
        if section is not None and _DOWN in record:
            return section in np.atleast_1d(record[_DOWN]).tolist()
        return bool(record[_DIRECTION] == "down")
    if rows_count_down(adata.obsm.get(SPATIAL)):
        return True
    found = libraries(adata.uns)
    return bool(found) and (section is None or section in found or len(found) == 1)


def direction_record(adata: ad.AnnData, sections: Sequence[str] = ()) -> dict[str, Any]:
    """Return the direction of y as entries of a run's record.

    ``y_direction`` is ``"down"`` or ``"up"``; where sections differ it is ``"mixed"``, and ``y_down`` names
    the sections whose y points down.
    """
    return combined_direction({name: y_down(adata, name) for name in sections} or {"": y_down(adata)})


def combined_direction(down: Mapping[str, bool]) -> dict[str, Any]:
    """Return the same entries of whether y points down, by section."""
    if len(set(down.values())) > 1:
        return {
            _DIRECTION: "mixed",
            _DOWN: np.asarray([name for name, is_down in down.items() if is_down], object),
        }
    return {_DIRECTION: "down" if all(down.values()) else "up"}
