"""Ctrl-C before the command line has begun, while the package is still being imported, ends it silently."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

__all__: list[str] = []


def _is_command_line() -> bool:
    """Whether this process is ``homespot`` or ``python -m homespot.cli``."""
    return "homespot.cli" in sys.orig_argv or Path(next(iter(sys.argv), "")).stem == "homespot"


if _is_command_line() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # nothing has begun that would have to be ended
