"""Expression of genes at the spots: P' X, in blocks of genes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common import checks, memory
from ..common.cores import threads
from ..common.threads import pool
from ..common.wording import argument
from ..errors import InputError, expected, some
from ..expression.shared import unknown_genes
from ..expression.table import Expression
from ..matrix.product import add_product
from ..matrix.size import bytes_of
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from .read_out import F64, Factors

__all__ = ["Block", "Correction", "expression_sums", "gene_blocks", "require_genes", "selected"]


_SUMS = 2**25
"""Number of sums (of a spot and a gene) held at once: 256 MiB."""


_SUMS_LATER = 2**27
"""Likewise, where the rows of P are read or made anew in every pass: 1 GiB."""


_ENTRIES = 2**22
"""Number of entries of P in memory at once."""


_STORED = 2**20
"""Number of the cells' values other than 0 from which a block is large enough: 8 MiB."""


_SMALL_BLOCK = 16
"""Genes in a block where memory is short."""


Block = tuple[slice, npt.NDArray[np.float32]]


class Correction(Protocol):
    """What is added to imputed genes."""

    def added(self, imputed: F64, table: Expression, genes: npt.NDArray[np.intp]) -> F64:
        """Return the imputed genes (columns of `table`) with it, spots x genes."""
        ...


def gene_blocks(
    matrix: Any,
    table: Expression,
    cells: npt.NDArray[np.intp],
    genes: npt.NDArray[np.intp],
    scale: Factors,
    block_size: int = 256,
    correction: Correction | None = None,
) -> Iterator[Block]:
    """Yield the expression of genes at the spots, in blocks of genes.

    Parameters
    ----------
    matrix
        P, cells x spots, dense or CSR.
    table
        Single-cell expression.
    cells
        The row of `table` for every row of P.
    genes
        Columns of `table`.
    scale
        The `factors` of a read-out.
    block_size
        As for `impute_genes`.
    correction
        What is added to the genes.

    Yields
    ------
    The slice of `genes` in the block, and the expression, spots x these genes.
    """
    in_order = len(cells) == table.shape[0] and (cells == np.arange(len(cells))).all()
    of_map = table if in_order else table.take(cells)
    at_once = _genes_per_pass(matrix.shape[1], block_size, later=isinstance(matrix, Streamed))
    for start in range(0, len(genes), at_once):
        columns = slice(start, min(start + at_once, len(genes)))
        total, mean = expression_sums(matrix, of_map, genes[columns], block_size)
        for first in range(0, columns.stop - start, block_size):
            part = slice(first, min(first + block_size, columns.stop - start))
            found = scale.applied(total[:, part], mean[part])
            if correction is not None:
                found = correction.added(found, of_map, genes[columns][part])
            yield slice(start + part.start, start + part.stop), found.astype(np.float32)


