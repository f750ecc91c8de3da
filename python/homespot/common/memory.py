"""How much memory is free, and a clear error if a step needs more."""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import psutil

from ..errors import HomespotError, TooLargeError, expected
from .limits import tightest
from .wording import argument

__all__ = ["available", "bounded", "human", "ran_out", "require", "told"]

_log = logging.getLogger("homespot")

_LARGE = 100 * 2**20  # bytes of a step that a user is told of
_HELPS = 0.9  # an option is named if it takes at most this share of the memory
_MORE = "Free some memory, or raise its limit."

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def available() -> int:
    """Return the bytes of main memory that this process can still take."""
    free, limit = int(psutil.virtual_memory().available), tightest()
    return free if limit is None else min(free, limit.n_bytes)


def human(n_bytes: float) -> str:
    """Write a number of bytes for people: ``1.4 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TiB"


@dataclass(frozen=True)
class _Step:
    """A step that takes memory; parameters as for `require`."""

    needed: Callable[..., float]
    what: str
    sizes: Mapping[str, Any]
    fewer: Mapping[str, str]
    options: Mapping[str, Mapping[str, Any]]
    device: str

    def n_bytes(self, **chosen: Any) -> int:
        """Return the bytes that the step takes with other sizes."""
        found: float = self.needed(**{**self.sizes, **chosen})
        return int(found)

    def remedy(self, free: int) -> str:
        """Say what makes the step fit: the option that saves most, and how many fit without it or with it."""
        cost = {name: self.n_bytes(**chosen) for name, chosen in self.options.items()}
        best = min(cost, key=cost.__getitem__, default=None)
        if best is not None and cost[best] > _HELPS * self.n_bytes():
            best = None
        ways = []
        if best is not None and cost[best] <= free:
            ways.append(f"{best} ({human(cost[best])})")
        for name, way in self.fewer.items():
            if most := self._most(name, free):
                ways.append(way.format(f"{most:,}"))
            if best is not None and cost[best] > free and (most := self._most(name, free, best)):
                ways.append(f"{best} and {way.format(f'{most:,}')}")
        ways += [] if self.device == "cpu" else [f"use {argument('device', 'cpu')}"]
        text = ", or ".join(ways)
        return f"{text[0].upper()}{text[1:]}." if text else _MORE

    def _most(self, name: str, free: int, option: str | None = None) -> int:
        """Return the largest size of this name that fits, in two digits; 0 if none does."""
        chosen = {} if option is None else self.options[option]
        low, high = 0, int(self.sizes[name])
        while low < high:
            middle = (low + high + 1) // 2
            if self.n_bytes(**chosen, **{name: middle}) <= free:
                low = middle
            else:
                high = middle - 1
        digit: int = 10 ** max(len(str(low)) - 2, 0)
        return low // digit * digit


_last: ContextVar[_Step | None] = ContextVar("last", default=None)
"""The last step that asked for memory."""


def require(
    needed: Callable[..., float],
    what: str,
    sizes: Mapping[str, Any],
    *,
    fewer: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    device: str = "cpu",
) -> None:
    """Raise a `TooLargeError` if a step would not fit into memory; else log its size (INFO, "homespot").

    The error names the option that saves most, with the bytes that the step then takes, and how many would
    fit of what can be made fewer.

    Parameters
    ----------
    needed
        Returns the bytes that the step takes at its peak, for `sizes` by name.
    what
        What they are for, e.g. ``"a map of 20,000 cells x 3,600 spots"``.
    sizes
        What the bytes follow from, e.g. ``{"cells": 20_000, "spots": 3_600}``.
    fewer
        Sizes that the user can make smaller, and how: ``{"cells": "map at most {} cells at a time"}``.
    options
        What the user can choose instead, and the sizes that follow: ``{"use dtype='float32'": {"itemsize":
        4}}``.
    device
        Whose memory: ``"cpu"`` or ``"cuda:<index>"``.
    """
    step = _Step(needed, what, sizes, fewer or {}, options or {}, device)
    n_bytes, free = step.n_bytes(), _free(device)
    where, limit = ("memory", _limit()) if device == "cpu" else (f"memory on {device}", "")
    if n_bytes > free:
        raise TooLargeError(
            expected(
                f"{human(n_bytes)} of {where} for {what}", f"{human(free)} free{limit}", step.remedy(free)
            )
        )
    _last.set(step)
    said = f"{human(n_bytes)} of {where} for {what}, {human(free)} free"
    _log.info("%s", said, extra={"n_bytes": n_bytes})


class _Teller(logging.Handler):
    """Tells of the steps that ask for memory; of steps within a larger one it says nothing."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__(logging.INFO)
        self._tell, self._largest = tell, _LARGE

    def emit(self, record: logging.LogRecord) -> None:
        n_bytes: int = getattr(record, "n_bytes", 0)
        if n_bytes > self._largest:
            self._largest = n_bytes
            self._tell(record.getMessage())


@contextmanager
def told(tell: Callable[[str], object]) -> Iterator[None]:
    """Call `tell` with a line for every step that asks for more than 100 MiB, before the step starts."""
    teller, level = _Teller(tell), _log.level
    _log.addHandler(teller)
    _log.setLevel(min(logging.INFO, level or logging.INFO))
    try:
        yield
    finally:
        _log.removeHandler(teller)
        _log.setLevel(level)


def _free(device: str) -> int:
    """Return the free bytes of a device."""
    if device == "cpu":
        return available()
    from . import cuda  # torch takes seconds to import, and most callers need none

    return cuda.free_memory(device)


def _limit() -> str:
    """Name the limit that leaves the least memory; nothing if the machine itself has less."""
    limit = tightest()
    return "" if limit is None or limit.n_bytes > available() else f" within {limit.name}"


def ran_out(error: BaseException) -> bool:
    """Whether an error of NumPy, torch or the system says that memory ran out."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error)
    return isinstance(error, MemoryError) or any(
        words in text
        for words in (
            "can't allocate memory",
            "CUDA out of memory",
            "CUDA error: out of memory",
            "CUBLAS_STATUS_ALLOC_FAILED",
            "can't start new thread",
        )
    )


def bounded(verb: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a verb raise a `TooLargeError` where another library says that memory ran out."""

    @functools.wraps(verb)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        before = _last.set(None)
        try:
            return verb(*arguments, **named)
        except (MemoryError, RuntimeError, OSError) as error:
            if isinstance(error, HomespotError) or not ran_out(error):
                raise
            step = _last.get()
            device = "cpu" if step is None else step.device
            free, limit = _free(device), _limit() if device == "cpu" else f" on {device}"
            said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise TooLargeError(
                expected(
                    f"enough memory for {f'{verb.__name__}()' if step is None else step.what}",
                    f"{human(free)} free{limit}, but {said!r}",
                    # What was announced did not fit, so half of it is what may.
                    _MORE if step is None else step.remedy(min(free, step.n_bytes()) // 2),
                )
            ) from error
        finally:
            _last.reset(before)

    return run
