"""The mapping methods, and the names that a package needs to add one."""

from ..common.ending import Curve, Ending
from ..expression.selection import log_tables, selected_genes
from . import come, correlation, ssa
from .parameter import Parameter
from .registry import Method, Outcome, Run, get, names, register

__all__ = [
    "Curve",
    "Ending",
    "Method",
    "Outcome",
    "Parameter",
    "Run",
    "come",
    "correlation",
    "get",
    "log_tables",
    "names",
    "register",
    "selected_genes",
    "ssa",
]
