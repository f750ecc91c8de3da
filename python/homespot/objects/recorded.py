"""The values that a map was made from, by its record: layer, names of genes and scale of each side."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import anndata as ad

from ..errors import DataWarning
from ..expression.genes import TABLES
from ..expression.scale import Scale
from ..expression.table import STATED, Expression, Side
from .tables import RAW, X, expression, values_of

__all__ = ["Source", "chosen_source", "mapped_expression", "mapped_genes", "recorded"]


class Source(NamedTuple):
    """Source of a side's expression: its layer, the column of the genes' names, and the stated scale."""

    layer: str | None
    gene_column: str | None
    scale: Scale | Literal["auto"] | None


def recorded(record: Mapping[str, Any], name: str) -> Any:
    """Return an entry of a record; for combined maps, the entry if all of them have the same."""
    parts = record.get("parts")
    if name in record or not isinstance(parts, Mapping) or not parts:
        return record.get(name)
    found = [recorded(part, name) for part in parts.values()]
    return found[0] if all(one == found[0] for one in found) else None


def mapped_genes(record: Mapping[str, Any]) -> set[str] | None:
    """Return the genes that a map was made from, or one of the maps that were combined; None: not known."""
    parts = record.get("parts")
    if "genes" in record or not isinstance(parts, Mapping):
        return {str(gene) for gene in record["genes"]} if "genes" in record else None
    found = [mapped_genes(part) for part in parts.values()]
    known = [genes for genes in found if genes is not None]
    return set().union(*known) if found and len(known) == len(found) else None


def _source_of(record: Mapping[str, Any], side: Side) -> Source:
    """Return the source of one side by the record of a map; a scale only if the user stated it."""
    stated = recorded(record, f"{side}_scale_evidence") == STATED
    return Source(
        recorded(record, f"{side}_layer"),
        recorded(record, f"{side}_gene_column"),
        recorded(record, f"{side}_scale") if stated else None,
    )


def chosen_source(
    adata: ad.AnnData,
    side: Side,
    record: Mapping[str, Any],
    layer: str | None = None,
    scale: Scale | Literal["auto"] = "auto",
    *,
    argument: str = "layer",
) -> Source:
    """Return the source of the values for a verb that reads an object again after the map was made.

    Parameters
    ----------
    adata, side
        As for `tables.expression`.
    record
        The map's record.
    layer
        Layer with the values; None is the layer that the record names, or X if it names none. If `adata`
        lacks the layer, X is used, and a warning says so.
    scale
        What the numbers are; ``"auto"`` is the scale that was stated for the map if its own layer is used,
        else the scale is recognised from the values.
    argument
        Name of the caller's argument for the layer.

    Raises
    ------
    InputError
        If `adata` has no layer `layer`.
    """
    source = _source_of(record, side)
    own = layer is None
    if layer is None and source.layer not in (None, X):
        own = source.layer in adata.layers or (source.layer == RAW and adata.raw is not None)
        layer = source.layer if own else None
        if not own:
            warnings.warn(
                f"The map was made from {source.layer!r} of the {TABLES[side]}, which is not there, so X is "
                f"used. If the same values are in another layer, name it as {argument}.",
                DataWarning,
                stacklevel=3,
            )
    var = values_of(adata, layer, side, argument)[1]
    stated = source.scale if own and scale == "auto" else scale
    return Source(layer, source.gene_column if source.gene_column in var else None, stated)


def mapped_expression(
    adata: ad.AnnData, side: Side, source: Source, dtype: str = "float32", *, argument: str = "layer"
) -> Expression:
    """Return the expression of one side from a source; errors as for `tables.expression`."""
    scale = source.scale or "auto"
    column = source.gene_column
    return expression(adata, side, source.layer, scale, dtype, argument=argument, gene_column=column)
