"""The only door that R uses: arrays and plain values in and out."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from . import (
    add,
    annotate,
    apart,
    assign,
    axes,
    bridge_evaluate,
    bridge_files,
    colocate,
    combine,
    deconvolve,
    impute,
    keys,
    mapping,
    memory,
    methods,
    modes,
    place,
)
from . import map as maps
from ._version import __version__
from .bridge_evaluate import Spatial, known_images, named_coordinates, sections_in_memory
from .crossing import (
    columns,
    csr,
    frame,
    frame_columns,
    plain,
    plain_matrix,
    read_column,
    record_from,
    release,
    streamed,
    strings,
)
from .device import resolve_device
from .directions import combined_direction
from .errors import ConvergenceWarning, DataWarning, HomespotError, TooLargeError
from .evaluate import simulate
from .extras import has
from .genes import genes_of
from .joined import as_one
from .labels import GIVEN_LABELS
from .report import report as write_report
from .solution import versions
from .streamed import annotated
from .tables import X

__all__ = [
    "about",
    "argument_names",
    "call",
    "columns",
    "csr",
    "release",
    "set_threads",
    "streamed",
]

_VERBS: dict[str, Callable[..., Any]] = {
    "map_cells": maps.map_cells,
    "place_cells": place.place_cells,
    "add_mapping": add.add_mapping,
    "simulate_spots": simulate.simulate_spots,
    "impute_genes": impute.impute_genes,
    "deconvolve_spots": deconvolve.deconvolve_spots,
    "annotate_cells": annotate.annotate_cells,
    "assign_cells": assign.assign_cells,
    "cell_modes": modes.cell_modes,
    "report": write_report,
    "colocate_types": colocate.colocate_types,
    "type_distances": colocate.type_distances,
    "cell_distances": colocate.cell_distances,
    **bridge_evaluate.VERBS,
}
_ROW = ".homespot_row"
_ADDED = (
    keys.LEFT_OVER,
    keys.EXPRESSION,
    keys.SECTION,
    keys.SECTION_PROB,
    *GIVEN_LABELS.values(),
)
_R_DOUBLES = 2  # copies of P that R holds at once: its own, and one while it is checked


def about() -> dict[str, Any]:
    """Return which homespot and Python this is, its folder and device, and the versions of what it needs."""
    return {
        "version": __version__,
        "device": resolve_device(),
        "executable": sys.executable,
        "folder": str(Path(__file__).parent),
        "versions": versions(["torch"] if has("torch") else []),
    }


def lacking(names: Sequence[str], device: str) -> list[str]:
    """Return the packages that these methods, or the device, need and that are not installed."""
    known = [methods.get(name) for name in names if name in methods.names()]
    needed = [package for method in known for package in method.packages]
    return [name for name in (*needed, *(["torch"] if device.startswith("cuda") else [])) if not has(name)]


@contextmanager
def _own_libraries() -> Iterator[None]:
    """Let libraries that are loaded meanwhile look for symbols in themselves first.

    R's BLAS is in the global scope of its process, where torch's calls of ``sgemm_`` would find it before
    torch's own: slower, and with other last digits than Python gets. Elsewhere than on Linux libraries always
    look so.
    """
    deep = getattr(os, "RTLD_DEEPBIND", None)
    if deep is None:
        yield
        return
    before = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | deep)
    try:
        yield
    finally:
        sys.setdlopenflags(before)


def set_threads(limit: str) -> None:
    """Take over what R's environment has as ``OMP_NUM_THREADS``; empty is no limit."""
    if limit:
        os.environ["OMP_NUM_THREADS"] = limit
    else:
        os.environ.pop("OMP_NUM_THREADS", None)


def call(verb: str, *arguments: Any, **named: Any) -> dict[str, Any]:
    """Call a function of this module, with its errors and warnings as plain values.

    Returns
    -------
    ``value``; ``error``, None or the class and the message of what homespot refused; ``warnings``, the
    classes and messages of homespot's own warnings. Other errors are faults of the program and pass.
    """
    answer: dict[str, Any] = {"value": None, "error": None}
    with warnings.catch_warnings(record=True) as caught, _own_libraries():
        warnings.simplefilter("always")
        try:
            answer["value"] = _DOOR[verb](*arguments, **named)
        except (HomespotError, MemoryError) as error:
            kind = type(error) if isinstance(error, HomespotError) else TooLargeError
            answer["error"] = {"class": kind.__name__, "message": str(error)}
    answer["warnings"] = []
    for warning in caught:
        if issubclass(warning.category, DataWarning | ConvergenceWarning):
            answer["warnings"].append({"class": warning.category.__name__, "message": str(warning.message)})
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return answer


