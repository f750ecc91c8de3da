"""Scores of places of the DREAM Single-Cell Transcriptomics Challenge (Tanevski et al. 2020).

The truth of the challenge is where DistMap (Karaiskos et al. 2017) puts every cell with all genes of a binary
atlas: `distmap`. Against it, `dream_scores` scores anybody's ranked locations of the same cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import whole, within
from ..common.keys import SPATIAL
from ..errors import InputError, expected, some
from ..expression.scale import Scale
from ..expression.shared import shared_genes
from ..expression.transforms import log_normalised, z_scores
from ..mapping.validity import check_mapping
from ..matrix.rows import blocks
from ..matrix.sums import is_sparse
from ..objects.access import check_adata
from ..objects.annotated import x_of
from ..objects.tables import expression
from ..space.axes import spot_coordinates

__all__ = ["QUANTILES", "Reference", "best_spots", "distmap", "dream_scores", "reference"]

QUANTILES = tuple(step / 100 for step in range(15, 51))
"""The quantiles that DistMap tries, as in the challenge."""

_N_BEST = 10  # locations a submission to the challenge holds for every cell

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Reference:
    """What DistMap found: the positions taken as true, and what they are scored with.

    ``cells``, ``spots`` and ``genes`` are names; ``binarised`` (cells x genes) and ``atlas`` (spots x genes)
    say where a gene is on; ``coordinates`` are the spots' (spots x 2 or 3); ``best`` holds the indices of the
    best spots of every cell, best first; ``ambiguous`` marks cells whose two best spots tie; ``quantile`` is
    the one at which the cells were binarised.
    """

    cells: Names
    spots: Names
    genes: Names
    binarised: Flags
    atlas: Flags
    coordinates: Doubles
    best: npt.NDArray[np.intp]
    ambiguous: Flags
    quantile: float


def _correlations(x: npt.NDArray[Any]) -> Doubles:
    """Correlate the columns of `x`; a constant one with nothing."""
    z = z_scores(x.astype(np.float64))
    return np.asarray(z.T @ z / len(z))


def _binarised(values: Doubles, atlas: Flags, quantiles: Sequence[float]) -> tuple[Flags, float]:
    """Binarise every gene of the cells at the quantile that brings the genes' correlations to the atlas's."""
    wanted = _correlations(atlas)
    thresholds = np.full((len(quantiles), values.shape[1]), np.inf)
    for gene, column in enumerate(values.T):
        if (column > 0).any():
            thresholds[:, gene] = np.quantile(column[column > 0], quantiles)
    errors = [float(np.square(_correlations(values >= t) - wanted).mean()) for t in thresholds]
    best = int(np.argmin(errors))
    return values >= thresholds[best], float(quantiles[best])


def _matthews(both: npt.NDArray[Any], first: npt.NDArray[Any], second: npt.NDArray[Any], n: int) -> Doubles:
    """Matthews correlation of two binary vectors of length `n`: where both, the first, the second are on.

    It is 0 where one of them is constant.
    """
    true_positive = np.asarray(both, dtype=np.float64)
    false_positive, false_negative = first - true_positive, second - true_positive
    true_negative = n - true_positive - false_positive - false_negative
    product = np.asarray(first, dtype=np.float64) * second * (n - first) * (n - second)
    numerator = true_positive * true_negative - false_positive * false_negative
    return np.asarray(numerator / np.sqrt(np.where(product > 0, product, 1)))


def _best(binarised: Flags, atlas: Flags, n_best: int) -> tuple[npt.NDArray[np.intp], Flags]:
    """Return the spots of highest Matthews correlation with every cell, and whether the two best tie."""
    n_genes = atlas.shape[1]
    on_atlas = atlas.sum(axis=1)
    turned = atlas.T.astype(np.float64)
    best = np.empty((len(binarised), n_best), dtype=np.intp)
    ambiguous = np.empty(len(binarised), dtype=bool)
    for rows in blocks(binarised):
        block = binarised[rows].astype(np.float64)
        scores = _matthews(block @ turned, block.sum(axis=1)[:, None], on_atlas[None, :], n_genes)
        # Stable: of equals the first, as the challenge's own scripts have it.
        best[rows] = np.argsort(-scores, axis=1, kind="stable")[:, :n_best]
        two = np.take_along_axis(scores, best[rows, :2], axis=1)
        ambiguous[rows] = two[:, 0] == two[:, 1]
    return best, ambiguous


def reference(
    values: npt.NDArray[Any],
    atlas: npt.NDArray[Any],
    coordinates: npt.NDArray[Any],
    *,
    cells: Sequence[str] | npt.NDArray[Any],
    spots: Sequence[str] | npt.NDArray[Any],
    genes: Sequence[str] | npt.NDArray[Any],
    quantiles: Sequence[float] = QUANTILES,
    n_best: int = _N_BEST,
) -> Reference:
    """Run DistMap on plain numbers; `distmap` says what it does.

    Parameters
    ----------
    values
        Expression, cells x genes, normalised by the cells' totals; logarithm or not is the same.
    atlas
        Spots x genes of 0 and 1.
    coordinates
        Spots x 2 or 3.
    cells, spots, genes
        Names.
    quantiles, n_best
        As for `distmap`.
    """
    values, atlas = np.asarray(values, dtype=np.float64), np.asarray(atlas)
    where = spot_coordinates(coordinates, len(spots))
    whole("n_best", n_best, 2)
    within("n_best", n_best, 2, len(spots))
    if len(quantiles) == 0:
        raise InputError(expected("at least one quantile", "none", "Leave quantiles out for the usual ones."))
    for quantile in quantiles:
        within("quantiles", quantile, 0, 1)
    if values.shape != (len(cells), len(genes)) or atlas.shape != (len(spots), len(genes)):
        raise InputError(
            expected(
                f"values of {len(cells)} cells and an atlas of {len(spots)} spots, x {len(genes)} genes",
                f"{values.shape} and {atlas.shape}",
                "One row a name, one column a gene.",
            )
        )
    if where is None or not np.isin(atlas, (0, 1)).all():
        raise InputError(
            expected(
                "an atlas of 0 and 1",
                "no coordinates" if where is None else f"values such as {_odd(atlas):.4g}",
                "DistMap compares binary patterns: give every spot a place, and binarise the atlas first.",
            )
        )
    on = atlas.astype(bool)
    binarised, quantile = _binarised(values, on, quantiles)
    best, ambiguous = _best(binarised, on, n_best)
    names = [np.asarray(x, dtype=str) for x in (cells, spots, genes)]
    return Reference(names[0], names[1], names[2], binarised, on, where, best, ambiguous, quantile)


def _odd(atlas: npt.NDArray[Any]) -> float:
    return float(atlas[~np.isin(atlas, (0, 1))][0])


def distmap(
    sc: ad.AnnData,
    atlas: ad.AnnData,
    *,
    sc_layer: str | None = None,
    sc_scale: Scale | str = "auto",
    quantiles: Sequence[float] = QUANTILES,
    n_best: int = _N_BEST,
) -> Reference:
    """Find every cell's place with DistMap: the spots whose binary pattern of genes agrees with the cell's.

    A gene is on in a cell if its value is at least a quantile of its positive values; the quantile, one for
    all genes, is the one at which the correlations between the genes over the cells come closest to those
    over the atlas (least mean squared difference). The score of a cell at a spot is Matthews' correlation
    over the genes.

    Parameters
    ----------
    sc
        Single-cell data, cells x genes, counts or log values.
    atlas
        Spots x genes, X of 0 and 1, with coordinates in ``obsm["spatial"]``. The genes that `sc` has, too,
        are used.
    sc_layer, sc_scale
        As for `map_cells`.
    quantiles
        Those to choose from.
    n_best
        How many spots of every cell are kept.

    Returns
    -------
    The positions and what they are scored with.
    """
    check_adata(sc, "sc")
    check_adata(atlas, "atlas")
    cells = expression(sc, "sc", sc_layer, sc_scale, "float64").without_empty_rows()  # type: ignore[arg-type]
    spots = expression(atlas, "st", None, "log", "float64")
    genes = shared_genes(cells, spots)
    if SPATIAL not in atlas.obsm:
        raise InputError(
            expected('coordinates of the spots in obsm["spatial"]', "none", "Put them there first.")
        )
    return reference(
        log_normalised(cells, genes),
        log_normalised(spots, genes),
        atlas.obsm[SPATIAL],
        cells=cells.names,
        spots=spots.names,
        genes=genes,
        quantiles=quantiles,
        n_best=n_best,
    )


def best_spots(mapping: ad.AnnData, k: int = _N_BEST) -> pd.DataFrame:
    """Return the names of the k most probable spots of every cell (cells x k), best first.

    Of equals the first in the mapping's order comes first.
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

    With x_t the best spot of a cell by DistMap, d its reference spots' mean distance from x_t, d' that of the
    predicted ones, p = d / d' the cell's precision, A the binary atlas and B the binarised cells:

        s1 = sum over cells of p / sum(p) MCC(A[x_t], A[x_1]), over the genes, x_1 the first predicted spot
        s2 = mean over cells of p
        s3 = sum over genes of w / sum(w) MCC(A[x_1], B), over the cells; w = MCC(A[x_t], B)

    Cells whose two best reference spots tie are left out of all three sums and means, but not, as in the
    challenge's own scripts, of the sum(p) by which s1 divides: s1 cannot reach 1 where there are such cells.

    Parameters
    ----------
    predicted
        Locations, cells x k, best first: a data frame indexed by the names of cells, of which there may be
        fewer than in `truth` and in any order, with names of spots or their positions from 0; or an array of
        positions from 0, all cells in the order of `truth`. The challenge had k = 10.
    truth
        What `distmap` returned.
    genes
        The genes that were used for the prediction, over which s1 and s3 are taken; None: all.

    Returns
    -------
    ``"s1"``, ``"s2"``, ``"s3"``; higher is better. s2 has no upper bound, s3 is NaN if the w add up to 0.
    """
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

    def mean_distance(of: npt.NDArray[np.intp]) -> Doubles:
        away = truth.coordinates[of] - truth.coordinates[true[:, 0]][:, None, :]
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
    at_true, at_first = (truth.atlas[of][:, columns] for of in (true[:, 0], spots[:, 0]))
    binarised = truth.binarised[cells][:, columns][used]

    def matthews(a: Flags, b: Flags, axis: int) -> Doubles:
        return _matthews((a & b).sum(axis=axis), a.sum(axis=axis), b.sum(axis=axis), a.shape[axis])

    alike = matthews(at_true, at_first, 1)
    weights = matthews(at_true[used], binarised, 0)
    total = weights.sum()
    third = (weights * matthews(at_first[used], binarised, 0)).sum() / total if total != 0 else np.nan
    return {
        "s1": float((precision * alike)[used].sum() / precision.sum()),
        "s2": float(precision[used].mean()),
        "s3": float(third),
    }


def _columns(genes: Sequence[str] | None, truth: Reference) -> npt.NDArray[np.intp]:
    if genes is None:
        return np.arange(len(truth.genes))
    if isinstance(genes, str):
        raise InputError(expected("a list of names of genes", repr(genes), f"Pass [{genes!r}]."))
    columns = pd.Index(truth.genes).get_indexer(pd.Index(list(genes)))
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
    """Return which cells are predicted, and their spots (cells x k), both as positions in the reference."""
    named = isinstance(predicted, pd.DataFrame)
    values = predicted.to_numpy() if named else np.asarray(predicted)
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
