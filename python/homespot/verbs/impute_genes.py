"""impute_genes: predict the expression of the single cells' genes at the spots."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal, get_args

import anndata as ad
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import numbers, one_of, whole, within
from ..common.keys import HOMESPOT, LOWER, MAPPED, SPATIAL, UPPER
from ..common.memory import bounded
from ..common.wording import argument, either, verb
from ..errors import InputError, expected, some
from ..expression.metrics import METRICS
from ..expression.scale import SCALES, Scale
from ..expression.table import Expression
from ..mapping.align import mapped_cells, mapped_spots
from ..mapping.carried import Carried, carried
from ..mapping.checked import CheckedMap
from ..mapping.confidence import LEVELS
from ..mapping.coordinates import coordinates, has_coordinates, images
from ..mapping.gene_blocks import gene_blocks, require_genes, selected
from ..mapping.intervals import Intervals
from ..mapping.read_out import FactorsOf, ReadOut, highest_value, imputed_scale, read_out_of, warn_if_empty
from ..objects.access import check_adata
from ..objects.annotated import with_tables
from ..objects.h5ad import check_target, written
from ..objects.join_sections import as_one
from ..objects.recorded import chosen_source, mapped_expression, mapped_genes

__all__ = ["impute_genes", "impute_table", "why_no_intervals", "write_imputed"]

Blocks = tuple[slice, tuple[npt.NDArray[np.float32], ...]]


def _filled(blocks: Iterator[Blocks], empty: ad.AnnData, layers: Sequence[str]) -> ad.AnnData:
    """Return `empty` with the blocks as X and its `layers`."""
    values = [np.empty(empty.shape, dtype=np.float32) for _ in range(1 + len(layers))]
    for columns, parts in blocks:
        for whole_matrix, part in zip(values, parts, strict=True):
            whole_matrix[:, columns] = part
    empty.X = values[0]
    empty.layers.update(zip(layers, values[1:], strict=True))
    return empty


def write_imputed(
    blocks: Iterator[Blocks],
    empty: ad.AnnData,
    layers: Sequence[str],
    output: str | os.PathLike[str],
    block_size: int,
) -> None:
    """Write the blocks as X and `layers` of the .h5ad file `output`; all else comes from `empty`."""
    places = ["X", *(f"layers/{layer}" for layer in layers)]
    size = 4 * empty.n_obs * empty.n_vars * len(places)
    with written(empty, output, beside=size) as name, h5py.File(name, "r+") as file:
        stored = [
            file.create_dataset(
                place,
                shape=empty.shape,
                dtype=np.float32,
                chunks=(-(-empty.n_obs // -(-empty.n_obs // 1024)), min(empty.n_vars, block_size)),
            )
            for place in places
        ]
        for x in stored:
            x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for columns, parts in blocks:
            for x, part in zip(stored, parts, strict=True):
                x[:, columns] = part


def _annotation(table: Expression, columns: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return the annotation of these genes of a table that was made from an object."""
    assert table.about is not None
    return table.about.var.iloc[columns].copy()


