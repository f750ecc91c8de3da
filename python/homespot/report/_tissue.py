"""The interactive tissue: the columns that colour it, and the text about a spot."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ..mapping.coordinates import coordinates
from ..matrix.gather import Reducer, gather
from ..matrix.rows import RowBlock
from ..matrix.sums import is_sparse

if TYPE_CHECKING:
    from ..plot.panels import Panel

__all__ = [
    "CELLS_UP_TO",
    "MAP",
    "TYPES",
    "Column",
    "LikeliestCells",
    "column_limit",
    "likeliest_cells",
    "tissue",
]

TYPES, MAP = "Cell types", "The map"
"""Headings of the groups of columns."""

CELLS_UP_TO = 20_000
"""Up to how many spots the page knows the most probable cells of each, and a label shows all there is."""

_BYTES = 8_000_000  # of colours; a byte a spot and choice
_WEBGL_FROM = 5_000  # below, SVG is quick enough, and needs no graphics driver
_CELLS = 5
_MISSING = 255

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Column:
    """A column that can colour the tissue: `values`, one per spot, NaN if a spot has none.

    ``group`` is the heading under which it is chosen, ``unit`` stands with its name beside the colour bar,
    ``note`` below the choice.
    """

    group: str
    name: str
    unit: str
    values: Floats
    note: str = ""


def column_limit(n_spots: int) -> int:
    """Return how many columns the page has room for."""
    return max(_BYTES // max(n_spots, 1), 8)


class LikeliestCells(Reducer):
    """The `k` cells of largest P of every spot, the largest first.

    Entries of 0 come last; of equals, the first cell is taken.

    Attributes
    ----------
    best, value
        The cells, and their P: spots x k.
    """

    best: npt.NDArray[np.intp]
    value: Floats

    def __init__(self, k: int = _CELLS) -> None:
        self._k = k

    def start(self, matrix: Any) -> None:
        """Start without any cell."""
        self.best = np.zeros((matrix.shape[1], 0), dtype=np.intp)
        self.value = np.zeros((matrix.shape[1], 0), dtype=np.float32)

    def add(self, block: RowBlock) -> None:
        """Update the most probable cells with the next rows."""
        rows = block.values
        # Sparse columns hold few of the block's cells, but which differs: as a dense block all go at once.
        p = np.ascontiguousarray((rows.toarray() if is_sparse(rows) else np.asarray(rows)).T)
        top = min(self._k, p.shape[1])
        here = np.argpartition(-p, top - 1, axis=1)[:, :top]
        value = np.hstack([self.value, np.take_along_axis(p, here, axis=1).astype(np.float32)])
        best = np.hstack([self.best, here + block.rows.start])
        order = np.lexsort((best, -value))[:, : self._k]
        self.best, self.value = (np.take_along_axis(x, order, axis=1) for x in (best, value))


def likeliest_cells(matrix: Any, k: int = _CELLS) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the `k` cells of largest P of every spot and their P: spots x k; see `LikeliestCells`."""
    found = LikeliestCells(k)
    gather(matrix, found)
    return found.best, found.value


def _packed(values: npt.NDArray[Any], dtype: str) -> str:
    """Return numbers as base64 of their little-endian bytes."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def _quantised(column: Column) -> dict[str, Any]:
    """Return a column as one byte per spot: 0 to 254 from the lowest to the highest value, 255 if missing."""
    values = np.asarray(column.values, dtype=np.float64)
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    steps = np.full(len(values), _MISSING, dtype=np.uint8)
    steps[known] = np.rint((values[known] - low) / (high - low or 1.0) * (_MISSING - 1))
    return {
        "group": column.group,
        "name": column.name,
        "unit": column.unit,
        "note": column.note,
        "low": low,
        "high": high,
        "values": _packed(steps, "u1"),
    }


def _pitch(where: npt.NDArray[np.float64]) -> float:
    """Return the typical distance between neighbouring spots; 0 if all spots coincide."""
    places = np.unique(where, axis=0)
    if len(places) < 2:
        return 0.0
    return float(np.median(np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]))


def _ratio(where: npt.NDArray[np.float64]) -> float:
    """Return the height of the tissue divided by its width, limited to what a page can show."""
    if where.shape[1] == 3:
        return 0.8
    width, height = np.ptp(where, axis=0)
    return float(np.clip(height / width, 0.3, 1.2)) if width > 0 else 1.2


def _figure(where: npt.NDArray[np.float64], unit: str | None, downwards: bool) -> dict[str, Any]:
    """Return plotly's description of the plot of a section, without the numbers."""
    go = import_module("plotly.graph_objects")
    marker = {
        "colorscale": "Viridis",
        "line": {"width": 0},
        "colorbar": {
            "orientation": "h",
            "y": 0,
            "yanchor": "top",
            "thickness": 12,
            "len": 0.9,
            "outlinewidth": 0,
            "title": {"side": "bottom"},
        },
    }
    layout: dict[str, Any] = {
        "showlegend": False,
        "margin": {"l": 8, "r": 8, "t": 32, "b": 72},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1a1a1a"},
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"size": 12, "color": "#1a1a1a"}},
        "dragmode": "pan",
    }
    if where.shape[1] == 3:
        kind, ring = go.Scatter3d, go.Scatter3d
        title = {"title": {"text": unit or ""}, "showbackground": False}
        y = {**title, "autorange": "reversed"} if downwards else title
        layout["scene"] = {"aspectmode": "data", "xaxis": title, "yaxis": y, "zaxis": title}
        layout["dragmode"] = "orbit"
        ring_marker: dict[str, Any] = {"symbol": "circle-open", "color": "#d55e00", "line": {"width": 3}}
    else:
        many = len(where) > _WEBGL_FROM
        kind, ring = (go.Scattergl, go.Scatter) if many else (go.Scatter, go.Scatter)
        hidden = {"visible": False, "zeroline": False}
        layout["xaxis"] = {**hidden, "constrain": "domain"}
        layout["yaxis"] = {**hidden, "constrain": "domain", "scaleanchor": "x", "scaleratio": 1}
        if downwards:
            layout["yaxis"]["autorange"] = "reversed"
        if unit is not None:
            layout |= _scale_bar(where, unit, downwards)
        ring_marker = {"symbol": "circle-open", "color": "#d55e00", "line": {"width": 3}}
    figure = go.Figure(
        [
            kind(mode="markers", marker=marker),
            ring(mode="markers", marker=ring_marker, hoverinfo="skip"),
        ],
        go.Layout(**layout, template="none"),
    )
    described: dict[str, Any] = json.loads(figure.to_json())
    return described


