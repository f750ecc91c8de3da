"""gene_folds: which genes are held out together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..common.wording import shown
from ..errors import InputError, expected, some

__all__ = ["Folds", "gene_folds"]


Folds = int | Literal["loo"] | Mapping[str, Any] | pd.Series


_LEAST = 2  # genes that a method needs


def gene_folds(genes: list[str], folds: Folds, seed: int = 0) -> dict[Any, list[str]]:
    """Divide genes into folds.

    Parameters
    ----------
    genes
        Names.
    folds
        A number: the genes are sorted by name and divided at random into this number of parts of nearly equal
        size, numbered from 1. ``"loo"``: as many parts as there are genes. A mapping or Series: the fold of
        every gene by name; genes without a fold are never held out.
    seed
        Seed of the division.

    Returns
    -------
    The genes of every fold, sorted by name.

    Raises
    ------
    InputError
        If there are fewer than 2 folds or more folds than genes, a gene is not known, or a fold leaves fewer
        than 2 genes to map with.
    """
    if isinstance(folds, pd.Series | Mapping):
        parts = _given(genes, folds)
    else:
        n = len(genes) if isinstance(folds, str) and folds == "loo" else folds
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 2 <= n <= len(genes):
            raise InputError(
                expected(
                    f"folds to be a whole number from 2 to the {len(genes)} shared genes, 'loo', "
                    "or the fold of every gene",
                    shown(folds),
                    "Choose one of these.",
                )
            )
        order = np.random.default_rng(seed).permutation(sorted(genes))
        parts = {i + 1: sorted(part.tolist()) for i, part in enumerate(np.array_split(order, n))}
    for fold, part in parts.items():
        if len(genes) - len(part) < _LEAST:
            raise InputError(
                expected(
                    f"at least {_LEAST} genes to map with in every fold",
                    f"{len(genes) - len(part)} without the {len(part)} of fold {fold!r}",
                    "Use more folds, or data that share more genes.",
                )
            )
    return parts


def _given(genes: list[str], folds: Mapping[str, Any] | pd.Series) -> dict[Any, list[str]]:
    given = pd.Series(folds, dtype=object)
    given.index = given.index.astype(str)
    unknown = [gene for gene in given.index if gene not in set(genes)]
    missing = given.isna()
    if unknown or missing.any() or given.empty or not given.index.is_unique:
        if unknown:
            found = f"{len(unknown)} that are not ({some(unknown)})"
        elif missing.any():
            found = f"{missing.sum()} without a fold ({some(given.index[missing])})"
        else:
            found = "none" if given.empty else "some twice"
        raise InputError(
            expected("the fold of genes that both data sets have, each once", found, "Drop or correct them.")
        )
    try:
        labels = sorted(given.unique())
    except TypeError:
        labels = sorted(given.unique(), key=str)
    return {label: sorted(given.index[given == label].tolist()) for label in labels}
