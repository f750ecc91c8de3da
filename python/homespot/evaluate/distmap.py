"""distmap: the place of every cell by the binary patterns of its genes (Karaiskos et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt

from ..common import checks
from ..common.checks import whole, within
from ..common.keys import SPATIAL
from ..errors import InputError, expected
from ..expression.scale import Scale
from ..expression.shared import shared_genes
from ..expression.transforms import log_normalised, z_scores
from ..matrix.rows import blocks
from ..objects.access import check_adata
from ..objects.tables import expression
from ..space.axes import spot_coordinates

__all__ = ["N_BEST", "QUANTILES", "Reference", "distmap", "matthews", "reference"]

QUANTILES = tuple(step / 100 for step in range(15, 51))
"""The quantiles that DistMap tries, as in the challenge."""

N_BEST = 10  # locations a submission to the challenge holds for every cell

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Reference:
    """The places that DistMap found, and the data that `dream_scores` needs.

    ``cells``, ``spots`` and ``genes`` are names. ``binarised`` (cells x genes) and ``atlas`` (spots x genes)
    say where a gene is on. ``coordinates`` are the coordinates of the spots (spots x 2 or 3). ``best`` holds
    the indices of the best spots of every cell, best first. ``ambiguous`` marks cells whose two best spots
    tie. ``quantile`` is the quantile at which the cells were binarised.
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
    """Return the correlations of the columns of `x`; those of a constant column are 0."""
    z = z_scores(x.astype(np.float64))
    return np.asarray(z.T @ z / len(z))


def _binarised(values: Doubles, atlas: Flags, quantiles: Sequence[float]) -> tuple[Flags, float]:
    """Binarise the genes at the quantile at which their correlations come closest to those in the atlas."""
    wanted = _correlations(atlas)
    thresholds = np.full((len(quantiles), values.shape[1]), np.inf)
    for gene, column in enumerate(values.T):
        if (column > 0).any():
            thresholds[:, gene] = np.quantile(column[column > 0], quantiles)
    errors = [float(np.square(_correlations(values >= t) - wanted).mean()) for t in thresholds]
    best = int(np.argmin(errors))
    return values >= thresholds[best], float(quantiles[best])


def matthews(both: npt.NDArray[Any], first: npt.NDArray[Any], second: npt.NDArray[Any], n: int) -> Doubles:
    """Return the Matthews correlation of two binary vectors of length `n`; 0 if one of them is constant.

    `both`, `first` and `second` are how many elements are on in both vectors, in the first, in the second.
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
        scores = matthews(block @ turned, block.sum(axis=1)[:, None], on_atlas[None, :], n_genes)
        # A stable sort puts the first of equals first, as the scripts of the challenge do.
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
    n_best: int = N_BEST,
) -> Reference:
    """Run DistMap on arrays; see `distmap`.

    Parameters
    ----------
    values
        Expression, cells x genes, normalised by the totals of the cells. A logarithm makes no difference,
        because only the order of the values counts.
    atlas
        Spots x genes of 0 and 1.
    coordinates
        Coordinates of the spots, spots x 2 or 3.
    cells
        Names of the cells.
    spots
        Names of the spots.
    genes
        Names of the genes.
    quantiles
        Quantiles that are tried; see `distmap`.
    n_best
        Number of spots that are kept for every cell.
    """
    atlas = checks.array("atlas", atlas, 2, flags=True)
    values = checks.array("values", values, 2)
    cells, spots, genes = (
        checks.names(name, given) for name, given in (("cells", cells), ("spots", spots), ("genes", genes))
    )
    quantiles = checks.listed("quantiles", quantiles)
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
    n_best: int = N_BEST,
) -> Reference:
    """Find every cell's place with DistMap: the spots whose binary pattern of genes agrees with the cell's.

    A gene is on in a cell if its value is at least a quantile of its positive values. There is one quantile
    for all genes: the quantile at which the correlations between the genes over the cells come closest to
    those over the atlas (least mean squared difference). The score of a cell at a spot is Matthews'
    correlation over the genes.

    Parameters
    ----------
    sc
        Single-cell data, cells x genes, counts or log values.
    atlas
        Spots x genes, X of 0 and 1, with coordinates in ``obsm["spatial"]``. Only genes that `sc` also has
        are used.
    sc_layer
        Layer of `sc` with the expression; see `map_cells`.
    sc_scale
        Scale of `sc`; see `map_cells`.
    quantiles
        Quantiles that are tried.
    n_best
        Number of spots that are kept for every cell.

    Returns
    -------
    The places of the cells, and the data that `dream_scores` needs.
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