def _scale_bar(where: npt.NDArray[np.float64], unit: str, downwards: bool) -> dict[str, Any]:
    """Return a bar of a round length, at most a third of the tissue's width, below it on the right."""
    (left, low), (right, high) = where.min(axis=0)[:2], where.max(axis=0)[:2]
    third = (right - left) / 3
    if third <= 0:
        return {}
    magnitude = 10 ** np.floor(np.log10(third))
    length = float(max(step * magnitude for step in (1, 2, 5) if step * magnitude <= third))
    gap = 0.06 * (high - low or right - left)
    y = float(high + gap if downwards else low - gap)
    ends = {"x0": float(right - length), "x1": float(right), "y0": y, "y1": y}
    return {
        "shapes": [{"type": "line", **ends, "line": {"color": "#1a1a1a", "width": 3}}],
        "annotations": [
            {
                "x": float(right - length / 2),
                "y": y,
                "yshift": -12,
                "text": f"{length:g} {unit}".replace("&", "&amp;").replace("<", "&lt;"),
                "showarrow": False,
            }
        ],
    }


def tissue(
    mapping: ad.AnnData,
    columns: Sequence[Column],
    unit: str | None,
    sections: Sequence[Panel],
    expected: npt.NDArray[np.float64],
    likeliest: LikeliestCells | None,
) -> dict[str, Any]:
    """Return all that the page's script knows of the tissue.

    Parameters
    ----------
    mapping
        A mapping whose spots have coordinates.
    columns
        Columns by which the tissue can be coloured; those in the group `TYPES` are shares of cell types.
    unit
        Unit of the coordinates, for the scale bars; None draws none.
    sections
        The sections of the spots, as the plots have them; each is shown by itself.
    expected
        Expected number of cells of every spot.
    likeliest
        The most probable cells of every spot, or None where there are too many spots to tell.
    """
    where = coordinates(mapping)
    of_spots = np.zeros(mapping.n_vars, dtype=np.uint16)
    for code, panel in enumerate(sections):
        of_spots[panel.rows] = code
    out: dict[str, Any] = {
        "sections": [
            {
                "name": panel.title,
                "figure": _figure(where[panel.rows], unit, panel.down),
                "ratio": _ratio(where[panel.rows]),
                "pitch": _pitch(where[panel.rows]),
            }
            for panel in sections
        ],
        "section": _packed(of_spots, "<u2"),
        "axes": {axis: _packed(values, "<f4") for axis, values in zip("xyz", where.T, strict=False)},
        "spots": mapping.var_names.astype(str).tolist(),
        "expected": _packed(expected, "<f4"),
        "columns": [_quantised(column) for column in columns],
        "types": [i for i, column in enumerate(columns) if column.group == TYPES],
    }
    if likeliest is not None:
        used, index = np.unique(likeliest.best, return_inverse=True)
        out["cells"] = {
            "names": mapping.obs_names.astype(str).to_numpy()[used].tolist(),
            "each": likeliest.best.shape[1],
            "index": _packed(index, "<u4"),
            "probability": _packed(likeliest.value, "<f4"),
        }
    return out
