"""The only door that R uses: arrays and plain values in and out."""

from .door import about, call, interrupted, lacking, set_threads
from .values import columns, csr, release, streamed

__all__ = [
    "about",
    "call",
    "columns",
    "csr",
    "interrupted",
    "lacking",
    "release",
    "set_threads",
    "streamed",
]
