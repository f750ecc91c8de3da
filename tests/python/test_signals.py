"""Interruptions are never lost, wherever they come."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no SIGINT there")

# A destructor, a callback of a weak reference, and a hook of the garbage collector: Python loses what is
# raised there. Each interrupts itself, time after time.
LOST = """
import gc, os, signal, sys, weakref
from homespot.common.signals import heard

signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(100): pass
class Odd:
    __del__ = interrupt
class Plain:
    pass
def destructor():
    Odd()
def weak():
    one = Plain()
    keep = weakref.ref(one, interrupt)
    del one
def collected():
    gc.callbacks.append(interrupt)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(interrupt)
came, ended = 0, 0
for _ in range(50):
    for lose in (destructor, weak, collected):
        try:
            with heard():
                with heard():
                    lose()
                    ended += 1
        except KeyboardInterrupt:
            came += 1
print(came)
"""


def test_what_a_library_loses_comes_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("150\n", "")


OTHER = """
import sys
from homespot.common.signals import heard
class Odd:
    def __del__(self):
        raise ZeroDivisionError
with heard():
    Odd()
print("on")
"""


def test_other_errors_that_are_lost_are_shown_as_before() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OTHER], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "on\n"
    assert done.stderr.startswith("Exception ignored in: <function Odd.__del__")
    assert "ZeroDivisionError" in done.stderr
