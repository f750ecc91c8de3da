"""Select genes, cells and spots, as every method does before it starts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.wording import argument
from ..errors import DataWarning, InputError, expected, some
from ..matrix.streamed import Streamed
from .shared import shared_genes
from .table import Expression, Floats
from .transforms import log_normalised, log_rows, most_variable, pieces

__all__ = ["HELD", "Indices", "Table", "log_sides", "log_tables", "selected_genes", "totals"]

Indices = npt.NDArray[np.intp]
Table = Floats | Streamed

HELD = 2**27
"""How many log values of the cells are held at once."""


def selected_genes(sc: Expression, st: Expression, n_genes: int) -> list[str]:
    """Return the shared genes among the most variable genes of the single-cell data.

    Parameters
    ----------
    sc
        The single-cell table.
    st
        The spatial table.
    n_genes
        Number of the most variable genes.
    """
    shared = shared_genes(sc, st)
    variable = set(sc.genes[most_variable(sc, n_genes)].tolist())
    genes = [gene for gene in shared if gene in variable]
    if len(genes) < 2:
        raise InputError(
            expected(
                f"at least 2 shared genes among the {n_genes} most variable of the single-cell data",
                str(len(genes)),
                f"Raise {argument('n_genes')}.",
            )
        )
    return genes


def _expressed_genes(x_sc: Table, x_st: Table, genes: list[str]) -> Indices:
    """Return the genes that are expressed in both tables; a warning counts the others."""
    seen = np.ones(len(genes), dtype=bool)
    for x in (x_sc, x_st):
        found = np.zeros(len(genes), dtype=bool)
        for _, block in pieces(x):
            found |= block.any(axis=0)
        seen &= found
    if not seen.all():
        dropped = np.asarray(genes)[~seen]
        warnings.warn(
            f"Dropped {len(dropped)} gene(s) without expression in one of the data sets ({some(dropped)}).",
            DataWarning,
            stacklevel=2,
        )
    if seen.sum() < 2:
        raise InputError(
            expected(
                "at least 2 genes with expression in both data sets",
                str(seen.sum()),
                f"Raise {argument('n_genes')}, or check that both data sets are of one tissue.",
            )
        )
    return np.flatnonzero(seen)


def totals(x: Table) -> npt.NDArray[np.float64]:
    """Return the sum of every row."""
    sums = np.empty(len(x))
    for rows, block in pieces(x):
        sums[rows] = block.sum(axis=1, dtype=np.float64)
    return sums


def _expressed(x: Table, table: Expression) -> Indices:
    """Return the rows that express any of the selected genes; a warning counts the others."""
    sums = totals(x)
    if (sums > 0).all():
        return np.arange(len(sums))
    row = "cell" if table.side == "sc" else "spot"
    dropped = table.names[sums <= 0]
    warnings.warn(
        f"Dropped {len(dropped)} {row}(s) without any of the {x.shape[1]} genes used ({some(dropped)}).",
        DataWarning,
        stacklevel=2,
    )
    if len(sums) - len(dropped) < 2:
        raise InputError(
            expected(
                f"at least 2 {row}s with any of the {x.shape[1]} genes used",
                str(len(sums) - len(dropped)),
                f"Raise {argument('n_genes')}, or check that both data sets are of one tissue.",
            )
        )
    return np.flatnonzero(sums > 0)


def log_tables(
    sc: Expression, st: Expression, genes: list[str]
) -> tuple[list[str], list[tuple[Floats, Indices]]]:
    """Return both tables on the log scale, without genes, cells and spots that have no expression.

    Genes without expression in one of the tables are dropped first, then cells and spots without expression
    of the genes left. Warnings count them.

    Parameters
    ----------
    sc
        The single-cell table.
    st
        The spatial table.
    genes
        Genes that both tables have.

    Returns
    -------
    The genes left; then, for the cells and for the spots, the values (rows x genes, dense) and the row
    numbers.
    """
    return _informative(sc, st, log_normalised(sc, genes), log_normalised(st, genes), genes)


def log_sides(
    sc: Expression, st: Expression, genes: list[str]
) -> tuple[list[str], list[tuple[Any, Indices]]]:
    """Return what `log_tables` does; rows of many cells are made when they are read.

    Values are the same whether they are or not, up to rounding.
    """
    many = sc.shape[0] * len(genes) > HELD
    x_sc = log_rows(sc, genes) if many else log_normalised(sc, genes)
    return _informative(sc, st, x_sc, log_normalised(st, genes), genes)


def _informative(
    sc: Expression, st: Expression, x_sc: Table, x_st: Floats, genes: list[str]
) -> tuple[list[str], list[tuple[Any, Indices]]]:
    seen = _expressed_genes(x_sc, x_st, genes)
    if len(seen) < len(genes):
        genes = [genes[i] for i in seen]
        x_sc = x_sc.taken(columns=seen) if isinstance(x_sc, Streamed) else x_sc[:, seen]
        x_st = x_st[:, seen]
    sides: list[tuple[Any, Indices]] = []
    for table, x in ((sc, x_sc), (st, x_st)):
        rows = _expressed(x, table)
        if len(rows) < len(x):
            x = x.taken(rows) if isinstance(x, Streamed) else x[rows]
        sides.append((x, rows))
    return genes, sides
