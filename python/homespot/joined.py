"""Several sections given as several objects, put together as one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from .axes import libraries, spot_coordinates
from .directions import combined_direction, sections_down, y_down
from .errors import DataWarning, InputError, expected, some
from .joined_genes import genes_of_all, named_by
from .keys import HOMESPOT, SECTION, SPATIAL
from .places import plain_columns
from .sections import found_sections
from .streamed import on_disk

__all__ = ["as_one", "join_sections"]

F64 = npt.NDArray[np.float64]


def as_one(st: Any, gene_column: str | None = None) -> Any:
    """Return one object: `st` itself, or the list or dict of sections put together; see `join_sections`."""
    if isinstance(st, ad.AnnData) or not isinstance(st, Mapping | Sequence) or isinstance(st, str):
        return st
    return join_sections(st, gene_column=gene_column)


def join_sections(
    sections: Mapping[str, ad.AnnData] | Sequence[ad.AnnData], *, gene_column: str | None = None
) -> ad.AnnData:
    """Put several sections together as one object, in memory.

    Parameters
    ----------
    sections
        Spatial data by the name of the section, or a list. A section of a list has the name of its tissue
        image or of the one sample that its annotation names, else ``section1``, ``section2``, ...
    gene_column
        Column of var with the names of the genes, by which the sections are matched; None is the index. The
        genes of the result have these names.

    Returns
    -------
    Spots of all sections x the genes that all of them have, in the order of the first one.
    ``obs["homespot_section"]`` is the section of every spot, ``obsm["spatial"]`` the coordinates, and
    ``uns["spatial"]`` has the tissue images. Where names of spots occur in several sections, all get the name
    of their section in front, and a warning says so. Another warning counts genes and layers that not all
    have.

    Raises
    ------
    InputError
        If there are no sections, one is no AnnData, or only some have coordinates.
    """
    named = _named(sections)
    if isinstance(sections, Mapping):
        codes = {name: f"st[{name!r}]" for name in named}
    else:
        codes = {name: f"st[{i}]" for i, name in enumerate(named)}
    if gene_column is not None:
        named = named_by(named, gene_column, codes)
    parts = list(named.values())
    genes = genes_of_all(named, codes)
    layers = [name for name in parts[0].layers if name is not None and all(name in p.layers for p in parts)]
    lost = sorted({str(name) for p in parts for name in p.layers if name is not None} - set(layers))
    if lost:
        _warn(f"Left out the layers {some(lost)}, which not all sections have.")
    places = [_places(part, name) for name, part in named.items()]
    dims = {0 if where is None else where.shape[1] for where in places}
    if len(dims) > 1:
        raise InputError(
            expected(
                "sections that all have coordinates of the same dimensions, or none",
                "sections with " + " and ".join(str(n) if n else "no" for n in sorted(dims)) + " dimensions",
                "Give all of them coordinates alike.",
            )
        )
    names, start = _names(named), 0
    taken = []
    with_raw = all(part.raw is not None for part in parts)
    for part in parts:
        part = part[:, genes]
        raw = {"X": part.raw.X, "var": part.raw.var} if with_raw else None
        kept = {name: part.layers[name] for name in layers}
        plain = ad.AnnData(part.X, part.obs, part.var, layers=kept, raw=raw)
        plain.obs_names = names[start : start + part.n_obs]
        start += part.n_obs
        taken.append(plain)
    labels, images, down = _labels(named, places)
    joined = ad.concat(taken, axis="obs", join="inner", merge="first")
    if with_raw:
        var = parts[0].raw.var.loc[joined.raw.var_names]  # which is lost
        joined.raw = ad.AnnData(joined.raw.X, joined.obs[[]], var)
    joined.obs[SECTION] = labels
    if places[0] is not None:
        joined.obsm[SPATIAL] = np.concatenate([where for where in places if where is not None])
    joined.uns[HOMESPOT] = down
    if images:
        joined.uns[SPATIAL] = images
    return joined


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=4)


def _named(sections: Mapping[str, ad.AnnData] | Sequence[ad.AnnData]) -> dict[str, ad.AnnData]:
    given = list(sections.values() if isinstance(sections, Mapping) else sections)
    wrong = [type(part).__name__ for part in given if not isinstance(part, ad.AnnData)]
    if not given or wrong:
        raise InputError(
            expected(
                "an AnnData as st, or a list or dict of several sections, each an AnnData",
                f"a list with a {wrong[0]}" if wrong else "no section",
                "Pass [st1, st2], or {'a': st1, 'b': st2}.",
            )
        )
    given = [part.to_memory() if on_disk(part) else part for part in given]
    if isinstance(sections, Mapping):
        keys = [str(name) for name in sections]
        if len(set(keys)) < len(keys):
            raise InputError(
                expected(
                    "sections of different names",
                    ", ".join(map(repr, sections)),
                    "Rename one.",
                )
            )
        return dict(zip(keys, given, strict=True))
    names = [_own_name(part) for part in given]
    if None in names or len(set(names)) < len(names):
        names = [f"section{i + 1}" for i in range(len(given))]
    return dict(zip((str(name) for name in names), given, strict=True))


def _own_name(part: ad.AnnData) -> str | None:
    images = list(libraries(part.uns))
    if len(images) == 1:
        return images[0]
    for column in (SECTION, "sample_id", "library_id", "section", "sample"):
        if column in part.obs and part.obs[column].nunique(dropna=False) == 1:
            return str(part.obs[column].iloc[0])
    return None


def _places(part: ad.AnnData, name: str) -> F64 | None:
    """Return the coordinates of a section: in obsm, or the columns x and y of its obs."""
    given = part.obsm.get(SPATIAL)
    try:
        return spot_coordinates(plain_columns(part.obs) if given is None else given, part.n_obs)
    except InputError as error:
        raise InputError(f"Section {name!r}: {error}") from error


def _labels(
    named: dict[str, ad.AnnData], places: Sequence[F64 | None]
) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Return the section of every spot, the images by section, and the direction of y as a record has it."""
    labels: list[str] = []
    images: dict[str, Any] = {}
    directions: dict[str, bool] = {}
    for (name, part), where in zip(named.items(), places, strict=True):
        own = libraries(part.uns)
        inner = found_sections(part.obs, list(own), positions=where)
        if inner is None:
            labels += [name] * part.n_obs
            images.update(zip([name], own.values(), strict=False))
            directions[name] = y_down(part)
        else:
            labels += [f"{name}_{label}" for label in inner.labels()]
            images |= {f"{name}_{key}": library for key, library in own.items()}
            down = sections_down(part, inner, part.obs)
            directions |= {f"{name}_{label}": is_down for label, is_down in down.items()}
    return labels, images, combined_direction(directions)


def _names(named: dict[str, ad.AnnData]) -> pd.Index:
    """Return the names of all spots; with the section in front where some occur in several sections."""
    names = [str(spot) for part in named.values() for spot in part.obs_names]
    index = pd.Index(names)
    if index.is_unique or any(not part.obs_names.is_unique for part in named.values()):
        return index
    twice = index[index.duplicated()].nunique()
    longer = pd.Index([f"{name}_{spot}" for name, part in named.items() for spot in part.obs_names])
    _warn(
        f"{twice} names of spots occur in several sections, so all spots have the name of their section in "
        f"front: {some(longer, 2)}."
    )
    return longer
