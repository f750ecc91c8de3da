"""Scores of places of the DREAM Single-Cell Transcriptomics Challenge (Tanevski et al. 2020).

The truth of the challenge is the place that DistMap (Karaiskos et al. 2017) finds for every cell with all
genes of a binary atlas: `distmap`. `dream_scores` compares ranked locations of the same cells with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import as_array, names, whole, within
from ..errors import InputError, expected, some
from ..mapping.validity import check_mapping
from ..matrix.rows import blocks
from ..matrix.sums import is_sparse
from ..objects.annotated import x_of
from .distmap import N_BEST, QUANTILES, Reference, distmap, matthews, reference

__all__ = ["QUANTILES", "Reference", "best_spots", "distmap", "dream_scores", "reference"]

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def best_spots(mapping: ad.AnnData, k: int = N_BEST) -> pd.DataFrame:
    """Return the names of the k most probable spots of every cell (cells x k), best first.

    Spots of equal probability come in the order of the map.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    k
        Number of spots.
    """
    check_mapping(mapping)
    whole("k", k, 1)
    within("k", k, 1, mapping.n_vars)
    best = np.empty((mapping.n_obs, k), dtype=np.intp)
    matrix = x_of(mapping)
    for rows in blocks(matrix):
        block = matrix[rows]
        block = block.toarray() if is_sparse(block) else np.asarray(block)
        best[rows] = np.argsort(-block, axis=1, kind="stable")[:, :k]
    names = mapping.var_names.to_numpy(dtype=object)
    return pd.DataFrame(names[best], index=mapping.obs_names, columns=range(1, k + 1))


def dream_scores(
    predicted: pd.DataFrame | npt.NDArray[np.integer[Any]],
    truth: Reference,
    genes: Sequence[str] | None = None,
) -> dict[str, float]:
    """Score ranked locations by s1, s2 and s3 of the DREAM challenge (Tanevski et al. 2020).

    x_t is the best spot of a cell by DistMap, d the mean distance of its reference spots from x_t, d' the
    mean distance of the predicted spots, p = d / d' the precision of the cell, A the binary atlas and B the
    binarised cells:

        s1 = sum over cells of p / sum(p) MCC(A[x_t], A[x_1]), over the genes, x_1 the first predicted spot
        s2 = mean over cells of p
        s3 = sum over genes of w / sum(w) MCC(A[x_1], B), over the cells; w = MCC(A[x_t], B)

    Cells whose two best reference spots tie are left out of all three sums and means. As in the scripts of
    the challenge, they are not left out of the sum(p) that divides s1, so s1 cannot reach 1 if there are
    cells of this kind.

    Parameters
    ----------
    predicted
        Locations, cells x k, best first. A data frame holds names of spots or their positions from 0; it is
        indexed by the names of the cells, in any order, and may have fewer cells than `truth`. An array holds
        positions from 0, for all cells in the order of `truth`. The challenge had k = 10.
    truth
        A result of `distmap`.
    genes
        The genes that were used for the prediction; s1 and s3 are computed over them. None: all.

    Returns
    -------
    ``"s1"``, ``"s2"``, ``"s3"``; higher is better. s2 has no upper bound, s3 is NaN if the w add up to 0.
    """
    if not isinstance(truth, Reference):
        raise InputError(
            expected("a Reference as truth", f"a {type(truth).__name__}", "Pass what distmap() returned.")
        )
    cells, spots = _locations(predicted, truth)
    columns = _columns(genes, truth)
    true = truth.best[cells]
    used = ~truth.ambiguous[cells]
    if not used.any():
        raise InputError(
            expected(
                "at least one cell whose best reference spot is one only",
                f"{len(cells)} cell(s) whose two best tie",
                "Predict more cells.",
            )
        )

    def mean_distance(locations: npt.NDArray[np.intp]) -> Doubles:
        away = truth.coordinates[locations] - truth.coordinates[true[:, 0]][:, None, :]
        return np.asarray(np.sqrt(np.square(away).sum(axis=2)).mean(axis=1))

    nearest = mean_distance(spots)
    if not (nearest > 0).all():
        raise InputError(
            expected(
                "predicted locations that are not all at the true place, where the precision has no bound",
                f"{(nearest == 0).sum()} cell(s) where they are",
                "Predict several different places for every cell.",
            )
        )
    precision = mean_distance(true) / nearest
    at_true, at_first = (truth.atlas[first][:, columns] for first in (true[:, 0], spots[:, 0]))
    binarised = truth.binarised[cells][:, columns][used]

    def correlation(a: Flags, b: Flags, axis: int) -> Doubles:
        return matthews((a & b).sum(axis=axis), a.sum(axis=axis), b.sum(axis=axis), a.shape[axis])

    alike = correlation(at_true, at_first, 1)
    weights = correlation(at_true[used], binarised, 0)
    total = weights.sum()
    third = (weights * correlation(at_first[used], binarised, 0)).sum() / total if total != 0 else np.nan
    return {
        "s1": float((precision * alike)[used].sum() / precision.sum()),
        "s2": float(precision[used].mean()),
        "s3": float(third),
    }


def _columns(genes: Sequence[str] | None, truth: Reference) -> npt.NDArray[np.intp]:
    if genes is None:
        return np.arange(len(truth.genes))
    genes = names("genes", genes)
    columns = pd.Index(truth.genes).get_indexer(pd.Index(genes, dtype=object))
    unknown = [gene for gene, column in zip(genes, columns, strict=True) if column < 0]
    if unknown or len(set(genes)) != len(genes) or len(genes) == 0:
        raise InputError(
            expected(
                "names of genes of the reference, each once",
                some(unknown) if unknown else "some twice" if len(genes) else "none",
                "Check the names.",
            )
        )
    return np.asarray(columns, dtype=np.intp)


def _locations(predicted: Any, truth: Reference) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the predicted cells and their spots (cells x k), both as positions in the reference."""
    named = isinstance(predicted, pd.DataFrame)
    values = predicted.to_numpy() if named else as_array(predicted)
    if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] == 0:
        raise InputError(
            expected("locations of cells x k", f"a table of shape {values.shape}", "One row a cell.")
        )
    if named:
        cells = pd.Index(truth.cells).get_indexer(predicted.index.astype(str))
        if (cells < 0).any() or not predicted.index.is_unique:
            raise InputError(
                expected(
                    "rows named by cells of the reference, each once",
                    some(predicted.index[cells < 0]) if (cells < 0).any() else "some twice",
                    "Check the names.",
                )
            )
    elif len(values) == len(truth.cells):
        cells = np.arange(len(values))
    else:
        raise InputError(
            expected(
                f"locations of all {len(truth.cells)} cells of the reference",
                f"{len(values)} rows",
                "Name the cells: pass a data frame indexed by them.",
            )
        )
    n_spots = len(truth.spots)
    if values.dtype.kind in "iu":
        spots = values.astype(np.intp)
        unknown = spots[(spots < 0) | (spots >= n_spots)]
    else:
        flat = values.ravel()
        spots = pd.Index(truth.spots).get_indexer(pd.Index(flat)).reshape(values.shape)
        unknown = flat[spots.ravel() < 0]
    if len(unknown):
        raise InputError(
            expected(
                f"names of the {n_spots} spots of the reference, or their positions from 0",
                some(unknown),
                "Check the locations.",
            )
        )
    ordered = np.sort(spots, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if repeated.any():
        raise InputError(
            expected(
                "different locations of every cell",
                f"{repeated.sum()} cell(s) with one location twice",
                "Name each location once.",
            )
        )
    return np.asarray(cells, dtype=np.intp), spots
