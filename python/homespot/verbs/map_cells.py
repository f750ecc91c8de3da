"""map_cells: learn the map from single cells to spots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from ..common.checks import one_of
from ..common.device import resolve_device
from ..common.keys import CUT, EXPRESSION, FITS, SECTION, SECTION_PROB, SHARPNESS
from ..common.memory import bounded
from ..common.progress import Progress
from ..expression.scale import SCALES, Scale
from ..expression.table import Expression, Side
from ..mapping.coordinates import images
from ..mapping.room import map_sizes
from ..mapping.section_scale import refuse_scales_apart
from ..mapping.solve import Solution, checked_run, solve
from ..mapping.solve_sections import solve_by_section
from ..mapping.validity import new_mapping
from ..mapping.whole_rows import without_whole_rows
from ..objects.labels import LABELS, label_column
from ..objects.spots import SectionsGiven, Spots, both_sides, spots_of, warn_if_no_places
from ..objects.tables import expression
from ..space.sections import refuse_checkpoint

__all__ = ["annotated_mapping", "map_cells", "solve_spots"]

_FOUND = [CUT, SECTION, SECTION_PROB, SHARPNESS, FITS]  # columns of the cells that only some maps have


def solve_spots(sc: Expression, st: Expression, spots: Spots, method: str, **run: Any) -> Solution:
    """Map one checked table to the other, jointly or section by section; `run` is passed to `solve`."""
    if spots.mapped_one_by_one is None:
        return solve(sc, st, method, **run)
    chosen, settings, where = checked_run(method, **run)
    run["device"] = where = resolve_device(where, sc.shape[0] * st.shape[0])
    return solve_by_section(
        sc,
        st,
        spots.mapped_one_by_one,
        lambda sc, table: solve(sc, table, method, **run),
        needs=chosen.needs,
        sizes=map_sizes(sc, st, settings, run["k_best"], where),
    )


@bounded
def map_cells(
    sc: ad.AnnData,
    st: ad.AnnData | Mapping[str, ad.AnnData] | Sequence[ad.AnnData],
    method: str = "ssa",
    *,
    preset: str | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    sc_scale: Scale | Literal["auto"] = "auto",
    st_scale: Scale | Literal["auto"] = "auto",
    sc_gene_column: str | None = None,
    st_gene_column: str | None = None,
    sections: SectionsGiven = None,
    joint: bool | None = None,
    shared_frame: bool = False,
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
        Single-cell data, cells x genes: counts or log values. If it is backed by a file
        (``anndata.read_h5ad(path, backed="r")``), X is read in blocks of rows, never whole: once to check it,
        once for the genes that are used, and once more for the variances if it has more genes than `n_genes`.
        (A part of a backed object, and a matrix stored by columns, CSC, are read whole.)
    st
        Spatial data, spots x genes, with coordinates (spots x 2 or 3) in ``obsm["spatial"]``, or else in
        columns ``x``, ``y`` (and ``z``) of obs. Named columns of coordinates are recognised by name:
        ``pxl_row_in_fullres`` is y, whatever its position. The coordinates become the columns ``x``, ``y``
        (and ``z``) of the mapping's spots. Without coordinates the map is made, but cells have no place.
        Several sections may be given as a list, or as a dict by their names; see `join_sections`. Spots that
        a column such as ``in_tissue`` marks as off the tissue are left out.
    method
        ``"ssa"``, ``"come"`` or ``"correlation"``; see `homespot.methods`.
    preset
        A named set of the method's parameters, e.g. ``"paper"``. Parameters given by name override it.
    sc_layer
        Layer of `sc` with the expression; ``"raw"`` is ``sc.raw`` with its own genes; None is X. Verbs that
        read the data again, such as `impute_genes` and `report`, take the same layer, which the record names.
    st_layer
        Layer of `st` with the expression, likewise.
    sc_scale
        What the numbers of `sc` are: ``"counts"`` (homespot normalises them: log(1 + 10,000 x / total)),
        ``"log"`` (used as they are), or ``"auto"`` to recognise the scale; the record says what was found.
    st_scale
        What the numbers of `st` are, likewise.
    sc_gene_column
        Column of ``sc.var`` with the names of the genes, by which both tables are matched; None is the index.
    st_gene_column
        Column of ``st.var`` with the names of the genes, likewise.
    sections
        Column of ``st.obs`` with the section of every spot, or the sections themselves: one value per spot, a
        Series or a dict by name. Each section is then mapped by itself, with all cells, and the maps are put
        side by side with equal weights, as `combine_sections` does. The spots are ordered by section, and
        ``parts`` of the record holds the record of every section. None: homespot looks for sections (a column
        such as ``sample_id`` with several values, several images in ``uns["spatial"]``), a warning says what
        it found, and the cells are mapped onto all sections jointly.
    joint
        Whether the cells are mapped onto all sections jointly (True) or onto each section by itself (False).
        None: onto each by itself if `sections` is given, else jointly. If sections are mapped one by one,
        every cell has the same mass in each: map jointly to get the cell types (`deconvolve_spots`) and genes
        (`impute_genes`) of sections that hold different cells.
    shared_frame
        Whether all sections share one frame of coordinates, as aligned or stacked sections do. If not, every
        cell has its place in one section (``homespot_section``), and no distances between sections are
        computed.
    k_best
        Number of largest entries to keep in each row (of every section), as CSR; the mass that is left out is
        in ``obs["homespot_left_over"]``. None keeps all: as a dense matrix or, where the kernel is streamed
        (see Returns), as features and potentials. Where the map has a sharpness and one section, the place of
        every cell by the median, its radii and its near spot are read from the whole row first, and kept as
        columns of obs (``homespot_whole_...``), so that `place_cells` gives the same as without ``k_best``.
        Radii are kept at 0.05, 0.1, 0.2, ..., 0.9, 0.95 and 0.99, and are linear between these levels. Of
        several sections, and where spots are taken out of the map or have other coordinates than they had,
        places are read from the entries that are left, and cells have no radius.
    dtype
        Type of the computation and of P.
    seed
        Seed for methods that draw random numbers.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<index>"``. ``"auto"`` is the first CUDA device for 17
        million pairs of a cell and a spot or more, where torch finds a device that works; else the CPU, which
        ends before a device has started. The record has what ran.
    progress
        True for a bar, False for none, None for a bar at a terminal, ``"log"`` for a line of JSON for every
        step to stderr, or a function of (done, total, note). An error of the function ends the run and
        reaches the caller unchanged.
    **parameters
        The method's own parameters, e.g. ``regularisation=0.02``. Labels are the name of a column, or the
        values themselves: one per cell, a Series or a dict by name.

    Returns
    -------
    The mapping: AnnData, cells x spots, with P in ``X``; each row sums to 1. Without `k_best`, if the
    kernel is streamed (`storage`; by itself for more than 2,147 million pairs of a cell and a spot), X is
    None: the map is kept as features (``obsm["homespot_features"]``, ``varm["homespot_features"]``) and
    potentials (``varm["homespot_potential"]``, ``obsm["homespot_log_sum"]``), and every function that takes
    a map makes its rows, block by block, when it reads them. obs and var hold the
    annotation of the mapped cells and spots, with ``homespot_expression``, their mean log expression over
    the genes used. If the genes have weights, ``obs["homespot_sharpness"]`` is the power of the rows of P
    at which two halves of the genes agree best, and the record has the curve. Of 20 cells or more,
    ``obs["homespot_fits"]`` says how far the spots hold cells like each: about the share of the spots that
    its kind makes up over that of the cells, from 0.01 to 1. Where it is below 0.5, look at the kind before
    you trust its places. Of several sections it is the largest. ``uns["homespot"]`` is the record
    of the run; its ``y_direction`` says whether y points down. If there are several sections,
    ``var["homespot_section"]`` is the section of every spot. If each section was mapped by itself,
    ``obs["homespot_section"]`` is the section that fits a cell best, and ``obs["homespot_section_prob"]``
    its probability. Images of the tissue (``uns["spatial"]``) are those of `st`.

    Raises
    ------
    InputError
        If the data or a parameter is not as described. The error comes before any work starts.
    DeviceError
        If the device does not exist.
    TooLargeError
        If the map would not fit into memory.
    """
    sc, st, annotation, parameters = both_sides(sc, st, parameters, st_gene_column)
    _, settings, _ = checked_run(method, preset, k_best, seed, device, progress, parameters)
    one_of("dtype", dtype, ("float32", "float64"))
    one_of("sc_scale", sc_scale, SCALES)
    one_of("st_scale", st_scale, SCALES)
    spots = spots_of(st, sections, joint, shared_frame=shared_frame)
    if spots.separate:
        refuse_checkpoint(settings)
    warn_if_no_places(sc, st, spots)
    sides: tuple[tuple[Side, ad.AnnData, Any, Any, Any, Any], ...] = (
        ("sc", sc, annotation["sc"], sc_layer, sc_scale, sc_gene_column),
        ("st", st, annotation["st"], st_layer, st_scale, st_gene_column),
    )
    tables = {}
    for side, adata, obs, layer, scale, gene_column in sides:
        rows = spots.rows if side == "st" and len(spots.rows) < st.n_obs else None
        table = expression(adata, side, layer, scale, dtype, gene_column=gene_column, rows=rows)
        obs = obs if rows is None else obs.iloc[rows]
        if side == "st" and scale == "auto" and spots.labelled is not None:
            refuse_scales_apart(table, spots.labelled)
        if side == "st":
            table = table.placed(spots.places)
        column = settings.get(LABELS[side])
        tables[side] = table if column is None else table.labelled(label_column(obs, side, column))
    run = {"preset": preset, "k_best": k_best, "seed": seed, "device": device, "progress": progress}
    solution = solve_spots(tables["sc"], tables["st"], spots, method, **run, parameters=parameters)
    chosen = {"sc_layer": sc_layer, "st_layer": st_layer}
    chosen |= {"sc_gene_column": sc_gene_column, "st_gene_column": st_gene_column}
    solution.record.update({name: value for name, value in chosen.items() if value is not None})
    frame = annotation["st"].iloc[spots.rows]
    return annotated_mapping(solution, annotation["sc"], st, frame, spots)


