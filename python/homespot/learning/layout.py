"""Which spots the columns of C stand for, and the products of rows of C or P that follow from it."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from scipy import sparse

from ..common.device import block_elements

__all__ = ["AllSpots", "Candidates", "Layout", "most_correlated"]

_LOOKED_AT = 2**22  # correlations that are held at once on the CPU


class Block(ABC):
    """Rows of C, or of P: "weights" of some cells for the spots of their columns."""

    @abstractmethod
    def add_sums(self, out: torch.Tensor, weights: torch.Tensor, values: torch.Tensor) -> None:
        """Add the values of the cells, by their weights, to the sums at every spot."""

    @abstractmethod
    def add_masses(self, mass: torch.Tensor, p: torch.Tensor) -> None:
        """Add P to its column sums."""

    @abstractmethod
    def of_spots(self, x: torch.Tensor) -> torch.Tensor:
        """Return a number of every spot as it is added to all rows."""

    @abstractmethod
    def products(self, values: torch.Tensor, of_spots: torch.Tensor, plus: torch.Tensor) -> torch.Tensor:
        """Return `plus` and the product of the values of each cell and each spot."""

    @abstractmethod
    def spread(self, weights: torch.Tensor, of_spots: torch.Tensor, out: torch.Tensor) -> None:
        """Sum the values of the spots, by the weights of every cell, into `out`."""

    @abstractmethod
    def spots(self, columns: torch.Tensor) -> torch.Tensor:
        """Return the spot of one column of every cell."""


class Layout(ABC):
    """Which spots the columns of C stand for."""

    n_spots: int

    @abstractmethod
    def block(self, rows: slice) -> Block:
        """Return some rows."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""

    @abstractmethod
    def matrix(self, p: torch.Tensor) -> Any:
        """Return P, in the layout of C, as a matrix of NumPy or SciPy, cells x spots."""


