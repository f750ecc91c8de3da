"""Tasks that an interruption does not tear, wherever it comes."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import threading
import time
import weakref
from functools import partial

import pytest

from homespot.common.threads import pool, worker


class Large:
    """Something to be kept or let go."""


ANYWHERE = """
import sys
from homespot.common.threads import pool, worker

def interrupted_at(k):
    \"\"\"Interrupt the main thread at its k-th instruction; return how many ran, and the tasks done.\"\"\"
    count, done, told = 0, [], False

    def trace(frame, event, arg):
        nonlocal count
        frame.f_trace_opcodes = True
        count += 1
        if count == k:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    with CONTEXT as share:
        sys.settrace(trace)
        try:
            told = CALL is True
        except KeyboardInterrupt:
            told = True
        finally:
            sys.settrace(before)
    assert told == (count == k), "an interruption is told of, and only that"
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
from homespot.common.threads import worker

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


WORKER = ("worker()", "share(lambda: done.append(len(done)))")
POOL = ("pool(2)", "share(done.append, 5)")


def anywhere(context: str, call: str) -> tuple[int, list[tuple[int, ...]]]:
    """Interrupt everywhere; return the number of instructions, and what can have been done then."""
    instructions, outcomes = said(ANYWHERE.replace("CONTEXT", context).replace("CALL", call)).split(
        maxsplit=1
    )
    return int(instructions), ast.literal_eval(outcomes)


def said(script: str) -> str:
    """What a process of its own prints; a hang ends it."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_interruption_at_any_instruction_leaves_the_worker_able_to_end() -> None:
    instructions, outcomes = anywhere(*WORKER)
    assert instructions > 30
    assert outcomes == [(), (0,)]  # before the task was handed over, and after


def test_an_interruption_at_any_instruction_leaves_the_pool_able_to_end() -> None:
    instructions, outcomes = anywhere(*POOL)
    assert instructions > 60
    assert {tuple(sorted(done)) for done in outcomes} >= {(), (0, 1, 2, 3, 4)}
    assert all(len(set(done)) == len(done) for done in outcomes)  # none twice


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


def test_calls_are_shared_among_threads_and_returned_in_order() -> None:
    together = threading.Barrier(3, timeout=20)  # passed only by three threads at once

    def run(i: int) -> tuple[int, int]:
        if i < 3:
            together.wait()
        return i, threading.get_ident()

    with pool(2) as each:
        found = each(run, 20)
        again = each(lambda i: i * i, 4)
    assert [i for i, _ in found] == list(range(20))
    assert len({thread for _, thread in found}) == 3
    assert again == [0, 1, 4, 9]
    with pool(0) as each:
        assert each(lambda _: threading.get_ident(), 2) == [threading.get_ident()] * 2


@pytest.mark.parametrize("helpers", [0, 2])
def test_after_an_error_no_call_is_begun_and_the_pool_still_works(helpers: int) -> None:
    begun: list[int] = []

    def run(i: int) -> None:
        begun.append(i)
        if i == 3:
            raise ZeroDivisionError
        time.sleep(0.01)

    with pool(helpers) as each:
        with pytest.raises(ZeroDivisionError):
            each(run, 1000)
        assert len(begun) < 20
        assert each(lambda i: -i, 3) == [0, -1, -2]
    assert not [thread for thread in threading.enumerate() if thread.name == "homespot"]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(
    ("context", "share"),
    [(worker, lambda share, run: share(run)), (partial(pool, 2), lambda share, run: share(run, 3))],
)
def test_nothing_of_a_task_is_kept_alive(context, share, fails: bool) -> None:
    """Not even until the next one, or until the garbage is collected: it may be a matrix of gigabytes."""

    def run(large: Large, *_: int) -> None:
        if fails:
            raise ZeroDivisionError(repr(large))

    large = Large()
    kept = weakref.ref(large)
    gc.disable()
    try:
        with context() as threads:
            try:
                share(threads, partial(run, large))
            except ZeroDivisionError:
                assert fails
            del large
            for _ in range(500):  # a thread lets go a moment after it has told of its end
                if kept() is None:
                    break
                time.sleep(0.01)
            assert kept() is None
    finally:
        gc.enable()
