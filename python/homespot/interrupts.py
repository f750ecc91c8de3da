"""Work that Ctrl-C does not tear: it is done in a thread, and an interruption reaches only the main one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["undisturbed"]


def undisturbed(worker: ThreadPoolExecutor, task: Callable[[], object]) -> bool:
    """Let the worker do the task to its end; return whether Ctrl-C came in the meantime, however often."""
    future, interrupted = worker.submit(task), False
    while not future.done():
        try:
            future.exception()
        except KeyboardInterrupt:
            interrupted = True
    future.result()
    return interrupted
