"""SSA: entropic optimal transport on expression correlation (Tran et al., section 2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from ..common.ending import transported
from ..common.run import SOFTER, Outcome, Run
from ..expression.components import projected
from ..expression.fits import cell_fits
from ..expression.gene_weights import GeneWeights, check_gene_weights, warn_of_unknown_genes
from ..expression.gene_weights import gene_weights as weights_of
from ..expression.selection import Indices, Table, log_sides, selected_genes, totals
from ..expression.sharpness import agreement
from ..expression.sparse_rows import sparse_rows
from ..expression.table import Expression
from ..expression.transforms import standards, unit_rows, weighted, z_scores
from ..matrix.sums import row_means
from ..transport import (
    REGULARISATION,
    Backend,
    CorrelationCost,
    Potentials,
    Storage,
    check_exact,
    check_pot,
    sinkhorn,
)
from .coverage import found_masses
from .parameter import Parameter
from .registry import register
from .size import transported_map
from .storage import check_number, layout

__all__ = ["Components", "Correlation", "Genes", "Regularisation", "Stored", "Weights", "ssa"]

_RELAXED = 0.75  # spots, where the sharpness is not known

# Parameters that other methods share.
Genes = Annotated[
    int, Parameter("How many of the most variable genes of the single-cell data may be used.", low=2)
]
Correlation = Annotated[
    Literal["signed", "absolute"],
    Parameter(
        '``"signed"``: D = 1 - rho. ``"absolute"``: D = 1 - abs(rho), as in the paper, for which an '
        "anti-correlated spot is as near as a correlated one."
    ),
]
Regularisation = Annotated[
    float,
    Parameter(
        "Entropic regularisation, relative to the largest cost; smaller is sharper.",
        low=REGULARISATION[0],
        high=REGULARISATION[1],
        tuned=(0.03, 0.05, 0.1),
    ),
]


Weights = Annotated[
    GeneWeights | None,
    Parameter(
        'Weights of the genes in the correlation. ``"equal"``: all count alike. ``"spatial"``: sqrt(max(0, '
        "I)), where I is Moran's I of the gene over the spots (their 6 nearest within two pitches): a gene "
        "without a pattern in the tissue counts for nothing. Or a number for each gene, by name: a gene "
        'without a number is left out. None: ``"spatial"`` if the spots have coordinates, else ``"equal"``. '
        "With weights, and coordinates of the spots, the map keeps the sharpness at which two halves of the "
        "genes agree best, and places are read at it.",
        checked=check_gene_weights,
    ),
]


def _check_settings(
    *,
    regularisation: float,
    relax_cells: float,
    relax_spots: float | None,
    backend: str | None,
    storage: str | None,
    **_: Any,
) -> None:
    check_pot(backend, storage or "stored", "cpu")
    check_exact(regularisation, relax_cells, relax_spots, backend)


Stored = Annotated[
    Storage | None,
    Parameter(
        '``"stored"``: the cells x spots kernel is kept in memory. ``"streamed"``: it is made anew, block by '
        "block, in every pass, and only the data takes memory. P is the same, by torch up to rounding; "
        "without k_best it is not written down, but kept as features and potentials, and every verb makes "
        'its rows when it reads them. None: ``"streamed"`` for more than 67 million pairs of a cell and a '
        'spot with k_best, and for more than 2,147 million without, else ``"stored"``.'
    ),
]
Components = Annotated[
    int | Literal["auto"] | None,
    Parameter(
        "How many principal components of both tables stand for the genes, which makes every pass cheaper; "
        "the record has the error of the correlations. None: the genes themselves, which is exact. "
        '``"auto"``: 128 where the kernel is streamed, else None.',
        checked=check_number,
    ),
]


def _marginal(table: Expression, x: Table, rows: Indices, marginals: str) -> npt.NDArray[np.float64]:
    if marginals == "uniform":
        weights = np.ones(len(rows))
    elif marginals == "expression":
        weights = totals(x)
    else:
        weights = (table.log_totals if marginals == "expression_all" else table.totals)[rows]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@register(
    "ssa",
    "entropic optimal transport on expression correlation (Tran et al.)",
    presets={
        "paper": {
            "n_genes": 5000,
            "correlation": "absolute",
            "gene_weights": "equal",
            "regularisation": 0.05,
            "marginals": "expression",
            "relax_cells": 0.0,
            "relax_spots": 0.0,
            "n_components": None,
        },
        # For genes in space rather than places: softer, and every spot filled as its expression says.
        "genes": {
            "gene_weights": "equal",
            "regularisation": 0.1,
            "marginals": "expression",
            "relax_spots": 0.0,
        },
    },
    check=_check_settings,
    needs=transported_map,
)
def ssa(
    sc: Expression,
    st: Expression,
    run: Run,
    *,
    n_genes: Genes = 5000,
    correlation: Correlation = "signed",
    gene_weights: Weights = None,
    regularisation: Annotated[
        float,
        Parameter(
            "Entropic regularisation, relative to the largest cost; smaller is sharper. 0 is the exact plan, "
            'by ``backend="pot"``: both marginals are kept, and the sharpness of the map is not known.',
            low=0,
            high=REGULARISATION[1],
            tuned=(0.03, 0.05, 0.1),
        ),
    ] = 0.05,
    marginals: Annotated[
        Literal["uniform", "expression", "expression_all", "counts"],
        Parameter(
            'p and q. ``"uniform"``: the same for all. ``"expression"``: the row sums on the log scale over '
            'the genes used (the paper). ``"expression_all"``: the row sums on the log scale over all genes. '
            '``"counts"``: the row sums of the tables as given.'
        ),
    ] = "expression",
    relax_cells: Annotated[
        float,
        Parameter(
            "How far the masses of the cells may leave p, from 0 (p is kept) to 1 (p is ignored). The "
            "exponent of the scaling update is 1 - relax_cells, that is, a Kullback-Leibler penalty of "
            "weight regularisation (1 - relax_cells) / relax_cells holds the marginal.",
            low=0,
            high=1,
        ),
    ] = 0.0,
    relax_spots: Annotated[
        float | None,
        Parameter(
            "How far the masses of the spots may leave q, from 0 (q is kept) to 1 (q is ignored, which gives "
            "the row softmax of the correlation). The exponent of the scaling update is 1 - relax_spots, as "
            "for relax_cells. None: q is kept within neighbourhoods of two pitches, and each neighbourhood "
            "has the mass that the row softmax brings to it, read as places are; 0.75 if the sharpness at "
            "which places are read is not known.",
            low=0,
            high=1,
        ),
    ] = None,
    tolerance: Annotated[
        float,
        Parameter(
            "The solver stops when the L1 error of the marginals is at most this, and another iteration "
            "would change no row of P by more than ten times this (L1), however small the mass of its cell.",
            low=0,
            open_low=True,
        ),
    ] = 1e-4,
    max_iter: Annotated[
        int, Parameter("Most iterations; a warning says if they were not enough.", low=1)
    ] = 2000,
    storage: Stored = None,
    n_components: Components = "auto",
    backend: Annotated[
        Backend | None,
        Parameter(
            'What solves the transport. ``"numba"``: compiled loops on the CPU; ``"torch"``: CPU or GPU; '
            '``"pot"``: the stored problem by the independent library POT, in float64, to hold one answer '
            "against the other. None: the one that suits the device."
        ),
    ] = None,
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
        Device, seed (not used: the method has no randomness), and progress.

    Returns
    -------
    P (cells x spots), and how the solver ended.
    """
    genes = selected_genes(sc, st, n_genes)
    dtype = np.dtype(sc.dtype)
    genes, ((x_sc, cells), (x_st, spots)) = log_sides(sc, st, genes)
    means = row_means(x_sc), row_means(x_st)
    fits = cell_fits(x_sc, x_st)
    p, q = _marginal(sc, x_sc, cells, marginals), _marginal(st, x_st, spots, marginals)
    logs, (shift, scale) = x_sc, standards(x_sc)
    x_sc, x_st = z_scores(x_sc, (shift, scale)), z_scores(x_st)
    places = None if st.places is None else st.places.take(spots)
    weights, sharpness = weights_of(gene_weights, genes, x_st, places), None
    warn_of_unknown_genes(gene_weights, sc, st)
    absolute = correlation == "absolute"
    if weights is not None:
        x_sc, x_st, scale = weighted(x_sc, weights), weighted(x_st, weights), scale * weights
        if places is not None and regularisation > 0:
            sharpness = agreement(x_sc, x_st, places, regularisation, absolute=absolute)
    x_sc, x_st = unit_rows(x_sc), unit_rows(x_st)
    if relax_spots is None and sharpness is not None and places is not None:
        power, relax_spots = SOFTER * sharpness.power, 0.0
        q = found_masses(x_sc, x_st, p, q, places, regularisation, power, absolute=absolute)

    relaxed = relax_spots
    if relaxed is None:
        relaxed = _RELAXED if regularisation > 0 else 0.0
    solved = layout(
        cells=len(cells),
        spots=len(spots),
        genes=len(genes),
        k_best=run.k_best,
        storage=storage,
        n_components=n_components,
        backend=backend,
    )
    error = products = None
    if solved.components is not None:
        x_sc, x_st, error = projected(x_sc, x_st, solved.components)
    elif run.device == "cpu" and backend != "torch":  # torch multiplies the rows themselves
        products = sparse_rows(logs, scale, shift * scale, x_st)
    result = sinkhorn(
        CorrelationCost(x_sc, x_st, absolute, None if products is None else products.write),
        p,
        q,
        regularisation=regularisation,
        relax_cells=relax_cells,
        relax_spots=relaxed,
        tolerance=tolerance,
        max_iter=max_iter,
        dtype=dtype.name,
        device=run.device,
        backend=backend,
        storage=solved.storage,
        fetch=run.k_best is None,
        progress=run.progress,
    )
    numbers: dict[str, Any] = {
        "converged": result.converged,
        "iterations": result.iterations,
        "errors": result.errors,
        "error_cells": result.error_cells,
        "error_spots": result.error_spots,
        "domain": result.domain,
        "largest_cost": result.scale,
        "storage": solved.storage,
    }
    if error is not None:
        numbers |= {"components": solved.components, "error_correlations": error}
    finite = bool(np.isfinite(result.error_spots))  # the sums of the columns of T take in every entry of P
    matrix: Any = result.matrix
    if matrix is None:
        matrix = Potentials.of(result) if run.k_best is None else result.map
    return Outcome(
        matrix,
        cells,
        spots,
        genes,
        means,
        transported(numbers),
        finite,
        weights,
        sharpness,
        fits,
    )
