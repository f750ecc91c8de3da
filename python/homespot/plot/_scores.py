"""Plots of the scores of methods, gene by gene."""

from __future__ import annotations

from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..common.checks import one_of
from ..errors import InputError, expected, some
from ..evaluate.compare import compare, scores_by_method
from ..expression.metrics import METRICS
from ._base import RASTERISE_FROM, figure_axes
from ._palette import PALETTE

__all__ = ["scores"]


def scores(
    table: pd.DataFrame,
    metric: str = "pcc",
    *,
    reference: str | None = None,
    kind: Literal["box", "violin"] = "box",
    ax: Axes | None = None,
) -> Axes:
    """Draw the scores of the genes, with methods side by side and one point per gene.

    The p-value of `compare` is written above each of the other methods: the probability that the reference
    would be better by at least this much, gene by gene, if both methods were equally good.

    Parameters
    ----------
    table
        Table of `cross_validate`: columns gene, method and the metric.
    metric
        The score that is drawn; see `compare`.
    reference
        The method that is compared with the others; None: the first in the table.
    kind
        Boxes (quartiles, whiskers to 1.5 times their distance) or violins (Gaussian kernel density).
    ax
        Axes to draw into; None makes a figure.
    """
    one_of("kind", kind, ("box", "violin"))
    wide = scores_by_method(table, metric)
    methods = list(wide.columns)
    reference = methods[0] if reference is None else reference
    tested = compare(table, metric, reference)
    columns = [wide[method].dropna().to_numpy() for method in methods]
    empty = [method for method, values in zip(methods, columns, strict=True) if len(values) == 0]
    if empty:
        raise InputError(
            expected(f"scores of every method in {metric}", f"none of {some(empty)}", "Leave it out.")
        )
    [ax] = figure_axes(ax, 1, max(3.2, 1.2 * len(methods) + 1), 4.2)
    at = np.arange(len(methods))
    colours = [PALETTE[i % len(PALETTE)] for i in at]
    if kind == "box":
        drawn = ax.boxplot(
            columns,
            positions=at,
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            medianprops={"color": "black", "linewidth": 1.5},
        )
        bodies = drawn["boxes"]
    else:
        bodies = ax.violinplot(columns, at, widths=0.8, showextrema=False)["bodies"]
        medians = [np.median(values) for values in columns]
        ax.hlines(medians, at - 0.2, at + 0.2, color="black", linewidth=1.5, zorder=3)
    rng = np.random.default_rng(0)
    for i, (body, colour, values) in enumerate(zip(bodies, colours, columns, strict=True)):
        body.set(facecolor=colour, alpha=0.35, edgecolor=colour)
        ax.scatter(
            i + rng.uniform(-0.18, 0.18, len(values)),
            values,
            s=float(np.clip(2000 / len(values), 1, 9)),
            color=colour,
            alpha=0.7,
            linewidths=0,
            zorder=2.5,
            rasterized=len(values) * len(methods) >= RASTERISE_FROM,
        )
    ax.set_xticks(at, methods)
    if max(map(len, methods)) > 12:
        plt.setp(ax.get_xticklabels(), rotation=30, ha="right", rotation_mode="anchor")
    shown = METRICS[metric]
    ax.set_ylabel(f"{shown.label} ({'higher' if shown.higher_is_better else 'lower'} is better)")
    ax.set_xlim(-0.6, len(methods) - 0.4)
    if len(methods) > 1:
        _annotate(ax, methods, reference, tested)
    return ax


def _annotate(ax: Axes, methods: list[str], reference: str, tested: pd.DataFrame) -> None:
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.1 * (high - low))
    for i, method in enumerate(methods):
        text = "reference" if method == reference else _p_text(float(tested["p"][method]))
        ax.text(i, 0.98, text, transform=ax.get_xaxis_transform(), ha="center", va="top", fontsize="small")
    ax.set_xlabel(
        f"p: {reference} is better, gene by gene\n(one-sided paired Wilcoxon test)", fontsize="small"
    )


def _p_text(p: float) -> str:
    if np.isnan(p):
        return "no difference"
    return f"p = {p:.2g}" if p >= 1e-300 else "p < 1e-300"
