"""Take the expression table of one side from an AnnData: its values, its genes, and their names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import name as check_name
from ..common.wording import GeneTable, either, words
from ..common.wording import argument as spelled
from ..errors import DataWarning, InputError, expected, some
from ..expression.genes import TABLES, genes_of
from ..expression.scale import Scale
from ..expression.table import Expression, Side
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from ..space.sections import section_columns
from .annotated import x_of
from .labels import label_column
from .stored import read_later

__all__ = ["RAW", "X", "expression", "values_of"]

RAW = "raw"
"""Name that means ``adata.raw``, if no layer has this name."""

X = "X"
"""Name that means X, if no layer has this name, for verbs whose default is another layer."""

_ROWS = {"sc": "cell", "st": "spot"}
_ASSUMED = {
    "log": ("log values", "counts", "to have them normalised"),
    "counts": ("counts", "log", "to have them used as they are"),
}
"""The scale that is assumed, the scale that users may state instead, and what that does."""


def _layers(adata: ad.AnnData) -> list[str]:
    """Return the names of the layers; new versions of anndata list X among them, as None."""
    return [str(name) for name in adata.layers if name is not None]


def values_of(
    adata: ad.AnnData, layer: str | None, name: str, argument: str, hints: Sequence[str] | None = None
) -> tuple[Any, pd.DataFrame, GeneTable]:
    """Return the values of X, of a layer or of raw, the annotation of their genes, and what that is.

    Parameters
    ----------
    adata
        The data.
    layer
        Name of a layer, ``"raw"`` for ``adata.raw``, and ``"X"`` or None for X.
    name
        Name of `adata` in messages.
    argument
        Name of the caller's argument for the layer.
    hints
        As for `expression`.

    Raises
    ------
    InputError
        If `adata` has no layer `layer`, or X is empty.
    """
    if layer is not None:
        check_name(argument, layer)
    layers = _layers(adata)
    if layer is None or (layer == X and X not in layers):
        matrix = x_of(adata)
        if matrix is None:
            others = _elsewhere(adata, layer, name, argument, hints)
            raise InputError(
                expected(
                    f"expression values in {name}.X",
                    "none",
                    others or f"Name a layer as {spelled(argument)}.",
                )
            )
        return matrix, adata.var, GeneTable(name)
    if layer in layers:
        return x_of(adata, layer), adata.var, GeneTable(name)
    if layer == RAW and adata.raw is not None:
        return read_later(adata.raw.X), adata.raw.var, GeneTable(name, raw=True)
    available = [*layers, *([] if adata.raw is None else [RAW])]
    raise InputError(
        expected(
            f"a layer {layer!r} in {name}",
            some(available, 10) or "no layers",
            f"Name one that is there as {spelled(argument)}, or leave it out to use X.",
        )
    )


def _would_do(matrix: Any) -> bool:
    """Whether a matrix can hold counts or log values: finite numbers, none of them negative."""
    blocks = (block for _, block in matrix.blocks()) if isinstance(matrix, Streamed) else iter([matrix])
    for block in blocks:
        values = np.asarray(block.data if is_sparse(block) else block)
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all() or values.min(initial=0) < 0:
            return False
    return True


def _elsewhere(
    adata: ad.AnnData, layer: str | None, name: str, argument: str, hints: Sequence[str] | None
) -> str:
    """Name other values of an object that could be used instead; empty if there are none."""

    def others() -> Iterator[str]:
        layers = _layers(adata)
        x = None if layer is None else x_of(adata)
        if x is not None and _would_do(x):
            yield f"in {name}.X (leave {spelled(argument)} out)"
        if adata.raw is not None and RAW not in (layer, *layers) and _would_do(read_later(adata.raw.X)):
            yield f"in {name}.raw ({spelled(argument, RAW)})"
        for other in layers:
            if other != layer and _would_do(x_of(adata, other)):
                yield f"in {name}.layers[{other!r}] ({spelled(argument, other)})"
        yield from hints or ()

    found = list(others())
    return f"Values that would do are {', '.join(found)}." if found else ""


def _refuse_repeated(adata: ad.AnnData, genes: pd.Index, side: Side, where: GeneTable) -> None:
    """Refuse names that occur more than once, with the line that makes them unique."""
    row, table = _ROWS[side], TABLES[side]
    rows = adata.obs_names.astype(str)
    if not rows.is_unique:
        raise InputError(
            expected(
                f"unique {row} names in the {table}",
                f"{rows[rows.duplicated()].nunique()} that occur more than once "
                f"({some(rows[rows.duplicated()].unique())})",
                f"Give every {row} a name of its own: {_unique_rows(adata, side)}.",
            )
        )
    if not genes.is_unique:
        twice = genes[genes.duplicated()].unique()
        line = words().unique_gene_names(side)
        if where.raw:
            line = f"other names in {words().genes(where)}"
        raise InputError(
            expected(
                f"unique gene names in the {table}",
                f"{len(twice)} that occur more than once ({some(twice)})",
                f"Sum the {either('columns', 'rows')} of one gene, or give them names of their own: {line}.",
            )
        )


def _unique_rows(adata: ad.AnnData, side: Side) -> str:
    """Return the line that makes the rows' names unique by the column that names their sections."""
    rows = adata.obs_names.astype(str)
    for column in section_columns(adata.obs.columns):
        if (adata.obs[column].astype(str).to_numpy() + "_" + rows).is_unique:
            return words().unique_rows(side, column)
    return words().unique_rows(side)


