"""The Sinkhorn passes with torch, on the CPU or a GPU: blocks of products, or of logarithms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from ..common.cuda import torch_work
from ..matrix.streamed import Streamed
from ._buffer import ROWS, require_plan
from ._loops import LARGEST
from ._range import Domain, lowest_exponent
from ._torch_iterates import TorchIterates
from ._torch_rows import TorchRows, rows_at_once, sent, writer
from .costs import CorrelationCost, Cost

__all__ = ["TorchPasses"]

F64 = npt.NDArray[np.float64]

_CPU_BLOCK = 2**20  # elements of a temporary block on the CPU
_BLOCKS = 3  # temporary blocks in float64, at once
_VECTORS = 40  # of a number in float64 for each cell and spot


def _weighted_sum(entries: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return weights' entries in float64; on a GPU from sums of `ROWS` rows, each in the entries' type."""
    if entries.device.type == "cpu":  # whose blocks have few rows
        return torch.mv(entries.T, weights).double()
    m, n = entries.shape
    whole = m - m % ROWS
    total = torch.zeros(n, dtype=torch.float64, device=entries.device)
    if whole:
        parts = torch.bmm(weights[:whole].view(-1, 1, ROWS), entries[:whole].view(-1, ROWS, n))
        total += parts[:, 0].sum(0, dtype=torch.float64)
    if whole < m:
        total += torch.mv(entries[whole:].T, weights[whole:])
    return total


