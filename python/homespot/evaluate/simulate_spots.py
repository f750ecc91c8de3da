"""simulate_spots: spots with known truth, from cells whose places are known (Tran et al., section 3.1)."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common import memory
from ..common.checks import flag, refuse_masked, whole, within
from ..common.keys import HOMESPOT, SECTION, SPATIAL
from ..common.memory import bounded
from ..common.wording import argument
from ..errors import InputError, expected
from ..mapping.by_section import sections_of_rows
from ..matrix.size import bytes_of
from ..matrix.streamed import Streamed, in_memory
from ..matrix.sums import is_sparse
from ..objects.access import check_adata
from ..objects.annotated import with_tables
from ..objects.tables import values_of
from ..space.axes import spot_coordinates
from ..space.directions import direction_record
from ..space.sections import Sections, section_columns
from .platform import DEPTH, DROPOUT, PLATFORM_SD, Law, check_platform, shifted

__all__ = ["simulate_spots"]


def _grid(
    xy: npt.NDArray[np.float64], cells_per_spot: float, sections: Sections | None
) -> tuple[npt.NDArray[np.intp], float]:
    """Return each cell's square, and the pitch at which occupied squares hold `cells_per_spot` on average.

    A square holds cells of one section only.
    """
    xy = xy.copy()
    if sections is not None:
        for code in range(len(sections.names)):
            xy[sections.rows(code)] -= xy[sections.rows(code)].min(axis=0)

    def squares(pitch: float) -> npt.NDArray[np.intp]:
        steps = np.floor((xy - xy.min(axis=0)) / pitch).astype(np.intp)
        square = steps[:, 1] * (steps[:, 0].max() + 1) + steps[:, 0]
        if sections is not None:
            square += sections.codes * (square.max() + 1)
        return np.asarray(np.unique(square, return_inverse=True)[1])

    # Bisection, because tissue does not fill its bounding box: the area does not give the pitch.
    high = float((xy.max(axis=0) - xy.min(axis=0)).max()) * 2
    low = high / 2**22
    for _ in range(40):
        pitch = (low + high) / 2
        if len(xy) / (squares(pitch).max() + 1) < cells_per_spot:
            low = pitch
        else:
            high = pitch
    return squares(high), high


def _names_of_sections(
    cells: pd.DataFrame, sections: Sections, codes: npt.NDArray[np.intp]
) -> dict[str, npt.NDArray[np.object_]]:
    """Return the columns with one value per section, for these codes of sections."""
    of_cells = sections.codes >= 0
    found = {}
    for name in dict.fromkeys([*section_columns(list(cells.columns)), sections.column]):
        if name in cells:
            of_section = cells[name].astype(object)[of_cells].groupby(sections.codes[of_cells])
            if (of_section.nunique(dropna=False) == 1).all():
                found[name] = of_section.first().reindex(codes).to_numpy()
    return found


def _refuse_values(given: Any, matrix: Any) -> None:
    """Refuse expression that is no finite, real number of at least 0, or that is masked."""
    refuse_masked(given, "expression of the cells")
    stored = matrix.data if is_sparse(matrix) else matrix
    if stored.dtype.kind not in "biuf":
        raise InputError(
            expected(
                "real numbers as expression of the cells",
                f"values of type {stored.dtype}",
                "Convert them to numbers.",
            )
        )
    wrong = ~np.isfinite(stored) | (stored < 0)
    if wrong.any():
        raise InputError(
            expected(
                "finite expression of the cells, never negative",
                f"{int(wrong.sum())} value(s) that are not ({stored[wrong][0]:.4g})",
                "Take the counts or the log-normalised values, without such values.",
            )
        )


@bounded
def simulate_spots(
    cells: ad.AnnData,
    *,
    cells_per_spot: float = 25.0,
    n_parts: int = 10,
    part: int = 0,
    leave_out: bool = True,
    layer: str | None = None,
    shared_frame: bool = False,
    platform: Law | None = None,
    platform_sd: float = PLATFORM_SD,
    depth: float = DEPTH,
    dropout: float = DROPOUT,
    seed: int = 0,
) -> tuple[ad.AnnData, ad.AnnData]:
    """Make a single-cell and a spatial data set with a known map out of cells whose places are known.

    A square grid is laid over the tissue. A spot is an occupied square: its expression is the mean of the
    expression of its cells, and its place is their centroid. The cells are divided at random into `n_parts`
    equal parts, and one part is the single-cell data.

    Parameters
    ----------
    cells
        Cells x genes, with ``obsm["spatial"]``; the grid is laid over its first two columns.
    cells_per_spot
        Number of cells that an occupied square holds on average; it sets the pitch of the grid.
    n_parts
        Number of parts into which the cells are divided.
    part
        Number of the part that is mapped, from 0.
    leave_out
        Whether the cells to be mapped are left out of the means of the spots. If not, as in the paper, every
        cell is part of its own answer. A spot that has no other cells is dropped. In both cases places are
        the centroids of all cells.
    layer
        Layer with the expression, ``"raw"`` for ``cells.raw``; None is X.
    shared_frame
        Whether all cells share one frame of coordinates, as for `map_cells`. If not, and the cells lie in
        several sections, a square holds cells of one section only.
    platform
        The law of the difference between two technologies, if the cells to be mapped are to look as if
        another one had measured them than the spots: ``"log-normal"`` (the logarithm of a gene's factor is
        normal) or ``"laplace"`` (it has heavier tails). The cells need counts. None: one technology.
    platform_sd
        Standard deviation of the factors' logarithms to base 10, 0 to 3. The factors are divided by their
        mean over all molecules. The default of this and of the next two parameters is the median over pairs
        of real data sets: MERFISH and STARmap, MERFISH and smFISH, inDrop and Spatial Transcriptomics
        (``benchmarks/platforms.py``). They have an effect only with `platform`.
    depth
        Share of the molecules that the cells keep in expectation, above 0 and at most 1. With a, the product
        of `depth` and a gene's factor, a count of n becomes n floor(a) + Binomial(n, a - floor(a)).
    dropout
        Probability that a count is lost beyond that, 0 to 0.99. No pair loses more than by thinning.
    seed
        Seed of the division, and of the shift of `platform`, which does not change the division.

    Returns
    -------
    The single-cell data: the cells of the part, without coordinates; obs has ``true_spot`` and its place,
    ``true_x`` and ``true_y``; with `platform`, var has ``true_factor``, the factor of every gene. The spatial
    data: spots x genes, with ``obsm["spatial"]``; obs has ``n_cells``, and ``uns["homespot"]["pitch"]`` is
    the pitch of the grid. If the cells lie in several sections, they have
    ``true_section``, and the spots have ``homespot_section``. Columns of the cells that name sections, for
    example ``sample_id``, are also columns of the spots.
    """
    check_adata(cells, "cells")
    cells = with_tables(cells)
    where = spot_coordinates(cells.obsm.get(SPATIAL), cells.n_obs, "cell")
    if where is None:
        raise InputError(
            expected('coordinates of the cells in obsm["spatial"]', "none", "Put them there first.")
        )
    whole("n_parts", n_parts, 1)
    within("n_parts", n_parts, 1, cells.n_obs)
    whole("part", part, 0)
    within("part", part, 0, n_parts - 1)
    whole("seed", seed, 0)
    flag("leave_out", leave_out)
    flag("shared_frame", shared_frame)
    check_platform(platform, platform_sd, depth, dropout)
    within("cells_per_spot", cells_per_spot, 1, max(1.0, cells.n_obs / 2))
    if leave_out and n_parts < 2:
        raise InputError(
            expected(
                f"{argument('n_parts')} of at least 2 where the mapped cells are left out",
                str(n_parts),
                f"Raise it, or set {argument('leave_out', False)}.",
            )
        )
    xy = where[:, :2]
    if (xy == xy[0]).all():
        raise InputError(expected("cells at different places", "one place only", "Check the coordinates."))
    values, var, _ = values_of(cells, layer, "cells", "layer")
    sections = None if shared_frame else sections_of_rows(cells)
    square, pitch = _grid(xy, cells_per_spot, sections)
    n_spots = int(square.max()) + 1
    order = np.random.default_rng(seed).permutation(cells.n_obs)
    queried = np.sort(np.array_split(order, n_parts)[part])

    def members(inside: npt.NDArray[np.intp]) -> sparse.csr_matrix:
        return sparse.csr_matrix(
            (np.ones(len(inside)), (square[inside], inside)), shape=(n_spots, cells.n_obs)
        )

    everyone = members(np.arange(cells.n_obs))
    centroid = (everyone @ xy) / np.asarray(everyone.sum(axis=1))
    used = members(np.setdiff1d(np.arange(cells.n_obs), queried)) if leave_out else everyone
    count = np.asarray(used.sum(axis=1)).ravel()
    kept = np.flatnonzero(count > 0)
    in_file = isinstance(values, Streamed)
    memory.require(
        lambda cells: (2 + in_file) * bytes_of(values) * cells / values.shape[0],
        f"the simulated spots and cells of {cells.n_obs:,} cells x {cells.n_vars:,} genes",
        {"cells": cells.n_obs},
        fewer={"cells": "take at most {} cells"},
    )
    matrix = in_memory(values)
    _refuse_values(cells.X if layer is None else matrix, matrix)
    mean = sparse.diags_array(1 / count[kept]) @ used[kept] @ matrix
    names = np.array([f"spot{i + 1}" for i in range(n_spots)])
    st = ad.AnnData(
        X=sparse.csr_matrix(mean) if is_sparse(mean) else np.asarray(mean),
        obs=pd.DataFrame({"n_cells": count[kept].astype(int)}, index=names[kept]),
        var=var.copy(),
        obsm={SPATIAL: centroid[kept]},
        uns={HOMESPOT: {"pitch": pitch}},
    )
    home = square[queried]
    if sections is not None:
        of_square = np.empty(n_spots, dtype=np.intp)
        of_square[square] = sections.codes
        of_spots = of_square[kept]
        st.obs = st.obs.assign(**_names_of_sections(cells.obs, sections, of_spots))
        st.obs[SECTION] = np.asarray(sections.names, dtype=object)[of_spots]
    st.uns[HOMESPOT] |= direction_record(cells, sections, cells.obs)
    measured, of_genes = matrix[queried].copy(), var.copy()
    if platform is not None:
        measured, factor = shifted(measured, platform, platform_sd, depth, dropout, seed)
        of_genes["true_factor"] = factor
    sc = ad.AnnData(
        X=measured,
        obs=cells.obs.iloc[queried].assign(
            true_spot=names[home], true_x=centroid[home, 0], true_y=centroid[home, 1]
        ),
        var=of_genes,
    )
    if sections is not None:
        sc.obs["true_section"] = sections.labels()[queried]
    return sc, st
