"""The mapping methods."""

from . import come, correlation, ssa
from .registry import Method, Outcome, Run, get, names, register

__all__ = ["Method", "Outcome", "Run", "come", "correlation", "get", "names", "register", "ssa"]
