"""AnnData files as R's experiments write and read them: the part of `bridge` that knows the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common.files import refuse_inputs
from ..common.keys import ALT_EXPS, EXPERIMENT
from ..matrix.streamed import Streamed, in_memory
from ..matrix.sums import is_sparse
from ..objects import h5ad, reading
from ..objects.annotated import annotated
from .offered import offered
from .values import frame_columns, plain, plain_matrix, read_column, record_from, strings, write_column


@contextmanager
def _names_twice() -> Iterator[None]:
    """Suppress the warning about duplicate names, which R's experiments may have; the verbs refuse them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* names are not unique", UserWarning)
        yield


# --- from R ---------------------------------------------------------------------------------------------


def _stored_column(column: dict[str, Any]) -> Any:
    """Read a column; text with missing values becomes categories, because only these can be missing."""
    missing = column["kind"] == "character" and -1 in np.atleast_1d(column["codes"])
    return read_column({**column, "kind": "factor"} if missing else column)


def _stored_frame(columns: dict[str, Any], names: str | Sequence[str]) -> pd.DataFrame:
    read = {name: _stored_column(column) for name, column in columns.items()}
    return pd.DataFrame(read, index=pd.Index(strings(names)))


def _stored_value(value: dict[str, Any]) -> Any:
    """Read a value of uns: a column, a list with names, a scalar, an array, an image or a table."""
    kind = value["kind"]
    if kind == "list":
        return {name: _stored_value(item) for name, item in value["value"].items()}
    if kind == "table":
        return _stored_frame(value["value"], value["rows"])
    if kind == "image":
        return np.asarray(value["value"]).astype(np.uint8)
    return value["value"] if kind in ("scalar", "array") else _stored_column(value)


@offered
def anndata_parts(
    x: Any,
    obs: dict[str, Any],
    obs_names: str | Sequence[str],
    var: dict[str, Any],
    var_names: str | Sequence[str],
    uns: dict[str, Any],
    alternatives: dict[str, Any],
    record: dict[str, Any],
    **aligned: dict[str, Any],
) -> dict[str, Any]:
    """Put together what an AnnData is made of; experiments beside the main one stand in uns as the same."""
    stored = {**_stored_value(uns), EXPERIMENT: record_from(record)}
    if alternatives:
        stored[ALT_EXPS] = {name: _read(parts) for name, parts in alternatives.items()}
    tables = {"obs": _stored_frame(obs, obs_names), "var": _stored_frame(var, var_names)}
    return {"X": x, **tables, **aligned, "uns": stored}


def _read(parts: dict[str, Any]) -> dict[str, Any]:
    layers = {name: in_memory(layer) for name, layer in parts.get("layers", {}).items()}
    return {**parts, "X": in_memory(parts["X"]), **({"layers": layers} if layers else {})}


@offered
def write_anndata(path: str, parts: dict[str, Any]) -> None:
    """Write what `anndata_parts` put together as .h5ad; the file appears whole or not at all.

    What is still to be read, X or layers, is written in blocks.
    """
    layers = parts.get("layers", {})
    streamed = {name: layer for name, layer in layers.items() if isinstance(layer, Streamed)}
    kept = {name: layer for name, layer in layers.items() if name not in streamed}
    with _names_twice():
        others = {name: part for name, part in parts.items() if name != "X"}
        h5ad.write_whole(annotated(parts["X"], **others | {"layers": kept}), path, streamed)


@offered
def check_anndata_path(path: str, read: Sequence[str] = ()) -> None:
    """Refuse a path to which no .h5ad file can be written, or that is one of the files that R still reads."""
    refuse_inputs(h5ad.check_target(path), [Path(file) for file in strings(read)])


# --- to R -----------------------------------------------------------------------------------------------


