"""Turn an expression table into dense, comparable numbers: log values, z-scores, rows of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..matrix.sums import is_sparse
from .shared import unknown_genes
from .table import BLOCK_VALUES, Expression, Floats

__all__ = ["log_normalised", "min_max", "most_variable", "unit_rows", "z_scores"]


def _block_rows(values: npt.NDArray[Any]) -> int:
    width = values.shape[1] if values.ndim == 2 else 1
    return max(1, BLOCK_VALUES // max(width, 1))


def most_variable(table: Expression, n: int) -> npt.NDArray[np.intp]:
    """Return the columns of the `n` genes of highest variance on the log scale, in the table's order."""
    if n >= table.shape[1]:
        return np.arange(table.shape[1])
    return np.sort(np.argsort(-table.variances, kind="stable")[:n])


def log_normalised(table: Expression, genes: Sequence[str]) -> Floats:
    """Return the table on the log scale for these genes: rows x genes, dense, C order."""
    where = {gene: i for i, gene in enumerate(table.genes.tolist())}
    if unknown := [str(gene) for gene in genes if gene not in where]:
        raise unknown_genes(table, unknown)
    columns = np.array([where[gene] for gene in genes], dtype=np.intp)
    out: Floats = np.empty((table.shape[0], len(genes)), dtype=table.dtype)
    for rows, block in table.log_blocks(columns):
        out[rows] = block.toarray() if is_sparse(block) else block
    return out


def z_scores(x: Floats) -> Floats:
    """Bring every column of `x` (rows x genes) to mean 0, variance 1, in place; constant columns become 0."""
    n = len(x)
    step = _block_rows(x)
    blocks = [x[i : i + step] for i in range(0, n, step)]
    mean = sum((block.sum(axis=0, dtype=np.float64) for block in blocks), np.zeros(x.shape[1])) / n
    squares = sum((np.square(block - mean).sum(axis=0) for block in blocks), np.zeros(x.shape[1]))
    deviation = np.sqrt(squares / n)
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies).astype(x.dtype)
    for block in blocks:
        block -= mean.astype(x.dtype)
        block *= scale
    return x


def min_max(x: Floats) -> Floats:
    """Bring every column of `x` (rows x genes) to [0, 1], in place; constant columns become 0."""
    low = x.min(axis=0)
    span = x.max(axis=0) - low
    x -= low
    x *= np.divide(1, span, out=np.zeros_like(span), where=span > 0)
    return x


def unit_rows(x: Floats) -> Floats:
    """Centre every row of `x` and bring it to length 1, in place, so that x y' is the Pearson correlation.

    A row without variance becomes 0: its correlation with everything is 0.
    """
    x -= x.mean(axis=1, dtype=np.float64).astype(x.dtype)[:, None]
    norm = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    x *= np.divide(1, norm, out=np.zeros_like(norm), where=norm > 1e-6).astype(x.dtype)[:, None]
    return x