def key_names() -> dict[str, Any]:
    """Return every name of keys.py."""
    return {name: getattr(keys, name) for name in keys.__all__}


def method_names() -> list[str]:
    """Return the names of the registered methods."""
    return methods.names()


def method_parameters(method: str) -> dict[str, Any]:
    """Return a method's own parameters with their defaults."""
    return methods.get(method).parameters


def signature(verb: str) -> dict[str, Any]:
    """Return the arguments of a verb with their defaults, ``"<required>"`` where there is none."""
    parameters = inspect.signature(_VERBS[verb]).parameters.values()
    return {
        p.name: "<required>" if p.default is p.empty else p.default
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    }


def argument_names() -> list[str]:
    """Return the names of all arguments, of the verbs and of the methods."""
    names = {name for verb in _VERBS for name in signature(verb)}
    return sorted(names.union(*(method_parameters(method) for method in method_names())))


def _require_doubles(n_cells: int, n_spots: int, dtype: npt.DTypeLike) -> None:
    """Refuse a dense P for which R, whose numbers are doubles, has no room beside Python's."""
    memory.require(
        n_cells * n_spots * (np.dtype(dtype).itemsize + _R_DOUBLES * 8),
        f"a map of {n_cells:,} cells x {n_spots:,} spots in Python and, as doubles, in R",
        "Use k_best, which keeps the largest entries of every row as a sparse matrix.",
    )


def _numbered(adata: ad.AnnData, first: int) -> ad.AnnData:
    """Give the rows of a data set numbers, by which R knows them in the result."""
    adata.obs[_ROW] = np.arange(first, first + adata.n_obs)
    return adata


def _own_columns(table: pd.DataFrame) -> dict[str, Any]:
    return frame_columns(table[[name for name in _ADDED if name in table]])


def map_cells(
    sc: ad.AnnData,
    st: Spatial,
    method: str,
    *,
    parameters: dict[str, Any] | None = None,
    **named: Any,
) -> dict[str, Any]:
    """Map cells to spots; as `homespot.map_cells`. Cells and spots by their row, from 0, of all sections."""
    st = sections_in_memory(st)
    sections = [st] if isinstance(st, ad.AnnData) else list(st.values() if isinstance(st, Mapping) else st)
    if named.get("k_best") is None:
        _require_doubles(sc.n_obs, sum(one.n_obs for one in sections), named.get("dtype", "float32"))
    _numbered(sc, 0)
    first = 0
    for one in sections:
        _numbered(one, first)
        first += one.n_obs
    mapping = maps.map_cells(sc, st, method, **named, **(parameters or {}))
    return {
        **plain_matrix(mapping.X),
        "cells": mapping.obs[_ROW].to_numpy(dtype=np.int32),
        "spots": mapping.var[_ROW].to_numpy(dtype=np.int32),
        "spot_names": np.asarray(mapping.var_names, dtype=object),
        "cell_columns": _own_columns(mapping.obs),
        "spot_columns": _own_columns(mapping.var),
        "coordinates": mapping.varm.get(keys.SPATIAL),
        "record": plain(mapping.uns[keys.HOMESPOT]),
    }


def cell_positions(of: ad.AnnData, position: str, k: int, **named: Any) -> dict[str, Any]:
    """Return where every cell sits, as columns; as `homespot.cell_positions`."""
    return frame_columns(place.cell_positions(of, position=position, k=k, **named))  # type: ignore[arg-type]


def home_spots(of: ad.AnnData) -> dict[str, Any]:
    """Return the home spot of every cell of a map without coordinates, its probability, and entropy."""
    return frame_columns(place.home_table(of))


def several_sections(of: ad.AnnData) -> bool:
    """Whether the spots of a map lie in several sections, each in a frame of its own."""
    return apart.sections_of(of) is not None


