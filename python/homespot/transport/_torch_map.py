"""P on a GPU: its rows are made there when they are read, and its largest entries are picked there."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from ..common.cuda import torch_work
from ..matrix.streamed import Streamed, by_blocks
from ._torch_rows import TorchRows, Writer, rows_at_once, sent, writer
from .costs import Cost

__all__ = ["on_device"]

F64 = npt.NDArray[np.float64]


def largest(p: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the columns, in order, of the k largest entries of every row, and the entries.

    Of entries that are equal, those of the lower columns are kept, as `homespot.matrix.best.Best` keeps them.
    """
    values, columns = p.topk(min(k + 1, p.shape[1]), dim=1)
    columns = columns[:, :k]
    if p.shape[1] > k and (tied := values[:, k - 1] == values[:, k]).any():
        rows, least = p[tied], values[tied, k - 1, None]
        above, equal = rows > least, rows == least
        kept = above | (equal & (equal.cumsum(1) <= k - above.sum(1, keepdim=True)))
        columns[tied] = kept.nonzero()[:, 1].view(-1, k)
    columns = columns.sort(dim=1)[0]
    return columns, p.gather(1, columns)


class _DeviceRows:
    """Rows of P from the spots' potentials, made on a device.

    What they are made of is sent there when the first row is read, and stays as long as this object.
    """

    def __init__(self, cost: Cost, potentials: F64, of: TorchRows, device: str) -> None:
        self._cost, self._potentials, self._of, self._device = cost, potentials, of, device

    @cached_property
    def _sent(self) -> tuple[Writer, torch.Tensor]:
        write = writer(self._cost, self._of.dtype, self._device, often=True)
        return write, sent(self._potentials, "float64", self._device)

    def _rows(self, start: int, stop: int) -> torch.Tensor:
        write, g = self._sent
        block = torch.empty((stop - start, len(g)), dtype=self._of.type, device=self._device)
        write(start, stop, block)
        self._of.prepare(block)
        return self._of.softmax(block, g)[0]

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return rows of P in main memory."""
        with torch_work(self._device):
            return np.asarray(self._rows(start, stop).cpu().numpy())

    def best(self, k: int) -> sparse.csr_matrix:
        """Return the k largest entries of every row; no others leave the device."""
        m, n = self._cost.shape
        k, step = min(k, n), rows_at_once(m, n, self._device)
        with torch_work(self._device):
            columns = torch.empty((m, k), dtype=torch.int32, device=self._device)
            values = torch.empty((m, k), dtype=self._of.type, device=self._device)
            for start in range(0, m, step):
                rows = slice(start, min(start + step, m))
                columns[rows], values[rows] = largest(self._rows(rows.start, rows.stop), k)
            found = values.cpu().numpy().ravel(), columns.cpu().numpy().ravel()
        return sparse.csr_matrix((*found, np.arange(0, m * k + 1, k)), shape=(m, n))


def on_device(cost: Cost, potentials: F64, of: TorchRows, device: str) -> Streamed:
    """Return P, cells x spots, as a matrix whose rows a device makes when they are read."""
    (m, n), rows = cost.shape, _DeviceRows(cost, potentials, of, device)
    step = rows_at_once(m, n, device)
    ends = [min(start + step, m) for start in range(0, m, step)]
    found = by_blocks(lambda k: rows.read(k * step, ends[k]), ends, (m, n), np.dtype(of.dtype), False)
    return replace(found, best=rows.best)
