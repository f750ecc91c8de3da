"""Find the columns of x and y among coordinates, and whether y points up or down."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import as_array, real
from ..errors import InputError, expected, some
from .section_names import WORD

__all__ = [
    "PIXELS",
    "Axes",
    "Library",
    "all_axes",
    "column_order",
    "counts_rows",
    "libraries",
    "named_axes",
    "ordered",
    "rows_count_down",
    "spot_coordinates",
]

F64 = npt.NDArray[np.float64]
Library = Mapping[str, Any]

_AXES = "xyz"
_PLACE = "coords?|coordinates?|pos|position|centroid|center|centre|loc|location|pixels?|pxl?|um|c"
_BEFORE = f"{_PLACE}|sdim|dim|spatial|image"
_AFTER = f"{_PLACE}|microns?|axis"
_LETTER = re.compile(rf"^(?:{_BEFORE})?([xyz])(?:{_AFTER})?$")
_GRID = re.compile(r"^([a-z]*?)(columns?|cols?|rows?)([a-z]*)$")
_WORDS = {
    **dict.fromkeys(("lon", "lng", "long", "longitude", "easting", "horizontal", "abscissa"), "x"),
    **dict.fromkeys(("lat", "latitude", "northing", "vertical", "ordinate"), "y"),
}
_KINDS = {"known": "", "grid": "#", "word": "@", "edge": "?"}
"""Patterns that find the axis in a name, and a mark for its stem; both names of a pair match the same one."""


class Axes(NamedTuple):
    """The columns of x, y and, if there is one, z; ``rows`` says whether y counts rows from the top."""

    columns: list[int]
    rows: bool


class _Reading(NamedTuple):
    """An axis that a column may name, the rest of its name, and whether it counts rows or columns.

    ``spelling`` is the name with a mark for the case of the axis in its place: ``x`` and ``X`` differ.
    """

    axis: str
    stem: str
    grid: bool
    spelling: str


def _readings(name: object) -> Iterator[_Reading]:
    """Yield the axes that a column may name.

    A letter within a word, as in ``stagex``, is an axis only if another column has the other letter there.
    """
    text = str(name)
    found = list(WORD.finditer(text))
    tokens = [token.group().lower() for token in found]

    def reading(axis: str, i: int, token: str, kind: str) -> _Reading:
        stem = _KINDS[kind] + "_".join([*tokens[:i], token, *tokens[i + 1 :]])
        own = found[i].group()
        case = "x" if own.islower() else "X" if own.isupper() else "Xx"
        spelling = f"{text[: found[i].start()]}*{case}*{text[found[i].end() :]}"
        return _Reading(axis, stem, kind == "grid", spelling)

    for i, token in enumerate(tokens):
        if (letter := _LETTER.match(token)) is not None:
            yield reading(letter[1], i, token[: letter.start(1)] + "*" + token[letter.end(1) :], "known")
            return
        if (grid := _GRID.match(token)) is not None:
            yield reading("x" if grid[2].startswith("col") else "y", i, f"{grid[1]}*{grid[3]}", "grid")
            return
        if token in _WORDS:
            yield reading(_WORDS[token], i, "*", "word")
            return
    for i, token in enumerate(tokens):
        if token[0] in _AXES:
            yield reading(token[0], i, "*" + token[1:], "edge")
        if token[-1] in _AXES:
            yield reading(token[-1], i, token[:-1] + "*", "edge")


def is_axis(name: object) -> bool:
    """Whether the name of a column says by itself that it is an axis, a row or a column."""
    return any(not reading.stem.startswith(_KINDS["edge"]) for reading in _readings(name))


PIXELS = re.compile("pxl|pixel|px|image|img|fullres")
"""Names of rows and columns of an image. These columns are places, not numbers of a grid."""

_LARGEST = 1e100  # distances are sums of squares

_NO_PLACE = re.compile("umap|tsne|pca|phate|embedding|diffmap|latent|mde|velocity|chr")


def _rank(stem: str) -> int:
    """Places are preferred to positions within a field of view, and these to numbers of a grid."""
    if stem.startswith(_KINDS["grid"]) and not PIXELS.search(stem):
        return 3
    if stem.startswith(_KINDS["edge"]):
        return 2
    return int(re.search("local|fov|min|max|bbox|low|high|start|end", stem) is not None)


_FEW = 5
"""With fewer rows, coordinates may equal the numbers of the rows by chance."""


def counts_rows(values: F64) -> bool:
    """Whether a column holds 1, 2, ..., n or 0, 1, ..., n - 1: the numbers of the rows, as in many files."""
    n = len(values)
    return n >= _FEW and values[0] in (0, 1) and bool(np.array_equal(values, np.arange(n) + values[0]))


def _no_places(table: pd.DataFrame) -> set[int]:
    """Return the columns that are coordinates only if no others are: numbers of the rows, and text."""
    found = set()
    for i in range(table.shape[1]):
        values = _numbers(table.iloc[:, [i]])
        if values.dtype != np.float64 or counts_rows(values[:, 0]):
            found.add(i)
    return found


def _pairs(spellings: Mapping[str, dict[str, int]], last: Collection[int]) -> list[list[int]]:
    """Return the columns of x, y (and z) with one stem, the likeliest first.

    Names of the same case belong together: ``x`` and ``y`` among ``X``, ``x`` and ``y``.
    """
    every: dict[str, int] = {}
    for columns in spellings.values():
        for axis, i in columns.items():
            if axis not in every or (every[axis] in last and i not in last):
                every[axis] = i
    found = [columns for columns in spellings.values() if "x" in columns and "y" in columns]
    if "x" in every and "y" in every and all(_uses(columns, last) for columns in found):
        found.append(every)
    found.sort(key=lambda columns: (_uses(columns, last), columns is not spellings.get("*x*")))
    return [[(every | columns)[axis] for axis in _AXES if axis in every] for columns in found]


def _uses(columns: Mapping[str, int], last: Collection[int]) -> bool:
    return columns["x"] in last or columns["y"] in last


def all_axes(names: Iterable[object], last: Collection[int] = ()) -> list[Axes]:
    """Return every pair of columns that `named_axes` may take, the likeliest first."""
    stems: dict[str, dict[str, dict[str, int]]] = {}
    rows: dict[str, bool] = {}
    for i, name in enumerate(names):
        for axis, stem, grid, spelling in _readings(name):
            columns = stems.setdefault(stem, {}).setdefault(spelling, {})
            if axis not in columns or (columns[axis] in last and i not in last):
                columns[axis] = i
            rows[stem] = grid
    found = [
        (any(i in last for i in columns[:2]), _rank(stem), Axes(columns, rows[stem]))
        for stem, spellings in stems.items()
        if not _NO_PLACE.search(stem)
        for columns in _pairs(spellings, last)
    ]
    return [axes for _, _, axes in sorted(found, key=lambda one: one[:2])]  # the first of several equal


def named_axes(names: Iterable[object], last: Collection[int] = ()) -> Axes | None:
    """Return which columns are x and y (and z) by their names; None if the names do not tell.

    Two columns belong together if their names differ only in the axis: ``x`` and ``y``, ``x_centroid`` and
    ``y_centroid``, ``pxl_col_in_fullres`` and ``pxl_row_in_fullres``, ``CenterX_global_px`` and
    ``CenterY_global_px``, ``stagex`` and ``stagey``, ``lon`` and ``lat``. Columns in `last` are taken only if
    no others fit.
    """
    return next(iter(all_axes(names, last)), None)


def _numbered(names: Iterable[object], last: Collection[int]) -> list[int] | None:
    """Return columns that differ only in a number, as ``spatial_1`` and ``spatial_2``, in its order."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for i, name in enumerate(names):
        if (parts := re.fullmatch(r"(.*?)(\d+)(\D*)", str(name))) is not None:
            found.setdefault((parts[1].lower(), parts[3].lower()), {})[int(parts[2])] = i
    for (stem, _), columns in found.items():
        first = min(columns)
        if first not in (0, 1) or sorted(columns) != [*range(first, first + len(columns))]:
            continue
        order = _others([columns[number] for number in sorted(columns)], last)
        if len(order) in (2, 3):
            # scikit-image counts the dimensions of an image: rows come before columns.
            return order[::-1] if stem == "centroid-" and first == 0 else order
    return None


