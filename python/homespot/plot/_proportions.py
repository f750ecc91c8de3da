"""Cell types per spot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ..checks import one_of
from ..errors import InputError, expected
from ..mapping import check_adata
from ..matrices import is_sparse
from ._base import (
    F64,
    GREY,
    RASTERISE_FROM,
    AxesLike,
    Image,
    diameter,
    frame,
    positions,
    tissue_axes,
)
from ._cells import draw_legend
from ._palette import legend_entries, type_colours
from ._spots import draw_values

__all__ = ["proportions"]

_MOST_PIES = 20_000
_ARC = 25  # corners on the arc of a slice
_LEAST = 1e-4  # smaller slices cannot be seen


def proportions(
    types: ad.AnnData,
    kind: Literal["pies", "panels"] = "pies",
    *,
    unit: str | None = None,
    size: float | None = None,
    image: Image = True,
    colours: Mapping[str, str] | None = None,
    legend: bool | None = None,
    ax: AxesLike | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw the proportions of the cell types at every spot.

    Parameters
    ----------
    types
        What `deconvolve_spots` returned, spots x types, with ``obsm["spatial"]``. Of some types only, e.g.
        ``types[:, ["A", "B"]]``, the rest of each pie is grey. Spots without proportions are left out of
        the pies and grey in the panels.
    kind
        ``"pies"``: every spot a pie, in one Axes, up to 20,000 spots. ``"panels"``: every type a panel, each
        with its own colour scale from 0.
    unit, image, colours, legend
        As for `cells`; colours and legend are those of the pies.
    size
        Diameter of a pie or a point, in the unit of the coordinates; None: as spots lie apart.
    ax
        Where to draw, for panels one Axes a type; None makes a figure.

    Returns
    -------
    The Axes; for panels an array of them.
    """
    one_of("kind", kind, ("pies", "panels"))
    check_adata(types, "types")
    xy = positions(types)
    shares = np.asarray(types.X.toarray() if is_sparse(types.X) else types.X, dtype=np.float64)
    wrong = (shares < 0).any(axis=1) | (np.nansum(shares, axis=1) > 1 + 1e-3)
    if wrong.any():
        raise InputError(
            expected(
                "proportions of at least 0 that sum to at most 1",
                f"{wrong.sum()} spot(s) where they do not",
                "Pass what deconvolve_spots() returned.",
            )
        )
    names = [str(name) for name in types.var_names]
    if kind == "panels":
        axes = tissue_axes(ax, len(names), xy, below=0.9)
        for one, name, values in zip(axes, names, shares.T, strict=True):
            draw_values(one, xy, values, "proportion", unit=unit, size=size, image=image, own=types, low=0.0)
            one.set_title(name, fontsize="medium")
        return np.array(axes, dtype=object)
    if len(xy) > _MOST_PIES:
        raise InputError(
            expected(f"at most {_MOST_PIES:,} spots for pies", f"{len(xy):,}", 'Draw kind="panels".')
        )
    filled = np.isfinite(shares).all(axis=1)
    chosen = type_colours(names, shares[filled].sum(axis=0), colours)
    entries = legend_entries(chosen)
    rest = np.clip(1 - shares[filled].sum(axis=1), 0, 1)
    if (rest > 1e-3).any():
        entries.append(("rest", GREY))
    legend = ax is None if legend is None else legend
    [axis] = tissue_axes(ax, 1, xy, entries=entries if legend else ())
    size = diameter(axis, size, xy, image=image, own=types)
    _draw_pies(axis, xy[filled], np.column_stack([shares[filled], rest]), [*chosen.values(), GREY], size / 2)
    frame(axis, xy, size, unit=unit, image=image, own=types)
    draw_legend(axis, entries, legend=legend)
    return axis


def _draw_pies(ax: Axes, xy: F64, shares: F64, colours: list[str], radius: float) -> None:
    """Draw all slices of one type at once; slices run clockwise from the top, types in their order."""
    ends = 2 * np.pi * np.cumsum(shares, axis=1)
    starts = ends - 2 * np.pi * shares
    n_slices = int((shares > _LEAST).sum())
    for j, colour in enumerate(colours):
        shown = shares[:, j] > _LEAST
        angle = np.linspace(starts[shown, j], ends[shown, j], _ARC, axis=1)
        arc = np.stack([np.sin(angle), np.cos(angle)], axis=2)
        corners = np.concatenate([np.zeros((len(arc), 1, 2)), arc], axis=1) * radius + xy[shown][:, None]
        ax.add_collection(
            PolyCollection(
                corners,  # type: ignore[arg-type]  # an array: four times as fast as a list
                facecolors=colour,
                edgecolors="face",
                linewidths=0.1,
                rasterized=n_slices >= RASTERISE_FROM,
            )
        )
