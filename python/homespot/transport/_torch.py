"""The Sinkhorn passes with torch, on the CPU or a GPU: two products, or blocks of logarithms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from ..common.cuda import torch_threads
from ._buffer import MOST, require_plan
from ._range import Domain, lowest_exponent, within_range
from .costs import CorrelationCost, Cost

__all__ = ["TorchPasses"]

F64 = npt.NDArray[np.float64]

_ROWS = 1024  # block of a matrix product
_RANGE = 600.0  # largest logarithm of a mass that is summed without logarithms
_BLOCK = {"cpu": 2**20, "cuda": 2**26}  # elements of a temporary block


def _writer(cost: Cost, dtype: torch.dtype, device: str) -> Callable[[int, int, torch.Tensor], None]:
    """Return ``write(start, stop, out)``, which writes rows of the cost into a tensor of `dtype` on `device`.

    Correlations are computed on the device, to which the spots are sent once; other costs are written by
    NumPy.
    """
    if isinstance(cost, CorrelationCost):
        st = torch.tensor(cost.st, dtype=dtype, device=device)

        def write_correlations(start: int, stop: int, out: torch.Tensor) -> None:
            torch.matmul(torch.tensor(cost.sc[start:stop], dtype=dtype, device=device), st.T, out=out)
            if cost.absolute:
                out.abs_()
            out.neg_().add_(1).clamp_(min=0)

        return write_correlations
    numpy_dtype = torch.empty(0, dtype=dtype).numpy().dtype
    write = cost.writer(numpy_dtype)

    def write_rows(start: int, stop: int, out: torch.Tensor) -> None:
        block = np.empty((stop - start, cost.shape[1]), numpy_dtype)
        write(start, stop, block)
        out.copy_(torch.from_numpy(block))

    return write_rows


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
    """

    def __init__(
        self, cost: Cost, p: F64, keep: float, dtype: str, device: str, *, stored: bool = True
    ) -> None:
        m, n = cost.shape
        self._shape, self._dtype = (m, n), getattr(torch, dtype)
        self._name, self._device = dtype, device
        self._cost, self._keep = cost, keep
        self._write = _writer(cost, self._dtype, device)
        self._p = torch.tensor(p, device=device)
        self._buffer = None
        if stored:
            require_plan((m, n), dtype)  # the plan ends up in main memory
            if device != "cpu":
                require_plan((m, n), dtype, device)
            self._buffer = torch.empty((m, n), dtype=self._dtype, device=device)
        self._scale: float | None = None
        self._rows = torch.empty(m, dtype=torch.float64, device=device)
        self._weight = torch.ones_like(self._rows)
        self._log_mass = np.empty(n)
        self._domain: Domain = "kernel"
        self._epsilon = 1.0
        self._threads = torch_threads(m * n)

    def __enter__(self) -> Self:
        self._threads.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.__exit__(None, None, None)

    def _costs(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield blocks of rows and their costs, written anew."""
        m, n = self._shape
        for start in range(0, m, _ROWS):
            rows = slice(start, min(start + _ROWS, m))
            if self._buffer is None:
                block = torch.empty((rows.stop - start, n), dtype=self._dtype, device=self._device)
            else:
                block = self._buffer[rows]
            self._write(start, rows.stop, block)
            yield rows, block

    def _entries(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield blocks of rows and their entries of the kernel or, in the log domain, of D / epsilon."""
        if self._buffer is None:
            for rows, block in self._costs():
                self._transform(rows, block)
                yield rows, block
            return
        m, n = self._shape
        step = max(_BLOCK[self._device.partition(":")[0]] // n, 1)
        for start in range(0, m, step):
            rows = slice(start, min(start + step, m))
            yield rows, self._buffer[rows]

    def _transform(self, rows: slice, block: torch.Tensor) -> None:
        """Turn rows of the cost into the kernel or, in the log domain, into D / epsilon."""
        if self._domain == "log":
            block.mul_(1 / self._epsilon)
            return
        low = block.amin(1, keepdim=True)
        block.sub_(low).mul_(-1 / self._epsilon).clamp_(min=lowest_exponent(self._name)).exp_()
        self._weight[rows] = ((self._keep - 1) * (low[:, 0].double() / self._epsilon)).exp()

    def _potentials(self, g: F64) -> torch.Tensor:
        return torch.tensor(g, device=self._device)

    def fill(self) -> float:
        """Return the largest cost; write the cost into the buffer, if there is one."""
        if self._buffer is None and self._scale is not None:
            return self._scale
        largest = torch.tensor(-torch.inf, dtype=self._dtype, device=self._device)
        for _, block in self._costs():
            largest = torch.maximum(largest, block.max())
        self._scale = float(largest)
        return self._scale

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost into the kernel or, in the log domain, into D / epsilon."""
        self._domain, self._epsilon = domain, epsilon
        if self._buffer is not None:
            self._transform(slice(0, self._shape[0]), self._buffer)

    def sweep(self, g: F64) -> F64:
        """Fit the cells to the spots' potentials; return the logarithm of the spots' mass, shape (N,)."""
        potentials = self._potentials(g)
        if self._domain == "kernel":
            self._log_mass = self._sweep_kernel(potentials)
            return self._log_mass
        mass = torch.zeros_like(potentials)
        for rows, costs in self._entries():
            exponents = potentials - costs
            self._rows[rows] = self._keep * (self._p[rows].log() - exponents.logsumexp(1))
            exponents += self._rows[rows, None]
            mass += exponents.exp_().sum(0)
        log_mass = mass.log()
        lost = ~(log_mass.abs() < _RANGE)
        if lost.any():
            log_mass[lost] = self._log_columns(lost) + potentials[lost]
        self._log_mass = np.asarray(log_mass.cpu().numpy())
        return self._log_mass

    def _sweep_kernel(self, potentials: torch.Tensor) -> F64:
        b = potentials.exp().to(self._dtype)
        mass, every = torch.zeros_like(potentials), self._entries()
        if self._buffer is not None:
            every = iter([(slice(0, self._shape[0]), self._buffer)])
        for rows, kernel in every:
            a = self._weight[rows] * (self._p[rows] / (kernel @ b).double()) ** self._keep
            self._rows[rows] = a
            mass += (kernel.T @ a.to(self._dtype)).double()
        return np.asarray((mass * b).log_().cpu().numpy())

    def _log_columns(self, which: torch.Tensor) -> torch.Tensor:
        """Return log sum_i exp(f_i - D_ij / epsilon) of some spots, whatever its size."""
        found = torch.full((int(which.sum()),), -torch.inf, dtype=torch.float64, device=self._device)
        for rows, costs in self._entries():
            exponents = self._rows[rows, None] - costs[:, which]
            found = torch.logaddexp(found, exponents.logsumexp(0))
        return found

    def safe(self, g: F64) -> bool:
        """Whether the last sweep in the kernel domain was accurate."""
        return within_range(float(self._rows.min()), float(self._rows.max()), g, self._name)

    def _write_map(
        self, rows: slice, entries: torch.Tensor, potentials: torch.Tensor, out: torch.Tensor
    ) -> torch.Tensor:
        """Write these rows of P into `out`, and return their masses in the plan."""
        scalings = self._rows[rows]
        if self._domain == "log":
            exponents = potentials - entries
            log_sums = exponents.logsumexp(1)
            out.copy_((exponents - log_sums[:, None]).exp_())
            return (log_sums + scalings).clamp_(max=MOST).exp_()
        torch.mul(entries, potentials.exp().to(self._dtype), out=out)
        sums = out.sum(1, dtype=torch.float64)
        out.div_(sums.to(self._dtype)[:, None])
        return sums * scalings

    def change(self, g: F64, step: F64) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row, for P of the last sweep."""
        potentials, weights = self._potentials(g), self._potentials(np.abs(step)).to(self._dtype)
        largest = torch.zeros((), dtype=self._dtype, device=self._device)
        for rows, entries in self._entries():
            block = torch.empty_like(entries)
            self._write_map(rows, entries, potentials, block)
            largest = torch.maximum(largest, (block @ weights).max())
        return float(largest)

    def plan(self, g: F64) -> tuple[npt.NDArray[Any] | None, F64, F64]:
        """Return P of the last sweep, if it is stored, and the row and column sums of the plan."""
        if self._buffer is None and self._keep == 1:
            return None, np.asarray(self._p.cpu().numpy()), np.exp(self._log_mass)
        potentials = self._potentials(g)
        masses, column_sums = torch.empty_like(self._rows), torch.zeros_like(potentials)
        for rows, block in self._entries():
            masses[rows] = self._write_map(rows, block, potentials, block)
            column_sums += (masses[rows, None] * block).sum(0)
        matrix = None if self._buffer is None else self._buffer.cpu().numpy()
        return matrix, masses.cpu().numpy(), column_sums.cpu().numpy()
