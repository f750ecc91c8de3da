"""Bring an AnnData into a form that .h5ad can hold, and name the entries that are left out.

Not a list of types decides, but anndata: its own writer and reader try every entry, in a file in memory. So
entries that homespot did not make never prevent a result from being written. If nothing is lost, an entry is
written in another form: nullable strings as plain text, which every reader opens, or as categories if some
are missing; objects of one kind, and the types of pyarrow, as this kind; categories that no file holds
(intervals, dates) as text. Numeric categories stay numbers.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype, is_float_dtype, is_scalar, is_string_dtype

from ..common.keys import HOMESPOT
from ..errors import DataWarning, InputError, expected
from ..matrix.streamed import Streamed
from ..matrix.sums import is_sparse
from .annotated import Streaming, with_tables, x_of
from .potentials import has_x
from .stored import read_later

__all__ = ["Account", "old_strings", "storable"]

Parts = dict[str, Any]

_OBJECT = np.dtype(object)
_ODD = "text with characters that no file holds"
_OWN = re.compile(rf"\w+\['{HOMESPOT}(_|'\])")  # entries that homespot made


@dataclass(frozen=True)
class Account:
    """Differences between a file and the given object: entries that are left out, and changed names."""

    left: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    remedies: dict[str, list[str]] = field(default_factory=dict)
    """The entries that are left out, by the step that would keep them."""

    def leave(self, name: str, why: str, remedy: str) -> None:
        """Record an entry that is left out; raise an error if homespot made it, as the result needs it."""
        if _OWN.match(name):
            raise InputError(
                expected(
                    "data that .h5ad can hold",
                    f"{name} ({why}), which is part of the result",
                    "Use other names, of letters and digits, and run again.",
                )
            )
        self.note(name, why, remedy)

    def note(self, name: str, why: str, remedy: str) -> None:
        """Record an entry that is left out."""
        self.left.append(f"{name} ({why})")
        self.remedies.setdefault(remedy, []).append(name)

    def warn(self, stacklevel: int) -> None:
        """Name all differences in one warning, if there are any."""
        said = []
        if self.left:
            several = len(self.remedies) > 1
            remedies = [
                remedy.format(", ".join(names) if several else "it")
                for remedy, names in self.remedies.items()
            ]
            said.append(
                f"Left out of the file, as .h5ad cannot hold it: {', '.join(self.left)}. To keep it, "
                f"{'; '.join(remedies)}."
            )
        if self.renamed:
            said.append(f"Renamed in the file, as .h5ad cannot hold the name: {', '.join(self.renamed)}.")
        if said:
            warnings.warn(" ".join(said), DataWarning, stacklevel=stacklevel + 1)


@contextmanager
def old_strings() -> Iterator[None]:
    """Write text in the encoding that every reader opens, without anndata's warnings about it."""
    with ad.settings.override(allow_write_nullable_strings=False), warnings.catch_warnings(action="ignore"):
        yield


def storable(adata: ad.AnnData, uns: Mapping[str, Any] | None = None) -> tuple[Parts, Account]:
    """Return the slots of an AnnData in a form that can be written, and an account of the differences.

    Entries of `uns` replace those of the AnnData. Large values are shared with `adata`, which is not changed.
    Matrices that are not in memory are not read.
    """
    adata, account = with_tables(adata), Account()
    parts: Parts = {slot: _frame(getattr(adata, slot), slot, account) for slot in ("obs", "var")}
    # anndata 0.13 lists X among the layers, as None.
    layers = {name: x_of(adata, name) for name in adata.layers if name is not None}
    others = {slot: getattr(adata, slot) for slot in ("obsm", "varm", "obsp", "varp")}
    others["uns"] = {**adata.uns, **(uns or {})}
    for slot, found in {**others, "layers": layers}.items():
        parts[slot] = _mapping(found, slot, account)
    parts["X"] = _matrix(x_of(adata) if isinstance(adata, Streaming) or has_x(adata) else None, "X", account)
    if adata.raw is not None and (matrix := _matrix(read_later(adata.raw.X), "raw.X", account)) is not None:
        parts["raw"] = {
            "X": matrix,
            "var": _frame(adata.raw.var, "raw.var", account),
            "varm": _mapping(adata.raw.varm, "raw.varm", account),
        }
    return parts, account


def _objects(text: list[str]) -> pd.Index:
    """Return text as an index of objects, because old readers lack pandas' own type of text."""
    return pd.Index(text, dtype=object)


# --- trying -----------------------------------------------------------------------------------------------


def _round_trip(value: Any) -> Any:
    """Write a value into a file in memory, and return what is read."""
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file, old_strings():
        ad.io.write_elem(file, "value", value)
        return ad.io.read_elem(file["value"])


