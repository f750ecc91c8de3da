"""Plots of values at spots: a gene, a probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from ..common.checks import name as check_name
from ..common.checks import one_of
from ..common.keys import HOMESPOT, LOWER, MAPPED, UPPER
from ..errors import InputError, expected, some
from ..expression.metrics import METRICS
from ..expression.scale import LOG_VALUES, SCALES, Scale
from ..expression.transforms import log_normalised
from ..mapping.align import section_remedy
from ..mapping.checked import CheckedMap
from ..matrix.gather import Masses
from ..matrix.sums import is_sparse
from ..objects.access import check_adata
from ..objects.labels import in_order, resolve
from ..objects.recorded import chosen_source, mapped_expression
from ._base import (
    GREY,
    AxesLike,
    check_look,
    colour_bar,
    diameter,
    draw_points,
    frame,
    name_panel,
    one_or_all,
    tissue_axes,
)
from .panels import F64, Image, Panel, drawn_rows, panels, panels_of_spots

__all__ = ["draw_values", "gene", "probability", "spots"]

PCC = METRICS["pcc"].key


def draw_values(
    axes: Sequence[Axes],
    sections: list[Panel],
    values: F64,
    name: str,
    *,
    unit: str | None,
    size: float | None,
    low: float | None = None,
) -> None:
    """Draw one number per place, on one colour scale with one bar; places without a number are grey."""
    shown = values[drawn_rows(sections)]
    shown = shown[np.isfinite(shown)]
    least, most = (shown.min(), shown.max()) if len(shown) else (0.0, 1.0)
    norm = Normalize(least if low is None else low, most)
    drawn = None
    for ax, panel in zip(axes, sections, strict=True):
        wide = diameter(ax, size, panel)
        drawn = draw_points(
            ax,
            panel.xy,
            wide,
            array=np.ma.masked_invalid(values[panel.rows]),
            cmap=colormaps["viridis"].with_extremes(bad=GREY),
            norm=norm,
        )
        frame(ax, panel, wide, unit)
    colour_bar(axes, drawn, name)


def spots(
    st: ad.AnnData,
    values: Any,
    *,
    name: str,
    unit: str | None = None,
    size: float | None = None,
    image: Image = True,
    ax: AxesLike | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw a value of every spot over the tissue; every section is a panel, and all share one colour scale.

    Parameters
    ----------
    st
        Spots with ``obsm["spatial"]``.
    values
        One number per spot, e.g. a gene's expression; a Series with the names of the spots as index, in any
        order; or the name of a column of obs. Spots without a number are grey.
    name
        Name of the value, written beside the colour bar.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    size
        Diameter of a point; see `cells`.
    image
        Tissue image to draw underneath; see `cells`.
    ax
        Axes to draw into; see `cells`.

    Returns
    -------
    The Axes; for several sections an array of Axes, in the order of the sections' names.
    """
    check_adata(st, "st")
    if not isinstance(name, str) or name:  # an empty one leaves the bar without a name
        check_name("name", name)
    check_look(unit, size)
    sections = panels(st, image)
    listed = in_order(values, st.obs, "values", "spot")
    try:
        numbers = listed.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            expected("a number for every spot", f"values like {some(listed)}", "Convert them to numbers.")
        ) from error
    [axes] = tissue_axes(ax, sections, below=0.7)
    draw_values(axes, sections, numbers, name, unit=unit, size=size)
    return one_or_all(axes)


