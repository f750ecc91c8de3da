"""The panels of a plot: one per section, with its own places, image and direction of y."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.keys import HOMESPOT, SECTION, SPATIAL
from ..errors import DataWarning, InputError, expected, some
from ..mapping.by_section import sections_of, sections_of_rows
from ..mapping.coordinates import coordinates
from ..space.axes import libraries, ordered, spot_coordinates
from ..space.directions import y_down
from ..space.sections import Sections
from ._image import TissueImage, libraries_of, tissue_image

__all__ = ["Image", "Panel", "drawn_rows", "panels", "panels_of_spots", "with_image"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Image: TypeAlias = ad.AnnData | bool
Parts: TypeAlias = list[tuple[str | None, Ints]]


@dataclass(frozen=True)
class Panel:
    """One section: the rows that it has in the object, and their places (rows x 2).

    ``title`` is the name of the section, "" if the object has only one; ``image`` is drawn underneath, and
    ``down`` says whether y points down.
    """

    title: str
    rows: Ints
    xy: F64
    image: TissueImage | None
    down: bool


def _places(adata: ad.AnnData) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Return x and y of every row (the first two of three dimensions), and whether they are known."""
    if SPATIAL not in adata.obsm:
        raise InputError(
            expected('data with obsm["spatial"]', "none", "Use place_cells() to give cells coordinates.")
        )
    if adata.n_obs == 0:
        raise InputError(expected("data with at least one row", "none", "There is nothing to draw."))
    given = adata.obsm[SPATIAL]
    try:
        values = np.asarray(ordered(given), dtype=np.float64)
    except (TypeError, ValueError):
        values = np.asarray(spot_coordinates(given, adata.n_obs, "row"))  # raises the error
    finite: npt.NDArray[np.bool_] = np.isfinite(values)
    checked = spot_coordinates(np.where(finite, values, 0), adata.n_obs, "row")
    return np.asarray(checked)[:, :2], np.asarray(finite[:, :2].all(axis=1))


def panels(adata: ad.AnnData, image: Image, own: ad.AnnData | None = None) -> list[Panel]:
    """Return the sections of an object's rows, in the order of their names.

    A warning counts the rows that have no coordinates or no section, which are not drawn.

    Parameters
    ----------
    adata
        Spots or cells with ``obsm["spatial"]``.
    image
        As for `cells`.
    own
        The object whose image True means; None is `adata`.
    """
    xy, known = _places(adata)
    rows = np.flatnonzero(known)
    placed = adata if known.all() else adata[known]
    sections = sections_of_rows(placed) if len(rows) else None
    if sections is not None:
        codes = np.full(adata.n_obs, -1)
        codes[rows] = sections.codes
        rows = np.flatnonzero(codes >= 0)
        sections = Sections(codes, sections.names, sections.column)
    lost = np.setdiff1d(np.arange(adata.n_obs), rows)
    if len(rows) == 0:
        raise InputError(
            expected(
                "data with a place for at least one row",
                f"{len(lost)} rows without coordinates or section",
                "Use place_cells() to give cells coordinates; those whose section is not known get none.",
            )
        )
    if len(lost):
        one_frame = sections is None
        warnings.warn(
            f"{len(lost)} of {adata.n_obs} rows ({some(adata.obs_names[lost])}) have no coordinates"
            f"{'' if one_frame else ' or no section'}, and are not drawn. To draw them, set obsm['spatial']"
            f"{'' if one_frame else f' and obs[{SECTION!r}]'}.",
            DataWarning,
            stacklevel=3,
        )
    parts = _parts(adata.obs, rows, sections)
    return _panels(adata, adata.obs, xy, parts, image, adata if own is None else own)


def panels_of_spots(mapping: ad.AnnData, image: Image) -> list[Panel]:
    """Return the sections of a mapping's spots, as `panels` does for rows."""
    return _panels(mapping, mapping.var, *_places_of_spots(mapping), image, mapping)


