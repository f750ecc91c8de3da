"""Find the section that fits a cell best, if every section was mapped by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, softmax

from ..common.jit import compiled
from ..expression.table import Expression, Floats
from ..expression.transforms import log_normalised, unit_rows, z_scores
from ..matrix.rows import row_blocks

__all__ = ["BEST", "compared_bytes", "likeliest_spots", "section_probabilities"]

Ints = npt.NDArray[np.intp]
F64 = npt.NDArray[np.float64]

# `benchmarks/sections.py` compares rules and constants; these were chosen by it.
BEST = 20
"""Number of most probable spots of a cell that are used in every section."""
_WIDTH = 2.0
_LEAST_SPREAD = 1e-6


def likeliest_spots(matrix: Any, spots: Ints, k: int) -> Ints:
    """Return the `k` most probable spots of every row of P (cells x k), -1 if the row has fewer.

    `spots` is the row of a table for every column of P.
    """
    found = np.full((matrix.shape[0], k), -1, dtype=np.intp)
    for part in row_blocks(matrix):
        best, share = part.best(k)
        found[part.rows, : best.shape[1]] = np.where(share > 0, spots[best], -1)
    return found


def compared_bytes(cells: int, spots: int, genes: int, sections: int, itemsize: int) -> int:
    """Return the bytes that `section_probabilities` takes: both tables, and correlations."""
    return itemsize * (cells + spots) * genes + 6 * 8 * cells * sections * BEST


@compiled
def _products(cells: Any, spots: Any, best: Any, out: Any) -> None:
    for i in range(best.shape[0]):
        cell = cells[i]
        for k in range(best.shape[1]):
            if best[i, k] >= 0:
                spot = spots[best[i, k]]
                total = np.float64(0)
                for g in range(cell.shape[0]):
                    total += np.float64(cell[g]) * np.float64(spot[g])
                out[i, k] = total


def _correlations(cells: Floats, spots: Floats, best: Ints) -> F64:
    """Return the correlation of every cell with its most probable spots, -inf without a spot."""
    found = np.full(best.shape, -np.inf)
    _products(cells, spots, best, found)
    return found


def section_probabilities(
    sc: Expression, st: Expression, genes: Sequence[str], likeliest: Sequence[Ints]
) -> F64:
    """Return the probability of every section for every cell (cells x sections, rows sum to 1).

    rho are the Pearson correlations of a cell with its `BEST` most probable spots in a section, over genes
    that are z-scored over all cells and over the spots of all sections; s is the standard deviation of rho,
    averaged over the sections. Then

        f = 2 log sum exp(rho / (2 s)),    probability = softmax over the sections of f.

    On tissues cut in two, the probabilities agree with the observed shares to 0.03 on average over the
    tissues, but not in each tissue. If the signal is weak, a section that is much smaller than the others
    gets too few cells. If a cell has fewer than 10 spots, the probabilities are too high.

    Parameters
    ----------
    sc
        Table of the cells.
    st
        Table of the spots of all sections.
    genes
        The genes that every section was mapped with.
    likeliest
        The most probable spots of every cell in each section; their number is the same in all sections.
    """
    cells = unit_rows(z_scores(log_normalised(sc, genes)))
    spots = unit_rows(z_scores(log_normalised(st, genes)))
    rho = np.stack([_correlations(cells, spots, best) for best in likeliest], axis=1)
    known = np.isfinite(rho)
    n = known.sum(axis=2)
    mean = np.where(known, rho, 0).sum(axis=2) / n
    variance = np.where(known, np.square(rho - mean[:, :, None]), 0).sum(axis=2) / n
    spread = np.maximum(np.sqrt(variance).mean(axis=1), _LEAST_SPREAD)[:, None]
    fit = _WIDTH * logsumexp(rho / (_WIDTH * spread[:, :, None]), axis=2)
    return np.asarray(softmax(fit, axis=1))
