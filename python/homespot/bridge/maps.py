"""The map and its files, for R: how a map is made, read, written and combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

import homespot as hs

from ..common import keys, memory
from ..common.ending import MARGINAL_ERROR, ending_of
from ..common.wording import argument
from ..errors import InputError, expected
from ..evaluate.cross_validate import Spatial
from ..mapping.by_section import sections_of
from ..mapping.checked import CheckedMap
from ..mapping.combined import record_of_cells, side_by_side
from ..mapping.coordinates import coordinates as spot_places
from ..mapping.coordinates import has_coordinates
from ..mapping.left_over import cut_away
from ..mapping.room import FEWER_CELLS, INSTEAD
from ..mapping.validity import new_mapping as build_mapping
from ..matrix.rows import row_blocks
from ..matrix.streamed import in_memory
from ..methods.storage import layout
from ..objects.labels import GIVEN_LABELS
from ..objects.potentials import RECORD, potentials_of
from ..space import axes
from ..transport import Potentials
from ..verbs import renormalise
from ..verbs.cell_positions import CellTable
from .objects import ROW, known_images, named_coordinates, numbered, sections_in_memory, sections_of_st
from .offered import offered
from .values import frame, frame_columns, plain, plain_matrix, record_from

__all__ = ["R_DOUBLES"]

_ADDED = (
    keys.LEFT_OVER,
    keys.EXPRESSION,
    keys.SHARPNESS,
    keys.FITS,
    keys.SECTION,
    keys.SECTION_PROB,
    *GIVEN_LABELS.values(),
)


R_ENTRIES = 2**31 - 1
"""Most entries of a sparse matrix in R, whose pointers are whole numbers of 32 bits."""

R_DOUBLES = 2  # copies of P that R holds at once: its own, and one while it is checked


def _require_doubles(n_cells: int, n_spots: int, dtype: npt.DTypeLike) -> None:
    """Refuse a dense P that does not fit into memory twice: in Python and, as doubles, in R."""
    itemsize = np.dtype(dtype).itemsize

    def needed(cells: int, k_best: int | None) -> int:
        in_r = (8 + 4) * cells * min(k_best or 0, n_spots) or 8 * cells * n_spots
        return cells * n_spots * itemsize + R_DOUBLES * in_r

    memory.require(
        needed,
        f"a map of {n_cells:,} cells x {n_spots:,} spots in Python and, as doubles, in R",
        {"cells": n_cells, "k_best": None},
        fewer=FEWER_CELLS,
        options={f"use {argument('k_best', INSTEAD['k_best'])}": {"k_best": INSTEAD["k_best"]}},
    )


def _written(cells: int, spots: int, method: str, named: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """Whether R gets all of P as a matrix, and not what it is made of."""
    joint = named.get("joint")
    one_by_one = joint is False or (joint is None and named.get("sections") is not None)
    if one_by_one or method not in ("ssa", "correlation"):
        return True
    asked = {name: parameters.get(name) for name in ("storage", "backend")}
    return layout(cells=cells, spots=spots, genes=0, k_best=None, **asked).storage == "stored"


def _p(mapping: ad.AnnData) -> dict[str, Any]:
    """Return P, or what it is made of, in the form that R reads."""
    made = potentials_of(mapping)
    if made is None:
        return plain_matrix(mapping.X)
    return {
        "potentials": {
            "cells": made.cells,
            "spots": made.spots,
            "of_cells": made.of_cells,
            "of_spots": made.of_spots,
            "epsilon": made.epsilon,
            "absolute": made.absolute,
            "dtype": made.cells.dtype.name,
        }
    }


@offered
def potentials(
    cells: npt.NDArray[np.float64],
    spots: npt.NDArray[np.float64],
    of_cells: Any,
    of_spots: Any,
    epsilon: float,
    absolute: bool,
    dtype: str,
) -> Potentials:
    """Return what R's map is made of, in the type that it was computed with."""
    x, y = (np.ascontiguousarray(features, dtype=dtype) for features in (cells, spots))
    h, g = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (of_cells, of_spots))
    return Potentials(x, y, g, h, epsilon, absolute)


@offered
def potential_rows(made: Potentials) -> dict[str, Any]:
    """Return all of P, as R reads it: R asks for a part of the cells and spots."""
    return plain_matrix(in_memory(made.map))