def _holds(value: Any) -> bool:
    """Whether anndata writes and reads a value; False for complex numbers, at which other readers stop."""
    if getattr(getattr(value, "dtype", None), "kind", "") == "c":
        return False
    try:
        _round_trip(value.to_frame("a") if isinstance(value, pd.Series) else value)
    except Exception:  # anndata and h5py raise many kinds
        return False
    return True


def _holds_names(names: list[str], *, frame: bool) -> bool:
    """Whether the columns of a table, or the keys of a mapping, come back under these names."""
    tried = dict.fromkeys(names, 0)
    try:
        return list(_round_trip(pd.DataFrame(tried, index=_objects(["a"])) if frame else tried)) == names
    except Exception:  # as above
        return False


def _sample(value: Any) -> Any:
    """Return a small part of a value that shows whether all of it can be written, if its type shows it.

    Text is needed completely, but joined to one string.
    """
    if is_sparse(value):
        empty: Any = type(value)
        return empty((1, 1), dtype=value.dtype)
    dtype = getattr(value, "dtype", _OBJECT)
    if dtype == _OBJECT:
        flat = value.ravel() if isinstance(value, np.ndarray) else value
        text = isinstance(flat, pd.Series | np.ndarray) and infer_dtype(flat, skipna=False) == "string"
        return "".join(pd.unique(flat)) if text else value
    if getattr(dtype, "names", None) or getattr(value, "ndim", 0) == 0:
        return value
    return value.iloc[:1] if isinstance(value, pd.Series) else value[:1]


_known: dict[tuple[type, Any], bool] = {}


def _holds_like(value: Any) -> bool:
    """Whether a value can be written; numbers of one type are tried once."""
    dtype = getattr(value, "dtype", None)
    numbers = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    if not numbers or not isinstance(value, pd.Series | np.ndarray):
        return _holds(_sample(value))
    key = (type(value), dtype)
    if key not in _known:
        _known[key] = _holds(_sample(value))
    return _known[key]


# --- forms ------------------------------------------------------------------------------------------------


def _plain_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return text as plain strings, or as categories where some are missing."""
    missing = column.isna().to_numpy()
    values = column.to_numpy(dtype=object, copy=True)
    values[missing] = None
    if missing.any():
        categories = _objects(sorted({value for value in values if value is not None}))
        return pd.Series(pd.Categorical(values, categories=categories), column.index)
    return pd.Series(values, column.index, dtype=object)


def _forms(column: pd.Series[Any]) -> Iterator[pd.Series[Any]]:
    """Yield the forms in which a column could be written without loss, the closest first."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        if infer_dtype(categories) != "string":
            yield column
        text = [str(category) for category in categories]
        if len(set(text)) == len(text):
            yield column.cat.rename_categories(_objects(text))  # type: ignore[arg-type]
        return
    if infer_dtype(column, skipna=True) in ("string", "empty"):
        yield _plain_text(column)
        return
    yield column
    if isinstance(column.dtype, np.dtype) and column.dtype != _OBJECT:
        return
    if isinstance(column.dtype, pd.SparseDtype):
        yield pd.Series(np.asarray(column), column.index)
    if not column.isna().any():
        yield column.infer_objects()
    typed = pd.Series(pd.array(column.to_numpy(dtype=object)), column.index)
    yield typed
    if is_float_dtype(typed.dtype):
        yield pd.Series(typed.to_numpy(dtype=np.float64, na_value=np.nan), column.index)


