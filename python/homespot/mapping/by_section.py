"""A map of several sections, section by section: the section of every cell, and its part of P."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.keys import HOMESPOT, SECTION, SECTION_PROB, SPATIAL, SPOT
from ..common.wording import argument, verb
from ..errors import DataWarning
from ..matrix.gather import summed
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from ..objects.annotated import x_of
from ..space.axes import libraries, spot_coordinates
from ..space.section_search import found_sections
from ..space.sections import Sections, sections_in
from .coordinates import coordinates, has_coordinates
from .left_over import dropped

__all__ = [
    "CellSections",
    "Part",
    "all_spots",
    "cell_sections",
    "held",
    "mapped_one_by_one",
    "parts",
    "sections_of",
    "sections_of_rows",
    "warn_if_dropped",
    "warn_nowhere",
]

Ints = npt.NDArray[np.intp]
F64 = npt.NDArray[np.float64]

_EQUAL = 1e-6


@dataclass(frozen=True)
class CellSections:
    """The section of every cell, -1 if it is not known, and its probability."""

    codes: Ints
    probability: F64


@dataclass(frozen=True)
class Part:
    """The cells of one section and its spots: rows and columns of P, and P between them.

    ``name`` is None if the map has one section.
    """

    name: str | None
    cells: Ints
    spots: Ints
    matrix: Any


def sections_of(mapping: ad.AnnData) -> Sections | None:
    """Return the sections of a mapping's spots if each has its own frame; None if there is one frame."""
    record = mapping.uns.get(HOMESPOT)
    record = record if isinstance(record, Mapping) else {}
    if record.get("shared_frame"):
        return None
    for column in (SECTION, record.get("sections")):
        if isinstance(column, str) and column in mapping.var and not mapping.var[column].isna().any():
            found = sections_in(mapping.var, column)
            return found if len(found.names) > 1 else None
    where = coordinates(mapping) if has_coordinates(mapping) else None
    return found_sections(mapping.var, list(libraries(mapping.uns)), positions=where)


def cell_sections(mapping: ad.AnnData, sections: Sections, mass: F64 | None = None) -> CellSections:
    """Return the section of every cell.

    Under a joint map this is the section with most of the cell's mass. Its probability is its share of the
    mass, including mass on spots that were taken out of the map. If every section was mapped by itself, the
    masses are equal by construction; the result is then the section that `map_cells` found to fit best, or
    none if that is not known. `mass` is the mass of every cell in each section, if P has been read already.
    """
    n = mapping.n_obs
    if mapped_one_by_one(mapping):
        if SECTION not in mapping.obs or SECTION_PROB not in mapping.obs:
            return CellSections(np.full(n, -1), np.full(n, np.nan))
        names = {name: i for i, name in enumerate(sections.names)}
        codes = np.array([names.get(str(name), -1) for name in mapping.obs[SECTION]], dtype=np.intp)
        probability = mapping.obs[SECTION_PROB].to_numpy(dtype=np.float64, na_value=np.nan)
        return CellSections(codes, np.where(codes < 0, np.nan, probability))
    if mass is None:
        mass = summed(x_of(mapping), sections.membership())
    best = mass.argmax(axis=1)
    largest = mass[np.arange(n), best]
    rest = mass.copy()
    rest[np.arange(n), best] = -1
    known = largest > (1 + _EQUAL) * np.maximum(rest.max(axis=1), 0)
    total = mass.sum(axis=1) + dropped(mapping)
    share = np.divide(largest, total, out=np.full(n, np.nan), where=known)
    return CellSections(np.where(known, best, -1), share)


def mapped_one_by_one(mapping: ad.AnnData) -> bool:
    """Whether every section was mapped by itself, so that a cell has the same mass in each."""
    return _one_by_one(mapping.uns.get(HOMESPOT))


def _one_by_one(record: Any) -> bool:
    """Whether sections were mapped one by one, in this map or in a map that it was combined from."""
    if not isinstance(record, Mapping):
        return False
    if record.get("combined") == "sections":
        return True
    inner = record.get("parts")
    return isinstance(inner, Mapping) and any(map(_one_by_one, inner.values()))


def all_spots(n: int) -> sparse.csr_matrix:
    """Return the membership of `n` spots in one group, with which `Summed` finds the mass of every cell."""
    return sparse.csr_matrix(np.ones((n, 1)))


def held(mapping: ad.AnnData, part: Part, row_mass: F64 | None = None) -> F64:
    """Return, for every cell of a part, the share of its mass there that is still in the map.

    This is the mass in the part, divided by the sum of that mass and the mass on spots that were taken out of
    the map. It is 1 if no spots were taken out, even if rows leave out mass for other reasons. If sections
    were mapped one by one, only the cell's own section counts, and the share is 0 if that is no longer in the
    map. `row_mass` is the sum of every row of the part, if P has been read already.
    """
    gone = dropped(mapping)[part.cells]
    if not gone.any():
        return np.ones(len(part.cells))
    if row_mass is None:
        row_mass = summed(part.matrix, all_spots(len(part.spots)))[:, 0]
    if mapped_one_by_one(mapping):
        gone = _gone_in_own_section(mapping, part, row_mass, gone)
    return np.asarray(row_mass / (row_mass + gone))


