"""Spots as mixtures of cell types: a non-negative fit of every spot on what the types express."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads, threads
from ..common.threads import pool
from .mixtures import mixtures, technology_factors
from .type_means import TypeMeans

__all__ = ["MAP_WEIGHTS", "fitted_shares", "map_weight", "platform_factors", "telling_genes"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# All chosen on tissues of HOMESPOT_DATA and simulated shifts of technology, see benchmarks/README.md.
MAP_WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
"""Weights of a map's shares beside those of the fit, between which the spots' held-out genes choose."""
_TELLING = 2.0  # F statistic of a gene that counts
_FLOOR = 0.1  # share of a gene's variance that does not depend on the spot
_COMPOSITION = 0.7  # how far the tissue's shares of types may be from the reference's, as a logarithm
_POOLED_STEPS = 30
_FIRST_SPREAD, _LEAST_SPREAD = 0.3, 0.05  # of the logarithms of the platform's factors
_CLOSE, _STEPS = 1e-7, 1000
_FOLDS = 5
_ROWS = 64  # spots that one thread fits at once


def telling_genes(types: TypeMeans) -> Ints:
    """Return the genes whose means differ between the types by more than chance: F above 2.

    The others only add noise. All genes that are expressed count if fewer than there are types would be left.
    """
    expressed = types.overall > 0
    genes = np.flatnonzero(expressed & (types.telling > _TELLING))
    return genes if len(genes) >= len(types.means) else np.flatnonzero(expressed)


def platform_factors(types: TypeMeans, spots: F64) -> F64:
    """Return how much more of every gene the spots' technology sees than that of the reference.

    The mean of all spots y is taken for a mixture of the types' means mu with weights w >= 0, so that

        log y_g = log (w mu)_g + e_g,    e_g ~ N(0, s^2),    w_k / W ~ N(p_k, (0.7 p_k)^2)

    with p the shares of the types in the reference and W the sum of w: a tissue may hold the types in other
    shares, but not without limit. w and s are found in turn, and the factors are those of
    `mixtures.technology_factors`, which leaves small ones out.

    Parameters
    ----------
    types
        What the types express.
    spots
        Mean expression of the spots, on the linear scale; shape (genes,).
    """
    means, shares = types.means, types.shares
    low = 1e-3 * spots.mean()
    total = spots.sum() / (shares @ means).sum()
    weights, spread = shares * total, _FIRST_SPREAD
    for _ in range(_POOLED_STEPS):
        expected = weights @ means + low
        over = 1 / np.square(expected * spread)
        known = np.divide(1, total * shares * _COMPOSITION, out=np.zeros_like(shares), where=shares > 0)
        gram = (means * over) @ means.T + np.diag(np.square(known))
        wanted = (means * over) @ spots + known / _COMPOSITION
        weights = mixtures(gram, wanted[None], weights, _CLOSE, _STEPS)[0]
        total = weights.sum()
        expected = weights @ means + low
        away = np.log((spots + low) / expected)
        away -= away @ expected / expected.sum()
        spread = max(_LEAST_SPREAD, float(np.sqrt(np.square(away).mean())))
    return np.asarray(1 / technology_factors(weights @ means, spots))


def fitted_shares(types: TypeMeans, spots: F64) -> F64:
    """Return the shares of the types in every spot, spots x types; rows sum to 1.

    Every spot y is taken for a mixture of the types' means mu with weights w >= 0 that minimise

        sum_g (y_g - (w mu)_g)^2 / v_g,    v_g = n_g (0.9 (w mu)_g / W + 0.1 m_g)

    with n_g the variance of the gene within the types over its mean, m_g its mean over the reference, and W
    the sum of w. v is found from a first fit in which it is n_g m_g. The share of a type is its weight over
    the root of its cells' mean total: cells with more RNA count for more in a spot, and the root is about how
    far this carries over from one data set to another. The rows of spots without any of the genes are NaN.

    Parameters
    ----------
    types
        What the types express, as the spots' technology sees it.
    spots
        Spots x genes, on the linear scale.
    """
    means = types.means
    first = means * _inverse(types.noise * types.overall)
    gram = first @ means.T
    weights = np.empty((len(spots), len(means)))

    def fit(chunk: int) -> None:
        rows = slice(chunk * _ROWS, (chunk + 1) * _ROWS)
        some = spots[rows]
        start = mixtures(gram, some @ first.T, types.shares, _CLOSE, _STEPS)
        for i, (spot, own) in enumerate(zip(some, start, strict=True), rows.start):
            weights[i] = own if spot.any() else 0  # the descent ends near 0, not always at it
            if weights[i].any():
                weighed = means * _over_variance(types, own @ means / own.sum())
                weights[i] = mixtures(weighed @ means.T, (weighed @ spot)[None], own, _CLOSE, _STEPS)[0]

    with limited_threads(1), pool(threads(spots.size * len(means)) - 1) as each:
        each(fit, math.ceil(len(spots) / _ROWS))
    return _normalised(weights / types.sizes)


def _inverse(values: F64) -> F64:
    return np.asarray(np.divide(1, values, out=np.zeros_like(values), where=values > 0))


def _over_variance(types: TypeMeans, mean: F64) -> F64:
    """Return 1 over the variance of every gene where this mean is expected; 0 if nothing expresses it."""
    return _inverse((1 - _FLOOR) * types.noise * mean + _FLOOR * (types.noise * types.overall))


def _normalised(weights: F64) -> F64:
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.full_like(weights, np.nan), where=total > 0))


def map_weight(types: TypeMeans, spots: F64, of_map: F64) -> tuple[float, F64]:
    """Return the weight of a map's shares beside the fit's that predicts held-out genes of the spots best.

    The genes are divided at random into five parts. Each part is predicted from shares (1 - a) f + a s, f
    fitted on the other genes, s the map's, brought to the spot's total, for every a of `MAP_WEIGHTS`. The
    result is the a of the smallest sum of squared errors, each over the variance of `fitted_shares`. Weights
    above 0.25 predict genes better on some tissues and the types worse.

    Parameters
    ----------
    types
        What the types express, as the spots' technology sees it.
    spots
        Spots x genes, on the linear scale.
    of_map
        The map's shares, spots x types; rows of NaN are left out.

    Returns
    -------
    The weight, and the error of every weight over that of the weight 0.
    """
    known = np.isfinite(of_map).all(axis=1) & spots.any(axis=1)
    spots, of_map = spots[known], of_map[known]
    n_genes = len(types.noise)
    fold = np.random.default_rng(0).permutation(n_genes) % _FOLDS
    errors = np.zeros(len(MAP_WEIGHTS))
    for part in range(min(_FOLDS, n_genes)):
        others, held = types.of_genes(fold != part), types.of_genes(fold == part)
        shares = fitted_shares(others, spots[:, fold != part])
        predict = partial(_predicted, held)
        over = _over_variance(held, predict(shares))
        truth = spots[:, fold == part]
        for i, weight in enumerate(MAP_WEIGHTS):
            found = predict((1 - weight) * shares + weight * of_map)
            size = (found * truth * over).sum(axis=1)
            norm = (np.square(found) * over).sum(axis=1)
            scale = np.divide(size, norm, out=np.zeros_like(size), where=norm > 0)
            errors[i] += np.nansum(over * np.square(truth - scale[:, None] * found))
    best = int(errors.argmin()) if errors.any() else 0
    over_first = errors / errors[0] if errors[0] > 0 else np.ones_like(errors)
    return MAP_WEIGHTS[best], over_first


def _predicted(types: TypeMeans, shares: F64) -> F64:
    """Return the expression that shares of the types bring, in all the genes' unit of a cell."""
    return np.asarray(_normalised(shares * types.sizes) @ types.means)
