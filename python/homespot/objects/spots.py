"""Read the spatial side for every verb that maps: its spots, places, sections, and direction of y."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.keys import SECTION, SPATIAL
from ..common.wording import argument, either, shown, verb, words
from ..errors import DataWarning, InputError, expected, some
from ..expression.places import Places
from ..expression.table import Side
from ..space.axes import all_axes, libraries, spot_coordinates
from ..space.columns import plain_columns
from ..space.directions import direction_record
from ..space.elsewhere import elsewhere, number_columns
from ..space.on_tissue import on_tissue
from ..space.section_search import Search
from ..space.sections import Sections, counted, plain_name, sections_in, within_objects
from ..space.spot_names import repeated_barcodes
from .access import check_adata
from .annotated import with_tables
from .join_sections import as_one, objects_of
from .labels import in_order, labels_named

__all__ = ["SectionsGiven", "Spots", "both_sides", "spots_of", "warn_if_no_places"]

Ints = npt.NDArray[np.intp]
F64 = npt.NDArray[np.float64]

_ALIKE = 0.9999
_REPEATED = (20, 0.3)
"""Number and share of spots with the coordinates or barcode of another spot from which a warning is given."""

SectionsGiven = str | pd.Series | Mapping[str, Any] | Sequence[Any] | npt.NDArray[Any] | pd.Categorical | None
"""Sections as users give them: the column that names them, or the section of every spot."""


@dataclass(frozen=True)
class Spots:
    """What an object says about its spots.

    ``rows`` are the spots on the tissue, by their row in the object; ``frame`` (their annotation),
    ``positions`` (spots x 2 or 3, or None) and ``sections`` (None if there is one) belong to these spots.
    With ``separate`` every section is mapped by itself; with ``shared_frame`` all sections share one frame of
    coordinates, so that geometry ignores the sections.
    """

    rows: Ints
    frame: pd.DataFrame
    positions: F64 | None
    sections: Sections | None
    separate: bool
    shared_frame: bool
    direction: dict[str, Any]

    @property
    def with_own_frames(self) -> Sections | None:
        """The sections if each has a frame of coordinates of its own."""
        return None if self.shared_frame else self.sections

    @property
    def places(self) -> Places | None:
        """The places of the spots; None without coordinates."""
        own = self.with_own_frames
        return None if self.positions is None else Places(self.positions, None if own is None else own.codes)

    @property
    def labelled(self) -> Sections | None:
        """All known sections, whether they share a frame or not."""
        if self.sections is None and SECTION in self.frame and not self.frame[SECTION].isna().any():
            return sections_in(self.frame, SECTION)
        return self.sections

    @property
    def mapped_one_by_one(self) -> Sections | None:
        """The sections if each is mapped by itself."""
        return self.sections if self.separate else None


def both_sides(
    sc: ad.AnnData, st: Any, parameters: dict[str, Any], st_gene_column: str | None = None
) -> tuple[ad.AnnData, ad.AnnData, dict[Side, pd.DataFrame], dict[str, Any]]:
    """Return both objects and their annotation; sections are combined, and labels put into columns."""
    check_adata(sc, "sc")
    st = as_one(st, st_gene_column)
    check_adata(st, "st")
    sc, st = with_tables(sc), with_tables(st)
    cells, parameters = labels_named(sc.obs, "sc", parameters)
    spots, parameters = labels_named(st.obs, "st", parameters)
    return sc, st, {"sc": cells, "st": spots}, parameters


def spots_of(
    st: ad.AnnData,
    sections: SectionsGiven = None,
    joint: bool | None = None,
    *,
    shared_frame: bool = False,
    placed: bool = True,
) -> Spots:
    """Return what an object says about its spots; warnings say what is left out and what was found.

    Parameters
    ----------
    st
        Spatial data, spots x genes.
    sections, joint, shared_frame
        As for `map_cells`.
    placed
        Whether cells will get places in the sections that are found, for the warning.
    """
    for name, value in (("joint", joint), ("shared_frame", shared_frame)):
        if not isinstance(value, bool | np.bool_) and not (name == "joint" and value is None):
            raise InputError(
                expected(
                    f"{argument(name)} to be {shown(True)} or {shown(False)}", shown(value), "Choose one."
                )
            )
    rows = on_tissue(st.obs)
    frame = st.obs if len(rows) == st.n_obs else st.obs.iloc[rows]
    positions = _positions(st, frame, rows)
    objects = objects_of(st)
    found: Sections | None = None
    if sections is not None:
        found = _given_sections(sections, st.obs, rows, in_objects=objects is not None)
        if objects is not None and not shared_frame:
            found = within_objects(found, objects[rows], placed=placed)
    elif joint is False or not shared_frame:
        found, in_one_frame = _found_sections(st, frame, positions)
        shared_frame = shared_frame or in_one_frame
        if found is not None and objects is not None:
            found = replace(found, source="the objects of st")
    separate = found is not None and (joint is False or (joint is None and sections is not None))
    if found is not None and sections is None:
        _warn_found(found, separate=separate, placed=placed and positions is not None and not shared_frame)
    if joint is False and found is None:
        raise InputError(
            expected(
                f"several sections, to map each by itself ({argument('joint', False)})",
                "one",
                "Name the column with the section of every spot as sections, or leave joint out.",
            )
        )
    if separate and found is not None:
        _refuse_small(found)
    return Spots(
        rows, frame, positions, found, separate, bool(shared_frame), direction_record(st, found, frame)
    )


def _refuse_small(found: Sections) -> None:
    sizes = np.bincount(found.codes, minlength=len(found.names))
    small = [name for name, size in zip(found.names, sizes, strict=True) if size < 2]
    if small:
        raise InputError(
            expected(
                "at least 2 spots in every section",
                f"{len(small)} section(s) of one spot ({some(small)})",
                "Drop these sections.",
            )
        )


# --- sections


def _given_sections(sections: SectionsGiven, obs: pd.DataFrame, rows: Ints, *, in_objects: bool) -> Sections:
    """Return the sections of these spots, which a column names or the user gives as values."""
    if not pd.api.types.is_list_like(sections):
        if in_objects and isinstance(sections, str) and sections not in obs:
            raise InputError(
                expected(
                    either(
                        f"a column {sections!r} in the obs of every object of st",
                        f"a column {sections!r} in colData of every object of st",
                    ),
                    some((name for name in obs.columns if name != SECTION), 10) or "no columns in all",
                    "Name the one with the section of every spot as sections, or leave it out.",
                )
            )
        return sections_in(obs.iloc[rows], sections)
    values = in_order(sections, obs, "sections", "spot", "spatial data").set_axis(obs.index)
    return sections_in(pd.DataFrame({SECTION: values}).iloc[rows], SECTION, "sections")


def _found_sections(
    st: ad.AnnData, frame: pd.DataFrame, positions: F64 | None
) -> tuple[Sections | None, bool]:
    """Return the sections that are found, and whether all spots are certainly in one frame."""
    known = list(libraries(st.uns))
    attributes = st.uns.get("spatialdata_attrs")
    key = attributes.get("region_key") if isinstance(attributes, Mapping) else None
    key = None if key is None else str(np.ravel(key)[0])
    search = Search(frame, positions)
    found = search.sections(known, key, strict=True)
    if found is not None:
        return found, False
    crops = search.crops(known)
    if crops is not None:
        warnings.warn(
            f"The images {some(crops.names)} are of one section: the spots of one lie in a gap between those "
            f"of another, and touch them. If they are of several, set {argument('sections', crops.column)}.",
            DataWarning,
            stacklevel=4,
        )
        return None, True
    if len(known) > 1 and not _one_of_these(frame, known):
        warnings.warn(
            f"{words().images()} has the images of {len(known)} sections ({some(known)}), but no column of "
            f"{words().annotation('st')} says which spot lies in which, so all spots are taken as one "
            f"section. "
            "Name the column as sections.",
            DataWarning,
            stacklevel=4,
        )
    elif positions is not None:
        _tell_likely(search)
    return None, False


def _tell_likely(search: Search) -> None:
    """Warn if the coordinates look like several sections, and no column names sections."""
    likely = search.likely()
    if likely is not None:
        given = argument("sections", likely.column)
        if likely.source:
            given = f"{argument('sections')} to the section of every spot"
        warnings.warn(
            "All spots are taken as one section, but their coordinates look like those of "
            f"{len(likely.names)} sections by {likely.where} ({counted(likely)} spots), which lie wide apart "
            f"or over one another. If they are sections, set {given}.",
            DataWarning,
            stacklevel=5,
        )
        return
    n_spots = len(search.spots)
    repeated = {
        "coordinates": 0 if search.frame is None else search.frame.repeated(),
        "barcode": repeated_barcodes(search.spots.index),
    }
    for what, n in repeated.items():
        if n >= max(_REPEATED[0], _REPEATED[1] * n_spots):
            warnings.warn(
                f"{n} of {n_spots} spots have the {what} of another spot, and all are taken as one "
                f"section. If they lie in several, set {argument('sections')} to the column that says so, "
                f"or to "
                "the section of every spot.",
                DataWarning,
                stacklevel=5,
            )
            return


def _one_of_these(frame: pd.DataFrame, known: list[str]) -> bool:
    """Whether a column says that all spots belong to one of these images."""
    return any(
        isinstance(frame[name], pd.Series) and set(frame[name].astype(str).unique()) <= set(known)
        for name in frame.columns.unique()
    )


def _warn_found(found: Sections, *, separate: bool, placed: bool) -> None:
    how = "Each is mapped by itself" if separate else "Cells are mapped onto all of them jointly"
    place = ", and every cell has its place in one of them" if placed else ""
    if separate:
        other = f"{argument('joint', True)} maps onto all of them jointly"
    else:
        own = argument("joint", False) if found.source else argument("sections", found.column)
        other = f"{own} maps each by itself"
    frame = f"; {argument('shared_frame', True)} if all spots share one frame" if placed else ""
    warnings.warn(
        f"Found {len(found.names)} sections in {found.where} ({counted(found)} spots). "
        f"{how}{place}. ({other}{frame}.)",
        DataWarning,
        stacklevel=4,
    )


# --- places


def _positions(st: ad.AnnData, frame: pd.DataFrame, rows: Ints) -> F64 | None:
    """Return the coordinates of these spots, x first.

    Warnings say where else there are coordinates, and where the object contradicts itself.
    """
    given = st.obsm.get(SPATIAL)
    if given is not None and len(rows) < st.n_obs:
        given = given.iloc[rows] if isinstance(given, pd.DataFrame) else np.asarray(given)[rows]
    where = spot_coordinates(given, len(frame))
    if where is None:
        where = spot_coordinates(plain_columns(frame), len(frame))
    if where is None:
        if line := elsewhere(st, frame):
            warnings.warn(
                "The spatial data has no coordinates"
                + either(" in st.obsm['spatial'], so", ", so")
                + f" cells will have no place. {line}",
                DataWarning,
                stacklevel=4,
            )
        return None
    if reason := _contradiction(st, frame, where, named=isinstance(given, pd.DataFrame)):
        warnings.warn(reason, DataWarning, stacklevel=4)
    return where


def _proportional(a: F64, b: F64) -> bool:
    """Whether two columns are equal, up to a scale, a shift and rounding."""
    return bool(np.std(a) > 0 and np.std(b) > 0 and abs(np.corrcoef(a, b)[0, 1]) > _ALIKE)


def _contradiction(st: ad.AnnData, obs: pd.DataFrame, where: F64, *, named: bool) -> str:
    """Say where an object contradicts itself about x and y; empty if it does not."""
    numbers = number_columns(obs)
    for axes in all_axes(numbers):
        names = [str(numbers[i]) for i in axes.columns[:2]]
        if axes.rows and not any(word in plain_name(names[0]) for word in ("pxl", "pixel", "image")):
            continue  # a grid may be rotated against the image
        x, y = (obs[name].to_numpy(dtype=np.float64) for name in names)
        if _proportional(where[:, 0], y) and _proportional(where[:, 1], x) and not _proportional(x, y):
            return (
                f"The spatial data contradicts itself: x of its coordinates has the values of "
                f"{words().column('st', names[1])}, and y those of {words().column('st', names[0])}. The "
                "coordinates are taken as they are; if the columns are right, "
                f"{words().set_coordinates(words().coordinates_in_columns(names))}."
            )
    if named:
        return ""
    for name, library in libraries(st.uns).items():
        if (size := _image_size(library)) is None or len(libraries(st.uns)) > 1:
            continue
        width, height = size
        inside = _share_inside(where, width, height)
        if inside < 0.5 and _share_inside(where[:, [1, 0, *range(2, where.shape[1])]], width, height) > 0.99:
            return (
                f"The spatial data contradicts itself: {1 - inside:.0%} of the spots lie outside the image "
                f"of {name!r}, and all lie in it with x and y swapped. The coordinates are taken as they "
                f"are; to swap them, {words().set_coordinates(words().swapped_coordinates())}."
            )
    return ""


def _image_size(library: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return width and height of a tissue image in the unit of the coordinates."""
    images, factors = library.get("images"), library.get("scalefactors")
    if not isinstance(images, Mapping) or not isinstance(factors, Mapping):
        return None
    for kind in ("hires", "lowres"):
        factor = pd.to_numeric(np.ravel(factors.get(f"tissue_{kind}_scalef", ())), errors="coerce")
        if kind in images and np.ndim(images[kind]) >= 2 and len(factor) == 1 and factor[0] > 0:
            height, width = np.shape(images[kind])[:2]
            return width / float(factor[0]), height / float(factor[0])
    return None


