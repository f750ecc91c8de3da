"""What several maps that are combined have beside P: the cells, the sections of the spots, and the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import array
from ..common.keys import (
    CUT,
    DROPPED,
    FITS,
    FORMAT_VERSION,
    HOMESPOT,
    LEFT_OVER,
    SECTION,
    SECTION_PROB,
    SHARPNESS,
)
from ..common.wording import either, verb
from ..errors import InputError, expected, some
from ..objects.access import refuse_duplicates
from ..objects.annotated import x_of
from ..space.axes import libraries
from ..space.directions import combined_direction, sections_down, y_down
from .by_section import sections_of
from .coordinates import coordinates, has_coordinates
from .left_over import cut_before, dropped
from .validity import filled
from .whole_rows import without_whole_rows

__all__ = ["SideBySide", "combined_record", "record_of_cells", "side_by_side"]


_OF_SPOTS = ("sections", "shared_frame", "y_direction", "y_down")


@dataclass(frozen=True)
class SideBySide:
    """Maps of the same cells onto several sections, side by side, but for P.

    ``shares`` are the weights of the sections, which sum to 1; ``left_over`` and ``dropped`` are those of the
    cells, and so are ``cut``, the most that was cut off a row in a section and divided away, ``sharpness``,
    the weighted geometric mean of the sections' (None if one does not know it), and ``fits``, the largest of
    the sections' (likewise). ``sections`` names the section of every spot; it is None if all spots share one
    frame.
    """

    shares: npt.NDArray[np.float64]
    left_over: npt.NDArray[np.float64]
    dropped: npt.NDArray[np.float64]
    cut: npt.NDArray[np.float64]
    sharpness: npt.NDArray[np.float64] | None
    fits: npt.NDArray[np.float64] | None
    sections: list[str] | None
    record: dict[str, Any]

    def of_cells(self, obs: pd.DataFrame) -> pd.DataFrame:
        """Return the annotation of the cells, without the section that a map of other spots has found."""
        out = without_whole_rows(obs).drop(
            columns=[DROPPED, CUT, SECTION, SECTION_PROB, SHARPNESS, FITS], errors="ignore"
        )
        more = {name: mass for name, mass in {DROPPED: self.dropped, CUT: self.cut}.items() if np.any(mass)}
        if self.sharpness is not None:
            more[SHARPNESS] = self.sharpness
        if self.fits is not None:
            more[FITS] = self.fits
        return out.assign(**{LEFT_OVER: self.left_over}, **more)


def side_by_side(
    mappings: Sequence[ad.AnnData],
    names: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    *,
    shared_frame: bool = False,
) -> SideBySide:
    """Return what maps have together that are put side by side; P of the maps is not read.

    `names` are the names of the sections, if they are given. Other parameters as for `combine_sections`.
    """
    refuse_none(mappings)
    shares = np.ones(len(mappings)) if weights is None else array("weights", weights)
    if shares.shape != (len(mappings),) or not (np.isfinite(shares) & (shares > 0)).all():
        raise InputError(
            expected(
                f"{len(mappings)} positive weights, one a section", str(weights), "Give one for each mapping."
            )
        )
    shares = shares / shares.sum()
    _refuse_others(
        [mapping.obs_names for mapping in mappings],
        "mappings of the same cells in the same order",
        f"Use {verb('combine_cells')} for other cells on the same spots.",
    )
    refuse_duplicates(
        pd.Index([name for mapping in mappings for name in mapping.var_names]),
        "spots",
        _own_names("colnames"),
    )
    dims = {coordinates(mapping).shape[1] if has_coordinates(mapping) else 0 for mapping in mappings}
    if len(dims) > 1:
        raise InputError(
            expected(
                "sections that all have coordinates of the same dimensions, or none",
                "sections with " + " and ".join(str(n) if n else "no" for n in sorted(dims)) + " dimensions",
                "Map all sections with coordinates alike.",
            )
        )
    labels, down = section_labels(mappings, names)
    record = {**record_of(mappings, "sections"), "weights": shares}
    if shared_frame:
        record["shared_frame"] = True
    return SideBySide(
        shares,
        _weighted(shares, [_left_over(mapping) for mapping in mappings]),
        _weighted(shares, [dropped(mapping) for mapping in mappings]),
        np.max([cut_before(mapping) for mapping in mappings], axis=0),
        together_sharp(shares, [sharpness_of(mapping.obs) for mapping in mappings]),
        best_fits([fits_of(mapping.obs) for mapping in mappings]),
        None if shared_frame else labels,
        {**record, **combined_direction(down)},
    )


def _refuse_others(names: Sequence[pd.Index], wanted: str, remedy: str) -> None:
    """Refuse maps that have not all the names of the first, in its order."""
    for other in names:
        if not other.equals(names[0]):
            raise InputError(expected(wanted, f"{some(names[0])} and {some(other)}", remedy))


def _own_names(r_names: str) -> str:
    """Say how to give cells or spots of several maps names of their own; `r_names` is R's name of them."""
    return either(
        "Rename or drop the others.",
        f'Give each a name of its own first: {r_names}(map) <- paste("a", {r_names}(map), sep = "_"), '
        'with another name than "a" for every map.',
    )


def _left_over(mapping: ad.AnnData) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = mapping.obs[LEFT_OVER].to_numpy(dtype=np.float64)
    return values


