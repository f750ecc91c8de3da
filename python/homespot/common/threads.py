"""A pool of threads that Ctrl-C cannot hang.

An interruption reaches only the main thread. It may come just after the main thread has taken a lock of
`threading` or `concurrent.futures`; a thread that waits for this lock would then wait for ever. So running
threads share no lock with the main thread, but a `SimpleQueue`: an interruption cannot leave it half changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

__all__ = ["Each", "Undisturbed", "pool", "worker"]

T = TypeVar("T")
Undisturbed = Callable[[Callable[[], object]], bool]
"""Runs a task to its end, and returns whether Ctrl-C came in the meantime, however often."""


class Each(Protocol):
    """Calls a function with 0, 1, ... n - 1, in any order, and returns the results in order."""

    def __call__(self, run: Callable[[int], T], n: int, /) -> list[T]:
        """Raise the error of a call, or Ctrl-C; when the pool ends, no call is running."""
        ...


class _Outcome:
    """Results and errors of threads that do the same task."""

    def __init__(self) -> None:
        self._results: list[Any] = []
        self._errors: list[BaseException] = []
        self._ended: SimpleQueue[None] = SimpleQueue()

    def note(self, task: Callable[[], object]) -> None:
        """Do the task, and record its result or error."""
        try:
            result = task()
        except BaseException as error:
            self._errors.append(error)
        else:
            self._results.append(result)
        self._ended.put(None)

    def wait(self, n: int) -> bool:
        """Wait until `n` tasks have ended; return whether Ctrl-C came in the meantime."""
        interrupted = False
        # An interruption may lose an item taken from the queue, but not an item in the lists.
        while len(self._results) + len(self._errors) < n:
            try:
                self._ended.get()
            except KeyboardInterrupt:
                interrupted = True
        return interrupted

    def results(self) -> list[Any]:
        """Return the results, or raise the first error."""
        if self._errors:
            try:
                raise self._errors[0]
            finally:
                self._errors.clear()  # otherwise its traceback would keep the task's data alive
        return self._results


@contextmanager
def _threads(n: int) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Start n threads, and yield a function that gives a task to the next free thread."""
    tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def work() -> None:
        while (task := tasks.get()) is not None:
            task()
            del task  # otherwise the task would be kept until the next one comes
        tasks.put(None)  # for the next thread

    threads = [Thread(target=work, name="homespot", daemon=True) for _ in range(n)]
    try:
        for thread in threads:
            thread.start()
    except BaseException:
        tasks.put(None)  # do not wait for the threads: one may be stuck in the lock of its start
        raise
    try:
        yield tasks.put
    finally:
        tasks.put(None)
        for thread in threads:
            thread.join()


@contextmanager
def worker() -> Iterator[Undisturbed]:
    """Start a thread, and yield a function that runs tasks in it, which Ctrl-C does not interrupt."""
    with _threads(1) as start:

        def undisturbed(task: Callable[[], object]) -> bool:
            outcome = _Outcome()
            start(partial(outcome.note, task))
            interrupted = outcome.wait(1)
            outcome.results()
            return interrupted

        try:
            yield undisturbed
        finally:
            # After an interruption between two lines, a task may still be running.
            if undisturbed(lambda: None):
                raise KeyboardInterrupt


@contextmanager
def pool(helpers: int) -> Iterator[Each]:
    """Start threads, and yield a function that shares calls among them and the caller.

    A call must not itself share calls: it would wait for a thread that waits for it.
    """
    with _threads(helpers) as start:

        def each(run: Callable[[int], T], n: int) -> list[T]:
            left = iter(range(n))

            def take() -> dict[int, T]:
                try:
                    return {i: run(i) for i in left}
                finally:
                    deque(left, maxlen=0)  # after an error, no thread begins another call

            outcome = _Outcome()
            for _ in range(helpers):
                start(partial(outcome.note, take))
            outcome.note(take)
            interrupted = outcome.wait(helpers + 1)
            done = {i: value for taken in outcome.results() for i, value in taken.items()}
            if interrupted:
                raise KeyboardInterrupt
            return [done[i] for i in range(n)]

        yield each