def _values(value: Any) -> Iterator[Any]:
    """Yield the forms in which a value of a mapping could be written, the closest first."""
    extension = isinstance(value, pd.api.extensions.ExtensionArray | pd.Index)
    if not (extension and is_string_dtype(value.dtype)):
        yield value
    if is_sparse(value):
        yield value.tocsr()
    if extension or isinstance(value, list | tuple) or _is_flat(value):
        column = pd.Series(value, dtype=object if isinstance(value, list | tuple) else None)
        for form in _forms(column):
            yield form.to_numpy() if isinstance(form.dtype, np.dtype) else form.array


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return any column as text, because columns of homespot, such as labels of any kind, must be kept."""
    return _plain_text(column.astype(object).map(str, na_action="ignore"))


def _is_flat(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype == _OBJECT


def _stored(value: Any, forms: Iterable[Any], name: str, account: Account) -> list[Any]:
    """Return a list of the first form that a file holds; if there is none, record it and return no form."""
    for form in forms:
        if isinstance(form, Streamed) or _holds_like(form):
            return [form]
    why = _described(value)
    account.leave(name, why, _remedy(value, why))
    return []


def _remedy(value: Any, why: str) -> str:
    """Return the step that would keep a value that no file holds."""
    if why.endswith(_ODD):
        return "take these characters out of {}"
    if getattr(getattr(value, "dtype", None), "kind", "") == "c" or isinstance(value, complex):
        return "split {} into real and imaginary numbers"
    return "make {} numbers or text"


def _described(value: Any) -> str:
    """Describe a value by its type or, for objects, by the types of its entries."""
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype):
        return f"categories, {_described(dtype.categories)}"
    if dtype is not None and dtype != _OBJECT:
        return _ODD if is_string_dtype(dtype) else str(dtype)
    if dtype is None and not isinstance(value, list | tuple | set):
        return _ODD if isinstance(value, str) else f"a {type(value).__name__}"
    entries = list(value) if dtype is None else np.asarray(value, dtype=object).ravel()[:10_000].tolist()
    kinds = sorted({type(entry).__name__ for entry in entries if not (is_scalar(entry) and pd.isna(entry))})
    if kinds == ["str"]:
        return _ODD
    return f"{'objects' if dtype is not None else type(value).__name__} of {', '.join(kinds[:4])}"


# --- slots ------------------------------------------------------------------------------------------------


def _matrix(matrix: Any, name: str, account: Account) -> Any:
    stored = [None] if matrix is None else _stored(matrix, _values(matrix), name, account)
    return stored[0] if stored else None


def _names(given: Iterable[Any], where: str, account: Account, *, frame: bool) -> list[tuple[int, str]]:
    """Return the position and the name, as text, of every entry whose name a file can hold."""
    labels = [None if is_scalar(label) and pd.isna(label) else label for label in given]
    names = [label if isinstance(label, str) else str(label) for label in labels]
    if None not in labels and len({*names}) == len(names) and _holds_names(names, frame=frame):
        return list(enumerate(names))
    kept = _named_apart(labels, names, frame=frame, whole=True)
    if not _holds_names([name for name in kept if name is not None], frame=frame):  # a name 'a' besides 'a/b'
        kept = _named_apart(labels, names, frame=frame, whole=False)
    for label, name, own in zip(labels, kept, names, strict=True):
        if name is None:
            if labels.count(label) > 1:
                account.note(f"{where}[{label!r}]", "a second one of this name", "rename {}")
            else:
                account.leave(f"{where}[{label!r}]", "its name", "rename {}")
        elif name != own:
            account.renamed.append(f"{where}[{label!r}] to {name!r}")
    return [(position, name) for position, name in enumerate(kept) if name is not None]


def _named_apart(labels: list[Any], names: list[str], *, frame: bool, whole: bool) -> list[str | None]:
    """Return a unique name for every entry that can have one: its own, or its own without slashes."""
    kept: list[str | None] = [None] * len(names)
    for position in sorted(range(len(names)), key=lambda i: "/" in names[i]):
        name = names[position]
        for option in dict.fromkeys((name, name.replace("/", "_")) if whole else (name.replace("/", "_"),)):
            if labels[position] is not None and option not in kept and _holds_names([option], frame=frame):
                kept[position] = option
                break
    return kept


def _mapping(found: Mapping[Any, Any], where: str, account: Account) -> dict[str, Any]:
    keys = list(found)
    out: dict[str, Any] = {}
    for position, name in _names(keys, where, account, frame=False):
        value, shown = found[keys[position]], f"{where}[{keys[position]!r}]"
        if isinstance(value, pd.Series):
            value = value.to_frame("value" if value.name is None else value.name)
        if isinstance(value, Mapping):
            out[name] = _mapping(value, shown, account)
        elif isinstance(value, pd.DataFrame):
            out[name] = _frame(value, shown, account)
        else:
            text = [str(value)] if where.startswith(f"uns['{HOMESPOT}") else []
            for form in _stored(value, chain(_values(value), text), shown, account):
                out[name] = form
    return out


def _frame(table: pd.DataFrame, where: str, account: Account) -> pd.DataFrame:
    """Return a table with the columns that can be written."""
    index = _index(table.index, where, account)
    columns: dict[str, pd.Series[Any]] = {}
    for position, name in _names(table.columns, where, account, frame=True):
        column = table.iloc[:, position].set_axis(index)
        shown = f"{where}[{table.columns[position]!r}]"
        text = map(_as_text, [column] if name.startswith(HOMESPOT) else [])
        for form in _stored(column, chain(_forms(column), text), shown, account):
            columns[name] = form
    if index.name in columns or not _holds(pd.DataFrame(index=index[:1])):
        index = index.rename(None)
    return pd.DataFrame(columns, index=index)


def _index(index: pd.Index, where: str, account: Account) -> pd.Index:
    """Return names of rows as plain text, and numbers unchanged; characters no file holds are escaped."""
    if isinstance(index.dtype, np.dtype) and index.dtype.kind in "iuf":
        return index
    name = index.name if index.name is None else str(index.name)
    values = [value if isinstance(value, str) else str(value) for value in index]
    if not _holds("".join(values)):
        values = [value.encode("unicode_escape").decode() for value in values]
        account.renamed.append(f"names of {where} with characters that are written as escapes")
    return pd.Index(values, dtype=object, name=name)
