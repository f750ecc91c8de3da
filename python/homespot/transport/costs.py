"""Costs between cells and spots, computed in blocks of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.jit import compiled_in_order
from ..errors import InputError, expected
from ..matrix.streamed import Streamed

__all__ = ["CorrelationCost", "Cost", "MatrixCost", "Writer"]

Array = npt.NDArray[Any]
Writer = Callable[[int, int, Array], None]


class Cost(ABC):
    """A non-negative cost D, shape (M, N), that writes its rows into a given array.

    A solver prepares a writer once and calls it for block after block; no M x N array has to exist. A
    subclass needs `shape` and `writer`. With torch, correlations are computed on the device itself.
    """

    shape: tuple[int, int]
    concurrent = False
    """Whether a writer may be called from several threads at once."""

    @abstractmethod
    def writer(self, dtype: npt.DTypeLike) -> Writer:
        """Return ``write(start, stop, out)``, which writes D[start:stop] into `out` of the same shape."""

    def rows(self, index: npt.NDArray[np.intp], dtype: npt.DTypeLike) -> Array:
        """Return some rows of D, by their indices."""
        write, out = self.writer(dtype), np.empty((len(index), self.shape[1]), dtype)
        for k, row in enumerate(index.tolist()):
            write(row, row + 1, out[k : k + 1])
        return out


class MatrixCost(Cost):
    """A cost that is given as an array.

    Parameters
    ----------
    D
        Shape (M, N), finite and non-negative.
    """

    concurrent = True

    def __init__(self, D: npt.ArrayLike) -> None:
        self._D = _matrix(D, "the cost")
        smallest = float(self._D.min())
        if not smallest >= 0:
            raise InputError(
                expected(
                    "a cost that is nowhere negative or NaN",
                    f"a smallest entry of {smallest:g}",
                    "Subtract the smallest entry: a constant does not change the plan.",
                )
            )
        self.shape = self._D.shape

    def writer(self, dtype: npt.DTypeLike) -> Writer:  # noqa: ARG002
        """Return the function that copies rows."""

        def write(start: int, stop: int, out: Array) -> None:
            out[...] = self._D[start:stop]

        return write


class CorrelationCost(Cost):
    """One minus the correlation rho = sc @ st.T of cells and spots.

    Parameters
    ----------
    sc
        Expression of the cells, shape (M, K); every row is centred and has norm at most 1. Rows of a
        `homespot.matrix.Streamed` are read whenever a cost is written.
    st
        Expression of the spots, shape (N, K), with the same genes; every row as those of the cells.
    absolute
        Whether the cost is 1 - abs(rho), so that an anti-correlated spot costs as little as a correlated one.
    products
        Writes rho of some cells (a slice, or indices) into an array, where this takes less than the product
        of their rows; None: it does not.
    """

    def __init__(
        self,
        sc: npt.ArrayLike | Streamed,
        st: npt.ArrayLike,
        absolute: bool = False,
        products: Callable[[slice | npt.NDArray[np.intp], Array], None] | None = None,
    ) -> None:
        self.sc = sc if isinstance(sc, Streamed) else _unit_rows(sc, "sc")
        self.concurrent = self.sc.concurrent if isinstance(self.sc, Streamed) else True
        self.st = _unit_rows(st, "st")
        if self.sc.shape[1] != self.st.shape[1]:
            raise InputError(
                expected(
                    "sc and st over the same genes",
                    f"{self.sc.shape[1]} and {self.st.shape[1]} columns",
                    "Reduce both to their shared genes, in one order.",
                )
            )
        self.absolute, self._products = absolute, products
        self.shape = (self.sc.shape[0], self.st.shape[0])

    def writer(self, dtype: npt.DTypeLike) -> Writer:
        """Return the function that writes products of rows directly into the solver's buffer."""
        st = self.st.astype(dtype, copy=False)

        def write(start: int, stop: int, out: Array) -> None:
            self._write(slice(start, stop), st, out)

        return write

    def _write(self, rows: slice | npt.NDArray[np.intp], st: Array, out: Array) -> None:
        if self._products is None:
            np.matmul(self.sc[rows].astype(st.dtype, copy=False), st.T, out=out)
        else:
            self._products(rows, out)
        distances(out, self.absolute)

    def rows(self, index: npt.NDArray[np.intp], dtype: npt.DTypeLike) -> Array:
        """Return some rows of D, by one product."""
        out = np.empty((len(index), self.shape[1]), dtype)
        self._write(index, self.st.astype(dtype, copy=False), out)
        return out


@compiled_in_order
def distances(rho: Array, absolute: bool) -> None:
    """Turn correlations into max(1 - rho, 0), or max(1 - abs(rho), 0), in place and in one pass."""
    one, zero = rho.dtype.type(1), rho.dtype.type(0)
    m, n = rho.shape
    for i in range(m):
        row = rho[i]
        for j in range(n):
            r = abs(row[j]) if absolute else row[j]
            d = one - r
            row[j] = d if not d < zero else zero  # NaN stays NaN


def _matrix(x: npt.ArrayLike, name: str) -> Array:
    array = np.asarray(x)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InputError(
            expected(
                f"{name} to be a numeric matrix",
                f"shape {array.shape} of {array.dtype}",
                "Pass a two-dimensional array of numbers.",
            )
        )
    if min(array.shape) == 0:
        raise InputError(
            expected(f"{name} to have rows and columns", f"shape {array.shape}", "Pass at least one of each.")
        )
    return array


def _unit_rows(x: npt.ArrayLike, name: str) -> Array:
    array = _matrix(x, name)
    norm = np.sqrt(np.einsum("ij,ij->i", array, array, dtype=np.float64, casting="unsafe")).max()
    if not norm <= 1.001:
        raise InputError(
            expected(
                f"{name} with rows of norm 1 and without NaN",
                f"a largest norm of {norm:g}",
                "Subtract every row's mean and divide the row by its norm.",
            )
        )
    return array
