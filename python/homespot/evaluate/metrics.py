"""Scores of places, of genes and of proportions, usable on anybody's results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.checks import array, as_array, listed, numbers, one_of, refuse_masked
from ..common.wording import either, verb
from ..errors import InputError, expected, some
from ..expression.metrics import METRICS, Patterns
from ..matrix.sums import is_sparse

__all__ = ["SCORES", "accuracy_score", "distances", "gene_scores", "kde_divergence", "proportion_scores"]

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Matrix = npt.NDArray[Any] | sparse.csr_matrix

SCORES = tuple(METRICS)
"""The columns of a table of scores."""

_GRID = 50
_BLOCK_VALUES = 2**16  # of a block: small enough to stay in the processor's cache
_BLOCK_LEAST = 16  # neighbouring float32 values that fill one line of the cache


def _same_shape(
    true: Floats, found: Floats, what: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    a, b = array(f"true {what}", true, 2), array(f"found {what}", found, 2)
    if a.shape != b.shape or a.ndim != 2 or a.size == 0:
        raise InputError(
            expected(
                f"true and found {what} as two tables of one shape, not empty",
                f"{a.shape} and {b.shape}",
                "Pass the same rows of both.",
            )
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError(expected(f"finite {what}", "NaN or infinite ones", "Drop these rows first."))
    return a, b


def _same_names(true: Any, found: Any, remedy: str) -> None:
    """Refuse two data frames whose rows or columns have different names or another order."""
    if not (isinstance(true, pd.DataFrame) and isinstance(found, pd.DataFrame)) or true.shape != found.shape:
        return
    for kind, a, b in (("rows", true.index, found.index), ("columns", true.columns, found.columns)):
        if not a.equals(b):
            raise InputError(
                expected(f"the same {kind} of both in the same order", f"{some(a)} and {some(b)}", remedy)
            )


def distances(true: Floats, found: Floats) -> dict[str, float]:
    """Mean distance between true and found positions.

    Parameters
    ----------
    true
        True positions, cells x 2 or 3.
    found
        Predicted positions of the same cells, in the same order.

    Returns
    -------
    ``"euclidean"`` and ``"manhattan"``, in the unit of the coordinates (Tran et al., section 3.2).
    """
    _same_names(true, found, "Bring one to the order of the other, with columns of the same names.")
    true, found = _same_shape(true, found, "positions")
    difference = found - true
    return {
        "euclidean": float(np.sqrt(np.square(difference).sum(axis=1)).mean()),
        "manhattan": float(np.abs(difference).sum(axis=1).mean()),
    }


def kde_divergence(true: Floats, found: Floats, labels: npt.ArrayLike) -> pd.Series:
    """Kullback-Leibler divergence, in nats, of the found from the true distribution in space, per cell type.

    Both distributions are Gaussian kernel density estimates (Scott's bandwidth) on one 50 x 50 grid over both
    sets of positions, each scaled to sum to 1. The divergence is sum P log(P / Q), where P is the true
    distribution (Tran et al., appendix A).

    Parameters
    ----------
    true
        True positions, cells x 2.
    found
        Predicted positions, cells x 2.
    labels
        Cell type of every cell; types whose positions span no area (fewer than 3 cells, or all in line) get
        NaN.
    """
    from scipy.stats import gaussian_kde  # imported here, as it takes as long as a third of homespot

    true, found = _same_shape(true, found, "positions")
    given = pd.Series(listed("labels", labels), dtype=object)
    if given.isna().any():
        raise InputError(
            expected("a label of every cell", f"{given.isna().sum()} missing", "Drop these cells first.")
        )
    types = given.astype(str).to_numpy(dtype=str)
    if types.shape != (len(true),):
        raise InputError(
            expected(
                f"one label for each of the {len(true)} cells",
                f"{types.size}",
                "Pass as many labels as cells.",
            )
        )
    if true.shape[1] != 2:
        raise InputError(expected("positions in 2 dimensions", f"{true.shape[1]}", "Pass x and y only."))
    both = np.vstack([true, found])
    axes = [
        np.linspace(low, high, _GRID) for low, high in zip(both.min(axis=0), both.max(axis=0), strict=True)
    ]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes)])

    def density(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        if len(points) < 3 or np.linalg.matrix_rank(points - points.mean(axis=0)) < 2:
            return None
        values = gaussian_kde(points.T)(grid) + np.finfo(np.float64).tiny
        return np.asarray(values / values.sum())

    divergence = {}
    for kind in np.unique(types):
        p, q = density(true[types == kind]), density(found[types == kind])
        divergence[str(kind)] = np.nan if p is None or q is None else float((p * np.log(p / q)).sum())
    return pd.Series(divergence, name="kl", dtype=np.float64)


def gene_scores(true: Matrix, found: Matrix, genes: Sequence[str]) -> pd.DataFrame:
    """PCC, SSIM, RMSE and JSD of every gene's pattern in space (Li et al. 2022, as in the COME paper).

    The genes are read in blocks. Of the tables, only sparse ones that are not CSC are copied.

    Parameters
    ----------
    true
        Measured expression, spots x genes, dense or sparse, of any numeric type.
    found
        Predicted expression, spots x genes, on the same scale as `true`; dense or sparse, of any numeric
        type.
    genes
        Names of the columns.

    Returns
    -------
    One row per gene. ``pcc``: Pearson correlation. ``ssim``: structural similarity of the patterns, each
    divided by its maximum, C1 = 0.01 squared, C2 = 0.03 squared, C3 = C2 / 2. ``rmse``: root mean squared
    difference of the z-scores. ``jsd``: Jensen-Shannon divergence (nats) of the patterns, each scaled to
    sum to 1; NaN if one of them has negative values. The z-scores of a constant pattern are 0, and so is its
    pcc; a pattern of sum 0 counts as uniform.
    """
    _same_names(true, found, "Bring one to the order of the other: found.loc[true.index, true.columns].")
    a, b = _as_matrix(true), _as_matrix(found)
    n_spots, n_genes = _check_tables(a, b, "expression")
    genes = listed("genes", genes)
    if len(genes) != n_genes:
        raise InputError(
            expected(f"{n_genes} gene names", f"{len(genes)} ({some(genes)})", "Name every column.")
        )
    blocks = _patterns(a), _patterns(b)
    step = max(_BLOCK_LEAST, _BLOCK_VALUES // n_spots)
    scores = np.empty((n_genes, len(SCORES)))
    for start in range(0, n_genes, step):
        block = slice(start, min(start + step, n_genes))
        x, y = (take(block) for take in blocks)
        _check_finite(x, y, "expression")
        scores[block] = _pattern_scores(x, y)
    return pd.DataFrame(scores, index=pd.Index(list(genes), name="gene"), columns=list(SCORES))


def proportion_scores(
    true: pd.DataFrame | ad.AnnData | Floats,
    found: pd.DataFrame | ad.AnnData | Floats,
    *,
    by: Literal["spot", "type"] = "spot",
) -> pd.DataFrame:
    """PCC, SSIM, RMSE and JSD of the proportions of cell types, for every spot or for every type.

    Li et al. 2022 and the COME paper (section 3.6) score the deconvolution of spots in this way. The scores
    are computed as in `gene_scores`, except that the RMSE is computed from the proportions as they are, and
    not from z-scores.

    Parameters
    ----------
    true
        True proportions in [0, 1], spots x types: a data frame, an AnnData as `deconvolve_spots` returns it,
        or an array.
    found
        Predicted proportions, in any of these forms. If both have names, they are matched by the names of
        spots and types, in any order; arrays are compared as they are.
    by
        ``"spot"``: over the types of every spot; ``"type"``: over the spots of every type.

    Returns
    -------
    One row per spot or type, in the order of `true`, with the columns of `gene_scores`. Constant proportions
    and proportions that sum to 0 are treated as `gene_scores` treats constant patterns and patterns of sum 0.
    ``jsd`` is the divergence in nats (the scripts of Li et al. take its square root, the distance).
    """
    one_of("by", by, ("spot", "type"))
    a, b = _matched(true, found)
    names = a.index if by == "spot" else a.columns
    x, y = array("true", a, 2), array("found", b, 2)
    _check_tables(x, y, "proportions")
    _check_finite(x, y, "proportions")
    for name, values in (("true", x), ("found", y)):
        if values.min() < 0 or values.max() > 1 + 1e-6:
            raise InputError(
                expected(
                    f"{name} proportions from 0 to 1",
                    f"values from {values.min():.4g} to {values.max():.4g}",
                    "Divide every spot by its sum.",
                )
            )
    if by == "type":
        x, y = x.T, y.T
    scores = _pattern_scores(np.ascontiguousarray(x), np.ascontiguousarray(y), plain=True)
    return pd.DataFrame(scores, index=pd.Index(names, name=by), columns=list(SCORES))


def accuracy_score(scores: pd.DataFrame | Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Accuracy score (AS) of Li et al. 2022: the mean rank of every method over the four scores.

    For each score the N methods are ranked by their mean over the genes. The method with the highest PCC or
    SSIM has rank N, and so has the method with the lowest RMSE or JSD; methods that tie share the mean of
    their ranks. AS is the mean of the four ranks, divided by N, from 1 / N (worst in all) to 1 (best in all).
    It depends on which methods are compared.

    Parameters
    ----------
    scores
        Tables of `gene_scores` by the name of the method, or one table with the columns ``method`` and
        ``gene``, as `cross_validate` returns it. All methods have the same genes.

    Returns
    -------
    One row per method, in the given order: the mean of each score, ``rank_pcc`` to ``rank_jsd``, and
    ``accuracy``. A mean is taken over the genes for which all methods have the score (a JSD can be NaN). A
    method that has the score for no gene is left out of this selection and ranks last.
    """
    tables = _by_method(scores)
    ranks, means = {}, {}
    for score in SCORES:
        wide = pd.DataFrame({name: numbers(table[score], score) for name, table in tables.items()})
        some_score = wide.loc[:, wide.notna().any()]
        means[score] = some_score[some_score.notna().all(axis=1)].mean().reindex(wide.columns)
        ranks[f"rank_{score}"] = means[score].rank(
            ascending=METRICS[score].higher_is_better, na_option="top", method="average"
        )
    out = pd.DataFrame({**means, **ranks}).rename_axis(index="method")
    out["accuracy"] = pd.DataFrame(ranks).mean(axis=1) / len(out)
    return out


def _by_method(scores: pd.DataFrame | Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables of scores of every method, indexed by gene, if they can be compared."""
    if isinstance(scores, pd.DataFrame):
        missing = [name for name in ("method", "gene", *SCORES) if name not in scores]
        if missing:
            raise InputError(
                expected(
                    "a table with the columns method, gene, " + ", ".join(SCORES),
                    f"one without {some(missing, 6)}",
                    f"Pass what {verb('cross_validate')} returned, or tables by method.",
                )
            )
        tables = {str(name): part.set_index("gene") for name, part in scores.groupby("method", sort=False)}
    else:
        if not isinstance(scores, Mapping):
            raise InputError(
                expected(
                    "scores to be a table, or tables by method",
                    f"a {type(scores).__name__}",
                    "Pass what cross_validate() returned.",
                )
            )
        tables = {str(name): table for name, table in scores.items()}
        for name, table in tables.items():
            if not set(SCORES).issubset(getattr(table, "columns", ())):
                raise InputError(
                    expected(
                        f"a table of {verb('gene_scores')} for every method",
                        f"something else for {name!r}",
                        "Columns are " + ", ".join(SCORES) + ".",
                    )
                )
    if len(tables) < 2:
        raise InputError(
            expected("scores of 2 methods or more, to rank them", str(len(tables)), "Add another method.")
        )
    first = next(iter(tables.values())).index
    for name, table in tables.items():
        if not table.index.is_unique or set(table.index) != set(first):
            differing = list(table.index[table.index.duplicated()]) or sorted(
                map(str, set(table.index) ^ set(first))
            )
            raise InputError(
                expected(
                    "each gene once, and the same genes for all methods",
                    f"others for {name!r} ({some(differing)})",
                    "Score all methods on the same genes.",
                )
            )
    return tables


def _matched(true: Any, found: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of proportions, the second in the order of the first where both have names."""
    a, b = (x.to_df() if isinstance(x, ad.AnnData) else x for x in (true, found))
    if not (isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame)):
        a, b = array("true", a, 2), array("found", b, 2)
        _check_tables(a, b, "proportions")
        return pd.DataFrame(a), pd.DataFrame(b)
    for axis, kind in ((0, "spots"), (1, "types")):
        names, others = a.axes[axis], b.axes[axis]
        differing = [*names.difference(others), *others.difference(names)]
        if differing or not (names.is_unique and others.is_unique):
            raise InputError(
                expected(
                    f"the same {kind} in both tables of proportions, each once",
                    f"{some(differing)} in one of them only" if differing else "some twice",
                    f"Take the {kind} that both have; a type without cells is a column of zeros.",
                )
            )
    return a, b.loc[a.index, a.columns]


def _as_matrix(matrix: Any) -> Matrix:
    """Return sparse data by columns, and else an array."""
    if isinstance(matrix, ad.AnnData):
        raise InputError(
            expected(
                "matrices, spots x genes, with the same rows and columns and both on the log scale",
                f"{either('an AnnData', 'an object')}, which does not say what its numbers are",
                "Pass its values: adata[spots, genes].X, or a layer of it.",
            )
        )
    refuse_masked(matrix, "genes")
    stored: Any = matrix.tocsc() if is_sparse(matrix) else as_array(matrix)
    return stored  # type: ignore[no-any-return]


def _check_tables(a: Matrix, b: Matrix, what: str) -> tuple[int, int]:
    """Return the shape that both tables have."""
    if a.shape != b.shape or a.ndim != 2 or 0 in a.shape:
        raise InputError(
            expected(
                f"true and found {what} as two tables of one shape, not empty",
                f"{a.shape} and {b.shape}",
                "Pass the same rows of both.",
            )
        )
    for matrix in (a, b):
        if matrix.dtype.kind not in "biuf":
            raise InputError(
                expected(f"numbers as {what}", f"values of type {matrix.dtype}", "Convert them to numbers.")
            )
    return int(a.shape[0]), int(a.shape[1])


def _check_finite(a: Doubles, b: Doubles, what: str) -> None:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError(expected(f"finite {what}", "NaN or infinite ones", "Drop these rows first."))


def _patterns(matrix: Matrix) -> Callable[[slice], Doubles]:
    """Return what takes a block of columns out of a matrix, as float64 patterns x spots in C order."""

    def take(columns: slice) -> Doubles:
        block = matrix[:, columns]
        # Copy first and transpose then: reading across the rows of the whole table is several times slower.
        dense = block.toarray() if is_sparse(block) else np.ascontiguousarray(block)
        return np.asarray(dense.T.astype(np.float64, order="C"), dtype=np.float64)

    return take


def _pattern_scores(true: Doubles, found: Doubles, *, plain: bool = False) -> Doubles:
    """Return patterns x `METRICS`, for one pattern a row; with `plain`, the RMSE is not of z-scores."""
    patterns = Patterns(true, found, plain=plain)
    return np.stack([metric.function(patterns) for metric in METRICS.values()], axis=1)
