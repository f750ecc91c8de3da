"""Tasks that an interruption does not tear, wherever it comes."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from homespot.interrupts import worker

ANYWHERE = """
import sys
from homespot.interrupts import worker

def interrupted_at(k):
    \"\"\"Interrupt the main thread at its k-th instruction; return how many ran, and the tasks done.\"\"\"
    count, done = 0, []

    def trace(frame, event, arg):
        nonlocal count
        frame.f_trace_opcodes = True
        count += 1
        if count == k:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    with worker() as undisturbed:
        sys.settrace(trace)
        try:
            undisturbed(lambda: done.append(len(done)))
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
    return count, done

k, count, outcomes = 0, 0, set()
while count == k:  # the last time, all was done before
    k += 1
    count, done = interrupted_at(k)
    outcomes.add(tuple(done))
print(k, sorted(outcomes))
"""

OFTEN = """
import os, random, signal, threading, time
from homespot.interrupts import worker

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored
done, interrupted, over = [], 0, threading.Event()

def interrupt():
    while not over.is_set():
        time.sleep(random.random() * 5e-4)
        os.kill(os.getpid(), signal.SIGINT)

def task():
    time.sleep(1e-3)
    done.append(len(done))

sender, asked = threading.Thread(target=interrupt), 0
with worker() as undisturbed:
    sender.start()
    while asked < 500:
        try:
            asked += 1
            interrupted += undisturbed(task)
        except KeyboardInterrupt:
            pass
    while sender.is_alive():
        try:
            over.set()
            sender.join()
        except KeyboardInterrupt:
            pass
assert interrupted > 250, interrupted
assert done == list(range(len(done))), "each once, in order"
print(asked - len(done))
"""


def said(script: str) -> str:
    """What a process of its own prints; a hang ends it."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_interruption_at_any_instruction_leaves_the_worker_able_to_end() -> None:
    instructions, outcomes = said(ANYWHERE).split(maxsplit=1)
    assert int(instructions) > 30
    assert outcomes == "[(), (0,)]\n"  # before the task was handed over, and after


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT from another thread")
def test_a_storm_of_interruptions_loses_no_task() -> None:
    assert int(said(OFTEN)) <= 5  # those that came between two tasks took the next one's place


def test_tasks_are_done_in_another_thread_and_their_errors_raised() -> None:
    seen: list[int] = []
    with worker() as undisturbed:
        for _ in range(3):
            assert not undisturbed(lambda: seen.append(threading.get_ident()))
        with pytest.raises(ZeroDivisionError):
            undisturbed(lambda: 1 / 0)
        assert not undisturbed(lambda: seen.append(threading.get_ident()))
    assert len(seen) == 4
    assert set(seen) != {threading.get_ident()}
    assert len(set(seen)) == 1
