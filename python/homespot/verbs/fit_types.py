"""fit_types: the proportions of cell types in every spot, by a fit that needs no map."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import one_of, real, within
from ..common.keys import HOMESPOT, LOWER, SPATIAL, TYPE, TYPE_PROB, UPPER
from ..common.memory import bounded
from ..common.wording import argument
from ..errors import DataWarning, InputError, expected, some
from ..expression.scale import SCALES, Scale
from ..expression.table import Expression
from ..expression.type_means import redrawn
from ..expression.types_of_spots import N_DRAWS, TypeFit
from ..mapping.confidence import LEVELS
from ..mapping.coordinates import images
from ..mapping.joined_types import fit_record, usable_cells
from ..mapping.solve import versions
from ..objects.access import check_adata
from ..objects.annotated import with_tables
from ..objects.join_sections import as_one
from ..objects.labels import resolve
from ..objects.tables import expression
from ..space.axes import spot_coordinates
from ..space.columns import plain_columns
from ..space.on_tissue import on_tissue

__all__ = ["fit_types", "most_abundant"]

F64 = npt.NDArray[np.float64]

_MOST_TYPES = 500  # a table of more rows is one of cells


def most_abundant(shares: F64, names: list[str]) -> dict[str, Any]:
    """Return the most abundant type of every spot and its share, as columns; missing for a row of NaN."""
    known = np.isfinite(shares).all(axis=1)
    best = np.nan_to_num(shares).argmax(axis=1)
    return {
        TYPE: np.where(known, np.asarray(names, dtype=object)[best], None),
        TYPE_PROB: np.take_along_axis(shares, best[:, None], axis=1)[:, 0],
    }


def _as_reference(reference: Any) -> ad.AnnData:
    """Return an AnnData of cells or types x genes; a table of these has their names."""
    if not isinstance(reference, pd.DataFrame):
        check_adata(reference, "reference", "Pass cells x genes with labels, or a table of types x genes.")
        return with_tables(reference)
    try:
        values = real(reference)
    except (TypeError, ValueError) as error:
        kinds = some(sorted({str(dtype) for dtype in reference.dtypes}))
        raise InputError(
            expected("numbers in the table of types x genes", f"values of type {kinds}", "Convert them.")
        ) from error
    rows, genes = (index.astype(str) for index in (reference.index, reference.columns))
    return ad.AnnData(values, pd.DataFrame(index=rows), pd.DataFrame(index=genes))


def _refuse_one_type(n_types: int) -> None:
    if n_types < 2:
        raise InputError(
            expected(
                f"means of two types or more where there are no {argument('labels')}",
                f"{n_types}",
                "Pass those of all types.",
            )
        )


def _refuse_cells(n: int) -> None:
    if n > _MOST_TYPES:
        raise InputError(
            expected(
                f"means of at most {_MOST_TYPES} types where there are no {argument('labels')}",
                f"{n:,} rows",
                f"Give {argument('labels')} if these are cells.",
            )
        )


def _refuse_empty_types(table: Expression) -> None:
    empty = table.totals <= 0
    if empty.any():
        raise InputError(
            expected(
                "some expression of every type", f"none of {some(table.names[empty])}", "Drop these types."
            )
        )


def _warn_if_nothing(shares: F64, names: npt.NDArray[np.str_]) -> None:
    nothing = ~np.isfinite(shares).all(axis=1)
    if nothing.any():
        warnings.warn(
            f"{nothing.sum()} spot(s) have no expression of the genes that tell the types apart "
            f"({some(names[nothing])}): their proportions are missing (NaN).",
            DataWarning,
            stacklevel=3,
        )


@bounded
def fit_types(
    reference: ad.AnnData | pd.DataFrame,
    st: ad.AnnData,
    labels: Any = None,
    *,
    level: float | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    sc_scale: Scale | Literal["auto"] = "auto",
    st_scale: Scale | Literal["auto"] = "auto",
    sc_gene_column: str | None = None,
    st_gene_column: str | None = None,
) -> ad.AnnData:
    """Return the cell types in every spot by a fit of its expression on the types' means, without a map.

    Every spot y is taken for a mixture of the types' means mu, all on the linear scale (counts become
    10,000 x / total), with weights w >= 0 that minimise

        sum_g (y_g - f_g (w mu)_g)^2 / v_g,    v_g = f_g n_g (0.9 (w mu)_g / W + 0.1 m_g)

    where n_g is the variance of gene g within the types over its mean, m_g its mean over the reference, f_g
    the platform factor, and W the sum of w. v follows from a first fit with v_g = f_g n_g m_g. The share of a
    type is its weight over the root of the mean total count of its cells (if the reference has counts),
    scaled so that the shares of a spot sum to 1. Only genes count whose means differ between the types by
    more than chance (F statistic above 2).

    The platform factor says how much more of a gene the technology of the spots sees than that of the
    reference. It comes from the mean of all spots, which is taken for a mixture of the types in about the
    shares that they have in the reference (see ``homespot.expression.type_fit.platform_factors``). Small
    factors are left at 1.

    Parameters
    ----------
    reference
        Single cells, cells x genes, with `labels`; or the types' mean expression, types x genes, as an
        AnnData or a table with the names of the types as index and of the genes as columns. Means do not say
        how much a gene varies within a type: then n_g is 1, all genes count, and no type is expected to be
        more frequent than another.
    st
        Spatial data, spots x genes. Spots that a column such as ``in_tissue`` marks as off the tissue are
        left out. Several sections may be given as a list or dict, as for `map_cells`.
    labels
        Type of every cell: name of a column of ``reference.obs``, a Series with the names of the cells as
        index (in any order), or one label per cell in their order. None: the rows of `reference` are types.
    level
        Level of the intervals, from 0.05 to 0.99; they need cells with labels. The bounds
        follow 100 draws of cells and genes by their order, so that another order moves them a little. None:
        no intervals.
    sc_layer
        Layer of `reference` with the expression, as for `map_cells`.
    st_layer
        Layer of `st` with the expression, likewise.
    sc_scale
        What the numbers of `reference` are, as for `map_cells`.
    st_scale
        What the numbers of `st` are, likewise.
    sc_gene_column
        Column of ``reference.var`` with the names of the genes; None is the index.
    st_gene_column
        Column of ``st.var`` with the names of the genes, likewise.

    Returns
    -------
    Spots x types. ``X``: proportions; every row sums to 1, except that rows of spots without any expression
    of the genes that count are NaN, and a warning counts them. ``layers["lower"]`` and ``layers["upper"]``,
    with `level`: bounds between which this share of 100 fits lies, each with as many cells and genes as there
    are, drawn with replacement: the cells from the whole reference, the genes from those that count. They say
    how far the proportions depend on these cells and genes. On tissues with known proportions they hold fewer
    of them than the level says, most of all of rare types (see ``benchmarks/README.md``). obs: the spots,
    with ``homespot_type`` and ``homespot_type_prob`` (the most abundant type and its proportion). var: the
    types; ``n_cells`` is their number of cells. ``obsm["spatial"]`` and images are those of `st`.
    ``uns["homespot"]``: the record, with ``fit_genes``, the genes that count, and ``platform_factors``, f of
    each of them; layers and columns of the genes' names stand in it where they were given.

    Raises
    ------
    InputError
        If the data, labels or a parameter is not as described, or the two tables share fewer than two genes.
    TooLargeError
        If the means of all draws would not fit into memory.
    """
    if level is not None:
        within("level", level, *LEVELS)
    one_of("sc_scale", sc_scale, SCALES)
    one_of("st_scale", st_scale, SCALES)
    reference, st = _as_reference(reference), as_one(st, st_gene_column)
    check_adata(st, "st")
    st = with_tables(st)
    if level is not None and labels is None:
        raise InputError(
            expected(
                f"{argument('labels')} of single cells for intervals, as cells are drawn for them",
                "none",
                f"Leave {argument('level')} out for means of types.",
            )
        )
    where = st.obsm.get(SPATIAL)
    where = spot_coordinates(plain_columns(st.obs) if where is None else where, st.n_obs)
    rows = on_tissue(st.obs)
    if labels is None:
        _refuse_one_type(reference.n_obs)
        _refuse_cells(reference.n_obs)
    sc_table = expression(reference, "sc", sc_layer, sc_scale, "float32", gene_column=sc_gene_column)
    some_rows = rows if len(rows) < st.n_obs else None
    st_table = expression(st, "st", st_layer, st_scale, "float32", gene_column=st_gene_column, rows=some_rows)
    if not (st_table.totals > 0).any():
        raise InputError(expected("spots with expression", "none", "Choose another layer, or other spots."))
    if labels is None:
        _refuse_empty_types(sc_table)
        names, codes = sc_table.names.tolist(), None
        var: dict[str, Any] = {}
    else:
        types = resolve(labels, reference.obs, "cell", "reference")
        sc_table, kept = usable_cells(sc_table, types)
        names, codes = types.names, types.codes[kept]
        var = {"n_cells": np.bincount(codes, minlength=len(names))}
    drawn = None if level is None else redrawn(sc_table.shape[0], N_DRAWS)
    fit = TypeFit(sc_table, codes, len(names), st_table, drawn)
    shares = fit.shares()
    _warn_if_nothing(shares, st_table.names)
    record = {
        "method": "fit",
        "versions": versions(),
        "sc_scale": sc_table.scale,
        "sc_scale_evidence": sc_table.evidence,
        "st_scale": st_table.scale,
        "st_scale_evidence": st_table.evidence,
        **fit_record(fit),
    }
    read = {"sc_layer": sc_layer, "st_layer": st_layer}
    read |= {"sc_gene_column": sc_gene_column, "st_gene_column": st_gene_column}
    record |= {name: value for name, value in read.items() if value is not None}
    found = ad.AnnData(
        X=shares,
        obs=st.obs.iloc[rows].assign(**most_abundant(shares, names)),
        var=pd.DataFrame(var, index=names),
        uns={**images(st), HOMESPOT: record},
    )
    if level is not None:
        record["level"] = float(level)
        low, high = fit.bounds(level, shares, lambda _, __, fitted: fitted)
        found.layers[LOWER], found.layers[UPPER] = low, high
    if where is not None:
        found.obsm[SPATIAL] = where[rows]
    return found
