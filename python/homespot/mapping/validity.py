"""The map: an AnnData of cells x spots, and the checks that it is valid.

``X`` is P, non-negative; P[i, j] is the probability that cell i sits at spot j. ``obs`` holds the cells with
their annotation and ``homespot_left_over``. ``var`` holds the spots with their coordinates as plain columns
``x``, ``y``, ``z``; the coordinates are also in ``varm["spatial"]``. ``uns["homespot"]`` is the run's record.
Every row sum plus the left-over is 1.

A map that is not written down has no X, but what P follows from: features of the cells and spots in
``obsm`` and ``varm`` (``homespot_features``), the potentials of the spots, ``varm["homespot_potential"]``,
and the logarithms of the rows' sums, ``obsm["homespot_log_sum"]``; see `homespot.transport.Potentials`.
"""

from __future__ import annotations

import warnings
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.keys import COORDINATES, FORMAT_VERSION, HOMESPOT, LEFT_OVER, SPATIAL
from ..errors import DataWarning, some
from ..matrix.streamed import Streamed
from ..objects.annotated import annotated
from ..objects.potentials import with_potentials
from ..space.axes import spot_coordinates
from ..transport import Potentials
from .checked import CheckedMap
from .left_over import Floats

__all__ = ["check_mapping", "filled", "new_mapping"]


def new_mapping(
    matrix: Floats | sparse.csr_matrix | Streamed | Potentials,
    cells: pd.DataFrame,
    spots: pd.DataFrame,
    record: dict[str, Any],
    *,
    positions: npt.NDArray[np.float64] | None = None,
    left_over: npt.NDArray[np.float64] | None = None,
) -> ad.AnnData:
    """Build a mapping.

    Parameters
    ----------
    matrix
        P, cells x spots, dense, CSR or `Streamed`; or features and potentials, with which the map has no X.
    cells
        Annotation of the cells, indexed by name, one row per row of P.
    spots
        Annotation of the spots, indexed by name, one row per column of P.
    record
        The run's record.
    positions
        Coordinates of the spots, spots x 2 or 3, or None if they are not known. They become the columns
        ``x``, ``y`` (and ``z``) of the spots; a warning says if they replace other columns of these names.
    left_over
        Mass that each row leaves out; None for a complete P.
    """
    obs = cells.copy()
    obs[LEFT_OVER] = np.zeros(len(cells)) if left_over is None else left_over
    where = spot_coordinates(positions, len(spots))
    if isinstance(matrix, Potentials):
        record = with_potentials(record, matrix)
    parts: dict[str, Any] = {
        "obs": obs,
        "var": spots.copy() if where is None else _with_columns(spots, where),
        "uns": {HOMESPOT: {**filled(record), "format_version": FORMAT_VERSION}},
    }
    mapping = annotated(matrix, **parts)
    if where is not None:
        mapping.varm[SPATIAL] = where
    check_mapping(mapping)
    return mapping


def _with_columns(spots: pd.DataFrame, where: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Set the coordinates as columns of the spots; a warning names other columns that they replace."""
    columns = dict(zip(COORDINATES, where.T, strict=False))
    lost = [
        name
        for name in COORDINATES
        if name in spots
        and not (
            name in columns
            and np.allclose(pd.to_numeric(spots[name].astype(object), errors="coerce"), columns[name])
        )
    ]
    if lost:
        warnings.warn(
            f"The spots' columns {some(lost)} are not the coordinates that were given, and are left out.",
            DataWarning,
            stacklevel=3,
        )
    return spots.drop(columns=[name for name in lost if name not in columns]).assign(**columns)


def filled(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record without entries that are None, at which converters to R stop and lose later ones."""
    return {
        name: filled(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if value is not None
    }


def check_mapping(mapping: ad.AnnData) -> None:
    """Refuse an object that is not a valid mapping; one without cells or spots is valid.

    Raises
    ------
    InputError
        As for `CheckedMap` and its `read`.
    """
    CheckedMap(mapping, empty=True).read()
