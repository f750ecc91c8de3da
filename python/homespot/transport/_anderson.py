"""Anderson's extrapolation of a fixed-point iteration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Extrapolation"]

F64 = npt.NDArray[np.float64]

_MEMORY = 5
_WORSE = 2.0  # the error may grow by this much over the best before the memory is dropped


class Extrapolation:
    """Combines the last steps so that what they leave is smallest.

    For iterates x_k with steps s_k (the plain iteration is x + s), the next one is

        x + s - c (dX + dS),    c = argmin |s - c dS|,

    dX and dS being the differences of the last iterates and steps (Walker & Ni 2011). After an error well
    above the best one, plain steps, which always converge, take over.

    Parameters
    ----------
    weights
        Of the entries of a step in its norm, shape (N,).
    """

    def __init__(self, weights: F64) -> None:
        self._weights = weights
        self._points: list[F64] = []
        self._steps: list[F64] = []
        self._best = np.inf

    def __call__(self, x: F64, step: F64, error: float) -> F64:
        """Return the next iterate, shape (N,)."""
        if error > _WORSE * self._best:
            self._points, self._steps = [], []
        self._best = min(self._best, error)
        self._points = [*self._points, x][-_MEMORY - 1 :]
        self._steps = [*self._steps, step][-_MEMORY - 1 :]
        if len(self._steps) == 1:
            return x + step
        dx, ds = np.diff(self._points, axis=0), np.diff(self._steps, axis=0)
        # einsum, not a product of matrices: its order of summation does not depend on threads.
        normal = np.einsum("ij,kj->ik", ds * self._weights, ds)
        normal[np.diag_indices_from(normal)] += 1e-10 * np.trace(normal) + 1e-300
        c = np.linalg.solve(normal, np.einsum("ij,j->i", ds * self._weights, step))
        combined: F64 = x + step - np.einsum("i,ij->j", c, dx + ds)
        return combined
