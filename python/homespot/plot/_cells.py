"""Plots of placed cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgba_array

from ..common.checks import flag, within
from ..common.checks import name as check_name
from ..common.keys import CONFIDENT, PROB, RADIUS
from ..errors import InputError, expected
from ..objects.access import check_adata
from ._base import (
    GREY,
    AxesLike,
    check_look,
    colour_bar,
    diameter,
    draw_points,
    frame,
    one_or_all,
    tissue_axes,
    top_right,
)
from ._palette import legend_entries, type_colours
from .panels import Image, Panel, drawn_rows, panels

__all__ = ["cells", "confidence", "draw_legend", "with_legend"]

_NAMES = {
    RADIUS: "radius within which the true place is expected",
    PROB: "probability of the home spot",
}


def draw_legend(
    axes: Sequence[Axes], entries: Sequence[tuple[str, str]], *, legend: bool, made: bool
) -> None:
    """Draw one legend of the colours beside the tissue; in a `made` figure, beside all panels.

    With `legend` False, only the handles for a legend are added.
    """
    for ax in axes:
        for text, colour in entries:
            ax.scatter([], [], color=colour, s=30, label=text)
    look: dict[str, Any] = {"frameon": False, "handletextpad": 0.1, "borderaxespad": 0.2}
    if legend and made and len(axes) > 1:
        axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", **look)
    elif legend:
        top_right(axes).legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), **look)


def with_legend(legend: bool | None, ax: AxesLike | None) -> bool:
    """Return whether a legend is drawn: as is asked for, or else where a figure is made."""
    if legend is None:
        return ax is None
    flag("legend", legend)
    return legend


def _column(adata: ad.AnnData, name: str, remedy: str = "Name one of obs' columns.") -> Any:
    """Return a column of obs."""
    if name not in adata.obs:
        raise InputError(expected(f"a column {name!r} in obs", "none of this name", remedy))
    return adata.obs[name]


def _jittered(sections: list[Panel], n: int, radius: float) -> list[Panel]:
    """Return a random shift within a disc for each of `n` rows, the same in every call."""
    within("jitter", radius, 0)
    rng = np.random.default_rng(0)
    distance = radius * np.sqrt(rng.uniform(size=n))
    angle = rng.uniform(0, 2 * np.pi, n)
    away = distance[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return [replace(panel, xy=panel.xy + away[panel.rows]) for panel in sections]


def _shuffled(n: int) -> npt.NDArray[np.int64]:
    """Return one random order for all calls: late points hide others, so no type is drawn last."""
    return np.random.default_rng(0).permutation(n)


def cells(
    placed: ad.AnnData,
    label: str,
    *,
    unit: str | None = None,
    jitter: float = 0.0,
    size: float | None = None,
    image: Image = True,
    colours: Mapping[str, str] | None = None,
    legend: bool | None = None,
    ax: AxesLike | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw placed cells, coloured by a label.

    Every section has its own panel, with its own image and direction of y. Cells without a place are not
    drawn, and a warning counts them.

    Parameters
    ----------
    placed
        Cells with ``obsm["spatial"]``, as `place_cells` returns them.
    label
        Column of obs with the label, e.g. the cell type. Cells without a label are grey.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    jitter
        Radius within which each cell is moved at random, the same way in every call, so that cells at one
        place are all visible: e.g. half the distance between spots, if ``position="argmax"`` placed the
        cells.
    size
        Diameter of a point, in the unit of the coordinates; None: a little less than the distance between
        points.
    image
        Tissue image to draw underneath, from ``uns["spatial"]`` in the form of scanpy and squidpy, with y
        downwards. True: the image of the object, if it has one. An AnnData, e.g. the spatial data: the image
        of that object. False: no image. A section gets the image of its name; an image that is not known to
        belong to a single section belongs to all. Entries without an image or a scale are ignored.
    colours
        Colour of every label. None: 16 colours that colour-blind readers can tell apart. If there are more
        labels, the most frequent ones get these colours, the others are grey, and the legend gives their
        number.
    legend
        Whether to draw a legend beside the tissue; None: only if a figure is made. Without a legend the Axes
        still has the handles for one.
    ax
        Axes to draw into, one per section; None makes a figure.

    Returns
    -------
    The Axes; for several sections an array of Axes, in the order of the sections' names.
    """
    check_adata(placed, "placed")
    check_name("label", label)
    check_look(unit, size)
    given = _column(placed, label)
    sections = _jittered(panels(placed, image), placed.n_obs, jitter)
    rows = drawn_rows(sections)
    if not isinstance(given.dtype, pd.CategoricalDtype):
        given = given.astype(str).where(given.notna()).astype("category")
    given = given.iloc[rows].cat.remove_unused_categories()
    names = [str(name) for name in given.cat.categories]
    codes = np.full(placed.n_obs, -1)
    codes[rows] = np.where(given.isna(), len(names), given.cat.codes)
    counts = np.bincount(codes[rows], minlength=len(names) + 1)
    chosen = type_colours(names, counts[:-1], colours)
    entries = legend_entries(chosen)
    if counts[-1]:
        entries.append((f"no label ({counts[-1]})", GREY))
    legend = with_legend(legend, ax)
    table = to_rgba_array([*chosen.values(), GREY])
    [axes] = tissue_axes(ax, sections, entries=entries if legend else ())
    for one, panel in zip(axes, sections, strict=True):
        wide = diameter(one, size, panel)
        order = _shuffled(len(panel.rows))
        draw_points(one, panel.xy[order], wide, facecolors=table[codes[panel.rows[order]]])
        frame(one, panel, wide, unit)
    draw_legend(axes, entries, legend=legend, made=ax is None)
    return one_or_all(axes)


