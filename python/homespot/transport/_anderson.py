"""Anderson's extrapolation of a fixed-point iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FARTHEST", "Extrapolation"]

F64 = npt.NDArray[np.float64]

_MEMORY = 5
_WORSE = 5.0  # past steps are forgotten if the error exceeds the best one by this factor
FARTHEST = 5.0
"""Largest change of an entry beyond its plain step."""


def _beyond(points: list[F64], steps: list[F64], weights: F64) -> F64:
    """Return c (dX + dS) of the last iterates and steps, cut to `FARTHEST`."""
    dx, ds = np.diff(points, axis=0), np.diff(steps, axis=0)
    # einsum instead of a matrix product, because its order of summation does not depend on threads.
    normal = np.einsum("ij,kj->ik", ds * weights, ds)
    normal[np.diag_indices_from(normal)] += 1e-10 * np.trace(normal) + 1e-300
    c = np.linalg.solve(normal, np.einsum("ij,j->i", ds * weights, steps[-1]))
    beyond: F64 = np.einsum("i,ij->j", c, dx + ds)
    beyond *= min(1.0, FARTHEST / max(float(np.abs(beyond).max()), 1e-300))
    return beyond


class Extrapolation:
    """Combine the last steps so that the residual is smallest.

    For iterates x_k with steps s_k (the plain iteration is x + s), the next one is

        x + s - c (dX + dS),    c = argmin |s - c dS|,

    where dX and dS are the differences of the last iterates and steps (Walker & Ni 2011). If the error grows,
    plain steps follow for a while, and for twice as long the next time, so that the convergence of the plain
    iteration is kept.

    Parameters
    ----------
    weights
        Weights of the entries of a step in its norm, shape (N,).
    beyond
        What returns c (dX + dS) for the vectors that are given.
    """

    def __init__(self, weights: Any, beyond: Callable[[list[Any], list[Any], Any], Any] = _beyond) -> None:
        self._weights, self._beyond = weights, beyond
        self._points: list[Any] = []
        self._steps: list[Any] = []
        self._best = np.inf
        self._plain, self._pause = 0, 4

    def __call__(self, x: Any, step: Any, error: float) -> Any:
        """Return the next iterate, shape (N,)."""
        if self._plain == 0 and error > _WORSE * self._best:
            self._points, self._steps = [], []
            self._plain, self._pause = self._pause, 2 * self._pause
        self._best = min(self._best, error)
        if self._plain > 0:
            self._plain -= 1
            return x + step
        self._points = [*self._points, x][-_MEMORY - 1 :]
        self._steps = [*self._steps, step][-_MEMORY - 1 :]
        if len(self._steps) == 1:
            return x + step
        return x + step - self._beyond(self._points, self._steps, self._weights)