@offered
def potential_sums(made: Potentials) -> dict[str, Any]:
    """Return the smallest and largest entry of P, and the sums of its rows."""
    read = [(block.values.min(), block.values.max(), block.sums) for block in row_blocks(made.map)]
    low, high, sums = zip(*read, strict=True)
    return {"low": float(min(low)), "high": float(max(high)), "sums": np.concatenate(sums)}


def _require_entries(n_cells: int, n_spots: int, k_best: int) -> None:
    """Refuse a sparse P of more entries than one of R's can hold."""
    kept = min(k_best, n_spots)
    if n_cells * kept > R_ENTRIES:
        most, fewer = R_ENTRIES // n_cells, FEWER_CELLS["cells"].format(f"{R_ENTRIES // kept:,}")
        remedy = fewer if most < 1 else f"use {argument('k_best', most)} at most, or {fewer}"
        raise InputError(
            expected(
                f"a map of at most {R_ENTRIES:,} entries, as sparse matrices in R have",
                f"{n_cells:,} cells with {kept:,} entries each",
                f"{remedy[0].upper()}{remedy[1:]}.",
            )
        )


def _own_columns(table: pd.DataFrame) -> dict[str, Any]:
    names = [name for name in table if name in _ADDED or str(name).startswith(keys.WHOLE)]
    return frame_columns(table[names])


@offered
def map_cells(
    sc: ad.AnnData,
    st: Spatial,
    method: str,
    *,
    parameters: dict[str, Any] | None = None,
    **named: Any,
) -> dict[str, Any]:
    """Map cells to spots; see `homespot.map_cells`. Cells and spots are named by their row, from 0."""
    st = sections_in_memory(st)
    sections = sections_of_st(st)
    spots, k_best = sum(one.n_obs for one in sections), named.get("k_best")
    if k_best is None and _written(sc.n_obs, spots, method, named, parameters or {}):
        _require_doubles(sc.n_obs, spots, named.get("dtype", "float32"))
    elif isinstance(k_best, int):
        _require_entries(sc.n_obs, spots, k_best)
    numbered(sc)
    numbered(*sections)
    mapping = hs.map_cells(sc, st, method, **named, **(parameters or {}))
    return {
        **_p(mapping),
        "cells": mapping.obs[ROW].to_numpy(dtype=np.int32),
        "spots": mapping.var[ROW].to_numpy(dtype=np.int32),
        "spot_names": np.asarray(mapping.var_names, dtype=object),
        "cell_columns": _own_columns(mapping.obs),
        "spot_columns": _own_columns(mapping.var),
        "coordinates": mapping.varm.get(keys.SPATIAL),
        "record": plain(mapping.uns[keys.HOMESPOT]),
    }


@offered
def cell_positions(mapping: ad.AnnData, position: str, k: int, **named: Any) -> dict[str, Any]:
    """Return the place of every cell, as columns; see `homespot.cell_positions`."""
    return frame_columns(hs.cell_positions(mapping, position=position, k=k, **named))  # type: ignore[arg-type]


@offered
def home_spots(mapping: ad.AnnData) -> dict[str, Any]:
    """Return the home spot of every cell of a map without coordinates, its probability, and entropy."""
    view = CheckedMap(mapping)
    cells = CellTable(view, placed=False)
    view.read(cells)
    return frame_columns(cells.table())


@offered
def ending(solver: dict[str, Any]) -> dict[str, Any]:
    """Return how a run ended, from what its record has as ``solver``: the words, and the curves as a table.

    The error of a transport's marginals is no curve of the table, which `homespot.plot.losses` draws.
    """
    told = ending_of({"solver": record_from(solver)})
    curves = {name: curve for name, curve in told.curves.items() if name != MARGINAL_ERROR}
    steps = np.concatenate([np.zeros(0, dtype=np.int32), *(curve.steps for curve in curves.values())])
    terms = [name.replace("_", " ") for name, curve in curves.items() for _ in curve.values]
    return {
        "well": told.well,
        "brief": told.brief,
        "sentence": told.sentence,
        "remedy": told.remedy,
        "kept": told.kept,
        "terms": np.asarray(terms, dtype=object),
        "steps": steps.astype(np.int32) if steps.dtype.kind in "iu" else steps,
        "values": np.concatenate([np.zeros(0), *(curve.values for curve in curves.values())]),
    }


@offered
def several_sections(mapping: ad.AnnData) -> bool:
    """Whether the spots of a map lie in several sections, each in a frame of its own."""
    return sections_of(mapping) is not None


