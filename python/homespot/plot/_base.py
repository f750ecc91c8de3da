"""What pictures share: axes, points as large as they lie apart, the tissue's image, a scale bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.path import Path
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar  # type: ignore[import-untyped]
from scipy.spatial import cKDTree

from ..checks import within
from ..errors import InputError, expected
from ..keys import SPATIAL
from ..mapping import spot_coordinates

__all__ = [
    "GREY",
    "RASTERISE_FROM",
    "AxesLike",
    "Image",
    "colour_bar",
    "column",
    "diameter",
    "draw_points",
    "figure_axes",
    "frame",
    "positions",
    "spacing",
    "tissue_axes",
]

F64 = npt.NDArray[np.float64]
AxesLike: TypeAlias = Axes | Iterable[Axes]
Image: TypeAlias = ad.AnnData | bool

GREY = "#D9D9D9"
"""What has no value, no label, or no colour of its own."""

RASTERISE_FROM = 20_000
"""Points from which on a picture in PDF or SVG holds them as pixels."""

_RIM, _SEEN = 0.3, 0.6  # points (1/72 inch): line round a circle, and the least diameter


def positions(adata: ad.AnnData) -> F64:
    """Return x and y of every row; of three dimensions the first two."""
    if SPATIAL not in adata.obsm:
        raise InputError(
            expected('data with obsm["spatial"]', "none", "Use place_cells() to give cells coordinates.")
        )
    if adata.n_obs == 0:
        raise InputError(expected("data with at least one row", "none", "There is nothing to draw."))
    found = spot_coordinates(adata.obsm[SPATIAL], adata.n_obs, "row")
    return np.asarray(found)[:, :2]


def column(adata: ad.AnnData, name: str, remedy: str = "Name one of obs' columns.") -> Any:
    """Return a column of obs."""
    if name not in adata.obs:
        raise InputError(expected(f"a column {name!r} in obs", "none of this name", remedy))
    return adata.obs[name]


def figure_axes(ax: AxesLike | None, n: int, width: float, height: float) -> list[Axes]:
    """Return `n` Axes: those given, or those of a new figure, each so wide and high (inches)."""
    if ax is None:
        columns = min(n, 4 if n > 6 else 3)
        rows = -(-n // columns)
        figure, grid = plt.subplots(
            rows, columns, figsize=(columns * width, rows * height), squeeze=False, layout="compressed"
        )
        for unused in grid.ravel()[n:]:
            figure.delaxes(unused)
        return list(grid.ravel()[:n])
    listed = [ax] if isinstance(ax, Axes) else list(np.ravel(np.asarray(ax, dtype=object)))
    if len(listed) != n or not all(isinstance(one, Axes) for one in listed):
        raise InputError(
            expected(
                f"{n} Axes as ax", f"{len(listed)} object(s)", "Pass as many as panels, or leave it out."
            )
        )
    return listed


def tissue_axes(
    ax: AxesLike | None, n: int, xy: F64, *, below: float = 0.0, entries: Sequence[tuple[str, str]] = ()
) -> list[Axes]:
    """Return `n` Axes; new ones have the shape of the tissue.

    They leave `below` inches for a title and a colour bar, or room for a legend with these `entries` beside.
    """
    span = np.ptp(xy, axis=0) if len(xy) else np.ones(2)
    ratio = float(np.clip(span[1] / span[0], 0.4, 1.6)) if span[0] > 0 else 1.6
    width = {1: 5.0, 2: 4.2}.get(n, 3.0)
    longest = max((len(text) for text, _ in entries), default=-5)
    height = max(width * ratio + 0.4 + below, 0.25 * len(entries) + 0.3)
    return figure_axes(ax, n, width + 0.08 * (longest + 5), height)


def spacing(xy: F64) -> float:
    """Return how far points lie apart: the pitch of a grid, or 1 / sqrt(density) of scattered points.

    On a grid all have their nearest neighbour at one distance. Of points scattered at random the sixth lies
    at 1.4 times the distance that they would have on a grid as dense.
    """
    places = np.unique(xy, axis=0)
    if len(places) < 2:
        return 1.0
    k = min(6, len(places) - 1)
    sample = places[:: max(1, len(places) // 5000)]
    distances = np.asarray(cKDTree(places).query(sample, k + 1)[0])
    low, nearest = (float(np.quantile(distances[:, 1], share)) for share in (0.1, 0.5))
    return float(nearest if k < 6 or low > 0.8 * nearest else 0.7 * np.median(distances[:, 6]))


def diameter(ax: Axes, size: float | None, xy: F64, *, image: Image, own: ad.AnnData | None) -> float:
    """Return the diameter of a point in the unit of the coordinates.

    None is a little less than points lie apart, and less over an image, of which much is to be seen; at least
    what can be seen in the Axes as they are.
    """
    if size is None:
        share = 0.9 if find_image(image, own) is None else 0.6
        return max(share * spacing(xy), _SEEN * _per_point(ax, xy))
    within("size", size, 0, open_low=True)
    return float(size)


def draw_points(ax: Axes, xy: F64, size: float | F64, **colours: Any) -> EllipseCollection:
    """Draw circles of the diameter `size`, in the unit of the coordinates: they grow with the picture.

    Many are drawn as octagons without a rim, which takes a quarter of the time.
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
    """Return how much of the coordinates one point (1/72 inch) of the Axes is."""
    box = ax.get_window_extent()
    points = np.array([box.width, box.height]) * 72 / ax.figure.dpi
    return float((np.ptp(xy, axis=0) / points).max())


