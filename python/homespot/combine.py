"""Several mappings as one: of other cells onto the same spots, or of the same cells onto other spots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from .apart import sections_of
from .axes import libraries
from .directions import combined_direction, sections_down, y_down
from .errors import InputError, expected, some
from .keys import DROPPED, FORMAT_VERSION, HOMESPOT, LEFT_OVER, SECTION, SECTION_PROB
from .mapping import (
    check_mapping,
    coordinates,
    copied,
    dropped,
    filled,
    has_coordinates,
    images,
    refuse_duplicates,
)
from .streamed import x_of

__all__ = ["combine_cells", "combine_sections", "combined_record", "section_labels"]


_OF_SPOTS = ("sections", "shared_frame", "y_direction", "y_down")


def combined_record(records: Sequence[dict[str, Any]], dtype: Any, how: str) -> dict[str, Any]:
    """Return the record of maps that were put together, with every part's own record."""
    return {
        "format_version": FORMAT_VERSION,
        "method": ", ".join(dict.fromkeys(str(record.get("method", "unknown")) for record in records)),
        "combined": how,
        "dtype": np.dtype(dtype).name,
        "parts": {f"part{i + 1}": record for i, record in enumerate(records)},
    }


def _combined_record(mappings: Sequence[ad.AnnData], how: str) -> dict[str, Any]:
    dtype = np.result_type(*(x_of(mapping).dtype for mapping in mappings))
    return combined_record([filled(mapping.uns[HOMESPOT]) for mapping in mappings], dtype, how)


def _refuse_none(mappings: Sequence[ad.AnnData]) -> None:
    if len(mappings) == 0:
        raise InputError(expected("at least one mapping", "none", "Pass a list of mappings."))


def combine_cells(mappings: Sequence[ad.AnnData]) -> ad.AnnData:
    """Put mappings of different cells onto the same spots below one another, in memory."""
    _refuse_none(mappings)
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
    record = _combined_record(mappings, "cells")
    first = mappings[0].uns[HOMESPOT]
    kept = {
        name: first[name] for name in ("sections", "shared_frame", "y_direction", "y_down") if name in first
    }
    out.uns.update({**images(*mappings), HOMESPOT: {**record, **kept}})
    return out


def combine_sections(
    mappings: Sequence[ad.AnnData] | Mapping[str, ad.AnnData],
    weights: Sequence[float] | None = None,
    *,
    shared_frame: bool = False,
) -> ad.AnnData:
    """Put mappings of the same cells onto several sections side by side, in memory.

    ``var["homespot_section"]`` names the section of every spot: as the dict of mappings has it, or as its
    mapping has it, or by the tissue image or the one sample of its mapping, else ``section1``, ``section2``,
    ... The masses that a cell has in the sections are the weights, so they do not tell its section:
    `place_cells` gives it no place, but `cell_modes` gives one in every section. `map_cells` with
    ``sections=`` compares how the sections fit a cell.

    Parameters
    ----------
    mappings
        Mappings of the same cells in the same order, or a dict of them by the names of the sections.
    weights
        Share of each section; they are scaled to sum to 1. None: equal shares.
    shared_frame
        Whether all sections share one frame of coordinates, as for `map_cells`.
    """
    names = list(map(str, mappings)) if isinstance(mappings, Mapping) else None
    mappings = list(mappings.values()) if isinstance(mappings, Mapping) else mappings
    _refuse_none(mappings)
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
    record = {**_combined_record(mappings, "sections"), "weights": shares}
    out.obs = out.obs.drop(columns=[SECTION, SECTION_PROB], errors="ignore")
    labels, directions = section_labels(mappings, names)
    if shared_frame:
        record["shared_frame"] = True
    else:
        out.var[SECTION] = labels
    out.uns.update({**images(*mappings), HOMESPOT: {**record, **combined_direction(directions)}})
    return out


def section_labels(
    mappings: Sequence[ad.AnnData], given: Sequence[str] | None = None
) -> tuple[list[str], dict[str, bool]]:
    """Return the section of every spot of several mappings, and whether y points down, by section.

    Where names are `given`, sections within a mapping have its name in front.
    """
    own = [sections_of(mapping) for mapping in mappings]
    names = [_own_name(mapping) for mapping in mappings] if given is None else list(given)
    inner = [name for sections in own if sections is not None for name in sections.names]
    outer = [str(name) for name, sections in zip(names, own, strict=True) if sections is None]
    clear = None not in names and len({*inner, *outer}) == len(inner) + len(outer)
    labels: list[str] = []
    directions: dict[str, bool] = {}
    for i, (mapping, sections) in enumerate(zip(mappings, own, strict=True)):
        name = str(names[i]) if clear else f"section{i + 1}"
        if sections is None:
            labels += [name] * mapping.n_vars
            directions[name] = y_down(mapping)
        else:
            longer = {
                label: label if clear and given is None else f"{name}_{label}" for label in sections.names
            }
            labels += [longer[label] for label in sections.labels()]
            down = sections_down(mapping, sections, mapping.var)
            directions |= {longer[label]: is_down for label, is_down in down.items()}
    return labels, directions


def _own_name(mapping: ad.AnnData) -> str | None:
    record = mapping.uns[HOMESPOT]
    if "section" in record:
        return str(record["section"])
    found = list(libraries(mapping.uns))
    if len(found) == 1:
        return found[0]
    for column in (SECTION, "sample_id", "library_id"):
        if column in mapping.var and mapping.var[column].nunique(dropna=False) == 1:
            return str(mapping.var[column].iloc[0])
    return None
