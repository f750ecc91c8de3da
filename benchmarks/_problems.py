"""Problems whose truth is known: cells to be mapped, spots, and how far off a place is.

Tissues: semi-simulated spots (`homespot.simulate_spots`) of five tissues. The mapped cells are left out of
the spots' means ("clean"), in them ("leak"), left out with cells of one half of the tissue only ("half"), or
left out and measured by a simulated other technology ("shift"); one half of the cells is mapped, or a tenth.
The error of a cell is the Euclidean distance from its own place.

Pairs: a random half of the cells of one technology on spots of all cells of another. Nobody knows where such
a cell belongs, but its cortical layer is known, and the layers of the spots' tissue are bands across its
depth. The error of a cell is how far above or below the band of its layer it is placed, in parts of the
thickness of the cortex (layers 1 to 6); within the band it is 0. So it has one unit in every tissue, a stray
cell of the layer elsewhere makes no place right, and places along a layer do not count, as a layer says
nothing about them. Cells without a layer, and of layers below the cortex, are not mapped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

import homespot as hs

F64 = npt.NDArray[np.float64]

SETS = ("starmap_visp", "merfish_visp", "smfish_visp", "seqfish_embryo", "xenium_breast")
TYPES = {name: "cluster" if name == "smfish_visp" else "cell_type" for name in SETS}
CONDITIONS: dict[str, dict[str, Any]] = {
    "clean": {"n_parts": 2},
    "half": {"n_parts": 2},
    "shift": {"n_parts": 2, "platform": "log-normal"},
    "leak": {"n_parts": 2, "leave_out": False},
    "clean, a tenth": {"n_parts": 10},
    "leak, a tenth": {"n_parts": 10, "leave_out": False},
}
PAIRS = {
    "MERFISH on STARmap": ("merfish_visp", "starmap_visp"),
    "STARmap on MERFISH": ("starmap_visp", "merfish_visp"),
    "smFISH on MERFISH": ("smfish_visp", "merfish_visp"),
}
LAYERS = ("L1", "L2/3", "L4", "L5", "L6", "cc", "HPC")  # from the surface
SAME_LAYER = {"L6a": "L6", "L6b": "L6"} | {
    f"VISp_{old}": new for old, new in zip(("I", "II/III", "IV", "V", "VI"), LAYERS, strict=False)
}
CORTEX = LAYERS.index("L6") + 1


class Problem(NamedTuple):
    """Cells to be mapped, spots, and what is known of the cells' true places."""

    sc: ad.AnnData
    st: ad.AnnData
    others: ad.AnnData  # cells with places, of the spots' tissue, that are not mapped
    scores: Callable[[pd.DataFrame], dict[str, float]]  # of places, named by cells: "error", and others
    by_type: pd.DataFrame  # the place of every cell that its type gives
    differ: bool  # whether another technology measured the cells than the spots


def in_tissue(name: str, condition: str, seed: int) -> Problem:
    """Return the problem of one division of a tissue."""
    cells = hs.datasets.load(name)["st"]
    sc, st = hs.simulate_spots(cells, seed=seed, **CONDITIONS[condition])
    others = cells[~cells.obs_names.isin(sc.obs_names)]
    if condition == "half":
        sc = sc[sc.obs["true_x"] < sc.obs["true_x"].median()].copy()
    truth = pd.DataFrame(cells[sc.obs_names].obsm["spatial"][:, :2], sc.obs_names)

    def scores(places: pd.DataFrame) -> dict[str, float]:
        away = places.to_numpy() - truth.loc[places.index].to_numpy()
        return {"error": float(np.linalg.norm(away, axis=1).mean())}

    by_type = truth.groupby(sc.obs[TYPES[name]].astype(str)).transform("median")
    return Problem(sc, st, others, scores, by_type, condition == "shift")


def layers(cells: ad.AnnData) -> pd.Series:
    """Return the number of every cell's layer in `LAYERS`, for the cells that have one."""
    found = cells.obs["layer"].astype(str).replace(SAME_LAYER)
    return found[found.isin(LAYERS)].map(LAYERS.index).astype(int)


def bands(xy: F64, layer: npt.NDArray[np.intp]) -> tuple[F64, F64, float]:
    """Return the axis of the depth, the borders of the layers along it, and the thickness of the cortex.

    The axis comes from the linear regression of the layer's number on the place. Above the border below a
    layer lie as many cells as this layer and those above it have.
    """
    axis = np.linalg.lstsq(xy - xy.mean(axis=0), layer - layer.mean())[0]
    counts = np.bincount(layer)
    borders = np.quantile(xy @ axis, np.concatenate([[0], np.cumsum(counts)]) / len(layer))
    thickness = float(borders[CORTEX] - borders[0])
    return axis, np.concatenate([[-np.inf], borders[1:-1], [np.inf]]), thickness


def across(source: str, target: str, seed: int) -> Problem:
    """Return the problem of one half of the cells of a technology on the spots of another."""
    cells, others = (hs.datasets.load(name)["st"] for name in (source, target))
    layer = layers(cells)
    layer = layer[layer < CORTEX]
    sc = cells[np.random.default_rng(seed).permutation(layer.index)[: len(layer) // 2]].copy()
    _, st = hs.simulate_spots(others, n_parts=1, leave_out=False)
    known = layers(others)
    xy = others[known.index].obsm["spatial"][:, :2]
    axis, borders, thickness = bands(xy, known.to_numpy())

    def scores(places: pd.DataFrame) -> dict[str, float]:
        depth, own = places.to_numpy() @ axis, layer[places.index].to_numpy()
        off = np.maximum(np.maximum(borders[own] - depth, depth - borders[own + 1]), 0)
        apart = np.abs(np.searchsorted(borders[1:-1], depth) - own)
        return {
            "error": float(off.mean() / thickness),
            "in layer": float((apart == 0).mean()),
            "in layer or next": float((apart <= 1).mean()),
        }

    most = layer[sc.obs_names].groupby(sc.obs[TYPES[source]].astype(str)).transform(lambda one: one.mode()[0])
    centres = pd.DataFrame(xy, known.index).groupby(known).median()
    return Problem(sc, st, others, scores, centres.loc[most].set_axis(sc.obs_names), True)
