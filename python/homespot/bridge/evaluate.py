"""Evaluation for R: cross-validation fold by fold, tuning, scores and simulated spots."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from ..common.cores import threads
from ..common.keys import HOMESPOT, SPATIAL
from ..common.progress import Progress, reporting
from ..evaluate import calibration as calibrate
from ..evaluate import compare as comparing
from ..evaluate import metrics
from ..evaluate import simulate_spots as simulating
from ..evaluate import tune as tuning
from ..evaluate.cross_validate import Spatial, begin, tidy
from ..evaluate.folds import work
from ..evaluate.kept import COLUMNS, keep
from ..evaluate.plan import Data, Task
from ..mapping.read_out import ReadOut
from ..matrix.streamed import in_memory
from ..objects.annotated import x_of
from ..objects.labels import LABELS, in_order
from .objects import sections_in_memory
from .offered import offered
from .values import frame_columns, plain, plain_matrix, strings

_NUMBER = ".homespot_number"


class RMethod:
    """A method of the user that is a function of R; its code distinguishes it from other methods.

    The function gets plain values (`_seen`) of both tables, and returns a dict with ``matrix`` or
    ``mapping``. In another process its function is missing until `received_folds` sets it.
    """

    def __init__(self, function: Callable[[Any, Any], dict[str, Any]], code: str) -> None:
        self.function: Callable[[Any, Any], dict[str, Any]] | None = function
        # The file of finished folds describes the method by these names.
        self.__module__, self.__qualname__ = "R", code

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "function": None}

    def __call__(self, cells: ad.AnnData, spots: ad.AnnData) -> Any:
        """Map the cells to the spots in R, and return P."""
        assert self.function is not None
        answer = self.function(_seen(cells), _seen(spots))
        if "mapping" in answer:
            return answer["mapping"]
        matrix = in_memory(answer["matrix"])
        if isinstance(matrix, np.ndarray):
            matrix = np.ascontiguousarray(matrix)  # as Python's functions return it: the same last digits
        if answer["cells"] is None or answer["spots"] is None:
            return matrix
        rows, columns = (pd.DataFrame(index=strings(answer[side])) for side in ("cells", "spots"))
        return ad.AnnData(matrix, rows, columns) if matrix.shape == (len(rows), len(columns)) else matrix


def _seen(adata: ad.AnnData) -> dict[str, Any]:
    return {
        "log": plain_matrix(adata.X.T),
        "counts": plain_matrix(adata.layers["counts"].T) if "counts" in adata.layers else None,
        "names": np.asarray(adata.obs_names, dtype=object),
        "genes": np.asarray(adata.var_names, dtype=object),
        "columns": frame_columns(adata.obs),
        "coordinates": adata.obsm.get(SPATIAL),
    }


@dataclass
class Folds:
    """A running cross-validation: its data, its folds, and the scores of the finished folds."""

    data: Data
    tasks: list[Task]
    read_out: ReadOut
    file: Path | None = None
    progress: Progress = None
    found: dict[tuple[Any, ...], pd.DataFrame] = field(default_factory=dict)
    n_threads: int | None = None

    def table(self) -> pd.DataFrame:
        """Return the scores of the finished folds, in the order of the folds."""
        tables = [self.found[task.key] for task in self.tasks if task.key in self.found]
        return pd.concat(tables, ignore_index=True)

    def report(self, note: str = "") -> None:
        """Report the progress."""
        with reporting("Cross-validation", self.progress) as report:
            report(len(self.found), len(self.tasks), note)


@offered
def r_method(function: Callable[[Any, Any], dict[str, Any]], code: str) -> RMethod:
    """Return a function of R as a method."""
    return RMethod(function, code)


@offered
def cross_validation(
    sc: ad.AnnData,
    st: Spatial,
    method: Mapping[str, Any],
    *,
    folds: Any,
    read_out: ReadOut,
    output: str | None,
    progress: Progress,
    **named: Any,
) -> Folds:
    """Begin a cross-validation whose folds R runs one by one, or sends to other processes.

    `method` maps every name to an `RMethod`, or to a list of the name of a method and its settings; `named`
    are the other arguments of `homespot.cross_validate`.
    """
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in method.items()}
    data, tasks, file, found = begin(
        sc,
        sections_in_memory(st),
        given,
        None,
        {},
        folds=folds,
        read_out=read_out,
        output=output,
        sc_layer=None,
        st_layer=None,
        n_jobs=1,
        progress=progress,
        **named,
    )
    begun = Folds(data, tasks, read_out, file, progress, found)
    begun.report()
    return begun


@offered
def folds_left(folds: Folds) -> list[int]:
    """Return the numbers of the folds that are not finished."""
    return [i for i, task in enumerate(folds.tasks) if task.key not in folds.found]


@offered
def folds_device(folds: Folds) -> str:
    """Return the device that the folds use; a GPU takes one process at a time."""
    return folds.tasks[0].device


@offered
def run_fold(folds: Folds, number: int) -> dict[str, Any]:
    """Run one fold, and return its scores as columns; another process uses its share of the threads."""
    with _share(folds.n_threads):
        scores = work(folds.data, folds.tasks[number])[folds.read_out]
    return frame_columns(scores.reset_index())


@offered
def keep_fold(folds: Folds, number: int, scores: pd.DataFrame) -> None:
    """Add the scores of a finished fold to the table and to the file."""
    task = folds.tasks[number]
    name, fold = task.key
    folds.found[task.key] = tidy(scores.set_index("gene"), fold, name)
    if folds.file is not None:
        keep(folds.file, folds.table())
    folds.report(f"{name}, fold {fold}: median PCC {scores['pcc'].median():.3f}")


@offered
def fold_scores(folds: Folds) -> dict[str, Any]:
    """Return the table of all finished folds, as columns."""
    return frame_columns(folds.table()[COLUMNS])


@contextmanager
def _share(n_threads: int | None) -> Iterator[None]:
    """Limit the number of threads while the block runs."""
    if n_threads is None:
        yield
        return
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(n_threads)
    try:
        with threadpool_limits(n_threads):
            yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


@offered
def send_folds(folds: Folds, path: str, workers: int) -> int:
    """Write the folds to a file for other processes; return the number of threads for each of them."""
    n_threads = max(1, threads() // workers)
    sent = replace(folds, file=None, progress=False, found={}, n_threads=n_threads)
    with Path(path).open("wb") as file:
        pickle.dump(sent, file, protocol=pickle.HIGHEST_PROTOCOL)
    return n_threads


@offered
def received_folds(path: str, functions: Mapping[str, Any]) -> Folds:
    """Read the file of `send_folds`; `functions` are the functions of R by the name of their method."""
    with Path(path).open("rb") as file:
        folds: Folds = pickle.load(file)
    for task in folds.tasks:
        if isinstance(task.plan.method, RMethod):
            task.plan.method.function = functions[task.key[0]]
    return folds


@offered
def tune(
    sc: ad.AnnData, st: Spatial, method: str, grid: Mapping[str, Any] | None, **named: Any
) -> dict[str, Any]:
    """Tune a method; see `homespot.tune`."""
    parameters = named.pop("parameters")
    found = tuning.tune(sc, sections_in_memory(st), method, grid, **named, **parameters)
    # R itself has labels that were given as values.
    settings = {name: value for name, value in found.settings.items() if name not in LABELS.values()}
    return {
        "settings": plain(settings),
        "read_out": found.read_out,
        "tried": frame_columns(found.tried),
        "outer": frame_columns(found.outer),
        "seconds": found.seconds,
    }


@offered
def gene_scores(true: Any, found: Any, genes: str | Sequence[str]) -> dict[str, Any]:
    """Score genes; see `homespot.metrics.gene_scores`. Both tables are spots x genes."""
    tables = in_memory(true), in_memory(found)
    return frame_columns(metrics.gene_scores(*tables, strings(genes).tolist()).reset_index())


@offered
def proportions(
    matrix: npt.NDArray[np.float64], spots: str | Sequence[str], types: str | Sequence[str]
) -> pd.DataFrame:
    """Build a table of proportions, spots x types."""
    return pd.DataFrame(matrix, index=strings(spots), columns=strings(types))


@offered
def proportion_scores(true: pd.DataFrame, found: pd.DataFrame, by: Any) -> dict[str, Any]:
    """Score proportions; see `homespot.metrics.proportion_scores`."""
    return frame_columns(metrics.proportion_scores(true, found, by=by).reset_index())


@offered
def accuracy_score(scores: pd.DataFrame) -> dict[str, Any]:
    """Compare methods; see `homespot.metrics.accuracy_score`."""
    return frame_columns(metrics.accuracy_score(scores).reset_index())


@offered
def compare(table: pd.DataFrame, metric: str, reference: str | None = None) -> dict[str, Any]:
    """Test a method against each of the others; see `homespot.plot.compare`. ``method`` is a column."""
    return frame_columns(comparing.compare(table, metric, reference).rename_axis("method").reset_index())


@offered
def kde_divergence(
    true: npt.NDArray[np.float64],
    found: npt.NDArray[np.float64],
    labels: Any,
    cells: str | Sequence[str] | None,
    taken: npt.ArrayLike,
    n_true: int,
) -> dict[str, Any]:
    """Return the divergence of every type; see `homespot.metrics.kde_divergence`.

    `labels` are those of the compared `cells` by name, or of the `n_true` cells with true places in their
    order; the cells `taken` are compared.
    """
    if cells is not None and isinstance(labels, pd.Series):
        given = in_order(labels, pd.DataFrame(index=strings(cells)), "labels", "cell", "table `found`")
    else:
        given = in_order(
            np.asarray(labels), pd.DataFrame(index=range(n_true)), "labels", "cell", "table `true`"
        )
        given = given.iloc[np.atleast_1d(taken)]
    # Whole numbers are written without a decimal point, as R writes them.
    divergence = metrics.kde_divergence(true, found, given.convert_dtypes().to_numpy(dtype=object))
    return {"types": np.asarray(divergence.index, dtype=object), "kl": divergence.to_numpy()}


@offered
def calibration(mapping: Any, truth: pd.DataFrame, levels: Any, **named: Any) -> dict[str, Any]:
    """Compare stated levels with observed shares; see `homespot.calibration`."""
    levels = None if levels is None else np.atleast_1d(levels).tolist()
    return frame_columns(calibrate.calibration(mapping, truth, levels, **named))


@offered
def places(matrix: npt.NDArray[np.float64], cells: str | Sequence[str]) -> pd.DataFrame:
    """Build a table of places, cells x coordinates, indexed by the names of the cells."""
    return pd.DataFrame(np.asarray(matrix), index=strings(cells))


@offered
def simulate_spots(cells: ad.AnnData, **named: Any) -> dict[str, Any]:
    """Simulate spots; see `homespot.simulate_spots`. The mapped cells are named by their number."""
    of_cells = cells.obs.assign(**{_NUMBER: np.arange(cells.n_obs)})
    numbered = ad.AnnData(in_memory(x_of(cells)), of_cells, cells.var, uns=dict(cells.uns))
    numbered.obsm[SPATIAL] = cells.obsm[SPATIAL]
    sc, st = simulating.simulate_spots(numbered, **named)
    queried = of_cells.iloc[sc.obs[_NUMBER].to_numpy()]
    # A column of the user's that has the name of one of ours is replaced, as in Python.
    added = [name for name in sc.obs if name not in of_cells or not sc.obs[name].equals(queried[name])]
    return {
        "cells": sc.obs[_NUMBER].to_numpy(dtype=np.int32),
        "cell_columns": frame_columns(sc.obs[added]),
        "shifted": None if named.get("platform") is None else plain_matrix(sc.X.T),
        "gene_columns": frame_columns(sc.var[[] if named.get("platform") is None else ["true_factor"]]),
        "x": plain_matrix(st.X.T),
        "spots": np.asarray(st.obs_names, dtype=object),
        "spot_columns": frame_columns(st.obs),
        "coordinates": st.obsm[SPATIAL],
        "record": plain(st.uns[HOMESPOT]),
    }
