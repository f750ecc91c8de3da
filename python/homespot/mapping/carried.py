"""What a map gets wrong about measured genes, carried over to other genes by regression within the cells."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..expression.shared import shared_genes
from ..expression.table import Expression
from ..expression.transforms import log_normalised
from .gene_blocks import expression_sums, gene_blocks
from .read_out import F64, Factors

__all__ = ["STRENGTHS", "Carried", "carried"]


STRENGTHS = (0.0, 0.25, 0.5)
"""Parts of the correction that are tried."""

_RIDGE = 1.0
"""Added to the variance of every z-score in the regression; chosen on tissues, see benchmarks/README.md."""


class Carried:
    """The correction of genes at the spots by the residuals of measured genes.

    A gene is regressed on the measured genes within the cells, all as z-scores, with a ridge of 1. Its
    correction at a spot is what the regression makes of the residuals there: (measured - imputed) / s, with
    s the deviation of the measured gene within the cells, less their mean over the spots.

    `strength` is the part of the correction that is added: the one of `STRENGTHS` at which measured genes are
    predicted best, by the median Pearson correlation, from the residuals of a random half of them that they
    are not in. It is the least of equals.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or CSR.
    table
        Expression of the cells of the map, in its order.
    genes
        Columns of `table` that were measured.
    measured
        Log expression of these genes, spots x genes.
    scale
        The factors of the read-out.
    highest
        Value that none on the scale of imputed genes exceeds.
    block_size
        As for `impute_genes`.
    """

    def __init__(
        self,
        matrix: Any,
        table: Expression,
        genes: npt.NDArray[np.intp],
        measured: F64,
        scale: Factors,
        highest: float,
        block_size: int,
    ) -> None:
        self._block_size, self._highest = block_size, highest
        self._cells = sparse.vstack(
            [sparse.csr_matrix(block) for _, block in table.log_blocks(genes)], format="csr"
        )
        self._means = np.asarray(self._cells.mean(axis=0, dtype=np.float64)).ravel()
        imputed = np.empty(measured.shape)
        every = np.arange(table.shape[0])
        for part, values in gene_blocks(matrix, table, every, genes, scale, block_size):
            imputed[:, part] = values
        filled = np.asarray(np.isfinite(imputed).all(axis=1))
        imputed, measured = imputed[filled], measured[filled]
        covariances = self._covariances(table, genes)
        deviation = np.sqrt(np.maximum(covariances.diagonal(), 0))
        one_over = _inverse(deviation)
        correlations = covariances * one_over[:, None] * one_over
        residuals = measured - imputed
        residuals = (residuals - residuals.mean(axis=0)) * one_over
        halves = np.array_split(np.random.default_rng(0).permutation(len(genes)), 2)
        hidden = np.zeros_like(imputed)
        for given, wanted in (halves, halves[::-1]):
            of_given = _regressed(correlations[np.ix_(given, given)], residuals[:, given])
            hidden[:, wanted] = of_given @ correlations[np.ix_(given, wanted)] * deviation[wanted]
        agree = [_agreement(self._within(imputed + part * hidden), measured) for part in STRENGTHS]
        self.strength = STRENGTHS[int(np.argmax(agree))]
        self._weights = np.zeros((len(filled), len(genes)))
        self._weights[filled] = self.strength * _regressed(correlations, residuals) * one_over

    def _covariances(self, table: Expression, genes: npt.NDArray[np.intp]) -> F64:
        """Return the covariances within the cells of the measured genes with these."""
        total, mean = expression_sums(self._cells, table, genes, self._block_size)
        return total / table.shape[0] - np.outer(self._means, mean)

    def _within(self, values: F64) -> F64:
        return np.clip(values, 0, self._highest)

    def added(self, imputed: F64, table: Expression, genes: npt.NDArray[np.intp]) -> F64:
        """Return imputed genes (spots x genes) with the correction, within their scale."""
        if self.strength == 0:
            return imputed
        return self._within(imputed + self._weights @ self._covariances(table, genes))


def carried(
    matrix: Any,
    sc: Expression,
    st: Expression,
    cells: npt.NDArray[np.intp],
    spots: npt.NDArray[np.intp],
    used: Container[str] | None,
    scale: Factors,
    highest: float,
    block_size: int = 256,
) -> Carried:
    """Return the correction by the genes that a map was made from and both tables have.

    `cells` and `spots` are the rows of the tables for those of P, and `used` the genes; None: all of them.
    The other parameters are as for `Carried`.
    """
    genes = sorted(gene for gene in shared_genes(sc, st) if used is None or gene in used)
    columns = pd.Index(sc.genes).get_indexer(pd.Index(genes))
    measured = log_normalised(st, genes)[spots].astype(np.float64)
    return Carried(matrix, sc.take(cells), columns, measured, scale, highest, block_size)


def _inverse(values: F64) -> F64:
    return np.divide(1, values, out=np.zeros_like(values), where=values > 0)


def _regressed(correlations: F64, residuals: F64) -> F64:
    """Return residuals (spots x genes) times the inverse of the genes' correlations plus the ridge."""
    return np.asarray(np.linalg.solve(correlations + _RIDGE * np.eye(len(correlations)), residuals.T).T)


def _agreement(found: F64, measured: F64) -> float:
    """Return the median over the genes of the correlation over the spots; 0 for a constant pattern."""
    a, b = found - found.mean(axis=0), measured - measured.mean(axis=0)
    norms = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    return float(np.median((a * b).sum(axis=0) * _inverse(norms)))