def _columns(matrix: Any, columns: npt.NDArray[np.intp]) -> Any:
    if isinstance(matrix, Streamed):
        return matrix.taken(columns=columns)
    return _stored_by_rows(matrix)[:, columns]


def _stored_by_rows(matrix: Any) -> Any:
    return matrix.tocsr() if is_sparse(matrix) else np.asarray(matrix)


def expression(
    adata: ad.AnnData,
    side: Side,
    layer: str | None,
    scale: Scale | Literal["auto"],
    dtype: str,
    labels: str | None = None,
    argument: str | None = None,
    *,
    gene_column: str | None = None,
    hints: Sequence[str] | None = None,
    rows: npt.NDArray[np.intp] | None = None,
) -> Expression:
    """Return the expression table of an AnnData.

    Features that are not genes (control probes, blanks, antibodies, spike-ins, peaks) are left out with a
    warning; they are recognised by a column of the genes' annotation, or by their names. Another warning says
    so if the values could be counts as well as log values.

    Parameters
    ----------
    adata
        Cells x genes, or spots x genes.
    side
        ``"sc"`` or ``"st"``.
    layer
        Layer with the values; ``"raw"`` is ``adata.raw`` with its own genes, if no layer has this name; None
        is X.
    scale, dtype
        As for `Expression`.
    labels
        Column of the annotation with the type of every row.
    argument
        Name of the caller's argument for the layer, if it is not ``sc_layer`` or ``st_layer``.
    gene_column
        Column of the genes' annotation with their names; None is the index.
    hints
        Other places of usable values, for the message that refuses these: ``"in assay 'counts'"``.
    rows
        The rows to read; the others are ignored. None is all.

    Raises
    ------
    InputError
        If `adata` lacks the layer or column, no feature is a gene, or `Expression` refuses the table.
    """
    argument = argument or f"{side}_layer"
    matrix, var, where = values_of(adata, layer, side, argument, hints)
    if len(getattr(matrix, "shape", ())) == 2 and matrix.shape[1] != len(var):
        raise InputError(
            expected(
                f"as many columns in the values of {side} as {words().genes(where)} has rows",
                f"{matrix.shape[1]} and {len(var)}",
                "Write the data anew.",
            )
        )
    kept, about = genes_of(var, side, column=gene_column, where=where)
    _refuse_repeated(adata, about.var.index.astype(str), side, where)
    obs = adata.obs if rows is None else adata.obs.iloc[rows]
    if rows is not None:
        matrix = matrix.taken(rows) if isinstance(matrix, Streamed) else _stored_by_rows(matrix)[rows]
    table = Expression(
        matrix if len(kept) == len(var) else _columns(matrix, kept),
        obs.index.to_numpy(),
        about.var.index.to_numpy(),
        side,
        scale,
        np.dtype(dtype),
        None if labels is None else label_column(obs, side, labels),
        about,
        partial(_elsewhere, adata, layer, side, argument, hints),
    )
    if table.assumed:
        scale_argument = argument.replace("layer", "scale")
        taken, other, instead = _ASSUMED[table.scale]
        warnings.warn(
            f"The {TABLES[side]} is taken as {taken}, but nothing in the values says so: {table.evidence}."
            f" Set {spelled(scale_argument, table.scale)} if they are, or "
            f"{spelled(scale_argument, other)} {instead}.",
            DataWarning,
            stacklevel=2,
        )
    return table
