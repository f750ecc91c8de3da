"""homespot evaluate | report: how far a map can be trusted, and a page that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import cross_validate, load, metrics, report
from ..common.checks import one_of
from ..evaluate.kept import read_scores, target
from ..objects.reading import read
from ._shared import (
    PROGRESS,
    Device,
    GeneColumn,
    Joint,
    Json,
    MapLayer,
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
    check_outputs,
    parameters,
    say,
    spatial,
)

__all__ = ["evaluate", "report_"]


def evaluate(
    context: typer.Context,
    sc: Annotated[Path, typer.Argument(help="Single-cell data, cells x genes: .h5ad, zarr or 10x.")],
    st: Spots,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write, .csv; a run that was cut short goes on.")
    ] = Path("scores.csv"),
    method: Annotated[
        list[str] | None, typer.Option(help="A mapping method; give several to compare. ssa if left out.")
    ] = None,
    preset: Preset = None,
    setting: Setting = None,
    folds: Annotated[str, typer.Option(help="How many folds of genes, or loo for leave-one-out.")] = "10",
    read_out: Annotated[
        str,
        typer.Option(
            help="scaled (to what the atlas measured at a spot), mean (of its cells), sum (P'X) or corrected "
            "(scaled, less what it gets wrong about measured genes)."
        ),
    ] = "scaled",
    n_jobs: Annotated[int, typer.Option(help="Processes that work at once.")] = 1,
    sc_layer: ScLayer = None,
    st_layer: StLayer = None,
    sc_scale: Scale = "auto",
    st_scale: Scale = "auto",
    sc_gene_column: GeneColumn = None,
    st_gene_column: GeneColumn = None,
    sections: Sections = None,
    joint: Joint = None,
    seed: Seed = 0,
    device: Device = "auto",
    progress: ProgressWay = "auto",
    as_json: Json = False,
) -> None:
    """Score methods by genes held out: map with the others, predict these, compare with the measured ones."""
    one_of("progress", progress, tuple(PROGRESS))
    check_outputs(context, [], kept=[target(output)])
    named = method or ["ssa"]
    table = cross_validate(
        read(sc),
        spatial(st, read),
        named[0] if len(named) == 1 else {name: name for name in named},
        folds=int(folds) if folds.isdigit() else folds,  # type: ignore[arg-type]
        read_out=read_out,  # type: ignore[arg-type]
        n_jobs=n_jobs,
        output=output,
        seed=seed,
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,  # type: ignore[arg-type]
        st_scale=st_scale,  # type: ignore[arg-type]
        sc_gene_column=sc_gene_column,
        st_gene_column=st_gene_column,
        sections=sections,
        joint=joint,
        preset=preset,
        device=device,
        progress=PROGRESS[progress] if progress != "auto" or not as_json else False,
        **parameters(setting or []),
    )
    means = table.groupby("method", sort=False)[list(metrics.SCORES)].mean()
    means.insert(0, "median pcc", table.groupby("method", sort=False)["pcc"].median())
    if len(named) > 1:
        means["accuracy"] = metrics.accuracy_score(table)["accuracy"].reindex(means.index)
    say(
        as_json,
        {"output": str(output), "genes": int(table["gene"].nunique()), "methods": means.T.to_dict()},
        f"Scores over {table['gene'].nunique()} genes, each predicted from the others (means, and the median "
        f"correlation):\n{means.round(3).to_string(index_names=False)}\nWrote {output}",
    )


def report_(
    context: typer.Context,
    mapping: Annotated[Path, typer.Argument(help="Mapping, .h5ad, as `homespot map` wrote it.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Page to write, .html; it appears whole or not at all.")
    ] = Path("report.html"),
    sc: Annotated[Path | None, typer.Option(help="The single-cell data that was mapped, .h5ad.")] = None,
    st: Annotated[
        list[Path] | None, typer.Option(help="The spatial data, .h5ad; give several for several sections.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Column of the mapping's cells with their type.")] = None,
    gene: Annotated[list[str] | None, typer.Option(help="A gene to colour by; left out: some tens.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Table that `homespot evaluate` wrote, .csv.")] = None,
    sc_layer: MapLayer = None,
    st_layer: MapLayer = None,
    sc_scale: Scale = "auto",
    st_scale: Scale = "auto",
    unit: Annotated[str | None, typer.Option(help="Unit of the coordinates, for the scale bar.")] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write one HTML page about a map: what was mapped, how it ended, pictures, and a tissue to explore."""
    check_outputs(context, [output], ".html", ".htm", overwrite=overwrite)
    path = report(
        load(mapping),
        output,
        sc=None if sc is None else read(sc),
        st=None if not st else spatial(st, read),
        labels=labels,
        genes=gene,
        scores=None if scores is None else read_scores(scores),
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,  # type: ignore[arg-type]
        st_scale=st_scale,  # type: ignore[arg-type]
        unit=unit,
        title=title,
    )
    say(as_json, {"output": str(path)}, f"Wrote {path}")
