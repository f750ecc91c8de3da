"""SSA: entropic optimal transport on expression correlation (Tran et al., section 2)."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import memory
from ..checks import one_of, whole, within
from ..errors import DataWarning, InputError, expected, some
from ..preprocess import Expression, Floats, log_normalised, most_variable, shared_genes, unit_rows, z_scores
from ..transport import REGULARISATION, CorrelationCost, sinkhorn
from .registry import Outcome, Run, register

__all__ = ["check", "ssa"]

Marginals = Literal["uniform", "expression", "expression_all", "counts"]
_BLOCK = 1024


def check(
    *,
    n_genes: int,
    correlation: str,
    regularisation: float,
    marginals: str = "uniform",
    relax_cells: float = 0.0,
    relax_spots: float = 0.0,
    tolerance: float = 1e-4,
    max_iter: int = 1,
) -> None:
    """Refuse parameters out of range."""
    whole("n_genes", n_genes, 2)
    one_of("correlation", correlation, ("signed", "absolute"))
    within("regularisation", regularisation, *REGULARISATION)
    one_of("marginals", marginals, ("uniform", "expression", "expression_all", "counts"))
    within("relax_cells", relax_cells, 0, 1)
    within("relax_spots", relax_spots, 0, 1)
    within("tolerance", tolerance, 0, open_low=True)
    whole("max_iter", max_iter, 1)


def _selected_genes(sc: Expression, st: Expression, n_genes: int) -> list[str]:
    shared = shared_genes(sc, st)
    variable = set(sc.genes[most_variable(sc, n_genes)].tolist())
    genes = [gene for gene in shared if gene in variable]
    if len(genes) < 2:
        raise InputError(
            expected(
                f"at least 2 shared genes among the {n_genes} most variable of the single-cell data",
                str(len(genes)),
                "Raise n_genes.",
            )
        )
    return genes


def _seen(x_sc: Floats, x_st: Floats, genes: list[str]) -> npt.NDArray[np.intp]:
    """Genes with any expression in both tables; a warning counts the others."""
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
                "Raise n_genes, or check that both data sets are of one tissue.",
            )
        )
    return np.flatnonzero(seen)


def _expressed(x: Floats, table: Expression) -> npt.NDArray[np.intp]:
    """Rows with any expression of the selected genes; a warning counts the others."""
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
                "Raise n_genes, or check that both data sets are of one tissue.",
            )
        )
    return np.flatnonzero(sums > 0)


def _marginal(
    table: Expression, x: Floats, rows: npt.NDArray[np.intp], marginals: str
) -> npt.NDArray[np.float64]:
    if marginals == "uniform":
        weights = np.ones(len(rows))
    elif marginals == "expression":
        weights = x.sum(axis=1, dtype=np.float64)
    else:
        weights = (table.log_totals if marginals == "expression_all" else table.totals)[rows]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _rows_to_one(plan: Floats) -> Floats:
    """Divide every row of the plan by its sum, in place: the plan T becomes the map P."""
    for start in range(0, len(plan), _BLOCK):
        block = plan[start : start + _BLOCK]
        sums = block.sum(axis=1, dtype=np.float64)
        block /= sums.astype(plan.dtype)[:, None]
    return plan


@register(
    "ssa",
    "entropic optimal transport on expression correlation (Tran et al.)",
    presets={
        "paper": {
            "n_genes": 5000,
            "correlation": "absolute",
            "regularisation": 0.05,
            "marginals": "expression",
            "relax_cells": 0.0,
            "relax_spots": 0.0,
        },
        # For genes in space rather than places: softer, and every spot filled as its expression says.
        "genes": {"regularisation": 0.1, "marginals": "expression", "relax_spots": 0.0},
    },
    check=check,
)
def ssa(
    sc: Expression,
    st: Expression,
    run: Run,
    *,
    n_genes: int = 5000,
    correlation: Literal["signed", "absolute"] = "signed",
    regularisation: float = 0.05,
    marginals: Marginals = "expression",
    relax_cells: float = 0.0,
    relax_spots: float = 0.75,
    tolerance: float = 1e-4,
    max_iter: int = 2000,
) -> Outcome:
    """Map cells to spots by entropic optimal transport on the correlation of their expression.

    Both tables are restricted to the shared genes among the `n_genes` most variable of the single-cell data,
    on the log scale, and every gene is z-scored within each table. With rho the Pearson correlation of a cell
    and a spot over the genes, D = 1 - rho, K = exp(-D / (regularisation max D)), Sinkhorn finds T = diag(a) K
    diag(b) with row sums p and column sums q, and P = T with every row divided by its sum.

    Parameters
    ----------
    sc
        Cells x genes.
    st
        Spots x genes.
    run
        Device, seed (not used: the method has no randomness) and progress.
    n_genes
        How many of the most variable genes of the single-cell data may be used.
    correlation
        ``"signed"``: D = 1 - rho. ``"absolute"``: D = 1 - abs(rho), as in the paper, for which an
        anti-correlated spot is as near as a correlated one.
    regularisation
        Entropic regularisation, relative to the largest cost; smaller is sharper.
    marginals
        p and q: ``"uniform"``; ``"expression"``, the row sums on the log scale over the genes used (the
        paper); ``"expression_all"``, the same over all genes; ``"counts"``, the row sums of the tables as
        given.
    relax_cells, relax_spots
        From 0 (that marginal is kept) to 1 (it is ignored). With both the exponents of the scaling updates
        are 1 - relax, that is, the marginal is held by a Kullback-Leibler penalty of weight regularisation (1
        - relax) / relax. ``relax_spots=1`` is the row softmax of the correlation.
    tolerance
        The solver stops when the L1 error of the marginals is at most this.
    max_iter
        Most iterations; a warning says if they were not enough.

    Returns
    -------
    P (cells x spots) and how the solver ended.
    """
    genes = _selected_genes(sc, st, n_genes)
    size = sc.shape[0] * st.shape[0] + (sc.shape[0] + st.shape[0]) * len(genes)
    memory.require(
        size * np.dtype(sc.dtype).itemsize,
        f"a map of {sc.shape[0]} cells x {st.shape[0]} spots over {len(genes)} genes",
        "Map fewer cells at a time, or use fewer genes (n_genes).",
    )

    tables = [log_normalised(table, genes) for table in (sc, st)]
    seen = _seen(tables[0], tables[1], genes)
    if len(seen) < len(genes):
        genes = [genes[i] for i in seen]
        tables = [x[:, seen] for x in tables]
    sides = []
    for table, x in zip((sc, st), tables, strict=True):
        rows = _expressed(x, table)
        if len(rows) < len(x):
            x = x[rows]
        marginal = _marginal(table, x, rows, marginals)
        sides.append((unit_rows(z_scores(x)), rows, marginal))
    (x_sc, cells, p), (x_st, spots, q) = sides

    result = sinkhorn(
        CorrelationCost(x_sc, x_st, absolute=correlation == "absolute"),
        p,
        q,
        regularisation=regularisation,
        relax_cells=relax_cells,
        relax_spots=relax_spots,
        tolerance=tolerance,
        max_iter=max_iter,
        dtype=np.dtype(sc.dtype).name,
        device=run.device,
        progress=run.progress,
    )
    ending: dict[str, Any] = {
        "converged": result.converged,
        "iterations": result.iterations,
        "errors": result.errors,
        "error_cells": result.error_cells,
        "error_spots": result.error_spots,
        "domain": result.domain,
        "largest_cost": result.scale,
    }
    return Outcome(_rows_to_one(result.matrix), cells, spots, genes, ending)
