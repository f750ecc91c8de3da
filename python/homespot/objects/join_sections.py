"""Combine several sections, given as several objects, into one object."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common import memory
from ..common.checks import listed
from ..common.keys import HOMESPOT, SECTION, SPATIAL
from ..common.memory import bounded
from ..common.wording import either, shown, words
from ..errors import DataWarning, InputError, expected, in_section, some
from ..matrix.size import bytes_of
from ..space.axes import libraries, spot_coordinates
from ..space.columns import plain_columns
from ..space.directions import combined_direction, sections_down, y_down
from ..space.on_tissue import on_tissue
from ..space.section_search import found_sections
from .annotated import on_disk, x_of
from .join_genes import genes_of_all, named_by

__all__ = ["as_one", "join_sections", "objects_of"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_IN_TISSUE = "in_tissue"
_JOINED = "joined"
"""Key of ``uns["homespot"]`` for the object that every section comes from."""


def as_one(st: Any, gene_column: str | None = None) -> Any:
    """Return one object: `st` itself, or the list or dict of sections combined by `join_sections`."""
    if isinstance(st, ad.AnnData) or not isinstance(st, Mapping | Sequence) or isinstance(st, str):
        return st
    return join_sections(st, gene_column=gene_column)


@bounded
def join_sections(
    sections: Mapping[str, ad.AnnData] | Sequence[ad.AnnData], *, gene_column: str | None = None
) -> ad.AnnData:
    """Combine several sections into one object, in memory.

    Parameters
    ----------
    sections
        Spatial data by the name of the section, or a list. A section without a name gets the name of its
        tissue image or of the only sample that its annotation names, if no other section has the same name,
        else ``section1``, ``section2``, ...
    gene_column
        Column of var with the names of the genes, by which the sections are matched; None is the index. The
        result has these names.

    Returns
    -------
    Spots of all sections x the genes that all sections have, in the order of the first section.
    ``obs["homespot_section"]`` is the section of every spot, ``obsm["spatial"]`` holds the coordinates, and
    ``uns["spatial"]`` the tissue images. If an object has several sections, each gets the name of the object
    in front of its own. If names of spots occur in several sections, all spots get the name of their section
    in front, and a warning says so. Another warning counts genes and layers that some sections lack.

    Raises
    ------
    InputError
        If there are no sections, one is not an AnnData, or only some have coordinates.
    """
    named = _by_name(sections)
    if isinstance(sections, Mapping):
        codes = {name: words().section(name) for name in named}
    else:
        codes = {name: words().section(i) for i, name in enumerate(named)}
    if gene_column is not None:
        named = named_by(named, gene_column, codes)
    parts = list(named.values())
    genes = genes_of_all(named, codes)
    layers = [name for name in parts[0].layers if name is not None and all(name in p.layers for p in parts)]
    lost = sorted({str(name) for p in parts for name in p.layers if name is not None} - set(layers))
    if lost:
        lacking = [name for name, p in named.items() if any(layer not in p.layers for layer in lost)]
        _warn(f"Left out the layers {some(lost)}, which not all sections have: not {some(lacking)}.")
    tissue = [on_tissue(part.obs, warn=False) for part in parts]
    places = _places(named, tissue)
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
    labels, images, down = _labels(named, tissue, places)
    joined = ad.concat(taken, axis="obs", join="inner", merge="first")
    if with_raw:
        var = parts[0].raw.var.loc[joined.raw.var_names]  # concat drops the annotation of raw
        joined.raw = ad.AnnData(joined.raw.X, joined.obs[[]], var)
    joined.obs[SECTION] = labels
    on = np.concatenate([np.isin(np.arange(p.n_obs), rows) for p, rows in zip(parts, tissue, strict=True)])
    if not np.array_equal(on_tissue(joined.obs, warn=False), np.flatnonzero(on)):
        joined.obs[_IN_TISSUE] = on.astype(int)  # sections lack it, or name it otherwise
    if places[0] is not None:
        joined.obsm[SPATIAL] = np.concatenate([where for where in places if where is not None])
    joined.uns[HOMESPOT] = {**down, _JOINED: _sources(list(named), parts, labels)}
    if images:
        joined.uns[SPATIAL] = images
    return joined


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=4)


def _by_name(sections: Mapping[str, ad.AnnData] | Sequence[ad.AnnData]) -> dict[str, ad.AnnData]:
    sections = sections if isinstance(sections, Mapping) else listed("sections", sections)
    keys = list(sections) if isinstance(sections, Mapping) else [None] * len(sections)
    given = list(sections.values() if isinstance(sections, Mapping) else sections)
    wrong = [
        f"{shown(None) if part is None else f'a {type(part).__name__}'} as "
        + words().section(i if key is None else key)
        for i, (key, part) in enumerate(zip(keys, given, strict=True))
        if not isinstance(part, ad.AnnData)
    ]
    if not given or wrong:
        raise InputError(
            expected(
                f"{either('an AnnData', 'an object')} as st, or a list or dict of several sections, each "
                f"{either('an AnnData', 'an object')}",
                ", ".join(wrong) if wrong else "no section",
                "Pass [st1, st2], or {'a': st1, 'b': st2}.",
            )
        )
    _require(given)
    given = [part.to_memory() if on_disk(part) else part for part in given]
    names = _distinct([None if _is_blank(key) else str(key) for key in keys], given)
    if len(set(names)) < len(names):
        raise InputError(
            expected("sections of different names", ", ".join(map(repr, sections)), "Rename one.")
        )
    return dict(zip(names, given, strict=True))


def _require(parts: Sequence[ad.AnnData]) -> None:
    """Refuse sections that do not fit into memory: each once where it is on disk, and all twice together."""
    n_bytes = 0
    for part in parts:
        tables = [x_of(part), *(x_of(part, name) for name in part.layers if name is not None)]
        size = sum(bytes_of(table) for table in tables if table is not None)
        n_bytes += size * (3 if on_disk(part) else 2)
    memory.require(
        lambda sections: n_bytes * sections / len(parts),
        f"{sum(part.n_obs for part in parts):,} spots of {len(parts)} sections together",
        {"sections": len(parts)},
        fewer={"sections": "join at most {} sections"},
    )


def _is_blank(key: object) -> bool:
    return key is None or key != key or not str(key).strip()


def _distinct(names: list[str | None], parts: list[ad.AnnData]) -> list[str]:
    """Return the names of all sections; unnamed ones get their own names if these differ, else numbers."""
    own = [name or _own_name(part) for name, part in zip(names, parts, strict=True)]
    return [
        name or (mine if mine is not None and own.count(mine) == 1 else f"section{i + 1}")
        for i, (name, mine) in enumerate(zip(names, own, strict=True))
    ]


def _own_name(part: ad.AnnData) -> str | None:
    images = list(libraries(part.uns))
    if len(images) == 1:
        return images[0]
    for column in (SECTION, "sample_id", "library_id", "section", "sample"):
        if column in part.obs and part.obs[column].nunique(dropna=False) == 1:
            return str(part.obs[column].iloc[0])
    return None


def _places(named: Mapping[str, ad.AnnData], tissue: Sequence[Ints]) -> list[F64 | None]:
    """Return the coordinates of every section, in the same form; `tissue` are the rows on the tissue."""
    places = [_places_in(part, name, rows) for (name, part), rows in zip(named.items(), tissue, strict=True)]
    dims = {name: 0 if where is None else where.shape[1] for name, where in zip(named, places, strict=True)}
    if len(set(dims.values())) > 1:
        by_dims = {n: [name for name in dims if dims[name] == n] for n in sorted(set(dims.values()))}
        raise InputError(
            expected(
                "sections that all have coordinates of the same dimensions, or none",
                " and ".join(
                    f"{f'{n} dimensions' if n else 'no coordinates'} in {some(names)}"
                    for n, names in by_dims.items()
                ),
                "Give all of them coordinates alike.",
            )
        )
    return places


def _places_in(part: ad.AnnData, name: str, rows: Ints) -> F64 | None:
    """Return the coordinates of a section: in obsm, or the columns x and y of its obs.

    Spots off the tissue, which are not in `rows`, may lack coordinates.
    """
    for taken in (np.arange(part.n_obs), rows):
        given = part.obsm.get(SPATIAL)
        if given is None:
            given = plain_columns(part.obs.iloc[taken])
        else:
            given = given.iloc[taken] if isinstance(given, pd.DataFrame) else np.asarray(given)[taken]
        try:
            where = spot_coordinates(given, len(taken))
        except InputError as error:
            if len(taken) == len(rows):
                raise in_section(name, error) from error
            continue
        if where is not None:
            found = np.full((part.n_obs, where.shape[1]), np.nan)
            found[taken] = where
            return found
    return None


def _sources(names: list[str], parts: list[ad.AnnData], labels: list[str]) -> dict[str, Any]:
    """Return every section, and the object that it comes from."""
    objects = np.repeat(np.asarray(names, dtype=object), [part.n_obs for part in parts])
    pairs = dict(zip(labels, objects, strict=True))
    if any(pairs[label] != name for label, name in zip(labels, objects, strict=True)):
        twice = {label for label, name in zip(labels, objects, strict=True) if pairs[label] != name}
        raise InputError(
            expected(
                "objects whose sections have names of their own",
                f"{some(sorted(twice))} for sections of two objects",
                "Rename the objects.",
            )
        )
    return {"section": np.asarray(list(pairs), object), "object": np.asarray(list(pairs.values()), object)}


def objects_of(st: ad.AnnData) -> npt.NDArray[np.object_] | None:
    """Return the name of every spot's object, if `join_sections` combined several; else None."""
    record = st.uns.get(HOMESPOT)
    joined = record.get(_JOINED) if isinstance(record, Mapping) else None
    if not isinstance(joined, Mapping) or SECTION not in st.obs:
        return None
    known = dict(zip(joined["section"], joined["object"], strict=True))
    return np.asarray([known.get(label, label) for label in st.obs[SECTION]], dtype=object)


