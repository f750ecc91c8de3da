"""make_demo: simulate an arched tissue in layers, measured by two technologies, with known truth."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import io, sparse

from ..common.checks import whole
from ..common.keys import SPATIAL
from ..common.memory import bounded

__all__ = ["make_demo", "write_demo"]

_TYPES = ("Outer", "Upper", "Middle", "Deep", "Inner", "Immune", "Vascular")
_INNER, _OUTER, _PITCH = 600.0, 1500.0, 93.0
_MARKERS, _GRADIENTS = 14, 80
_N_GENES, _ONLY_SC, _ONLY_ST = 300, 60, 30


def _tissue(rng: np.random.Generator, n: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Draw n places evenly over an arch (half a ring): x, y in micrometres; depth and angle, in [0, 1]."""
    depth_squared = rng.uniform(_INNER**2, _OUTER**2, n)
    radius, angle = np.sqrt(depth_squared), rng.uniform(0, 1, n)
    xy = np.column_stack([-radius * np.cos(np.pi * angle), radius * np.sin(np.pi * angle)])
    return xy, np.column_stack([(radius - _INNER) / (_OUTER - _INNER), angle])


def _types(rng: np.random.Generator, inner: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Draw cell types: five layers with soft borders, immune cells on one side, vascular ones everywhere."""
    blurred = inner[:, 0] + rng.normal(0, 0.04, len(inner))
    kind = 4 - np.clip((blurred * 5).astype(int), 0, 4)
    draw = rng.uniform(size=len(inner))
    kind[draw < 0.16 * inner[:, 1] ** 2] = 5
    kind[draw > 0.94] = 6
    return np.asarray(kind)


def _profiles(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw mean expression, types x genes: a common background, and markers of each type."""
    base = rng.lognormal(-0.6, 1.0, _N_GENES)
    profiles = np.tile(base, (len(_TYPES), 1))
    for kind in range(len(_TYPES)):
        markers = slice(kind * _MARKERS, (kind + 1) * _MARKERS)
        profiles[:, markers] *= 0.15
        profiles[kind, markers] = rng.lognormal(1.4, 0.4, _MARKERS)
    return profiles


def _gradients(inner: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a factor for every gene and place: bumps along the arch for gradient genes, 1 for the others."""
    factor = np.ones((len(inner), _N_GENES))
    first = len(_TYPES) * _MARKERS
    distance = (inner[:, None, 1] - centres[None, :, 0]) / 0.13
    factor[:, first : first + _GRADIENTS] = 0.1 + 6 * np.exp(-0.5 * distance**2)
    return factor


@bounded
def make_demo(seed: int = 0) -> tuple[ad.AnnData, ad.AnnData]:
    """Make the demo data: about 1,500 cells and 400 spots over 300 genes, with known truth.

    The tissue is an arch of five layers, with immune cells towards one end and vascular cells everywhere.
    Every type has 14 marker genes, and 80 genes rise and fall along the arch. The single-cell technology
    measures 270 of the genes at low and uneven depth with dropout, the spatial one 240 of the genes as sums
    over the cells near each spot; 210 genes are shared. No cell is in both data sets.

    Parameters
    ----------
    seed
        Seed of all random numbers.

    Returns
    -------
    The single-cell data (obs: ``cell_type``, ``true_spot``, ``true_x``, ``true_y``) and the spatial data
    (``obsm["spatial"]``, micrometres; obs: ``x``, ``y``, ``n_cells``), both with counts.
    """
    whole("seed", seed, 0)
    rng = np.random.default_rng(seed)
    genes = np.array([f"Gene{i + 1:03d}" for i in range(_N_GENES)])
    profiles = _profiles(rng)
    centres = np.column_stack([rng.uniform(0, 1, _GRADIENTS)])
    panel = rng.permutation(_N_GENES)
    # Most markers and gradient genes are on both panels; the genes that a panel lacks are drawn at random.
    sc_genes = np.sort(panel[_ONLY_ST:])
    st_genes = np.sort(np.concatenate([panel[:_ONLY_ST], panel[_ONLY_ST + _ONLY_SC :]]))

    def sample(n: int, depth: float, spread: float) -> tuple[npt.NDArray[Any], ...]:
        xy, inner = _tissue(rng, n)
        kind = _types(rng, inner)
        mean = profiles[kind] * _gradients(inner, centres) * rng.lognormal(np.log(depth), spread, n)[:, None]
        return rng.poisson(mean * rng.gamma(2.0, 0.5, mean.shape)), kind, xy

    cell_counts, kind, cell_xy = sample(1500, 2.0, 0.35)
    detected = rng.uniform(size=cell_counts.shape) < np.exp(-0.25 / (profiles.mean(axis=0) + 0.1))
    cell_counts *= detected
    tissue_counts, _, tissue_xy = sample(4000, 0.9, 0.2)

    # Spots on a hexagonal grid over the arch; a spot sums the cells within half the pitch.
    rows = np.arange(0, _OUTER, _PITCH * np.sqrt(3) / 2)
    grid = np.array(
        [
            (x + (i % 2) * _PITCH / 2, y)
            for i, y in enumerate(rows)
            for x in np.arange(-_OUTER, _OUTER, _PITCH)
        ]
    )
    radius = np.hypot(*grid.T)
    spots = grid[(radius > _INNER) & (radius < _OUTER)]
    near = np.hypot(*(tissue_xy[:, None] - spots[None]).T) <= _PITCH / 2
    members = sparse.csr_matrix(near.astype(float))
    filled = np.flatnonzero(near.sum(axis=1) > 0)
    spots, members = spots[filled], members[filled]
    names = np.array([f"spot{i + 1:03d}" for i in range(len(spots))])

    home = np.hypot(*(cell_xy[:, None] - spots[None]).T).argmin(axis=0)
    truth = {
        "cell_type": np.array(_TYPES)[kind],
        "true_spot": names[home],
        "true_x": cell_xy[:, 0].round(1),
        "true_y": cell_xy[:, 1].round(1),
    }
    sc = ad.AnnData(
        X=sparse.csr_matrix(cell_counts[:, sc_genes].astype(np.float32)),
        obs=pd.DataFrame(truth, index=[f"cell{i + 1:04d}" for i in range(len(kind))]),
        var=pd.DataFrame(index=genes[sc_genes]),
    )
    st = ad.AnnData(
        X=sparse.csr_matrix((members @ tissue_counts[:, st_genes]).astype(np.float32)),
        obs=pd.DataFrame(
            {"x": spots[:, 0].round(1), "y": spots[:, 1].round(1), "n_cells": near.sum(axis=1)[filled]},
            index=names,
        ),
        var=pd.DataFrame(index=genes[st_genes]),
    )
    st.obsm[SPATIAL] = st.obs[["x", "y"]].to_numpy(copy=True)
    return sc, st


def write_demo(target: Path, seed: int = 0) -> list[Path]:
    """Write the demo data as Matrix Market (genes x cells) and CSV files, which R and Python can read.

    The same seed gives the same bytes, because the compressed files have no time stamp.
    """
    sc, st = make_demo(seed)
    written = []
    for side, data, row in (("sc", sc, "cells"), ("st", st, "spots")):
        matrix = BytesIO()
        io.mmwrite(matrix, sparse.coo_matrix(data.X.T.astype(int)), field="integer")
        for name, content in (
            (f"demo_{side}_counts.mtx.gz", matrix.getvalue()),
            (f"demo_{side}_genes.txt.gz", "".join(f"{gene}\n" for gene in data.var_names).encode()),
            (
                f"demo_{side}_{row}.csv.gz",
                data.obs.to_csv(index_label=row[:-1], lineterminator="\n").encode(),
            ),
        ):
            path = target / name
            path.write_bytes(gzip.compress(content, mtime=0))
            written.append(path)
    return written
