"""Shared parts of plots: axes, points as large as the distance between them, colour bar, scale bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.path import Path
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar  # type: ignore[import-untyped]
from scipy.spatial import cKDTree

from ..common.checks import name as check_name
from ..common.checks import within
from ..errors import InputError, expected
from .panels import Panel

__all__ = [
    "GREY",
    "RASTERISE_FROM",
    "AxesLike",
    "check_look",
    "colour_bar",
    "diameter",
    "draw_points",
    "figure_axes",
    "frame",
    "name_panel",
    "one_or_all",
    "spacing",
    "tissue_axes",
    "top_right",
]

F64 = npt.NDArray[np.float64]
AxesLike: TypeAlias = Axes | Iterable[Axes]

GREY = "#D9D9D9"
"""Colour of points without a value, a label, or a colour of their own."""

RASTERISE_FROM = 20_000
"""Number of points from which a PDF or SVG stores them as pixels."""

_RIM, _SEEN = 0.3, 0.6  # in 1/72 inch: width of a circle's rim, and smallest diameter


def figure_axes(
    ax: AxesLike | None,
    n: int,
    width: float,
    height: float,
    *,
    groups: int = 1,
    beside: float = 0.0,
    least: float = 0.0,
) -> list[Axes]:
    """Return `n` Axes for each group, group after group.

    These are the given Axes, or Axes of a new figure, each as wide and high as given (inches). In a new
    figure every group starts a row. The figure has `beside` inches of room at the side, and is at `least`
    inches high.
    """
    if ax is None:
        columns = min(n, 4 if n > 6 else 3)
        rows = groups * -(-n // columns)
        size = (columns * width + beside, max(rows * height, least))
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="compressed")
        made = grid.reshape(groups, -1)
        for unused in made[:, n:].ravel():
            figure.delaxes(unused)
        return list(made[:, :n].ravel())
    listed = [ax] if isinstance(ax, Axes) else list(np.ravel(np.asarray(ax, dtype=object)))
    if len(listed) != n * groups or not all(isinstance(one, Axes) for one in listed):
        raise InputError(
            expected(
                f"{n * groups} Axes as ax",
                f"{len(listed)} object(s)",
                "Pass as many as panels, or leave it out.",
            )
        )
    return listed


def tissue_axes(
    ax: AxesLike | None,
    panels: Sequence[Panel],
    *,
    values: int = 1,
    below: float = 0.0,
    entries: Sequence[tuple[str, str]] = (),
) -> list[list[Axes]]:
    """Return the Axes of every section for each value; new Axes have the shape of the tissue.

    They leave `below` inches for a title and a colour bar, or room at the side for a legend with these
    `entries`. With one section the values are side by side; with several sections every value has its own
    row.
    """
    ratio = max(_ratio(panel.xy) for panel in panels)
    n, groups = (values, 1) if len(panels) == 1 else (len(panels), values)
    width = {1: 5.0, 2: 4.2}.get(n * groups, 3.0)
    longest = max((len(text) for text, _ in entries), default=-5)
    title = 0.3 if len(panels) > 1 else 0.0
    listed = figure_axes(
        ax,
        n,
        width,
        width * ratio + 0.4 + below + title,
        groups=groups,
        beside=0.08 * (longest + 5),
        least=0.25 * len(entries) + 0.3,
    )
    return [listed[i : i + len(panels)] for i in range(0, len(listed), len(panels))]


def _ratio(xy: F64) -> float:
    """Return the height of a tissue divided by its width, limited to the range that a figure allows."""
    span = np.ptp(xy, axis=0)
    return float(np.clip(span[1] / span[0], 0.4, 1.6)) if span[0] > 0 else 1.6


def one_or_all(axes: Sequence[Axes]) -> Axes | npt.NDArray[Any]:
    """Return the result of a plot: the Axes of the only section, or an array with the Axes of several."""
    return axes[0] if len(axes) == 1 else np.array(axes, dtype=object)


def top_right(axes: Sequence[Axes]) -> Axes:
    """Return the Axes that has room for a legend at its side."""
    return max(axes, key=lambda ax: (round(ax.get_position().x1, 3), ax.get_position().y1))


def name_panel(ax: Axes, panel: Panel, text: str = "") -> None:
    """Write the name of the section, if there are several, and a text above a panel."""
    title = ", ".join(part for part in (panel.title, text) if part)
    if title:
        ax.set_title(title, fontsize="medium")


def spacing(xy: F64) -> float:
    """Return the distance between points: the pitch of a grid, or 1 / sqrt(density) of scattered points.

    On a grid, all nearest neighbours are at the same distance. For points scattered at random, the sixth
    neighbour is at 1.4 times the distance of a grid with the same density.
    """
    places = np.unique(xy, axis=0)
    if len(places) < 2:
        return 1.0
    k = min(6, len(places) - 1)
    sample = places[:: max(1, len(places) // 5000)]
    distances = np.asarray(cKDTree(places).query(sample, k + 1)[0])
    low, nearest = (float(np.quantile(distances[:, 1], share)) for share in (0.1, 0.5))
    return float(nearest if k < 6 or low > 0.8 * nearest else 0.7 * np.median(distances[:, 6]))


def check_look(unit: object, size: object) -> None:
    """Refuse a unit or a size of points that cannot be drawn, before a figure is made."""
    if unit is not None:
        check_name("unit", unit)
    if size is not None:
        within("size", size, 0, open_low=True)


def diameter(ax: Axes, size: float | None, panel: Panel) -> float:
    """Return the diameter of a point in the unit of the coordinates.

    None gives a little less than the distance between points, less over an image so that most of it is
    visible, and at least a size that is visible in the Axes at their current size.
    """
    if size is None:
        share = 0.9 if panel.image is None else 0.6
        return max(share * spacing(panel.xy), _SEEN * _per_point(ax, panel.xy))
    return float(size)


def draw_points(ax: Axes, xy: F64, size: float | F64, **colours: Any) -> EllipseCollection:
    """Draw circles of diameter `size` in the unit of the coordinates, so that they grow with the picture.

    If there are many, they are octagons without a rim, which takes a quarter of the time.
    """
    many = len(xy) >= RASTERISE_FROM
    points = EllipseCollection(
        size,
        size,
        0,
        units="xy",
        offsets=xy,
        offset_transform=ax.transData,
        linewidths=0 if many else _RIM,
        edgecolors="none" if many else "face",
        rasterized=many,
        **colours,
    )
    if many:
        points.set_paths([Path.unit_regular_polygon(8)])
    ax.add_collection(points)
    return points


def _per_point(ax: Axes, xy: F64) -> float:
    """Return the length of 1/72 inch of the Axes, in the unit of the coordinates."""
    box = ax.get_window_extent()
    points = np.array([box.width, box.height]) * 72 / ax.figure.dpi
    return float((np.ptp(xy, axis=0) / points).max())


def colour_bar(axes: Sequence[Axes], drawn: Any, name: str, extend: str = "neither") -> None:
    """Put one colour bar below the tissue, without moving the tissue."""
    axes[0].figure.colorbar(
        drawn,
        ax=axes[0] if len(axes) == 1 else list(axes),
        label=name,
        extend=extend,
        shrink=0.7,
        aspect=30,
        orientation="horizontal",
        pad=0.03,
        panchor=False,
    )


def frame(ax: Axes, panel: Panel, size: float, unit: str | None) -> None:
    """Give a section equal axes without ticks, its direction of y, its image, its name, and a scale bar.

    The bar is drawn if the unit is known.
    """
    low, high = panel.xy.min(axis=0), panel.xy.max(axis=0)
    span = float((high - low).max()) or 1.0
    pad = size / 2 + 0.02 * span
    low, high = low - pad, high + pad
    bar = 22 * _per_point(ax, panel.xy) if unit is not None else 0.0
    bottom, top = (high[1] + bar, low[1]) if panel.down else (low[1] - bar, high[1])
    if panel.image is None:
        ax.update_datalim([[low[0], bottom], [high[0], top]])
        ax.autoscale_view()
        ax.margins(0)
        if panel.down and not ax.yaxis_inverted():
            ax.invert_yaxis()
    else:
        pixels = panel.image.pixels
        ax.imshow(pixels, cmap="gray", extent=panel.image.extent, origin="upper", zorder=-1)
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(bottom, top)
    ax.set_aspect("equal", anchor="N")
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    name_panel(ax, panel)
    if unit is not None:
        _scale_bar(ax, float(high[0] - low[0]), span, unit, framed=panel.image is not None)


def _scale_bar(ax: Axes, width: float, span: float, unit: str, *, framed: bool) -> None:
    """Draw a bar of a round length, up to a quarter of the width."""
    magnitude = 10.0 ** np.floor(np.log10(width / 4))
    length = max(step * magnitude for step in (1, 2, 5) if step * magnitude <= width / 4)
    bar = AnchoredSizeBar(
        ax.transData,
        length,
        f"{length:g} {unit}",
        loc="lower right",
        pad=0.3 if framed else 0.0,
        borderpad=0.2,
        sep=3,
        frameon=framed,
        size_vertical=0.006 * span,
        fontproperties=mpl.font_manager.FontProperties(size="small"),
    )
    bar.patch.set(alpha=0.7, linewidth=0)
    ax.add_artist(bar)
