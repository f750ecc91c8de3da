"""Types of spots, for R: from a map, with or without a fit, and from a fit alone."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np

import homespot as hs

from ..common import keys
from ..evaluate.cross_validate import Spatial
from ..objects.tables import X
from .objects import ROW, numbered, sections_in_memory, sections_of_st
from .offered import offered
from .values import crossed, plain


@offered
def deconvolve_spots(
    mapping: ad.AnnData, labels: Any, *, sc: ad.AnnData | None = None, st: Spatial | None = None, **named: Any
) -> dict[str, Any]:
    """Return the types in every spot; see `homespot.deconvolve_spots`. R has put the chosen layers into X."""
    sides: dict[str, Any] = {}
    if sc is not None:
        sides |= {"sc": sc, "sc_layer": X}
    if st is not None:
        sides |= {"st": sections_in_memory(st), "st_layer": X}
    found = hs.deconvolve_spots(mapping, labels, **sides, **named)
    known = mapping.uns[keys.HOMESPOT]
    record = found.uns[keys.HOMESPOT]
    added = {name: value for name, value in record.items() if name not in known or name == "read_out"}
    return {**crossed(found), "assays": _assays(found), "record": plain(added)}


@offered
def fit_types(reference: ad.AnnData, st: Spatial, labels: Any = None, **named: Any) -> dict[str, Any]:
    """Return the types in every spot by a fit; see `homespot.fit_types`. Spots are named by their row."""
    st = sections_in_memory(st)
    numbered(*sections_of_st(st))
    found = hs.fit_types(reference, st, labels, **named)
    return {
        **crossed(found),
        "assays": _assays(found),
        "spots": found.obs[ROW].to_numpy(dtype=np.int32),
        "spot_names": np.asarray(found.obs_names, dtype=object),
        "coordinates": found.obsm.get(keys.SPATIAL),
        "record": plain(found.uns[keys.HOMESPOT]),
    }


def _assays(found: ad.AnnData) -> Any:
    return np.asarray([name for name in found.layers if name], dtype=object)
