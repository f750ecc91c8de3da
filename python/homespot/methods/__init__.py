"""The mapping methods."""

from . import correlation, ssa
from .registry import Method, Outcome, Run, get, names, register

__all__ = ["Method", "Outcome", "Run", "correlation", "get", "names", "register", "ssa"]
