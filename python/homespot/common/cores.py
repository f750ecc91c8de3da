"""How many threads compute: the user's limits, the cores, a container's quota."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

__all__ = ["limited_threads", "threads"]

# The loops here are bound by memory bandwidth: more threads gain little, and a server is shared.
_MOST_THREADS = 8
_SERIAL = 2**19  # with fewer elements, threads cost more time than they save
_LIMIT = threading.RLock()
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_LIMITS = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK")


def threads(n_elements: int | None = None) -> int:
    """Return the number of threads: the user's limit, else the cores this process may use, at most 8.

    Work on few elements gets one thread, because more would cost more time than they save.
    The user's limits are ``OMP_NUM_THREADS`` and ``SLURM_CPUS_PER_TASK``, read in this order. Cores beyond
    a container's quota do not count.
    """
    if n_elements is not None and n_elements < _SERIAL:
        return 1
    for name in _LIMITS:
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            return int(value)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, _quota(), _MOST_THREADS)


def _quota() -> int:
    """Return how many cores the container may use; without a quota, a very large number."""
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no such file; "max"
        return sys.maxsize


@contextmanager
def limited_threads(most: int | None = None) -> Iterator[int]:
    """Keep the linear algebra libraries within `most` threads, by default `threads`, while the block runs.

    The limit holds for the whole process, so only one thread at a time may set one; others wait.
    """
    n = threads() if most is None else most
    with _LIMIT, threadpool_limits(limits=n):
        yield n
