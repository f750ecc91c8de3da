"""Entropic optimal transport: costs that come in row blocks, one solver, one result."""

from ._buffer import ROWS
from .costs import CorrelationCost, Cost, MatrixCost
from .result import TransportResult
from .solver import REGULARISATION, Storage, sinkhorn

__all__ = [
    "REGULARISATION",
    "ROWS",
    "CorrelationCost",
    "Cost",
    "MatrixCost",
    "Storage",
    "TransportResult",
    "sinkhorn",
]
