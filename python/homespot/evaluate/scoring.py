"""One fold: map without some genes, predict them, and score the prediction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.cores import limited_threads
from ..common.ending import ending_of
from ..common.keys import LEFT_OVER, SPATIAL
from ..errors import InputError, expected, some
from ..expression.shared import shared_genes
from ..expression.table import Expression
from ..expression.transforms import log_normalised
from ..mapping.carried import carried
from ..mapping.intervals import kept_residuals
from ..mapping.read_out import Expressions, ReadOut, factors, highest_value
from ..mapping.solve import Solution, solve
from ..mapping.solve_sections import solve_by_section
from ..mapping.validity import check_mapping
from ..matrix.rows import blocks
from ..matrix.streamed import Streamed, in_memory
from ..matrix.sums import is_sparse, row_means, row_sums
from ..objects.annotated import x_of
from .metrics import gene_scores
from .plan import Data, MapFunction, Plan, Scores

__all__ = ["fold_scores"]


Indices = npt.NDArray[np.intp]


_TOLERANCE = 1e-3


def _predicted(
    matrix: Any,
    x: npt.NDArray[np.float64],
    read_outs: Sequence[ReadOut],
    expressions: Expressions | None,
    scale: str,
) -> dict[ReadOut, npt.NDArray[np.float64]]:
    """Return spots x genes, by each read-out."""
    total = np.zeros((matrix.shape[1], x.shape[1]))
    for rows in blocks(matrix):
        total += matrix[rows].astype(np.float64).T @ x[rows]
    mean = x.mean(axis=0)
    return {
        read_out: factors(matrix, read_out, expressions, scale).applied(total, mean) for read_out in read_outs
    }


def _expressions(sc: Expression, st: Expression, cells: Indices, spots: Indices) -> Expressions:
    """Return the mean log expression of these cells and spots over the genes that both tables have."""
    genes = shared_genes(sc, st)
    return row_means(log_normalised(sc, genes))[cells], row_means(log_normalised(st, genes))[spots]


def _scores_of_map(
    matrix: Any,
    cells: Indices,
    spots: Indices,
    sc: Expression,
    st: Expression,
    genes: Sequence[str],
    read_outs: Sequence[ReadOut],
    expressions: Expressions | None,
    seen: Expression,
    used: Sequence[str] | None,
) -> Scores:
    x = log_normalised(sc, genes)[cells].astype(np.float64)
    true = log_normalised(st, genes)[spots].astype(np.float64)
    with limited_threads():
        found = _predicted(matrix, x, read_outs, expressions, st.scale)
        if "corrected" in found:
            scale = factors(matrix, "corrected", expressions, st.scale)
            highest = highest_value("corrected", sc.scale, st.scale)
            known = None if used is None else set(used)
            correction = carried(matrix, sc, seen, cells, spots, known, scale, highest)
            columns = pd.Index(sc.genes).get_indexer(pd.Index(genes))
            found["corrected"] = correction.added(found["corrected"], sc.take(cells), columns)
    return {
        read_out: gene_scores(true, predicted, list(genes)).assign(
            read_out=read_out, residuals=kept_residuals(predicted, true)
        )
        for read_out, predicted in found.items()
    }


def fold_scores(
    plan: Plan,
    sc: Expression,
    st: Expression,
    held_out: Sequence[str],
    excluded: Sequence[str],
    read_outs: Sequence[ReadOut],
    seed: int,
    device: str,
    data: Data | None,
) -> Scores:
    """Run one fold; `data` has what functions are given beside the tables."""
    seen = st.without_genes((*held_out, *excluded))
    sections = None if data is None else data.sections
    start = time.perf_counter()

    def mapped(cells: Expression, spots: Expression) -> Solution:
        if isinstance(plan.method, str):
            solution = solve(
                cells,
                spots,
                plan.method,
                preset=plan.preset,
                seed=seed,
                device=device,
                progress=False,
                parameters=plan.parameters,
            )
            if ending_of(solution.record).interrupted:
                raise KeyboardInterrupt  # which the training took for the wish to end early
            return solution
        assert data is not None
        return _called(plan.method, cells, spots, data, expressions=sections is not None)

    if sections is None:
        solution = mapped(sc, seen)
    else:
        solution = solve_by_section(
            sc, seen, sections, mapped, needs=plan.needs, sizes=plan.sizes(sc, seen, device), compare=False
        )
    seconds = time.perf_counter() - start
    matrix, cells, spots, expressions = solution.matrix, solution.cells, solution.spots, solution.expression
    if not len(expressions[0]) and {"scaled", "corrected"} & set(read_outs):
        expressions = _expressions(sc, seen, cells, spots)
    used = solution.record.get("genes")
    scores = _scores_of_map(matrix, cells, spots, sc, st, held_out, read_outs, expressions, seen, used)
    return {read_out: table.assign(seconds=seconds) for read_out, table in scores.items()}


def _annotated(table: Expression, frame: pd.DataFrame) -> ad.AnnData:
    """Return a table as an AnnData of log values, with the counts as a layer where there are counts."""
    blocks: list[Any] = [block for _, block in table.log_blocks()]
    values: Any = sparse.vstack(blocks, format="csr") if is_sparse(blocks[0]) else np.concatenate(blocks)
    adata = ad.AnnData(values, frame.copy(), pd.DataFrame(index=table.genes))
    if table.scale == "counts":
        matrix = table.matrix
        adata.layers["counts"] = in_memory(matrix) if isinstance(matrix, Streamed) else matrix.copy()
    return adata


def _called(
    function: MapFunction, sc: Expression, st: Expression, data: Data, *, expressions: bool
) -> Solution:
    """Let a function map, and check what it returns; `expressions` asks for the means of cells and spots."""
    at = pd.Index(data.st.names).get_indexer(pd.Index(st.names))
    cells, spots = _annotated(sc, data.cells), _annotated(st, data.spots.iloc[at])
    if data.positions is not None:
        spots.obsm[SPATIAL] = data.positions[at]
    with limited_threads():
        result = function(cells, spots)
    rows, columns = np.arange(len(sc.names)), np.arange(len(st.names))
    matrix, partial = result, False
    if isinstance(result, ad.AnnData):
        if partial := LEFT_OVER in result.obs:
            check_mapping(result)
        rows = _named(result.obs_names, sc.names, "cells")
        columns = _named(result.var_names, st.names, "spots")
        matrix = in_memory(x_of(result))
    if is_sparse(matrix):
        matrix, partial = matrix.tocsr(), True
    else:
        try:
            matrix = np.asarray(matrix, dtype=None if hasattr(matrix, "dtype") else np.float64)
        except (TypeError, ValueError):
            matrix = np.empty(0)
    _check_map(matrix, (len(rows), len(columns)), complete=not partial)
    none = np.empty(0)
    means = _expressions(sc, st, rows, columns) if expressions else (none, none)
    return Solution(matrix, rows, columns, np.clip(1 - row_sums(matrix), 0, 1), means, {})


def _named(names: pd.Index, known: npt.NDArray[np.str_], kind: str) -> Indices:
    found = pd.Index(known).get_indexer(names.astype(str))
    if (found < 0).any() or not names.is_unique or len(names) == 0:
        raise InputError(
            expected(
                f"a map of the {kind} that the method was given",
                some(names[found < 0]) if (found < 0).any() else f"{len(names)}, not each once",
                "Keep their names.",
            )
        )
    return np.asarray(found, dtype=np.intp)


def _check_map(matrix: Any, shape: tuple[int, int], *, complete: bool) -> None:
    """Refuse what is no P; rows of one that is not `complete` may sum to less than 1."""
    remedy = "Return probabilities, cells x spots, every row summing to 1."
    if matrix.shape != shape or matrix.dtype.kind not in "biuf":
        numbers = matrix.dtype.kind in "biuf" and matrix.ndim == 2
        found = " x ".join(map(str, matrix.shape)) if numbers else "no matrix of numbers"
        raise InputError(
            expected(f"a map of {shape[0]} cells x {shape[1]} spots from the method", found, remedy)
        )
    values = matrix.data if is_sparse(matrix) else matrix
    if not np.isfinite(values).all():
        raise InputError(expected("finite probabilities from the method", "NaN or infinite ones", remedy))
    sums = row_sums(matrix)
    low = 1 - _TOLERANCE if complete else 0
    wrong = ~((sums > 0) & (sums >= low) & (sums <= 1 + _TOLERANCE))
    if values.size and values.min() < 0:
        found = f"values down to {values.min():.4g}"
    elif wrong.any():
        found = f"{wrong.sum()} row(s) with another sum, e.g. {sums[wrong][0]:.4g}"
    else:
        return
    raise InputError(expected("rows of probabilities that sum to 1 from the method", found, remedy))