def _weighted(
    shares: npt.NDArray[np.float64], parts: Sequence[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    total = np.zeros_like(parts[0])
    for share, part in zip(shares, parts, strict=True):
        total = total + share * part
    return total


def sharpness_of(obs: pd.DataFrame) -> npt.NDArray[np.float64] | None:
    """Return the sharpness of every cell's row of P, NaN where it is not known; None if no column has it."""
    if SHARPNESS not in obs:
        return None
    found = pd.to_numeric(obs[SHARPNESS], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(found > 0, found, np.nan)


def together_sharp(
    shares: npt.NDArray[np.float64], parts: Sequence[npt.NDArray[np.float64] | None]
) -> npt.NDArray[np.float64] | None:
    """Return the weighted geometric mean of the sections' sharpness; None if one does not know it."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return np.exp(_weighted(shares, [np.log(part) for part in known]))


def fits_of(obs: pd.DataFrame) -> npt.NDArray[np.float64] | None:
    """Return how far the spots hold cells like each, NaN where it is not known; None if no column has it."""
    if FITS not in obs:
        return None
    return pd.to_numeric(obs[FITS], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def best_fits(parts: Sequence[npt.NDArray[np.float64] | None]) -> npt.NDArray[np.float64] | None:
    """Return the largest of the sections' fits, NaN where one is not; None if one has no column.

    A cell fits several sections if one of them holds cells like it.
    """
    known = [part for part in parts if part is not None]
    return None if len(known) < len(parts) else np.max(known, axis=0)


def record_of_cells(mappings: Sequence[ad.AnnData]) -> dict[str, Any]:
    """Return the record of maps of different cells onto the same spots; P of the maps is not read.

    Raises
    ------
    InputError
        If the spots are not the same, or a cell is in several maps.
    """
    refuse_none(mappings)
    _refuse_others(
        [mapping.var_names for mapping in mappings],
        "mappings onto the same spots in the same order",
        f"Use {verb('combine_sections')} for the same cells on several sections.",
    )
    known = [coordinates(mapping) for mapping in mappings if has_coordinates(mapping)]
    if any(not np.array_equal(where, known[0]) for where in known):
        raise InputError(
            expected(
                "the same spots in all mappings",
                "spots of the same names with other coordinates",
                "Combine mappings onto one spatial data set.",
            )
        )
    refuse_duplicates(
        pd.Index([name for mapping in mappings for name in mapping.obs_names]),
        "cells",
        _own_names("rownames"),
    )
    first = mappings[0].uns[HOMESPOT]
    return {**record_of(mappings, "cells"), **{name: first[name] for name in _OF_SPOTS if name in first}}


def combined_record(records: Sequence[dict[str, Any]], dtype: Any, how: str) -> dict[str, Any]:
    """Return the record of combined maps, with the record of every part."""
    return {
        "format_version": FORMAT_VERSION,
        "method": ", ".join(dict.fromkeys(str(record.get("method", "unknown")) for record in records)),
        "combined": how,
        "dtype": np.dtype(dtype).name,
        "parts": {f"part{i + 1}": record for i, record in enumerate(records)},
    }


def record_of(mappings: Sequence[ad.AnnData], how: str) -> dict[str, Any]:
    """Return the record of mappings that are combined."""
    dtype = np.result_type(*(x_of(mapping).dtype for mapping in mappings))
    return combined_record([filled(mapping.uns[HOMESPOT]) for mapping in mappings], dtype, how)


def refuse_none(mappings: Sequence[ad.AnnData]) -> None:
    """Refuse an empty list of mappings."""
    if len(mappings) == 0:
        raise InputError(expected("at least one mapping", "none", "Pass a list of mappings."))


def section_labels(
    mappings: Sequence[ad.AnnData], given: Sequence[str] | None = None
) -> tuple[list[str], dict[str, bool]]:
    """Return the section of every spot of several mappings, and whether y points down, by section.

    If names are `given`, sections within a mapping get its name in front.
    """
    own = [sections_of(mapping) for mapping in mappings]
    names = [_own_name(mapping) for mapping in mappings] if given is None else list(given)
    inner = [name for sections in own if sections is not None for name in sections.names]
    outer = [str(name) for name, sections in zip(names, own, strict=True) if sections is None]
    clear = None not in names and len({*inner, *outer}) == len(inner) + len(outer)
    labels: list[str] = []
    directions: dict[str, bool] = {}
    for i, (mapping, sections) in enumerate(zip(mappings, own, strict=True)):
        name = str(names[i]) if clear else f"section{i + 1}"
        if sections is None:
            labels += [name] * mapping.n_vars
            directions[name] = y_down(mapping)
        else:
            longer = {
                label: label if clear and given is None else f"{name}_{label}" for label in sections.names
            }
            labels += [longer[label] for label in sections.labels()]
            down = sections_down(mapping, sections, mapping.var)
            directions |= {longer[label]: is_down for label, is_down in down.items()}
    return labels, directions


def _own_name(mapping: ad.AnnData) -> str | None:
    record = mapping.uns[HOMESPOT]
    if "section" in record:
        return str(record["section"])
    found = list(libraries(mapping.uns))
    if len(found) == 1:
        return found[0]
    for column in (SECTION, "sample_id", "library_id"):
        if column in mapping.var and mapping.var[column].nunique(dropna=False) == 1:
            return str(mapping.var[column].iloc[0])
    return None