def combined_sections(maps_of: Sequence[ad.AnnData], names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the section of every spot of maps that R puts side by side, and the direction of y."""
    labels, down = combine.section_labels(maps_of, names)
    return {"sections": np.asarray(labels, dtype=object), "direction": plain(combined_direction(down))}


def new_mapping(
    matrix: Any,
    cells: str | Sequence[str],
    spots: str | Sequence[str],
    obs: dict[str, Any],
    var: dict[str, Any],
    record: dict[str, Any],
    coordinates: npt.NDArray[np.float64] | None = None,
    names: str | Sequence[str] | None = None,
    *,
    images: Mapping[str, Sequence[float]] | None = None,
) -> ad.AnnData:
    """Build the mapping that R holds, in the type it was computed with; obs has the left-over.

    `names` are those of the columns of the coordinates; `images` as for `experiment`.
    """
    record = record_from(record)
    record.setdefault("format_version", keys.FORMAT_VERSION)
    matrix = matrix.astype(np.dtype(record.get("dtype", "float32")))
    if isinstance(matrix, np.ndarray):
        matrix = np.ascontiguousarray(matrix)
    cell_table = frame(obs, cells)
    left_over = cell_table.pop(keys.LEFT_OVER).to_numpy(dtype=np.float64)
    positions = axes.spot_coordinates(named_coordinates(coordinates, names), matrix.shape[1])
    made = mapping.new_mapping(
        matrix, cell_table, frame(var, spots), record, positions=positions, left_over=left_over
    )
    if images:
        made.uns[keys.SPATIAL] = known_images(images)
    return made


def save(path: str, of: ad.AnnData) -> None:
    """Write a mapping as .h5ad."""
    mapping.save(of, path)


def load(path: str, *, backed: bool) -> dict[str, Any]:
    """Read a mapping from .h5ad as plain values; where it stays `backed`, R reads P itself."""
    loaded = mapping.load(path, backed=backed)
    matrix = {} if backed else plain_matrix(loaded.X)
    if backed:
        loaded.file.close()
    return {
        **matrix,
        "cells": np.asarray(loaded.obs_names, dtype=object),
        "spots": np.asarray(loaded.var_names, dtype=object),
        "obs": frame_columns(loaded.obs),
        "var": frame_columns(loaded.var),
        "coordinates": mapping.coordinates(loaded) if mapping.has_coordinates(loaded) else None,
        "record": plain(loaded.uns[keys.HOMESPOT]),
    }


# --- what follows from a map --------------------------------------------------------------------------


def single_cells(
    matrix: Any,
    names: str | Sequence[str],
    genes: str | Sequence[str],
    annotation: dict[str, Any] | None = None,
) -> ad.AnnData:
    """Build an AnnData of expression, cells x genes, dense or CSR; `annotation` of the genes, if any."""
    with warnings.catch_warnings():
        # The verbs refuse such, and say which.
        warnings.filterwarnings("ignore", ".* names are not unique", UserWarning)
        return annotated(matrix, obs=pd.DataFrame(index=strings(names)), var=frame(annotation or {}, genes))


def values(column: dict[str, Any], names: str | Sequence[str] | None = None) -> Any:
    """Take a vector from R: one value a row, or with their names where it has some."""
    read = read_column(column)
    return read if names is None else pd.Series(read, index=strings(names))


def _turned(adata: ad.AnnData) -> dict[str, Any]:
    """Return a result as R has it, its variables in rows; of the columns' annotation what homespot added."""
    added = [name for name in adata.obs if str(name).startswith(keys.HOMESPOT)]
    return {
        "x": None if adata.isbacked else plain_matrix(adata.X.T),
        "layers": {name: plain_matrix(layer.T) for name, layer in adata.layers.items() if name},
        "columns": frame_columns(adata.obs[added]),
        "rows": np.asarray(adata.var_names, dtype=object),
        "row_columns": frame_columns(adata.var),
    }


def _square(found: pd.DataFrame) -> dict[str, Any]:
    return {**plain_matrix(found.to_numpy()), "rows": np.asarray(found.index, dtype=object)}


def impute_genes(of: ad.AnnData, sc: ad.AnnData, genes: Any, **named: Any) -> dict[str, Any]:
    """Impute; as `homespot.impute_genes`. The file named by ``output`` is written and closed."""
    chosen = None if genes is None else list(strings(genes))
    if named.get("output") is None:
        n_genes = sc.n_vars if chosen is None else len(chosen)
        memory.require(
            of.n_vars * n_genes * (4 + _R_DOUBLES * 8),
            f"{n_genes:,} genes at {of.n_vars:,} spots in Python and, as doubles, in R",
            "Ask for fewer genes, or name an output file, which is written a block at a time.",
        )
    found = impute.impute_genes(of, sc, chosen, layer=X, **named)  # R has chosen the values
    result = _turned(found)
    result["genes"] = _gene_rows(of, sc, found.var_names)
    result["row_columns"] = frame_columns(found.var[[name for name in keys.SCORES if name in found.var]])
    result["read_out"] = found.uns[keys.HOMESPOT]["read_out"]
    if found.isbacked:
        found.file.close()
    return result


def _gene_rows(of: ad.AnnData, sc: ad.AnnData, names: pd.Index) -> npt.NDArray[np.int32]:
    """Return the gene of `sc`, by its number from 0, behind every name by which it was matched."""
    column = of.uns[keys.HOMESPOT].get("sc_gene_column")
    with warnings.catch_warnings(action="ignore"):  # it has been said
        kept, about = genes_of(sc.var, "sc", column=column if column in sc.var else None)
    return kept[about.var.index.get_indexer(names)].astype(np.int32)


def assign_cells(of: ad.AnnData, capacity: Any, **named: Any) -> dict[str, Any]:
    """Return the spot of every cell; as `homespot.assign_cells`."""
    found = assign.assign_cells(of, capacity, **named)
    return {"rows": np.asarray(found.index, dtype=object), "columns": frame_columns(found)}


def cell_modes(of: ad.AnnData, **named: Any) -> dict[str, Any]:
    """Return the places of every cell; as `homespot.cell_modes`."""
    return {"columns": frame_columns(modes.cell_modes(of, **named))}


def report(
    of: ad.AnnData,
    output: str,
    *,
    genes: Any,
    st: Spatial | None = None,
    images: Mapping[str, Sequence[Any]] | None = None,
    **named: Any,
) -> None:
    """Write the page; as `homespot.report`.

    `images` are pixels (height x width x colours, 0 to 255) and scale factor of the tissue, by section.
    """
    drawn: dict[str, Any] = {}
    for name, (pixels, scale) in (images or {}).items():
        drawn[name] = {
            "images": {"hires": np.asarray(pixels).astype(np.uint8)},
            "scalefactors": {"tissue_hires_scalef": scale},
        }
    of.uns[keys.SPATIAL] = drawn
    chosen = None if genes is None else list(strings(genes))
    gene_column = of.uns[keys.HOMESPOT].get("st_gene_column")
    together = None if st is None else as_one(sections_in_memory(st), gene_column)
    if together is not None:
        together.uns.pop(keys.SPATIAL, None)  # of which R has the pictures
    write_report(of, output, genes=chosen, st=together, sc_layer=X, st_layer=X, **named)


def deconvolve_spots(of: ad.AnnData, labels: Any, **named: Any) -> dict[str, Any]:
    """Return the types of every spot; as `homespot.deconvolve_spots`."""
    return _turned(deconvolve.deconvolve_spots(of, labels, **named))


def annotate_cells(of: ad.AnnData, labels: Any) -> dict[str, Any]:
    """Return the labels of every cell; as `homespot.annotate_cells`."""
    return _turned(annotate.annotate_cells(of, labels))


def colocate_types(of: ad.AnnData, labels: Any) -> dict[str, Any]:
    """Return the co-location of types; as `homespot.colocate_types`."""
    return _square(colocate.colocate_types(of, labels))


def type_distances(of: ad.AnnData, labels: Any) -> dict[str, Any]:
    """Return the distances of types; as `homespot.type_distances`."""
    return _square(colocate.type_distances(of, labels))


def cell_distances(of: ad.AnnData, cells: Any) -> dict[str, Any]:
    """Return the distances of cells; as `homespot.cell_distances`."""
    return _square(colocate.cell_distances(of, None if cells is None else list(strings(cells))))


_DOOR: dict[str, Callable[..., Any]] = (
    {
        function.__name__: function
        for function in (
            annotate_cells,
            assign_cells,
            cell_distances,
            cell_modes,
            cell_positions,
            colocate_types,
            combined_sections,
            deconvolve_spots,
            frame,
            home_spots,
            impute_genes,
            key_names,
            load,
            map_cells,
            method_names,
            method_parameters,
            new_mapping,
            report,
            save,
            several_sections,
            signature,
            single_cells,
            type_distances,
            values,
        )
    }
    | bridge_evaluate.DOOR
    | bridge_files.DOOR
)
