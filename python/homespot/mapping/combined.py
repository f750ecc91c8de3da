"""The record and the sections of several maps that are combined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np

from ..common.keys import FORMAT_VERSION, HOMESPOT, SECTION
from ..errors import InputError, expected
from ..objects.annotated import x_of
from ..space.axes import libraries
from ..space.directions import sections_down, y_down
from .by_section import sections_of
from .validity import filled

__all__ = ["combined_record", "record_of", "refuse_none", "section_labels"]


def combined_record(records: Sequence[dict[str, Any]], dtype: Any, how: str) -> dict[str, Any]:
    """Return the record of combined maps, with the record of every part."""
    return {
        "format_version": FORMAT_VERSION,
        "method": ", ".join(dict.fromkeys(str(record.get("method", "unknown")) for record in records)),
        "combined": how,
        "dtype": np.dtype(dtype).name,
        "parts": {f"part{i + 1}": record for i, record in enumerate(records)},
    }


def record_of(mappings: Sequence[ad.AnnData], how: str) -> dict[str, Any]:
    """Return the record of mappings that are combined."""
    dtype = np.result_type(*(x_of(mapping).dtype for mapping in mappings))
    return combined_record([filled(mapping.uns[HOMESPOT]) for mapping in mappings], dtype, how)


def refuse_none(mappings: Sequence[ad.AnnData]) -> None:
    """Refuse an empty list of mappings."""
    if len(mappings) == 0:
        raise InputError(expected("at least one mapping", "none", "Pass a list of mappings."))


def section_labels(
    mappings: Sequence[ad.AnnData], given: Sequence[str] | None = None
) -> tuple[list[str], dict[str, bool]]:
    """Return the section of every spot of several mappings, and whether y points down, by section.

    If names are `given`, sections within a mapping get its name in front.
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
