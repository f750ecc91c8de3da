"""Entropic optimal transport: costs that come in row blocks, one solver, one result."""

from ._buffer import ROWS
from .costs import CorrelationCost, Cost, MatrixCost
from .potentials import Potentials
from .result import TransportResult
from .solver import REGULARISATION, Backend, Storage, check_exact, check_pot, sinkhorn

__all__ = [
    "REGULARISATION",
    "ROWS",
    "Backend",
    "CorrelationCost",
    "Cost",
    "MatrixCost",
    "Potentials",
    "Storage",
    "TransportResult",
    "check_exact",
    "check_pot",
    "sinkhorn",
]
