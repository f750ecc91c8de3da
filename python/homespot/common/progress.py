"""Progress of long work: a bar at a terminal, a callback for R, silence elsewhere."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from tqdm import tqdm

from ..errors import InputError, expected
from .wording import shown

__all__ = ["Progress", "Report", "check", "reporting"]

Report = Callable[[int, int, str], None]
"""Called with the steps done, the most steps there will be, and a short note."""

Progress = bool | Report | Literal["log"] | None
"""True: a bar; False: nothing; None: a bar where stderr is a terminal; ``"log"``: a line of JSON for every
step to stderr, for machines; a callable: called itself."""


def _silent(done: int, total: int, note: str) -> None:
    """Report nothing."""


def check(progress: object) -> None:
    """Refuse what is not a `Progress`, or a function that cannot be called as a `Report`."""
    if callable(progress):
        _check_function(progress)
        return
    if progress is None or isinstance(progress, bool) or (isinstance(progress, str) and progress == "log"):
        return
    raise InputError(
        expected(
            f"progress to be {shown(True)}, {shown(False)}, {shown(None)}, 'log' or a function",
            shown(progress),
            "Use one of these.",
        )
    )


def _check_function(progress: Callable[..., object]) -> None:
    try:
        inspect.signature(progress).bind(0, 1, "")
    except TypeError as error:
        raise InputError(
            expected(
                "a progress function of three values: the steps done, the most there will be, and a note",
                f"one that cannot take them ({error})",
                "Define it as progress(done, total, note).",
            )
        ) from error
    except ValueError:  # some functions that are written in C do not say what they take
        return


@contextmanager
def reporting(description: str, progress: Progress = None) -> Iterator[Report]:
    """Yield the function by which a loop reports how far it is; an error of the user's function passes."""
    check(progress)
    if callable(progress):
        yield progress
        return
    if progress == "log":
        yield lambda done, total, note: print(
            json.dumps({"step": description, "done": done, "total": total, "note": note}), file=sys.stderr
        )
        return
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield _silent
        return
    with tqdm(desc=description, leave=False) as bar:

        def report(done: int, total: int, note: str) -> None:
            if done == 0 and note:  # the note that was given before the start stays visible
                bar.write(f"{description}: {note}", file=sys.stderr)
            bar.total = total
            bar.set_postfix_str(note, refresh=False)
            bar.update(done - bar.n)

        yield report
