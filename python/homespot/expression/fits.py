"""How far the spots hold cells like one: the share of the spots that its kind makes up, over its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.cores import limited_threads
from ..matrix.rows import evenly_spaced
from ..matrix.streamed import Streamed
from .mixtures import linear, mixtures, technology_factors
from .table import Floats

__all__ = ["cell_fits"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_KINDS = (15, 30, 60)
_CELLS_PER_KIND = 10  # on average, at least
_COMPONENTS = 30
_LEARNT = 5000  # cells from which components and kinds are learnt
_GENES = 1000  # the most variable ones, of many
_SPOTS = 1000
_ROWS = 1000  # rows that are brought to the linear scale at once
_POWER_STEPS = 3
_CLUSTER_STEPS = 10
_PULL = 0.1  # towards the shares of the cells, over the mean square length of the kinds
_LEAST = 0.01
_MOST_STEPS = 100
_CLOSE = 1e-3


@limited_threads(1)  # products by several threads have other last digits
def cell_fits(x_sc: Floats | Streamed, x_st: Floats) -> F64 | None:
    """Return how far the spots hold cells like each, from 0.01 to 1; None of fewer than 20 cells.

    The cells are divided into kinds by k-means of their principal components. Then every spot y is taken for
    a mixture of the kinds' mean expressions mu, all on the linear scale, with weights w >= 0 that minimise

        sum_g (f_g y_g - sum_k w_k mu_kg)^2 / m_g  +  c |w - s|^2,

    m_g the mean of the cells, s the shares of the kinds among them, and c a tenth of the kinds' mean square
    length: where genes do not tell kinds apart, the spots are assumed to hold them as the cells do. f_g is a
    factor between technologies, from a fit of the mean of all spots alone: r^3 / (r^2 + 0.3^2) is its
    logarithm, r that of the fitted mean over the measured one, so that small differences count as chance.
    With W the mean over the spots of w, scaled to sum to 1, the fit of a cell of kind k is

        min(1, W_k / s_k),

    and the result is its geometric mean over divisions into 15, 30 and 60 kinds (of few cells, one kind for
    every ten).

    At most 1,000 spots, evenly spaced in their order, are fitted, by the 1,000 most variable genes; kinds are
    learnt from at most 5,000 cells. It sees neither the map nor where the spots lie. Nothing is drawn from
    the user's seed, and the number of threads does not change a bit.

    Parameters
    ----------
    x_sc, x_st
        Cells and spots over the same genes, on the log scale.
    """
    n_cells, n_genes = x_sc.shape
    sizes = sorted({min(n, n_cells // _CELLS_PER_KIND) for n in _KINDS})
    if sizes[0] < 2:
        return None
    rng = np.random.default_rng(0)
    with limited_threads(1):
        learnt, x_st = x_sc[evenly_spaced(n_cells, _LEARNT)], x_st[evenly_spaced(len(x_st), _SPOTS)]
        if n_genes > _GENES:
            order = np.argsort(-learnt.var(axis=0, dtype=np.float64), kind="stable")
            genes = np.sort(order[:_GENES])
            learnt, x_st = learnt[:, genes], x_st[:, genes]
        else:
            genes = np.arange(n_genes)
        loadings, shift = _components(learnt, rng)
        scores = learnt @ loadings - shift
        centres = [_centres(scores, n, rng) for n in sizes]
        kinds, means = _kinds(x_sc, genes, loadings, shift, centres)
        shares = [np.bincount(kind) / n_cells for kind in kinds]
        total = np.zeros(n_cells)
        for kind, share, part in zip(kinds, shares, _parts(linear(x_st), means, shares), strict=True):
            total += np.log(np.clip(part / share, _LEAST, 1))[kind]
    return np.asarray(np.exp(total / len(sizes)))


def _blocks(x: Floats | Streamed, genes: Ints) -> Iterator[tuple[slice, Floats]]:
    every = len(genes) == x.shape[1]
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        yield rows, x[rows] if every else x[rows][:, genes]


def _components(x: Floats, rng: np.random.Generator) -> tuple[Floats, F64]:
    """Return V and v so that x V - v are principal components of the z-scores, by subspace iteration."""
    mean = x.mean(axis=0, dtype=np.float64)
    deviation = x.std(axis=0, dtype=np.float64)
    over = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6 * mean)
    basis = rng.standard_normal((x.shape[1], min(_COMPONENTS, x.shape[1])))
    for _ in range(1 + _POWER_STEPS):
        loadings = np.linalg.qr(basis)[0] * over[:, None]
        scores = x @ loadings.astype(x.dtype) - mean @ loadings
        back = x.T @ scores.astype(x.dtype) - np.outer(mean, scores.sum(axis=0))
        basis = back * over[:, None]
    return loadings.astype(x.dtype), mean @ loadings


def _nearest(scores: F64, centres: F64) -> Ints:
    return np.asarray((np.square(centres).sum(axis=1) - 2 * scores @ centres.T).argmin(axis=1))


def _members(kind: Ints, n: int, dtype: npt.DTypeLike = np.float64) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(kind), dtype), (kind, np.arange(len(kind)))), shape=(n, len(kind)))


def _centres(scores: F64, n: int, rng: np.random.Generator) -> F64:
    """Return the centres of at most n groups, by k-means from a start drawn far apart."""
    centres = scores[[int(rng.integers(len(scores)))]]
    far = np.square(scores - centres[0]).sum(axis=1)
    while len(centres) < n and far.max() > 0:
        drawn = np.searchsorted(np.cumsum(far), rng.random() * far.sum(), side="right")
        one = scores[min(int(drawn), len(scores) - 1)]
        centres = np.vstack([centres, one])
        far = np.minimum(far, np.square(scores - one).sum(axis=1))
    for _ in range(_CLUSTER_STEPS):
        kind = _nearest(scores, centres)
        count = np.bincount(kind, minlength=len(centres))
        held = count > 0
        centres = (_members(kind, len(centres)) @ scores)[held] / count[held, None]
    return np.asarray(centres)


def _kinds(
    x: Floats | Streamed, genes: Ints, loadings: Floats, shift: F64, centres: list[F64]
) -> tuple[list[Ints], list[F64]]:
    """Return the kind of every cell, and the mean expression of every kind, for every division."""
    kinds = [np.empty(len(x), dtype=np.intp) for _ in centres]
    means = [np.zeros((len(one), len(genes))) for one in centres]
    for rows, block in _blocks(x, genes):
        scores, values = block @ loadings - shift, linear(block)
        for kind, mean, one in zip(kinds, means, centres, strict=True):
            kind[rows] = _nearest(scores, one)
            mean += _members(kind[rows], len(one), values.dtype) @ values
    for i, kind in enumerate(kinds):
        held, kinds[i], count = np.unique(kind, return_inverse=True, return_counts=True)
        means[i] = means[i][held] / count[:, None]
    return kinds, means


def _parts(spots: Floats, means: list[F64], shares: list[F64]) -> list[F64]:
    """Return the share of the spots that every kind of every division makes up."""
    of_spots, of_cells = spots.mean(axis=0, dtype=np.float64), shares[0] @ means[0]
    over = np.divide(1, of_cells, out=np.zeros_like(of_cells), where=of_cells > 0)
    found = []
    for mean, share in zip(means, shares, strict=True):
        gram = (mean * over) @ mean.T
        strength = _PULL * np.trace(gram) / len(gram)
        gram[np.diag_indices_from(gram)] += strength
        pull = strength * share
        together = mixtures(gram, (mean @ (over * of_spots) + pull)[None], share, _CLOSE, _MOST_STEPS)[0]
        weights = mean * over * technology_factors(together @ mean, of_spots)
        wanted = (spots @ weights.astype(spots.dtype).T).astype(np.float64)
        mixture = mixtures(gram, wanted + pull, together, _CLOSE, _MOST_STEPS)
        found.append((mixture / mixture.sum(axis=1, keepdims=True)).mean(axis=0))
    return found
