"""Ctrl-C, also where a library would lose it.

Python raises `KeyboardInterrupt` in whatever runs when the signal comes. In a destructor, and in the callback
of a weak reference, Python prints an exception and goes on. h5py and matplotlib make so many of these calls
that one in three interruptions of a file that is written would be lost.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

__all__ = ["Terminated", "heard"]


class Terminated(SystemExit):
    """Raised at SIGTERM by the command line."""


_SIGNALS = {KeyboardInterrupt: signal.SIGINT, Terminated: signal.SIGTERM}


@contextmanager
def heard() -> Iterator[None]:
    """Send an interruption again that was lost while the block ran; it comes before the block is left."""
    before = sys.unraisablehook
    if threading.current_thread() is not threading.main_thread() or isinstance(
        getattr(before, "__self__", None), SimpleQueue
    ):
        yield  # signals come to the main thread only, or are heard already
        return
    lost: SimpleQueue[Any] = SimpleQueue()
    ended: SimpleQueue[None] = SimpleQueue()

    def send() -> None:
        while (one := lost.get()) is not None:
            number = _SIGNALS.get(one.exc_type)
            if number is None:
                before(one)
            else:
                _thread.interrupt_main(number)
            del one
        ended.put(None)

    _thread.start_new_thread(send, ())
    try:
        # No line of Python runs in this hook: an interruption that comes again would be lost again in it.
        sys.unraisablehook = lost.put
        yield
    finally:
        try:
            lost.put(None)
            ended.get()
        finally:
            sys.unraisablehook = before
