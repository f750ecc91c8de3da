"""The plain correlation: the yardstick that every other method has to beat."""

from __future__ import annotations

from ..common.run import Outcome, Run
from ..expression.table import Expression
from .registry import register
from .size import transported_map
from .ssa import Components, Correlation, Genes, Regularisation, Stored, Weights, ssa

__all__ = ["correlation_map"]


@register("correlation", "row softmax of the expression correlation: the yardstick", needs=transported_map)
def correlation_map(
    sc: Expression,
    st: Expression,
    run: Run,
    *,
    n_genes: Genes = 5000,
    correlation: Correlation = "signed",
    gene_weights: Weights = None,
    regularisation: Regularisation = 0.05,
    storage: Stored = None,
    n_components: Components = "auto",
) -> Outcome:
    """Map every cell by itself: P[i, j] proportional to exp(-D[i, j] / (regularisation max D)), D = 1 - rho.

    That is SSA with the spots' marginal ignored, so one step solves it. Its largest entry of a row is the
    spot of highest correlation, whatever the regularisation.

    Parameters
    ----------
    sc
        Cells x genes.
    st
        Spots x genes.
    run
        Device, seed (not used) and progress.

    Returns
    -------
    P (cells x spots).
    """
    return ssa(
        sc,
        st,
        run,
        n_genes=n_genes,
        correlation=correlation,
        gene_weights=gene_weights,
        regularisation=regularisation,
        marginals="uniform",
        relax_spots=1.0,
        storage=storage,
        n_components=n_components,
    )
