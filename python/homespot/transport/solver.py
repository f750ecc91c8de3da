"""Entropic optimal transport by Sinkhorn's iteration, one pass over the kernel per iteration."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args

import numpy as np
import numpy.typing as npt

from ..common import extras
from ..common.checks import one_of, within
from ..common.device import resolve_device
from ..common.progress import Progress, reporting
from ..common.threads import Each
from ..common.wording import argument, shown
from ..errors import ConvergenceWarning, InputError, expected
from ._range import Domain, try_kernel
from .costs import Cost
from .result import TransportResult

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["REGULARISATION", "Backend", "Storage", "check_exact", "check_pot", "sinkhorn"]

REGULARISATION = (1e-6, 1e6)
"""Range of the regularisation."""

ROWS_TOLERANCE = 10
"""Largest change of a row of P in another iteration (L1), in units of the tolerance."""

F64 = npt.NDArray[np.float64]
Storage = Literal["stored", "streamed"]
Backend = Literal["numba", "torch", "pot"]


class Path(Protocol):
    """Interface of the iterates, whose vectors lie where the back end works; see `Iterates`."""

    g: Any

    def sweep(self) -> None: ...
    def accurate(self) -> bool: ...
    def step(self) -> tuple[float, float]: ...
    def change(self) -> float: ...
    def move(self) -> None: ...
    @property
    def potentials(self) -> F64: ...


class Passes(Protocol):
    """Interface of a back end, which owns the buffer and makes the passes over it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def fill(self) -> float: ...
    def start(self, domain: Domain, epsilon: float) -> None: ...
    def iterates(self, q: F64, keep_spots: float) -> Path: ...
    def plan(self, g: Any) -> tuple[npt.NDArray[Any] | None, F64, F64]: ...


