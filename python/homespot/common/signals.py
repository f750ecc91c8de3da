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
from typing import Any, NoReturn

__all__ = ["ending", "heard"]


class _Terminated(SystemExit):
    """Raised at SIGTERM within `ending`."""


_SIGNALS = {KeyboardInterrupt: signal.SIGINT, _Terminated: signal.SIGTERM}


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
                # A real one: where R hosts Python, R would not know of _thread.interrupt_main().
                signal.raise_signal(number)
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


def _terminate(*_: object) -> NoReturn:
    raise _Terminated(143)


@contextmanager
def ending() -> Iterator[None]:
    """End the process in order, with status 130 at Ctrl-C and 143 at SIGTERM."""
    before = {number: signal.getsignal(number) for number in _SIGNALS.values()}
    try:
        if before[signal.SIGINT] != signal.SIG_IGN:  # which a shell asks for what runs in the background
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)
        with heard():
            yield
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
