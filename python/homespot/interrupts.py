"""Work that Ctrl-C does not tear: it is done in a thread, and an interruption reaches only the main one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread

__all__ = ["Undisturbed", "worker"]

Undisturbed = Callable[[Callable[[], object]], bool]
"""Lets a task be done to its end; returns whether Ctrl-C came in the meantime, however often."""


@contextmanager
def worker() -> Iterator[Undisturbed]:
    """Start a thread, and yield what lets it do one task after another.

    Once it runs, the two share no lock of `threading` or `concurrent.futures`: an interruption may come where
    the main thread has just taken one, and the worker would wait for ever. A `SimpleQueue` is always whole.
    """
    tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def work() -> None:
        while (task := tasks.get()) is not None:
            task()

    def undisturbed(task: Callable[[], object]) -> bool:
        outcome: list[BaseException | None] = []
        ended: SimpleQueue[None] = SimpleQueue()

        def run() -> None:
            try:
                task()
                outcome.append(None)
            except BaseException as error:
                outcome.append(error)
            ended.put(None)

        tasks.put(run)
        interrupted = False
        while not outcome:  # what was taken from the queue may be lost, what stands in the list is not
            try:
                ended.get()
            except KeyboardInterrupt:
                interrupted = True
        error = outcome.pop()
        if error is not None:
            try:
                raise error
            finally:
                del error  # or its traceback would keep what the task worked on
        return interrupted

    Thread(target=work, daemon=True).start()
    try:
        yield undisturbed
    finally:
        undisturbed(lambda: None)  # after an interruption between two lines, a task may still be under way
        tasks.put(None)
