"""Find the genes that two expression tables share, and explain why others do not match."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..errors import DataWarning, InputError, Message, expected, some
from .gene_names import Names, better_names, cause, numbered
from .genes import TABLES
from .table import Expression

__all__ = ["shared_genes", "unknown_genes"]


_NAMES_SAID = "names of genes"


def _names(table: Expression) -> Names:
    about = table.about
    named = (table.side, table.genes.tolist(), table.names.tolist())
    return (
        Names(*named) if about is None else Names(*named, about.var, about.where, about.column, about.index)
    )


def shared_genes(sc: Expression, st: Expression, at_least: int = 2) -> list[str]:
    """Return the genes that both tables have, in the order of the spatial data.

    A warning says so if these genes are less than a tenth of the smaller table's, or if many more would match
    by other names: names in a column of the annotation, or names after a plain change such as '.' to '-'. Two
    tables get the warning once, also if parts of them are used later.

    Raises
    ------
    InputError
        If the tables share fewer than `at_least` genes, or have numbers instead of names. The message shows
        examples of both sides and, if it is known, the cause: rows and columns are swapped, the names are in
        a column, names were changed, or one side has Ensembl ids and the other symbols.
    """
    known = set(sc.genes.tolist())
    shared = [gene for gene in st.genes.tolist() if gene in known]
    found = f"(single-cell: {some(sc.genes)}; spatial: {some(st.genes)})"
    fewer = min(len(sc.genes), len(st.genes))
    if len(shared) < at_least:
        remedy, improvable = cause(_names(sc), _names(st))
        topic = "genes" if improvable else ""
        raise InputError(
            expected(f"at least {at_least} shared genes", f"{len(shared)} {found}", remedy, topic=topic)
        )
    if _NAMES_SAID in sc.warned_of & st.warned_of:
        return shared
    for table in (sc, st):
        table.warned_of.add(_NAMES_SAID)
    if (columns := numbered(_names(sc), _names(st))) is not None:
        raise InputError(
            expected("names of genes", f"only numbers, which are not the same genes {found}", f"{columns}.")
        )
    if len(shared) == fewer:
        return shared
    few = f"Only {len(shared)} of {fewer} genes are in both data sets {found}."
    if len(shared) < fewer / 10:
        remedy, improvable = cause(_names(sc), _names(st))
        message = Message(f"{few} {remedy}", "", "", remedy, "genes" if improvable else "")
        warnings.warn(DataWarning(message), stacklevel=2)
    else:
        better = better_names(_names(sc), _names(st))
        if better is not None:
            warnings.warn(f"{few} {better}", DataWarning, stacklevel=2)
    return shared


def unknown_genes(table: Expression, names: Sequence[str]) -> InputError:
    """Return the error for genes that a table does not have; it says which were left out as not genes."""
    others = {} if table.about is None else table.about.left_out
    found = f"{len(names)} that are not there ({some(names)})"
    remedy = "Check the spelling, and whether these are symbols or Ensembl ids."
    if table.about is not None and (no_genes := [name for name in names if name in others]):
        found = f"{len(no_genes)} that are no genes: {no_genes[0]!r} is {others[no_genes[0]]}"
        remedy = f"To keep them as genes, set {table.about.keep}."
    what = f"genes of the {TABLES[table.side]}, such as {some(table.genes)}, each once"
    return InputError(expected(what, found, remedy))
