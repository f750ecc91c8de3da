"""The folds of a cross-validation, run one after the other or in several processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import pandas as pd
from threadpoolctl import threadpool_limits

from ..common import memory
from ..common.cores import threads
from ..common.wording import argument
from ..errors import ConvergenceWarning, DataWarning, HomespotError, InputError, expected
from ..expression.table import Expression, Side
from ..mapping.room import sections_needs
from ..matrix.rows import block_size
from ..matrix.size import bytes_of
from ..objects.labels import LABELS
from .plan import Data, Scores, Task
from .scoring import fold_scores

__all__ = ["run", "work"]


def work(data: Data, task: Task) -> Scores:
    """Run one fold: map with the other genes, and score the genes that are held out."""
    sides: tuple[tuple[Side, Expression, pd.DataFrame], ...] = (
        ("sc", data.sc, data.cells),
        ("st", data.st, data.spots),
    )
    columns = {side: task.plan.settings.get(LABELS[side]) for side, _, _ in sides}
    sc, st = (
        table if (column := columns[side]) is None else table.labelled(frame[column].to_numpy(dtype=object))
        for side, table, frame in sides
    )
    return fold_scores(
        task.plan, sc, st, task.held_out, task.excluded, task.read_outs, task.seed, task.device, data
    )


_PROCESS = 200 * 2**20  # bytes of Python and the libraries in a fresh process

# The data that every process of the pool holds from its start.
_DATA: Data | None = None


def _start(data: Data, n_threads: int) -> None:
    """Prepare a fresh process: its data and its share of the threads. The parent ends it."""
    global _DATA
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(n_threads)
    threadpool_limits(n_threads)
    _DATA = data


def _remote(task: Task) -> tuple[Scores, list[tuple[type[Warning], str]]]:
    assert _DATA is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = work(_DATA, task)
    ours = [w for w in caught if issubclass(w.category, DataWarning | ConvergenceWarning)]
    return scores, [(w.category, str(w.message)) for w in ours]


def _check_sendable(tasks: Sequence[Task]) -> None:
    for task in tasks:
        try:
            pickle.dumps(task.plan)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                expected(
                    f"a method that can be sent to fresh processes, where {argument('n_jobs')} is above 1",
                    f"one that cannot ({error})",
                    f"Define it in a module of its own, or set {argument('n_jobs', 1)}.",
                )
            ) from error


def _fold_bytes(data: Data, task: Task) -> float:
    """Return the bytes of a fold: its map, and then the values that are predicted and compared."""
    plan = task.plan
    sizes = plan.sizes(data.sc, data.st, task.device)
    if data.sections is None:
        mapped = plan.needs(**sizes)
    else:
        mapped = sections_needs(plan.needs, sizes, data.sections)
    cells, spots = sizes["cells"], sizes["spots"]
    scored = 8 * (2 * cells + 6 * spots) * len(task.held_out) + 2 * 8 * block_size((cells, spots))
    return float(mapped + scored)


def _require(data: Data, tasks: Sequence[Task], n_jobs: int) -> None:
    """Refuse folds that do not fit into memory at once; each process holds the data and a map of its own."""
    if not tasks:
        return
    fold = max(_fold_bytes(data, task) for task in tasks)
    tables = bytes_of(data.sc.matrix) + bytes_of(data.st.matrix)

    def needed(n_jobs: int) -> float:
        return fold if n_jobs == 1 else n_jobs * (fold + 2 * tables + _PROCESS)

    memory.require(
        needed,
        "a fold" if n_jobs == 1 else f"{n_jobs} folds at once",
        {"n_jobs": n_jobs},
        fewer={"n_jobs": f"set {argument('n_jobs')}={{}}"},
    )


def run(data: Data, tasks: Sequence[Task], n_jobs: int) -> Generator[tuple[Task, Scores]]:
    """Yield the scores of every task, as they are finished.

    If `n_jobs` is above 1, that number of fresh processes do the work and share the threads; on a GPU it is
    this process alone, as each would take a part of the card's memory. When the iterator is closed, for
    whatever reason, no process is left.
    """
    n_jobs = min(n_jobs, len(tasks)) if all(task.device == "cpu" for task in tasks) else 1
    _require(data, tasks, n_jobs)
    if n_jobs < 2:
        for task in tasks:
            yield task, work(data, task)
        return
    _check_sendable(tasks)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        n_jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(data, max(1, threads() // n_jobs)),
    )
    finished = False
    try:
        waiting = {pool.submit(_remote, task): task for task in tasks}
        for future in as_completed(waiting):
            scores, caught = future.result()
            for category, message in caught:
                warnings.warn(message, category, stacklevel=3)
            yield waiting.pop(future), scores
        finished = True
    except BrokenProcessPool as error:
        raise HomespotError(
            expected(
                f"{n_jobs} processes to do the work",
                "that one of them ended",
                "In a script, call this below `if __name__ == '__main__':`, with methods that a module "
                f"defines; if memory ran out, lower {argument('n_jobs')}.",
            )
        ) from error
    finally:
        if not finished:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
        pool.shutdown(wait=True)
