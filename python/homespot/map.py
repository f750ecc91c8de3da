"""map_cells: from single cells and spots to the map between them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
from scipy import sparse

from . import methods
from ._version import __version__
from .checks import one_of, whole
from .device import limited_threads, resolve_device
from .keys import EXPRESSION, FORMAT_VERSION, HOMESPOT, SPATIAL
from .mapping import check_adata, combine_sections, images, keep_best, new_mapping, spot_coordinates
from .preprocess import SCALES, Expression, Scale
from .progress import Progress
from .progress import check as check_progress
from .sections import refuse_checkpoint, section_rows
from .tables import LABELS, expression

__all__ = ["Solution", "map_cells", "solve", "versions"]

_VERSIONS_OF = ("numpy", "scipy", "numba", "torch", "anndata")


@dataclass(frozen=True)
class Solution:
    """A map in plain values: what `map_cells` and the bridge to R build their objects from.

    ``matrix`` is P (cells x spots), dense or CSR; ``cells`` and ``spots`` index the rows of the two tables
    that were mapped; ``left_over`` is what each row leaves out; ``expression`` is the mean of these cells,
    and of these spots, over the genes used, on the log scale; ``record`` describes the run.
    """

    matrix: npt.NDArray[np.floating[Any]] | sparse.csr_matrix
    cells: npt.NDArray[np.intp]
    spots: npt.NDArray[np.intp]
    left_over: npt.NDArray[np.float64]
    expression: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    record: dict[str, Any]


def versions() -> dict[str, str]:
    """Return the versions of homespot, Python and the libraries that compute."""
    return {
        "homespot": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _VERSIONS_OF},
    }


def _checked(
    method: str,
    preset: str | None,
    k_best: int | None,
    seed: int,
    device: str,
    progress: Progress,
    parameters: dict[str, Any],
) -> tuple[methods.Method, dict[str, Any], str]:
    """Check what can be checked without the data; return the method, its settings and the device."""
    chosen = methods.get(method)
    settings = chosen.settings(preset, parameters)
    whole("seed", seed, 0)
    check_progress(progress)
    if k_best is not None:
        whole("k_best", k_best, 1)
    return chosen, settings, resolve_device(device)


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
    """Map one checked table to the other; `map_cells` says what the parameters are."""
    chosen, settings, where = _checked(method, preset, k_best, seed, device, progress, parameters or {})
    all_cells, all_spots = sc.names, st.names
    sc, st = sc.without_empty_rows(), st.without_empty_rows()
    with limited_threads() as n_threads:
        outcome = chosen(sc, st, methods.Run(where, int(seed), progress), **settings)
    matrix: npt.NDArray[np.floating[Any]] | sparse.csr_matrix = outcome.matrix
    left_over = np.zeros(matrix.shape[0])
    if k_best is not None:
        matrix, left_over = keep_best(outcome.matrix, k_best)
    record = {
        "format_version": FORMAT_VERSION,
        "method": method,
        # Converters to R stop at a None, and lose what comes after it: what is not there is left out.
        "parameters": {name: value for name, value in settings.items() if value is not None},
        "seed": int(seed),
        "dtype": np.dtype(sc.dtype).name,
        "device": where,
        "threads": n_threads,
        "versions": versions(),
        "genes": np.asarray(outcome.genes, dtype=object),
        "sc_scale": sc.scale,
        "sc_scale_evidence": sc.evidence,
        "st_scale": st.scale,
        "st_scale_evidence": st.evidence,
        "solver": outcome.ending,
    }
    asked = {"preset": preset, "k_best": None if k_best is None else int(k_best)}
    record |= {name: value for name, value in asked.items() if value is not None}
    rows = (_where(all_cells, sc.names[outcome.cells]), _where(all_spots, st.names[outcome.spots]))
    return Solution(matrix, *rows, left_over, outcome.expression, record)


def _where(names: npt.NDArray[np.str_], kept: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    if len(names) == len(kept):
        return np.arange(len(names))
    return np.flatnonzero(np.isin(names, kept))


def map_cells(
    sc: ad.AnnData,
    st: ad.AnnData,
    method: str = "ssa",
    *,
    preset: str | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    sc_scale: Scale | Literal["auto"] = "auto",
    st_scale: Scale | Literal["auto"] = "auto",
    sections: str | None = None,
    k_best: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
    **parameters: Any,
) -> ad.AnnData:
    """Learn the map from single cells to spots.

    Parameters
    ----------
    sc
        Single-cell data, cells x genes: counts or log values. Where it is backed by a file
        (``anndata.read_h5ad(path, backed="r")``), X is read in blocks of rows, never whole: once to check it,
        once for the genes that are used, and once more for the variances where it has more genes than
        `n_genes`. (A part of a backed object, and a matrix stored by columns, CSC, are read whole.)
    st
        Spatial data, spots x genes; coordinates (spots x 2 or 3) in ``obsm["spatial"]``; they replace
        columns ``x``, ``y`` and ``z`` of obs in the mapping. Without them the map is made, but cells can be
        placed only if obs has columns ``x``, ``y`` (and ``z``) of finite numbers: then these are the
        coordinates.
    method
        ``"ssa"``, ``"come"`` or ``"correlation"``; see `homespot.methods`.
    preset
        A named set of the method's parameters, e.g. ``"paper"``. Parameters given by name go over it.
    sc_layer, st_layer
        Layer with the expression; None is X.
    sc_scale, st_scale
        What the numbers are: ``"counts"`` (are then normalised: log(1 + 10,000 x / total)), ``"log"`` (used
        as they are), or ``"auto"`` to look at them; the record says what was found.
    sections
        Column of ``st.obs`` with the section of every spot. Each section is then mapped by itself, with all
        cells, and the maps are put side by side with equal weights, as `combine_sections` does; the spots
        come section by section. The record says so: ``sections`` is the column, and ``parts`` has the record
        of every section, with its name and how its solver ended. `cross_validate` and `tune` know no
        sections: call them with one section at a time. None maps onto all spots jointly.
    k_best
        Keep only the k largest entries of each row (of every section), as CSR; what that leaves out is in
        ``obs["homespot_left_over"]``. None keeps the dense matrix.
    dtype
        Type of the computation and of P.
    seed
        Seed of methods that draw random numbers.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<index>"``.
    progress
        True for a bar, False for none, None for a bar at a terminal, ``"log"`` for a line of JSON for every
        step to stderr, or a function of (done, total, note).
    **parameters
        The method's own parameters, e.g. ``regularisation=0.02``.

    Returns
    -------
    The mapping: AnnData, cells x spots, with P in ``X``, each row summing to 1; obs and var are the
    annotation of the cells and spots that were mapped, with ``homespot_expression``, their mean log
    expression over the genes used; ``uns["homespot"]`` is the run's record. Images of the tissue
    (``uns["spatial"]``) are those of `st`.

    Raises
    ------
    InputError
        If the data or a parameter is not as described; before any work starts.
    DeviceError
        If the device is not there.
    TooLargeError
        If the map would not fit into memory.
    """
    _, settings, _ = _checked(method, preset, k_best, seed, device, progress, parameters)
    one_of("dtype", dtype, ("float32", "float64"))
    one_of("sc_scale", sc_scale, SCALES)
    one_of("st_scale", st_scale, SCALES)
    for adata, side in ((sc, "sc"), (st, "st")):
        check_adata(adata, side)
    positions = spot_coordinates(st.obsm.get(SPATIAL), st.n_obs)
    if sections is not None:
        refuse_checkpoint(settings)
    rows = {"": np.arange(st.n_obs)} if sections is None else section_rows(st.obs, sections)
    sc_table = expression(sc, "sc", sc_layer, sc_scale, dtype, settings.get(LABELS["sc"]))
    st_table = expression(st, "st", st_layer, st_scale, dtype, settings.get(LABELS["st"]))
    tables = [st_table] if sections is None else [st_table.section(members) for members in rows.values()]
    parts = []
    for table, members in zip(tables, rows.values(), strict=True):
        solution = solve(
            sc_table,
            table,
            method,
            preset=preset,
            k_best=k_best,
            seed=seed,
            device=device,
            progress=progress,
            parameters=parameters,
        )
        spots = members[solution.spots]
        of_cells, of_spots = ({EXPRESSION: values} for values in solution.expression)
        part = new_mapping(
            solution.matrix,
            sc.obs.iloc[solution.cells].assign(**of_cells),
            st.obs.iloc[spots].assign(**of_spots),
            solution.record,
            positions=None if positions is None else positions[spots],
            left_over=solution.left_over,
        )
        part.uns.update(images(st))
        parts.append(part)
    if sections is None:
        return parts[0]
    combined = combine_sections(parts)
    record = combined.uns[HOMESPOT]
    record["sections"] = sections
    for name, part_record in zip(rows, record["parts"].values(), strict=True):
        part_record["section"] = name
    return combined
