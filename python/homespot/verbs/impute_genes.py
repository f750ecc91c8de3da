"""impute_genes: the single cells' genes in space."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Literal, get_args

import anndata as ad
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common import memory
from ..common.checks import one_of, whole
from ..common.keys import HOMESPOT, SCORES, SPATIAL
from ..errors import InputError, expected, some
from ..expression.scale import SCALES, Scale
from ..expression.table import Expression
from ..mapping.align import mapped_cells
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import coordinates, has_coordinates, images
from ..mapping.gene_blocks import Block, gene_blocks, imputed, selected, working_memory
from ..mapping.read_out import FactorsOf, ReadOut, read_out_of, warn_if_empty
from ..objects.annotated import with_tables
from ..objects.h5ad import check_target, written
from ..objects.recorded import chosen_source, mapped_expression

__all__ = ["impute_genes", "impute_table", "write_imputed"]


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
        A result of `map_cells`.
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
        The result of `cross_validate` for these data. A gene that the atlas has measured gets its held-out
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
    view = CheckedMap(mapping)
    factors = read_out_of(mapping, read_out)
    if output is not None:
        check_target(output)
    cells = mapped_cells(mapping, sc)
    sc = with_tables(sc)
    table = mapped_expression(sc, "sc", chosen_source(sc, "sc", mapping.uns[HOMESPOT], layer, scale))
    selected(genes, table)  # before P is read
    view.read(factors)
    return impute_table(view, table, cells, genes, factors, scores, output, block_size)


def impute_table(
    view: CheckedMap,
    table: Expression,
    cells: npt.NDArray[np.intp],
    genes: Sequence[str] | None,
    factors: FactorsOf,
    scores: pd.DataFrame | None = None,
    output: str | os.PathLike[str] | None = None,
    block_size: int = 256,
) -> ad.AnnData:
    """Impute genes of a table that is from an object.

    Parameters
    ----------
    view
        The map, which has been read for `factors`.
    table, cells
        Expression, and its rows of the mapping's cells.
    factors
        The read-out.
    genes, scores, output, block_size
        As for `impute_genes`, which says what is returned, and what is refused.
    """
    mapping, columns = view.mapping, selected(genes, table)
    factor = factors.factors()
    warn_if_empty(factor)
    record = {**deepcopy(mapping.uns[HOMESPOT]), "read_out": factors.read_out}
    empty = ad.AnnData(
        obs=mapping.var.copy(),
        var=_annotated(_annotation(table, columns), scores, str(record.get("method"))),
        uns={**images(mapping), HOMESPOT: record},
    )
    if has_coordinates(mapping):
        empty.obsm[SPATIAL] = coordinates(mapping)
    if output is None:
        empty.X = imputed(view.matrix, table, cells, columns, factor, block_size)
        return empty
    memory.require(
        working_memory(view.matrix, table, len(columns), block_size),
        f"blocks of {min(block_size, len(columns)):,} genes at {mapping.n_vars:,} spots",
        "Lower block_size, or ask for fewer genes.",
    )
    write_imputed(
        gene_blocks(view.matrix, table, cells, columns, factor, block_size), empty, output, block_size
    )
    return ad.read_h5ad(output, backed="r")
