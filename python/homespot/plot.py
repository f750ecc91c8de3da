"""Pictures, in matplotlib; what fits into one Axes is drawn into it and returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import numpy.typing as npt

from .errors import DependencyError, InputError, expected
from .keys import HOMESPOT, SPATIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "cells", "losses", "spots"]

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""

_RASTERISE_FROM = 20_000
_STATES = ("entropy", "validation")  # curves of states: the first is that before the first epoch


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise DependencyError(
            expected("matplotlib", "that it is not installed", "pip install 'homespot[plot]'")
        ) from error
    return plt


def _axes(ax: Axes | None) -> Axes:
    axes: Axes = _pyplot().gca() if ax is None else ax
    return axes


def _tissue(ax: Axes, xy: npt.NDArray[np.float64], unit: str | None) -> None:
    """Equal axes without ticks, and a scale bar of a round length where the unit is known."""
    ax.set_aspect("equal", anchor="N")
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    if unit is None:
        return
    width = float(np.ptp(xy[:, 0]))
    magnitude = 10 ** np.floor(np.log10(width / 3))
    length = max(step * magnitude for step in (1, 2, 5) if step * magnitude <= width / 3)
    left, bottom = xy[:, 0].max() - length, xy[:, 1].min() - 0.06 * np.ptp(xy[:, 1])
    ax.plot([left, left + length], [bottom, bottom], color="black", linewidth=2, solid_capstyle="butt")
    ax.text(
        left + length / 2,
        bottom,
        f"{length:g} {unit}",
        ha="center",
        va="top",
        fontsize="small",
        linespacing=2,
    )


def _positions(adata: ad.AnnData) -> npt.NDArray[np.float64]:
    if SPATIAL not in adata.obsm:
        raise InputError(
            expected('data with obsm["spatial"]', "none", "Use place_cells() to give cells coordinates.")
        )
    return np.asarray(adata.obsm[SPATIAL], dtype=np.float64)[:, :2]


def cells(
    placed: ad.AnnData, label: str, *, unit: str | None = None, ax: Axes | None = None, size: float = 6.0
) -> Axes:
    """Draw placed cells, coloured by a label.

    Parameters
    ----------
    placed
        Cells with ``obsm["spatial"]``, as `place_cells` returns them.
    label
        Column of obs with the label, e.g. the cell type.
    unit
        Unit of the coordinates, for the scale bar; None draws none.
    ax
        Where to draw; None is the current Axes.
    size
        Size of a point.
    """
    ax = _axes(ax)
    if label not in placed.obs:
        raise InputError(
            expected(f"a column {label!r} in obs", "none of this name", "Name one of obs' columns.")
        )
    xy = _positions(placed)
    labels = placed.obs[label].astype(str).to_numpy()
    kinds = list(
        dict.fromkeys(
            placed.obs[label].cat.categories if hasattr(placed.obs[label], "cat") else sorted(set(labels))
        )
    )
    # A cell drawn late hides others: draw them in one shuffled order, not type by type.
    order = np.random.default_rng(0).permutation(len(xy))
    colour = {kind: PALETTE[i % len(PALETTE)] for i, kind in enumerate(kinds)}
    ax.scatter(
        xy[order, 0],
        xy[order, 1],
        c=[colour[kind] for kind in labels[order]],
        s=size,
        linewidths=0,
        rasterized=len(xy) >= _RASTERISE_FROM,
    )
    for kind in kinds:
        ax.scatter([], [], c=colour[kind], s=30, label=kind)
    _tissue(ax, xy, unit)
    return ax


def spots(
    st: ad.AnnData,
    values: npt.NDArray[np.floating[Any]],
    *,
    name: str,
    unit: str | None = None,
    ax: Axes | None = None,
    size: float = 14.0,
) -> Axes:
    """Draw a value of every spot over the tissue.

    Parameters
    ----------
    st
        Spots with ``obsm["spatial"]``.
    values
        One number a spot, e.g. a gene's expression.
    name
        What it is; stands beside the colour bar.
    unit, ax
        As for `cells`.
    size
        Size of a point.
    """
    ax = _axes(ax)
    xy = _positions(st)
    drawn = ax.scatter(
        xy[:, 0],
        xy[:, 1],
        c=np.asarray(values),
        s=size,
        linewidths=0,
        cmap="viridis",
        rasterized=len(xy) >= _RASTERISE_FROM,
    )
    ax.figure.colorbar(drawn, ax=ax, label=name, shrink=0.6, orientation="horizontal", pad=0.08)
    _tissue(ax, xy, unit)
    return ax


def losses(mapping: ad.AnnData) -> Figure:
    """Draw the curve of every term of a trained map, one panel a term.

    Values are those before the weights. A dashed line marks the epoch that was kept, where genes held out
    decided it; the pretraining has epochs of its own.

    Parameters
    ----------
    mapping
        A map by a method that trains, such as ``"come"``.
    """
    record = mapping.uns.get(HOMESPOT, {})
    ending = record.get("solver", {})
    curves = ending.get("losses", {})
    if not curves:
        raise InputError(
            expected(
                "a map with the losses of a training",
                f"one by method {record.get('method')!r} without",
                'Use a map by map_cells(method="come").',
            )
        )
    width = min(len(curves), 3)
    height = -(-len(curves) // width)
    figure, grid = _pyplot().subplots(
        height, width, figsize=(3.2 * width, 2.4 * height), squeeze=False, layout="constrained"
    )
    axes = grid.ravel()
    order = sorted(curves, key=lambda name: (name != "pretraining", name in _STATES, name))
    for ax, name in zip(axes, order, strict=False):
        first = 0 if name in _STATES else 1
        ax.plot(np.arange(first, first + len(curves[name])), curves[name], color=PALETTE[0])
        ax.set_title(name.replace("_", " "), fontsize="medium")
        ax.set_xlabel("epoch of pretraining" if name == "pretraining" else "epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if "validation" in curves and name != "pretraining":
            ax.axvline(ending["best_epoch"], color="grey", linestyle="--", linewidth=1)
    for ax in axes[len(curves) :]:
        ax.set_visible(False)
    drawn: Figure = figure
    return drawn
