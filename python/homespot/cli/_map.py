"""homespot map | methods | simulate: make a map, list the methods, and simulate data."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import map_cells, methods, save, simulate_spots
from ..common.checks import one_of
from ..common.ending import ending_of
from ..common.keys import HOMESPOT
from ..evaluate.platform import DEPTH, DROPOUT, PLATFORM_SD
from ..methods import Parameter
from ..objects.h5ad import write_whole, written
from ..objects.reading import read
from ._shared import (
    PROGRESS,
    Device,
    GeneColumn,
    Joint,
    Json,
    Out,
    Overwrite,
    Preset,
    ProgressWay,
    Scale,
    ScLayer,
    Sections,
    Seed,
    Setting,
    Spots,
    StLayer,
    check_folder,
    check_outputs,
    parameters,
    say,
    spatial,
)


def map_(
    context: typer.Context,
    sc: Annotated[Path, typer.Argument(help="Single-cell data, cells x genes: .h5ad, zarr or 10x.")],
    st: Spots,
    output: Out = Path("map.h5ad"),
    method: Annotated[str, typer.Option(help="Mapping method; `homespot methods` lists them.")] = "ssa",
    preset: Preset = None,
    setting: Setting = None,
    sc_layer: ScLayer = None,
    st_layer: StLayer = None,
    sc_scale: Scale = "auto",
    st_scale: Scale = "auto",
    sc_gene_column: GeneColumn = None,
    st_gene_column: GeneColumn = None,
    sections: Sections = None,
    joint: Joint = None,
    shared_frame: Annotated[
        bool, typer.Option("--shared-frame", help="All sections share one frame of coordinates.")
    ] = False,
    k_best: Annotated[int | None, typer.Option(help="Keep the k largest entries of a row.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    seed: Seed = 0,
    device: Device = "auto",
    progress: ProgressWay = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Learn the map from cells to spots and write it as .h5ad (cells x spots).

    Counts or log values are recognised; genes are matched by name.
    """
    one_of("progress", progress, tuple(PROGRESS))
    chosen = parameters(setting or [])
    settings = methods.get(method).settings(preset, chosen)
    checkpoint = settings.get("checkpoint")
    kept = [] if checkpoint is None else [Path(checkpoint).expanduser()]
    check_outputs(context, [output], ".h5ad", kept=kept, overwrite=overwrite)
    mapping = map_cells(
        read(sc),
        spatial(st, read),
        method,
        preset=preset,
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,  # type: ignore[arg-type]
        st_scale=st_scale,  # type: ignore[arg-type]
        sc_gene_column=sc_gene_column,
        st_gene_column=st_gene_column,
        sections=sections,
        joint=joint,
        shared_frame=shared_frame,
        k_best=k_best,
        dtype=dtype,  # type: ignore[arg-type]
        seed=seed,
        device=device,
        progress=PROGRESS[progress] if progress != "auto" or not as_json else False,
        **chosen,
    )
    save(mapping, output)
    record = mapping.uns[HOMESPOT]
    size = {"output": str(output), "cells": mapping.n_obs, "spots": mapping.n_vars}
    mapped = f"Mapped {mapping.n_obs} cells to {mapping.n_vars} spots"
    parts = list(record.get("parts", {}).values())
    if not parts:
        summary = _summary(record)
        text = f"{mapped} {_described(record)}"
    else:
        summary = {"sections": {part["section"]: _summary(part) for part in parts}}
        by_section = [f"Section {part['section']!r} {_described(part)}" for part in parts]
        text = "\n".join(
            [f"{mapped} in {len(parts)} sections ({record['sections']}), each by itself.", *by_section]
        )
    say(as_json, {**size, **summary}, f"{text}\nWrote {output}")
    if any(ending_of(one).interrupted for one in parts or [record]):
        raise typer.Exit(130)


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    """Return the summary of a map as plain values, without the curves, which are in the file."""
    numbers = {
        k: v for k, v in record["solver"].items() if isinstance(v, bool | int | float | str | np.generic)
    }
    summary = {
        "genes": len(record["genes"]),
        **{name: record[name] for name in ("method", "device", "sc_scale", "st_scale")},
        **numbers,
    }
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in summary.items()}


