"""Sinkhorn's iterates by torch, on the device of the passes: one crossing to main memory for every pass."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from ._anderson import FARTHEST, Extrapolation
from ._buffer import MOST
from ._range import within_range

__all__ = ["TorchIterates"]

F64 = npt.NDArray[np.float64]


def _beyond(points: list[torch.Tensor], steps: list[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    """Return c (dX + dS), as `homespot.transport._anderson` does, without waiting for the device."""
    dx, ds = torch.stack(points).diff(dim=0), torch.stack(steps).diff(dim=0)
    normal = (ds * weights) @ ds.T
    diagonal = normal.diagonal()
    diagonal.add_(1e-10 * diagonal.sum() + 1e-300)
    c = torch.linalg.solve_ex(normal, (ds * weights) @ steps[-1])[0]
    beyond: torch.Tensor = c @ (dx + ds)
    return beyond.mul_((FARTHEST / beyond.abs().max().clamp_(min=1e-300)).clamp_(max=1.0))


class Sweeps(Protocol):
    """The passes over the entries; see `homespot.transport._torch.TorchPasses`."""

    device: str
    dtype: str
    scalings: torch.Tensor
    lost: torch.Tensor

    def sweep(self, g: torch.Tensor) -> torch.Tensor: ...
    def rescued(self, g: torch.Tensor) -> torch.Tensor: ...
    def change(self, g: torch.Tensor, step: torch.Tensor) -> float: ...


class TorchIterates:
    """The potentials of the spots, like `homespot.transport._iterates.Iterates`.

    The numbers that decide what follows (error, largest step, range of the scalings) come to main memory
    together, once a pass.

    Parameters
    ----------
    passes
        The back end.
    log_q
        Logarithms of the masses of the spots, shape (N,).
    keep_cells, keep_spots
        1 - relaxation of the marginals.
    """

    def __init__(self, passes: Sweeps, log_q: F64, keep_cells: float, keep_spots: float) -> None:
        self._passes, self._keep = passes, (keep_cells, keep_spots)
        self._log_q = torch.as_tensor(log_q, device=passes.device)
        self.g = self._shape = torch.zeros_like(self._log_q)
        self._constant = torch.zeros((), dtype=self.g.dtype, device=self.g.device)
        self._extrapolate = Extrapolation(self._log_q.exp(), _beyond)

    def sweep(self) -> None:
        """Pass once over the entries, find the step, and look at what decides."""
        log_mass = self._passes.sweep(self.g)
        self._look(log_mass)
        if self._lost:
            self._look(self._passes.rescued(self.g))

    def _look(self, log_mass: torch.Tensor) -> None:
        step, rise, error = self._step(log_mass)
        self._found, self._rise = step, rise
        rows, g = self._passes.scalings, self.g
        numbers = [error, step.abs().max(), log_mass.isfinite().all(), self._passes.lost.any()]
        numbers += [rows.min(), rows.max(), g.min(), g.max()]
        seen = torch.stack([number.double() for number in numbers]).cpu().tolist()
        self._error, self._largest, finite, lost, low, high, g_low, g_high = seen
        self._lost = lost != 0
        self._finite, self._range = finite != 0, (low, high, np.array([g_low, g_high]))

    def _step(self, log_mass: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return step, rise and error; see `homespot.transport._iterates`."""
        keep_cells, keep_spots = self._keep
        step = keep_spots * (self._log_q - log_mass + self.g) - self.g
        log_share = log_mass - log_mass.logsumexp(0)
        shift = (log_share + step).logsumexp(0)
        exact = keep_cells == 1
        wanted = (log_share + step - shift if exact else log_share + step).clamp_(max=MOST).exp_()
        error = (wanted - log_share.exp()).abs_().sum()
        if exact:
            return step - shift, torch.zeros_like(shift), error
        both, most = keep_cells * keep_spots, shift.abs().clamp_(min=10.0)
        return step - shift, shift + (both / (1 - both) * shift).clamp(-most, most), error

    def accurate(self) -> bool:
        """Whether the last pass, in the kernel domain, was accurate."""
        return self._finite and within_range(*self._range, self._passes.dtype)

    def step(self) -> tuple[float, float]:
        """Return the error before the step, and the step's largest entry."""
        return self._error, self._largest

    def change(self) -> float:
        """Return the largest change that the step makes to a row of P (L1)."""
        return self._passes.change(self.g, self._found)

    def move(self) -> None:
        """Go to the next iterate."""
        self._shape = self._extrapolate(self._shape, self._found, self._error)
        self._constant = self._constant + self._rise
        self.g = self._shape + self._constant

    @property
    def potentials(self) -> F64:
        """The iterate in main memory."""
        return np.asarray(self.g.cpu().numpy())
