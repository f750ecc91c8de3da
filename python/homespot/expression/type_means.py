"""What cell types express: their mean expression, and how much it varies within them, read block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..matrix.sums import column_sums, is_sparse
from .mixtures import linear
from .table import Expression

__all__ = ["TypeMeans", "drawn_groups", "mean_of", "means_of_cells", "means_of_types", "redrawn"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int32]

_LEAST_NOISE = 0.1  # of the median gene: no gene is taken as nearly without noise


@dataclass(frozen=True)
class TypeMeans:
    """What types express, on the linear scale: counts become 10,000 x / total.

    Parameters
    ----------
    means
        Mean expression, types x genes.
    noise
        Variance of every gene within the types, over its mean; shape (genes,).
    telling
        How much the types' means differ, over what chance makes of cells that are all alike: the F statistic
        of every gene; infinite where nothing is known of single cells. Shape (genes,).
    shares
        Share of the types among the cells of the reference; sums to 1. Shape (types,).
    sizes
        Root of the mean total count of a type's cells; 1 if nothing is known of totals. Shape (types,).
    """

    means: F64
    noise: F64
    telling: F64
    shares: F64
    sizes: F64

    @property
    def overall(self) -> F64:
        """Mean expression of every gene over the cells of the reference."""
        return np.asarray(self.shares @ self.means)

    def of_genes(self, genes: Any) -> TypeMeans:
        """Return what the types express of these genes."""
        return replace(
            self,
            means=np.ascontiguousarray(self.means[:, genes]),
            noise=self.noise[genes],
            telling=self.telling[genes],
        )

    def times(self, factors: F64) -> TypeMeans:
        """Return what a technology that sees so many times as much of every gene would see of the types."""
        return replace(self, means=self.means * factors, noise=self.noise * factors)


def redrawn(n: int, n_draws: int) -> Counts:
    """Return how often each of n is drawn, draws x n, where every draw takes n of them, with replacement."""
    rng = np.random.default_rng(0)
    draws = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(n_draws)]
    return np.stack(draws).astype(np.int32)


def drawn_groups(codes: Ints, n_groups: int, drawn: Counts) -> sparse.csr_matrix:
    """Return how often every cell counts for every draw and group: (draws groups) x cells.

    Parameters
    ----------
    codes
        The group of every cell.
    n_groups
        Number of groups.
    drawn
        How often every cell is drawn, draws x cells.
    """
    draw, cell = np.nonzero(drawn)
    shape = (len(drawn) * n_groups, len(codes))
    return sparse.csr_matrix(
        (drawn[draw, cell].astype(np.float64), (draw * n_groups + codes[cell], cell)), shape=shape
    )


def means_of_cells(
    table: Expression, genes: Ints, codes: Ints, n_types: int, drawn: Counts | None = None
) -> list[TypeMeans]:
    """Return what types express, once for every draw of the cells.

    Parameters
    ----------
    table
        Cells, each with some expression.
    genes
        Columns of the table.
    codes
        The type of every cell, from 0.
    n_types
        Number of types. If a draw has no cell of a type, the means of this type are 0.
    drawn
        How often every cell is drawn, draws x cells; None is every cell once, as one draw.
    """
    every = np.ones((1, len(codes)), dtype=np.int32) if drawn is None else drawn
    n_draws, n_genes = len(every), len(genes)
    sums = np.zeros((n_draws * n_types, n_genes))
    squares = np.zeros((n_draws, n_genes))
    sizes = np.zeros(n_draws * n_types)
    count = np.zeros(n_draws * n_types)
    for rows, block in table.log_blocks(genes):
        values = block.astype(np.float64)
        squared = values.copy()
        for part in (values, squared):
            stored = part.data if is_sparse(part) else part
            stored[...] = linear(stored)
        held = squared.data if is_sparse(squared) else squared
        np.square(held, out=held)
        groups = drawn_groups(codes[rows], n_types, every[:, rows])
        sums += _dense(groups @ values)
        squares += _dense(sparse.csr_matrix(every[:, rows].astype(np.float64)) @ squared)
        sizes += groups @ table.totals[rows]
        count += groups @ np.ones(rows.stop - rows.start)
    found = []
    for draw in range(n_draws):
        of_draw = slice(draw * n_types, (draw + 1) * n_types)
        found.append(
            _type_means(sums[of_draw], squares[draw], count[of_draw], sizes[of_draw], table.scale == "counts")
        )
    return found


def _dense(product: Any) -> F64:
    return np.asarray(product.toarray() if is_sparse(product) else product)


def _type_means(sums: F64, squares: F64, count: F64, totals: F64, counted: bool) -> TypeMeans:
    n, k = count.sum(), int((count > 0).sum())
    means = np.divide(sums, count[:, None], out=np.zeros_like(sums), where=count[:, None] > 0)
    overall = sums.sum(axis=0) / n
    within = np.maximum(squares - count @ np.square(means), 0)
    between = count @ np.square(means - overall)
    with np.errstate(divide="ignore", invalid="ignore"):
        telling = np.nan_to_num((between / max(k - 1, 1)) / (within / max(n - k, 1)), nan=0.0, posinf=np.inf)
    noise = np.divide(within / n, overall, out=np.zeros_like(overall), where=overall > 0)
    middle = np.median(noise[noise > 0]) if (noise > 0).any() else 1.0
    sizes = (
        np.divide(totals, count, out=np.ones_like(totals), where=count > 0)
        if counted
        else np.ones(len(count))
    )
    return TypeMeans(means, np.maximum(noise, _LEAST_NOISE * middle), telling, count / n, np.sqrt(sizes))


def means_of_types(table: Expression, genes: Ints) -> TypeMeans:
    """Return what types express whose means are the rows of a table.

    Nothing is known of single cells: the variance of a gene is taken as its mean, as that of counts is, all
    genes count as telling, and all types as equally frequent.
    """
    n_types = table.shape[0]
    means = np.empty((n_types, len(genes)))
    for rows, block in table.log_blocks(genes):
        means[rows] = linear(_dense(block).astype(np.float64))
    return TypeMeans(
        means,
        np.ones(len(genes)),
        np.full(len(genes), np.inf),
        np.full(n_types, 1 / n_types),
        np.sqrt(table.totals) if table.scale == "counts" else np.ones(n_types),
    )


def mean_of(table: Expression, genes: Ints) -> F64:
    """Return the mean of genes over the rows of a table, on the linear scale."""
    total = np.zeros(len(genes))
    for _, block in table.log_blocks(genes):
        stored = block.data if is_sparse(block) else block
        stored[...] = linear(stored)
        total += column_sums(block)
    return total / table.shape[0]
