"""From two expression tables to numbers that can be compared.

Nothing here makes sparse data dense before the genes are selected: a table is read in blocks of rows, each
brought to one canonical form (float32 or float64, C order) before any arithmetic, so that storage order and
type do not change a result. Sums over cells and over genes are accumulated in float64.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .checks import one_of
from .errors import DataWarning, InputError, expected, some
from .matrices import column_sums, is_sparse, row_sums

__all__ = [
    "SCALES",
    "Expression",
    "Scale",
    "log_normalised",
    "min_max",
    "most_variable",
    "recognise",
    "shared_genes",
    "unit_rows",
    "z_scores",
]

Floats = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[Any] | sparse.csr_matrix
Side = Literal["sc", "st"]
Scale = Literal["counts", "log"]

SCALES = ("auto", "counts", "log")
TARGET_SUM = 1e4
_BLOCK_VALUES = 4_000_000
_ROWS = {"sc": "cell", "st": "spot"}
_TABLES = {"sc": "single-cell data", "st": "spatial data"}
_ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{6,}")


def _canonical_storage(matrix: Any, what: str) -> Matrix:
    """Return `matrix` as a 2-d NumPy array or a CSR matrix, sharing memory where that can be."""
    stored: Matrix
    if is_sparse(matrix):
        csr = matrix.tocsr()
        stored = sparse.csr_matrix((csr.data, csr.indices, csr.indptr), shape=csr.shape, copy=False)
    else:
        stored = np.asarray(matrix)
    if stored.dtype.kind not in "biuf":
        raise InputError(
            expected(f"numbers in the {what}", f"values of type {stored.dtype}", "Convert them to numbers.")
        )
    if stored.ndim != 2:
        raise InputError(
            expected(f"a matrix of two dimensions as {what}", f"{stored.ndim} dimension(s)", "Reshape it.")
        )
    if is_sparse(stored) and not stored.has_canonical_format:
        stored = stored.copy()
        stored.sum_duplicates()
    return stored


def _values(matrix: Matrix) -> npt.NDArray[Any]:
    """Return the stored numbers of a matrix."""
    return matrix.data if is_sparse(matrix) else matrix


def _duplicates(names: npt.NDArray[np.str_]) -> list[str]:
    unique, counts = np.unique(names, return_counts=True)
    return [str(name) for name in unique[counts > 1]]


def _checked_labels(labels: Any, names: npt.NDArray[np.str_], side: Side) -> npt.NDArray[np.str_]:
    """Return labels as text, if they divide the rows into types."""
    row = _ROWS[side]
    given = np.asarray(labels, dtype=object)
    if given.shape != names.shape:
        raise InputError(
            expected(f"one label for each of the {len(names)} {row}s", str(given.size), "Label every one.")
        )
    missing = pd.isna(given)
    if missing.any():
        raise InputError(
            expected(
                f"a label of every {row}",
                f"{missing.sum()} {row}(s) without ({some(names[missing])})",
                f"Label them, or drop these {row}s.",
            )
        )
    text = given.astype(str)
    n_types = len(np.unique(text))
    if n_types < 2:
        raise InputError(
            expected(f"{row}s of two types or more", f"only {str(text[0])!r}", "Leave the labels out.")
        )
    if n_types == len(text):
        raise InputError(
            expected(
                f"fewer types than {row}s",
                f"{n_types} types of {len(text)} {row}s",
                "Name the column with the types, or leave the labels out.",
            )
        )
    return text


@dataclass(frozen=True)
class Expression:
    """An expression table: cells x genes or spots x genes, checked.

    Parameters
    ----------
    matrix
        Array or sparse matrix, rows x genes; counts or log values, non-negative and finite.
    names
        Names of the rows (cells or spots), unique.
    genes
        Names of the columns, unique.
    side
        ``"sc"`` (single cells) or ``"st"`` (spots); for messages.
    scale
        ``"counts"``, ``"log"``, or ``"auto"`` to look at the data; see `recognise`.
    dtype
        Type in which blocks are computed with.
    labels
        Type of every row, or None: all there, two types or more, and fewer types than rows.

    Raises
    ------
    InputError
        If the data is not as described above.
    """

    matrix: Matrix
    names: npt.NDArray[np.str_]
    genes: npt.NDArray[np.str_]
    side: Side = "sc"
    scale: Scale | Literal["auto"] = "auto"
    dtype: npt.DTypeLike = np.float32
    labels: npt.NDArray[Any] | None = None
    evidence: str = field(default="as stated", init=False)

    def __post_init__(self) -> None:
        row, table = _ROWS[self.side], _TABLES[self.side]
        object.__setattr__(self, "matrix", _canonical_storage(self.matrix, table))
        object.__setattr__(self, "names", np.asarray(self.names, dtype=str))
        object.__setattr__(self, "genes", np.asarray(self.genes, dtype=str))
        if self.shape != (len(self.names), len(self.genes)):
            raise InputError(
                expected(
                    f"{table} of {len(self.names)} {row}s x {len(self.genes)} genes, as there are names",
                    f"a matrix of {self.shape[0]} x {self.shape[1]}",
                    "Check that rows and columns are not swapped.",
                )
            )
        if self.shape[1] == 0:
            raise InputError(expected(f"genes in the {table}", "none", "There is nothing to compare."))
        if self.shape[0] < 2:
            raise InputError(
                expected(f"at least 2 {row}s in the {table}", str(self.shape[0]), "There is nothing to map.")
            )
        for kind, names in (("gene", self.genes), (row, self.names)):
            twice = _duplicates(names)
            if twice:
                raise InputError(
                    expected(
                        f"unique {kind} names in the {table}",
                        f"{len(twice)} that occur more than once ({some(twice)})",
                        "Make them unique first: sum or drop the duplicates.",
                    )
                )
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, self.names, self.side))
        one_of(f"{self.side}_scale", self.scale, SCALES)
        self._check_values()
        if self.scale == "auto":
            scale, evidence = recognise(self)
            object.__setattr__(self, "scale", scale)
            object.__setattr__(self, "evidence", evidence)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and genes."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    def _check_values(self) -> None:
        values = _values(self.matrix)
        if values.dtype.kind in "bu":
            return
        table, row = _TABLES[self.side], _ROWS[self.side]
        for start in range(0, max(len(values), 1), step := _block_rows(values)):
            block = values[start : start + step]
            if block.dtype.kind == "f" and not np.isfinite(block).all():
                bad = sum(
                    np.count_nonzero(~np.isfinite(values[i : i + step]))
                    for i in range(start, len(values), step)
                )
                raise InputError(
                    expected(
                        f"finite numbers in the {table}",
                        f"{bad} that are NaN or infinite",
                        f"Replace them, or drop the {row}s or genes that have them.",
                    )
                )
            if block.size and block.min() < 0:
                raise InputError(
                    expected(
                        f"counts or log values, never negative, in the {table}",
                        f"values down to {values.min():.4g}, as z-scores or scaled data have",
                        "Pass the counts or the log-normalised values instead.",
                    )
                )

    def blocks(
        self, columns: npt.NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, Floats | sparse.csr_matrix]]:
        """Yield blocks of rows in canonical form: float, C order or CSR, the genes `columns` only."""
        n_rows = self.shape[0]
        step = max(1, min(n_rows, _BLOCK_VALUES // max(self.shape[1], 1)))
        for start in range(0, n_rows, step):
            rows = slice(start, min(start + step, n_rows))
            block: Any = self.matrix[rows] if columns is None else self.matrix[rows][:, columns]
            yield rows, block.astype(self.dtype, **({} if is_sparse(block) else {"order": "C"}))

    @cached_property
    def totals(self) -> npt.NDArray[np.float64]:
        """Sum of every row over all genes, in the units of the table."""
        totals = np.empty(self.shape[0])
        for rows, block in self.blocks():
            totals[rows] = row_sums(block)
        return totals

    def take(self, rows: npt.NDArray[np.intp]) -> Expression:
        """Return the table of these rows only, on the same scale."""
        taken = replace(self, matrix=self.matrix[rows], names=self.names[rows], labels=None)
        if self.labels is not None:
            object.__setattr__(taken, "labels", self.labels[rows])
        object.__setattr__(taken, "evidence", self.evidence)
        return taken

    def section(self, rows: npt.NDArray[np.intp]) -> Expression:
        """Return the table of a section, which is mapped by itself: its labels have to do for it alone."""
        taken = self.take(rows)
        if taken.labels is not None:
            _checked_labels(taken.labels, taken.names, taken.side)
        return taken

    def without_empty_rows(self) -> Expression:
        """Drop rows without any expression, with a warning that counts them."""
        empty = self.totals <= 0
        if not empty.any():
            return self
        row = _ROWS[self.side]
        warnings.warn(
            f"Dropped {empty.sum()} {row}(s) without any expression ({some(self.names[empty])}).",
            DataWarning,
            stacklevel=2,
        )
        if (~empty).sum() < 2:
            raise InputError(
                expected(
                    f"at least 2 {row}s with expression", str((~empty).sum()), "There is nothing to map."
                )
            )
        return self.take(np.flatnonzero(~empty))

    def log_blocks(
        self, columns: npt.NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, Floats | sparse.csr_matrix]]:
        """Yield blocks of rows on the log scale: counts become log(1 + 10,000 x / row total)."""
        for rows, block in self.blocks(columns):
            if self.scale == "counts":
                # A row without any expression stays 0.
                totals = self.totals[rows]
                factor = np.divide(TARGET_SUM, totals, out=np.zeros_like(totals), where=totals > 0)
                factor = factor.astype(self.dtype)
                if is_sparse(block):
                    block.data *= np.repeat(factor, np.diff(block.indptr))
                    np.log1p(block.data, out=block.data)
                else:
                    block *= factor[:, None]
                    np.log1p(block, out=block)
            yield rows, block

    @cached_property
    def log_totals(self) -> npt.NDArray[np.float64]:
        """Sum of every row over all genes, on the log scale."""
        totals = np.empty(self.shape[0])
        for rows, block in self.log_blocks():
            totals[rows] = row_sums(block)
        return totals

    @cached_property
    def variances(self) -> npt.NDArray[np.float64]:
        """Variance of every gene over the rows, on the log scale (population variance)."""
        n, n_genes = self.shape
        mean = np.zeros(n_genes)
        squares = np.zeros(n_genes)
        done = 0
        for _, block in self.log_blocks():
            rows = block.shape[0]
            block_mean = column_sums(block) / rows
            if is_sparse(block):
                deviation = block.data - block_mean[block.indices]
                block_squares = np.bincount(block.indices, deviation**2, minlength=n_genes)
                block_squares += (rows - np.bincount(block.indices, minlength=n_genes)) * block_mean**2
            else:
                block_squares = np.square(block - block_mean).sum(axis=0)
            # Chan's update keeps the accuracy that a difference of sums would lose.
            delta = block_mean - mean
            squares += block_squares + delta**2 * (done * rows / (done + rows))
            mean += delta * (rows / (done + rows))
            done += rows
        return squares / n


def _block_rows(values: npt.NDArray[Any]) -> int:
    width = values.shape[1] if values.ndim == 2 else 1
    return max(1, _BLOCK_VALUES // max(width, 1))


def _are_multiples(rows: Sequence[npt.NDArray[np.float64]]) -> bool:
    """Whether nearly all rows are whole multiples of their smallest value, or of a half or a third of it."""

    def whole(values: npt.NDArray[np.float64]) -> bool:
        ratios = values / values.min()
        tolerance = np.minimum(1e-3 + 1e-4 * ratios, 0.05)
        return any(bool((np.abs(ratios * k - np.rint(ratios * k)) < k * tolerance).all()) for k in (1, 2, 3))

    return bool(rows) and sum(whole(row) for row in rows) >= 0.9 * len(rows)


def recognise(table: Expression) -> tuple[Scale, str]:
    """Look at a table and say whether it holds counts or log values.

    Whole numbers are counts. Otherwise 200 rows, evenly spread, are looked at: if the values of a row are
    whole multiples of one unit, they are counts that were scaled or averaged; if exp(x) - 1 is, they are the
    logarithm of such. What is neither is taken as log values if no value exceeds 20 (no count of 5e8 is
    needed then), else as counts. Counts averaged over many cells without any lowly expressed gene can be
    missed so: state the scale where you know it.

    Returns
    -------
    ``"counts"`` or ``"log"``, and the evidence in words.
    """
    values = _values(table.matrix)
    step = _block_rows(values)
    starts = range(0, len(values), step)
    if values.dtype.kind in "biu" or all(
        np.array_equal(values[i : i + step], np.rint(values[i : i + step])) for i in starts
    ):
        return "counts", "all values are whole numbers"
    # Few distinct values say nothing: one detected gene is always a multiple of itself.
    sample = np.unique(np.linspace(0, table.shape[0] - 1, 200).astype(int))
    block = table.matrix[sample]
    dense = (block.toarray() if is_sparse(block) else np.asarray(block)).astype(np.float64)
    rows = [np.unique(row[row > 0]) for row in dense]
    rows = [row for row in rows if len(row) >= 3]
    if _are_multiples(rows):
        return "counts", "the values of a row are multiples of one unit: scaled or averaged counts"
    if values.max() <= 20:
        if _are_multiples([np.expm1(row) for row in rows]):
            return "log", "exp(x) - 1 are multiples of one unit: the logarithm of normalised counts"
        return "log", f"not whole numbers, and no value above {values.max():.3g}"
    return "counts", f"not whole numbers, but values up to {values.max():.3g}, too large for logarithms"


def _cause(sc: Expression, st: Expression) -> str:
    """Say why two tables may share hardly any genes, and what to do."""
    genes_sc, genes_st = set(sc.genes.tolist()), set(st.genes.tolist())
    for table, other in ((sc, genes_st), (st, genes_sc)):
        if len(other.intersection(table.names.tolist())) >= 2:
            rows = f"The rows of the {_TABLES[table.side]} have the names of the other's genes"
            return f"{rows}: pass {_ROWS[table.side]}s x genes (transpose it)."
    ensembl = [any(map(_ENSEMBL.match, table.genes[:50].tolist())) for table in (sc, st)]
    if ensembl[0] != ensembl[1]:
        which = "single-cell" if ensembl[0] else "spatial"
        return f"The {which} data has Ensembl ids and the other gene symbols: translate one of them."
    if all(ensembl) and len({g.split(".")[0] for g in genes_sc} & {g.split(".")[0] for g in genes_st}) >= 2:
        return "They agree without the version after the dot: remove it on both sides."
    if len({g.lower() for g in genes_sc} & {g.lower() for g in genes_st}) >= 2:
        return "They agree if upper and lower case are ignored: rename one side, if the species is the same."
    return "Check that both use the same kind of gene names."


def shared_genes(sc: Expression, st: Expression, at_least: int = 2) -> list[str]:
    """Return the genes that both tables have, in the order of the spatial data.

    A warning says so if they are less than a tenth of the smaller table's.

    Raises
    ------
    InputError
        If they share fewer than `at_least`; the message shows examples of both sides and, where it can, the
        cause: rows and columns swapped, Ensembl ids against symbols, versions of ids, upper and lower case.
    """
    known = set(sc.genes.tolist())
    shared = [gene for gene in st.genes.tolist() if gene in known]
    found = f"(single-cell: {some(sc.genes)}; spatial: {some(st.genes)})"
    fewer = min(len(sc.genes), len(st.genes))
    if len(shared) < at_least:
        raise InputError(
            expected(f"at least {at_least} shared genes", f"{len(shared)} {found}", _cause(sc, st))
        )
    if len(shared) < fewer / 10:
        warnings.warn(
            f"Only {len(shared)} of {fewer} genes are in both data sets {found}. {_cause(sc, st)}",
            DataWarning,
            stacklevel=2,
        )
    return shared


def most_variable(table: Expression, n: int) -> npt.NDArray[np.intp]:
    """Return the columns of the `n` genes of highest variance on the log scale, in the table's order."""
    if n >= table.shape[1]:
        return np.arange(table.shape[1])
    return np.sort(np.argsort(-table.variances, kind="stable")[:n])


