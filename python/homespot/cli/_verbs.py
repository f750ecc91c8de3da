"""homespot place | impute | deconvolve | fit-types: places, genes and cell types of spots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anndata as ad
import numpy as np
import typer

from .. import deconvolve_spots, fit_types, impute_genes, load, place_cells
from ..common.keys import HOMESPOT, LOWER, MAPPED, SECTION, SPREAD, TYPE, UPPER
from ..evaluate.kept import read_scores
from ..mapping.joined_types import BY_MAP
from ..objects.h5ad import write_whole
from ..objects.reading import read
from ._shared import (
    GeneColumn,
    Json,
    MapLayer,
    Out,
    Overwrite,
    Scale,
    ScLayer,
    Spots,
    StLayer,
    check_outputs,
    say,
    spatial,
)


def place(
    context: typer.Context,
    mapping: Annotated[Path, typer.Argument(help="Mapping, .h5ad, as `homespot map` wrote it.")],
    sc: Annotated[Path, typer.Argument(help="The single-cell data that was mapped, .h5ad.")],
    output: Out = Path("placed.h5ad"),
    position: Annotated[str, typer.Option(help="median, mean, k_best or argmax.")] = "median",
    k: Annotated[int, typer.Option(help="How many spots median and k_best take.")] = 20,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Give the mapped cells coordinates: obsm["spatial"], and home spot, probability and spread in obs."""
    check_outputs(context, [output], ".h5ad", overwrite=overwrite)
    placed = place_cells(load(mapping), read(sc), position=position, k=k)  # type: ignore[arg-type]
    write_whole(placed, output)
    spread = float(placed.obs[SPREAD].median())
    counts = placed.obs[SECTION].value_counts().to_dict() if SECTION in placed.obs else {}
    in_sections = ", ".join(f"{name} {n}" for name, n in counts.items())
    say(
        as_json,
        {
            "output": str(output),
            "cells": placed.n_obs,
            "median_spread": spread,
            **({"sections": {str(name): int(n) for name, n in counts.items()}} if counts else {}),
        },
        f"Placed {placed.n_obs} cells; median spread {spread:.4g} in the unit of the coordinates.\n"
        + (f"Cells by section: {in_sections}.\n" if counts else "")
        + f"Wrote {output}",
    )


