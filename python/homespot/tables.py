"""The expression table of one side, taken out of an AnnData."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np
import numpy.typing as npt

from .errors import InputError, expected, some
from .preprocess import Expression, Scale, Side
from .streamed import x_of

__all__ = ["LABELS", "expression", "label_column"]

LABELS: dict[Side, str] = {"sc": "labels", "st": "st_labels"}
"""Parameters of methods that name a column of labels, by the table it is in."""


def label_column(adata: ad.AnnData, side: Side, name: str) -> npt.NDArray[np.object_]:
    """Take the column with the types out of an AnnData's annotation."""
    if name not in adata.obs:
        raise InputError(
            expected(
                f"a column {name!r} in {side}.obs",
                some(adata.obs.columns, 10) or "no columns",
                f"Name one that is there as {LABELS[side]}.",
            )
        )
    column: npt.NDArray[np.object_] = adata.obs[name].to_numpy(dtype=object)
    return column


def expression(
    adata: ad.AnnData,
    side: Side,
    layer: str | None,
    scale: Scale | Literal["auto"],
    dtype: str,
    labels: str | None = None,
    argument: str | None = None,
) -> Expression:
    """Take the expression table out of an AnnData, with the column `labels` of its annotation.

    `argument` is what the caller's argument for the layer is called, where it is not ``sc_layer`` or
    ``st_layer``.
    """
    argument = argument or f"{side}_layer"
    if layer is not None and layer not in adata.layers:
        raise InputError(
            expected(
                f"a layer {layer!r} in {side}",
                some(adata.layers, 10) or "no layers",
                f"Name one that is there as {argument}, or leave it out to use X.",
            )
        )
    matrix = x_of(adata, layer)
    if matrix is None:
        raise InputError(expected(f"expression values in {side}.X", "none", f"Name a layer as {argument}."))
    types = None if labels is None else label_column(adata, side, labels)
    return Expression(matrix, adata.obs_names, adata.var_names, side, scale, np.dtype(dtype), types)