def _gone_in_own_section(mapping: ad.AnnData, part: Part, row_mass: F64, gone: F64) -> F64:
    """Return the mass that was taken out of each cell's own section, infinite if the whole section was."""
    record = mapping.uns[HOMESPOT]
    inner, weights = record.get("parts"), record.get("weights")
    names = [str(one["section"]) for one in inner.values() if "section" in one] if inner else []
    column = next((name for name in (SECTION, record.get("sections")) if name in mapping.var), None)
    if column is None or weights is None or len(names) != len(weights):
        return np.zeros(len(gone))
    left = set(mapping.var[column].astype(str))
    name = str(mapping.var[column].iloc[part.spots[0]])
    share = dict(zip(names, np.asarray(weights, dtype=np.float64), strict=True))
    if not left <= set(share):
        return np.zeros(len(gone))
    others = sum(mass for section, mass in share.items() if section not in left)
    own: F64 = np.minimum(np.maximum(share[name] - row_mass, 0), np.maximum(gone - others, 0))
    own[own <= _EQUAL] = 0
    if SECTION in mapping.obs:
        of_cells = mapping.obs[SECTION].iloc[part.cells]
        own[(of_cells.notna() & ~of_cells.astype(str).isin(left)).to_numpy()] = np.inf
    return own


def warn_if_dropped(n: int, n_cells: int, effect: str) -> None:
    """Warn about `n` of `n_cells` cells with most mass on spots taken out of the map, and `effect`."""
    if n:
        warnings.warn(
            f"{n} of {n_cells} cells had more of their mass on spots that were taken out of this map than on "
            f"those that stay: {effect}. Take these cells out too with {verb('subset')}, or use the map of "
            f"all "
            "spots.",
            DataWarning,
            stacklevel=4,
        )


def warn_nowhere(found: CellSections, effect: str) -> None:
    """Warn about cells without a section, and about `effect`."""
    n = int((found.codes < 0).sum())
    if n:
        warnings.warn(
            f"{n} cell(s) have equal mass in several sections, which says nothing of their section: "
            f"{effect}. {verb('map_cells')} with {argument('sections')} compares how well the sections fit; "
            f"{verb('cell_modes')} has "
            "places in each.",
            DataWarning,
            stacklevel=4,
        )


def _submatrix(matrix: Any, rows: Ints, columns: Ints) -> Any:
    """Return some rows and columns of P, to be read in blocks."""
    if isinstance(matrix, Streamed):
        return matrix.taken(rows, columns)
    matrix = matrix.tocsr() if is_sparse(matrix) else matrix

    def read(start: int, stop: int) -> Any:
        return matrix[rows[start:stop]][:, columns]

    return Streamed(read, (len(rows), len(columns)), matrix.dtype, is_sparse(matrix))


def parts(
    mapping: ad.AnnData,
    sections: Sections | None,
    found: CellSections | None,
    *,
    unknown: bool = False,
    matrix: Any = None,
) -> Iterator[Part]:
    """Yield the sections, each with its cells and spots; a map of one section is one part.

    Cells whose section is not known are in no part or, with `unknown`, in every section where they have any
    mass. `matrix` is P, if it has already been taken from the mapping.
    """
    matrix = x_of(mapping) if matrix is None else matrix
    if sections is None or found is None:
        yield Part(None, np.arange(mapping.n_obs), np.arange(mapping.n_vars), matrix)
        return
    for code, name in enumerate(sections.names):
        spots, belongs = sections.rows(code), found.codes == code
        if unknown and (found.codes < 0).any():
            mass = summed(matrix, sections.membership()[:, [code]])[:, 0]
            belongs |= (found.codes < 0) & (mass > 0)
        cells = np.flatnonzero(belongs)
        yield Part(name, cells, spots, _submatrix(matrix, cells, spots))


def sections_of_rows(adata: ad.AnnData) -> Sections | None:
    """Return the sections of an object's rows, spots or cells, as `sections_of` does for a mapping.

    Rows without a section, such as cells without a place, have the code -1. Cells that `place_cells` or
    `add_mapping` has placed have the section that it gave them, whatever else their annotation says.
    """
    record = adata.uns.get(HOMESPOT)
    if isinstance(record, Mapping) and record.get("shared_frame"):
        return None
    if SECTION in adata.obs:
        codes, names = pd.factorize(adata.obs[SECTION].astype(object), use_na_sentinel=True)
        if len(names) > 1 or (codes < 0).any():
            return Sections(np.asarray(codes, dtype=np.intp), [str(name) for name in names], SECTION)
        return None
    if SPOT in adata.obs:
        return None
    column = record.get("sections") if isinstance(record, Mapping) else None
    if isinstance(column, str) and column in adata.obs and not adata.obs[column].isna().any():
        found = sections_in(adata.obs, column)
        return found if len(found.names) > 1 else None
    return found_sections(adata.obs, list(libraries(adata.uns)), positions=_places(adata))


def _places(adata: ad.AnnData) -> F64 | None:
    return spot_coordinates(adata.obsm.get(SPATIAL), adata.n_obs)
