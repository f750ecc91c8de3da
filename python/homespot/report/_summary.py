"""The record of a run as rows of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from ..common.checks import numbers
from ..common.ending import MARGINAL_ERROR, ending_of
from ..common.keys import HOMESPOT
from ..errors import InputError, expected, some
from ..expression.metrics import METRICS

__all__ = ["Run", "runs", "score_rows"]

Rows = list[tuple[str, str]]

_GENES_LISTED = 500
_LEVELS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Run:
    """One run as text: how it ended in a sentence, whether it ended well, and the rows of its record."""

    name: str
    ended: str
    well: bool
    general: Rows
    parameters: Rows
    solver: Rows
    versions: Rows
    genes: list[str]


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return ", ".join(_text(item) for item in value.ravel().tolist())
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _rows(values: dict[str, Any]) -> Rows:
    """Return the entries that are single values; curves are drawn instead."""
    return [
        (str(name).replace("_", " "), _text(value))
        for name, value in values.items()
        if not isinstance(value, dict | list | np.ndarray)
    ]


def _run(name: str, record: dict[str, Any]) -> Run:
    ending = ending_of(record)
    last = {
        f"{curve} at the end": float(found.values[-1])
        for curve, found in ending.curves.items()
        if curve != MARGINAL_ERROR and len(found.values)
    }
    return Run(
        name,
        f"{ending.sentence} {ending.remedy}".strip(),
        ending.well,
        _rows(record),
        _rows(record.get("parameters", {})),
        _rows({**ending.numbers, **last}),
        _rows(record.get("versions", {})),
        [str(gene) for gene in record.get("genes", [])],
    )


def runs(mapping: ad.AnnData) -> list[Run]:
    """Return the run of the mapping, or the runs of its parts if it was combined.

    A part that is the map of a section has the name of the section.
    """
    record = mapping.uns[HOMESPOT]
    parts = record.get("parts", {})
    named = [
        (f"Section {part['section']}" if "section" in part else f"Part {i + 1}", part)
        for i, part in enumerate(parts.values())
    ]
    return [_run(name, part) for name, part in named or [("", record)]]


def score_rows(scores: pd.DataFrame) -> tuple[list[str], list[list[str]], list[list[str]], int]:
    """Return the scores of every method, and of every gene, as text.

    Parameters
    ----------
    scores
        The table of `cross_validate`: one row per gene and method.

    Returns
    -------
    The names of the scores; one row per method with the median and the quartiles of each score; one row per
    gene and method, best first; and the number of these rows that were left out.

    Raises
    ------
    InputError
        If columns are missing, have text where scores should be, or there is no row.
    """
    remedy = "Pass what cross_validate() returned."
    if not isinstance(scores, pd.DataFrame):
        raise InputError(expected("a table of scores", f"a {type(scores).__name__}", remedy))
    kinds = [name for name in METRICS if name in scores]
    if not {"gene", "method"} <= set(scores.columns) or not kinds or scores.empty:
        found = f"{len(scores)} rows with the columns {some(scores.columns, 10) or 'none'}"
        raise InputError(
            expected("scores with the columns gene, method, " + ", ".join(METRICS), found, remedy)
        )
    scores = scores.assign(**{kind: numbers(scores[kind], kind) for kind in kinds})
    methods = []
    for method, table in scores.groupby("method", sort=False, observed=True):
        quartiles = table[kinds].quantile(list(_LEVELS))
        methods.append(
            [str(method), f"{table['gene'].nunique():,}"]
            + [f"{mid:.3f} ({low:.3f} to {high:.3f})" for low, mid, high in quartiles.to_numpy().T]
        )
    ordered = scores.sort_values([kinds[0], "gene"], ascending=[False, True], kind="stable")
    genes = [
        [str(row["gene"]), str(row["method"]), *(f"{row[kind]:.3f}" for kind in kinds)]
        for _, row in ordered.head(_GENES_LISTED).iterrows()
    ]
    return [METRICS[kind].label for kind in kinds], methods, genes, len(scores) - len(genes)
