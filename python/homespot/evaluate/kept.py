"""Finished folds in a file, so that an interrupted cross-validation can be continued."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common import files
from ..common.checks import numbers
from ..common.checks import path as check_path
from ..common.wording import verb
from ..errors import InputError, expected
from ..expression.table import Expression
from ..matrix.sums import is_sparse
from .metrics import SCORES

__all__ = ["COLUMNS", "digest", "finished_folds", "keep", "read_scores", "target"]

_ROWS = "rows"
"""Entry beside the table: a digest of every row, so that a table that was damaged is not trusted."""

COLUMNS = ["gene", "fold", "method", *SCORES, "seconds", "read_out", "residuals"]
"""The columns of a table of cross-validation."""


def digest(*tables: Expression) -> str:
    """Return a digest of expression tables: values, names, genes and scale."""
    state = hashlib.sha256()
    for table in tables:
        state.update(repr((table.shape, str(table.scale))).encode())
        for _, block in table.blocks():
            parts = [block.data, block.indices, block.indptr] if is_sparse(block) else [block]
            for part in parts:
                state.update(part.astype(np.int64 if part.dtype.kind == "i" else part.dtype, order="C").data)
        state.update("\n".join([*table.names.tolist(), *table.genes.tolist()]).encode())
    return state.hexdigest()


def read_scores(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of cross-validation; a gene may be called nan.

    Raises
    ------
    InputError
        If it is no table, or has text where a score should be.
    """
    name = repr(os.fspath(path))
    try:
        # Numbers as text at first: pandas 2 loses the last digit where it reads them.
        table = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str), keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(
            expected("a table as .csv", f"{name}, which cannot be read ({error})", "Check the path.")
        ) from error
    for column in (*SCORES, "seconds"):
        if column in table:
            table[column] = numbers(table[column].replace("", "nan"), f"{column} in {name}")
    return table


def target(path: str | os.PathLike[str]) -> Path:
    """Refuse a path to which no .csv file can be written, or beside which lies a .json file of others."""
    check_path("output", path)
    file = files.check_target(Path(path).expanduser(), ".csv", what="output")
    side = files.check_target(_side(file), what="the file beside output")
    if side.exists() and not file.exists() and not _is_account(side):
        raise InputError(
            expected(
                f"{side.name!r} beside output to be of cross_validate()",
                f"something else in {str(side)!r}",
                "Name another file.",
            )
        )
    return file


def _is_account(side: Path) -> bool:
    """Whether a file is the account of a run that `finished_folds` began."""
    try:
        known = json.loads(side.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(known, dict) and {"version", "data", "methods", "folds"} <= known.keys()


def _side(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _write(file: Path, text: str) -> None:
    """Write a text; the file appears whole or not at all."""
    try:
        with files.whole(file) as new:
            new.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(
            expected(f"to be able to write {str(file)!r}", str(error), "Make room, or name another file.")
        ) from error


def finished_folds(file: Path, run: dict[str, Any]) -> pd.DataFrame:
    """Return the folds that the file holds if this run wrote it; begin the file if it does not exist.

    Parameters
    ----------
    file
        What `target` returned.
    run
        All that the scores depend on, as plain values. It is kept beside the table, in a file of the same
        name with ``.json`` added.
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if not file.exists():
        _write(_side(file), json.dumps(run, indent=1))
        return empty
    remedy = "Name another file, or remove this one to start anew."
    try:
        known = json.loads(_side(file).read_text(encoding="utf-8"))
        table = read_scores(file)
        rows = known.pop(_ROWS, None)
        whole = list(table.columns) == COLUMNS and (rows is None or _rows(file.read_bytes()) <= set(rows))
    except (AttributeError, OSError, TypeError, ValueError):  # an InputError is a ValueError
        known, whole = {}, False
    if not whole:
        raise InputError(
            expected(
                f"scores that {verb('cross_validate')} wrote, and {_side(file).name!r} beside them",
                f"something else in {str(file)!r}",
                remedy,
            )
        )
    run = json.loads(json.dumps(run))
    other = [name for name in {**run, **known} if run.get(name) != known.get(name)]
    if other:
        raise InputError(
            expected(
                "scores of the same data and settings",
                f"those of a run with other {', '.join(other)} in {str(file)!r}",
                remedy,
            )
        )
    return table


def keep(file: Path, table: pd.DataFrame) -> None:
    """Write the table of the folds finished so far, and first the digests of its rows."""
    text = table.to_csv(index=False, lineterminator="\n")
    known = json.loads(_side(file).read_text(encoding="utf-8"))
    _write(_side(file), json.dumps({**known, _ROWS: sorted(_rows(text.encode()))}, indent=1))
    _write(file, text)


def _rows(text: bytes) -> set[str]:
    """Return a digest of every row of a table."""
    return {hashlib.sha256(line).hexdigest()[:16] for line in text.splitlines()[1:]}