def _own_scores(scores: pd.DataFrame, method: str, read_out: ReadOut) -> pd.DataFrame:
    """Return the scores of this method, checked, and of this read-out if there are others beside it."""
    columns = list(METRICS)
    if not isinstance(scores, pd.DataFrame) or not {"gene", *columns} <= set(scores.columns):
        raise InputError(
            expected(
                f"scores as a table with the columns gene, {', '.join(columns)}",
                f"{either('a DataFrame', 'a table')} with {some(scores.columns, 10)}"
                if isinstance(scores, pd.DataFrame)
                else f"a {type(scores).__name__}",
                f"Pass what {verb('cross_validate')} returned.",
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
    if "read_out" in scores and (scores["read_out"] == read_out).any():
        scores = scores[scores["read_out"] == read_out]
    return scores.assign(**{name: numbers(scores[name], name) for name in columns})


def _with_scores(var: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Add the scores of cross-validation to the genes, NaN for genes without scores."""
    known = scores.groupby("gene", sort=False)[list(METRICS)].mean()
    return var.assign(**{metric.key: known[metric.name].reindex(var.index) for metric in METRICS.values()})


def _intervals(scores: pd.DataFrame | None, read_out: ReadOut, level: float) -> Intervals:
    """Return the intervals of this level from the scores of genes held out."""
    found = "no scores" if scores is None else "scores without residuals"
    if scores is not None and {"read_out", "residuals"} <= set(scores.columns):
        own = scores[(scores["read_out"] == read_out) & scores["residuals"].notna()]
        if len(own):
            return Intervals.of_residuals(own["residuals"], own["gene"], level)
        found = f"those of {some(scores['read_out'].astype(str).unique())}"
    raise InputError(
        expected(
            f"scores with the residuals of {argument('read_out', read_out)}, for intervals",
            found,
            f"Pass what {verb('cross_validate')} returned with this read-out.",
        )
    )


def _known(
    scores: pd.DataFrame | None,
    level: float | None,
    record: Mapping[str, Any],
    read_out: ReadOut,
    genes: pd.Index,
) -> tuple[pd.DataFrame | None, Intervals | None]:
    """Return the scores of the method and the intervals of the level, as far as they are asked for.

    Intervals are made from genes that the map was made from, whichever are imputed.
    """
    own = None if scores is None else _own_scores(scores, str(record.get("method")), read_out)
    known = genes if level is None else genes.union(pd.Index(sorted(mapped_genes(record) or ())))
    if own is not None and not own["gene"].isin(known).any():
        raise InputError(
            expected(
                "scores of genes that are imputed"
                + ("" if level is None else ", or that the map was made from"),
                f"those of {some(own['gene'].unique())}",
                "Pass others.",
            )
        )
    return own, None if level is None else _intervals(own, read_out, float(level))


def why_no_intervals(
    scores: pd.DataFrame, level: float, record: Mapping[str, Any], read_out: ReadOut, genes: Sequence[str]
) -> str:
    """Return why scores give no intervals of this level for these genes; empty if they give some."""
    try:
        _known(scores, level, record, read_out, pd.Index(genes))
    except InputError as error:
        return str(error)
    return ""


@bounded
def impute_genes(
    mapping: ad.AnnData,
    sc: ad.AnnData,
    genes: Sequence[str] | None = None,
    *,
    read_out: ReadOut | None = None,
    st: ad.AnnData | Mapping[str, ad.AnnData] | Sequence[ad.AnnData] | None = None,
    layer: str | None = None,
    scale: Scale | Literal["auto"] = "auto",
    scores: pd.DataFrame | None = None,
    level: float | None = None,
    output: str | os.PathLike[str] | None = None,
    block_size: int = 256,
) -> ad.AnnData:
    """Return the expression of the single cells' genes at the spots, whether or not the atlas measured them.

    If sections were mapped one by one (`sections` of `map_cells`, or `combine_sections`), every cell has the
    same mass in each section and counts alike in all of them. So the genes of a section are those of all
    mapped cells, whatever section a cell belongs to. If the sections hold different cells, map with
    ``joint=True``.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    sc
        The single-cell data that was mapped, with any genes.
    genes
        Names of the genes; None is all. Features that are not genes, such as antibodies and control probes,
        are left out as in `map_cells`, and genes have the names that they had there (``sc_gene_column``).
    read_out
        How P' X, the expression that the cells bring to a spot, is scaled. ``"mean"``: divided by the column
        sums of P, which gives the mean of the cells at the spot, in the unit of a cell. ``"scaled"``: this
        mean, with a fifth of it replaced by the mean over all cells, is brought to the scale of the atlas.
        At every spot one factor multiplies the odds of all genes:

            o(X[j, g]) = o(Y[j, g]) o(e[j]) / o(Y[j, e]),    o(v) = (exp(v) - 1) / (10,001 - exp(v)),
            Y[j, v] = 0.8 sum over i of P[i, j] v[i] / A[j] + 0.2 mean(v)

        where A are the column sums of P, and e is the mean log expression of a spot, or of a cell, over the
        genes that the map was made from (``homespot_expression``). A log value v = log(1 + 10,000 s) is that
        of a gene with the share s of the molecules, and o = s / (1 - s) are the odds of this share. So X
        stays below log(10,001), which a gene has that makes up all of a spot, and a gene with the log value e
        in every cell has e[j] at the spot. If the atlas holds log values, whose total is not known, o is
        exp(v) - 1. As in atlases, a spot with more expression has more of every gene, and noise at spots with
        few cells counts less. Use it for the spatial pattern of a gene. ``"sum"``: P' X itself, which grows
        with the number of cells. It can be compared with an atlas if the marginals of P follow the atlas's
        expression, as in SSA's ``preset="genes"``. ``"corrected"``: the scaled values, corrected by what they
        get wrong about the genes that the map was made from. Every gene is regressed on these within the
        cells, all as z-scores, with a ridge of 1. The regression is applied to the residuals at a spot,
        (measured - scaled) / s, with s the deviation of the gene within the cells, less their mean over the
        spots. 0, 0.25 or 0.5 of the result is added: the part at which genes of the map are predicted best
        from the residuals of a random half of them that they are not in. None: ``"corrected"`` with `st`;
        else ``"scaled"``, or ``"mean"`` for a mapping of another program, which does not hold e.
    st
        The spatial data that was mapped to, for ``"corrected"``. Its values are those that the map was made
        from.
    layer
        Layer of `sc` with the expression (``"raw"``: ``sc.raw``, ``"X"``: X), as ``sc_layer`` of `map_cells`.
        None: the layer that the map was made from.
    scale
        What the numbers are, as ``sc_scale`` of `map_cells`. ``"auto"``: the scale stated for the map if its
        own layer is used, else the scale that is recognised. Counts become log(1 + 10,000 x / total).
    scores
        The result of `cross_validate` for these data. A gene that the atlas measured gets its held-out scores
        as columns ``homespot_pcc``, ``homespot_ssim``, ``homespot_rmse`` and ``homespot_jsd`` of var, which
        show how far its pattern can be trusted; other genes get NaN.
    level
        Share of the measured values that an interval about the imputed ones is to hold, from 0.05 to 0.99,
        for genes that are like those that the atlas measured. The intervals follow from the residuals in
        `scores`, which must be of the same read-out, by split conformal prediction: values are divided into
        strata, the fifths of the values predicted of genes held out. In each of them, half the width is the
        quantile of the absolute residuals at this level, a little higher for few genes. None: no intervals.
    output
        An .h5ad file that is written in blocks, for results that do not fit into memory; the file is written
        completely or not at all. None keeps the result in memory.
    block_size
        Number of genes that a thread computes at once, and the width of a chunk of the file. The cells are
        read in blocks of rows in the order of the mapping, once for every 2**25 / spots genes (256 MiB of
        sums), so data on disk (``backed="r"``) is read as many times, and once more to check it. A mapping
        on disk, or of features and potentials, is read once for every 2**27 / spots genes (1 GiB), and so is
        the data with it, and once more before.

    Returns
    -------
    Spots x genes: X is float32; obs are the spots, ``obsm["spatial"]`` their coordinates. With `output`
    it is backed by the file. Spots without mass have NaN, except for ``read_out="sum"``.
    ``uns["homespot"]``: the mapping's record, the `read_out`, for ``"corrected"`` the part that was added
    (``correction``), and ``imputed_scale``, the scale of X: ``"log(1 + 10,000 x / total)"`` of the atlas
    for ``"scaled"`` and ``"corrected"``, or ``"log values as given"`` if the atlas holds log values;
    ``"mean of"`` or ``"sum of"`` these, of the cells, for the other two. ``var["homespot_mapped"]``:
    whether the map was made from the gene, if the record names the genes. A pattern of these genes is no
    prediction. With `level`, ``layers["lower"]`` and ``layers["upper"]`` are the ends of the intervals,
    within 0 and the end of the scale; they are in memory, also with `output`.
    ``uns["homespot"]["intervals"]``: the `level`, the ``edges`` of the strata, and ``half`` the width in
    each.

    Raises
    ------
    InputError
        If `sc` lacks cells of the mapping or one of the genes, a parameter is not as described, the mapping
        does not hold the expression that ``"scaled"`` needs, or `scores` do not hold residuals of enough
        genes for `level`.
    TooLargeError
        If the result would not fit into memory.
    """
    if read_out is not None:
        one_of("read_out", read_out, get_args(ReadOut))
    one_of("scale", scale, SCALES)
    whole("block_size", block_size, 1)
    if level is not None:
        within("level", level, *LEVELS)
    if (st is not None) != (read_out == "corrected") and (st is None or read_out is not None):
        raise InputError(
            expected(
                f"{argument('st')} with {argument('read_out', 'corrected')}, and with no other",
                "none" if st is None else f"it with {argument('read_out', read_out)}",
                "Pass the spatial data." if st is None else f"Leave {argument('st')} out.",
            )
        )
    view = CheckedMap(mapping)
    factors = read_out_of(mapping, read_out if st is None else "corrected")
    cells = mapped_cells(mapping, sc)
    if output is not None:
        check_target(output, mapping, sc)
    sc = with_tables(sc)
    table = mapped_expression(sc, "sc", chosen_source(sc, "sc", mapping.uns[HOMESPOT], layer, scale))
    measured = None if st is None else _measured(mapping, st)
    columns = selected(genes, table)
    _known(
        scores, level, mapping.uns[HOMESPOT], factors.read_out, pd.Index(table.genes[columns])
    )  # before P is read
    view.read(factors)
    return impute_table(view, table, cells, genes, factors, scores, level, output, block_size, measured)


def _measured(mapping: ad.AnnData, st: Any) -> Expression:
    """Return the expression of the spots of the map, in its order."""
    record = mapping.uns[HOMESPOT]
    st = as_one(st, record.get("st_gene_column"))
    check_adata(st, "st")
    spots = mapped_spots(mapping, st)
    st = with_tables(st)
    return mapped_expression(st, "st", chosen_source(st, "st", record)).take(spots)


def impute_table(
    view: CheckedMap,
    table: Expression,
    cells: npt.NDArray[np.intp],
    genes: Sequence[str] | None,
    factors: FactorsOf,
    scores: pd.DataFrame | None = None,
    level: float | None = None,
    output: str | os.PathLike[str] | None = None,
    block_size: int = 256,
    measured: Expression | None = None,
) -> ad.AnnData:
    """Impute genes of a table that was made from an object.

    Parameters
    ----------
    view
        The map, which has been read for `factors`.
    table
        Expression of the single cells.
    cells
        The row of `table` for every cell of the mapping.
    factors
        The read-out.
    genes, scores, level, output, block_size
        As for `impute_genes`, and so are the result and the errors.
    measured
        Expression of the spots, in the order of the mapping, for ``"corrected"``.
    """
    mapping, columns = view.mapping, selected(genes, table)
    factor = factors.factors()
    warn_if_empty(factor)
    record = deepcopy(mapping.uns[HOMESPOT])
    scales = (factors.read_out, table.scale, factors.scale)
    var = _annotation(table, columns)
    if (used := mapped_genes(record)) is not None:
        var[MAPPED] = [gene in used for gene in var.index.astype(str)]
    own, intervals = _known(scores, level, record, factors.read_out, var.index)
    if own is not None:
        var = _with_scores(var, own)
    record |= {"read_out": factors.read_out, "imputed_scale": imputed_scale(*scales)}
    if intervals is not None:
        record["intervals"] = intervals.record()
    correction: Carried | None = None
    if measured is not None:
        spots = np.arange(mapping.n_vars)
        correction = carried(
            view.matrix, table, measured, cells, spots, used, factor, highest_value(*scales), block_size
        )
        record["correction"] = correction.strength
    empty = ad.AnnData(obs=mapping.var.copy(), var=var, uns={**images(mapping), HOMESPOT: record})
    if has_coordinates(mapping):
        empty.obsm[SPATIAL] = coordinates(mapping)
    layers = () if intervals is None else (LOWER, UPPER)
    held, to_file = len(layers), output is not None
    require_genes(view.matrix, table, len(columns), block_size, layers=held, in_file=to_file)
    blocks = (
        (part, (values, *(() if intervals is None else intervals.applied(values, highest_value(*scales)))))
        for part, values in gene_blocks(view.matrix, table, cells, columns, factor, block_size, correction)
    )
    if output is None:
        return _filled(blocks, empty, layers)
    write_imputed(blocks, empty, layers, output, block_size)
    return ad.read_h5ad(output, backed="r")
