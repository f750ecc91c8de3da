"""How sharp a map can be read: the power of its rows at which two halves of the genes agree best."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import brentq
from scipy.special import softmax, xlogy

from ..common.cores import limited_threads
from ..common.run import SOFTER, Sharpness
from ..matrix.rows import evenly_spaced
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from .places import Places
from .table import Floats
from .transforms import unit_rows

__all__ = ["agreement", "matched"]

F32 = npt.NDArray[np.float32]

_POWERS = np.geomspace(0.2, 4.5, 14)
_HALVES = 4
_CELLS = 800
_ROWS = 100  # cells that are compared at once
_LEAST = 1e-30
_SAMPLE = 200  # rows whose entropies are compared
_RANGE = (1e-2, 1e2)  # of the power of the rows of another map


def _scores(
    x_sc: Floats, x_st: Floats, genes: npt.NDArray[np.intp] | slice, regularisation: float, *, absolute: bool
) -> F32:
    """Return the logarithms of a map over some of the genes, but for a constant of every row."""
    rho = unit_rows(x_sc[:, genes]) @ unit_rows(x_st[:, genes]).T
    if absolute:
        np.abs(rho, out=rho)
    largest = max(float(1 - rho.min()), 1e-6)
    return (rho / (regularisation * largest)).astype(np.float32)


@limited_threads(1)  # products by several threads have other last digits
def agreement(
    x_sc: Floats | Streamed, x_st: Floats, places: Places, regularisation: float, *, absolute: bool = False
) -> Sharpness:
    """Find the power of the rows of a correlation map at which two halves of the genes agree best.

    The genes are halved at random four times, each time for another quarter of up to 800 cells. Each half
    maps these cells by itself, A and B, with row softmax of the correlation. With G a Gaussian of the
    distance between spots, of one pitch and of mean 1, the agreement at the power q is the mean over cells of

        log( sum_jk A_j^q G_jk B_k^q ),    rows of A^q and B^q scaled to sum to 1,

    that is, how much more often than by chance two independent readings of a cell agree on its place. It is
    low where the reading is too soft, and where it is so sharp that it follows noise. The maximum is
    interpolated. Nothing is drawn from the user's seed.

    Parameters
    ----------
    x_sc, x_st
        Z-scores of cells and spots over the same genes, each multiplied by its weight.
    places
        Where the spots lie.
    regularisation
        That of the map.
    absolute
        Whether an anti-correlated spot is as near as a correlated one.
    """
    rng = np.random.default_rng(0)
    n_genes = x_st.shape[1]
    cells = x_sc[evenly_spaced(len(x_sc), _CELLS)]
    near = sparse.csr_matrix(places.nearness(), dtype=np.float32)
    total = np.zeros(len(_POWERS))
    parts = min(_HALVES, len(cells))
    for i in range(parts):
        order, sample = rng.permutation(n_genes), cells[i::parts]
        one, other = (
            _scores(sample, x_st, half, regularisation, absolute=absolute)
            for half in (order[: n_genes // 2], order[n_genes // 2 :])
        )
        for start in range(0, len(one), _ROWS):
            a, b = one[start : start + _ROWS], other[start : start + _ROWS]
            for k, power in enumerate(_POWERS.astype(np.float32)):
                read, near_read = softmax(power * a, axis=1), near @ softmax(power * b, axis=1).T
                together = (read * near_read.T).sum(axis=1, dtype=np.float64)
                total[k] += np.log(np.maximum(together, _LEAST)).sum()
    curve = total / len(cells)
    return Sharpness(_highest(curve), _POWERS.copy(), curve)


@limited_threads(1)
def matched(known: Sharpness, x_sc: Floats, x_st: Floats, matrix: Any, regularisation: float) -> Sharpness:
    """Return the sharpness of another map of the same tables, which it would take several maps to find.

    How certain a place can be depends on the data, not on the map. So the rows of the other map, P, are read
    at the power that gives them the mean entropy of the rows of the correlation map, as places are read from
    it:

        mean H(P^(s q')) = mean H(R^(s q)),

    where R is the correlation map, q its sharpness, s the share of it at which places are read, and q' the
    sharpness of P. The mean is over up to 200 cells. The curve is the one of R, with its powers times q' / q.

    Parameters
    ----------
    known
        The sharpness of the correlation map, as `agreement` finds it.
    x_sc, x_st, regularisation
        As for `agreement`.
    matrix
        P, cells x spots, dense or CSR.
    """
    cells = evenly_spaced(len(x_sc), _SAMPLE)
    scores = _scores(x_sc[cells], x_st, slice(None), regularisation, absolute=False)
    rows = matrix[cells]
    with np.errstate(divide="ignore"):
        logs = np.log((rows.toarray() if is_sparse(rows) else rows).astype(np.float64))
    wanted = _entropy(SOFTER * known.power * scores.astype(np.float64))

    def above(log_power: float) -> float:
        return _entropy(np.exp(log_power) * logs) - wanted

    low, high = np.log(_RANGE)
    # Rows that are uniform, or at one spot, have one entropy at every power.
    if above(low) <= 0:
        power = _RANGE[0]
    elif above(high) >= 0:
        power = _RANGE[1]
    else:
        power = float(np.exp(brentq(above, low, high, xtol=1e-4)))
    power /= SOFTER
    return Sharpness(power, known.powers * (power / known.power), known.agreement)


def _entropy(logs: npt.NDArray[np.float64]) -> float:
    """Return the mean entropy of the softmax of the rows."""
    p = softmax(logs, axis=1)
    return float(-xlogy(p, p).sum(axis=1).mean())


def _highest(curve: npt.NDArray[np.float64]) -> float:
    """Return the power at the maximum of the curve, interpolated by a parabola over the logarithm."""
    k = int(curve.argmax())
    if not 0 < k < len(curve) - 1:
        return float(_POWERS[k])
    low, middle, high = curve[k - 1 : k + 2]
    bend = low - 2 * middle + high
    shift = 0.0 if bend >= 0 else 0.5 * (low - high) / bend
    return float(_POWERS[k] * (_POWERS[1] / _POWERS[0]) ** shift)
