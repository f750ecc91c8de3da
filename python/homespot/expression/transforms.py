"""Turn an expression table into dense, comparable numbers: log values, z-scores, rows of length 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from .shared import unknown_genes
from .table import BLOCK_VALUES, Expression, Floats

__all__ = [
    "Rows",
    "log_normalised",
    "log_rows",
    "min_max",
    "most_variable",
    "pieces",
    "standards",
    "unit_rows",
    "weighted",
    "z_scores",
]

Rows = TypeVar("Rows", Floats, Streamed)


def pieces(x: Floats | Streamed) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of rows, the same ones whether `x` is in memory or made when it is read."""
    step = max(1, BLOCK_VALUES // max(x.shape[1], 1))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        yield rows, x[rows]


def most_variable(table: Expression, n: int) -> npt.NDArray[np.intp]:
    """Return the columns of the `n` genes of highest variance on the log scale, in the table's order."""
    if n >= table.shape[1]:
        return np.arange(table.shape[1])
    return np.sort(np.argsort(-table.variances, kind="stable")[:n])


def _columns(table: Expression, genes: Sequence[str]) -> npt.NDArray[np.intp]:
    where = {gene: i for i, gene in enumerate(table.genes.tolist())}
    if unknown := [str(gene) for gene in genes if gene not in where]:
        raise unknown_genes(table, unknown)
    return np.array([where[gene] for gene in genes], dtype=np.intp)


def log_normalised(table: Expression, genes: Sequence[str]) -> Floats:
    """Return the table on the log scale for these genes: rows x genes, dense, C order."""
    out: Floats = np.empty((table.shape[0], len(genes)), dtype=table.dtype)
    for rows, block in table.log_blocks(_columns(table, genes)):
        out[rows] = block.toarray() if is_sparse(block) else block
    return out


def log_rows(table: Expression, genes: Sequence[str]) -> Streamed:
    """Return what `log_normalised` does, but with rows that are made when they are read, dense or as CSR."""
    matrix, columns = table.matrix, _columns(table, genes)
    held = not isinstance(matrix, Streamed)
    shape, dtype = (table.shape[0], len(columns)), np.dtype(table.dtype)
    if is_sparse(matrix):
        if not np.array_equal(columns, np.arange(matrix.shape[1])):
            matrix = matrix[:, columns]
        columns = np.arange(len(columns))
    step = max(1, BLOCK_VALUES // max(matrix.shape[1], 1))

    def logged(rows: slice | npt.NDArray[np.intp]) -> Any:
        block = matrix[rows]
        return table.logged(table.canonical(block if is_sparse(block) and held else block[:, columns]), rows)

    def made(rows: slice | npt.NDArray[np.intp]) -> Floats:
        log = logged(rows)
        return np.asarray(log.toarray() if is_sparse(log) else log)

    def as_csr(rows: slice | npt.NDArray[np.intp]) -> sparse.csr_matrix:
        found = sparse.csr_matrix(logged(rows))
        found.eliminate_zeros()
        return found

    def read(start: int, stop: int) -> Floats:
        if stop - start <= step:
            return made(slice(start, stop))
        out: Floats = np.empty((stop - start, shape[1]), dtype)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            out[first - start : last - start] = made(slice(first, last))
        return out

    def read_csr(start: int, stop: int) -> sparse.csr_matrix:
        return as_csr(slice(start, stop))

    csr = Streamed(read_csr, shape, dtype, sparse=True, pick=as_csr if held else None, concurrent=held)
    return Streamed(read, shape, dtype, sparse=False, pick=made if held else None, concurrent=held, csr=csr)


def standards(x: Floats | Streamed) -> tuple[Floats, Floats]:
    """Return what `z_scores` subtracts from every column, and by what it multiplies the column then."""
    n = len(x)
    mean = sum((block.sum(axis=0, dtype=np.float64) for _, block in pieces(x)), np.zeros(x.shape[1])) / n
    squares = sum((np.square(block - mean).sum(axis=0) for _, block in pieces(x)), np.zeros(x.shape[1]))
    deviation = np.sqrt(squares / n)
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies).astype(x.dtype)
    return mean.astype(x.dtype), scale


def z_scores(x: Rows, by: tuple[Floats, Floats] | None = None) -> Rows:
    """Bring every column of `x` (rows x genes) to mean 0, variance 1; constant columns become 0.

    An array is changed in place; rows that are made when they are read are changed then. `by` are the
    `standards` of `x`, if they are known.
    """
    shift, scale = standards(x) if by is None else by

    def standardised(block: Floats) -> Floats:
        block -= shift
        block *= scale
        return block

    return _changed(x, standardised)


def weighted(x: Rows, weights: Floats) -> Rows:
    """Multiply every column of `x` by its weight, as `z_scores` changes `x`."""
    return _changed(x, lambda block: np.multiply(block, weights, out=block))


def _changed(x: Rows, change: Callable[[Floats], Floats]) -> Rows:
    if isinstance(x, Streamed):
        return x.mapped(change)
    for _, block in pieces(x):
        change(block)
    return x


def min_max(x: Floats) -> Floats:
    """Bring every column of `x` (rows x genes) to [0, 1], in place; constant columns become 0."""
    low = x.min(axis=0)
    span = x.max(axis=0) - low
    x -= low
    x *= np.divide(1, span, out=np.zeros_like(span), where=span > 0)
    return x


def unit_rows(x: Rows) -> Rows:
    """Centre every row of `x` and bring it to length 1, so that x y' is the Pearson correlation.

    A row without variance becomes 0: its correlation with everything is 0. `x` is changed as by `z_scores`.
    """
    if isinstance(x, Streamed):
        return x.mapped(unit_rows)
    x -= x.mean(axis=1, dtype=np.float64).astype(x.dtype)[:, None]
    norm = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    x *= np.divide(1, norm, out=np.zeros_like(norm), where=norm > 1e-6).astype(x.dtype)[:, None]
    return x
