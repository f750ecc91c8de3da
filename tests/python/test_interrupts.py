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
import os, random, signal, time
from functools import partial
from homespot.interrupts import worker

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored
done, interrupted, numbers = [], 0, iter(range(500))

def task(number):
    for _ in range(3):
        time.sleep(random.random() * 5e-4)
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(2e-3)
    done.append(number)

with worker() as undisturbed:
    while True:
        try:
            for number in numbers:
                interrupted += undisturbed(partial(task, number))
            break
        except KeyboardInterrupt:
            pass
assert interrupted > 400, interrupted
assert all(a < b for a, b in zip(done, done[1:])), "none twice, and in order"
print(len(done))
"""


def said(script: str) -> str:
    """What a process of its own prints; a hang ends it."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_interruption_at_any_instruction_leaves_the_worker_able_to_end() -> None:
    instructions, outcomes = said(ANYWHERE).split(maxsplit=1)
    assert int(instructions) > 30
    assert outcomes == "[(), (0,)]\n"  # before the task was handed over, and after


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no SIGINT there")
def test_a_storm_of_interruptions_loses_no_task() -> None:
    assert 490 <= int(said(OFTEN)) <= 500  # an interruption between two tasks may take the next one's place


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