def sinkhorn(
    cost: Cost,
    p: npt.ArrayLike,
    q: npt.ArrayLike,
    *,
    regularisation: float = 0.05,
    relax_cells: float = 0.0,
    relax_spots: float = 0.0,
    tolerance: float = 1e-4,
    max_iter: int = 1000,
    dtype: str = "float32",
    device: str = "cpu",
    backend: Backend | None = None,
    storage: Storage = "stored",
    fetch: bool = True,
    progress: Progress = None,
    each: Each | None = None,
) -> TransportResult:
    """Find the entropic transport plan between cells and spots.

    The plan is T = diag(a) K diag(b) with K = exp(-D / epsilon), epsilon = regularisation * max D, and

        a = (p / K b)^(1 - relax_cells),    b = (q / K' a)^(1 - relax_spots).

    The contribution of row i to K' a is added as soon as the row's own sum is known, so that an iteration
    reads K once. If a scaling would leave the range of floating point numbers, the solver works with
    logarithms.

    Parameters
    ----------
    cost
        D, shape (M, N).
    p
        Mass of the cells, shape (M,); positive, summing to 1.
    q
        Mass of the spots, shape (N,); positive, summing to 1.
    regularisation
        Entropic regularisation relative to the largest cost: the smaller, the sharper the plan.
    relax_cells
        How far the plan may deviate from the marginal p: 0 keeps p exactly, 1 ignores it. In between, a
        deviation is penalised by the Kullback-Leibler divergence with weight rho, where
        relax = epsilon / (epsilon + rho).
    relax_spots
        How far the plan may deviate from the marginal q, likewise.
    tolerance
        Largest L1 error of the spots' mass at the end, as a share of the plan's mass; the cells' mass is
        exact. That is the error of the plan, in which cells and spots of little mass hardly count. So P has a
        tolerance of its own, `ROWS_TOLERANCE` times this one: another iteration would change no row of P by
        more (L1), whatever its mass. Every row of P sums to 1, up to rounding.
    max_iter
        Largest number of passes over the kernel.
    dtype
        ``"float32"`` or ``"float64"``.
    device
        ``"cpu"``, ``"cuda:<index>"`` or ``"auto"``.
    backend
        ``"numba"`` (compiled loops on the CPU), ``"torch"``, or None for the one that suits the device.
        ``"pot"`` hands the stored problem to POT, an independent library, in float64 on the CPU; its errors
        are those of POT. It alone takes a regularisation of 0: the exact plan, with both marginals kept, of
        at most 33 million pairs of a cell and a spot.
    storage
        ``"stored"``: the M x N kernel is kept in memory. ``"streamed"``: every pass computes it anew from the
        cost, block by block, and the result has no `matrix`, but rows that are computed when they are read.
        Both have the same potentials and the same P.
    fetch
        Whether a P that a GPU has stored comes to main memory. If not, the result has no `matrix` either, and
        the GPU computes the rows that are read, or picks the largest of each. Without a GPU it has no effect.
    progress
        True, False, None (a bar at a terminal) or a function; see `homespot.progress`.
    each
        What runs the blocks of a streamed pass by numba: it calls a function with 0, 1, ... n - 1, here or in
        other processes, and returns the results in order; P does not depend on it. None: threads.

    Returns
    -------
    The plan, and how the solver ended. A `ConvergenceWarning` says so if it stopped at `max_iter`.
    """
    if not isinstance(cost, Cost):
        raise InputError(
            expected("cost to be a Cost", type(cost).__name__, "Wrap a matrix of costs: MatrixCost(D).")
        )
    p, q = _mass(p, cost.shape[0], "p"), _mass(q, cost.shape[1], "q")
    _check(regularisation, relax_cells, relax_spots, tolerance, max_iter, dtype, backend)
    one_of("storage", storage, get_args(Storage))
    if backend == "pot":
        check_pot(backend, storage, resolve_device(device))
        return _by_pot(
            cost,
            p,
            q,
            regularisation=regularisation,
            relax_cells=relax_cells,
            relax_spots=relax_spots,
            tolerance=tolerance,
            max_iter=max_iter,
            dtype=dtype,
        )
    device = resolve_device(device)
    make = partial(_backend(backend, device, fetch), stored=storage == "stored")
    if each is not None:
        if storage != "streamed" or make.func is not _backend("numba", "cpu", fetch):
            raise InputError(
                expected(
                    f"{argument('storage', 'streamed')} and {argument('backend', 'numba')} with each",
                    f"{storage!r} and {backend!r} on {device!r}",
                    "Leave each out.",
                )
            )
        make = partial(make, each=each)
    errors: list[tuple[int, float]] = []
    with make(cost, p, 1 - relax_cells, dtype) as passes, reporting("Sinkhorn", progress) as report:
        path = passes.iterates(q, 1 - relax_spots)
        rows = _Rows(path, ROWS_TOLERANCE * tolerance)
        scale = passes.fill()
        if not np.isfinite(scale):
            raise InputError(expected("a finite cost", f"a largest cost of {scale}", "Look for NaN and Inf."))
        epsilon = regularisation * (scale or 1.0)
        domain: Domain = "kernel" if try_kernel(regularisation, dtype) else "log"
        passes.start(domain, epsilon)
        converged = False
        for iteration in range(1, max_iter + 1):
            path.sweep()
            if domain == "kernel" and not path.accurate():
                domain = "log"
                passes.fill()
                passes.start(domain, epsilon)
                path.sweep()
            error, largest = path.step()
            errors.append((iteration, error))
            report(iteration, max_iter, f"error {error:.1e}")
            converged = error <= tolerance and rows.settled(largest)
            if converged or iteration == max_iter:
                break
            path.move()
        matrix, masses, column_sums = passes.plan(path.g)
        potentials = path.potentials
    if not converged:
        warnings.warn(
            f"Sinkhorn stopped after {max_iter} iterations with an error of {error:.1e} where "
            f"{tolerance:.1e} was asked for. Raise {argument('max_iter')}, tolerance or regularisation, "
            f"or use {argument('dtype', 'float64')}.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return TransportResult(
        matrix=matrix,
        potentials=potentials,
        masses=masses,
        epsilon=epsilon,
        cost=cost,
        dtype=dtype,
        converged=converged,
        iterations=len(errors),
        errors=np.array(errors),
        error_cells=float(np.abs(masses - p).sum()),
        error_spots=float(np.abs(column_sums - q).sum()),
        scale=scale,
        domain=domain,
        device=device,
    )


def check_pot(backend: str | None, storage: str, device: str) -> None:
    """Refuse what POT does not do, if it is the back end: a streamed kernel, and a GPU."""
    if backend != "pot":
        return
    for name, value, only in (("storage", storage, "stored"), ("device", device, "cpu")):
        if value != only:
            raise InputError(
                expected(
                    f"{argument(name, only)} with {argument('backend', 'pot')}",
                    repr(value),
                    f"Leave out {argument('backend')}, or set {argument(name, only)}.",
                )
            )
    extras.require("ot", "backend 'pot'")


def _by_pot(cost: Cost, p: F64, q: F64, **settings: Any) -> TransportResult:
    """Return POT's answer; POT is imported only if it is used."""
    from ._pot import solve_by_pot

    return solve_by_pot(cost, p, q, **settings)


