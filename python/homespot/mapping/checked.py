"""A view of a map that the verbs share; it checks the map while P is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from ..common.checks import is_real
from ..common.cores import limited_threads
from ..common.keys import CUT, DROPPED, HOMESPOT, LEFT_OVER, SECTION_PROB, SPATIAL
from ..common.wording import argument, either, verb
from ..errors import InputError, expected
from ..matrix.gather import Reducer
from ..matrix.rows import RowBlock, row_blocks
from ..matrix.streamed import in_memory
from ..objects.access import check_adata, refuse_duplicates
from ..objects.annotated import Streaming, has_tables, x_of
from ..objects.potentials import has_x
from ..objects.seal import NO_MATRIX, MatrixDigest, Seal, damaged, seal_of
from ..space.axes import spot_coordinates

__all__ = ["CheckedMap", "checked_in_memory"]

_TOLERANCE = 1e-4

_RESULTS = {"imputed_scale": "impute_genes", "types_by": "deconvolve_spots", "platform_factors": "fit_types"}
"""Verbs whose results are no maps, by an entry that only their record has."""


class _Validity:
    """Whether the entries of P lie in [0, 1], and row sums and left-over add up to 1."""

    def __init__(self, mapping: ad.AnnData) -> None:
        self._mapping = mapping
        self._left_over = mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64, na_value=np.nan)
        self._sums = self._left_over.copy()
        self._outside: tuple[float, float] | None = None

    def add(self, block: RowBlock) -> bool:
        """Check the next rows, and return whether they are valid."""
        rows, values = block.rows, block.values
        self._sums[rows] += block.sums
        if 0 not in values.shape:
            low, high = float(values.min()), float(values.max())
            if not (low >= 0 and high <= 1 + _TOLERANCE):
                self._outside = self._outside or (low, high)
                return False
        return not self._wrong(rows).any()

    def _wrong(self, rows: slice) -> Any:
        return ~((self._left_over[rows] >= 0) & (np.abs(self._sums[rows] - 1) <= _TOLERANCE))

    def end(self) -> None:
        """Refuse entries outside [0, 1], and rows whose sum and left-over are not 1."""
        if self._outside is not None:
            raise InputError(
                expected(
                    "probabilities in [0, 1] in the mapping",
                    "values from {:.4g} to {:.4g}".format(*self._outside),
                    "Was X changed? Map again, or load the saved mapping.",
                )
            )
        wrong = self._wrong(slice(None))
        if wrong.any():
            first = f"{self._mapping.obs_names[wrong][0]!r} with {self._sums[wrong][0]:.6g}"
            raise InputError(
                expected(
                    f"every row sum and its {LEFT_OVER}, which is never negative, to add up to 1",
                    f"{wrong.sum()} cell(s) where they do not, e.g. {first}",
                    f"To take some spots of a mapping use {verb('subset')}, which keeps the account.",
                )
            )


def _refuse_text(table: pd.DataFrame, *columns: str) -> None:
    """Refuse columns of ours that are no numbers."""
    for name in columns:
        if name in table and not is_real(table[name].dtype):
            raise InputError(
                expected(
                    f"numbers as obs[{name!r}] of a mapping",
                    f"values of type {table[name].dtype}",
                    "Map again, or load the saved mapping.",
                )
            )


class CheckedMap:
    """A mapping and its P; the first reading of P checks it.

    Parameters
    ----------
    mapping
        A result of `map_cells`. Its names, record, left-over and coordinates are checked at once.
    seal
        The seal of the file that the map was read from; None takes the seal of the file that holds P, if any.
    empty
        Whether a map without cells or spots is valid; nothing can be computed from it.

    Raises
    ------
    InputError
        If the annotation was read lazily, the record or the left-over is missing or something else, a name
        occurs twice, there are no cells or spots, or ``varm["spatial"]`` does not hold coordinates.
    """

    def __init__(self, mapping: ad.AnnData, *, seal: Seal | None = None, empty: bool = False) -> None:
        remedy = f"Pass what {verb('map_cells')} or {verb('load')} returned."
        check_adata(mapping, "mapping", remedy)
        if not has_tables(mapping):
            raise InputError(
                expected(
                    "a mapping whose cells and spots are in memory",
                    "one that was read lazily",
                    f"Use {verb('load', argument('backed', True))}, which leaves P in its file.",
                )
            )
        record = mapping.uns.get(HOMESPOT)
        matrix = x_of(mapping)
        if not isinstance(record, Mapping) or LEFT_OVER not in mapping.obs or matrix is None:
            shape = f"{either('an AnnData', 'an object')} of {mapping.n_obs} x {mapping.n_vars}"
            known = record if isinstance(record, Mapping) else {}
            result = next((name for key, name in _RESULTS.items() if key in known), None)
            raise InputError(
                expected(
                    f"a mapping, with a record as uns[{HOMESPOT!r}] and with obs[{LEFT_OVER!r}]",
                    f"{shape} without them" if result is None else f"the result of {verb(result)}, {shape}",
                    remedy if result is None else f"{remedy} A result is written by its own write_h5ad().",
                )
            )
        if not empty and 0 in mapping.shape:
            raise InputError(
                expected(
                    "a mapping of one cell and one spot or more",
                    f"{mapping.n_obs} cells and {mapping.n_vars} spots",
                    f"Select others with {verb('subset')}.",
                )
            )
        refuse_duplicates(mapping.obs_names, "cells")
        refuse_duplicates(mapping.var_names, "spots")
        _refuse_text(mapping.obs, LEFT_OVER, DROPPED, CUT, SECTION_PROB)
        if np.dtype(matrix.dtype).kind not in "biuf":
            raise InputError(
                expected("numbers in the mapping's X", f"values of type {matrix.dtype}", "Map again.")
            )
        spot_coordinates(mapping.varm.get(SPATIAL), mapping.n_vars)
        self.mapping, self.matrix = mapping, matrix
        self._seal = seal_of(mapping) if seal is None else seal
        made = not (isinstance(mapping, Streaming) or has_x(mapping))
        if self._seal is not None and made != (self._seal.matrix == NO_MATRIX):
            raise damaged(self._seal.path)
        self._sealed = self._seal is not None and not made
        self._checked = False

    def load(self) -> None:
        """Read P into memory, for a verb that needs all of it there anyway, so that it is read once."""
        self.matrix = in_memory(self.matrix)

    def read(self, *reducers: Reducer) -> None:
        """Read P once for all reducers, and check it if it has not been checked.

        Raises
        ------
        InputError
            If P is not what the seal of its file says, an entry lies outside [0, 1], or a row sum and its
            left-over do not add up to 1 within 1e-4. This error comes before any error of a reducer.
        """
        validity = None if self._checked else _Validity(self.mapping)
        digest = MatrixDigest() if self._sealed and not self._checked else None
        for reducer in (*reducers, *([] if digest is None else [digest])):
            reducer.start(self.matrix)
        refused: InputError | None = None
        valid = True
        with limited_threads():
            for block in row_blocks(self.matrix):
                if digest is not None:
                    digest.add(block)
                if validity is not None:
                    valid &= validity.add(block)
                if valid and refused is None:
                    try:
                        for reducer in reducers:
                            reducer.add(block)
                    except InputError as error:
                        refused = error  # raised below, once the whole map is known to be valid
        if self._seal is not None and digest is not None and digest.total != self._seal.matrix:
            raise damaged(self._seal.path)
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
