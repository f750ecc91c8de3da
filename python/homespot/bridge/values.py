"""Values that go to R and come back: matrices, columns of annotation, and records, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..common import keys
from ..matrix.streamed import Streamed, in_blocks
from ..matrix.sums import is_sparse
from .offered import offered

__all__ = [
    "columns",
    "crossed",
    "csr",
    "frame",
    "frame_columns",
    "narrowed",
    "plain",
    "plain_matrix",
    "read_column",
    "record_from",
    "release",
    "streamed",
    "strings",
]

_INT32 = 2**31


def csr(
    data: npt.NDArray[Any], indices: npt.NDArray[Any], indptr: npt.NDArray[Any], n_rows: int, n_columns: int
) -> sparse.csr_matrix:
    """Build a cells x genes CSR matrix from the slots of a genes x cells dgCMatrix, without copy or sort."""
    matrix = sparse.csr_matrix((data, indices, indptr), shape=(int(n_rows), int(n_columns)), copy=False)
    # The class of R guarantees both, so SciPy need not check or copy.
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


def narrowed(matrix: Any) -> Any:
    """Copy R's doubles to the canonical form, float32 in C order, or float64 if float32 would lose digits.

    A matrix that is read in blocks is returned as it is: its blocks have this form.
    """
    if isinstance(matrix, Streamed):
        return matrix
    with np.errstate(invalid="ignore", over="ignore"):  # NA, and values that stay float64
        if is_sparse(matrix):
            narrower: Any = matrix.astype(np.float32)
            same = np.array_equal(matrix.data, narrower.data, equal_nan=True)
            return narrower if same else matrix.copy()
        narrow = np.array(matrix, dtype=np.float32, order="C")
    return narrow if np.array_equal(matrix, narrow, equal_nan=True) else np.array(matrix, order="C")


def streamed(read: Callable[[int], Any], ends: Any, shape: Sequence[int], *, sparse: bool) -> Streamed:
    """Build a matrix whose blocks of rows R reads when Python asks for them; the blocks end at `ends`.

    Blocks from R are doubles; they become float32 if that loses no digits. `read` returns a block, or a
    message if R could not read it.
    """

    def block(k: int) -> Any:
        found = read(k)
        return found if isinstance(found, str) else narrowed(found)

    return in_blocks(block, np.atleast_1d(ends).tolist(), shape, "float64", sparse=sparse)


def strings(values: str | Sequence[str]) -> npt.NDArray[np.str_]:
    """Return names from R as an array; R does not distinguish one string from a vector of one string."""
    return np.asarray([values] if isinstance(values, str) else values, dtype=str)


def plain_matrix(matrix: Any) -> dict[str, Any]:
    """Return a matrix in the form that R reads: an array if dense, its slots if sparse."""
    is_sparse = sparse.issparse(matrix)
    if not is_sparse:
        dense = np.asarray(matrix)
        return {"matrix": dense, "shape": list(dense.shape), "csr": None}
    csr: Any = sparse.csr_matrix(matrix)
    slots = {"data": csr.data, "indices": csr.indices, "indptr": csr.indptr, "shape": list(csr.shape)}
    return {"matrix": None, "csr": slots}


def columns(result: dict[str, Any], start: int, stop: int) -> npt.NDArray[Any]:
    """Return some columns of the dense matrix of a result; R copies the matrix part by part."""
    block: npt.NDArray[Any] = result["matrix"][:, int(start) : int(stop)]
    return block


def release(result: dict[str, Any]) -> None:
    """Free the matrix of a result after R has copied it."""
    result["matrix"] = None


def plain(value: Any) -> Any:
    """Turn a record into values that R takes unchanged: scalars, one-dimensional arrays, and dicts of them.

    R's integers have 32 bits, and reticulate turns larger ones into 0, so they become floats here.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple):
        text = any(isinstance(item, str) for item in value)
        return plain(np.asarray(value, dtype=object if text else None))
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return value.astype(object)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _INT32:
        return float(value)
    return value


def record_from(value: Any) -> Any:
    """Restore a record that comes from R, in which empty dicts have become empty lists."""
    if isinstance(value, dict):
        return {key: record_from(item) for key, item in value.items()}
    if isinstance(value, list):
        return np.asarray(value, dtype=object) if value else {}
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        return value.astype(str).astype(object)
    return value


# A column goes to R and back as a dict: its kind, and either values (numbers; for logical 0, 1, and -1 if
# missing) or codes (from 0, -1 if missing) with their levels.


def read_column(column: dict[str, Any]) -> Any:
    """Read a column in the type that pandas uses for it."""
    kind = column["kind"]
    if kind in ("factor", "ordered", "character"):
        codes = np.atleast_1d(np.asarray(column["codes"], dtype=np.intp))
        levels = strings(column["levels"])
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


def write_column(column: pd.Series[Any]) -> dict[str, Any]:
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


@offered
def frame(columns: dict[str, Any], names: str | Sequence[str]) -> pd.DataFrame:
    """Read columns as a table with these row names."""
    read = {name: read_column(column) for name, column in columns.items()}
    return pd.DataFrame(read, index=pd.Index(strings(names)))


def frame_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of a table in the form in which they go to R."""
    return {str(name): write_column(table[name]) for name in table.columns}


def crossed(result: Any) -> Any:
    """Return the result of a verb in the form in which it goes to R, by its type.

    An AnnData is transposed, because R has variables in rows, and keeps only the columns of obs that homespot
    added. A table whose rows and columns have the same names becomes a matrix. Any other table becomes its
    columns.
    """
    if isinstance(result, ad.AnnData):
        added = [name for name in result.obs if str(name).startswith(keys.HOMESPOT)]
        return {
            "x": None if result.isbacked else plain_matrix(result.X.T),
            "layers": {name: plain_matrix(layer.T) for name, layer in result.layers.items() if name},
            "columns": frame_columns(result.obs[added]),
            "rows": np.asarray(result.var_names, dtype=object),
            "row_columns": frame_columns(result.var),
        }
    if isinstance(result, pd.DataFrame):
        values = plain_matrix(result.to_numpy()) if result.index.equals(result.columns) else None
        columns = values or {"columns": frame_columns(result)}
        return {**columns, "rows": np.asarray(result.index, dtype=object)}
    return plain(result)
