"""An expression table, checked: counts or log values of cells or spots x genes.

Sparse data stay sparse until the genes are selected. A table is read in blocks of rows. Each block is brought
to one canonical form (float32 or float64, C order) before any arithmetic, so a result depends neither on
storage order and type nor on whether the table is in memory. Sums over cells and over genes are accumulated
in float64. A table on disk is read once to check it, to recognise its scale and to sum its rows; once more
for the variances, if genes have to be selected; and once for the genes that are used.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.checks import one_of, refuse_masked
from ..common.wording import either
from ..errors import DataWarning, InputError, expected, some
from ..matrix.rows import evenly_spaced
from ..matrix.streamed import Streamed
from ..matrix.sums import column_sums, is_sparse, row_sums, squares_about
from .genes import TABLES, About
from .places import Places
from .scale import SCALES, Sample, Scale, recognised, refuse_beyond

__all__ = ["BLOCK_VALUES", "STATED", "Expression", "Floats"]


Floats = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[Any] | sparse.csr_matrix | Streamed
Side = Literal["sc", "st"]

TARGET_SUM = 1e4
BLOCK_VALUES = 4_000_000
_SAMPLE = 200

STATED = "as stated"
"""The evidence if the user has stated the scale."""

ROWS = {"sc": "cell", "st": "spot"}


def _canonical_storage(matrix: Any, what: str) -> Matrix:
    """Return `matrix` as a 2-d NumPy array or a CSR matrix, without a copy if possible.

    A `Streamed` matrix stays one, and its blocks have this form.
    """
    stored: Matrix
    if isinstance(matrix, Streamed):
        stored = matrix
    elif is_sparse(matrix):
        csr = matrix.tocsr()
        stored = sparse.csr_matrix((csr.data, csr.indices, csr.indptr), shape=csr.shape, copy=False)
    else:
        refuse_masked(matrix, what)
        stored = np.asarray(matrix)
    if stored.dtype.kind not in "biuf":
        raise InputError(
            expected(f"numbers in the {what}", f"values of type {stored.dtype}", "Convert them to numbers.")
        )
    if len(stored.shape) != 2:
        raise InputError(
            expected(
                f"a matrix of two dimensions as {what}", f"{len(stored.shape)} dimension(s)", "Reshape it."
            )
        )
    if is_sparse(stored) and not stored.has_canonical_format:
        stored = stored.copy()
        stored.sum_duplicates()
    return stored


def _duplicates(names: npt.NDArray[np.str_]) -> list[str]:
    unique, counts = np.unique(names, return_counts=True)
    return [str(name) for name in unique[counts > 1]]


def _checked_labels(labels: Any, names: npt.NDArray[np.str_], side: Side) -> npt.NDArray[np.str_]:
    """Return labels as text; refuse labels that do not divide the rows into types."""
    row = ROWS[side]
    given = np.asarray(labels, dtype=object)
    if given.shape != names.shape:
        raise InputError(
            expected(f"one label for each of the {len(names)} {row}s", str(given.size), "Label every one.")
        )
    missing = pd.isna(given) | (given.astype(str) == "")
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
        Array, sparse matrix or `Streamed`, rows x genes; counts or log values, non-negative and finite.
    names
        Names of the rows (cells or spots), unique.
    genes
        Names of the columns, unique.
    side
        ``"sc"`` (single cells) or ``"st"`` (spots); for messages.
    scale
        ``"counts"``, ``"log"``, or ``"auto"`` to recognise the scale from the data: from whether all values
        are whole numbers, and from 200 evenly spread rows, by the rules of `scale.recognised`. If the values
        fit both scales, ``assumed`` is True: state the scale if you know it.
    dtype
        Type in which blocks are computed.
    labels
        Type of every row, or None. No label may be missing, and there are at least two types, and fewer types
        than rows.
    about
        What the object that the table comes from says about its genes. Parts of the table keep it unchanged.
    elsewhere
        Returns where the object has usable values, for the message that refuses the values of `matrix`.
    places
        Where the rows lie in the tissue, if that is known.

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
    about: About | None = field(default=None, repr=False)
    elsewhere: InitVar[Callable[[], str] | None] = None
    places: Places | None = field(default=None, repr=False)
    evidence: str = field(default=STATED, init=False)
    assumed: bool = field(default=False, init=False)
    """Whether the scale is only assumed, because the values fit the other one as well."""
    warned_of: set[str] = field(default_factory=set, init=False, repr=False)
    """Warnings that this table, or a part of it, has already given."""
    totals: npt.NDArray[np.float64] = field(init=False, repr=False)
    """Sum of every row over all genes, in the units of the table."""
    n_measured: int = field(init=False, repr=False)
    """Number of genes measured, including genes that were held out later."""

    def __post_init__(self, elsewhere: Callable[[], str] | None) -> None:
        row, table = ROWS[self.side], TABLES[self.side]
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
        object.__setattr__(self, "n_measured", self.shape[1])
        if self.shape[1] == 0:
            raise InputError(expected(f"genes in the {table}", "none", "There is nothing to compare."))
        if self.shape[0] < 2:
            raise InputError(
                expected(f"at least 2 {row}s in the {table}", str(self.shape[0]), "Pass data with more.")
            )
        for kind, names in (("gene", self.genes), (row, self.names)):
            twice = _duplicates(names)
            if twice:
                raise InputError(
                    expected(
                        f"unique {kind} names in the {table}",
                        f"{len(twice)} that occur more than once ({some(twice)})",
                        f"Sum the {either('columns', 'rows')} of one gene, or give them names of their own."
                        if kind == "gene"
                        else f"Give every {row} a name of its own.",
                    )
                )
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, self.names, self.side))
        one_of(f"{self.side}_scale", self.scale, SCALES)
        self._read_all(elsewhere)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and genes."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    def _slices(self) -> Iterator[slice]:
        n_rows = self.shape[0]
        step = max(1, min(n_rows, BLOCK_VALUES // max(self.shape[1], 1)))
        for start in range(0, n_rows, step):
            yield slice(start, min(start + step, n_rows))

    def _read_all(self, elsewhere: Callable[[], str] | None) -> None:
        """Read all values once: check them, sum the rows, and recognise the scale."""
        table, row = TABLES[self.side], ROWS[self.side]
        bad, lowest, highest, whole = 0, 0.0, 0.0, True
        totals = np.empty(self.shape[0])
        sample = evenly_spaced(self.shape[0], _SAMPLE)
        looked_at: list[npt.NDArray[np.float64]] = []
        for rows in self._slices():
            block = self.matrix[rows]
            values = block.data if is_sparse(block) else block
            if values.dtype.kind == "f":
                bad += int(np.count_nonzero(~np.isfinite(values)))
                if bad:
                    continue
                whole = whole and np.array_equal(values, np.rint(values))
            lowest, highest = min(lowest, values.min(initial=0)), max(highest, values.max(initial=0))
            with np.errstate(over="ignore"):  # refused below
                totals[rows] = row_sums(self.canonical(block))
            if self.scale == "auto" and values.dtype.kind == "f":
                some_rows = block[sample[(sample >= rows.start) & (sample < rows.stop)] - rows.start]
                dense = some_rows.toarray() if is_sparse(some_rows) else some_rows
                looked_at += [one[one > 0] for one in dense.astype(np.float64)]
        others = elsewhere() if elsewhere is not None and (bad or lowest < 0) else ""
        if bad:
            raise InputError(
                expected(
                    f"finite numbers in the {table}",
                    f"{bad} that are NaN or infinite",
                    others or f"Replace them, or drop the {row}s or genes that have them.",
                    topic="" if others else f"values of {self.side}",
                )
            )
        if lowest < 0:
            raise InputError(
                expected(
                    f"counts or log values, never negative, in the {table}",
                    f"values down to {lowest:.4g}, as z-scores or scaled data have",
                    others or "Pass the counts or the log-normalised values instead.",
                    topic="" if others else f"values of {self.side}",
                )
            )
        refuse_beyond(np.dtype(self.dtype), float(highest), totals, self.names, table)
        object.__setattr__(self, "totals", totals)
        if self.scale == "auto":
            found = recognised(Sample(looked_at, self.shape[1], float(highest), whole))
            object.__setattr__(self, "scale", found.scale)
            object.__setattr__(self, "evidence", found.evidence)
            object.__setattr__(self, "assumed", not found.certain)

    def canonical(self, block: Any) -> Floats | sparse.csr_matrix:
        """Return rows of `matrix` in the form in which all is computed."""
        canonical: Floats | sparse.csr_matrix
        canonical = block.astype(self.dtype, **({} if is_sparse(block) else {"order": "C"}))
        return canonical

    def blocks(
        self, columns: npt.NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, Floats | sparse.csr_matrix]]:
        """Yield blocks of rows in canonical form (float; C order or CSR), with only the genes `columns`."""
        for rows in self._slices():
            block = self.matrix[rows]
            yield rows, self.canonical(block if columns is None else block[:, columns])

    def _replaced(self, **fields: Any) -> Expression:
        """Return the table with other fields; parts of a checked table are not checked again."""
        other = copy.copy(self)
        for name in ("variances", "log_totals"):
            vars(other).pop(name, None)
        vars(other).update(fields)
        return other

    def _annotated(self, **fields: Any) -> Expression:
        """Return the table with fields that change none of its sums."""
        known = {name: vars(self)[name] for name in ("variances", "log_totals") if name in vars(self)}
        return self._replaced(**fields, **known)

    def take(self, rows: npt.NDArray[np.intp]) -> Expression:
        """Return the table of these rows only, on the same scale."""
        return self._replaced(
            matrix=self.matrix.taken(rows) if isinstance(self.matrix, Streamed) else self.matrix[rows],
            names=self.names[rows],
            labels=None if self.labels is None else self.labels[rows],
            totals=self.totals[rows],
            places=None if self.places is None else self.places.take(rows),
        )

    def without_genes(self, genes: Sequence[str]) -> Expression:
        """Return the table without these genes.

        The totals that normalise counts, and the number of genes measured, still include all genes, so that
        genes that are held out do not change the values of the others.
        """
        kept = np.flatnonzero(~np.isin(self.genes, np.asarray(list(genes), dtype=str)))
        matrix = self.matrix
        less = matrix.taken(columns=kept) if isinstance(matrix, Streamed) else matrix[:, kept]
        return self._replaced(matrix=less, genes=self.genes[kept])

    def labelled(self, labels: Any) -> Expression:
        """Return the table with the type of every row, checked."""
        return self._annotated(labels=_checked_labels(labels, self.names, self.side))

    def placed(self, places: Places | None) -> Expression:
        """Return the table with the places of its rows."""
        return self._annotated(places=places)

    def section(self, rows: npt.NDArray[np.intp]) -> Expression:
        """Return the table of a section that is mapped by itself; its own labels have to be valid."""
        taken = self.take(rows)
        if taken.labels is not None:
            _checked_labels(taken.labels, taken.names, taken.side)
        return taken

    def without_empty_rows(self) -> Expression:
        """Drop rows without any expression, with a warning that counts them."""
        empty = self.totals <= 0
        if not empty.any():
            return self
        row = ROWS[self.side]
        said = f"Dropped {empty.sum()} {row}(s) without any expression ({some(self.names[empty])})."
        if said not in self.warned_of:
            warnings.warn(said, DataWarning, stacklevel=2)
            self.warned_of.add(said)
        if (n := int((~empty).sum())) < 2:
            remedy = f"Choose another layer, or other {row}s."
            raise InputError(expected(f"at least 2 {row}s with expression", str(n), remedy))
        return self.take(np.flatnonzero(~empty))

    def log_blocks(
        self, columns: npt.NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, Floats | sparse.csr_matrix]]:
        """Yield blocks of rows on the log scale: counts become log(1 + 10,000 x / row total)."""
        for rows, block in self.blocks(columns):
            yield rows, self.logged(block, rows)

    def logged(self, block: Any, rows: slice | npt.NDArray[np.intp]) -> Any:
        """Bring these rows, in canonical form, to the log scale, in place; they may lack genes."""
        if self.scale == "counts":
            # A row without expression stays 0.
            totals = self.totals[rows]
            factor = np.divide(TARGET_SUM, totals, out=np.zeros_like(totals), where=totals > 0)
            factor = factor.astype(self.dtype)
            if is_sparse(block):
                block.data *= np.repeat(factor, np.diff(block.indptr))
                np.log1p(block.data, out=block.data)
            else:
                block *= factor[:, None]
                np.log1p(block, out=block)
        return block

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
            block_squares = squares_about(block, block_mean)
            # Chan's update keeps accuracy that a difference of sums would lose.
            delta = block_mean - mean
            squares += block_squares + delta**2 * (done * rows / (done + rows))
            mean += delta * (rows / (done + rows))
            done += rows
        return squares / n
