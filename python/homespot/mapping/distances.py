"""Distances between cells, and correlations of types, under a map."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial.distance import cdist

from ..matrix.rows import blocks
from ..matrix.sums import is_sparse, row_sums
from ..space.sections import Sections

__all__ = ["correlations", "distances_bytes", "expected_distances"]


F64 = npt.NDArray[np.float64]


_BLOCK = 512  # number of spots in a block
_FULL = 0.2  # share of entries from which a product of the full matrix is as fast as one without its zeros


def correlations(shares: F64, sections: Sections | None = None) -> F64:
    """Return the correlation of the columns over the rows without NaN; it is 0 for a constant column.

    With several sections, the mean of each is subtracted first, so that differences between sections have no
    effect.
    """
    known = np.isfinite(shares).all(axis=1)
    x = shares[known]
    if sections is None:
        x = x - x.mean(axis=0)
    else:
        x = x.copy()
        for code in range(len(sections.names)):
            of_section = sections.codes[known] == code
            if of_section.any():
                x[of_section] -= x[of_section].mean(axis=0)
    norm = np.sqrt(np.square(x).sum(axis=0))
    constant = norm <= 1e-12 * np.sqrt(len(x))
    x = x * np.divide(1, norm, out=np.zeros_like(norm), where=~constant)
    found = np.clip(x.T @ x, -1, 1)
    np.fill_diagonal(found, 1)
    return np.asarray(found)


def distances_bytes(rows: int, spots: int) -> int:
    """Return the bytes that `expected_distances` takes: two tables, and what is computed of a block."""
    return 8 * (2 * rows * rows + (3 * rows + spots) * min(_BLOCK, spots))


def expected_distances(matrix: Any, spots: F64) -> F64:
    """Return Q D Q' (rows x rows): Q is the rows divided by their sums, D the distances of the spots.

    Rows without mass give NaN.
    """
    sums = row_sums(matrix)
    scale = np.divide(1, sums, out=np.full_like(sums, np.nan), where=sums > 0)
    out = np.zeros((matrix.shape[0], matrix.shape[0]))
    matrix = matrix.tocsr() if is_sparse(matrix) else matrix
    columns = matrix.tocsc() if is_sparse(matrix) else matrix
    for first in range(0, len(spots), _BLOCK):
        block = slice(first, first + _BLOCK)
        distances = cdist(spots, spots[block])
        # A float32 matrix is cast for the product, and therefore multiplied in parts.
        to_block = np.concatenate([_product(matrix[rows], distances) for rows in blocks(matrix)])
        held = columns[:, block].T
        out += to_block @ (held.toarray() if is_sparse(held) else held.astype(np.float64, order="C"))
    out *= scale[:, None]
    out *= scale
    return out


def _product(rows: Any, distances: F64) -> F64:
    """Return the product of some rows of P; how it is summed depends on their zeros, not on their storage."""
    values = rows.data if is_sparse(rows) else rows
    if np.count_nonzero(values) > _FULL * rows.shape[0] * rows.shape[1]:
        return np.asarray((rows.toarray() if is_sparse(rows) else rows) @ distances)
    return np.asarray(sparse.csr_matrix(rows) @ distances)
