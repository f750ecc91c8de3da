"""How torch makes rows of the cost, and turns them into rows of P, on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from ..common.device import block_elements
from ..matrix.streamed import Streamed
from ._buffer import MOST, ROWS
from ._range import Domain, lowest_exponent
from .costs import CorrelationCost, Cost

__all__ = ["TorchRows", "Writer", "rows_at_once", "sent", "writer"]

Writer = Callable[[int, int, torch.Tensor], None]

_CPU_ROWS = 1024  # of a product on the CPU


def rows_at_once(m: int, n: int, device: str) -> int:
    """Return how many rows of M x N entries are computed at once: on a GPU whole groups of `ROWS`."""
    if device == "cpu":
        return _CPU_ROWS
    return min(max(block_elements(m * n) // (n * ROWS), 1) * ROWS, m)


def sent(x: Any, dtype: str, device: str) -> torch.Tensor:
    """Return an array as a tensor on a device.

    torch takes neither reversed views, nor the other order of bytes, nor long doubles, nor what is read-only.
    """
    array = np.ascontiguousarray(x, dtype=dtype)
    return torch.from_numpy(array if array.flags.writeable else array.copy()).to(device)


def writer(cost: Cost, dtype: str, device: str, *, often: bool) -> Writer:
    """Return ``write(start, stop, out)``, which writes rows of the cost into a tensor of `dtype` on `device`.

    Correlations are computed on the device, to which the spots are sent once, and the cells too if rows are
    written `often` and they are in main memory. Other costs are written by NumPy.
    """
    if not isinstance(cost, CorrelationCost):
        write = cost.writer(dtype)

        def write_rows(start: int, stop: int, out: torch.Tensor) -> None:
            block = np.empty((stop - start, cost.shape[1]), dtype)
            write(start, stop, block)
            out.copy_(torch.from_numpy(block))

        return write_rows

    st, sc = sent(cost.st, dtype, device), cost.sc
    whole = None if isinstance(sc, Streamed) or not often else sent(sc, dtype, device)

    def write_correlations(start: int, stop: int, out: torch.Tensor) -> None:
        rows = sent(sc[start:stop], dtype, device) if whole is None else whole[start:stop]
        torch.matmul(rows, st.T, out=out)
        if cost.absolute:
            out.abs_()
        out.neg_().add_(1).clamp_(min=0)

    return write_correlations


class TorchRows(NamedTuple):
    """How rows of the cost become rows of P; like `homespot.transport._buffer.Rows`.

    Parameters
    ----------
    domain
        ``"kernel"`` or ``"log"``.
    epsilon
        The regularisation, in the unit of the cost.
    dtype
        Type of the rows.
    """

    domain: Domain
    epsilon: float
    dtype: str

    @property
    def type(self) -> torch.dtype:
        """The type of the rows, as torch has it."""
        found: torch.dtype = getattr(torch, self.dtype)
        return found

    def prepare(self, block: torch.Tensor) -> torch.Tensor | None:
        """Turn rows of the cost into the kernel, and return low / epsilon, or into D / epsilon."""
        if self.domain == "log":
            block.mul_(1 / self.epsilon)
            return None
        low = block.amin(1, keepdim=True)
        block.sub_(low).mul_(-1 / self.epsilon).clamp_(min=lowest_exponent(self.dtype)).exp_()
        return low[:, 0].double() / self.epsilon

    def powers(self, costs: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return exp(g_j - D_ij - m_i), the largest exponents m of the rows, and the sums of the rows.

        Exponents are float64: they are as large as the inverse regularisation, and their small differences
        matter.
        """
        exponents = g - costs
        largest = exponents.amax(1)
        entries = exponents.sub_(largest[:, None]).to(self.type).exp_()
        return entries, largest, entries.sum(1).double()

    def softmax(self, entries: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows of P, and what `masses` needs of their sums."""
        if self.domain == "log":
            block, largest, sums = self.powers(entries, g)
            return block.div_(sums.to(self.type)[:, None]), largest + sums.log()
        block = entries * g.exp().to(self.type)
        sums = block.sum(1, dtype=torch.float64)
        return block.div_(sums.to(self.type)[:, None]), sums

    def masses(self, sums: torch.Tensor, scalings: torch.Tensor) -> torch.Tensor:
        """Return the masses of rows in the plan, from what `softmax` returns and the rows' scalings."""
        if self.domain == "log":
            return (sums + scalings).clamp_(max=MOST).exp_()
        return sums * scalings
