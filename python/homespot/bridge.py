"""The only door that R uses: arrays and plain values in and out."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from . import add, keys, mapping, memory, methods, place
from . import map as maps
from ._version import __version__
from .checks import one_of
from .errors import ConvergenceWarning, DataWarning, HomespotError, TooLargeError
from .evaluate import simulate
from .map import Solution
from .preprocess import Expression, Scale, Side

__all__ = [
    "Blocks",
    "about",
    "argument_names",
    "call",
    "cell_positions",
    "columns",
    "csr",
    "home_spots",
    "key_names",
    "load",
    "map_cells",
    "method_names",
    "method_parameters",
    "release",
    "save",
    "signature",
    "table",
]

_VERBS: dict[str, Callable[..., Any]] = {
    "map_cells": maps.map_cells,
    "place_cells": place.place_cells,
    "add_mapping": add.add_mapping,
    "simulate_spots": simulate.simulate_spots,
}
_INT32 = 2**31
_R_DOUBLES = 2  # copies of P that R holds at once: its own, and one while it is checked


def about() -> dict[str, Any]:
    """Return which homespot and which Python this is, its folder, and the versions of what it needs."""
    return {
        "version": __version__,
        "executable": sys.executable,
        "folder": str(Path(__file__).parent),
        "versions": maps.versions(),
    }


@contextmanager
def _own_libraries() -> Iterator[None]:
    """Let libraries that are loaded meanwhile look for symbols in themselves first.

    R's BLAS is in the global scope of its process, where torch's calls of ``sgemm_`` would find it before
    torch's own: slower, and with other last digits than Python gets. Elsewhere than on Linux libraries always
    look so.
    """
    deep = getattr(os, "RTLD_DEEPBIND", None)
    if deep is None:
        yield
        return
    before = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | deep)
    try:
        yield
    finally:
        sys.setdlopenflags(before)


def call(verb: str, *arguments: Any, **named: Any) -> dict[str, Any]:
    """Call a function of this module, with its errors and warnings as plain values.

    Returns
    -------
    ``value``; ``error``, None or the class and the message of what homespot refused; ``warnings``, the
    classes and messages of homespot's own warnings. Other errors are faults of the program and pass.
    """
    answer: dict[str, Any] = {"value": None, "error": None}
    with warnings.catch_warnings(record=True) as caught, _own_libraries():
        warnings.simplefilter("always")
        try:
            answer["value"] = _DOOR[verb](*arguments, **named)
        except (HomespotError, MemoryError) as error:
            kind = type(error) if isinstance(error, HomespotError) else TooLargeError
            answer["error"] = {"class": kind.__name__, "message": str(error)}
    answer["warnings"] = []
    for warning in caught:
        if issubclass(warning.category, DataWarning | ConvergenceWarning):
            answer["warnings"].append({"class": warning.category.__name__, "message": str(warning.message)})
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return answer


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
    """Return the arguments of a verb with their defaults, ``"<required>"`` where there is none."""
    parameters = inspect.signature(_VERBS[verb]).parameters.values()
    return {
        p.name: "<required>" if p.default is p.empty else p.default
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    }


def argument_names() -> list[str]:
    """Return the names of all arguments, of the verbs and of the methods."""
    names = {name for verb in _VERBS for name in signature(verb)}
    return sorted(names.union(*(method_parameters(method) for method in method_names())))


def csr(
    data: npt.NDArray[Any], indices: npt.NDArray[Any], indptr: npt.NDArray[Any], n_rows: int, n_columns: int
) -> sparse.csr_matrix:
    """Build a cells x genes CSR matrix from the slots of a genes x cells dgCMatrix, without copy or sort."""
    matrix = sparse.csr_matrix((data, indices, indptr), shape=(int(n_rows), int(n_columns)), copy=False)
    # R's class promises both; so nobody has to look again, or to copy.
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


def _narrowed(matrix: Any) -> Any:
    """Copy R's doubles to the canonical form, float32 in C order; as float64 if float32 cannot hold them."""
    is_sparse = sparse.issparse(matrix)
    if is_sparse:
        narrow = matrix.astype(np.float32)
        return narrow if np.array_equal(matrix.data, narrow.data, equal_nan=True) else matrix.copy()
    narrow = np.array(matrix, dtype=np.float32, order="C")
    return narrow if np.array_equal(matrix, narrow, equal_nan=True) else np.array(matrix, order="C")


