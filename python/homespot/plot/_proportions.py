"""Plots of the cell types per spot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ..common.checks import one_of
from ..errors import InputError, expected
from ..matrix.sums import is_sparse
from ..objects.access import check_adata
from ._base import (
    GREY,
    RASTERISE_FROM,
    AxesLike,
    check_look,
    diameter,
    frame,
    name_panel,
    one_or_all,
    tissue_axes,
)
from ._cells import draw_legend, with_legend
from ._palette import legend_entries, type_colours
from ._spots import draw_values
from .panels import F64, Image, drawn_rows, panels

__all__ = ["proportions"]

_MOST_PIES = 20_000
_ARC = 25  # number of corners on the arc of a slice
_LEAST = 1e-4  # smaller slices are invisible


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
        A result of `deconvolve_spots`, spots x types, with ``obsm["spatial"]``. With only some of the types,
        e.g. ``types[:, ["A", "B"]]``, the rest of each pie is grey. Spots without proportions have no pie,
        and are grey in the panels.
    kind
        ``"pies"``: one pie per spot, in one Axes per section, for up to 20,000 spots. ``"panels"``: one panel
        per type (and section); each type has its own colour scale from 0.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    size
        Diameter of a pie or a point, in the unit of the coordinates; None: from the distance between spots.
    image
        Tissue image to draw underneath; see `cells`.
    colours
        Colour of every type in the pies; see `cells`.
    legend
        Whether to draw a legend beside the pies; see `cells`.
    ax
        Axes to draw into: one for pies, and one per type for panels, in each section; None makes a figure.

    Returns
    -------
    For pies, the Axes or, with several sections, an array of Axes in the order of the sections' names. For
    panels, an array of Axes, types or types x sections.
    """
    one_of("kind", kind, ("pies", "panels"))
    check_adata(types, "types")
    check_look(unit, size)
    sections = panels(types, image)
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
        axes = tissue_axes(ax, sections, values=len(names), below=0.9)
        for listed, name, values in zip(axes, names, shares.T, strict=True):
            draw_values(listed, sections, values, "proportion", unit=unit, size=size, low=0.0)
            for one, panel in zip(listed, sections, strict=True):
                name_panel(one, panel, name)
        every = [one for listed in axes for one in listed] if len(sections) == 1 else axes
        return np.array(every, dtype=object)
    rows = drawn_rows(sections)
    if len(rows) > _MOST_PIES:
        raise InputError(
            expected(f"at most {_MOST_PIES:,} spots for pies", f"{len(rows):,}", 'Draw kind="panels".')
        )
    rows = rows[np.isfinite(shares[rows]).all(axis=1)]
    filled = np.zeros(len(shares), dtype=bool)
    filled[rows] = True
    chosen = type_colours(names, shares[rows].sum(axis=0), colours)
    entries = legend_entries(chosen)
    rest = np.clip(1 - shares.sum(axis=1), 0, 1)
    if (rest[rows] > 1e-3).any():
        entries.append(("rest", GREY))
    slices = np.column_stack([shares, rest])
    legend = with_legend(legend, ax)
    [axes_of] = tissue_axes(ax, sections, entries=entries if legend else ())
    for one, panel in zip(axes_of, sections, strict=True):
        wide = diameter(one, size, panel)
        drawn = filled[panel.rows]
        _draw_pies(
            one,
            panel.xy[drawn],
            slices[panel.rows[drawn]],
            [*chosen.values(), GREY],
            wide / 2,
            down=panel.down,
        )
        frame(one, panel, wide, unit)
    draw_legend(axes_of, entries, legend=legend, made=ax is None)
    return one_or_all(axes_of)


def _draw_pies(ax: Axes, xy: F64, shares: F64, colours: list[str], radius: float, *, down: bool) -> None:
    """Draw all slices of one type at once; slices follow the order of types, clockwise from the top."""
    ends = 2 * np.pi * np.cumsum(shares, axis=1)
    starts = ends - 2 * np.pi * shares
    n_slices = int((shares > _LEAST).sum())
    for j, colour in enumerate(colours):
        shown = shares[:, j] > _LEAST
        angle = np.linspace(starts[shown, j], ends[shown, j], _ARC, axis=1)
        arc = np.stack([np.sin(angle), -np.cos(angle) if down else np.cos(angle)], axis=2)
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
