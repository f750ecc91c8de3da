"""Map one checked table to another: the result in plain values, and the record of the run."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .. import methods
from ..common.checks import whole
from ..common.cores import limited_threads
from ..common.device import given_back, named_device, resolve_device
from ..common.keys import FORMAT_VERSION
from ..common.progress import Progress
from ..common.progress import check as check_progress
from ..common.signals import heard
from ..common.version import __version__
from ..errors import InputError, expected
from ..expression.table import Expression
from ..matrix.best import Best
from ..matrix.gather import gather
from ..matrix.rows import widest
from ..matrix.streamed import Streamed, in_memory
from ..matrix.sums import is_sparse
from ..transport import Potentials
from .left_over import keep_best, left_out
from .room import map_sizes, require_map
from .uninformative import warn_if_uninformative
from .whole_rows import readings, whole_rows

__all__ = ["Solution", "checked_run", "rows_named", "solve", "versions"]

_VERSIONS_OF = ("numpy", "scipy", "numba", "anndata")


@dataclass(frozen=True)
class Solution:
    """A map in plain values, from which `map_cells` and the bridge to R build their objects.

    ``matrix`` is P (cells x spots), dense, CSR or `Streamed`; ``cells`` and ``spots`` index the rows of the
    two tables that were mapped; ``left_over`` is the mass that each row leaves out; ``expression`` is the
    mean of these cells, and of these spots, over the genes used, on the log scale; ``record`` describes the
    run.
    """

    matrix: npt.NDArray[np.floating[Any]] | sparse.csr_matrix | Streamed
    cells: npt.NDArray[np.intp]
    spots: npt.NDArray[np.intp]
    left_over: npt.NDArray[np.float64]
    expression: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    record: dict[str, Any]
    sharpness: npt.NDArray[np.float64] | None = None
    """How sharp the row of every cell can be read, if that is known."""
    fits: npt.NDArray[np.float64] | None = None
    """How far the spots hold cells like each, if that is known; see `homespot.expression.fits`."""
    whole_rows: dict[str, Any] = field(default_factory=dict)
    """What was read from the whole rows before they were cut short, as columns of the cells."""
    section: tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]] | None = None
    """The section of every cell, and its probability, if each section was mapped by itself."""
    potentials: Potentials | None = None
    """What the rows of a `Streamed` P are made of; None: P is written down."""

    def without_matrix(self) -> Solution:
        """Return the solution without its matrix, so that the matrix can be freed."""
        return replace(self, matrix=sparse.csr_matrix((0, 0)), potentials=None)


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of homespot, Python, the libraries that compute, and the libraries in `more`."""
    return {
        "homespot": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in (*_VERSIONS_OF, *more)},
    }


def checked_run(
    method: str,
    preset: str | None,
    k_best: int | None,
    seed: int,
    device: str,
    progress: Progress,
    parameters: dict[str, Any],
) -> tuple[methods.Method, dict[str, Any], str]:
    """Check the parameters without the data; return the method, its settings and the device.

    The device ``"auto"`` stays what it is: it follows from the size of the problem.
    """
    chosen = methods.get(method)
    settings = chosen.settings(preset, parameters)
    whole("seed", seed, 0)
    check_progress(progress)
    if k_best is not None:
        whole("k_best", k_best, 1)
    return chosen, settings, named_device(device)


def solve(
    sc: Expression,
    st: Expression,
    method: str,
    *,
    preset: str | None = None,
    k_best: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
    parameters: dict[str, Any] | None = None,
) -> Solution:
    """Map one checked table to the other, as one section; parameters as for `map_cells`."""
    chosen, settings, where = checked_run(method, preset, k_best, seed, device, progress, parameters or {})
    run = methods.Run(resolve_device(where, sc.shape[0] * st.shape[0]), int(seed), progress, k_best)
    with given_back(run.device):
        return _solved(sc, st, chosen, preset, settings, run)


def _solved(
    sc: Expression,
    st: Expression,
    chosen: methods.Method,
    preset: str | None,
    settings: dict[str, Any],
    run: methods.Run,
) -> Solution:
    """Map by a method, with its settings."""
    method, k_best, where = chosen.name, run.k_best, run.device
    all_cells, all_spots = sc.names, st.names
    sc, st = sc.without_empty_rows(), st.without_empty_rows()
    require_map(chosen, map_sizes(sc, st, settings, k_best, where))
    with limited_threads() as n_threads, heard():
        outcome = chosen(sc, st, run, **settings)
    matrix = outcome.matrix
    potentials = matrix if isinstance(matrix, Potentials) else None
    if potentials is not None:
        matrix = potentials.map
    elif isinstance(matrix, Streamed) and k_best is None:
        matrix = in_memory(matrix)
    if not (outcome.finite or _finite(matrix)):
        raise InputError(
            expected(
                f"a map of numbers by method {method!r}",
                "NaN or infinity among its probabilities",
                "Its parameters lead out of the range of numbers: choose others.",
            )
        )
    warn_if_uninformative(matrix, outcome.sharpness)
    spots = rows_named(all_spots, st.names[outcome.spots])
    columns: dict[str, Any] = {}
    left_over = np.zeros(matrix.shape[0])
    if is_sparse(matrix) and (k_best is None or widest(matrix) <= k_best):
        left_over = left_out(matrix)
    elif k_best is not None:
        places = st.places
        if outcome.sharpness is None or places is None or places.frame is not None:
            matrix, left_over = keep_best(matrix, k_best)
        else:
            at, names = places.positions[outcome.spots], st.names[outcome.spots]
            best, read = Best(k_best), readings(matrix.shape[0], at, outcome.sharpness.power)
            with limited_threads():
                gather(matrix, best, read)
            columns = whole_rows(read, at, names)
            matrix, left_over = best.kept, left_out(best.kept)
    given = {name: "own" if isinstance(value, Mapping) else value for name, value in settings.items()}
    record = {
        "format_version": FORMAT_VERSION,
        "method": method,
        # Converters to R stop at a None and lose the entries after it, so such entries are left out.
        "parameters": {name: value for name, value in given.items() if value is not None},
        "seed": run.seed,
        "dtype": np.dtype(sc.dtype).name,
        "device": where,
        "threads": n_threads,
        "versions": versions((*(chosen.packages if where == "cpu" else ("torch",)), *chosen.distributions)),
        "genes": np.asarray(outcome.genes, dtype=object),
        "sc_scale": sc.scale,
        "sc_scale_evidence": sc.evidence,
        "st_scale": st.scale,
        "st_scale_evidence": st.evidence,
        "solver": outcome.ending.record(),
    }
    asked = {"preset": preset, "k_best": None if k_best is None else int(k_best)}
    record |= {name: value for name, value in asked.items() if value is not None}
    sharpness = None
    if outcome.gene_weights is not None:
        record["gene_weights"] = outcome.gene_weights.astype(np.float64)
    if outcome.sharpness is not None:
        record["sharpness"] = outcome.sharpness.record()
        sharpness = np.full(matrix.shape[0], outcome.sharpness.power)
    cells = rows_named(all_cells, sc.names[outcome.cells])
    numbers = (left_over, outcome.expression, record, sharpness, outcome.fits, columns)
    return Solution(matrix, cells, spots, *numbers, potentials=potentials)


def _finite(matrix: Any) -> bool:
    values = matrix.data if is_sparse(matrix) else matrix
    return bool(np.isfinite(values.sum(dtype=np.float64)))


def rows_named(names: npt.NDArray[np.str_], kept: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """Return the positions of the kept names among all names."""
    if len(names) == len(kept):
        return np.arange(len(names))
    return np.flatnonzero(np.isin(names, kept))
