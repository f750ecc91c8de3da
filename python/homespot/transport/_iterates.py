"""Sinkhorn's iterates: the potentials of the spots from pass to pass, by NumPy."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ._anderson import Extrapolation
from ._buffer import MOST

__all__ = ["Iterates", "Sweeps"]

F64 = npt.NDArray[np.float64]


class Sweeps(Protocol):
    """The passes over the entries; see `homespot.transport._cpu.CpuPasses`."""

    def sweep(self, g: F64) -> F64: ...
    def safe(self, g: F64) -> bool: ...
    def change(self, g: F64, step: F64) -> float: ...


class _Step(NamedTuple):
    """Sinkhorn's step of the spots' potentials, and what it says of the plan before it.

    Parameters
    ----------
    step
        Change of the potentials without a constant for all spots, shape (N,). It is what changes P.
    rise
        The constant, which changes the mass of the plan.
    error
        L1 distance between the spots' mass and their target, as a share of the plan's mass.
    """

    step: F64
    rise: float
    error: float


def _step(g: F64, log_mass: F64, log_q: F64, keep_cells: float, keep_spots: float) -> _Step:
    """Return Sinkhorn's step from the logarithms of the spots' mass.

    A constant c added to g scales the plan by exp((1 - keep_cells) c). If the cells' marginal is exact, the
    constant has no effect and is left out. If both marginals are relaxed, its error would shrink only by a
    factor of keep_cells keep_spots per step, so it is set at once to the sum of this series.
    """
    step = keep_spots * (log_q - log_mass + g) - g
    total = np.logaddexp.reduce(log_mass)
    log_share = log_mass - total
    shift = float(np.logaddexp.reduce(log_share + step))
    exact = keep_cells == 1
    wanted = np.exp(np.minimum(log_share + step - (shift if exact else 0), MOST))
    error = float(np.abs(wanted - np.exp(log_share)).sum())
    if exact:
        return _Step(step - shift, 0.0, error)
    both, most = keep_cells * keep_spots, max(10.0, abs(shift))
    return _Step(step - shift, shift + float(np.clip(both / (1 - both) * shift, -most, most)), error)


class Iterates:
    """The potentials g of the spots: a pass, Sinkhorn's step from it, and where the step leads.

    Parameters
    ----------
    passes
        The back end.
    q
        Mass of the spots, shape (N,).
    keep_cells, keep_spots
        1 - relaxation of the marginals.

    Attributes
    ----------
    g
        Shape (N,), in units of epsilon.
    """

    def __init__(self, passes: Sweeps, q: F64, keep_cells: float, keep_spots: float) -> None:
        self._passes, self._log_q, self._keep = passes, np.log(q), (keep_cells, keep_spots)
        # The constant stays out of the extrapolation: it can be as large as the inverse relaxation.
        self.g = self._shape = np.zeros(len(q))
        self._constant = 0.0
        self._extrapolate = Extrapolation(q)

    def sweep(self) -> None:
        """Pass once over the entries."""
        self._log_mass = self._passes.sweep(self.g)

    def accurate(self) -> bool:
        """Whether the last pass, in the kernel domain, was accurate."""
        return self._passes.safe(self.g) and bool(np.isfinite(self._log_mass).all())

    def step(self) -> tuple[float, float]:
        """Find the step; return the error before it, and its largest entry."""
        self._found = _step(self.g, self._log_mass, self._log_q, *self._keep)
        return self._found.error, float(np.abs(self._found.step).max())

    def change(self) -> float:
        """Return the largest change that the step makes to a row of P (L1)."""
        return self._passes.change(self.g, self._found.step)

    def move(self) -> None:
        """Go to the next iterate."""
        self._shape = self._extrapolate(self._shape, self._found.step, self._found.error)
        self._constant += self._found.rise
        self.g = self._shape + self._constant

    @property
    def potentials(self) -> F64:
        """The iterate in main memory."""
        return self.g
