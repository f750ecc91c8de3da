"""The Sinkhorn passes on the CPU: compiled loops over lanes of rows."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..common.cores import limited_threads, threads
from ..common.threads import Each, pool
from ._iterates import Iterates
from ._lanes import Lanes
from ._loops import LARGEST
from ._range import Domain, lowest_mass, within_range
from .costs import Cost

__all__ = ["CpuPasses"]

Array = npt.NDArray[Any]
F64 = npt.NDArray[np.float64]


class CpuPasses:
    """Passes over M x N entries, each the sum of its lanes, in their order.

    Parameters
    ----------
    cost, p, keep, dtype, stored
        As for `Lanes`.
    each
        What runs the lanes; None: threads of this process. Another one is for entries that are not stored:
        it may hand the lanes to other processes, as `Lanes` can be pickled and changes nothing. In these,
        products need to use one thread.
    """

    def __init__(
        self,
        cost: Cost,
        p: F64,
        keep: float,
        dtype: npt.DTypeLike,
        *,
        stored: bool = True,
        each: Each | None = None,
    ) -> None:
        self._lanes = Lanes(cost, p, keep, dtype, stored=stored)
        self._p, self._keep = p, keep
        self._given = each
        self._scale: float | None = None
        self._scalings = [np.empty(0)]  # a or potentials f of the cells, lane by lane
        self._log_mass = np.empty(cost.shape[1])
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        lanes, (m, n) = self._lanes, self._lanes.cost.shape
        most = min(threads(m * n), len(lanes))
        if lanes.buffer is None:
            # Each product uses one thread, so that the number of threads does not change it.
            self._stack.enter_context(limited_threads(1))
            most = most if lanes.cost.concurrent else 1
        self._each = self._given or self._stack.enter_context(pool(most - 1))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fill(self) -> float:
        """Return the largest cost; write the cost into the buffer, if there is one."""
        lanes = self._lanes
        if lanes.buffer is None and self._scale is not None:
            return self._scale
        # Lanes run in parallel; each product by one thread, so that the number of threads does not change it.
        with limited_threads(1):
            if lanes.cost.concurrent or self._given is not None:
                found = self._each(lanes.largest, len(lanes))
            else:
                found = [lanes.largest(lane) for lane in range(len(lanes))]
        self._scale = float(np.max(found))
        return self._scale

    def start(self, domain: Domain, epsilon: float) -> None:
        """Turn the cost into the kernel or, in the log domain, into D / epsilon; see `Rows`.

        One entry of every row of the kernel is 1, and the row's scaling absorbs the rest.
        """
        self._lanes.of = self._lanes.of._replace(domain=domain, epsilon=epsilon)
        if self._lanes.buffer is not None:
            self._each(self._lanes.prepare, len(self._lanes))

    def iterates(self, q: F64, keep_spots: float) -> Iterates:
        """Return the iterates for spots of the mass q."""
        return Iterates(self, q, self._keep, keep_spots)

    def sweep(self, g: F64) -> F64:
        """Fit the cells to the spots' potentials, once over the entries.

        Parameters
        ----------
        g
            Potentials of the spots, shape (N,), in units of epsilon.

        Returns
        -------
        Logarithm of the mass of every spot, shape (N,): of sum_i T_ij, T_ij = exp(f_i + g_j - D_ij /
        epsilon). In the kernel domain, -inf or NaN if a mass has left the range of floating point numbers.
        """
        lanes = self._lanes
        if lanes.of.domain == "kernel":
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                b = np.exp(g).astype(lanes.dtype)
                found = self._each(partial(lanes.kernel, b=b), len(lanes))
                self._scalings = [a for a, _ in found]
                self._log_mass = np.asarray(np.log(np.sum([columns for _, columns in found], axis=0) * b))
                return self._log_mass
        logs = self._each(partial(lanes.log, g=g), len(lanes))
        self._scalings = [f for f, _, _ in logs]
        top = max(top for _, _, top in logs)
        mass = np.sum([columns for _, columns, _ in logs], axis=0)
        lost = mass < lowest_mass(top, lanes.cost.shape[0], lanes.dtype)
        if top > LARGEST:
            lost[:] = True
        with np.errstate(divide="ignore"):
            log_mass: F64 = np.log(mass)
        if lost.any():
            log_mass[lost] = self._log_columns(lost) + g[lost]
        self._log_mass = log_mass
        return log_mass

    def _log_columns(self, which: npt.NDArray[np.bool_]) -> F64:
        """Return log sum_i exp(f_i - D_ij / epsilon) of some spots, whatever its size."""
        run = partial(self._lanes.log_columns, scalings=self._scalings, which=which)
        found = self._each(run, len(self._lanes))
        return np.asarray(np.logaddexp.reduce(found))

    def safe(self, g: F64) -> bool:
        """Whether the last sweep in the kernel domain was accurate."""
        low, high = (f([f(part) for part in self._scalings]) for f in (np.min, np.max))
        return within_range(float(low), float(high), g, self._lanes.dtype)

    def change(self, g: F64, step: F64) -> float:
        """Return the largest sum_j P_ij abs(step_j) of a row, for P of the last sweep."""
        return max(self._each(partial(self._lanes.change, g=g, step=step), len(self._lanes)))

    def plan(self, g: F64) -> tuple[Array | None, F64, F64]:
        """Return P of the last sweep, if it is stored, and the row and column sums of the plan."""
        lanes = self._lanes
        if lanes.buffer is None and self._keep == 1:
            return None, self._p, np.exp(self._log_mass)
        found = self._each(partial(lanes.plan, g=g, scalings=self._scalings), len(lanes))
        return lanes.buffer, np.concatenate([m for m, _ in found]), np.sum([c for _, c in found], axis=0)