class TorchPasses:
    """Passes over M x N entries, like `homespot.transport._cpu.CpuPasses`.

    Parameters
    ----------
    cost
        Shape (M, N).
    p
        Mass of the cells, shape (M,).
    keep
        1 - relaxation of the cells' marginal.
    dtype
        Type of the entries.
    device
        ``"cpu"`` or ``"cuda:<index>"``.
    stored
        Whether to store the entries.
    fetch
        Whether P, if it is stored, comes to main memory.

    Attributes
    ----------
    scalings
        Scalings a of the cells, or their potentials f in the log domain, shape (M,).
    lost
        Which spots have a mass outside the range of the last pass in the log domain, shape (N,).
    """

    scalings: torch.Tensor
    lost: torch.Tensor

    def __init__(
        self,
        cost: Cost,
        p: F64,
        keep: float,
        dtype: str,
        device: str,
        *,
        stored: bool = True,
        fetch: bool = True,
    ) -> None:
        self._shape, self._cost, self._given, self._keep = cost.shape, cost, p, keep
        self.dtype, self.device, self._stored, self._fetch = dtype, device, stored, stored and fetch
        self._step = rows_at_once(*cost.shape, device)
        self._scale: float | None = None
        self._of = TorchRows("kernel", 1.0, dtype)

    def __enter__(self) -> Self:
        (m, n), device = self._shape, self.device
        if self._fetch:
            require_plan((m, n), self.dtype)
        if device != "cpu":
            self._require()
        with ExitStack() as stack:
            stack.enter_context(torch_work(device, m * n))
            self._write = writer(self._cost, self.dtype, device, often=not self._stored)
            self._p = sent(self._given, "float64", device)
            self._buffer = torch.empty((m, n), dtype=self._of.type, device=device) if self._stored else None
            self.scalings = torch.empty(m, dtype=torch.float64, device=device)
            self._weight = torch.ones_like(self.scalings)
            self.lost = torch.zeros(n, dtype=torch.bool, device=device)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # An exception would keep this object, and with it the memory of the card.
        for name in ("_write", "_p", "_buffer", "scalings", "_weight", "lost", "_log_mass"):
            self.__dict__.pop(name, None)
        self._stack.close()

    def _require(self) -> None:
        """Refuse entries, features and blocks that do not fit into the memory of a GPU."""
        cost, n = self._cost, self._shape[1]
        genes = cells_sent = 0
        if isinstance(cost, CorrelationCost):
            genes, cells_sent = cost.st.shape[1], int(not isinstance(cost.sc, Streamed))

        def needed(cells: int, itemsize: int, stored: bool) -> float:
            entries = cells * n if stored else 0
            features = genes * (n if stored else n + cells_sent * cells)
            blocks = _BLOCKS * rows_at_once(cells, n, self.device) * n
            return itemsize * (entries + features) + 8 * (blocks + _VECTORS * (cells + n))

        require_plan(self._shape, self.dtype, self.device, needed, stored=self._stored)

    def _costs(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield blocks of rows and their costs, written anew."""
        buffer, step = self._buffer, self._step
        room = torch.empty(
            (step, self._shape[1]) if buffer is None else 0, dtype=self._of.type, device=self.device
        )
        for rows in self._blocks(step):
            block = room[: rows.stop - rows.start] if buffer is None else buffer[rows]
            self._write(rows.start, rows.stop, block)
            yield rows, block

    def _blocks(self, step: int) -> Iterator[slice]:
        m = self._shape[0]
        return (slice(start, min(start + step, m)) for start in range(0, m, step))

    def _stored_blocks(self, buffer: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield blocks of the buffer; those on the CPU stay in its cache."""
        step = self._step if self.device != "cpu" else max(_CPU_BLOCK // self._shape[1], 1)
        return ((rows, buffer[rows]) for rows in self._blocks(step))

    def _entries(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield blocks of rows and their entries of the kernel or, in the log domain, of D / epsilon."""
        if self._buffer is not None:
            yield from self._stored_blocks(self._buffer)
            return
        for rows, block in self._costs():
            self._transform(rows, block)
            yield rows, block

    def _transform(self, rows: slice, block: torch.Tensor) -> None:
        """Turn rows of the cost into the kernel or, in the log domain, into D / epsilon."""
        low = self._of.prepare(block)
        if low is not None:
            self._weight[rows] = ((self._keep - 1) * low).exp()

    def fill(self) -> float:
        """Return the largest cost; write the cost into the buffer, if there is one."""
        if self._buffer is None and self._scale is not None:
            return self._scale
        largest = torch.full((), -torch.inf, dtype=self._of.type, device=self.device)
        for _, block in self._costs():
            largest = torch.maximum(largest, block.max())
        self._scale = float(largest)
        return self._scale

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost into the kernel or, in the log domain, into D / epsilon."""
        self._of = TorchRows(domain, epsilon, self.dtype)
        if self._buffer is not None:
            for rows, block in self._stored_blocks(self._buffer):
                self._transform(rows, block)

    def iterates(self, q: F64, keep_spots: float) -> TorchIterates:
        """Return the iterates for spots of the mass q."""
        return TorchIterates(self, np.log(q), self._keep, keep_spots)

    def sweep(self, g: torch.Tensor) -> torch.Tensor:
        """Fit the cells to the spots' potentials; return the logarithm of the spots' mass, shape (N,)."""
        mass = torch.zeros_like(g)
        if self._of.domain == "kernel":
            b = g.exp().to(self._of.type)
            for rows, kernel in self._entries():
                sums = torch.mv(kernel, b).double()
                self.scalings[rows] = a = self._weight[rows] * (self._p[rows] / sums) ** self._keep
                mass += _weighted_sum(kernel, a.to(self._of.type))
            self._log_mass = (mass * b).log_()
            return self._log_mass
        top = torch.full((), -torch.inf, dtype=torch.float64, device=self.device)
        for rows, costs in self._entries():
            entries, largest, sums = self._of.powers(costs, g)
            self.scalings[rows] = f = self._keep * (self._p[rows].log() - largest - sums.log())
            top = torch.maximum(top, (f + largest).max())
            # With a relaxed marginal, a row's mass has no bound before convergence.
            mass += _weighted_sum(entries, (f + largest).clamp_(max=LARGEST).exp_().to(self._of.type))
        self.lost = (mass < _lowest_mass(top, self._shape[0], self.dtype)) | (top > LARGEST)
        self._log_mass = mass.log_()
        return self._log_mass

    def rescued(self, g: torch.Tensor) -> torch.Tensor:
        """Return what the last pass returned, with the mass of spots that were `lost` by logarithms."""
        which = self.lost
        found = torch.full((int(which.sum()),), -torch.inf, dtype=torch.float64, device=self.device)
        for rows, costs in self._entries():
            exponents = self.scalings[rows, None] - costs[:, which]
            found = torch.logaddexp(found, exponents.logsumexp(0))
        self._log_mass[which] = found + g[which]
        return self._log_mass

    def change(self, g: torch.Tensor, step: torch.Tensor) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row, for P of the last sweep."""
        weights = step.abs().to(self._of.type)
        largest = torch.zeros((), dtype=self._of.type, device=self.device)
        for _, entries in self._entries():
            largest = torch.maximum(largest, torch.mv(self._of.softmax(entries, g)[0], weights).max())
        return float(largest)

    def plan(self, g: torch.Tensor) -> tuple[npt.NDArray[Any] | None, F64, F64]:
        """Return P of the last sweep, if it is to come here, and the row and column sums of the plan."""
        if not self._fetch and self._keep == 1:
            return None, self._given, np.asarray(self._log_mass.exp().cpu().numpy())
        masses, column_sums = torch.empty_like(self.scalings), torch.zeros_like(g)
        for rows, entries in self._entries():
            block, sums = self._of.softmax(entries, g)
            masses[rows] = self._of.masses(sums, self.scalings[rows])
            column_sums += (masses[rows, None] * block).sum(0)
            if self._buffer is not None and self._fetch:
                self._buffer[rows] = block
        matrix = self._buffer.cpu().numpy() if self._buffer is not None and self._fetch else None
        return matrix, masses.cpu().numpy(), column_sums.cpu().numpy()


def _lowest_mass(top: torch.Tensor, n_rows: int, dtype: str) -> torch.Tensor:
    """Return what `homespot.transport._range.lowest_mass` does, on the device."""
    return 1e4 * n_rows * (top.clamp(min=0) + lowest_exponent(dtype)).exp()
