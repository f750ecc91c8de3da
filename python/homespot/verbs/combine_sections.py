"""combine_sections: combine maps of the same cells onto different spots into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anndata as ad
import numpy as np
import pandas as pd

from ..common.keys import DROPPED, HOMESPOT, LEFT_OVER, SECTION, SECTION_PROB
from ..errors import InputError, expected, some
from ..mapping.combined import record_of, refuse_none, section_labels
from ..mapping.coordinates import coordinates, has_coordinates, images
from ..mapping.left_over import dropped
from ..mapping.validity import check_mapping
from ..objects.access import copied, refuse_duplicates
from ..space.directions import combined_direction

__all__ = ["combine_sections"]


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
    mappings = list(mappings.values()) if isinstance(mappings, Mapping) else mappings
    refuse_none(mappings)
    shares = np.ones(len(mappings)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(mappings),) or not (np.isfinite(shares) & (shares > 0)).all():
        raise InputError(
            expected(
                f"{len(mappings)} positive weights, one a section", str(weights), "Give one for each mapping."
            )
        )
    shares = shares / shares.sum()
    for mapping in mappings:
        check_mapping(mapping)
        if not mapping.obs_names.equals(mappings[0].obs_names):
            raise InputError(
                expected(
                    "mappings of the same cells in the same order",
                    f"{some(mappings[0].obs_names)} and {some(mapping.obs_names)}",
                    "Use combine_cells() for other cells on the same spots.",
                )
            )
    refuse_duplicates(pd.Index([name for mapping in mappings for name in mapping.var_names]), "spots")
    dims = {coordinates(mapping).shape[1] if has_coordinates(mapping) else 0 for mapping in mappings}
    if len(dims) > 1:
        raise InputError(
            expected(
                "sections that all have coordinates of the same dimensions, or none",
                "sections with " + " and ".join(str(n) if n else "no" for n in sorted(dims)) + " dimensions",
                "Map all sections with coordinates alike.",
            )
        )
    scaled = []
    for share, mapping in zip(shares, mappings, strict=True):
        part = copied(mapping)
        part.X = part.X * np.asarray(share, dtype=part.X.dtype)[()]
        scaled.append(part)
    out = ad.concat(scaled, axis="var", join="outer", merge="first")
    out.obs[LEFT_OVER] = sum(
        share * mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64)
        for share, mapping in zip(shares, mappings, strict=True)
    )
    gone = sum(share * dropped(mapping) for share, mapping in zip(shares, mappings, strict=True))
    out.obs = out.obs.drop(columns=DROPPED, errors="ignore")
    if np.any(gone):
        out.obs[DROPPED] = gone
    record = {**record_of(mappings, "sections"), "weights": shares}
    out.obs = out.obs.drop(columns=[SECTION, SECTION_PROB], errors="ignore")
    labels, directions = section_labels(mappings, names)
    if shared_frame:
        record["shared_frame"] = True
    else:
        out.var[SECTION] = labels
    out.uns.update({**images(*mappings), HOMESPOT: {**record, **combined_direction(directions)}})
    return out