class Blocks:
    """Takes a matrix that does not fit into R's memory, block of rows by block of rows.

    Blocks from R are doubles; they are kept in half the bytes where that loses nothing.
    """

    def __init__(self) -> None:
        self._blocks: list[Any] = []

    def add(self, block: Any) -> None:
        """Add the next rows, dense or CSR."""
        self._blocks.append(_narrowed(block))

    def matrix(self) -> Any:
        """Return all rows as one matrix, CSR if the blocks were sparse."""
        blocks, self._blocks = self._blocks, []
        if all(sparse.issparse(block) for block in blocks):
            return sparse.csr_matrix(sparse.vstack(blocks, format="csr"))
        return np.concatenate(blocks)


def _strings(values: str | Sequence[str]) -> npt.NDArray[np.str_]:
    """Take names from R, where one string and a vector of one are the same."""
    return np.asarray([values] if isinstance(values, str) else values, dtype=str)


def table(
    matrix: Any,
    names: str | Sequence[str],
    genes: str | Sequence[str],
    side: Side,
    scale: Scale | Literal["auto"] = "auto",
    dtype: str = "float32",
    labels: dict[str, Any] | None = None,
) -> Expression:
    """Check an expression table; `matrix` is cells x genes or spots x genes, dense or CSR.

    `labels` is a column with the type of every row, as columns cross (below), or None.
    """
    one_of("dtype", dtype, ("float32", "float64"))
    types = None if labels is None else _plain_column(labels)
    return Expression(matrix, _strings(names), _strings(genes), side, scale, np.dtype(dtype), types)


def _plain_matrix(matrix: Any) -> dict[str, Any]:
    is_sparse = sparse.issparse(matrix)
    if not is_sparse:
        dense = np.asarray(matrix)
        return {"matrix": dense, "shape": list(dense.shape), "csr": None}
    csr: Any = sparse.csr_matrix(matrix)
    slots = {"data": csr.data, "indices": csr.indices, "indptr": csr.indptr, "shape": list(csr.shape)}
    return {"matrix": None, "csr": slots}


def columns(result: dict[str, Any], start: int, stop: int) -> npt.NDArray[Any]:
    """Return these columns of a result's dense matrix, which so goes to R without a second copy."""
    block: npt.NDArray[Any] = result["matrix"][:, int(start) : int(stop)]
    return block


def release(result: dict[str, Any]) -> None:
    """Let go of a result's matrix, which R has by now."""
    result["matrix"] = None


def _require_doubles(n_cells: int, n_spots: int, dtype: npt.DTypeLike) -> None:
    """Refuse a dense P for which R, whose numbers are doubles, has no room beside Python's."""
    memory.require(
        n_cells * n_spots * (np.dtype(dtype).itemsize + _R_DOUBLES * 8),
        f"a map of {n_cells:,} cells x {n_spots:,} spots in Python and, as doubles, in R",
        "Use k_best, which keeps the largest entries of every row as a sparse matrix.",
    )


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
    """Map one table to the other; as `homespot.map_cells`."""
    if k_best is None:
        _require_doubles(len(sc.names), len(st.names), sc.dtype)
    solution: Solution = maps.solve(
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
        "cells": solution.cells.astype(np.int32),
        "spots": solution.spots.astype(np.int32),
        "left_over": solution.left_over,
        "record": _plain(solution.record),
    }


def _plain(value: Any) -> Any:
    """Bring a record to what R takes as it is: scalars, one-dimensional arrays, dicts of them.

    R's integers have 32 bits, and reticulate makes 0 of what does not fit: larger ones become floats.
    """
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, list | tuple):
        text = any(isinstance(item, str) for item in value)
        return _plain(np.asarray(value, dtype=object if text else None))
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return value.astype(object)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _INT32:
        return float(value)
    return value


def _record(value: Any) -> Any:
    """Take a record back from R, where an empty dict has become an empty list."""
    if isinstance(value, dict):
        return {key: _record(item) for key, item in value.items()}
    if isinstance(value, list):
        return np.asarray(value, dtype=object) if value else {}
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        return value.astype(str).astype(object)
    return value


def cell_positions(
    matrix: Any, coordinates: npt.NDArray[np.float64], position: str, k: int
) -> dict[str, npt.NDArray[Any]]:
    """Place every row of P (cells x spots, dense or CSR); home spots as 0-based columns."""
    matrix = _narrowed(matrix)
    where = mapping.spot_coordinates(coordinates, matrix.shape[1])
    placed, spread = place.positions(matrix, where, position, k)  # type: ignore[arg-type]
    return {**home_spots(matrix), "position": placed, "spread": spread}


