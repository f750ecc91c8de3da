"""A view of a map that the verbs share; it checks the map while P is read."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np

from ..common.cores import limited_threads
from ..common.keys import HOMESPOT, LEFT_OVER, SPATIAL
from ..errors import InputError, expected
from ..matrix.gather import Reducer
from ..matrix.rows import RowBlock, row_blocks
from ..matrix.streamed import in_memory
from ..objects.access import check_adata
from ..objects.annotated import x_of
from ..space.axes import spot_coordinates

__all__ = ["CheckedMap", "checked_in_memory"]

_TOLERANCE = 1e-4


class _Validity:
    """Whether the entries of P lie in [0, 1], and row sums and left-over add up to 1."""

    def __init__(self, mapping: ad.AnnData) -> None:
        self._mapping = mapping
        self._left_over = mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64)
        self._sums = self._left_over.copy()

    def add(self, block: RowBlock) -> bool:
        """Check the next rows, and return whether they are valid; entries outside [0, 1] are refused."""
        rows, values = block.rows, block.values
        self._sums[rows] += block.sums
        if 0 not in values.shape:
            low, high = float(values.min()), float(values.max())
            if not (low >= 0 and high <= 1 + _TOLERANCE):
                raise InputError(
                    expected(
                        "probabilities in [0, 1] in the mapping",
                        f"values from {low:.4g} to {high:.4g}",
                        "Was X changed? Map again, or load the saved mapping.",
                    )
                )
        return not self._wrong(rows).any()

    def _wrong(self, rows: slice) -> Any:
        return ~((self._left_over[rows] >= 0) & (np.abs(self._sums[rows] - 1) <= _TOLERANCE))

    def end(self) -> None:
        """Refuse rows whose sum and left-over are not 1."""
        wrong = self._wrong(slice(None))
        if wrong.any():
            first = f"{self._mapping.obs_names[wrong][0]!r} with {self._sums[wrong][0]:.6g}"
            raise InputError(
                expected(
                    f"every row sum and its {LEFT_OVER}, which is never negative, to add up to 1",
                    f"{wrong.sum()} cell(s) where they do not, e.g. {first}",
                    "To take some spots of a mapping use subset(), which keeps the account.",
                )
            )


class CheckedMap:
    """A mapping and its P; the first reading of P checks it.

    Parameters
    ----------
    mapping
        A result of `map_cells`. Its record, left-over and coordinates are checked at once.

    Raises
    ------
    InputError
        If the record or the left-over is missing, or ``varm["spatial"]`` does not hold coordinates.
    """

    def __init__(self, mapping: ad.AnnData) -> None:
        remedy = "Pass what map_cells() or load() returned."
        check_adata(mapping, "mapping", remedy)
        if HOMESPOT not in mapping.uns or LEFT_OVER not in mapping.obs or (matrix := x_of(mapping)) is None:
            raise InputError(
                expected(
                    f"a mapping, with uns[{HOMESPOT!r}] and obs[{LEFT_OVER!r}]",
                    f"an AnnData of {mapping.n_obs} x {mapping.n_vars} without them",
                    remedy,
                )
            )
        spot_coordinates(mapping.varm.get(SPATIAL), mapping.n_vars)
        self.mapping, self.matrix = mapping, matrix
        self._checked = False

    def load(self) -> None:
        """Read P into memory, for a verb that needs all of it there anyway, so that it is read once."""
        self.matrix = in_memory(self.matrix)

    def read(self, *reducers: Reducer) -> None:
        """Read P once for all reducers, and check it if it has not been checked.

        Raises
        ------
        InputError
            If an entry lies outside [0, 1], or a row sum and its left-over do not add up to 1 within 1e-4.
            This error comes before any error of a reducer.
        """
        validity = None if self._checked else _Validity(self.mapping)
        for reducer in reducers:
            reducer.start(self.matrix)
        refused: InputError | None = None
        valid = True
        with limited_threads():
            for block in row_blocks(self.matrix):
                if validity is not None:
                    valid &= validity.add(block)
                if valid and refused is None:
                    try:
                        for reducer in reducers:
                            reducer.add(block)
                    except InputError as error:
                        refused = error  # raised below, once the whole map is known to be valid
        if validity is not None:
            validity.end()
            self._checked = True
        if refused is not None:
            raise refused


def checked_in_memory(mapping: ad.AnnData) -> Any:
    """Return the P of a valid mapping in memory, read once; see `CheckedMap`."""
    view = CheckedMap(mapping)
    view.load()
    view.read()
    return view.matrix
