"""Whether y points up or down: a property of the spatial data that every result records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from ..common.keys import HOMESPOT, SPATIAL
from .axes import libraries, rows_count_down
from .sections import Sections

__all__ = ["combined_direction", "direction_record", "sections_down", "y_down"]

_DIRECTION, _DOWN = "y_direction", "y_down"


def y_down(adata: ad.AnnData, section: str | None = None) -> bool:
    """Whether y points down, as in images, in a section or in a whole result.

    A result says so in its record; spatial data by a tissue image, or by columns of coordinates that count
    rows.
    """
    record = adata.uns.get(HOMESPOT)
    if isinstance(record, Mapping) and _DIRECTION in record:
        if section is not None and _DOWN in record:
            return section in np.atleast_1d(record[_DOWN]).tolist()
        return bool(record[_DIRECTION] == "down")
    if rows_count_down(adata.obsm.get(SPATIAL)):
        return True
    found = libraries(adata.uns)
    return bool(found) and (section is None or section in found)


def direction_record(
    adata: ad.AnnData, sections: Sections | None = None, spots: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Return the direction of y as entries for the record of a run.

    ``y_direction`` is ``"down"`` or ``"up"``; if sections differ it is ``"mixed"``, and ``y_down`` names the
    sections whose y points down. Parameters as for `sections_down`; `sections` may be None for one section.
    """
    if sections is None or spots is None:
        return combined_direction({"": y_down(adata)})
    return combined_direction(sections_down(adata, sections, spots))


def sections_down(adata: ad.AnnData, sections: Sections, spots: pd.DataFrame) -> dict[str, bool]:
    """Return whether y points down, by section.

    A tissue image belongs to the section that has its name, or to the sections whose spots have its name in a
    column. If an image cannot be assigned to a section, y points down in all sections.

    Parameters
    ----------
    adata
        Spatial data, or a mapping.
    sections
        Sections of the spots, which may be a part of all spots.
    spots
        Annotation of the same spots.
    """
    record = adata.uns.get(HOMESPOT)
    if isinstance(record, Mapping) and _DIRECTION in record:
        return {name: y_down(adata, name) for name in sections.names}
    found = libraries(adata.uns)
    with_image = {name for name in sections.names if name in found}
    for i in range(spots.shape[1] if found else 0):
        of_image = spots.iloc[:, i].astype(str).isin(list(found)).to_numpy()
        if of_image.any():
            others = np.unique(sections.codes[~of_image & (sections.codes >= 0)])
            with_image |= set(sections.names) - {sections.names[code] for code in others}
    everywhere = rows_count_down(adata.obsm.get(SPATIAL)) or (bool(found) and not with_image)
    return {name: everywhere or name in with_image for name in sections.names}


def combined_direction(down: Mapping[str, bool]) -> dict[str, Any]:
    """Return the entries of `direction_record` from whether y points down in each section."""
    if len(set(down.values())) > 1:
        return {
            _DIRECTION: "mixed",
            _DOWN: np.asarray([name for name, is_down in down.items() if is_down], object),
        }
    return {_DIRECTION: "down" if all(down.values()) else "up"}