def _genes_per_pass(n_spots: int, block_size: int, *, later: bool) -> int:
    """Return how many genes, in whole blocks, are summed in one pass over the cells."""
    return max(1, (_SUMS_LATER if later else _SUMS) // (n_spots * block_size)) * block_size


def _cell_blocks(table: Expression, genes: npt.NDArray[np.intp]) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Yield the cells on the log scale, in blocks with enough values to be worth the work on a block."""
    every = len(genes) == table.shape[1] and (genes == np.arange(len(genes))).all()
    parts: list[sparse.csr_matrix] = []
    start = 0
    for rows, block in table.log_blocks(None if every else genes):
        parts.append(sparse.csr_matrix(block))
        if sum(part.nnz for part in parts) >= _STORED or rows.stop == table.shape[0]:
            yield slice(start, rows.stop), sparse.csr_matrix(sparse.vstack(parts, format="csr"))
            parts, start = [], rows.stop


def expression_sums(
    matrix: Any,
    table: Expression,
    genes: npt.NDArray[np.intp],
    block_size: int,
) -> tuple[F64, F64]:
    """Return P' X of these genes (spots x genes) and their means over the cells, in one pass."""
    total: F64 | None = None
    every = np.zeros(len(genes))
    step = max(1, _ENTRIES // matrix.shape[1])
    with pool(threads() - 1) as each:
        for rows, block in _cell_blocks(table, genes):
            # The sum is taken cell by cell, so that the size of blocks does not change it.
            np.add.at(every, block.indices, block.data.astype(np.float64))
            for start in range(rows.start, rows.stop, step):
                some_cells = slice(start, min(start + step, rows.stop))
                p = matrix[some_cells]
                p = p.T.tocsr() if is_sparse(p) else np.ascontiguousarray(p)
                # The block is stored by columns, so that a range of genes is a slice.
                x = block[start - rows.start : some_cells.stop - rows.start].tocsc()
                if total is None:
                    total = np.zeros((matrix.shape[1], len(genes)), order="C" if is_sparse(p) else "F")

                # One thread sums a range of genes completely, so that the number of threads changes no sum.
                def add(k: int, p: Any = p, x: Any = x, out: F64 = total) -> None:
                    of_genes = slice(k * block_size, (k + 1) * block_size)
                    add_product(p, x[:, of_genes].tocsr(), out[:, of_genes])

                each(add, math.ceil(len(genes) / block_size))
    assert total is not None  # a table has at least two rows
    return total, every / table.shape[0]


def selected(genes: Sequence[str] | None, table: Expression) -> npt.NDArray[np.intp]:
    """Return the columns of these genes of a table; None is all."""
    if genes is None:
        return np.arange(table.shape[1])
    names = pd.Index(np.asarray(checks.names("genes", genes), dtype=str))
    at = pd.Index(table.genes).get_indexer(names)
    if len(names) and (at >= 0).all() and names.is_unique:
        return np.asarray(at, dtype=np.intp)
    if (at < 0).any():
        raise unknown_genes(table, names[at < 0].tolist())
    raise InputError(
        expected(
            f"genes of the single-cell data, such as {some(table.genes)}, each once",
            f"{some(names[names.duplicated()])} more than once" if len(names) else "none",
            "Name every gene once.",
        )
    )


def _imputed_bytes(
    *,
    stored: int,
    rows: int,
    spots: int,
    genes: int,
    layers: int,
    block_size: int,
    in_file: bool,
    later: bool,
) -> int:
    """Return the bytes of the result, unless a file holds it, of its layers, and of a pass.

    A pass holds the sums, a block of results, a block of the cells' values (of `stored`, all in all), and the
    `rows` of P, in bytes, that are not in memory already.
    """
    sums = 8 * spots * min(genes, _genes_per_pass(spots, block_size, later=later))
    block = (5 + layers) * 8 * spots * min(genes, block_size)
    of_cells = 4 * (8 + 4) * min(stored, _STORED)
    return 4 * spots * genes * (layers + (not in_file)) + sums + block + of_cells + rows


def require_genes(
    matrix: Any, table: Expression, n_genes: int, block_size: int, *, layers: int = 0, in_file: bool = False
) -> None:
    """Refuse an imputation, with as many layers beside it, that does not fit into memory."""
    n_spots = int(matrix.shape[1])
    there = isinstance(matrix, np.ndarray)
    memory.require(
        _imputed_bytes,
        f"{n_genes:,} genes at {n_spots:,} spots" + (", written to a file block by block" if in_file else ""),
        {
            "stored": bytes_of(table.matrix) // 8,
            "rows": 0 if there else min(2 * bytes_of(matrix), 2 * 8 * _ENTRIES),
            "spots": n_spots,
            "genes": n_genes,
            "layers": layers,
            "block_size": block_size,
            "in_file": in_file,
            "later": isinstance(matrix, Streamed),
        },
        fewer={"genes": "ask for at most {} genes"},
        options={
            "name an output file, which is written block by block": {"in_file": True},
            f"use {argument('block_size', _SMALL_BLOCK)}": {"block_size": _SMALL_BLOCK},
        },
    )
