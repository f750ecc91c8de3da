"""Scores of places and of genes, usable on anybody's results."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import gaussian_kde

from ..errors import InputError, expected, some

__all__ = ["distances", "gene_scores", "kde_divergence"]

Floats = npt.NDArray[np.floating[Any]]

_GRID = 50


def _same_shape(
    true: Floats, found: Floats, what: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    a, b = np.asarray(true, dtype=np.float64), np.asarray(found, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.size == 0:
        raise InputError(
            expected(
                f"true and found {what} as two tables of one shape, not empty",
                f"{a.shape} and {b.shape}",
                "Pass the same rows of both.",
            )
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError(expected(f"finite {what}", "NaN or infinite ones", "Drop these rows first."))
    return a, b


def distances(true: Floats, found: Floats) -> dict[str, float]:
    """Mean distance between true and found positions (cells x 2 or 3).

    Returns
    -------
    ``"euclidean"`` and ``"manhattan"``, in the unit of the coordinates (Tran et al., section 3.2).
    """
    true, found = _same_shape(true, found, "positions")
    difference = found - true
    return {
        "euclidean": float(np.sqrt(np.square(difference).sum(axis=1)).mean()),
        "manhattan": float(np.abs(difference).sum(axis=1).mean()),
    }


def kde_divergence(true: Floats, found: Floats, labels: npt.ArrayLike) -> pd.Series:
    """Kullback-Leibler divergence, in nats, of the found from the true distribution in space, per cell type.

    Two Gaussian kernel density estimates (Scott's bandwidth) on one 50 x 50 grid over both sets of positions,
    each scaled to sum to 1: sum P log(P / Q), P the true one (Tran et al., appendix A).

    Parameters
    ----------
    true, found
        Positions, cells x 2.
    labels
        Cell type of every cell; types whose positions span no area (fewer than 3 cells, or all in line) get
        NaN.
    """
    true, found = _same_shape(true, found, "positions")
    types = np.asarray(labels, dtype=str)
    if types.shape != (len(true),):
        raise InputError(
            expected(
                f"one label for each of the {len(true)} cells",
                f"{types.size}",
                "Pass as many labels as cells.",
            )
        )
    if true.shape[1] != 2:
        raise InputError(expected("positions in 2 dimensions", f"{true.shape[1]}", "Pass x and y only."))
    both = np.vstack([true, found])
    axes = [
        np.linspace(low, high, _GRID) for low, high in zip(both.min(axis=0), both.max(axis=0), strict=True)
    ]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes)])

    def density(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        if len(points) < 3 or np.linalg.matrix_rank(points - points.mean(axis=0)) < 2:
            return None
        values = gaussian_kde(points.T)(grid) + np.finfo(np.float64).tiny
        return np.asarray(values / values.sum())

    divergence = {}
    for kind in np.unique(types):
        p, q = density(true[types == kind]), density(found[types == kind])
        divergence[str(kind)] = np.nan if p is None or q is None else float((p * np.log(p / q)).sum())
    return pd.Series(divergence, name="kl", dtype=np.float64)


def gene_scores(true: Floats, found: Floats, genes: list[str]) -> pd.DataFrame:
    """PCC, SSIM, RMSE and JSD of every gene's pattern in space (Li et al. 2022, as in the COME paper).

    Parameters
    ----------
    true, found
        Expression, spots x genes.
    genes
        Names of the columns.

    Returns
    -------
    One row a gene. ``pcc``: Pearson correlation. ``ssim``: structural similarity of the patterns, each
    divided by its maximum, C1 = 0.01 squared, C2 = 0.03 squared, C3 = C2 / 2. ``rmse``: root mean squared
    difference of the z-scores. ``jsd``: Jensen-Shannon divergence (nats) of the patterns, each scaled to
    sum to 1, NaN where one has negative values. The z-scores of a constant pattern are 0, and so is its pcc;
    a pattern of sum 0 counts as uniform.
    """
    true, found = _same_shape(true, found, "expression")
    if len(genes) != true.shape[1]:
        raise InputError(
            expected(f"{true.shape[1]} gene names", f"{len(genes)} ({some(genes)})", "Name every column.")
        )
    z_true, z_found = _standardised(true), _standardised(found)
    return pd.DataFrame(
        {
            "pcc": (z_true * z_found).mean(axis=0),
            "ssim": _ssim(true, found),
            "rmse": np.sqrt(np.square(z_true - z_found).mean(axis=0)),
            "jsd": _jsd(true, found),
        },
        index=pd.Index(genes, name="gene"),
    )


def _standardised(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    deviation = x.std(axis=0)
    scale = np.divide(
        1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-12 * np.abs(x).max(axis=0)
    )
    return np.asarray((x - x.mean(axis=0)) * scale)


def _ssim(true: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    def scaled(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        top = x.max(axis=0)
        return np.asarray(x * np.divide(1, top, out=np.zeros_like(top), where=top > 0))

    a, b = scaled(true), scaled(found)
    # Scaled by their maxima, both have the dynamic range 1.
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    var_a, var_b = a.var(axis=0), b.var(axis=0)
    covariance = ((a - mean_a) * (b - mean_b)).mean(axis=0)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    # contrast x structure with C3 = C2 / 2 is this one fraction
    return np.asarray(luminance * (2 * covariance + c2) / (var_a + var_b + c2))


def _jsd(true: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    def scaled(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        total = x.sum(axis=0)
        return np.where(total > 0, x / np.where(total > 0, total, 1), 1 / len(x))

    def entropy(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return -np.asarray((p * np.log(np.where(p > 0, p, 1))).sum(axis=0))

    p, q = scaled(true), scaled(found)
    divergence = np.maximum(entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2, 0)
    return np.asarray(np.where(np.minimum(true, found).min(axis=0) < 0, np.nan, divergence))
