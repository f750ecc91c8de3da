"""Plots of how far a map can be trusted, and of which types share places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from scipy.stats import binomtest

from ..common.checks import name as check_name
from ..common.checks import table as check_table
from ..errors import InputError, expected, some
from ._base import GREY, figure_axes
from ._palette import PALETTE

__all__ = ["calibration", "colocation"]

_MOST_NUMBERS = 12
_MOST_NAMES = 60


def calibration(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of cells that lie within their stated radius, against the share that should.

    Points on the diagonal show correct radii; below it radii are too small (too confident), above it too
    large. Bars are 95 % intervals (Wilson) of the shares.

    Parameters
    ----------
    table
        One row per level: ``level``, the share of cells that should lie within their radius; ``share``, the
        share of cells that do (both from 0 to 1); and ``cells``, the number of cells.
    ax
        Axes to draw into; None makes a figure.
    """
    check_table(table, ("level", "share", "cells"), "Pass the table of a calibration.")
    table = table[table["cells"] > 0].sort_values("level")
    if table.empty:
        raise InputError(
            expected(
                "a calibration of at least one cell", "none in any row", "Count all cells: confident=False."
            )
        )
    level, share = (table[name].to_numpy(dtype=np.float64) for name in ("level", "share"))
    if not (((level >= 0) & (level <= 1)).all() and ((share >= 0) & (share <= 1)).all()):
        raise InputError(expected("levels and shares from 0 to 1", "others", "Divide percentages by 100."))
    n_cells = table["cells"].to_numpy(dtype=int)
    bounds = np.array(
        [
            binomtest(round(part * n), n).proportion_ci(method="wilson")
            for part, n in zip(share, n_cells, strict=True)
        ]
    )
    [ax] = figure_axes(ax, 1, 4.4, 4.4)
    ax.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    away = np.maximum(np.abs(bounds.T - share), 0)
    ax.errorbar(level, share, yerr=away, color=PALETTE[0], marker="o", markersize=4, capsize=2)
    ax.text(0.04, 0.96, "radii too large", color="#666666", va="top", fontsize="small")
    ax.text(0.96, 0.04, "radii too small", color="#666666", ha="right", fontsize="small")
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set_xlabel("share that should lie within the radius")
    ax.set_ylabel("share of cells that do")
    return ax


def colocation(matrix: pd.DataFrame, *, name: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a table of types x types as a heat map.

    Correlations (1 on the diagonal, nothing outside [-1, 1]), as `colocate_types` returns them, get a
    diverging palette about 0, from -1 to 1; distances, as `type_distances` returns them, a sequential one.
    For up to 12 types the numbers are written into the fields. Missing values are grey.

    Parameters
    ----------
    matrix
        Types x types, the same names in the same order on both sides.
    name
        Name of the numbers, written beside the colour bar. None: the correlation or the distance.
    ax
        Axes to draw into; None makes a figure.
    """
    if not isinstance(matrix, pd.DataFrame) or not matrix.index.equals(matrix.columns) or matrix.empty:
        raise InputError(
            expected(
                "a table with the same types as rows and columns",
                f"rows {some(matrix.index)} and columns {some(matrix.columns)}"
                if isinstance(matrix, pd.DataFrame) and not matrix.empty
                else "none",
                "Pass what colocate_types() or type_distances() returned.",
            )
        )
    if name is not None:
        check_name("name", name)
    values = matrix.to_numpy(dtype=np.float64)
    own = np.diag(values)[~np.isnan(np.diag(values))]
    finite = values[~np.isnan(values)]
    signed = bool(np.allclose(own, 1, atol=1e-3) and (np.abs(finite) <= 1 + 1e-6).all())
    n = len(matrix)
    side = float(np.clip(0.45 * n + 1.6, 3.6, 9))
    [ax] = figure_axes(ax, 1, side + 0.8, side)
    drawn = ax.imshow(
        np.ma.masked_invalid(values),
        cmap=colormaps["RdBu_r" if signed else "viridis_r"].with_extremes(bad=GREY),
        vmin=-1 if signed else None,
        vmax=1 if signed else None,
        aspect="equal",
    )
    if n <= _MOST_NAMES:
        names = [str(one) for one in matrix.index]
        ax.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(n), names)
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    if n <= _MOST_NUMBERS:
        _write_numbers(ax, drawn, values, signed=signed)
    default = "correlation of proportions" if signed else "expected distance"
    ax.figure.colorbar(drawn, ax=ax, label=default if name is None else name, shrink=0.7)
    return ax


def _write_numbers(ax: Axes, drawn: AxesImage, values: npt.NDArray[np.float64], *, signed: bool) -> None:
    """Write each number into its field, in white on dark fields."""
    largest = np.nanmax(np.abs(values), initial=0)
    decimals = 2 if signed or largest == 0 else int(np.clip(2 - np.floor(np.log10(largest)), 0, 6))
    for i, j in np.argwhere(np.isfinite(values)):
        red, green, blue, _ = drawn.cmap(drawn.norm(values[i, j]))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        ax.text(
            j,
            i,
            f"{values[i, j]:.{decimals}f}",
            ha="center",
            va="center",
            fontsize="x-small",
            color="white" if dark else "black",
        )
