"""The only door that R uses: arrays and plain values in and out."""

from .door import about, call, lacking, set_threads
from .names import argument_names
from .values import columns, csr, release, streamed

__all__ = [
    "about",
    "argument_names",
    "call",
    "columns",
    "csr",
    "lacking",
    "release",
    "set_threads",
    "streamed",
]