def _described(record: dict[str, Any]) -> str:
    """Say the same for people."""
    return (
        f"over {len(record['genes'])} genes by {record['method']} on {record['device']}.\n"
        f"Single-cell data: {record['sc_scale']} ({record['sc_scale_evidence']}); "
        f"spatial data: {record['st_scale']} ({record['st_scale_evidence']}).\n"
        f"{ending_of(record).sentence}"
    )


def simulate(
    context: typer.Context,
    cells: Annotated[Path, typer.Argument(help="Cells with coordinates in obsm['spatial'], .h5ad.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for sc.h5ad and st.h5ad.")] = Path(
        "simulated"
    ),
    cells_per_spot: Annotated[float, typer.Option(help="Cells an occupied square holds on average.")] = 25.0,
    n_parts: Annotated[int, typer.Option(help="Into how many parts the cells are divided.")] = 10,
    part: Annotated[int, typer.Option(help="Which part is mapped, from 0.")] = 0,
    leave_out: Annotated[bool, typer.Option(help="Leave the mapped cells out of the spots' means.")] = True,
    layer: Annotated[str | None, typer.Option(help="Layer with the expression; X if left out.")] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            help="Law of the genes' factors, log-normal or laplace, if another technology is to have "
            "measured the cells."
        ),
    ] = None,
    platform_sd: Annotated[
        float, typer.Option(help="Standard deviation of the factors' logarithms to base 10.")
    ] = PLATFORM_SD,
    depth: Annotated[float, typer.Option(help="Share of the molecules that the cells keep.")] = DEPTH,
    dropout: Annotated[float, typer.Option(help="Probability that a count is lost beyond that.")] = DROPOUT,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make a single-cell and a spatial data set with known truth out of cells whose places are known."""
    check_folder(context, output, ["sc.h5ad", "st.h5ad"], overwrite=overwrite)
    sc, st = simulate_spots(
        read(cells),
        cells_per_spot=cells_per_spot,
        n_parts=n_parts,
        part=part,
        leave_out=leave_out,
        layer=layer,
        platform=platform,  # type: ignore[arg-type]
        platform_sd=platform_sd,
        depth=depth,
        dropout=dropout,
        seed=seed,
    )
    output.mkdir(parents=True, exist_ok=True)
    with written(sc, output / "sc.h5ad", compression="gzip"):  # both appear, or none
        write_whole(st, output / "st.h5ad")
    say(
        as_json,
        {
            "output": str(output),
            "cells": sc.n_obs,
            "spots": st.n_obs,
            "pitch": float(st.uns[HOMESPOT]["pitch"]),
        },
        f"Made {sc.n_obs} cells to be mapped and {st.n_obs} spots, {st.uns[HOMESPOT]['pitch']:.4g} apart.\n"
        f"Wrote {output}/sc.h5ad and {output}/st.h5ad",
    )


def methods_(as_json: Json = False) -> None:
    """List the mapping methods, their parameters with defaults and meaning, and their presets."""
    listed = [methods.get(name) for name in methods.names()]
    say(
        as_json,
        {
            m.name: {
                "summary": m.summary,
                "parameters": m.parameters,
                "documentation": {name: _meaning(parameter) for name, parameter in m.declared.items()},
                "presets": {k: dict(v) for k, v in m.presets.items()},
            }
            for m in listed
        },
        "\n\n".join(
            f"{m.name}: {m.summary}\n"
            + "\n".join(_entry(parameter) for parameter in m.declared.values())
            + "".join(f"\n  preset {name}: {dict(values)}" for name, values in m.presets.items())
            for m in listed
        ),
    )


def _meaning(parameter: Parameter) -> str:
    accepts = f"{parameter.accepts[:1].upper()}{parameter.accepts[1:]}."
    return f"{parameter.doc.replace('``', '')} {accepts if parameter.accepts else ''}".strip()


def _entry(parameter: Parameter) -> str:
    """Return a parameter as `homespot methods` lists it: its name, its default and its meaning."""
    meaning = textwrap.fill(_meaning(parameter), 100, break_long_words=False, break_on_hyphens=False)
    return f"  {parameter.name} = {parameter.default!r}\n{textwrap.indent(meaning, '      ')}".rstrip()