def _others(columns: list[int], last: Collection[int]) -> list[int]:
    """Return the columns without those in `last`, if two or three are left."""
    left = [i for i in columns if i not in last]
    return left if len(left) in (2, 3) else columns


def _table_axes(table: pd.DataFrame) -> Axes | None:
    return named_axes(table.columns, _no_places(table))


def rows_count_down(positions: Any) -> bool:
    """Whether the names of the columns say that y counts rows, from the top."""
    axes = _table_axes(positions) if isinstance(positions, pd.DataFrame) else None
    return axes is not None and axes.rows


def column_order(table: pd.DataFrame) -> list[int]:
    """Return the columns that `ordered` takes, in its order."""
    last = _no_places(table)
    axes = named_axes(table.columns, last)
    columns = _numbered(table.columns, last) if axes is None else axes.columns
    return _others([*range(table.shape[1])], last) if columns is None else columns


def ordered(positions: Any) -> Any:
    """Return the columns in the order of their names (x, y, z or 1, 2, 3), else in the given order.

    A column that only numbers the rows, as in files with row names, is left out if other columns may be
    coordinates.
    """
    if not isinstance(positions, pd.DataFrame):
        return positions
    columns = column_order(positions)
    if len(columns) > 3:
        raise InputError(
            expected(
                "coordinates with a column x and a column y",
                f"the columns {some(positions.columns, 8)}",
                "Name the columns x and y, or keep two or three columns in the order x, y, z.",
            )
        )
    return _numbers(positions.iloc[:, columns])


