"""The only door that R uses: arrays and plain values in and out."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from . import add, keys, map, mapping, methods, place
from ._version import __version__
from .evaluate import simulate
from .map import Solution
from .preprocess import Expression, Side

__all__ = [
    "Blocks",
    "about",
    "cell_positions",
    "csr",
    "load",
    "map_cells",
    "method_parameters",
    "save",
    "signature",
    "table",
]

_VERBS = {
    "map_cells": map.map_cells,
    "place_cells": place.place_cells,
    "add_mapping": add.add_mapping,
    "simulate_spots": simulate.simulate_spots,
}


def about() -> dict[str, Any]:
    """Return which homespot and which Python this is, and the versions of what it needs."""
    return {"version": __version__, "executable": sys.executable, "versions": map.versions()}


def key_names() -> dict[str, Any]:
    """Return every name of keys.py."""
    return {name: getattr(keys, name) for name in keys.__all__}


def method_names() -> list[str]:
    """Return the names of the registered methods."""
    return methods.names()


def method_parameters(method: str) -> dict[str, Any]:
    """Return a method's own parameters with their defaults."""
    return methods.get(method).parameters


def signature(verb: str) -> dict[str, Any]:
    """Return the arguments of a verb with their defaults; those without one have the default ``"<required>"``."""
    parameters = inspect.signature(_VERBS[verb]).parameters.values()
    return {
        p.name: "<required>" if p.default is p.empty else p.default
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    }


def csr(
    data: npt.NDArray[Any], indices: npt.NDArray[Any], indptr: npt.NDArray[Any], n_rows: int, n_columns: int
) -> sparse.csr_matrix:
    """Build a cells x genes CSR matrix from the very slots of a genes x cells dgCMatrix; nothing is copied or sorted."""
    return sparse.csr_matrix((data, indices, indptr), shape=(int(n_rows), int(n_columns)), copy=False)


class Blocks:
    """Takes a matrix that does not fit into R's memory, block of rows by block of rows."""

    def __init__(self) -> None:
        self._blocks: list[Any] = []

    def add(self, block: Any) -> None:
        """Add the next rows, dense or CSR, as float32."""
        self._blocks.append(block.astype(np.float32))

    def matrix(self) -> Any:
        """Return all rows as one matrix, CSR if the blocks were sparse."""
        if all(sparse.issparse(block) for block in self._blocks):
            return sparse.csr_matrix(sparse.vstack(self._blocks, format="csr"))
        return np.concatenate(self._blocks)


def table(
    matrix: Any, names: Sequence[str], genes: Sequence[str], side: Side, scale: str = "auto", dtype: str = "float32"
) -> Expression:
    """Check an expression table; `matrix` is cells x genes or spots x genes, dense or CSR."""
    return Expression(matrix, np.asarray(names, dtype=str), np.asarray(genes, dtype=str), side, scale, np.dtype(dtype))  # type: ignore[arg-type]


def _plain_matrix(matrix: Any) -> dict[str, Any]:
    if sparse.issparse(matrix):
        return {"matrix": None, "csr": {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}}
    return {"matrix": matrix, "csr": None}


def map_cells(
    sc: Expression,
    st: Expression,
    method: str,
    *,
    preset: str | None = None,
    k_best: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Any = None,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Map one table to the other; as `homespot.map_cells`, with what it warned of in ``warnings``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution: Solution = map.solve(
            sc,
            st,
            method,
            preset=preset,
            k_best=k_best,
            seed=seed,
            device=device,
            progress=progress,
            parameters=parameters,
        )
    return {
        **_plain_matrix(solution.matrix),
        "cells": solution.cells,
        "spots": solution.spots,
        "left_over": solution.left_over,
        "record": _plain_record(solution.record),
        "warnings": [{"class": w.category.__name__, "message": str(w.message)} for w in caught],
    }


def _plain_record(record: dict[str, Any]) -> dict[str, Any]:
    """Turn arrays of strings, which R cannot take as arrays, into lists."""
    return {
        key: _plain_record(value)
        if isinstance(value, dict)
        else value.tolist()
        if isinstance(value, np.ndarray) and value.dtype.kind in "OU"
        else value
        for key, value in record.items()
    }


def cell_positions(
    matrix: Any, coordinates: npt.NDArray[np.float64], position: str, k: int
) -> dict[str, npt.NDArray[Any]]:
    """Place every row of P (cells x spots, dense or CSR); home spots as 0-based columns."""
    values = matrix if sparse.issparse(matrix) else np.asarray(matrix)
    home, probability = place.home_spots(values)
    placed, spread = place.positions(values, np.asarray(coordinates, dtype=np.float64), position, k)  # type: ignore[arg-type]
    return {"home": home, "probability": probability, "position": placed, "spread": spread}


def home_spots(matrix: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the home spot of every row of P, as 0-based columns, and its probability."""
    home, probability = place.home_spots(matrix if sparse.issparse(matrix) else np.asarray(matrix))
    return {"home": home, "probability": probability}


def _frame(columns: dict[str, Any], names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(np.asarray(names, dtype=str)))


def save(
    path: str,
    matrix: Any,
    cells: Sequence[str],
    spots: Sequence[str],
    obs: dict[str, Any],
    var: dict[str, Any],
    record: dict[str, Any],
    coordinates: npt.NDArray[np.float64] | None = None,
) -> None:
    """Write a mapping that R holds as .h5ad; obs has the left-over."""
    cell_table = _frame(obs, cells)
    left_over = cell_table.pop(keys.LEFT_OVER).to_numpy(dtype=np.float64)
    mapping.save(
        mapping.new_mapping(
            matrix, cell_table, _frame(var, spots), record, positions=coordinates, left_over=left_over
        ),
        path,
    )


def load(path: str) -> dict[str, Any]:
    """Read a mapping from .h5ad as plain values."""
    loaded = mapping.load(path)
    return {
        **_plain_matrix(loaded.X),
        "cells": loaded.obs_names.tolist(),
        "spots": loaded.var_names.tolist(),
        "obs": loaded.obs,
        "var": loaded.var,
        "coordinates": np.asarray(loaded.varm[keys.SPATIAL]) if keys.SPATIAL in loaded.varm else None,
        "record": _plain_record(loaded.uns[keys.HOMESPOT]),
    }
