"""Threads that Ctrl-C does not hang: an interruption reaches only the main one.

Once they run, they share no lock of `threading` or `concurrent.futures` with it: an interruption may come
where the main thread has just taken one, and they would wait for ever. A `SimpleQueue` is always whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

__all__ = ["Undisturbed", "pool", "worker"]

T = TypeVar("T")
Undisturbed = Callable[[Callable[[], object]], bool]
"""Lets a task be done to its end; returns whether Ctrl-C came in the meantime, however often."""


class Each(Protocol):
    """Calls a function with 0, 1, ... n - 1, shared among threads; returns what each call gave, in order."""

    def __call__(self, run: Callable[[int], T], n: int, /) -> list[T]:
        """Raise what a call raises, or Ctrl-C; at the end of the pool no call is under way any more."""
        ...


class _Outcome:
    """What some threads, each doing the same task, have returned or raised."""

    def __init__(self) -> None:
        self._results: list[Any] = []
        self._errors: list[BaseException] = []
        self._ended: SimpleQueue[None] = SimpleQueue()

    def note(self, task: Callable[[], object]) -> None:
        """Do the task, and note how it ended."""
        try:
            result = task()
        except BaseException as error:
            self._errors.append(error)
        else:
            self._results.append(result)
        self._ended.put(None)

    def wait(self, n: int) -> bool:
        """Wait until `n` have ended; return whether Ctrl-C came in the meantime."""
        interrupted = False
        # What was taken from the queue may be lost, what stands in the lists is not.
        while len(self._results) + len(self._errors) < n:
            try:
                self._ended.get()
            except KeyboardInterrupt:
                interrupted = True
        return interrupted

    def results(self) -> list[Any]:
        """Return what was returned, or raise what was raised."""
        if self._errors:
            try:
                raise self._errors[0]
            finally:
                self._errors.clear()  # or its traceback would keep what the task worked on
        return self._results


@contextmanager
def _threads(n: int) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Start n threads, and yield what hands them one task after another; whoever is free takes it."""
    tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def work() -> None:
        while (task := tasks.get()) is not None:
            task()
            del task  # or it would be kept until the next comes
        tasks.put(None)  # for the next thread

    threads = [Thread(target=work, name="homespot", daemon=True) for _ in range(n)]
    try:
        for thread in threads:
            thread.start()
    except BaseException:
        tasks.put(None)  # nobody is waited for: one may be stuck in the lock of its start
        raise
    try:
        yield tasks.put
    finally:
        tasks.put(None)
        for thread in threads:
            thread.join()


@contextmanager
def worker() -> Iterator[Undisturbed]:
    """Start a thread, and yield what lets it do one task after another, untorn by Ctrl-C."""
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
            # Interrupted between two lines, a task may still be under way.
            if undisturbed(lambda: None):
                raise KeyboardInterrupt


@contextmanager
def pool(helpers: int) -> Iterator[Each]:
    """Start threads that help, and yield what shares calls among them and the caller.

    A call must not share calls in turn: it would wait for a thread that waits for it.
    """
    with _threads(helpers) as start:

        def each(run: Callable[[int], T], n: int) -> list[T]:
            left = iter(range(n))

            def take() -> dict[int, T]:
                try:
                    return {i: run(i) for i in left}
                finally:
                    deque(left, maxlen=0)  # after an error, nobody begins another

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
