"""Placed cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array

from ..checks import within
from ..errors import InputError, expected
from ..keys import CONFIDENT, PROB, RADIUS
from ._base import (
    F64,
    GREY,
    Image,
    colour_bar,
    column,
    diameter,
    draw_points,
    frame,
    positions,
    tissue_axes,
)
from ._palette import legend_entries, type_colours

__all__ = ["cells", "confidence", "draw_legend"]

_NAMES = {
    RADIUS: "radius within which the true place is expected",
    PROB: "probability of the home spot",
}


def draw_legend(ax: Axes, entries: Sequence[tuple[str, str]], *, legend: bool) -> None:
    """Name the colours, beside the tissue; `legend` False only leaves handles for a legend elsewhere."""
    for text, colour in entries:
        ax.scatter([], [], color=colour, s=30, label=text)
    if legend:
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            handletextpad=0.1,
            borderaxespad=0.2,
        )


def _jittered(xy: F64, radius: float) -> F64:
    """Move every point within a disc, the same way in every call."""
    within("jitter", radius, 0)
    rng = np.random.default_rng(0)
    distance = radius * np.sqrt(rng.uniform(size=len(xy)))
    angle = rng.uniform(0, 2 * np.pi, len(xy))
    return np.asarray(xy + distance[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))


def _shuffled(n: int) -> npt.NDArray[np.int64]:
    """Return one order for all calls: a point drawn late hides others, so none is drawn type by type."""
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
    ax: Axes | None = None,
) -> Axes:
    """Draw placed cells, coloured by a label.

    Parameters
    ----------
    placed
        Cells with ``obsm["spatial"]``, as `place_cells` returns them.
    label
        Column of obs with the label, e.g. the cell type. Cells without one are grey.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    jitter
        Radius within which each cell is moved at random, the same way in every call, so that cells at one
        place are all seen: e.g. half the distance between spots where ``position="argmax"`` placed them.
    size
        Diameter of a point, in the unit of the coordinates; None: a little less than points lie apart.
    image
        Tissue image underneath, from ``uns["spatial"]`` as scanpy and squidpy have it, with y downwards.
        True: that of the object, where it has one; an AnnData, e.g. the spatial data: that one's; False:
        none.
    colours
        Colour of every label. None: 16 that colour-blind readers can tell apart; of more labels the most
        frequent get them, the others are grey, and the legend says how many.
    legend
        Whether to draw a legend beside the tissue; None: where a figure is made. Without one the Axes still
        has the handles for it.
    ax
        Where to draw; None makes a figure.
    """
    xy = _jittered(positions(placed), jitter)
    given = column(placed, label)
    if not isinstance(given.dtype, pd.CategoricalDtype):
        given = given.astype(str).where(given.notna()).astype("category")
    given = given.cat.remove_unused_categories()
    names = [str(name) for name in given.cat.categories]
    codes = np.where(given.isna(), len(names), given.cat.codes)
    counts = np.bincount(codes, minlength=len(names) + 1)
    chosen = type_colours(names, counts[:-1], colours)
    entries = legend_entries(chosen)
    if counts[-1]:
        entries.append((f"no label ({counts[-1]})", GREY))
    legend = ax is None if legend is None else legend
    [ax] = tissue_axes(ax, 1, xy, entries=entries if legend else ())
    size = diameter(ax, size, xy, image=image, own=placed)
    order = _shuffled(len(xy))
    table = to_rgba_array([*chosen.values(), GREY])
    draw_points(ax, xy[order], size, facecolors=table[codes[order]])
    frame(ax, xy, size, unit=unit, image=image, own=placed)
    draw_legend(ax, entries, legend=legend)
    return ax


def confidence(
    placed: ad.AnnData,
    by: str = RADIUS,
    *,
    unit: str | None = None,
    jitter: float = 0.0,
    size: float | None = None,
    image: Image = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw placed cells by how far each can be trusted; those that are confident stand out.

    Confident cells are drawn on top, the others grey. Colours run from the first to the 99th percentile of
    the confident cells.

    Parameters
    ----------
    placed
        Cells as `place_cells` returns them, with ``homespot_confident`` in obs.
    by
        Column of obs that colours them: ``"homespot_radius"``, the distance within which the true place is
        expected, ``"homespot_prob"``, the probability of the home spot, or another with numbers.
    unit, jitter, size, image, ax
        As for `cells`.
    """
    remedy = "Place the cells with place_cells() of this version."
    values = column(placed, by, remedy)
    if values.dtype.kind not in "fiu":
        raise InputError(
            expected(f"numbers in the column {by!r}", f"values of type {values.dtype}", "Name another.")
        )
    confident = column(placed, CONFIDENT, remedy).astype("boolean").fillna(False).to_numpy(dtype=bool)
    xy = _jittered(positions(placed), jitter)
    [ax] = tissue_axes(ax, 1, xy, below=0.9)
    size = diameter(ax, size, xy, image=image, own=placed)
    number = np.where(confident, values.to_numpy(dtype=np.float64), np.nan)
    finite = number[np.isfinite(number)]
    # A few that are far off would leave one colour to all others.
    limits = np.percentile(finite, (1, 99)) if len(finite) else np.array([0.0, 1.0])
    order = _shuffled(len(xy))
    order = order[np.argsort(confident[order], kind="stable")]
    # Bright is well known: of a small radius, of a large probability.
    drawn = draw_points(
        ax,
        xy[order],
        size,
        array=np.ma.masked_invalid(number[order]),
        cmap=colormaps["viridis_r" if by == RADIUS else "viridis"].with_extremes(bad=GREY),
        clim=tuple(limits),
    )
    frame(ax, xy, size, unit=unit, image=image, own=placed)
    name = _NAMES.get(by, by) + (f" ({unit})" if by == RADIUS and unit else "")
    colour_bar(ax, drawn, name, extend="both")
    said = f"{confident.sum():,} of {len(xy):,} cells are confident; the others are grey"
    ax.set_title(said, fontsize="medium")
    return ax