def gene(
    st: ad.AnnData,
    imputed: ad.AnnData,
    gene: str,
    *,
    layer: str | None = None,
    scale: Scale | Literal["auto"] = "auto",
    unit: str | None = None,
    size: float | None = None,
    image: Image = True,
    ax: AxesLike | None = None,
) -> npt.NDArray[Any]:
    """Draw a gene measured and imputed, side by side, each with its own colour scale.

    The colour bars name the scale of the values. The titles give the Pearson correlation (PCC) of both
    patterns over the spots, for each section. If the map was made from the gene, the title says so: this PCC
    then shows how well the map reproduces its input. The PCC with the gene held out shows how well the map
    predicts; the titles give it too if `imputed` has it, in the column ``homespot_pcc`` that `impute_genes`
    adds from the scores of `cross_validate`. If `imputed` has intervals, their width is drawn as well.

    Parameters
    ----------
    st
        The spatial data that the cells were mapped to, spots x genes.
    imputed
        A result of `impute_genes`, spots x genes.
    gene
        Name of the gene. If the spatial data lacks it, only the imputed pattern is drawn.
    layer
        Layer of `st` with the expression (``"X"``: X), as for `map_cells`. None: the layer that the map was
        made from.
    scale
        What the numbers are, as for `map_cells`. ``"auto"``: the scale stated for the map if its own layer is
        used, else the scale that is recognised.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    size
        Diameter of a point; see `cells`.
    image
        Tissue image to draw underneath; see `cells`. True draws the image of `st`.
    ax
        Axes to draw into: two, or one for a gene that was not measured, and one more if there are
        intervals, for each section; None makes a figure.

    Returns
    -------
    An array of the Axes: measured, imputed, width of the interval; with several sections, of these x
    sections.
    """
    check_adata(st, "st")
    check_adata(imputed, "imputed")
    check_name("gene", gene)
    one_of("scale", scale, SCALES)
    check_look(unit, size)
    if gene not in imputed.var_names:
        raise InputError(
            expected(
                f"a gene {gene!r} among those imputed",
                f"{imputed.n_vars} others ({some(imputed.var_names)})",
                "Impute it with impute_genes(), or check its name.",
            )
        )
    unknown = ~imputed.obs_names.isin(st.obs_names)
    if unknown.any():
        raise InputError(
            expected(
                "the spatial data that was mapped to",
                f"data without {unknown.sum()} of the spots ({some(imputed.obs_names[unknown])})",
                section_remedy(imputed.obs_names, st.obs_names) or "Pass that one.",
            )
        )
    sections = panels(imputed, image, own=st)
    found = _one_column(imputed.X, imputed.var_names.get_loc(gene))
    kinds = {"imputed": found}
    record = imputed.uns.get(HOMESPOT, {})
    source = chosen_source(st, "st", record, layer, scale)
    table = mapped_expression(st, "st", source, "float64")
    scales = {"imputed": record.get("imputed_scale", "log scale"), "measured": LOG_VALUES[table.scale]}
    if gene in table.genes:
        rows = st.obs_names.get_indexer(imputed.obs_names)
        kinds = {"measured": log_normalised(table, [gene])[rows, 0].astype(np.float64), **kinds}
    if {LOWER, UPPER} <= set(imputed.layers):
        column = imputed.var_names.get_loc(gene)
        low, high = (_one_column(imputed.layers[layer], column) for layer in (LOWER, UPPER))
        width = f"width of the interval, level {record['intervals']['level']:g}"
        kinds[width], scales[width] = high - low, scales["imputed"]
    about = imputed.var.loc[gene]
    held_out, mapped = about.get(PCC, np.nan), about.get(MAPPED, False)
    axes = tissue_axes(ax, sections, values=len(kinds), below=0.9)
    for listed, (kind, values) in zip(axes, kinds.items(), strict=True):
        draw_values(listed, sections, values, f"{gene}, {scales[kind]}", unit=unit, size=size)
        for one, panel in zip(listed, sections, strict=True):
            text = f"{kind}, gene of the map" if kind == "imputed" and mapped else kind
            if kind == "imputed" and "measured" in kinds:
                text += f", PCC {_correlation(kinds['measured'][panel.rows], found[panel.rows])}"
            if kind == "imputed" and np.isfinite(held_out):
                pcc = "" if "measured" in kinds else "PCC "
                text += f" ({pcc}{held_out:.2f} held out)"
            name_panel(one, panel, text)
    return np.array([one for listed in axes for one in listed] if len(sections) == 1 else axes, dtype=object)


def _correlation(measured: F64, found: F64) -> str:
    both = np.stack([measured, found])[:, np.isfinite(found)]  # a spot without cells has no imputed value
    varies = both.size > 0 and all(np.ptp(one) > 0 for one in both)
    return f"{np.asarray(np.corrcoef(both))[0, 1]:.2f}" if varies else "not defined"


def _one_column(matrix: Any, j: Any) -> F64:
    one = matrix[:, [j]]
    return np.asarray(one.toarray() if is_sparse(one) else one, dtype=np.float64).ravel()


def probability(
    mapping: ad.AnnData,
    *,
    cell: str | None = None,
    label: str | None = None,
    labels: Any = None,
    unit: str | None = None,
    size: float | None = None,
    image: Image = True,
    ax: AxesLike | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw the possible places of one cell, or of the cells of one type; every section is a panel.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates.
    cell
        Name of a cell: its row of P is drawn.
    label
        A type, instead of a cell: the sum of P over its cells is drawn, which is their expected number at
        each spot.
    labels
        Type of every cell, as `deconvolve_spots` takes them.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    size
        Diameter of a point; see `cells`.
    image
        Tissue image to draw underneath; see `cells`.
    ax
        Axes to draw into; see `cells`.

    Returns
    -------
    The Axes; for several sections an array of Axes, in the order of the sections' names.
    """
    view = CheckedMap(mapping)
    for argument, given in (("cell", cell), ("label", label)):
        if given is not None:
            check_name(argument, given)
    check_look(unit, size)
    if (cell is None) == (label is None):
        raise InputError(
            expected("a cell or a label", "none" if cell is None else "both", "Name one of them.")
        )
    if cell is not None:
        if cell not in mapping.obs_names:
            raise InputError(
                expected(
                    f"a cell {cell!r} in the mapping",
                    f"{mapping.n_obs} others ({some(mapping.obs_names)})",
                    "Check its name.",
                )
            )
        view.read()
        row = view.matrix[[mapping.obs_names.get_loc(cell)]]
        values = np.asarray(row.toarray() if is_sparse(row) else row, dtype=np.float64).ravel()
        name = f"probability of {cell}"
    else:
        if labels is None:
            raise InputError(
                expected(f"the labels among which is {label!r}", "none", "Name the column as labels.")
            )
        types = resolve(labels, mapping.obs, "cell")
        if label not in types.names:
            raise InputError(
                expected(f"a label {label!r}", f"others ({some(types.names, 10)})", "Name one of these.")
            )
        mass = Masses(types.membership()[[types.names.index(label)]])
        view.read(mass)
        values = mass.total[0]
        name = f"expected cells of {label}"
    sections = panels_of_spots(mapping, image)
    [axes] = tissue_axes(ax, sections, below=0.7)
    draw_values(axes, sections, values, name, unit=unit, size=size, low=0.0)
    return one_or_all(axes)
