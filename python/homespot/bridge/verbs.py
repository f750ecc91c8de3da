"""Verbs on a map, for R, whose arguments or results need a conversion of their own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

import homespot as hs

from ..common import keys, memory
from ..evaluate.cross_validate import Spatial
from ..expression.genes import genes_of
from ..expression.metrics import METRICS
from ..expression.scale import LOG_VALUES, Scale
from ..expression.table import Expression
from ..expression.transforms import log_normalised
from ..objects.annotated import annotated
from ..objects.join_sections import as_one
from ..objects.labels import in_order
from ..objects.tables import X
from .maps import R_DOUBLES
from .objects import sections_in_memory
from .offered import offered
from .values import crossed, frame, frame_columns, plain, read_column, strings, write_column


@offered
def single_cells(
    matrix: Any,
    names: str | Sequence[str],
    genes: str | Sequence[str],
    annotation: dict[str, Any] | None = None,
) -> ad.AnnData:
    """Build an AnnData of expression, cells x genes, dense or CSR; `annotation` of the genes, if any."""
    with warnings.catch_warnings():
        # The verbs refuse duplicate names, and name them.
        warnings.filterwarnings("ignore", ".* names are not unique", UserWarning)
        return annotated(matrix, obs=pd.DataFrame(index=strings(names)), var=frame(annotation or {}, genes))


@offered
def values(column: dict[str, Any], names: str | Sequence[str] | None = None) -> Any:
    """Build a vector: one value per row, or a Series if the vector of R has names."""
    read = read_column(column)
    return read if names is None else pd.Series(read, index=strings(names))


@offered
def impute_genes(
    mapping: ad.AnnData, sc: ad.AnnData, genes: Any, *, st: Spatial | None = None, **named: Any
) -> dict[str, Any]:
    """Impute genes; see `homespot.impute_genes`. The file named by ``output`` is written and closed."""
    chosen = None if genes is None else list(strings(genes))
    if named.get("output") is None:
        n_genes = sc.n_vars if chosen is None else len(chosen)
        tables = 1 if named.get("level") is None else 3
        memory.require(
            lambda genes: tables * mapping.n_vars * genes * (4 + R_DOUBLES * 8),
            f"{n_genes:,} genes at {mapping.n_vars:,} spots in Python and, as doubles, in R",
            {"genes": n_genes},
            fewer={"genes": "ask for at most {} genes, or name an output file, which is written in blocks"},
        )
    st = None if st is None else sections_in_memory(st)
    found = hs.impute_genes(mapping, sc, chosen, st=st, layer=X, **named)  # R has put the chosen layer into X
    result: dict[str, Any] = crossed(found)
    result["genes"] = _gene_rows(mapping, sc, found.var_names)
    added = [keys.MAPPED, *(metric.key for metric in METRICS.values())]
    result["row_columns"] = frame_columns(found.var[[key for key in added if key in found.var]])
    record = found.uns[keys.HOMESPOT]
    known = ("read_out", "imputed_scale", "correction", "intervals")
    result["record"] = plain({name: record[name] for name in known if name in record})
    if found.isbacked:
        found.file.close()
    return result


def _gene_rows(mapping: ad.AnnData, sc: ad.AnnData, names: pd.Index) -> npt.NDArray[np.int32]:
    """Return the gene of `sc`, by its number from 0, behind every name by which it was matched."""
    column = mapping.uns[keys.HOMESPOT].get("sc_gene_column")
    with warnings.catch_warnings(action="ignore"):  # impute_genes() has warned already
        kept, about = genes_of(sc.var, "sc", column=column if column in sc.var else None)
    return kept[about.var.index.get_indexer(names)].astype(np.int32)


@offered
def report(
    mapping: ad.AnnData,
    output: str,
    *,
    genes: Any,
    sc: ad.AnnData | None = None,
    st: Spatial | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    images: Mapping[str, Sequence[Any]] | None = None,
    **named: Any,
) -> None:
    """Write the page; see `homespot.report`.

    What R gives of a side stands in X; a layer is named for a side that is missing alone. `images` are the
    pixels (height x width x colours, 0 to 255) and the scale factor of the tissue image, by section.
    """
    drawn: dict[str, Any] = {}
    for name, (pixels, scale) in (images or {}).items():
        drawn[name] = {
            "images": {"hires": np.asarray(pixels).astype(np.uint8)},
            "scalefactors": {"tissue_hires_scalef": scale},
        }
    mapping.uns[keys.SPATIAL] = drawn
    chosen = None if genes is None else list(strings(genes))
    gene_column = mapping.uns[keys.HOMESPOT].get("st_gene_column")
    together = None if st is None else as_one(sections_in_memory(st), gene_column)
    if together is not None:
        together.uns.pop(keys.SPATIAL, None)  # R passes the images itself
    hs.report(
        mapping,
        output,
        genes=chosen,
        sc=sc,
        st=together,
        sc_layer=sc_layer if sc is None else X,
        st_layer=st_layer if st is None else X,
        **named,
    )


@offered
def cell_distances(mapping: ad.AnnData, cells: Any) -> Any:
    """Return the distances of cells; see `homespot.cell_distances`."""
    return crossed(hs.cell_distances(mapping, None if cells is None else list(strings(cells))))


@offered
def labels_of(labels: Any, cells: str | Sequence[str]) -> dict[str, Any]:
    """Return the label of every cell of a map as a column, in the order of `cells`."""
    return write_column(in_order(labels, pd.DataFrame(index=strings(cells)), "labels", "cell"))


@offered
def log_values(matrix: Any, gene: int, scale: Scale | Literal["auto"]) -> dict[str, Any]:
    """Return the values of a gene at every spot, on the log scale, and what they are.

    `matrix` is spots x genes, counts or log values as `scale` says; `gene` is the number of its column.
    """
    rows, genes = (np.arange(n).astype(str) for n in matrix.shape)
    table = Expression(matrix, rows, genes, "st", scale, np.float64)
    values = log_normalised(table, [str(gene)])[:, 0].astype(np.float64)
    return {"values": values, "scale": LOG_VALUES[table.scale]}
