"""What a transport solver returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "TransportResult"]

Domain = Literal["kernel", "log"]


@dataclass(frozen=True)
class TransportResult:
    """A transport plan, and how the solver ended.

    Attributes
    ----------
    matrix
        The plan T, shape (M, N): mass that goes from cell i to spot j.
    converged
        Whether the last error was at or below the tolerance.
    iterations
        Passes over the kernel.
    errors
        Shape (checks, 2): iteration, and the L1 distance between the spots' mass and what they should have.
    error_cells, error_spots
        L1 errors of both marginals, measured on `matrix`: ``sum |T 1 - p|`` and ``sum |T' 1 - q|``. On a
        relaxed side it is how far the plan moved away from the marginal.
    cost
        Transport cost sum T_ij D_ij, in the unit of the cost.
    scale
        The largest cost, to which the regularisation is relative.
    domain
        ``"kernel"``, or ``"log"`` where the kernel would have left the range of the numbers.
    """

    matrix: npt.NDArray[Any] = field(repr=False)
    converged: bool
    iterations: int
    errors: npt.NDArray[np.float64] = field(repr=False)
    error_cells: float
    error_spots: float
    cost: float
    scale: float
    domain: Domain