class _AllOfThem(Block):
    def add_sums(self, out: torch.Tensor, weights: torch.Tensor, values: torch.Tensor) -> None:
        out.addmm_(weights.T, values)

    def add_masses(self, mass: torch.Tensor, p: torch.Tensor) -> None:
        mass += p.sum(0)

    def of_spots(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def products(self, values: torch.Tensor, of_spots: torch.Tensor, plus: torch.Tensor) -> torch.Tensor:
        return torch.addmm(plus, values, of_spots.T)

    def spread(self, weights: torch.Tensor, of_spots: torch.Tensor, out: torch.Tensor) -> None:
        torch.mm(weights, of_spots, out=out)

    def spots(self, columns: torch.Tensor) -> torch.Tensor:
        return columns


class AllSpots(Layout):
    """A column for every spot, in order.

    Parameters
    ----------
    n_spots
        N.
    """

    def __init__(self, n_spots: int) -> None:
        self.n_spots = n_spots

    def block(self, rows: slice) -> Block:  # noqa: ARG002
        """Return some rows."""
        return _AllOfThem()

    def state(self) -> dict[str, Any]:
        """Return nothing: the shape of C says it."""
        return {}

    def matrix(self, p: torch.Tensor) -> Any:
        """Return P as an array."""
        return p.cpu().numpy()


def _csr(
    ends: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    return torch.sparse_csr_tensor(ends, columns, values, shape, check_invariants=False)


def _hear_torch_out() -> None:
    """Let torch say that its CSR matrices are new, which it does once, where nobody hears it."""
    with warnings.catch_warnings(action="ignore"):
        _csr(torch.tensor([0, 1]), torch.tensor([0]), torch.tensor([1.0]), (1, 1))


_hear_torch_out()


class _SomeOfThem(Block):
    """Products are those of sparse matrices, and every sum has a fixed order.

    Parameters
    ----------
    candidates
        The spot of every column, cells x k.
    n_spots
        N.
    """

    def __init__(self, candidates: torch.Tensor, n_spots: int) -> None:
        self._candidates, self._n_spots = candidates, n_spots
        m, k = candidates.shape
        self._row_ends = torch.arange(0, m * k + 1, k, dtype=candidates.dtype, device=candidates.device)
        spots, order = candidates.flatten().sort(stable=True)
        every = torch.arange(n_spots + 1, dtype=candidates.dtype, device=candidates.device)
        self._order = order.to(candidates.dtype)
        self._column_ends = torch.searchsorted(spots, every, out_int32=True)

    def _sparse(self, weights: torch.Tensor) -> torch.Tensor:
        shape = len(weights), self._n_spots
        return _csr(self._row_ends, self._candidates.flatten(), weights.flatten(), shape)

    def _transposed(self, weights: torch.Tensor) -> torch.Tensor:
        m, k = weights.shape
        cells = self._order.div(k, rounding_mode="floor")
        values = weights.flatten().index_select(0, self._order)
        return _csr(self._column_ends, cells, values, (self._n_spots, m))

    def add_sums(self, out: torch.Tensor, weights: torch.Tensor, values: torch.Tensor) -> None:
        out.addmm_(self._transposed(weights), values)

    def add_masses(self, mass: torch.Tensor, p: torch.Tensor) -> None:
        mass[:, None].addmm_(self._transposed(p), p.new_ones(len(p), 1))

    def of_spots(self, x: torch.Tensor) -> torch.Tensor:
        return x.index_select(0, self._candidates.flatten()).view(self._candidates.shape)

    def products(self, values: torch.Tensor, of_spots: torch.Tensor, plus: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.sparse.sampled_addmm(self._sparse(plus), values, of_spots.T).values()
        return found.view(plus.shape)

    def spread(self, weights: torch.Tensor, of_spots: torch.Tensor, out: torch.Tensor) -> None:
        torch.mm(self._sparse(weights), of_spots, out=out)

    def spots(self, columns: torch.Tensor) -> torch.Tensor:
        return self._candidates.gather(1, columns[:, None])[:, 0].long()


class Candidates(Layout):
    """A column for each of k spots of every cell; P is 0 at all others.

    Parameters
    ----------
    spots
        The spots, cells x k, whole numbers of 32 bits in ascending order in every row.
    n_spots
        N.
    """

    def __init__(self, spots: torch.Tensor, n_spots: int) -> None:
        self._spots, self.n_spots = spots, n_spots
        self._blocks: dict[tuple[int, int], Block] = {}

    def block(self, rows: slice) -> Block:
        """Return some rows; they are sorted by spots once."""
        key = rows.start, rows.stop
        if key not in self._blocks:
            self._blocks[key] = _SomeOfThem(self._spots[rows], self.n_spots)
        return self._blocks[key]

    def state(self) -> dict[str, Any]:
        """Return the candidates."""
        return {"candidates": self._spots}

    def matrix(self, p: torch.Tensor) -> Any:
        """Return P as CSR."""
        m, k = p.shape
        columns, values = self._spots.cpu().numpy().ravel(), p.cpu().numpy().ravel()
        return sparse.csr_matrix((values, columns, np.arange(0, m * k + 1, k)), shape=(m, self.n_spots))


def most_correlated(cells: torch.Tensor, spots: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k most correlated spots of every cell, and their correlations, both cells x k.

    The correlations of all pairs are made block by block, and never held together.

    Parameters
    ----------
    cells, spots
        Rows over the same genes, each centred and of norm 1.
    k
        How many spots; those of a cell are in ascending order.
    """
    m, n = len(cells), len(spots)
    found = torch.empty(m, k, dtype=torch.int32, device=cells.device)
    rho = cells.new_empty(m, k)
    step = math.ceil((_LOOKED_AT if cells.device.type == "cpu" else block_elements(m * n)) / n)
    for rows in (slice(i, min(i + step, m)) for i in range(0, m, step)):
        block = torch.mm(cells[rows], spots.T)
        best = block.topk(k, dim=1, sorted=False).indices.sort(dim=1).values
        found[rows] = best.to(found.dtype)
        torch.gather(block, 1, best, out=rho[rows])
    return found, rho