class _Rows:
    """Whether a step changes no row of P by more than `most`; P is read only when that is likely.

    Parameters
    ----------
    path
        The iterates.
    most
        Largest change of a row.
    """

    def __init__(self, path: Path, most: float) -> None:
        self._path, self._most = path, most
        self._likely = np.inf  # the largest entry of a step from which on all rows may have settled

    def settled(self, largest: float) -> bool:
        """Whether the step settles all rows: they change by at most its largest entry, and often by less."""
        if largest <= self._most:
            return True
        if largest > self._likely:
            return False
        change = self._path.change()
        self._likely = largest * self._most / max(change, self._most)
        return change <= self._most


def _backend(backend: str | None, device: str, fetch: bool) -> Callable[..., Passes]:
    """Return the back end; torch is imported only if it is used."""
    if backend is None:
        backend = "numba" if device == "cpu" else "torch"
    if backend == "torch":
        extras.require("torch", "backend 'torch'")
        from ._torch import TorchPasses

        return partial(TorchPasses, device=device, fetch=fetch or device == "cpu")
    if backend != "numba":
        raise InputError(
            expected(
                "backend 'numba', 'torch' or 'pot'", repr(backend), f"Use one of these, or {shown(None)}."
            )
        )
    if device != "cpu":
        raise InputError(
            expected(
                "backend 'torch' on a GPU",
                "'numba'",
                f"Use {argument('device', 'cpu')} or {argument('backend', None)}.",
            )
        )
    from ._cpu import CpuPasses

    return CpuPasses


def _mass(x: npt.ArrayLike, n: int, name: str) -> F64:
    """Check one marginal, shape (n,)."""
    mass = np.asarray(x, dtype=np.float64)
    if mass.shape != (n,):
        raise InputError(
            expected(f"{name} of shape ({n},)", f"shape {mass.shape}", "Pass one mass for each.")
        )
    bad = int((~(np.isfinite(mass) & (mass > 0))).sum())
    if bad:
        raise InputError(
            expected(
                f"{name} finite and above 0",
                f"{bad} of {n} that are not, first at index {int(np.argmin(np.isfinite(mass) & (mass > 0)))}",
                "Leave out what has no mass.",
            )
        )
    if abs(mass.sum() - 1) > 1e-6:
        raise InputError(
            expected(f"{name} that sums to 1", f"a sum of {mass.sum():g}", "Divide it by its sum.")
        )
    return mass


def check_exact(
    regularisation: float, relax_cells: float, relax_spots: float | None, backend: str | None
) -> None:
    """Refuse a regularisation out of range, and one of 0 that is not of the exact plan by POT."""
    if regularisation != 0:
        within("regularisation", regularisation, *REGULARISATION)
        return
    if backend != "pot":
        raise InputError(
            expected(
                f"{argument('backend', 'pot')} with {argument('regularisation', 0)}",
                shown(backend),
                f"Set it, or a {argument('regularisation')} above 0.",
            )
        )
    for name, value in (("relax_cells", relax_cells), ("relax_spots", relax_spots)):
        if value:
            raise InputError(
                expected(
                    f"{argument(name, 0)} with {argument('regularisation', 0)}, as the exact plan has it",
                    str(value),
                    f"Set {argument(name, 0)}, or a {argument('regularisation')} above 0.",
                )
            )


def _check(
    regularisation: float,
    relax_cells: float,
    relax_spots: float,
    tolerance: float,
    max_iter: int,
    dtype: str,
    backend: str | None,
) -> None:
    """Check the plain parameters."""
    check_exact(regularisation, relax_cells, relax_spots, backend)
    for ok, what, found, remedy in (
        (
            0 <= relax_cells <= 1,
            f"{argument('relax_cells')} from 0 to 1",
            relax_cells,
            "0 keeps the marginal exactly.",
        ),
        (
            0 <= relax_spots <= 1,
            f"{argument('relax_spots')} from 0 to 1",
            relax_spots,
            "0 keeps the marginal exactly.",
        ),
        (0 < tolerance < np.inf, "tolerance above 0", tolerance, "1e-4 is usual."),
        (max_iter >= 1, f"{argument('max_iter')} of at least 1", max_iter, "1000 is usual."),
        (dtype in ("float32", "float64"), "dtype 'float32' or 'float64'", repr(dtype), "Use one of these."),
    ):
        if not ok:
            raise InputError(expected(what, str(found), remedy))
