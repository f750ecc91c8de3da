"""homespot place | impute | deconvolve: places, genes and cell types from a map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import deconvolve_spots, impute_genes, load, place_cells
from ..common.keys import HOMESPOT, MAPPED, SECTION, SPREAD, TYPE
from ..evaluate.kept import read_scores
from ..objects.h5ad import write_whole
from ..objects.reading import read
from ._shared import Json, MapLayer, Out, Overwrite, Scale, check_outputs, say


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
    layer: MapLayer = None,
    scale: Scale = "auto",
    scores: Annotated[
        Path | None, typer.Option(help="Table that `homespot evaluate` wrote, .csv: how far to trust a gene.")
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
        layer=layer,
        scale=scale,  # type: ignore[arg-type]
        scores=None if scores is None else read_scores(scores),
        output=output,
        block_size=block_size,
    )
    scale = found.uns[HOMESPOT]["imputed_scale"]
    mapped = int(found.var[MAPPED].sum()) if MAPPED in found.var else None
    say(
        as_json,
        {
            "output": str(output),
            "spots": found.n_obs,
            "genes": found.n_vars,
            "scale": scale,
            **({} if mapped is None else {"mapped_genes": mapped}),
        },
        f"Imputed {found.n_vars} gene(s) at {found.n_obs} spots.\nScale: {scale}.\n"
        + ("" if mapped is None else f"Genes that the map was made from: {mapped}.\n")
        + f"Wrote {output}",
    )
    found.file.close()


def deconvolve(
    context: typer.Context,
    mapping: Annotated[Path, typer.Argument(help="Mapping, .h5ad, as `homespot map` wrote it.")],
    labels: Annotated[str, typer.Argument(help="Column of the mapping's cells with their type.")],
    output: Out = Path("types.h5ad"),
    read_out: Annotated[
        str, typer.Option(help="square (cells count by the square of P) or sum (by P).")
    ] = "square",
    density: Annotated[
        str | None, typer.Option(help="Column of the mapping's spots with how many cells each holds.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the cell types in every spot: spots x types, proportions and expected numbers of cells."""
    check_outputs(context, [output], ".h5ad", overwrite=overwrite)
    found = deconvolve_spots(
        load(mapping),
        labels,
        read_out=read_out,  # type: ignore[arg-type]
        density=density,
    )
    write_whole(found, output)
    most = found.obs[TYPE].value_counts()
    say(
        as_json,
        {"output": str(output), "spots": found.n_obs, "types": list(found.var_names)},
        f"Found {found.n_vars} types in {found.n_obs} spots; most abundant in: "
        + ", ".join(f"{name} {count}" for name, count in most.items())
        + f".\nWrote {output}",
    )
