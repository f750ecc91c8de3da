"""Plots of a run: losses of a training, errors of the marginals, agreement of two halves of the genes."""

from __future__ import annotations

from collections.abc import Mapping

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from ..common.checks import as_array
from ..common.ending import MARGINAL_ERROR, ending_of
from ..common.keys import HOMESPOT
from ..common.wording import argument
from ..errors import InputError, expected
from ..mapping.checked import CheckedMap
from ._base import figure_axes
from ._palette import PALETTE

__all__ = ["agreement", "losses", "marginals"]


def losses(mapping: ad.AnnData) -> Figure:
    """Draw the curve of every term of a trained map, one panel per term.

    Values are not multiplied by the weights. A dashed line marks the epoch that was kept, if held-out genes
    decided it; the pretraining has its own epochs.

    Parameters
    ----------
    mapping
        A map by a method that trains, such as ``"come"``.
    """
    record = CheckedMap(mapping, empty=True).mapping.uns[HOMESPOT]
    ending = ending_of(record)
    curves = {name: curve for name, curve in ending.curves.items() if name != MARGINAL_ERROR}
    if not curves:
        found = f"one by method {record.get('method')!r} without", 'Use a map by map_cells(method="come").'
        if "parts" in record:
            found = "one of several parts, each of which has its own", "Draw those of a map of one part."
        raise InputError(expected("a map with the losses of a training", *found))
    width = min(len(curves), 3)
    height = -(-len(curves) // width)
    figure, grid = plt.subplots(
        height, width, figsize=(3.2 * width, 2.4 * height), squeeze=False, layout="constrained"
    )
    axes = grid.ravel()
    for ax, (name, curve) in zip(axes, curves.items(), strict=False):
        alone = "o" if len(curve.values) == 1 else None
        ax.plot(curve.steps, curve.values, color=PALETTE[0], marker=alone)
        ax.set_title(name.replace("_", " "), fontsize="medium")
        ax.set_xlabel(curve.axis)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if ending.kept is not None and name != "pretraining":
            ax.axvline(ending.kept, color="grey", linestyle="--", linewidth=1)
    for ax in axes[len(curves) :]:
        ax.set_visible(False)
    drawn: Figure = figure
    return drawn


def marginals(mapping: ad.AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw the error of the marginals at every check, on a logarithmic scale.

    The error is the L1 distance between the mass at the spots and the mass that the solver aims at, given the
    relaxation; a dashed line marks the tolerance. The title says how the run ended, with the L1 distance of
    the plan from both marginals; for a relaxed marginal this distance is intended, not an error.

    Parameters
    ----------
    mapping
        A map by a method that transports, such as ``"ssa"``.
    ax
        Axes to draw into; None makes a figure.
    """
    record = CheckedMap(mapping, empty=True).mapping.uns[HOMESPOT]
    ending = ending_of(record)
    if MARGINAL_ERROR not in ending.curves:
        raise InputError(
            expected(
                "a map with the errors of a solver",
                f"one by method {record.get('method')!r} without",
                'Use a map by map_cells(method="ssa").',
            )
        )
    [ax] = figure_axes(ax, 1, 5.0, 3.6)
    curve = ending.curves[MARGINAL_ERROR]
    ax.plot(
        curve.steps,
        np.where(curve.values > 0, curve.values, np.nan),
        color=PALETTE[0],
        marker="o" if len(curve.values) <= 50 else None,
        markersize=3,
    )
    ax.set_yscale("log")
    tolerance = record.get("parameters", {}).get("tolerance")
    if tolerance is not None:
        ax.axhline(float(tolerance), color="grey", linestyle="--", linewidth=1, label="tolerance")
        ax.legend(frameon=False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(curve.axis)
    ax.set_ylabel("L1 error of the spots' mass")
    relaxed = float(record.get("parameters", {}).get("relax_spots", 1)) > 0  # correlation: wholly
    ax.set_title(
        ending.sentence.replace(": ", ":\n", 1) + ("\nThe spots' marginal is relaxed." if relaxed else ""),
        fontsize="medium",
    )
    return ax


def agreement(mapping: ad.AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw how well two halves of the genes agree on the places of cells, at every power of the rows of P.

    The agreement is the mean logarithm of how much more often than by chance the two halves read a cell at
    the same place. A reading that is too soft or too sharp has less. A dashed line marks the power where it
    is highest, ``homespot_sharpness``. Sections that were mapped one by one have a curve each.

    Parameters
    ----------
    mapping
        A map whose genes have weights, as by the defaults where the spots have coordinates. Of ``"come"`` it
        has the curve of the correlation from which the map starts, at the powers that give the rows of both
        maps the same entropy.
    ax
        Axes to draw into; None makes a figure.
    """
    record = CheckedMap(mapping, empty=True).mapping.uns[HOMESPOT]
    parts = record.get("parts", {"": record})
    found = {str(part.get("section", name)): part.get("sharpness") for name, part in parts.items()}
    known = {name: sharpness for name, sharpness in found.items() if _is_curve(sharpness)}
    if not known:
        raise InputError(
            expected(
                "a map with the agreement of two halves of the genes",
                f"one by method {record.get('method')!r} without",
                f"Map with {argument('gene_weights', 'spatial')} onto spots with coordinates.",
            )
        )
    [ax] = figure_axes(ax, 1, 5.0, 3.6)
    for i, (name, sharpness) in enumerate(known.items()):
        colour = PALETTE[i % len(PALETTE)]
        ax.plot(
            sharpness["powers"], sharpness["agreement"], color=colour, marker="o", markersize=3, label=name
        )
        ax.axvline(float(sharpness["power"]), color=colour, linestyle="--", linewidth=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([0.2, 0.5, 1, 2, 4]))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("power of the rows of P")
    ax.set_ylabel("agreement of two halves of the genes\n(mean log of the ratio to chance)")
    if len(known) > 1:
        ax.legend(frameon=False)
    else:
        ax.set_title(f"Most agreement at a power of {float(sharpness['power']):.2f}", fontsize="medium")
    return ax


def _is_curve(sharpness: object) -> bool:
    """Whether the record of a map tells of an agreement at several powers."""
    if not isinstance(sharpness, Mapping) or not {"power", "powers", "agreement"} <= set(sharpness):
        return False
    powers, curve = (as_array(sharpness[name]) for name in ("powers", "agreement"))
    return powers.ndim == 1 and powers.shape == curve.shape and powers.dtype.kind == curve.dtype.kind == "f"
