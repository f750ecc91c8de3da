"""tune: choose the settings of a method on the user's own data, and measure what they gain."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, get_args

import anndata as ad
import pandas as pd

from .. import methods
from ..common.checks import one_of
from ..common.memory import bounded
from ..common.progress import Progress, reporting
from ..common.wording import argument, shown
from ..errors import InputError, expected, some
from ..expression.scale import Scale
from ..mapping.read_out import OF_THE_MAP, ReadOut
from ..objects.spots import SectionsGiven, both_sides
from .cross_validate import Spatial, checked_data, tidy
from .folds import run
from .gene_folds import Folds, gene_folds
from .plan import Data, Plan, Scores, Task

__all__ = ["Tuning", "tune"]

_ALL = "all"


@dataclass(frozen=True)
class Tuning:
    """The settings that `tune` chose, and the scores of all settings.

    ``settings`` are the parameters that were chosen on all shared genes, for `map_cells`. ``read_out`` is the
    reading that goes with them, for `impute_genes`. ``tried`` has one row per setting and outer fold:
    ``outer`` (the outer fold, or ``"all"`` for the choice on all genes), the setting, ``pcc`` (the median
    over the genes of the inner folds), ``seconds`` (the time of its maps) and ``chosen``. ``outer`` has the
    honest scores: the table of `cross_validate` over the outer folds, with ``"tuned"`` (chosen on the other
    genes) or ``"defaults"`` as ``method``. ``seconds`` is the time of the whole run.
    """

    method: str
    settings: dict[str, Any]
    read_out: ReadOut
    tried: pd.DataFrame
    outer: pd.DataFrame
    seconds: float

    @property
    def chosen_from(self) -> int:
        """The number of settings that were tried."""
        return int((self.tried["outer"] == _ALL).sum())

    def __str__(self) -> str:
        """Say which settings were chosen, what they gain, and how long it took."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        median = self.outer.groupby("method")["pcc"].median()
        return (
            f"{self.method}: {chosen or 'defaults'}, read_out={self.read_out!r}. Median PCC of genes that "
            f"had no part in the choice: {median['tuned']:.3f}, with the defaults {median['defaults']:.3f}. "
            f"{self.chosen_from} settings were tried, in {self.seconds:.0f} s."
        )


def _candidates(
    method: str, grid: Mapping[str, Sequence[Any]] | None, preset: str | None, fixed: dict[str, Any]
) -> tuple[list[dict[str, Any]], tuple[ReadOut, ...]]:
    """Return all combinations and read-outs, the defaults first, because the first of equals is chosen."""
    chosen = methods.get(method)
    if grid is None:
        # These read-outs are read from one map, so they cost no further maps.
        own = {name: values for name, values in chosen.grid.items() if name not in fixed}
        grid = {**own, "read_out": OF_THE_MAP}
    if not isinstance(grid, Mapping):
        raise InputError(
            expected(
                "grid to be a dictionary of lists of values",
                f"a {type(grid).__name__}",
                "Pass {'regularisation': [0.03, 0.1]}, or None for the usual values.",
            )
        )
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or len(values) == 0:
            raise InputError(
                expected(
                    f"a list of values of {argument(name)} to try",
                    shown(values),
                    f"Pass {argument(name)}=[...] in grid.",
                )
            )
        if name in fixed:
            raise InputError(
                expected(f"{argument(name)} either in grid or fixed", "both", "Take it out of one of them.")
            )
    read_outs: Sequence[ReadOut] = grid.get("read_out", ("scaled",))
    for read_out in read_outs:
        one_of("read_out", read_out, get_args(ReadOut))
    names = [name for name in grid if name != "read_out"]
    defaults = chosen.settings(preset, fixed)
    unknown = [name for name in names if name not in defaults]
    if unknown:
        raise InputError(
            expected(
                f"parameters of method {method!r} ({', '.join(map(argument, defaults))}) or "
                f"{argument('read_out')} in grid",
                some(unknown),
                "Check the spelling.",
            )
        )
    combinations = [{name: defaults[name] for name in names}]
    for values in itertools.product(*(grid[name] for name in names)):
        combination = dict(zip(names, values, strict=True))
        chosen.settings(preset, {**fixed, **combination})  # checks them before any work
        if combination not in combinations:
            combinations.append(combination)
    return combinations, tuple(dict.fromkeys(("scaled", *read_outs)))