def log_normalised(table: Expression, genes: Sequence[str]) -> Floats:
    """Return the table on the log scale for these genes: rows x genes, dense, C order."""
    where = {gene: i for i, gene in enumerate(table.genes.tolist())}
    columns = np.array([where[gene] for gene in genes], dtype=np.intp)
    out: Floats = np.empty((table.shape[0], len(genes)), dtype=table.dtype)
    for rows, block in table.log_blocks(columns):
        out[rows] = block.toarray() if is_sparse(block) else block
    return out


def z_scores(x: Floats) -> Floats:
    """Bring every column of `x` (rows x genes) to mean 0, variance 1, in place; constant ones become 0."""
    n = len(x)
    step = _block_rows(x)
    blocks = [x[i : i + step] for i in range(0, n, step)]
    mean = sum((block.sum(axis=0, dtype=np.float64) for block in blocks), np.zeros(x.shape[1])) / n
    squares = sum((np.square(block - mean).sum(axis=0) for block in blocks), np.zeros(x.shape[1]))
    deviation = np.sqrt(squares / n)
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies).astype(x.dtype)
    for block in blocks:
        block -= mean.astype(x.dtype)
        block *= scale
    return x


def min_max(x: Floats) -> Floats:
    """Bring every column of `x` (rows x genes) to [0, 1], in place; constant columns become 0."""
    low = x.min(axis=0)
    span = x.max(axis=0) - low
    x -= low
    x *= np.divide(1, span, out=np.zeros_like(span), where=span > 0)
    return x


def unit_rows(x: Floats) -> Floats:
    """Centre every row of `x` and bring it to length 1, in place, so that x y' is the Pearson correlation.

    A row without variance becomes 0: its correlation with everything is 0.
    """
    x -= x.mean(axis=1, dtype=np.float64).astype(x.dtype)[:, None]
    norm = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    x *= np.divide(1, norm, out=np.zeros_like(norm), where=norm > 1e-6).astype(x.dtype)[:, None]
    return x
