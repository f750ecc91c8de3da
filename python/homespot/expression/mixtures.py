"""Spots as mixtures: non-negative least squares of many spots at once, and factors between technologies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.jit import compiled_in_order
from .table import Floats

__all__ = ["linear", "mixtures", "technology_factors"]

F64 = npt.NDArray[np.float64]

_TECHNOLOGY = 0.3  # differences of a gene's logarithm of about this size are half the technology's
_HIGHEST = 20.0  # larger values are no logarithms, see `homespot.expression.scale`


def linear(x: Floats) -> Floats:
    """Return values on the log scale, log(1 + x), as x."""
    return np.asarray(np.expm1(np.minimum(x, _HIGHEST)))


def technology_factors(wanted: F64, found: F64) -> F64:
    """Return the factors that bring genes of the spots to what is expected of them, shrunken towards 1.

    With r the logarithm of the wanted over the found expression of a gene (less the mean of r over the found
    molecules), its factor is exp(r^3 / (r^2 + 0.3^2)): small differences count as chance.

    Parameters
    ----------
    wanted, found
        Expected and measured mean expression of every gene, on the linear scale.
    """
    low = 1e-3
    away = np.log((wanted + low * wanted.mean()) / (found + low * found.mean()))
    away -= away @ found / found.sum()
    return np.asarray(np.exp(away**3 / (away**2 + _TECHNOLOGY**2)))


@compiled_in_order
def mixtures(gram: Any, wanted: Any, start: Any, close: float, steps: int) -> Any:
    """Return the w >= 0 that minimises w G w / 2 - w h, for every row h of `wanted`, by coordinate descent.

    Parameters
    ----------
    gram
        G, groups x groups.
    wanted
        Rows x groups.
    start
        The weights from which every row starts, shape (groups,). A group without any expression keeps it.
    close
        A row ends when no weight changes its gradient by more than this share of its largest |h|.
    steps
        Largest number of passes over the groups.
    """
    n, k = wanted.shape
    found = np.empty((n, k))
    away = start @ gram
    for i in range(n):
        found[i] = start
        left = wanted[i] - away
        enough = close * np.abs(wanted[i]).max()
        for _ in range(steps):
            most = 0.0
            for j in range(k):
                if gram[j, j] <= 0.0:
                    continue
                step = max(0.0, found[i, j] + left[j] / gram[j, j]) - found[i, j]
                if step != 0.0:
                    found[i, j] += step
                    most = max(most, abs(step) * gram[j, j])
                    for m in range(k):
                        left[m] -= step * gram[j, m]
            if most <= enough:
                break
    return found