def section_columns(solution: Solution, spots: Spots) -> dict[str, Any]:
    """Return the section of every cell and its probability as columns; no columns for a joint map."""
    if solution.section is None or spots.with_own_frames is None:
        return {}
    codes, probability = solution.section
    names = np.asarray([*spots.with_own_frames.names, None], dtype=object)
    return {SECTION: names[codes], SECTION_PROB: probability}


def section_record(spots: Spots) -> dict[str, Any]:
    """Return the entries of the record on sections and the direction of y."""
    record = dict(spots.direction)
    if spots.sections is not None:
        record["sections"] = spots.sections.column
    if spots.shared_frame:
        record["shared_frame"] = True
    return record


def annotated_mapping(
    solution: Solution, cells: pd.DataFrame, st: ad.AnnData, frame: pd.DataFrame, spots: Spots
) -> ad.AnnData:
    """Return a solution as a mapping, with the annotation of the cells and of the spots on the tissue."""
    of_cells = {EXPRESSION: solution.expression[0], **section_columns(solution, spots)}
    if solution.sharpness is not None:
        of_cells[SHARPNESS] = solution.sharpness
    if solution.fits is not None:
        of_cells[FITS] = solution.fits
    of_cells |= solution.whole_rows
    of_spots: dict[str, Any] = {EXPRESSION: solution.expression[1]}
    if spots.with_own_frames is not None:
        of_spots[SECTION] = spots.with_own_frames.labels()[solution.spots]
    positions = spots.positions
    mapping = new_mapping(
        solution.matrix if solution.potentials is None else solution.potentials,
        # Cells that were mapped before may have these of another map.
        without_whole_rows(cells.iloc[solution.cells])
        .drop(columns=_FOUND, errors="ignore")
        .assign(**of_cells),
        frame.iloc[solution.spots].assign(**of_spots),
        {**solution.record, **section_record(spots)},
        positions=None if positions is None else positions[solution.spots],
        left_over=solution.left_over,
    )
    mapping.uns.update(images(st))
    return mapping
