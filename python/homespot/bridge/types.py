"""Types of spots, for R: from a map, with or without a fit, and from a fit alone."""

from __future__ import annotations

from collections.abc import Mapping
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
    mapping: ad.AnnData,
    labels: Any,
    *,
    sc: ad.AnnData | None = None,
    st: Spatial | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    **named: Any,
) -> dict[str, Any]:
    """Return the types in every spot; see `homespot.deconvolve_spots`.

    R has put the chosen layers into X; their names are for the record.
    """
    sides: dict[str, Any] = {
        "sc": sc,
        "st": None if st is None else sections_in_memory(st),
        "sc_layer": sc_layer if sc is None else X,
        "st_layer": st_layer if st is None else X,
    }
    found = hs.deconvolve_spots(mapping, labels, **sides, **named)
    known = mapping.uns[keys.HOMESPOT]
    record = _with_layers(found.uns[keys.HOMESPOT], fit_sc_layer=sc_layer, fit_st_layer=st_layer)
    added = {name: value for name, value in record.items() if name not in known or name == "read_out"}
    return {**crossed(found), "assays": _assays(found), "record": plain(added)}


@offered
def fit_types(
    reference: ad.AnnData,
    st: Spatial,
    labels: Any = None,
    *,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    **named: Any,
) -> dict[str, Any]:
    """Return the types in every spot by a fit; see `homespot.fit_types`. Spots are named by their row.

    R has put the chosen layers into X; their names are for the record.
    """
    st = sections_in_memory(st)
    numbered(*sections_of_st(st))
    found = hs.fit_types(reference, st, labels, **named)
    record = _with_layers(found.uns[keys.HOMESPOT], sc_layer=sc_layer, st_layer=st_layer)
    return {
        **crossed(found),
        "assays": _assays(found),
        "spots": found.obs[ROW].to_numpy(dtype=np.int32),
        "spot_names": np.asarray(found.obs_names, dtype=object),
        "coordinates": found.obsm.get(keys.SPATIAL),
        "record": plain(record),
    }


def _with_layers(record: Mapping[str, Any], **layers: str | None) -> dict[str, Any]:
    """Return a record with the names of the assays that were chosen in place of layers."""
    kept = {name: value for name, value in record.items() if name not in layers}
    return kept | {name: value for name, value in layers.items() if value is not None}


def _assays(found: ad.AnnData) -> Any:
    return np.asarray([name for name in found.layers if name], dtype=object)