def _share_inside(where: F64, width: float, height: float) -> float:
    return float(np.mean(((where[:, :2] >= 0) & (where[:, :2] <= (width, height))).all(axis=1)))


def warn_if_no_places(sc: ad.AnnData, st: ad.AnnData, spots: Spots) -> None:
    """Warn if the spots have no coordinates: cells will have no place, or both data sets are swapped.

    If the spatial data has coordinates in other places, `spots_of` has warned. A table without any annotation
    of its rows gets no warning.
    """
    if spots.positions is not None:
        return
    has_places = SPATIAL in sc.obsm or libraries(sc.uns) or plain_columns(sc.obs) is not None
    if has_places or elsewhere(sc, sc.obs, guess=False):
        warnings.warn(
            "Only the single-cell data (sc) has coordinates, and the spatial data (st) has none. If they are "
            f"swapped, call {verb('map_cells', 'st, sc')} the other way round.",
            DataWarning,
            stacklevel=3,
        )
    elif not _is_bare(st) and not elsewhere(st, spots.frame):
        warnings.warn(
            "The spatial data has no coordinates, so cells will have no place. If it is to have some, "
            + either(
                "set st.obsm['spatial']: spots x 2 or 3, x first.",
                "pass coords: a row for each spot, with columns x and y.",
            ),
            DataWarning,
            stacklevel=3,
        )


def _is_bare(adata: ad.AnnData) -> bool:
    """Whether rows have no annotation; columns that begin with a dot are R's numbers of rows."""
    columns = [name for name in adata.obs.columns if not str(name).startswith(".")]
    return not columns and not adata.obsm and not adata.uns
