"""Map sections one by one: put the maps side by side, and find the section of every cell."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.wording import argument
from ..errors import DataWarning, InputError, expected, in_section
from ..expression.shared import shared_genes
from ..expression.table import Expression
from ..matrix.streamed import Streamed, in_memory
from ..matrix.sums import is_sparse
from ..space.sections import Sections
from .combined import best_fits, combined_record, together_sharp
from .room import require_sections
from .section_fit import BEST, likeliest_spots, section_probabilities
from .solve import Solution, rows_named

__all__ = ["solve_by_section"]

Ints = npt.NDArray[np.intp]

_EQUAL = 1e-6
_LEAST = 2  # smallest numbers of spots and of genes for a map


def _tables(st: Expression, sections: Sections) -> list[Expression]:
    """Return the table of every section; refuse a section that cannot be mapped, by name."""
    tables = []
    for code, name in enumerate(sections.names):
        try:
            tables.append(st.section(sections.rows(code)))
        except InputError as error:
            raise in_section(name, error) from error
    return tables


def _refuse_empty(sc: Expression, st: Expression, sections: Sections) -> None:
    """Refuse a section without expression before any section is mapped."""
    genes = {gene: i for i, gene in enumerate(st.genes.tolist())}
    columns = np.array([genes[gene] for gene in shared_genes(sc, st)], dtype=np.intp)
    n = len(sections.names)
    n_spots, seen = np.zeros(n, dtype=np.intp), np.zeros((n, len(columns)), dtype=bool)
    for rows, block in st.blocks(columns):
        there = np.asarray((block > 0).toarray() if is_sparse(block) else block > 0)
        codes = sections.codes[rows]
        n_spots += np.bincount(codes[there.any(axis=1)], minlength=n)
        for code in np.unique(codes):
            seen[code] |= there[codes == code].any(axis=0)
    for name, spots, of_genes in zip(sections.names, n_spots, seen.sum(axis=1), strict=True):
        if spots < _LEAST or of_genes < _LEAST:
            raise InputError(
                expected(
                    f"at least {_LEAST} spots and {_LEAST} shared genes with expression in every section",
                    f"{spots} spots and {of_genes} genes in section {name!r}",
                    "Leave this section out.",
                )
            )


class _Kept(NamedTuple):
    """A section's solution without P, and the most probable spots of every cell."""

    solution: Solution
    likeliest: Ints


def _side_by_side(
    parts: Iterable[Solution], sections: Sections, shape: tuple[int, int]
) -> tuple[Any, list[_Kept]]:
    """Return the matrices side by side, divided by their number, without holding a dense one twice."""
    n = len(sections.names)
    k = min(BEST, int(np.bincount(sections.codes).min()))
    kept: list[_Kept] = []
    blocks: list[Any] = []
    whole: npt.NDArray[Any] | None = None
    start = 0
    for part in parts:
        code = len(kept)
        likeliest = likeliest_spots(part.matrix, sections.rows(code)[part.spots], k)
        share = np.asarray(1 / n, dtype=part.matrix.dtype)[()]
        if is_sparse(part.matrix) and whole is not None:
            blocks, whole = _taken_apart(whole, kept), None
        if is_sparse(part.matrix) or blocks:
            blocks.append(sparse.csr_matrix(in_memory(part.matrix)) * share)
        else:
            if whole is None:
                whole = np.empty(shape, dtype=part.matrix.dtype)
            stop = start + part.matrix.shape[1]
            _put(part, share, whole[:, start:stop])
            start = stop
        kept.append(_Kept(part.without_matrix(), likeliest))
        del part  # its matrix would stay until the next section is mapped
    common = _common([part.solution.cells for part in kept])
    if whole is None:
        rows_of = [np.searchsorted(part.solution.cells, common) for part in kept]
        taken = [b if len(r) == b.shape[0] else b[r] for b, r in zip(blocks, rows_of, strict=True)]
        return sparse.hstack(taken, format="csr"), kept
    complete = len(common) == shape[0] and start == shape[1]
    return whole if complete else np.ascontiguousarray(whole[common, :start]), kept


def _put(part: Solution, share: Any, out: npt.NDArray[Any]) -> None:
    """Write a dense P, times a share, into the rows of its cells, in blocks if it is not in memory."""
    p, every = part.matrix, len(part.cells) == len(out)
    for rows, values in p.blocks() if isinstance(p, Streamed) else [(slice(None), p)]:
        at: Any = rows if every else part.cells[rows]
        out[at] = values
        out[at] *= share


def _taken_apart(whole: npt.NDArray[Any], kept: list[_Kept]) -> list[sparse.csr_matrix]:
    """Return dense maps that were put side by side as sparse ones: a map of a larger section is sparse."""
    ends = np.cumsum([len(part.solution.spots) for part in kept])[:-1]
    parts = np.split(whole[:, : sum(len(part.solution.spots) for part in kept)], ends, axis=1)
    return [sparse.csr_matrix(part[one.solution.cells]) for part, one in zip(parts, kept, strict=True)]


