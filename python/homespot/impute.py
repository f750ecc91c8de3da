"""impute_genes: the single cells' genes in space."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Literal, NamedTuple, get_args

import anndata as ad
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from . import memory
from ._product import add_product
from .checks import one_of, whole
from .device import threads
from .errors import DataWarning, InputError, expected, some
from .h5ad import check_target, written
from .interrupts import pool
from .keys import EXPRESSION, HOMESPOT, SCORES, SPATIAL
from .mapping import (
    check_mapping,
    coordinates,
    has_coordinates,
    images,
    mapped_cells,
)
from .matrices import column_sums, is_sparse
from .preprocess import SCALES, Expression, Scale, unknown_genes
from .recorded import chosen_source, mapped_expression
from .rows import masses
from .streamed import with_tables, x_of

__all__ = [
    "Factors",
    "ReadOut",
    "factors",
    "gene_blocks",
    "impute_genes",
    "impute_table",
    "imputed",
    "read_out_of",
    "selected",
    "write_imputed",
]

ReadOut = Literal["scaled", "mean", "sum"]

_SUMS = 2**25
"""So many sums, of a spot and a gene, are held at once: 256 MiB."""
_ENTRIES = 2**22
"""So many entries of P are looked at at once."""
_STORED = 2**20
"""And so many values of the cells that are not 0, or a block's: 8 MiB."""

_SHRINKAGE = 0.2
"""Share of the mean over all cells in the scaled read-out; chosen on tissues, see benchmarks/README.md."""

F64 = npt.NDArray[np.float64]
Block = tuple[slice, npt.NDArray[np.float32]]
Expressions = tuple[F64, F64]
"""Mean log expression of the cells and of the spots over the genes that a map was made from."""


class Factors(NamedTuple):
    """What, at every spot, P' X is multiplied with, and the mean of X over the cells, before they are added.

    NaN for a spot without any mass, but for the sum.
    """

    of_sum: F64
    of_mean: F64

    def applied(self, total: F64, mean: F64) -> F64:
        """Return spots x genes, of P' X and the mean of each of these genes."""
        return total * self.of_sum[:, None] + self.of_mean[:, None] * mean


def factors(matrix: Any, read_out: ReadOut, expressions: Expressions | None) -> Factors:
    """Return the factors of a read-out of P, cells x spots."""
    nothing = np.zeros(matrix.shape[1])
    if read_out == "sum":
        return Factors(np.ones(matrix.shape[1]), nothing)
    if read_out == "mean":
        mass = column_sums(matrix)
        return Factors(np.divide(1, mass, out=np.full_like(mass, np.nan), where=mass > 0), nothing)
    assert expressions is not None  # the caller asks for it, or refuses
    of_cells, of_spots = expressions
    rows = sparse.csr_matrix(np.stack([of_cells, np.ones_like(of_cells)]))
    predicted, mass = masses(matrix, rows) * np.array([[1 - _SHRINKAGE], [_SHRINKAGE]])
    predicted += mass * of_cells.mean()
    scale = np.divide(of_spots, predicted, out=np.full_like(mass, np.nan), where=predicted > 0)
    return Factors((1 - _SHRINKAGE) * scale, mass * scale)


def _expressions(mapping: ad.AnnData) -> Expressions | None:
    """Return the mean log expression of all cells and spots, or None where the mapping does not know it."""
    found = []
    for frame in (mapping.obs, mapping.var):
        if EXPRESSION not in frame:
            return None
        values = pd.to_numeric(frame[EXPRESSION], errors="coerce").to_numpy(dtype=np.float64)
        if not (np.isfinite(values) & (values >= 0)).all():
            return None
        found.append(values)
    return found[0], found[1]


def read_out_of(mapping: ad.AnnData, read_out: ReadOut | None) -> tuple[ReadOut, Factors]:
    """Choose the read-out where it is None; return it with its factors. A warning counts empty spots.

    Raises
    ------
    InputError
        If the mapping does not know the expression by which it is to be scaled.
    """
    expressions = _expressions(mapping)
    if read_out == "scaled" and expressions is None:
        raise InputError(
            expected(
                f"a mapping that knows its expression ({EXPRESSION!r} in obs and var), to scale by it",
                "one that does not, as those from elsewhere",
                "Use read_out='mean'.",
            )
        )
    chosen: ReadOut = read_out or ("mean" if expressions is None else "scaled")
    found = factors(x_of(mapping), chosen, expressions)
    nothing = np.isnan(found.of_sum)
    if nothing.any():
        warnings.warn(
            f"{nothing.sum()} spot(s) hold no cell: their expression is missing (NaN). "
            "A map with a larger k_best, or a dense one, reaches them, and read_out='sum' gives 0.",
            DataWarning,
            stacklevel=3,
        )
    return chosen, found


