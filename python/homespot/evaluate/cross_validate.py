"""cross_validate: how well a map predicts genes that it has not seen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import anndata as ad
import numpy as np
import pandas as pd

from .. import methods
from ..common.checks import one_of, whole
from ..common.device import named_device, resolve_device
from ..common.memory import bounded
from ..common.progress import Progress, reporting
from ..common.progress import check as check_progress
from ..common.version import __version__
from ..errors import InputError, expected, some
from ..expression.scale import SCALES, Scale
from ..expression.shared import shared_genes
from ..expression.table import Expression, Side
from ..mapping.read_out import ReadOut
from ..mapping.section_scale import refuse_scales_apart
from ..objects.labels import LABELS, label_column, labels_named
from ..objects.spots import SectionsGiven, Spots, both_sides, spots_of
from ..objects.tables import expression
from .described import described
from .folds import run
from .gene_folds import Folds, gene_folds
from .kept import COLUMNS, digest, finished_folds, keep, target
from .plan import Data, MapFunction, Plan, Task

__all__ = ["begin", "cross_validate", "tidy"]


Methods = str | list[str] | MapFunction | Mapping[str, "str | MapFunction | tuple[str, Mapping[str, Any]]"]


Spatial: TypeAlias = ad.AnnData | Mapping[str, ad.AnnData] | Sequence[ad.AnnData]


def _plans(method: Methods, preset: str | None, parameters: dict[str, Any]) -> dict[str, Plan]:
    """Return the methods by the name that the table gives them, checked."""
    if isinstance(method, str):
        plans = {method: Plan(method, preset, parameters)}
    elif preset is not None or parameters:
        raise InputError(
            expected(
                "a preset and parameters with one method by name only",
                some([*([] if preset is None else ["preset"]), *parameters]),
                "Pass pairs {name: (method, {parameter: value})}, or functools.partial of a function.",
            )
        )
    elif isinstance(method, list) and all(isinstance(name, str) for name in method):
        plans = {name: _plan(name) for name in method}
    elif isinstance(method, Mapping):
        plans = {str(name): _plan(value) for name, value in method.items()}
    else:
        plans = {_name(method): _plan(method)}
    if not plans:
        raise InputError(expected("at least one method", "none", "Name one."))
    return plans


def _plan(value: Any) -> Plan:
    if isinstance(value, str) or callable(value):
        return Plan(value)
    if isinstance(value, tuple) and tuple(map(type, value))[:1] == (str,) and isinstance(value[-1], Mapping):
        settings = dict(value[1])
        return Plan(value[0], settings.pop("preset", None), settings)
    raise InputError(
        expected(
            "a method: its name, or a function of cells and spots; or several: a list of names, or by name "
            "each a method's name, a pair of its name and parameters, or a function",
            f"a {type(value).__name__}",
            "Pass one of these, e.g. {'soft': ('ssa', {'regularisation': 0.1}), 'come': 'come'}.",
        )
    )


def _name(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _data(
    sc: ad.AnnData,
    st: ad.AnnData,
    plans: list[Plan],
    layers: dict[Side, str | None],
    scales: dict[Side, Any],
    genes: dict[Side, str | None],
    labelled: dict[Side, pd.DataFrame],
    spots: Spots,
) -> Data:
    """Take the tables out of both objects, without rows that have no expression."""
    tables: dict[str, Expression] = {}
    frames: dict[str, pd.DataFrame] = {}
    sides: tuple[tuple[Side, ad.AnnData], ...] = (("sc", sc), ("st", st))
    positions, sections = spots.positions, spots.mapped_one_by_one
    for side, adata in sides:
        rows = spots.rows if side == "st" and len(spots.rows) < st.n_obs else None
        full = expression(
            adata, side, layers[side], scales[side], "float32", gene_column=genes[side], rows=rows
        )
        if side == "st" and scales[side] == "auto" and spots.labelled is not None:
            refuse_scales_apart(full, spots.labelled)
        frame = labelled[side] if rows is None else labelled[side].iloc[rows]
        columns = {plan.settings.get(LABELS[side]) for plan in plans}
        for column in (column for column in columns if column is not None):
            full.labelled(label_column(frame, side, column))  # refuses what are no labels
        if side == "st":
            full = full.placed(spots.places)
        tables[side] = full.without_empty_rows()
        kept = np.flatnonzero(np.isin(full.names, tables[side].names))
        frames[side] = frame.iloc[kept]
        if side == "st":
            positions = None if positions is None else positions[kept]
            sections = None if sections is None else sections.take(kept)
    return Data(tables["sc"], tables["st"], frames["sc"], frames["st"], positions, sections)


def checked_data(
    sc: ad.AnnData,
    st: ad.AnnData,
    plans: list[Plan],
    labelled: dict[Side, pd.DataFrame],
    *,
    sc_layer: str | None,
    st_layer: str | None,
    sc_scale: str,
    st_scale: str,
    sc_gene_column: str | None,
    st_gene_column: str | None,
    sections: SectionsGiven,
    joint: bool | None,
    seed: int,
    n_jobs: int,
    device: str,
    progress: Progress,
) -> tuple[Data, list[str], str]:
    """Check what `cross_validate` and `tune` have in common; return the data, shared genes and device."""
    if any(plan.settings.get("checkpoint") is not None for plan in plans):
        raise InputError(expected("no checkpoint, which is of one training", "one", "Leave it out."))
    whole("seed", seed, 0)
    whole("n_jobs", n_jobs, 1)
    check_progress(progress)
    one_of("sc_scale", sc_scale, SCALES)
    one_of("st_scale", st_scale, SCALES)
    device = named_device(device)
    layers: dict[Side, str | None] = {"sc": sc_layer, "st": st_layer}
    genes: dict[Side, str | None] = {"sc": sc_gene_column, "st": st_gene_column}
    spots = spots_of(st, sections, joint, placed=False)
    data = _data(sc, st, plans, layers, {"sc": sc_scale, "st": st_scale}, genes, labelled, spots)
    where = resolve_device(device, data.sc.shape[0] * data.st.shape[0])
    return data, shared_genes(data.sc, data.st), where


def tidy(scores: pd.DataFrame, fold: Any, method: str) -> pd.DataFrame:
    """Return the scores of a fold in the columns of the table."""
    return scores.reset_index().assign(fold=fold, method=method)[COLUMNS]


def begin(
    sc: ad.AnnData,
    st: Spatial,
    method: Methods,
    preset: str | None,
    parameters: dict[str, Any],
    *,
    folds: Folds,
    read_out: ReadOut,
    output: str | os.PathLike[str] | None,
    seed: int,
    **checked: Any,
) -> tuple[Data, list[Task], Path | None, dict[tuple[Any, ...], pd.DataFrame]]:
    """Return the data, all folds of all methods, the file, and the folds that it holds already.

    The parameters are those of `cross_validate`; `checked` are the other arguments of `checked_data`.
    """
    one_of("read_out", read_out, get_args(ReadOut))
    sc, st, labelled, parameters = both_sides(sc, st, parameters, checked["st_gene_column"])
    if isinstance(method, Mapping):
        named = {}
        for name, plan in method.items():
            if isinstance(plan, tuple) and isinstance(plan[-1], Mapping):
                settings = dict(plan[-1])
                for side in labelled:
                    labelled[side], settings = labels_named(labelled[side], side, settings)
                plan = (*plan[:-1], settings)
            named[name] = plan
        method = named
    plans = _plans(method, preset, parameters)
    file = None if output is None else target(output)
    data, genes, where = checked_data(sc, st, list(plans.values()), labelled, seed=seed, **checked)
    parts = gene_folds(genes, folds, int(seed))
    tasks = [
        Task((name, fold), plan, tuple(held_out), (), (read_out,), int(seed), where)
        for name, plan in plans.items()
        for fold, held_out in parts.items()
    ]
    if file is None:
        return data, tasks, file, {}
    kept = finished_folds(file, _described(data, plans, parts, read_out, int(seed)))
    return data, tasks, file, _finished(kept, tasks)


@bounded
def cross_validate(
    sc: ad.AnnData,
    st: Spatial,
    method: Methods = "ssa",
    *,
    folds: Folds = 10,
    read_out: ReadOut = "scaled",
    n_jobs: int = 1,
    output: str | os.PathLike[str] | None = None,
    seed: int = 0,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    sc_scale: Scale | Literal["auto"] = "auto",
    st_scale: Scale | Literal["auto"] = "auto",
    sc_gene_column: str | None = None,
    st_gene_column: str | None = None,
    sections: SectionsGiven = None,
    joint: bool | None = None,
    preset: str | None = None,
    device: str = "auto",
    progress: Progress = None,
    **parameters: Any,
) -> pd.DataFrame:
    """Score a method by genes held out: map with the others, predict these, compare with what was measured.

    Counts are normalised once, by the totals over all genes, before any gene is held out. Values are
    predicted and compared on the log scale. The single-cell data keeps all genes, as it does in use.

    Parameters
    ----------
    sc
        Single-cell data; see `map_cells`.
    st
        Spatial data; see `map_cells`.
    method
        The name of a registered method, or a list of names. Or a function: it takes the cells and the spots,
        both AnnData, and returns P (cells x spots, rows sum to 1) as an array, a sparse matrix (whose rows
        may sum to less) or a mapping. Or a dict of methods by the names that they get in the table: each is a
        name, a pair of a name and its parameters, or a function. A function is given log values, and counts
        as ``layers["counts"]`` if there are counts; its parameters are fixed with `functools.partial`.
    folds
        Number of folds into which the shared genes are divided at random, ``"loo"`` for leave-one-out, or the
        fold of every gene by name; see `gene_folds`.
    read_out
        How a gene at a spot is read from the map: ``"scaled"``, ``"mean"``, ``"sum"``, or ``"corrected"`` by
        the genes that are not held out; see `impute_genes`.
        The map of a function is taken to be made from all genes that it was given.
    n_jobs
        Number of processes that work at once. They share the threads, and each holds the data and a map of
        its own. The scores are the same as from one process with as many threads. A script that uses several
        processes must call this below ``if __name__ == "__main__":``. On a GPU one process does all.
    output
        A .csv file in which finished folds are kept. If it exists, the folds in it are not run again; the
        data, methods and settings must be the same, and a .json file beside it holds them. A function
        is known by its code and by all that the code refers to, so an edited helper makes another method.
    seed
        Seed of the division into folds, and of methods that draw random numbers.
    sc_layer
        Layer of `sc` with the expression; see `map_cells`.
    st_layer
        Layer of `st` with the expression; see `map_cells`.
    sc_scale
        Scale of `sc`; see `map_cells`.
    st_scale
        Scale of `st`; see `map_cells`.
    sc_gene_column
        Column of ``sc.var`` with the names of the genes; see `map_cells`.
    st_gene_column
        Column of ``st.var`` with the names of the genes; see `map_cells`.
    sections
        The sections of the spots; see `map_cells`. A warning says which sections were found. Genes are scored
        over the spots of all sections.
    joint
        Whether all sections are mapped together in every fold; see `map_cells`.
    preset
        A preset of the method; see `map_cells`.
    device
        Device that computes; see `map_cells`.
    progress
        How progress is reported; see `map_cells`. Steps are folds.
    **parameters
        The method's own parameters.

    Returns
    -------
    One row per gene and method: ``gene``, ``fold``, ``method``, the scores ``pcc``, ``ssim``, ``rmse`` and
    ``jsd`` of `gene_scores` over the mapped spots, ``seconds``, the time that the fold's map took, and the
    ``read_out``. ``residuals`` is text, so that a file can hold it, from which `impute_genes` finds
    intervals: pairs ``predicted:residual`` (measured - predicted) at 20 spots, evenly spaced in the order of
    the predicted values.

    Raises
    ------
    InputError
        If the data, a parameter or the file is not as described, or a function returns no P.
    """
    data, tasks, file, found = begin(
        sc,
        st,
        method,
        preset,
        parameters,
        folds=folds,
        read_out=read_out,
        output=output,
        seed=seed,
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,
        st_scale=st_scale,
        sc_gene_column=sc_gene_column,
        st_gene_column=st_gene_column,
        sections=sections,
        joint=joint,
        n_jobs=n_jobs,
        device=device,
        progress=progress,
    )

    def table() -> pd.DataFrame:
        return pd.concat([found[task.key] for task in tasks if task.key in found], ignore_index=True)

    left = [task for task in tasks if task.key not in found]
    with reporting("Cross-validation", progress) as report, closing(run(data, left, int(n_jobs))) as results:
        report(len(found), len(tasks), "")
        for task, scores in results:
            name, fold = task.key
            found[task.key] = tidy(scores[read_out], fold, name)
            if file is not None:
                keep(file, table())
            median = found[task.key]["pcc"].median()
            report(len(found), len(tasks), f"{name}, fold {fold}: median PCC {median:.3f}")
    return table()


def _described(
    data: Data, plans: dict[str, Plan], parts: dict[Any, list[str]], read_out: str, seed: int
) -> dict[str, Any]:
    """Return all that the scores depend on, as plain values."""
    labels = {
        f"{side} {column}": frame[column].astype(str).tolist()
        for side, frame in (("sc", data.cells), ("st", data.spots))
        for column in {plan.settings.get(LABELS[cast(Side, side)]) for plan in plans.values()} - {None}
    }
    return {
        "version": __version__,
        "data": digest(data.sc, data.st),
        "labels": described(labels),
        "methods": {name: [_method(plan), described(plan.settings)] for name, plan in plans.items()},
        "folds": {str(fold): part for fold, part in parts.items()},
        "read_out": read_out,
        "seed": seed,
        **({} if data.sections is None else {"sections": described(data.sections.labels().tolist())}),
    }


def _method(plan: Plan) -> Any:
    """Describe a method: homespot's own by its name, as the version says the rest."""
    if not isinstance(plan.method, str):
        return described(plan.method)
    function = methods.get(plan.method).function
    own = function.__module__.startswith("homespot.")
    return plan.method if own else [plan.method, described(function)]


def _finished(kept: pd.DataFrame, tasks: list[Task]) -> dict[tuple[Any, ...], pd.DataFrame]:
    """Return the folds of the file by their task, with the fold's own label."""
    groups: dict[Any, pd.DataFrame] = dict(list(kept.groupby(["method", "fold"], sort=False)))
    found = {}
    for task in tasks:
        name, fold = task.key
        part = groups.get((name, str(fold)))
        if part is not None and part["gene"].tolist() == list(task.held_out):
            found[task.key] = part.assign(fold=fold).reset_index(drop=True)
    return found
