"""Values of spots: a gene, a probability."""

from __future__ import annotations

from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes

from ..errors import InputError, expected, some
from ..labels import in_order, resolve
from ..mapping import check_adata, check_mapping, coordinates
from ..matrices import is_sparse
from ..preprocess import Scale, log_normalised
from ..rows import masses
from ..streamed import x_of
from ..tables import expression
from ._base import (
    F64,
    GREY,
    AxesLike,
    Image,
    colour_bar,
    diameter,
    draw_points,
    frame,
    positions,
    tissue_axes,
)

__all__ = ["draw_values", "gene", "probability", "spots"]


def draw_values(
    ax: Axes,
    xy: F64,
    values: F64,
    name: str,
    *,
    unit: str | None,
    size: float | None,
    image: Image,
    own: ad.AnnData | None,
    low: float | None = None,
) -> None:
    """Draw one number a place, with its colour bar; places without a number are grey."""
    size = diameter(ax, size, xy, image=image, own=own)
    drawn = draw_points(
        ax, xy, size, array=np.ma.masked_invalid(values), cmap=colormaps["viridis"].with_extremes(bad=GREY)
    )
    drawn.autoscale()
    if low is not None:
        drawn.set_clim(vmin=low)
    frame(ax, xy, size, unit=unit, image=image, own=own)
    colour_bar(ax, drawn, name)


def spots(
    st: ad.AnnData,
    values: Any,
    *,
    name: str,
    unit: str | None = None,
    size: float | None = None,
    image: Image = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a value of every spot over the tissue.

    Parameters
    ----------
    st
        Spots with ``obsm["spatial"]``.
    values
        One number a spot, e.g. a gene's expression; a Series with the names of the spots, in any order; or
        the name of a column of obs. Spots without a number are grey.
    name
        What it is; stands beside the colour bar.
    unit, size, image, ax
        As for `cells`.
    """
    xy = positions(st)
    listed = in_order(values, st.obs, "values", "spot")
    try:
        numbers = listed.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            expected("a number for every spot", f"values like {some(listed)}", "Convert them to numbers.")
        ) from error
    [ax] = tissue_axes(ax, 1, xy, below=0.7)
    draw_values(ax, xy, numbers, name, unit=unit, size=size, image=image, own=st)
    return ax


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

    The titles give the Pearson correlation of both (PCC), on the log scale over the spots. Where the gene was
    used to learn the map, it says how well the map keeps what it was given; that of genes held out, the
    column ``homespot_pcc`` that `impute_genes` adds from the scores of `cross_validate`, says how well it
    predicts, and is given as well.

    Parameters
    ----------
    st
        The spatial data that was mapped to, spots x genes.
    imputed
        What `impute_genes` returned, spots x genes.
    gene
        Its name. If the spatial data lacks it, only the imputed pattern is drawn.
    layer, scale
        Layer of `st` with the expression (None is X), and what its numbers are, as for `map_cells`.
    unit, size, image
        As for `cells`; the image is that of `st`.
    ax
        Two Axes (one for a gene that is not measured); None makes a figure.

    Returns
    -------
    The Axes, measured before imputed.
    """
    check_adata(st, "st")
    check_adata(imputed, "imputed")
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
                "Pass that one.",
            )
        )
    xy = positions(imputed)
    found = _one_column(imputed.X, imputed.var_names.get_loc(gene))
    title = "imputed"
    panels = []
    if gene in st.var_names:
        rows = st.obs_names.get_indexer(imputed.obs_names)
        table = expression(st, "st", layer, scale, "float64")
        measured = log_normalised(table, [gene])[rows, 0].astype(np.float64)
        panels.append(("measured", measured))
        both = np.stack([measured, found])[:, np.isfinite(found)]  # a spot without cells has nothing imputed
        varies = both.size > 0 and np.ptp(both, axis=1).min() > 0
        title += f", PCC {np.corrcoef(both)[0, 1]:.2f}" if varies else ", PCC not defined"
    held_out = imputed.var["homespot_pcc"].get(gene, np.nan) if "homespot_pcc" in imputed.var else np.nan
    if np.isfinite(held_out):
        title += f" ({held_out:.2f} held out)" if panels else f" (PCC {held_out:.2f} held out)"
    panels.append((title, found))
    axes = tissue_axes(ax, len(panels), xy, below=0.9)
    for one, (title, values) in zip(axes, panels, strict=True):
        draw_values(one, xy, values, f"{gene}, log scale", unit=unit, size=size, image=image, own=st)
        one.set_title(title, fontsize="medium")
    return np.array(axes, dtype=object)


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
    ax: Axes | None = None,
) -> Axes:
    """Draw where one cell, or the cells of one type, may sit.

    Parameters
    ----------
    mapping
        What `map_cells` returned, made with coordinates.
    cell
        Name of a cell: its row of P is drawn.
    label
        A type, instead of a cell: the sum of P over its cells is drawn, the number of them that is expected
        at each spot.
    labels
        Type of every cell, as `deconvolve_spots` takes them.
    unit, size, image, ax
        As for `cells`.
    """
    check_mapping(mapping)
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
        row = x_of(mapping)[[mapping.obs_names.get_loc(cell)]]
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
        values = masses(x_of(mapping), types.membership()[[types.names.index(label)]])[0]
        name = f"expected cells of {label}"
    xy = coordinates(mapping)[:, :2]
    [ax] = tissue_axes(ax, 1, xy, below=0.7)
    draw_values(ax, xy, values, name, unit=unit, size=size, image=image, own=mapping, low=0.0)
    return ax
