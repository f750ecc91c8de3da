"""What follows from a map, for R: the verbs, with arrays and plain values in and out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

import homespot as hs

from ..common import keys, memory
from ..evaluate.cross_validate import Spatial
from ..expression.genes import genes_of
from ..expression.metrics import METRICS
from ..objects.annotated import annotated
from ..objects.join_sections import as_one
from ..objects.tables import X
from .maps import R_DOUBLES
from .objects import sections_in_memory
from .values import frame, frame_columns, plain_matrix, read_column, strings

__all__ = ["DOOR"]


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
            of.n_vars * n_genes * (4 + R_DOUBLES * 8),
            f"{n_genes:,} genes at {of.n_vars:,} spots in Python and, as doubles, in R",
            "Ask for fewer genes, or name an output file, which is written a block at a time.",
        )
    found = hs.impute_genes(of, sc, chosen, layer=X, **named)  # R has chosen the values
    result = _turned(found)
    result["genes"] = _gene_rows(of, sc, found.var_names)
    result["row_columns"] = frame_columns(
        found.var[[metric.key for metric in METRICS.values() if metric.key in found.var]]
    )
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
    found = hs.assign_cells(of, capacity, **named)
    return {"rows": np.asarray(found.index, dtype=object), "columns": frame_columns(found)}


def cell_modes(of: ad.AnnData, **named: Any) -> dict[str, Any]:
    """Return the places of every cell; as `homespot.cell_modes`."""
    return {"columns": frame_columns(hs.cell_modes(of, **named))}


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
    hs.report(of, output, genes=chosen, st=together, sc_layer=X, st_layer=X, **named)


def deconvolve_spots(of: ad.AnnData, labels: Any, **named: Any) -> dict[str, Any]:
    """Return the types of every spot; as `homespot.deconvolve_spots`."""
    return _turned(hs.deconvolve_spots(of, labels, **named))


def annotate_cells(of: ad.AnnData, labels: Any) -> dict[str, Any]:
    """Return the labels of every cell; as `homespot.annotate_cells`."""
    return _turned(hs.annotate_cells(of, labels))


def colocate_types(of: ad.AnnData, labels: Any) -> dict[str, Any]:
    """Return the co-location of types; as `homespot.colocate_types`."""
    return _square(hs.colocate_types(of, labels))


def type_distances(of: ad.AnnData, labels: Any) -> dict[str, Any]:
    """Return the distances of types; as `homespot.type_distances`."""
    return _square(hs.type_distances(of, labels))


def cell_distances(of: ad.AnnData, cells: Any) -> dict[str, Any]:
    """Return the distances of cells; as `homespot.cell_distances`."""
    return _square(hs.cell_distances(of, None if cells is None else list(strings(cells))))


DOOR: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        frame,
        single_cells,
        values,
        impute_genes,
        assign_cells,
        cell_modes,
        report,
        deconvolve_spots,
        annotate_cells,
        colocate_types,
        type_distances,
        cell_distances,
    )
}