def confidence(
    placed: ad.AnnData,
    by: str = RADIUS,
    *,
    unit: str | None = None,
    jitter: float = 0.0,
    size: float | None = None,
    image: Image = True,
    ax: AxesLike | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw placed cells by how far each can be trusted, and highlight confident cells.

    Confident cells are drawn on top, the others are grey. Colours run from the first to the 99th percentile
    of the confident cells of all sections together.

    Parameters
    ----------
    placed
        Cells as `place_cells` returns them, with ``homespot_confident`` in obs.
    by
        Column of obs that gives the colours: ``"homespot_radius"``, the distance within which the true place
        is expected, ``"homespot_prob"``, the probability of the home spot, or another column of numbers.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    jitter
        Radius within which each cell is moved at random; see `cells`.
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
    check_adata(placed, "placed")
    check_name("by", by)
    check_look(unit, size)
    remedy = "Place the cells with place_cells() of this version."
    values = _column(placed, by, remedy)
    if values.dtype.kind not in "fiu":
        raise InputError(
            expected(f"numbers in the column {by!r}", f"values of type {values.dtype}", "Name another.")
        )
    confident = _column(placed, CONFIDENT, remedy).astype("boolean").fillna(False).to_numpy(dtype=bool)
    sections = _jittered(panels(placed, image), placed.n_obs, jitter)
    number = np.where(confident, values.to_numpy(dtype=np.float64), np.nan)
    rows = drawn_rows(sections)
    finite = number[rows][np.isfinite(number[rows])]
    # Without limits, a few outliers would leave almost one colour for all other cells.
    norm = Normalize(*(np.percentile(finite, (1, 99)) if len(finite) else (0.0, 1.0)))
    axes, drawn = tissue_axes(ax, sections, below=0.9)[0], None
    for one, panel in zip(axes, sections, strict=True):
        wide = diameter(one, size, panel)
        order = _shuffled(len(panel.rows))
        order = order[np.argsort(confident[panel.rows[order]], kind="stable")]
        # Bright colours mean certain places: a small radius, or a large probability.
        drawn = draw_points(
            one,
            panel.xy[order],
            wide,
            array=np.ma.masked_invalid(number[panel.rows[order]]),
            cmap=colormaps["viridis_r" if by == RADIUS else "viridis"].with_extremes(bad=GREY),
            norm=norm,
        )
        frame(one, panel, wide, unit)
    name = _NAMES.get(by, by) + (f" ({unit})" if by == RADIUS and unit else "")
    said = f"{confident[rows].sum():,} of {len(rows):,} cells are confident; the others are grey"
    if len(axes) == 1:
        axes[0].set_title(said, fontsize="medium")
    colour_bar(axes, drawn, name if len(axes) == 1 else f"{name}\n{said}", extend="both")
    return one_or_all(axes)