def home_spots(matrix: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the home spot of every row of P, as 0-based columns, and its probability."""
    home, probability = place.home_spots(matrix)
    return {"home": home.astype(np.int32), "probability": probability}


# A column crosses as a dict: its kind, and values (numbers; logical: 0, 1 and -1 where missing) or codes
# (0-based, -1 where missing) with their levels.


def _read_column(column: dict[str, Any]) -> Any:
    kind = column["kind"]
    if kind in ("factor", "ordered", "character"):
        codes = np.atleast_1d(np.asarray(column["codes"], dtype=np.intp))
        levels = _strings(column["levels"])
        factor = pd.Categorical.from_codes(codes.tolist(), levels.tolist(), ordered=kind == "ordered")
        return factor if kind != "character" else np.asarray(factor, dtype=object)
    values = np.atleast_1d(np.asarray(column["values"], dtype=np.float64))
    if kind == "logical":
        missing = values < 0
        return pd.arrays.BooleanArray(values > 0, missing) if missing.any() else values > 0
    if kind == "integer":
        missing = np.isnan(values)
        whole = np.where(missing, 0, values).astype(np.int64)
        return pd.arrays.IntegerArray(whole, missing) if missing.any() else whole
    return values


def _plain_column(column: dict[str, Any]) -> npt.NDArray[np.object_]:
    """Read a column as plain values, None where one is missing."""
    values = pd.Series(_read_column(column))
    return values.astype(object).where(values.notna(), None).to_numpy()


def _write_column(column: pd.Series[Any]) -> dict[str, Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = np.asarray(column.cat.categories.astype(str), dtype=object)
        return {
            "kind": "ordered" if column.cat.ordered else "factor",
            "codes": column.cat.codes.to_numpy(dtype=np.int32),
            "levels": levels,
        }
    missing = column.isna().to_numpy()
    if pd.api.types.is_bool_dtype(column.dtype):
        values = np.where(missing, -1, column.fillna(value=False).to_numpy(dtype=np.float64))
        return {"kind": "logical", "values": values}
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        fits = bool((np.abs(numbers[~missing]) < _INT32).all())
        is_integer = pd.api.types.is_integer_dtype(column.dtype) and fits
        return {"kind": "integer" if is_integer else "double", "values": numbers}
    codes, texts = pd.factorize(column.astype(object).where(~missing, None).map(str, na_action="ignore"))
    return {"kind": "character", "codes": codes.astype(np.int32), "levels": np.asarray(texts, dtype=object)}


def _frame(columns: dict[str, Any], names: str | Sequence[str]) -> pd.DataFrame:
    read = {name: _read_column(column) for name, column in columns.items()}
    return pd.DataFrame(read, index=pd.Index(_strings(names)))


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(name): _write_column(frame[name]) for name in frame.columns}


def save(
    path: str,
    matrix: Any,
    cells: str | Sequence[str],
    spots: str | Sequence[str],
    obs: dict[str, Any],
    var: dict[str, Any],
    record: dict[str, Any],
    coordinates: npt.NDArray[np.float64] | None = None,
) -> None:
    """Write a mapping that R holds as .h5ad, in the type it was computed with; obs has the left-over."""
    record = _record(record)
    record.setdefault("format_version", keys.FORMAT_VERSION)
    matrix = matrix.astype(np.dtype(record.get("dtype", "float32")))
    if isinstance(matrix, np.ndarray):
        matrix = np.ascontiguousarray(matrix)
    cell_table = _frame(obs, cells)
    left_over = cell_table.pop(keys.LEFT_OVER).to_numpy(dtype=np.float64)
    positions = mapping.spot_coordinates(coordinates, matrix.shape[1])
    made = mapping.new_mapping(
        matrix, cell_table, _frame(var, spots), record, positions=positions, left_over=left_over
    )
    mapping.save(made, path)


def load(path: str) -> dict[str, Any]:
    """Read a mapping from .h5ad as plain values."""
    loaded = mapping.load(path)
    return {
        **_plain_matrix(loaded.X),
        "cells": np.asarray(loaded.obs_names, dtype=object),
        "spots": np.asarray(loaded.var_names, dtype=object),
        "obs": _columns(loaded.obs),
        "var": _columns(loaded.var),
        "coordinates": mapping.coordinates(loaded) if mapping.has_coordinates(loaded) else None,
        "record": _plain(loaded.uns[keys.HOMESPOT]),
    }


_DOOR: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        cell_positions,
        home_spots,
        key_names,
        load,
        map_cells,
        method_names,
        method_parameters,
        save,
        signature,
        table,
    )
}