def impute(
    context: typer.Context,
    mapping: Annotated[Path, typer.Argument(help="Mapping, .h5ad, as `homespot map` wrote it.")],
    sc: Annotated[Path, typer.Argument(help="The single-cell data that was mapped, .h5ad.")],
    output: Out = Path("imputed.h5ad"),
    gene: Annotated[list[str] | None, typer.Option(help="A gene; all of them if left out.")] = None,
    read_out: Annotated[
        str | None,
        typer.Option(
            help="scaled (to the scale of the atlas), mean (of its cells) or sum (P'X); "
            "scaled if left out, mean for maps from elsewhere."
        ),
    ] = None,
    st: Annotated[
        list[Path] | None,
        typer.Option(
            help="The spatial data, to correct genes by what the map gets wrong about measured ones; give "
            "several for several sections."
        ),
    ] = None,
    layer: MapLayer = None,
    scale: Scale = "auto",
    scores: Annotated[
        Path | None, typer.Option(help="Table that `homespot evaluate` wrote, .csv: how far to trust a gene.")
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(help="Share of measured values that intervals are to hold, from --scores, e.g. 0.9."),
    ] = None,
    block_size: Annotated[int, typer.Option(help="How many genes are computed at once.")] = 256,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring genes of the single cells to the spots, a block at a time: spots x genes."""
    check_outputs(context, [output], ".h5ad", overwrite=overwrite)
    found = impute_genes(
        load(mapping),
        read(sc),
        gene,
        read_out=read_out,  # type: ignore[arg-type]
        st=None if not st else spatial(st, read),
        layer=layer,
        scale=scale,  # type: ignore[arg-type]
        scores=None if scores is None else read_scores(scores),
        level=level,
        output=output,
        block_size=block_size,
    )
    scale = found.uns[HOMESPOT]["imputed_scale"]
    mapped = int(found.var[MAPPED].sum()) if MAPPED in found.var else None
    width = None if level is None else float(np.nanmedian(found.layers[UPPER] - found.layers[LOWER]))
    say(
        as_json,
        {
            "output": str(output),
            "spots": found.n_obs,
            "genes": found.n_vars,
            "scale": scale,
            **({} if mapped is None else {"mapped_genes": mapped}),
            **({} if width is None else {"level": level, "median_width": width}),
        },
        f"Imputed {found.n_vars} gene(s) at {found.n_obs} spots.\nScale: {scale}.\n"
        + ("" if mapped is None else f"Genes that the map was made from: {mapped}.\n")
        + ("" if width is None else f"Intervals of the level {level:g}: median width {width:.3g}.\n")
        + f"Wrote {output}",
    )
    found.file.close()


Level = Annotated[
    float | None, typer.Option(help="Level of intervals of the proportions, e.g. 0.9; none if left out.")
]


def deconvolve(
    context: typer.Context,
    mapping: Annotated[Path, typer.Argument(help="Mapping, .h5ad, as `homespot map` wrote it.")],
    labels: Annotated[str, typer.Argument(help="Column of the mapping's cells with their type.")],
    output: Out = Path("types.h5ad"),
    sc: Annotated[
        Path | None,
        typer.Option(
            help="The single-cell data that was mapped: with it and --st, spots are fitted as well."
        ),
    ] = None,
    st: Annotated[
        list[Path] | None, typer.Option(help="The spatial data; give several for several sections.")
    ] = None,
    read_out: Annotated[
        str, typer.Option(help="square (cells count by the square of P) or sum (by P).")
    ] = "square",
    density: Annotated[
        str | None, typer.Option(help="Column of the mapping's spots with how many cells each holds.")
    ] = None,
    level: Level = None,
    sc_layer: MapLayer = None,
    st_layer: MapLayer = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the cell types in every spot: spots x types, proportions and expected numbers of cells.

    With --sc and --st, the answer of the map is joined with that of a fit on the types' means. Without, rare
    types are found in too many spots, and abundant ones are too rare where they are.
    """
    check_outputs(context, [output], ".h5ad", overwrite=overwrite)
    found = deconvolve_spots(
        load(mapping),
        labels,
        sc=None if sc is None else read(sc),
        st=None if not st else spatial(st, read),
        read_out=read_out,  # type: ignore[arg-type]
        density=density,
        level=level,
        sc_layer=sc_layer,
        st_layer=st_layer,
    )
    _write_types(found, output, as_json=as_json)


def fit(
    context: typer.Context,
    reference: Annotated[
        Path, typer.Argument(help="Cells x genes, or, without --labels, the types' means: types x genes.")
    ],
    st: Spots,
    output: Out = Path("types.h5ad"),
    labels: Annotated[str | None, typer.Option(help="Column of the cells with their type.")] = None,
    level: Level = None,
    sc_layer: ScLayer = None,
    st_layer: StLayer = None,
    sc_scale: Scale = "auto",
    st_scale: Scale = "auto",
    sc_gene_column: GeneColumn = None,
    st_gene_column: GeneColumn = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the cell types in every spot by a fit on the types' means, without a map: spots x types."""
    check_outputs(context, [output], ".h5ad", overwrite=overwrite)
    found = fit_types(
        read(reference),
        spatial(st, read),
        labels,
        level=level,
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,  # type: ignore[arg-type]
        st_scale=st_scale,  # type: ignore[arg-type]
        sc_gene_column=sc_gene_column,
        st_gene_column=st_gene_column,
    )
    _write_types(found, output, as_json=as_json)


def _write_types(found: ad.AnnData, output: Path, *, as_json: bool) -> None:
    """Write the types of spots; say which are most abundant in how many, and what the answer rests on."""
    write_whole(found, output)
    most = found.obs[TYPE].value_counts()
    values = {"output": str(output), "spots": found.n_obs, "types": list(found.var_names)}
    text = f"Found {found.n_vars} types in {found.n_obs} spots; most abundant in: " + ", ".join(
        f"{name} {count}" for name, count in most.items()
    )
    text += "."
    record = found.uns[HOMESPOT]
    if "types_by" in record:
        values["types_by"] = record["types_by"]
    if "map_weight" in record:
        values["map_weight"] = float(record["map_weight"])
        text += f" The map counts {record['map_weight']:.0%} beside the fit."
    elif "types_by" in record:
        text += f"\nThis is by {BY_MAP.replace('sc and st', '--sc and --st')}."
    say(as_json, values, f"{text}\nWrote {output}")
