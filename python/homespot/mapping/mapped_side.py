"""The expression of the data that was mapped, for the cells or spots of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt

from ..common.keys import HOMESPOT
from ..common.wording import argument
from ..errors import InputError, expected
from ..expression.scale import Scale
from ..expression.table import Expression, Side
from ..objects.access import check_adata
from ..objects.annotated import with_tables
from ..objects.join_sections import as_one
from ..objects.recorded import Source, chosen_source, mapped_expression
from .align import mapped_cells, mapped_spots

__all__ = ["MappedSide", "mapped_side", "mapped_sides"]


@dataclass(frozen=True)
class MappedSide:
    """The expression of one side, its row for every cell, or spot, of the map, and its source."""

    side: Side
    table: Expression
    rows: npt.NDArray[np.intp]
    source: Source

    def of_map(self) -> Expression:
        """Return the expression of the map's cells, or spots, in their order."""
        return self.table.take(self.rows)

    def record(self) -> dict[str, Any]:
        """Return what a record says about what was read, as that of `map_cells` does, after ``fit_``."""
        read = {
            "layer": self.source.layer,
            "gene_column": self.source.gene_column,
            "scale": self.table.scale,
            "scale_evidence": self.table.evidence,
        }
        return {f"fit_{self.side}_{name}": value for name, value in read.items() if value is not None}


def mapped_side(
    mapping: ad.AnnData,
    adata: ad.AnnData,
    side: Side,
    layer: str | None = None,
    scale: Scale | Literal["auto"] = "auto",
) -> MappedSide:
    """Return one side of the data that was mapped; `layer` and `scale` as for `chosen_source`."""
    rows = (mapped_cells if side == "sc" else mapped_spots)(mapping, adata)
    adata, named = with_tables(adata), f"{side}_layer"
    source = chosen_source(adata, side, mapping.uns[HOMESPOT], layer, scale, argument=named)
    return MappedSide(side, mapped_expression(adata, side, source, argument=named), rows, source)


def mapped_sides(
    mapping: ad.AnnData, sc: Any, st: Any, sc_layer: str | None, st_layer: str | None
) -> tuple[MappedSide, MappedSide] | None:
    """Return both sides of the data that was mapped; None if nothing is given.

    Raises
    ------
    InputError
        If only one of the two data sets is given, or they do not hold the cells and spots of the map.
    """
    sides = {"sc": sc, "st": st, "sc_layer": sc_layer, "st_layer": st_layer}
    given = [argument(name) for name, value in sides.items() if value is not None]
    if not given:
        return None
    if sc is None or st is None:
        raise InputError(
            expected(
                f"both {argument('sc')} and {argument('st')}, to fit the spots on the types of the cells",
                f"only {given[0]}",
                "Pass both, or neither.",
            )
        )
    st = as_one(st, mapping.uns[HOMESPOT].get("st_gene_column"))
    check_adata(st, "st")
    return mapped_side(mapping, sc, "sc", sc_layer), mapped_side(mapping, st, "st", st_layer)