@bounded
def tune(
    sc: ad.AnnData,
    st: Spatial,
    method: str = "ssa",
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    folds: int = 5,
    outer_folds: Folds = 3,
    n_jobs: int = 1,
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
) -> Tuning:
    """Choose settings by cross-validation over genes.

    Every combination of the grid is cross-validated on the shared genes, and the combination with the highest
    median PCC is chosen. This score is optimistic, because the combination was chosen for it. The whole
    choice is therefore repeated for every outer fold, on the genes outside it; the genes of the outer fold
    are then predicted with the settings that were chosen there, and with the defaults. Report and compare
    these scores.

    Parameters
    ----------
    sc
        Single-cell data; see `map_cells`.
    st
        Spatial data; see `map_cells`.
    method
        The name of a registered method.
    grid
        Values to try by parameter, and by ``"read_out"``. None: the values that the method declares, and the
        read-outs other than ``"corrected"``. The defaults (with `preset` and `parameters`) are always tried
        as well, and chosen if nothing is better.
    folds
        Number of inner folds.
    outer_folds
        Outer folds, in the form of `folds` of `cross_validate`. The work is (outer folds + 1) x inner folds x
        combinations maps, and two more maps for every outer fold.
    n_jobs
        Number of processes that work at once; see `cross_validate`.
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
        The sections of the spots; see `map_cells`.
    joint
        Whether all sections are mapped together; see `map_cells`.
    preset
        The preset of the method that all settings start from.
    device
        Device that computes; see `map_cells`.
    progress
        How progress is reported; see `map_cells`. Steps are maps.
    **parameters
        Parameters of the method that are fixed.

    Returns
    -------
    The settings that were chosen, all that were tried, and their scores; see `Tuning`.
    """
    begun = time.perf_counter()
    given = parameters
    sc, st, labelled, parameters = both_sides(sc, st, parameters, st_gene_column)
    maps, read_outs = _candidates(method, grid, preset, parameters)
    plans = [Plan(method, preset, {**parameters, **combination}) for combination in maps]
    data, genes, where = checked_data(
        sc,
        st,
        plans,
        labelled,
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,
        st_scale=st_scale,
        sc_gene_column=sc_gene_column,
        st_gene_column=st_gene_column,
        sections=sections,
        joint=joint,
        seed=seed,
        n_jobs=n_jobs,
        device=device,
        progress=progress,
    )
    outer = gene_folds(genes, outer_folds, int(seed))
    excluded: dict[Any, list[str]] = {**outer, _ALL: []}
    if len(excluded) == len(outer):
        raise InputError(expected(f"outer folds not called {_ALL!r}", "one", "Rename it."))
    inner = [
        Task((fold, index, part), plan, tuple(held_out), tuple(left_out), read_outs, int(seed), where)
        for fold, left_out in excluded.items()
        for part, held_out in gene_folds(
            [gene for gene in genes if gene not in set(left_out)], folds, int(seed)
        ).items()
        for index, plan in enumerate(plans)
    ]
    with reporting("Tuning", progress) as report:
        total = len(inner) + 2 * len(outer)
        scores = _run(data, inner, int(n_jobs), lambda done: report(done, total, "inner folds"))
        tried, best = _tried(maps, read_outs, scores, list(excluded))
        last = [
            Task((fold, name), plans[index], tuple(outer[fold]), (), (read_out,), int(seed), where)
            for fold in outer
            for name, (index, read_out) in (("tuned", best[fold]), ("defaults", (0, "scaled")))
        ]
        final = _run(data, last, int(n_jobs), lambda done: report(len(inner) + done, total, "outer folds"))
    table = pd.concat(
        [
            tidy(final[task.key][task.read_outs[0]], *task.key)
            for task in sorted(last, key=lambda task: task.key[1], reverse=True)  # tuned first
        ],
        ignore_index=True,
    )
    index, read_out = best[_ALL]
    settings = {**({} if preset is None else {"preset": preset}), **given, **maps[index]}
    return Tuning(method, settings, read_out, tried, table, time.perf_counter() - begun)


def _run(data: Data, tasks: list[Task], n_jobs: int, report: Any) -> dict[tuple[Any, ...], Scores]:
    found = {}
    with closing(run(data, tasks, n_jobs)) as results:
        report(0)
        for task, scores in results:
            found[task.key] = scores
            report(len(found))
    return found


def _tried(
    maps: list[dict[str, Any]],
    read_outs: tuple[ReadOut, ...],
    scores: dict[tuple[Any, ...], Scores],
    outer: list[Any],
) -> tuple[pd.DataFrame, dict[Any, tuple[int, ReadOut]]]:
    """Return the table of settings, and for every outer fold the number of the best one and its read-out."""
    rows: list[dict[str, Any]] = []
    best: dict[Any, tuple[int, ReadOut]] = {}
    for fold in outer:
        medians: dict[tuple[int, ReadOut], float] = {}
        mine: list[dict[str, Any]] = []
        for index, combination in enumerate(maps):
            for read_out in read_outs:
                parts = [found[read_out] for key, found in scores.items() if key[:2] == (fold, index)]
                median = float(pd.concat(parts)["pcc"].median())
                seconds = float(sum(part["seconds"].iloc[0] for part in parts))
                medians[index, read_out] = median
                mine.append(
                    {"outer": fold, **combination, "read_out": read_out, "pcc": median, "seconds": seconds}
                )
        best[fold] = max(medians, key=medians.__getitem__)  # the first of equals
        for row, key in zip(mine, medians, strict=True):
            row["chosen"] = key == best[fold]
        rows += mine
    return pd.DataFrame(rows), best
