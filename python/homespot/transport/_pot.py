"""The stored problem solved by POT (Python Optimal Transport): another answer to hold ours against."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import ot

from ..common.memory import require
from ..common.wording import argument
from ..errors import ConvergenceWarning, InputError, expected
from .costs import Cost
from .result import TransportResult

__all__ = ["EXACT_PAIRS", "solve_by_pot"]

F64 = npt.NDArray[np.float64]

EXACT_PAIRS = 2**25
"""Most pairs of a cell and a spot of which the exact plan is found; more take hours."""
_COPIES = 4  # matrices as large as the cost that POT makes beside it
_STEPS = 10**8  # of the network simplex


def solve_by_pot(
    cost: Cost,
    p: F64,
    q: F64,
    *,
    regularisation: float,
    relax_cells: float,
    relax_spots: float,
    tolerance: float,
    max_iter: int,
    dtype: str,
) -> TransportResult:
    """Solve the problem of `sinkhorn` by POT, in float64; with a regularisation of 0 exactly."""
    m, n = cost.shape
    if regularisation == 0 and m * n > EXACT_PAIRS:
        raise InputError(
            expected(
                f"at most {EXACT_PAIRS:,} pairs of a cell and a spot for the exact plan",
                f"{m:,} cells x {n:,} spots",
                f"Map fewer cells, or set {argument('regularisation', 0.05)}.",
            )
        )
    require(
        lambda cells: 8 * (1 + _COPIES) * cells * n,
        f"a plan of {m:,} cells x {n:,} spots by POT",
        {"cells": m},
        fewer={"cells": "map at most {} cells at a time"},
        options={},
    )
    D = np.empty((m, n))
    cost.writer(D.dtype)(0, m, D)
    scale = float(D.max())
    if not np.isfinite(scale):
        raise InputError(expected("a finite cost", f"a largest cost of {scale}", "Look for NaN and Inf."))
    epsilon = regularisation * (scale or 1.0)
    plan, log_v, errors, iterations = _solved(
        D, p, q, epsilon, (relax_cells, relax_spots), tolerance, max_iter
    )
    masses, column_sums = plan.sum(axis=1), plan.sum(axis=0)
    last = errors[-1][1] if errors else np.inf
    converged = bool(last <= tolerance)
    if not converged:
        warnings.warn(
            f"POT stopped with an error of {last:.1e} where {tolerance:.1e} was asked for. "
            f"Raise {argument('max_iter')} or tolerance.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return TransportResult(
        matrix=(plan / masses[:, None]).astype(dtype),
        potentials=log_v,
        masses=masses,
        epsilon=epsilon,
        cost=cost,
        dtype=dtype,
        converged=converged,
        iterations=iterations,
        errors=np.array(errors).reshape(-1, 2),
        error_cells=float(np.abs(masses - p).sum()),
        error_spots=float(np.abs(column_sums - q).sum()),
        scale=scale,
        domain="log",
    )


def _solved(
    D: F64,
    p: F64,
    q: F64,
    epsilon: float,
    relax: tuple[float, float],
    tolerance: float,
    max_iter: int,
) -> tuple[F64, F64, list[tuple[int, float]], int]:
    """Return the plan, the potentials of the spots, POT's errors by iteration, and the iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT's own words on convergence; the caller says it in ours
        if epsilon == 0:
            plan, log = ot.emd(p, q, D, numItermax=_STEPS, log=True)
            return plan, log["v"], [(1, float("inf") if log["warning"] else 0.0)], 1
        if not any(relax):
            # POT's error is a Euclidean distance, ours the sum of absolute differences.
            least = tolerance / np.sqrt(len(q))
            plan, log = ot.sinkhorn(
                p, q, D, epsilon, method="sinkhorn_log", numItermax=max_iter, stopThr=least, log=True
            )
            found = [(10 * i + 1, float(error * np.sqrt(len(q)))) for i, error in enumerate(log["err"])]
            return plan, log["log_v"], found, int(log["niter"]) + 1
        weights = tuple(np.inf if x == 0 else epsilon * (1 - x) / x for x in relax)
        # "entropy": the entropy of the plan itself, as ours, not relative to p q'.
        plan, log = ot.unbalanced.sinkhorn_unbalanced(
            p,
            q,
            D,
            epsilon,
            weights,
            reg_type="entropy",
            method="sinkhorn_stabilized",
            numItermax=max_iter,
            stopThr=tolerance,
            log=True,
        )
        found = [(i + 1, float(error)) for i, error in enumerate(log["err"])]
        return plan, log["logv"], found, len(found)