def _common(cells: list[Ints]) -> Ints:
    """Return the cells that every section maps; a warning counts the others."""
    common = cells[0]
    for others in cells[1:]:
        common = np.intersect1d(common, others)
    lost = len(np.unique(np.concatenate(cells))) - len(common)
    if lost:
        warnings.warn(
            f"Dropped {lost} cell(s) without expression of the genes that one of the sections uses. To keep "
            f"them, map onto all sections jointly ({argument('joint', True)}), or leave that section out.",
            DataWarning,
            stacklevel=5,
        )
    return common


def _warn_not_compared(n_genes: int) -> None:
    warnings.warn(
        f"The section of the cells is not known: the sections were mapped over {n_genes} common gene(s), and "
        f"{_LEAST} are needed to compare them. Map onto all sections jointly ({argument('joint', True)}), or "
        "leave out the sections in which other genes are expressed.",
        DataWarning,
        stacklevel=5,
    )


def solve_by_section(
    sc: Expression,
    st: Expression,
    sections: Sections,
    solve: Callable[[Expression, Expression], Solution],
    *,
    needs: Callable[..., float],
    sizes: Mapping[str, Any],
    compare: bool = True,
) -> Solution:
    """Map every section by itself, with all cells, and put the maps side by side with equal weights.

    Parameters
    ----------
    sc, st
        Checked tables.
    sections
        The section of every row of `st`.
    solve
        Maps a table of cells onto the table of a section.
    needs, sizes
        The bytes that `solve` takes, and what they follow from; see `map_sizes`.
    compare
        Whether to find the section that fits every cell best.
    """
    every = sc.names
    sc = sc.without_empty_rows()
    tables = _tables(st, sections)
    _refuse_empty(sc, st, sections)
    largest = max(len(table.names) for table in tables)
    require_sections(needs, {**sizes, "largest": largest, "sections": len(tables)})

    def solved() -> Iterable[Solution]:
        for table, name in zip(tables, sections.names, strict=True):
            try:
                yield solve(sc, table)
            except InputError as error:
                raise in_section(name, error) from error

    matrix, parts = _side_by_side(solved(), sections, (len(sc.names), len(st.names)))
    found = _combined(matrix, [part.solution for part in parts], sections)
    if compare:
        found = replace(found, section=_section_of_cells(sc, st, parts, found))
    return replace(found, cells=rows_named(every, sc.names)[found.cells])


def _section_of_cells(
    sc: Expression, st: Expression, parts: list[_Kept], found: Solution
) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Return the section that fits every cell best, and its probability; -1 and NaN if none fits."""
    others = [set(part.solution.record["genes"]) for part in parts[1:]]
    genes = [gene for gene in parts[0].solution.record["genes"] if all(gene in other for other in others)]
    if len(genes) < _LEAST and others:
        _warn_not_compared(len(genes))
        return np.full(len(found.cells), -1), np.full(len(found.cells), np.nan)
    likeliest = [part.likeliest[np.searchsorted(part.solution.cells, found.cells)] for part in parts]
    # `likeliest` are rows of the whole table; they are renumbered, as the z-scores use only mapped spots.
    at = np.full(len(st.names) + 1, -1)
    at[found.spots] = np.arange(len(found.spots))
    probability = section_probabilities(
        sc.take(found.cells), st.take(found.spots), genes, [at[best] for best in likeliest]
    )
    if probability.shape[1] == 1:
        return np.zeros(len(probability), dtype=np.intp), np.ones(len(probability))
    ordered = np.sort(probability, axis=1)
    known = ordered[:, -1] > ordered[:, -2] * (1 + _EQUAL)
    best = probability.argmax(axis=1)
    return np.where(known, best, -1), np.where(known, ordered[:, -1], np.nan)


def _combined(matrix: Any, parts: list[Solution], sections: Sections) -> Solution:
    n = len(parts)
    cells = parts[0].cells
    for part in parts[1:]:
        cells = np.intersect1d(cells, part.cells)
    at = [np.searchsorted(part.cells, cells) for part in parts]
    records = [{**part.record, "section": name} for part, name in zip(parts, sections.names, strict=True)]
    record = combined_record(records, matrix.dtype, "sections")
    share = 1 / n
    sharpness = [
        None if part.sharpness is None else part.sharpness[rows] for part, rows in zip(parts, at, strict=True)
    ]
    fits = [None if part.fits is None else part.fits[rows] for part, rows in zip(parts, at, strict=True)]
    return Solution(
        matrix,
        cells,
        np.concatenate([sections.rows(code)[part.spots] for code, part in enumerate(parts)]),
        np.asarray(sum(share * part.left_over[rows] for part, rows in zip(parts, at, strict=True))),
        (parts[0].expression[0][at[0]], np.concatenate([part.expression[1] for part in parts])),
        {**record, "weights": np.full(n, share), "sections": sections.column},
        together_sharp(np.full(n, share), sharpness),
        best_fits(fits),
    )