def _numbers(table: pd.DataFrame) -> Any:
    """Return a table as an array of numbers, NaN for missing values; text is not changed."""
    try:
        return real(table)
    except (TypeError, ValueError):
        return table.to_numpy()


def spot_coordinates(positions: Any, n: int, row: str = "spot") -> F64 | None:
    """Check coordinates of `n` spots, or other rows named by `row` (n x 2 or 3, finite); None stays None.

    If the columns have names, x, y and z are found by name, see `named_axes`.
    """
    if positions is None:
        return None
    try:
        values = real(ordered(positions))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            expected(
                "numbers as coordinates",
                f"values of type {as_array(positions).dtype}",
                "Convert them to numbers.",
            )
        ) from error
    if values.ndim != 2 or values.shape[0] != n or values.shape[1] not in (2, 3):
        raise InputError(
            expected(
                f"coordinates of {n} {row}s x 2 or 3 dimensions",
                " x ".join(map(str, values.shape)),
                f"One row a {row}, one column a dimension.",
            )
        )
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError(
            expected(
                f"finite coordinates of every {row}",
                f"{bad.sum()} {row}(s) with missing or infinite ones",
                f"Drop these {row}s first" + (", or take the coordinates out." if row == "spot" else "."),
            )
        )
    large = (np.abs(values) > _LARGEST).any(axis=1)
    if large.any():
        raise InputError(
            expected(
                f"coordinates of at most {_LARGEST:g}, whose squares are still numbers",
                f"{large.sum()} {row}(s) with larger ones, up to {np.abs(values).max():g}",
                f"Drop these {row}s if that stands for missing ones, else choose a larger unit.",
            )
        )
    return values


def libraries(uns: Mapping[str, Any]) -> dict[str, Library]:
    """Return the tissue images of ``uns["spatial"]`` by name, as scanpy and squidpy keep them.

    Other entries, such as CELLxGENE's ``is_single``, are left out.
    """
    found = uns.get("spatial")
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name): library
        for name, library in found.items()
        if isinstance(library, Mapping)
        and any(isinstance(library.get(part), Mapping) for part in ("images", "scalefactors"))
    }