def gene_blocks(
    matrix: Any,
    table: Expression,
    cells: npt.NDArray[np.intp],
    genes: npt.NDArray[np.intp],
    scale: Factors,
    block_size: int = 256,
) -> Iterator[Block]:
    """Yield the expression of genes at the spots, a block of genes at a time.

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

    Yields
    ------
    Which of `genes` (a slice), and spots x these genes.
    """
    in_order = len(cells) == table.shape[0] and (cells == np.arange(len(cells))).all()
    of_map = table if in_order else table.take(cells)
    at_once = _at_once(matrix.shape[1], block_size)
    for start in range(0, len(genes), at_once):
        columns = slice(start, min(start + at_once, len(genes)))
        total, mean = _sums(matrix, of_map, genes[columns], block_size)
        for first in range(0, columns.stop - start, block_size):
            part = slice(first, min(first + block_size, columns.stop - start))
            found = scale.applied(total[:, part], mean[part])
            yield slice(start + part.start, start + part.stop), found.astype(np.float32)


def _at_once(n_spots: int, block_size: int) -> int:
    """Return how many genes are summed in one pass over the cells: whole blocks."""
    return max(1, _SUMS // (n_spots * block_size)) * block_size


def _cell_blocks(table: Expression, genes: npt.NDArray[np.intp]) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Yield the cells on the log scale, with so many values at once that the work on a block is worth it."""
    every = len(genes) == table.shape[1] and (genes == np.arange(len(genes))).all()
    parts: list[sparse.csr_matrix] = []
    start = 0
    for rows, block in table.log_blocks(None if every else genes):
        parts.append(sparse.csr_matrix(block))
        if sum(part.nnz for part in parts) >= _STORED or rows.stop == table.shape[0]:
            yield slice(start, rows.stop), sparse.csr_matrix(sparse.vstack(parts, format="csr"))
            parts, start = [], rows.stop


def _sums(
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
            # Cell by cell, whatever the blocks.
            np.add.at(every, block.indices, block.data.astype(np.float64))
            for start in range(rows.start, rows.stop, step):
                some_cells = slice(start, min(start + step, rows.stop))
                p = matrix[some_cells]
                p = p.T.tocsr() if is_sparse(p) else np.ascontiguousarray(p)
                # By columns, so that some genes are a slice.
                x = block[start - rows.start : some_cells.stop - rows.start].tocsc()
                if total is None:
                    total = np.zeros((matrix.shape[1], len(genes)), order="C" if is_sparse(p) else "F")

                # Some genes are one thread's from start to end, so their number changes no sum.
                def add(k: int, p: Any = p, x: Any = x, out: F64 = total) -> None:
                    of_genes = slice(k * block_size, (k + 1) * block_size)
                    add_product(p, x[:, of_genes].tocsr(), out[:, of_genes])

                each(add, math.ceil(len(genes) / block_size))
    assert total is not None  # a table has two rows or more
    return total, every / table.shape[0]


def selected(genes: Sequence[str] | None, table: Expression) -> npt.NDArray[np.intp]:
    """Return the columns of these genes of a table; None is all."""
    if genes is None:
        return np.arange(table.shape[1])
    if isinstance(genes, str):
        raise InputError(expected("a list of genes", repr(genes), f"Pass [{genes!r}]."))
    names = pd.Index(np.asarray(list(genes), dtype=str))
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


def _working_memory(matrix: Any, table: Expression, n_genes: int, block_size: int) -> int:
    """Return the bytes that imputing takes beside its result: the sums of a pass, and a block of cells."""
    sums = matrix.shape[1] * min(n_genes, _at_once(matrix.shape[1], block_size))
    return int(8 * sums + 4 * 8 * min(table.shape[0] * table.shape[1], 4_000_000))


def imputed(
    matrix: Any,
    table: Expression,
    cells: npt.NDArray[np.intp],
    genes: npt.NDArray[np.intp],
    scale: Factors,
    block_size: int = 256,
) -> npt.NDArray[np.float32]:
    """Return the expression of genes at the spots (spots x genes); parameters as for `gene_blocks`."""
    n_spots = matrix.shape[1]
    memory.require(
        4 * n_spots * len(genes) + _working_memory(matrix, table, len(genes), block_size),
        f"{len(genes):,} genes at {n_spots:,} spots",
        "Ask for fewer genes, lower block_size, or name an output file, which is written a block at a time.",
    )
    out = np.empty((n_spots, len(genes)), dtype=np.float32)
    for columns, block in gene_blocks(matrix, table, cells, genes, scale, block_size):
        out[:, columns] = block
    return out


def write_imputed(
    blocks: Iterator[Block], empty: ad.AnnData, output: str | os.PathLike[str], block_size: int
) -> None:
    """Write the blocks as X of the .h5ad file `output`, whose other parts are those of `empty`."""
    size = 4 * empty.n_obs * empty.n_vars
    with written(empty, output, beside=size) as name, h5py.File(name, "r+") as file:
        x = file.create_dataset(
            "X",
            shape=empty.shape,
            dtype=np.float32,
            chunks=(-(-empty.n_obs // -(-empty.n_obs // 1024)), min(empty.n_vars, block_size)),
        )
        x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for columns, block in blocks:
            x[:, columns] = block


def _annotation(table: Expression, columns: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return the annotation of these genes of a table that is from an object."""
    assert table.about is not None
    return table.about.var.iloc[columns].copy()


def _annotated(var: pd.DataFrame, scores: pd.DataFrame | None, method: str) -> pd.DataFrame:
    """Give genes the scores that cross-validation found for them, NaN where it could not."""
    if scores is None:
        return var
    columns = [name.removeprefix("homespot_") for name in SCORES]
    if not isinstance(scores, pd.DataFrame) or not {"gene", *columns} <= set(scores.columns):
        raise InputError(
            expected(
                f"scores as a table with the columns gene, {', '.join(columns)}",
                f"a {type(scores).__name__}"
                + (f" with {some(scores.columns, 10)}" if isinstance(scores, pd.DataFrame) else ""),
                "Pass what cross_validate() returned.",
            )
        )
    if "method" in scores and scores["method"].nunique() > 1:
        scores = scores[scores["method"] == method]
        if scores.empty:
            raise InputError(
                expected(
                    f"scores of the map's method, {method!r}", "others only", "Cross-validate it as well."
                )
            )
    known = scores.groupby("gene", sort=False)[columns].mean()
    if not known.index.isin(var.index).any():
        raise InputError(
            expected("scores of genes that are imputed", f"those of {some(known.index)}", "Pass others.")
        )
    return var.assign(
        **{key: known[name].reindex(var.index) for key, name in zip(SCORES, columns, strict=True)}
    )


def impute_genes(
    mapping: ad.AnnData,
    sc: ad.AnnData,
    genes: Sequence[str] | None = None,
    *,
    read_out: ReadOut | None = None,
    layer: str | None = None,
    scale: Scale | Literal["auto"] = "auto",
    scores: pd.DataFrame | None = None,
    output: str | os.PathLike[str] | None = None,
    block_size: int = 256,
) -> ad.AnnData:
    """Return genes of the single cells in space, whether or not the atlas has measured them.

    Of sections that were mapped one by one (`sections` of `map_cells`, or `combine_sections`) every cell has
    the same mass in each, and so counts in all of them alike: the genes of a section are those of all cells
    mapped, whatever section a cell is of. Where the sections hold other cells, map with ``joint=True``.

    Parameters
    ----------
    mapping
        What `map_cells` returned.
    sc
        The single-cell data that was mapped, with any genes.
    genes
        Which genes; None is all. Features that are no genes, as antibodies and control probes, are left out
        as in `map_cells`, and genes have the names that they had there (``sc_gene_column``).
    read_out
        How P' X, the expression that the cells bring to a spot, is scaled. ``"mean"``: over the column sums
        of P, which is the mean of the cells that sit there, in the unit of a cell. ``"scaled"``: this mean, a
        fifth of it replaced by the mean over all cells, times what the atlas measured at the spot over what
        is predicted there, so that

            X[j, g] = e[j] Y[j, g] / Y[j, e],    Y[j, v] = 0.8 sum over i of P[i, j] v[i] / A[j] + 0.2 mean(v)

        with A the column sums of P, and e the mean log expression of a spot, and of a cell, over the genes
        that the map was made from (``homespot_expression``): over these genes the mean of X is e[j]. A spot
        that holds more has more of every gene, as atlases have it, and noise that few cells bring counts
        less; for the pattern of a gene. ``"sum"``: P' X as it is; it grows with the number of cells, and is
        to be compared with such an atlas where the marginals of P follow its expression, as in SSA's
        ``preset="genes"``. None: ``"scaled"``, or ``"mean"`` for a mapping from elsewhere, which does not
        know e.
    layer, scale
        Where the expression is (``"raw"``: ``sc.raw``, ``"X"``: X), and what the numbers are: as
        ``sc_layer`` and ``sc_scale`` of `map_cells`. None, and ``"auto"``: as the map was made. Counts become
        log(1 + 10,000 x / total).
    scores
        What `cross_validate` returned for these data. A gene that the atlas has measured gets its held-out
        scores as columns ``homespot_pcc``, ``homespot_ssim``, ``homespot_rmse`` and ``homespot_jsd`` of var,
        which say how far its pattern can be trusted; others get NaN.
    output
        An .h5ad file to write a block at a time, for what does not fit into memory; it appears whole or not
        at all. None keeps the result in memory.
    block_size
        How many genes a thread computes at once, and the width of a chunk of the file. The cells are gone
        through in blocks of rows, once for every 2**25 / spots genes (256 MiB of sums), in the order of the
        mapping: data on disk (``backed="r"``) is read so often, and once more to check it. So is a mapping
        on disk.

    Returns
    -------
    Spots x genes: X is float32, on the log scale; obs are the spots, ``obsm["spatial"]`` their coordinates.
    With `output` it is backed by the file. Spots without any mass have NaN, but for the sum.
    ``uns["homespot"]``: the mapping's record, and the `read_out`.

    Raises
    ------
    InputError
        If cells of the mapping are not in `sc`, a gene is not, a parameter is not as described, or the
        mapping does not know the expression by which it is to be scaled.
    TooLargeError
        If the result would not fit into memory.
    """
    if read_out is not None:
        one_of("read_out", read_out, get_args(ReadOut))
    one_of("scale", scale, SCALES)
    whole("block_size", block_size, 1)
    check_mapping(mapping)
    if output is not None:
        check_target(output)
    cells = mapped_cells(mapping, sc)
    sc = with_tables(sc)
    table = mapped_expression(sc, "sc", chosen_source(sc, "sc", mapping.uns[HOMESPOT], layer, scale))
    return impute_table(mapping, table, cells, genes, read_out, scores, output, block_size)


def impute_table(
    mapping: ad.AnnData,
    table: Expression,
    cells: npt.NDArray[np.intp],
    genes: Sequence[str] | None,
    read_out: ReadOut | None = None,
    scores: pd.DataFrame | None = None,
    output: str | os.PathLike[str] | None = None,
    block_size: int = 256,
) -> ad.AnnData:
    """Impute genes of a table that is from an object; `cells` are its rows of the mapping's cells.

    The other parameters, what is returned, and errors, are as for `impute_genes`.
    """
    columns = selected(genes, table)
    chosen, factor = read_out_of(mapping, read_out)
    record = {**deepcopy(mapping.uns[HOMESPOT]), "read_out": chosen}
    empty = ad.AnnData(
        obs=mapping.var.copy(),
        var=_annotated(_annotation(table, columns), scores, str(record.get("method"))),
        uns={**images(mapping), HOMESPOT: record},
    )
    if has_coordinates(mapping):
        empty.obsm[SPATIAL] = coordinates(mapping)
    if output is None:
        empty.X = imputed(x_of(mapping), table, cells, columns, factor, block_size)
        return empty
    memory.require(
        _working_memory(x_of(mapping), table, len(columns), block_size),
        f"blocks of {min(block_size, len(columns)):,} genes at {mapping.n_vars:,} spots",
        "Lower block_size, or ask for fewer genes.",
    )
    write_imputed(
        gene_blocks(x_of(mapping), table, cells, columns, factor, block_size), empty, output, block_size
    )
    return ad.read_h5ad(output, backed="r")