def colour_bar(ax: Axes, drawn: Any, name: str, extend: str = "neither") -> None:
    """Put a colour bar below the tissue, which keeps its place."""
    ax.figure.colorbar(
        drawn,
        ax=ax,
        label=name,
        extend=extend,
        shrink=0.7,
        aspect=30,
        orientation="horizontal",
        pad=0.03,
        panchor=False,
    )


def frame(
    ax: Axes, xy: F64, size: float, *, unit: str | None, image: Image, own: ad.AnnData | None = None
) -> None:
    """Give the tissue equal axes without ticks, its image, and a scale bar where the unit is known."""
    picture = find_image(image, own)
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = float((high - low).max()) or 1.0
    pad = size / 2 + 0.02 * span
    low, high = low - pad, high + pad
    bar = 22 * _per_point(ax, xy) if unit is not None else 0.0
    if picture is None:
        ax.update_datalim([[low[0], low[1] - bar], high])
        ax.autoscale_view()
        ax.margins(0)
    else:
        _draw_image(ax, picture)
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(high[1] + bar, low[1])
    ax.set_aspect("equal", anchor="N")
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    if unit is not None:
        _scale_bar(ax, float(high[0] - low[0]), span, unit, framed=picture is not None)


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


def find_image(image: Image, own: ad.AnnData | None) -> ad.AnnData | None:
    """Return the object whose tissue image is to be drawn, or None where there is none."""
    if isinstance(image, ad.AnnData):
        if _library(image) is None:
            raise InputError(
                expected(
                    'data with the image of one library in uns["spatial"]',
                    "none, or several",
                    "Take the spots of one library with their own image, or pass image=False.",
                )
            )
        return image
    return own if image and own is not None and _library(own) is not None else None


def _library(adata: ad.AnnData) -> Mapping[str, Any] | None:
    """Return the one library with an image, as scanpy and squidpy keep it; of several none is taken."""
    libraries = adata.uns.get(SPATIAL)
    listed = list(libraries.values()) if isinstance(libraries, Mapping) else []
    if len(listed) != 1 or not isinstance(listed[0], Mapping):
        return None
    library: Mapping[str, Any] = listed[0]
    return library if {"hires", "lowres"} & set(library.get("images", {})) else None


def _draw_image(ax: Axes, adata: ad.AnnData) -> None:
    library = _library(adata)
    assert library is not None
    name = "hires" if "hires" in library["images"] else "lowres"
    factor = library.get("scalefactors", {}).get(f"tissue_{name}_scalef")
    if factor is None:
        raise InputError(
            expected(
                f'the scale of the tissue image in scalefactors["tissue_{name}_scalef"]',
                "none",
                "Add it, or pass image=False.",
            )
        )
    pixels = np.asarray(library["images"][name])
    height, width = pixels.shape[:2]
    left, right, bottom, top = (edge / float(factor) for edge in (-0.5, width - 0.5, height - 0.5, -0.5))
    ax.imshow(pixels, cmap="gray", extent=(left, right, bottom, top), origin="upper", zorder=-1)
