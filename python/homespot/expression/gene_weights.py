"""Weights of genes in the correlation: by their pattern over the spots, or the user's own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import array
from ..common.wording import argument, either, shown
from ..errors import DataWarning, InputError, expected, some
from .places import Places
from .table import Expression, Floats

__all__ = ["GeneWeights", "check_gene_weights", "gene_weights", "morans_i", "warn_of_unknown_genes"]

F64 = npt.NDArray[np.float64]

GeneWeights = Literal["equal", "spatial"] | Mapping[str, float]
"""Weights of genes as users give them: a rule by its name, or a number for each gene by its name."""

_RULES = ("equal", "spatial")
_GENES = 256  # genes whose autocorrelation is computed at once
_LEAST = 2  # genes with a weight, without which there is no correlation


def morans_i(z: Floats, places: Places) -> F64:
    """Return Moran's I of every gene: the mean over spots of z times the mean of z of their neighbours.

    Parameters
    ----------
    z
        Z-scores, spots x genes.
    places
        Where the spots lie.
    """
    graph = places.neighbours()
    found = np.empty(z.shape[1])
    for start in range(0, z.shape[1], _GENES):
        block = z[:, start : start + _GENES].astype(np.float64)
        found[start : start + _GENES] = (block * (graph @ block)).mean(axis=0)
    return found


def check_gene_weights(name: str, value: Any) -> None:
    """Refuse weights that are neither the name of a rule nor a table of numbers by gene."""
    if isinstance(value, str) and value in _RULES:
        return
    if not isinstance(value, Mapping | pd.Series):
        rules = " or ".join(map(shown, _RULES))
        found = shown(value) if isinstance(value, str | bool | int | float) else f"a {type(value).__name__}"
        raise InputError(
            expected(
                f"{argument(name)} to be {rules}, or numbers by the names of the genes",
                found,
                "Use one of these; numbers are given as "
                + either("a dict or a Series.", "a vector or a list with names."),
            )
        )
    genes = list(value.keys())
    if len(set(genes)) < len(genes):
        twice = pd.Index(genes)[pd.Index(genes).duplicated()].unique()
        raise InputError(
            expected(
                f"one of {argument(name)} for every gene", f"several for {some(twice)}", "Drop the others."
            )
        )
    numbers = array(name, list(value.values) if isinstance(value, pd.Series) else list(value.values()))
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        wrong = numbers[~(np.isfinite(numbers) & (numbers >= 0))][0]
        raise InputError(
            expected(f"{argument(name)} that are finite and never negative", f"{wrong:g}", "Correct them.")
        )


def warn_of_unknown_genes(given: Any, sc: Expression, st: Expression) -> None:
    """Count the genes of one's own weights that neither table has; the tables get this warning once."""
    if given is None or isinstance(given, str):
        return
    known: set[str] = set()
    for table in (sc, st):
        known.update(map(str, table.genes))
        if table.about is not None:  # parts of a table know the genes that they lack
            known.update(map(str, table.about.var.index), table.about.left_out)
    unknown = [gene for gene in given.keys() if str(gene) not in known]  # noqa: SIM118 (a Series as well)
    said = (
        f"{len(unknown)} of {len(given)} gene(s) with a weight are in neither data set ({some(unknown)}), "
        "and are ignored."
    )
    if unknown and said not in sc.warned_of & st.warned_of:
        for table in (sc, st):
            table.warned_of.add(said)
        warnings.warn(said, DataWarning, stacklevel=2)


def gene_weights(
    given: Any, genes: Sequence[str], z: Floats, places: Places | None
) -> npt.NDArray[np.floating[Any]] | None:
    """Return the weight of every gene, in the type of `z`; None if all count alike.

    ``"spatial"`` is sqrt(max(0, I)), I being Moran's I of the gene over the spots: what has no pattern in the
    tissue says nothing of a place.

    Parameters
    ----------
    given
        Weights as the user gives them, checked; None is "spatial" if it is known where the spots lie.
    genes
        Names of the columns of `z`.
    z
        Z-scores of the spots, spots x genes.
    places
        Where the spots lie; None if that is not known.
    """
    if given is None or isinstance(given, str):
        if given == "equal" or (given is None and places is None):
            return None
        if places is None:
            raise InputError(
                expected(
                    f"spots with coordinates for {argument('gene_weights', given)}",
                    "none",
                    f"Give the spots coordinates, or set {argument('gene_weights', 'equal')}.",
                )
            )
        weights = np.sqrt(np.maximum(0, morans_i(z, places)))
        if (weights > 0).sum() < _LEAST:
            if given is not None:
                warnings.warn(
                    "No gene has a pattern over the spots, so all have the same weight.",
                    DataWarning,
                    stacklevel=2,
                )
            return None
        spatial: npt.NDArray[np.floating[Any]] = weights.astype(z.dtype)
        return spatial
    table = dict(given)
    weights = np.array([float(table.get(gene, 0)) for gene in genes])
    missing = [gene for gene in genes if gene not in table]
    if (weights > 0).sum() < _LEAST:
        raise InputError(
            expected(
                f"at least {_LEAST} of the {len(genes)} genes used ({some(genes)}) with "
                f"{argument('gene_weights')} above 0",
                f"{(weights > 0).sum()}; {len(genes) - len(missing)} of these genes are in the table of "
                f"{len(table)}",
                f"Weigh more of these genes; {argument('n_genes')} has chosen them before the weights do.",
            )
        )
    if missing:
        warnings.warn(
            f"Left out {len(missing)} gene(s) without a weight ({some(missing)}).", DataWarning, stacklevel=2
        )
    scaled: npt.NDArray[np.floating[Any]] = (weights / weights.max()).astype(z.dtype)
    return scaled
