"""Select genes, cells and spots, as every method does before it starts."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from ..common.wording import argument
from ..errors import DataWarning, InputError, expected, some
from .shared import shared_genes
from .table import Expression, Floats
from .transforms import log_normalised, most_variable

__all__ = ["Indices", "log_tables", "selected_genes"]

Indices = npt.NDArray[np.intp]


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


def _expressed_genes(x_sc: Floats, x_st: Floats, genes: list[str]) -> Indices:
    """Return the genes that are expressed in both tables; a warning counts the others."""
    seen = x_sc.any(axis=0) & x_st.any(axis=0)
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


def _expressed(x: Floats, table: Expression) -> Indices:
    """Return the rows that express any of the selected genes; a warning counts the others."""
    sums = x.sum(axis=1, dtype=np.float64)
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
    tables = [log_normalised(table, genes) for table in (sc, st)]
    seen = _expressed_genes(tables[0], tables[1], genes)
    if len(seen) < len(genes):
        genes = [genes[i] for i in seen]
        tables = [x[:, seen] for x in tables]
    sides = []
    for table, x in zip((sc, st), tables, strict=True):
        rows = _expressed(x, table)
        sides.append((x if len(rows) == len(x) else x[rows], rows))
    return genes, sides