def with_image(mapping: ad.AnnData, *candidates: ad.AnnData | None) -> Image:
    """Return the first object that has an image of a section of the mapping's spots, or False."""
    xy, parts = _places_of_spots(mapping)
    for one in candidates:
        if one is not None and any(picture for _, picture in _images(one, mapping.var, xy, parts)):
            return one
    return False


def _places_of_spots(mapping: ad.AnnData) -> tuple[F64, Parts]:
    rows = np.arange(mapping.n_vars)
    return coordinates(mapping)[:, :2], _parts(mapping.var, rows, sections_of(mapping))


def drawn_rows(sections: list[Panel]) -> Ints:
    """Return the rows that are drawn, in the order of the object."""
    return np.sort(np.concatenate([panel.rows for panel in sections]))


def _by_name(name: str) -> tuple[str, str]:
    """Return a key that sorts names as people do: s2 before s10."""
    return re.sub("[0-9]+", lambda number: number.group().zfill(12), name), name


def _one_name(frame: pd.DataFrame, rows: Ints) -> str | None:
    """Return the name of the section of these rows, if they all have the same."""
    names = list(frame[SECTION].iloc[rows].dropna().unique()) if SECTION in frame else []
    return str(names[0]) if len(names) == 1 else None


def _parts(frame: pd.DataFrame, rows: Ints, sections: Sections | None) -> Parts:
    """Return the name of every section, if it is known, and its rows; `frame` annotates the rows."""
    if sections is None or len(sections.names) < 2:
        return [(_one_name(frame, rows), rows)]
    order = sorted(range(len(sections.names)), key=lambda code: _by_name(sections.names[code]))
    return [(sections.names[code], sections.rows(code)) for code in order]


def _panels(
    adata: ad.AnnData, frame: pd.DataFrame, xy: F64, parts: Parts, image: Image, own: ad.AnnData
) -> list[Panel]:
    """Return the panels of the places `xy`, which `frame` annotates."""
    if not isinstance(image, ad.AnnData | bool):
        raise InputError(
            expected(
                "image to be True, False or an AnnData",
                f"a {type(image).__name__}",
                'Pass the object that has the image in uns["spatial"].',
            )
        )
    recorded = adata if HOMESPOT in adata.uns else own
    of_own = _images(own, frame, xy, parts)
    shown = of_own if isinstance(image, bool) else _images(image, frame, xy, parts)
    if not isinstance(image, bool) and not any(picture for _, picture in shown):
        raise InputError(
            expected(
                'data with the image of one library in uns["spatial"], or of a library for each section, and '
                "its scale (tissue_hires_scalef)",
                f"libraries ({some(libraries(image.uns)) or 'none'}) without, or of other sections",
                "Take the spots of one library with their own image, or pass image=False.",
            )
        )
    made = []
    for (name, rows), (library, picture), (_, over) in zip(parts, of_own, shown, strict=True):
        down = any(y_down(recorded, one) for one in {name, library or name})
        made.append(
            Panel(
                name if name is not None and len(parts) > 1 else "",
                rows,
                xy[rows],
                over if image is not False else None,
                down or picture is not None or over is not None,
            )
        )
    return made


def _images(
    adata: ad.AnnData, frame: pd.DataFrame, xy: F64, parts: Parts
) -> list[tuple[str, TissueImage | None]]:
    """Return the library of every section and its image.

    An image with another name than the section's is drawn only if it can belong to the section: most places
    lie within it, and the record does not say that y points up in this section alone.
    """
    found = libraries(adata.uns)
    if not found:
        return [("", None)] * len(parts)
    names = libraries_of(adata.uns, [(name, frame.iloc[rows]) for name, rows in parts])
    record = adata.uns.get(HOMESPOT)
    mixed = isinstance(record, Mapping) and record.get("y_direction") == "mixed"
    out = []
    for library, (section, rows) in zip(names, parts, strict=True):
        picture = tissue_image(found[library]) if library else None
        if picture is not None and section not in (None, library):
            up = mixed and not y_down(adata, section)
            if up or not picture.holds(xy[rows]):
                library, picture = "", None
        out.append((library, picture))
    return out
