"""The correlations of cells and spots from counts that are mostly 0: a product of what is above 0 alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.jit import compiled, compiled_in_order
from ..matrix.streamed import Streamed

__all__ = ["SparseRows", "sparse_rows"]

_SPARSE = 0.15  # up to this share of values above 0, their product is faster than that of all
_TILE = 128  # spots at once: their values of all genes stay in the cache, and their sums in registers
F64 = npt.NDArray[np.float64]


@compiled_in_order
def _moments(data: Any, genes: Any, ends: Any, scale: Any, shift: Any, mean: Any, length: Any) -> None:
    # The mean and the length of every row of scale x - shift, once its mean is subtracted.
    n = scale.shape[0]
    total = squares = 0.0
    for g in range(n):
        total += shift[g]
        squares += shift[g] * shift[g]
    for i in range(ends.shape[0] - 1):
        first, second = -total, squares
        for k in range(ends[i], ends[i + 1]):
            s = data[k] * scale[genes[k]]
            first += s
            second += s * s - 2 * s * shift[genes[k]]
        mean[i] = first / n
        length[i] = np.sqrt(max(second - n * mean[i] * mean[i], 0.0))


@compiled
def _products(data: Any, genes: Any, ends: Any, tile: Any, sums: Any, out: Any) -> None:
    # Rows times a tile (genes x spots), row by row; `sums` is room for a number for each spot.
    width = out.shape[1]
    for i in range(ends.shape[0] - 1):
        for j in range(_TILE):
            sums[j] = 0
        for k in range(ends[i], ends[i + 1]):
            value, row = data[k], tile[genes[k]]
            for j in range(_TILE):
                sums[j] += value * row[j]
        for j in range(width):
            out[i, j] = sums[j]


class SparseRows:
    """Rows x of cells, x = (scale l - shift - their mean) / their length, from sparse log values l.

    So x y' = (l (scale y)' - shift y' - mean 1 y') / length, where the first product runs over the values of
    l above 0 alone. Every row is computed by itself, so that neither blocks nor threads change a byte.

    Parameters
    ----------
    logs
        Log values, cells x genes, in CSR blocks.
    scale, shift
        By which genes are standardised, and weighted.
    spots
        Rows y of the spots, spots x genes.
    """

    def __init__(self, logs: Streamed, scale: Any, shift: Any, spots: npt.NDArray[Any]) -> None:
        self._logs = logs
        self._scale, self._shift = (np.asarray(values, dtype=np.float64) for values in (scale, shift))
        self._of_shift, self._of_one = spots @ self._shift, spots.sum(axis=1, dtype=np.float64)
        n_spots, n_genes = spots.shape
        self._tiles = np.zeros((-(-n_spots // _TILE), n_genes, _TILE), spots.dtype)
        for t, tile in enumerate(self._tiles):
            part = spots[t * _TILE : (t + 1) * _TILE]
            tile[:, : len(part)] = (part * self._scale).T

    def write(self, rows: slice | npt.NDArray[np.intp], out: npt.NDArray[Any]) -> None:
        """Write the correlations of these cells with all spots."""
        block: Any = self._logs[rows]
        data, genes, ends = block.data.astype(out.dtype, copy=False), block.indices, block.indptr
        mean, length = np.empty(len(out)), np.empty(len(out))
        _moments(data, genes, ends, self._scale, self._shift, mean, length)
        sums = np.empty(_TILE, out.dtype)
        for t, tile in enumerate(self._tiles):
            _products(data, genes, ends, tile, sums, out[:, t * _TILE : (t + 1) * _TILE])
        inverse = np.divide(1, length, out=np.zeros_like(length), where=length > 1e-6)
        out -= self._of_shift.astype(out.dtype)
        out -= np.outer(mean, self._of_one).astype(out.dtype)
        out *= inverse.astype(out.dtype)[:, None]


def sparse_rows(logs: Any, scale: Any, shift: Any, spots: npt.NDArray[Any]) -> SparseRows | None:
    """Return `SparseRows` of log values, if they can be read as CSR and most of them are 0; else None."""
    csr = logs.csr if isinstance(logs, Streamed) else None
    if csr is None:
        return None
    above = sum(block.nnz for _, block in csr.blocks())
    return SparseRows(csr, scale, shift, spots) if above <= _SPARSE * csr.shape[0] * csr.shape[1] else None