def _labels(
    named: dict[str, ad.AnnData], tissue: Sequence[Ints], places: Sequence[F64 | None]
) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Return the section of every spot, the images by section, and the record's entries on y."""
    labels: list[str] = []
    images: dict[str, Any] = {}
    directions: dict[str, bool] = {}
    for (name, part), rows, where in zip(named.items(), tissue, places, strict=True):
        own = libraries(part.uns)
        positions = None if where is None else where[rows]
        inner = found_sections(part.obs.iloc[rows], list(own), positions=positions)
        if inner is None:
            labels += [name] * part.n_obs
            images.update(zip([name], own.values(), strict=False))
            directions[name] = y_down(part)
        else:
            own_labels = np.full(part.n_obs, name, dtype=object)  # the section of a spot off the tissue
            own_labels[rows] = [f"{name}_{label}" for label in inner.labels()]
            labels += own_labels.tolist()
            images |= {f"{name}_{key}": library for key, library in own.items()}
            down = sections_down(part, inner, part.obs.iloc[rows])
            directions |= {f"{name}_{label}": is_down for label, is_down in down.items()}
    return labels, images, combined_direction(directions)


def _names(named: dict[str, ad.AnnData]) -> pd.Index:
    """Return the names of all spots; if some occur in several sections, with the section in front."""
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
