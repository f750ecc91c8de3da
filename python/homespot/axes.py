"""Which column of coordinates is x, which is y, and which way y points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import InputError, expected, some

__all__ = [
    "Axes",
    "Library",
    "all_axes",
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
"""How a name tells its axis, and the mark in front of its stem: both names of a pair tell it the same way."""


class Axes(NamedTuple):
    """The columns of x, y and, where there is one, z; ``rows`` says whether y counts rows from the top."""

    columns: list[int]
    rows: bool


def _tokens(name: str) -> list[str]:
    """Split ``CenterX_global_px`` into center, x, global, px."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [part.lower() for part in parts]


def _readings(name: object) -> Iterator[tuple[str, str, bool]]:
    """Yield the axes that a column may name, the rest of its name, and whether it counts rows or columns.

    A letter within a word, as in ``stagex``, is one only if another column has the other letter there.
    """
    tokens = _tokens(str(name))

    def rest(i: int, token: str, kind: str) -> str:
        return _KINDS[kind] + "_".join([*tokens[:i], token, *tokens[i + 1 :]])

    for i, token in enumerate(tokens):
        if (found := _LETTER.match(token)) is not None:
            yield found[1], rest(i, token[: found.start(1)] + "*" + token[found.end(1) :], "known"), False
            return
        if (grid := _GRID.match(token)) is not None:
            yield ("x" if grid[2].startswith("col") else "y"), rest(i, f"{grid[1]}*{grid[3]}", "grid"), True
            return
        if token in _WORDS:
            yield _WORDS[token], rest(i, "*", "word"), False
            return
    for i, token in enumerate(tokens):
        if token[0] in _AXES:
            yield token[0], rest(i, "*" + token[1:], "edge"), False
        if token[-1] in _AXES:
            yield token[-1], rest(i, token[:-1] + "*", "edge"), False


def is_axis(name: object) -> bool:
    """Whether the name of a column says by itself that it is an axis, a row or a column."""
    return any(not stem.startswith(_KINDS["edge"]) for _, stem, _ in _readings(name))


_NO_PLACE = re.compile("umap|tsne|pca|phate|embedding|diffmap|latent|mde|velocity|chr")


def _rank(stem: str) -> int:
    """Places come before positions within a field of view, and those before the numbers of a grid."""
    if stem.startswith(_KINDS["grid"]) and not re.search("pxl|pixel|image|img|px|fullres", stem):
        return 3
    if stem.startswith(_KINDS["edge"]):
        return 2
    return int(re.search("local|fov|min|max|bbox|low|high|start|end", stem) is not None)


def all_axes(names: Iterable[object]) -> list[Axes]:
    """Return every pair of columns that `named_axes` may take, the likeliest first."""
    stems: dict[str, dict[str, int]] = {}
    rows: dict[str, bool] = {}
    for i, name in enumerate(names):
        for axis, stem, grid in _readings(name):
            stems.setdefault(stem, {}).setdefault(axis, i)
            rows[stem] = grid
    complete = [
        stem for stem, axes in stems.items() if "x" in axes and "y" in axes and not _NO_PLACE.search(stem)
    ]
    return [
        Axes([stems[stem][axis] for axis in _AXES if axis in stems[stem]], rows[stem])
        for stem in sorted(complete, key=_rank)  # the first of equals
    ]


def named_axes(names: Iterable[object]) -> Axes | None:
    """Say which columns are x and y (and z) by their names; None where the names do not say.

    Two columns belong together where their names differ in the axis alone: ``x`` and ``y``, ``x_centroid``
    and ``y_centroid``, ``pxl_col_in_fullres`` and ``pxl_row_in_fullres``, ``CenterX_global_px`` and
    ``CenterY_global_px``, ``stagex`` and ``stagey``, ``lon`` and ``lat``.
    """
    return next(iter(all_axes(names)), None)


def _numbered(names: Iterable[object]) -> list[int] | None:
    """Return columns that differ in a number alone, as ``spatial_1`` and ``spatial_2`` do, in its order."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for i, name in enumerate(names):
        if (parts := re.fullmatch(r"(.*?)(\d+)(\D*)", str(name))) is not None:
            found.setdefault((parts[1].lower(), parts[3].lower()), {})[int(parts[2])] = i
    for (stem, _), columns in found.items():
        first = min(columns)
        if (
            first in (0, 1)
            and len(columns) in (2, 3)
            and sorted(columns) == [*range(first, first + len(columns))]
        ):
            order = [columns[number] for number in sorted(columns)]
            # scikit-image counts the dimensions of an image: rows come before columns.
            return order[::-1] if stem == "centroid-" and first == 0 else order
    return None


def rows_count_down(positions: Any) -> bool:
    """Whether the names of the columns say that y counts rows, from the top."""
    axes = named_axes(positions.columns) if isinstance(positions, pd.DataFrame) else None
    return axes is not None and axes.rows


def ordered(positions: Any) -> Any:
    """Return the columns in the order that their names say, x, y, z or 1, 2, 3, and as they are where not."""
    if not isinstance(positions, pd.DataFrame):
        return positions
    axes = named_axes(positions.columns)
    columns = _numbered(positions.columns) if axes is None else axes.columns
    if columns is not None:
        return _numbers(positions.iloc[:, columns])
    if positions.shape[1] > 3:
        raise InputError(
            expected(
                "coordinates with a column x and a column y",
                f"the columns {some(positions.columns, 8)}",
                "Name the columns x and y, or keep two or three columns in the order x, y, z.",
            )
        )
    return _numbers(positions)


def _numbers(table: pd.DataFrame) -> Any:
    """Return a table as an array of numbers, NaN where missing; text stays as it is."""
    try:
        return table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return table.to_numpy()


def spot_coordinates(positions: Any, n: int, row: str = "spot") -> F64 | None:
    """Check coordinates of `n` spots, or of what `row` says (n x 2 or 3, finite); None stays None.

    Columns with names are taken by their names, see `named_axes`.
    """
    if positions is None:
        return None
    try:
        values = np.asarray(ordered(positions), dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            expected(
                "numbers as coordinates",
                f"values of type {np.asarray(positions).dtype}",
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
                f"Drop these {row}s first" + (", or map without coordinates." if row == "spot" else "."),
            )
        )
    return values


def libraries(uns: Mapping[str, Any]) -> dict[str, Library]:
    """Return the tissue images of ``uns["spatial"]`` by name, as scanpy and squidpy keep them.

    Other entries, such as CELLxGENE's ``is_single``, are none.
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