@offered
def combined_sections(
    mappings: Sequence[ad.AnnData],
    names: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    *,
    shared_frame: bool = False,
) -> dict[str, Any]:
    """Return all but P of maps that R puts side by side; see `homespot.combine_sections`."""
    weights = None if weights is None else np.atleast_1d(weights).tolist()
    together = side_by_side(mappings, names, weights, shared_frame=shared_frame)
    return {
        "weights": together.shares,
        "cells": frame_columns(together.of_cells(mappings[0].obs)),
        "sections": None if together.sections is None else np.asarray(together.sections, dtype=object),
        "record": _combined_record(together.record, mappings),
    }


@offered
def combined_cells(mappings: Sequence[ad.AnnData]) -> dict[str, Any]:
    """Return the record of maps that R puts one below the other; see `homespot.combine_cells`."""
    return _combined_record(record_of_cells(mappings), mappings)


def _combined_record(record: dict[str, Any], mappings: Sequence[ad.AnnData]) -> dict[str, Any]:
    """Leave the type out of the record of maps that were made by hand in R, whose numbers are doubles."""
    typed = any("dtype" in one.uns[keys.HOMESPOT] for one in mappings)
    return {name: plain(value) for name, value in record.items() if typed or name != "dtype"}


@offered
def row_factors(mapping: ad.AnnData) -> dict[str, Any]:
    """Return the factor by which R multiplies every row of a map, and what had been cut off, if anything was.

    See `homespot.renormalise`.
    """
    cut = cut_away(mapping)
    columns = pd.DataFrame({} if cut is None else {keys.CUT: cut}, index=mapping.obs_names)
    return {"factors": renormalise.row_factors(CheckedMap(mapping)), "cells": frame_columns(columns)}


@offered
def new_mapping(
    matrix: Any | None,
    cells: str | Sequence[str],
    spots: str | Sequence[str],
    obs: dict[str, Any],
    var: dict[str, Any],
    record: dict[str, Any],
    coordinates: npt.NDArray[np.float64] | None = None,
    names: str | Sequence[str] | None = None,
    *,
    images: Mapping[str, Sequence[float]] | None = None,
) -> ad.AnnData:
    """Build the mapping that R holds, in the type it was computed with; obs has the left-over.

    Without a `matrix` the mapping has no mass, for what asks of its annotation alone.
    `names` are the names of the columns of the coordinates; for `images` see `experiment`.
    """
    record = record_from(record)
    record.setdefault("format_version", keys.FORMAT_VERSION)
    cell_table, spot_table = frame(obs, cells), frame(var, spots)
    left_over = cell_table.pop(keys.LEFT_OVER).to_numpy(dtype=np.float64)
    if not isinstance(matrix, Potentials):  # one that R has written down
        record.pop(RECORD, None)
    dtype = np.dtype(record.get("dtype", "float32"))
    empty = sparse.csr_matrix((len(cell_table), len(spot_table)), dtype=dtype)
    p = empty if matrix is None else matrix if isinstance(matrix, Potentials) else matrix.astype(dtype)
    if isinstance(p, np.ndarray):
        p = np.ascontiguousarray(p)
    positions = axes.spot_coordinates(named_coordinates(coordinates, names), len(spot_table))
    made = build_mapping(
        p,
        cell_table,
        spot_table,
        record,
        positions=positions,
        left_over=left_over if matrix is not None else np.ones(len(cell_table)),
    )
    made.obs[keys.LEFT_OVER] = left_over
    if images:
        made.uns[keys.SPATIAL] = known_images(images)
    return made


@offered
def save(path: str, mapping: ad.AnnData) -> None:
    """Write a mapping as .h5ad."""
    hs.save(mapping, path)


@offered
def load(path: str, *, backed: bool) -> dict[str, Any]:
    """Read a mapping from .h5ad as plain values; if it is `backed`, R reads P itself."""
    loaded = hs.load(path, backed=backed)
    matrix = {} if loaded.isbacked else _p(loaded)
    if loaded.isbacked:
        loaded.file.close()
    return {
        **matrix,
        "cells": np.asarray(loaded.obs_names, dtype=object),
        "spots": np.asarray(loaded.var_names, dtype=object),
        "obs": frame_columns(loaded.obs),
        "var": frame_columns(loaded.var),
        "coordinates": spot_places(loaded) if has_coordinates(loaded) else None,
        "record": plain(loaded.uns[keys.HOMESPOT]),
    }
