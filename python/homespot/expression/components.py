"""Fewer numbers a row with nearly the same correlations: principal components of both tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..common.cores import limited_threads, threads
from ..common.threads import pool
from ..matrix.rows import evenly_spaced
from .selection import Table
from .table import Floats

__all__ = ["Projected", "projected"]

_LEARNT = 5000  # rows of each table from which components are learnt
_MORE = 16  # directions that are followed besides those that are kept
_STEPS = 4
_COMPARED = 500  # rows of each table on which the error is measured
_ROWS = 1024


class Projected(NamedTuple):
    """Both tables, projected.

    Attributes
    ----------
    sc, st
        Rows of cells and spots, each x components, whose products are nearly the correlations.
    error
        The root mean square, and the largest, difference of a product from the correlation, over 500 cells
        and 500 spots, evenly spaced.
    """

    sc: Floats
    st: Floats
    error: dict[str, Any]


@limited_threads(1)  # products by several threads have other last digits
def projected(x_sc: Table, x_st: Floats, n: int) -> Projected:
    """Project rows of norm 1 onto the n directions that keep most of both tables.

    With U the rows of up to 5,000 cells and V those of up to 5,000 spots, each evenly spaced, the directions
    are the leading eigenvectors of U' U / |U| + V' V / |V|, found by subspace iteration from a fixed start.
    The rows keep the length that they have in these directions, at most 1. The number of threads changes no
    byte.

    Parameters
    ----------
    x_sc, x_st
        Rows of cells and spots over the same genes, each centred and of norm 1.
    n
        How many directions.
    """
    samples = [x[evenly_spaced(len(x), _LEARNT)] for x in (x_sc, x_st)]
    rng = np.random.default_rng(0)
    basis = rng.standard_normal((x_st.shape[1], min(n + _MORE, x_st.shape[1]))).astype(x_st.dtype)
    for _ in range(_STEPS):
        basis = np.linalg.qr(basis)[0]
        one, other = (sample.T @ (sample @ basis) / len(sample) for sample in samples)
        basis = one + other
    basis = np.linalg.qr(basis)[0]
    scores = [sample @ basis for sample in samples]
    gram = sum(score.T.astype(np.float64) @ score / len(score) for score in scores)
    _, within = np.linalg.eigh(gram)
    directions = (basis @ within[:, ::-1][:, :n]).astype(x_st.dtype)
    sc, st = _onto(x_sc, directions), _onto(x_st, directions)
    cells, spots = evenly_spaced(len(sc), _COMPARED), evenly_spaced(len(st), _COMPARED)
    apart = (sc[cells] @ st[spots].T - x_sc[cells] @ x_st[spots].T).astype(np.float64)
    error = {"rms": float(np.sqrt(np.square(apart).mean())), "largest": float(np.abs(apart).max())}
    return Projected(sc, st, error)


def _onto(x: Table, directions: Floats) -> Floats:
    out: Floats = np.empty((len(x), directions.shape[1]), directions.dtype)
    parts = [slice(start, min(start + _ROWS, len(x))) for start in range(0, len(x), _ROWS)]

    def project(k: int) -> None:
        np.matmul(x[parts[k]], directions, out=out[parts[k]])

    concurrent = isinstance(x, np.ndarray) or x.concurrent
    with pool(threads(len(x) * x.shape[1]) - 1 if concurrent else 0) as each:
        each(project, len(parts))
    return out
