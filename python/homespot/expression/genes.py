"""Which features of a table are genes, and the names of the genes, by an object's annotation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.wording import GeneTable, argument, words
from ..errors import DataWarning, InputError, expected, some
from .no_genes import NoGene, lines_that_keep, no_genes, texts

__all__ = ["TABLES", "About", "genes_of", "names_in"]

Objects = npt.NDArray[np.object_]

TABLES = {"sc": "single-cell data", "st": "spatial data"}
"""Name of each side's table in messages."""


@dataclass(frozen=True)
class About:
    """What an object says about the genes of its table.

    Parameters
    ----------
    var
        The annotation of the genes, in their order, with their names as its index.
    left_out
        Name and kind of every feature that was left out because it is not a gene.
    keep
        The lines of code that make these features count as genes.
    where
        The annotation in messages.
    column
        The column that the names come from, or None.
    index
        The names of the genes in the index.
    """

    var: pd.DataFrame = field(repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict)
    keep: str = ""
    where: GeneTable | None = None
    column: str | None = None
    index: Objects | None = field(default=None, repr=False)


def names_in(values: Any) -> Objects:
    """Return the values of a column as names, None where one is missing; whole numbers get no point.

    A column with missing values stores whole numbers as floats: 7157.0 for the Entrez id 7157.
    """
    found: Sequence[str | None] = list(texts(values))
    if getattr(values, "dtype", np.dtype(object)).kind == "f":
        found = [None if value is None else value.removesuffix(".0") for value in found]
    return np.array([value if value and value.strip() else None for value in found], dtype=object)


def genes_of(
    var: pd.DataFrame, side: str, *, column: str | None = None, where: GeneTable | None = None
) -> tuple[npt.NDArray[np.intp], About]:
    """Return which features are genes, and their names; warnings count the other features.

    A feature is not a gene if a column of the annotation, or its name, says so; a column that calls a feature
    a gene overrules the name. Spike-ins, such as ``ERCC-00002``, are not genes: they measure the assay, and
    would add to a cell's total. A feature whose name could be a gene's is kept: ``Custom1``, and transgenes
    such as ``GFP``.

    Parameters
    ----------
    var
        Annotation of the features, with their names as its index.
    side
        ``"sc"`` or ``"st"``.
    column
        Column with the genes' names; None is the index. A gene without a name in the column keeps its name in
        the index. Genes that share a name get their name in the index appended, as with Bioconductor's
        ``uniquifyFeatureNames()``.
    where
        What `var` is, for messages; None is the annotation of the side.

    Returns
    -------
    The rows of `var` that are genes, and what `var` says about them.

    Raises
    ------
    InputError
        If no feature is a gene, or `var` has no column `column`.
    """
    where = where or GeneTable(side)
    own = np.array([str(name) for name in var.index], dtype=object)
    names = own if column is None else _column(var, column, side, where)
    others = no_genes(var, own, names)
    kept = np.setdiff1d(np.arange(len(own)), np.fromiter(others, np.intp, len(others)))
    keep = lines_that_keep(others, var, where)
    if others and not len(kept):
        raise InputError(
            expected(
                f"genes in the {TABLES[side]}",
                f"none among {len(own)} features: {_counted(others, own)}",
                f"If they are to be compared, keep them as genes: {keep}.",
            )
        )
    if others:
        warnings.warn(
            f"Left out {len(others)} feature(s) of the {TABLES[side]} that are not genes: "
            f"{_counted(others, own)}. To keep them as genes, set {keep}.",
            DataWarning,
            stacklevel=3,
        )
    left_out = {
        str(source[i]): other.located(where)
        for i, other in others.items()
        for source in (own, names)
        if source[i] is not None
    }
    rest = var.iloc[kept] if others else var
    if column is None:
        return kept, About(rest, left_out, keep, where)
    genes = _unique(own[kept], names[kept], words().gene_column(where, column))
    return kept, About(rest.set_axis(genes, axis=0), left_out, keep, where, column, own[kept])


def _counted(others: Mapping[int, NoGene], names: Objects) -> str:
    """Count features by kind: ``30 'Antibody Capture' ('CD3', 'CD4', ...)``."""
    members: dict[NoGene, list[str]] = {}
    for i in sorted(others):
        members.setdefault(others[i], []).append(names[i])
    return ", ".join(f"{kind.counted(len(found))} ({some(found, 2)})" for kind, found in members.items())


def _column(var: pd.DataFrame, column: object, side: str, where: GeneTable) -> Objects:
    """Return the features' names in a column, None for a feature without one."""
    if not isinstance(column, str) or column not in var:
        raise InputError(
            expected(
                f"a column {column!r} in {words().genes(where)}",
                some(var.columns, 10) or "no columns",
                f"Name the one with the genes' names as {argument(f'{side}_gene_column')}, or leave it out.",
            )
        )
    return names_in(var[column])


def _unique(own: Objects, names: Objects, where: str) -> Objects:
    """Make the genes' names unique; a warning counts the genes whose name differs from the column's."""
    nameless = np.array([name is None for name in names], dtype=bool)
    found = np.where(nameless, own, names)
    shared = pd.Index(found).duplicated(keep=False) & ~nameless
    found[shared] = [f"{name}_{in_index}" for name, in_index in zip(found[shared], own[shared], strict=True)]
    parts = []
    if nameless.any():
        parts.append(
            f"{nameless.sum()} gene(s) have no name there and keep their own ({some(own[nameless])})"
        )
    if shared.any():
        parts.append(
            f"{shared.sum()} share their name with another gene and get their own behind it "
            f"({some(found[shared])})"
        )
    if parts:
        warnings.warn(
            f"Names of genes from {where}: {', '.join(parts)}. To match these genes by other names, write "
            "them there.",
            DataWarning,
            stacklevel=4,
        )
    return found