def _r_numbers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert to a type that R has: whole numbers of 32 bits, logical values, or doubles."""
    if values.dtype.kind == "b":
        return values
    if values.dtype.kind in "iu" and (
        values.size == 0 or (values.min() > np.iinfo("i4").min and values.max() <= np.iinfo("i4").max)
    ):
        return values.astype(np.int32)
    return values.astype(np.float64)


def _turned(matrix: Any) -> dict[str, Any]:
    """Return cells x genes as genes x cells of R: a dense matrix transposed, the slots of CSR unchanged."""
    if not is_sparse(matrix):
        dense = np.asarray(matrix)
        if dense.dtype not in ("f4", "f8"):
            dense = _r_numbers(dense)
        return plain_matrix(dense.T)
    rows: Any = sparse.csr_matrix(matrix)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return plain_matrix(rows)


def _upright(matrix: Any) -> dict[str, Any]:
    """Return a matrix of obsm, varm, obsp or varp, not transposed, with the names of its columns if any."""
    names = None
    if isinstance(matrix, pd.DataFrame):
        names = np.asarray(matrix.columns.astype(str), dtype=object)
        matrix = matrix.to_numpy()
    if is_sparse(matrix):
        return {**_turned(matrix), "names": names}
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        return {"other": f"{matrix.dtype} of {' x '.join(map(str, matrix.shape))}"}
    return {"matrix": _r_numbers(matrix), "csr": None, "names": names}


def _plain_value(value: Any) -> dict[str, Any]:
    """Return a value of uns in a form that R takes, or the name of its type if R has no form for it."""
    if isinstance(value, Mapping):
        return {"kind": "list", "value": {str(key): _plain_value(item) for key, item in value.items()}}
    if isinstance(value, bool | int | float | str | np.bool_ | np.number):
        return {"kind": "scalar", "value": plain(value)}
    if isinstance(value, np.ndarray) and value.dtype.names:
        value = pd.DataFrame.from_records(value)
    if isinstance(value, pd.DataFrame):
        return {
            "kind": "table",
            "value": frame_columns(value),
            "rows": np.asarray(value.index.astype(str), dtype=object),
        }
    if is_sparse(value):
        return {"kind": "sparse", "value": plain_matrix(value)}
    if isinstance(value, np.ndarray) and value.ndim != 1 and value.dtype.kind in "biuf":
        return {"kind": "array", "value": _r_numbers(value)}
    if (
        isinstance(value, list | tuple | np.ndarray | pd.api.extensions.ExtensionArray)
        and getattr(value, "ndim", 1) == 1
    ):
        return write_column(pd.Series(value))
    return {"kind": "other", "value": type(value).__name__}


def _plain_experiment(adata: ad.AnnData) -> dict[str, Any]:
    """Return an AnnData in a form that R takes; raw and alternative experiments become experiments."""
    uns = dict(adata.uns)
    found = uns.pop(ALT_EXPS, {})
    beside = {}
    for name, parts in found.items() if isinstance(found, Mapping) else ():
        beside[name] = _plain_experiment(ad.AnnData(**parts))
    if adata.raw is not None:
        beside["raw"] = _plain_experiment(ad.AnnData(adata.raw.X, obs=adata.obs[[]], var=adata.raw.var))
    return {
        "x": None if adata.X is None else _turned(adata.X),
        "layers": {name: _turned(layer) for name, layer in adata.layers.items() if name is not None},
        **{
            side: {
                "names": np.asarray(table.index.astype(str), dtype=object),
                "columns": frame_columns(table),
            }
            for side, table in (("obs", adata.obs), ("var", adata.var))
        },
        **{
            slot: {name: _upright(matrix) for name, matrix in getattr(adata, slot).items()}
            for slot in ("obsm", "varm", "obsp", "varp")
        },
        "uns": _plain_value(uns),
        "alternatives": beside,
    }


@offered
def read_anndata(path: str) -> dict[str, Any]:
    """Read cells or spots, in any format that `reading.read` knows, as plain values."""
    with _names_twice(), h5ad.readable("an experiment", path):
        return _plain_experiment(reading.read(path))
