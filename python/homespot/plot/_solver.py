"""Plots of a run's course: losses of a training, errors of the marginals."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..common.ending import MARGINAL_ERROR, ending_of
from ..common.keys import HOMESPOT
from ..errors import InputError, expected
from ..mapping.checked import CheckedMap
from ._base import figure_axes
from ._palette import PALETTE

__all__ = ["losses", "marginals"]


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
