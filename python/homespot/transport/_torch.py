"""The Sinkhorn passes with torch, on the CPU or a GPU: two products, or blocks of logarithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from ..common.cuda import torch_threads
from ._buffer import MOST, require_plan
from ._range import lowest_exponent, within_range
from .costs import CorrelationCost, Cost
from .result import Domain

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
    """Passes over one M x N tensor, like `homespot.transport._cpu.CpuPasses`.

    Parameters
    ----------
    cost
        Shape (M, N).
    p
        Mass of the cells, shape (M,).
    keep
        1 - relaxation of the cells' marginal.
    dtype
        Type of the buffer.
    device
        ``"cpu"`` or ``"cuda:<index>"``.
    """

    def __init__(self, cost: Cost, p: F64, keep: float, dtype: str, device: str) -> None:
        m, n = cost.shape
        self._dtype: torch.dtype = getattr(torch, dtype)
        self._name, self._device = dtype, device
        require_plan((m, n), dtype)  # the plan ends up in main memory
        if device != "cpu":
            require_plan((m, n), dtype, device)
        self._cost, self._keep = cost, keep
        self._p = torch.tensor(p, device=device)
        self._buffer = torch.empty((m, n), dtype=self._dtype, device=device)
        self._rows = torch.empty(m, dtype=torch.float64, device=device)
        self._domain: Domain = "kernel"
        self._threads = torch_threads(self._buffer.numel())

    def __enter__(self) -> Self:
        self._threads.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.__exit__(None, None, None)

    def _blocks(self) -> list[slice]:
        m, n = self._buffer.shape
        step = max(_BLOCK[self._device.partition(":")[0]] // n, 1)
        return [slice(i, min(i + step, m)) for i in range(0, m, step)]

    def _potentials(self, g: F64) -> torch.Tensor:
        return torch.tensor(g, device=self._device)

    def fill(self) -> float:
        """Write the cost into the buffer and return its maximum."""
        write = _writer(self._cost, self._dtype, self._device)
        largest = torch.tensor(-torch.inf, dtype=self._dtype, device=self._device)
        for start in range(0, len(self._buffer), _ROWS):
            block = self._buffer[start : start + _ROWS]
            write(start, start + len(block), block)
            largest = torch.maximum(largest, block.max())
        return float(largest)

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost in the buffer into the kernel or, in the log domain, into D / epsilon."""
        self._domain = domain
        if domain == "log":
            self._buffer.mul_(1 / epsilon)
            return
        low = self._buffer.amin(1, keepdim=True)
        self._buffer.sub_(low).mul_(-1 / epsilon).clamp_(min=lowest_exponent(self._name)).exp_()
        self._weight = ((self._keep - 1) * (low[:, 0].double() / epsilon)).exp()

    def sweep(self, g: F64) -> F64:
        """Fit the cells to the spots' potentials; return the logarithm of the spots' mass, shape (N,)."""
        potentials = self._potentials(g)
        if self._domain == "kernel":
            b = potentials.exp().to(self._dtype)
            self._rows = self._weight * (self._p / (self._buffer @ b).double()) ** self._keep
            mass = (self._buffer.T @ self._rows.to(self._dtype)).double() * b
            return np.asarray(mass.log_().cpu().numpy())
        mass = torch.zeros_like(potentials)
        for rows in self._blocks():
            exponents = potentials - self._buffer[rows]
            self._rows[rows] = self._keep * (self._p[rows].log() - exponents.logsumexp(1))
            exponents += self._rows[rows, None]
            mass += exponents.exp_().sum(0)
        log_mass = mass.log()
        lost = ~(log_mass.abs() < _RANGE)
        if lost.any():
            log_mass[lost] = self._log_columns(lost) + potentials[lost]
        return np.asarray(log_mass.cpu().numpy())

    def _log_columns(self, which: torch.Tensor) -> torch.Tensor:
        """Return log sum_i exp(f_i - D_ij / epsilon) of some spots, whatever its size."""
        found = torch.full((int(which.sum()),), -torch.inf, dtype=torch.float64, device=self._device)
        for rows in self._blocks():
            exponents = self._rows[rows, None] - self._buffer[rows][:, which]
            found = torch.logaddexp(found, exponents.logsumexp(0))
        return found

    def safe(self, g: F64) -> bool:
        """Whether the last sweep in the kernel domain was accurate."""
        return within_range(float(self._rows.min()), float(self._rows.max()), g, self._name)

    def _write_map(self, rows: slice, potentials: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Write these rows of P into `out`, and return their masses in the plan."""
        block, scalings = self._buffer[rows], self._rows[rows]
        if self._domain == "log":
            exponents = potentials - block
            log_sums = exponents.logsumexp(1)
            out.copy_((exponents - log_sums[:, None]).exp_())
            return (log_sums + scalings).clamp_(max=MOST).exp_()
        torch.mul(block, potentials.exp().to(self._dtype), out=out)
        sums = out.sum(1, dtype=torch.float64)
        out.div_(sums.to(self._dtype)[:, None])
        return sums * scalings

    def change(self, g: F64, step: F64) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row, for P of the last sweep."""
        potentials, weights = self._potentials(g), self._potentials(np.abs(step)).to(self._dtype)
        largest = torch.zeros((), dtype=self._dtype, device=self._device)
        for rows in self._blocks():
            block = torch.empty_like(self._buffer[rows])
            self._write_map(rows, potentials, block)
            largest = torch.maximum(largest, (block @ weights).max())
        return float(largest)

    def plan(self, g: F64) -> tuple[npt.NDArray[Any], F64, F64]:
        """Turn the buffer into P of the last sweep; return it, and the row and column sums of the plan."""
        potentials = self._potentials(g)
        masses, column_sums = torch.empty_like(self._rows), torch.zeros_like(potentials)
        for rows in self._blocks():
            block = self._buffer[rows]
            masses[rows] = self._write_map(rows, potentials, block)
            column_sums += (masses[rows, None] * block).sum(0)
        return self._buffer.cpu().numpy(), masses.cpu().numpy(), column_sums.cpu().numpy()
