"""The command line: homespot map | place | simulate | demo."""

from __future__ import annotations

import ast
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import anndata as ad
import numpy as np
import typer

from . import add_mapping, load, make_demo, map_cells, methods, metrics, place_cells, save, simulate_spots
from ._version import __version__
from .checks import one_of
from .errors import DataWarning, HomespotError, InputError, expected
from .keys import HOMESPOT, POSITIONS, SPATIAL, SPREAD
from .mapping import check_target, read_whole, write_whole
from .place import cell_positions
from .progress import Progress

__all__ = ["main"]

app = typer.Typer(
    name="homespot",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="""Put dissociated single cells back into tissue.

    **homespot demo** shows the whole way on data of its own. On your data, as .h5ad files (cells x genes, and
    spots x genes with coordinates in obsm["spatial"]):

    homespot map cells.h5ad spots.h5ad -o map.h5ad

    homespot place map.h5ad cells.h5ad -o placed.h5ad
    """,
)

_PROGRESS: dict[str, Progress] = {"auto": None, "bar": True, "none": False, "log": "log"}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Out = Annotated[Path, typer.Option("--output", "-o", help="File to write; it appears whole or not at all.")]


def _say(as_json: bool, values: dict[str, Any], text: str) -> None:
    typer.echo(json.dumps(values) if as_json else text)


def _ended(summary: dict[str, Any]) -> str:
    """Say in a sentence how the solver or the training ended."""
    if "converged" in summary:
        how = "Converged" if summary["converged"] else "Did not converge"
        return (
            f"{how} after {summary['iterations']} iterations; marginal errors "
            f"{summary['error_cells']:.1e} (cells), {summary['error_spots']:.1e} (spots)."
        )
    how = "Trained" if summary["finished"] else "Interrupted: trained"
    return (
        f"{how} for {summary['epochs']} epochs as {summary['technology']} data "
        f"({summary['technology_evidence']}); row entropy of the map {summary['entropy']:.2f} of log N; "
        f"the term of types is {'on' if summary['type_contrast'] else 'off'}."
    )


def _check_folder(path: Path) -> None:
    """Refuse a path that is no folder and cannot become one."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(expected("a folder that can be written to", repr(str(path)), "Use another."))


def _parameters(settings: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InputError(expected("--set name=value", repr(setting), "Put an = between them."))
        try:
            parameters[name.replace("-", "_")] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name.replace("-", "_")] = value
    return parameters


@app.command("map")
def map_command(
    sc: Annotated[Path, typer.Argument(help="Single-cell data, .h5ad, cells x genes.")],
    st: Annotated[Path, typer.Argument(help="Spatial data, .h5ad, spots x genes.")],
    output: Out = Path("map.h5ad"),
    method: Annotated[str, typer.Option(help="Mapping method; `homespot methods` lists them.")] = "ssa",
    preset: Annotated[str | None, typer.Option(help="A method's named settings, e.g. paper.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the method, e.g. --set regularisation=0.02"),
    ] = None,
    sc_layer: Annotated[
        str | None, typer.Option(help="Layer of the single-cell data; X if left out.")
    ] = None,
    st_layer: Annotated[str | None, typer.Option(help="Layer of the spatial data; X if left out.")] = None,
    sc_scale: Annotated[str, typer.Option(help="auto, counts or log.")] = "auto",
    st_scale: Annotated[str, typer.Option(help="auto, counts or log.")] = "auto",
    k_best: Annotated[int | None, typer.Option(help="Keep the k largest entries of a row.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "auto",
    progress: Annotated[str, typer.Option(help="auto, bar, none, or log: a line of JSON a step.")] = "auto",
    as_json: Json = False,
) -> None:
    """Learn the map from cells to spots and write it as .h5ad (cells x spots).

    Counts or log values are recognised; genes are matched by name.
    """
    check_target(output)
    one_of("progress", progress, tuple(_PROGRESS))
    parameters = _parameters(setting or [])
    methods.get(method).settings(preset, parameters)
    mapping = map_cells(
        read_whole(sc),
        read_whole(st),
        method,
        preset=preset,
        sc_layer=sc_layer,
        st_layer=st_layer,
        sc_scale=sc_scale,  # type: ignore[arg-type]
        st_scale=st_scale,  # type: ignore[arg-type]
        k_best=k_best,
        dtype=dtype,  # type: ignore[arg-type]
        seed=seed,
        device=device,
        progress=_PROGRESS[progress] if progress != "auto" or not as_json else False,
        **parameters,
    )
    save(mapping, output)
    record = mapping.uns[HOMESPOT]
    ending = record["solver"]
    summary = {
        "output": str(output),
        "cells": mapping.n_obs,
        "spots": mapping.n_vars,
        "genes": len(record["genes"]),
        "method": method,
        "device": record["device"],
        "sc_scale": record["sc_scale"],
        "st_scale": record["st_scale"],
        # The curves are in the file.
        **{k: v for k, v in ending.items() if isinstance(v, bool | int | float | str | np.generic)},
    }
    summary = {k: v.item() if isinstance(v, np.generic) else v for k, v in summary.items()}
    _say(
        as_json,
        summary,
        f"Mapped {mapping.n_obs} cells to {mapping.n_vars} spots over {summary['genes']} genes "
        f"by {method} on {record['device']}.\n"
        f"Single-cell data: {record['sc_scale']} ({record['sc_scale_evidence']}); "
        f"spatial data: {record['st_scale']} ({record['st_scale_evidence']}).\n"
        f"{_ended(summary)}\n"
        f"Wrote {output}",
    )


@app.command()
def place(
    mapping: Annotated[Path, typer.Argument(help="Mapping, .h5ad, as `homespot map` wrote it.")],
    sc: Annotated[Path, typer.Argument(help="The single-cell data that was mapped, .h5ad.")],
    output: Out = Path("placed.h5ad"),
    position: Annotated[str, typer.Option(help="median, mean, k_best or argmax.")] = "median",
    k: Annotated[int, typer.Option(help="How many spots median and k_best take.")] = 20,
    as_json: Json = False,
) -> None:
    """Give the mapped cells coordinates: obsm["spatial"], and home spot, probability and spread in obs."""
    check_target(output)
    placed = place_cells(load(mapping), read_whole(sc), position=position, k=k)  # type: ignore[arg-type]
    write_whole(placed, output)
    spread = float(placed.obs[SPREAD].median())
    _say(
        as_json,
        {"output": str(output), "cells": placed.n_obs, "median_spread": spread},
        f"Placed {placed.n_obs} cells; median spread {spread:.4g} in the unit of the coordinates.\n"
        f"Wrote {output}",
    )


@app.command()
def simulate(
    cells: Annotated[Path, typer.Argument(help="Cells with coordinates in obsm['spatial'], .h5ad.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for sc.h5ad and st.h5ad.")] = Path(
        "simulated"
    ),
    cells_per_spot: Annotated[float, typer.Option(help="Cells an occupied square holds on average.")] = 25.0,
    n_parts: Annotated[int, typer.Option(help="Into how many parts the cells are divided.")] = 10,
    part: Annotated[int, typer.Option(help="Which part is mapped, from 0.")] = 0,
    leave_out: Annotated[bool, typer.Option(help="Leave the mapped cells out of the spots' means.")] = True,
    layer: Annotated[str | None, typer.Option(help="Layer with the expression; X if left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a single-cell and a spatial data set with known truth out of cells whose places are known."""
    _check_folder(output)
    sc, st = simulate_spots(
        read_whole(cells),
        cells_per_spot=cells_per_spot,
        n_parts=n_parts,
        part=part,
        leave_out=leave_out,
        layer=layer,
        seed=seed,
    )
    output.mkdir(parents=True, exist_ok=True)
    write_whole(sc, output / "sc.h5ad")
    write_whole(st, output / "st.h5ad")
    _say(
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


@app.command("methods")
def methods_command(as_json: Json = False) -> None:
    """List the mapping methods, their parameters with defaults, and their presets."""
    listed = [methods.get(name) for name in methods.names()]
    _say(
        as_json,
        {
            m.name: {
                "summary": m.summary,
                "parameters": m.parameters,
                "presets": {k: dict(v) for k, v in m.presets.items()},
            }
            for m in listed
        },
        "\n\n".join(
            f"{m.name}: {m.summary}\n"
            + "\n".join(f"  {name} = {value!r}" for name, value in m.parameters.items())
            + "".join(f"\n  preset {name}: {dict(values)}" for name, values in m.presets.items())
            for m in listed
        ),
    )


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the data, the map and the figure.")
    ] = Path("homespot-demo"),
    as_json: Json = False,
) -> None:
    """Map the package's own data, whose truth is known.

    Writes cells.h5ad, spots.h5ad, map.h5ad, placed.h5ad and demo.png.
    """
    _check_folder(output)
    output.mkdir(parents=True, exist_ok=True)
    sc, st = make_demo()
    mapping = map_cells(sc, st, progress=False if as_json else None)
    placed = place_cells(mapping, sc)
    truth = sc.obs[["true_x", "true_y"]].to_numpy()
    random = st.obsm[SPATIAL][np.random.default_rng(0).integers(st.n_obs, size=sc.n_obs)]
    yardstick = place_cells(map_cells(sc, st, "correlation"), sc)
    found = {
        "ssa": placed.obsm[SPATIAL],
        "ssa, most probable spot": cell_positions(mapping, position="argmax")[list(POSITIONS[:2])].to_numpy(),
        "correlation": yardstick.obsm[SPATIAL],
        "random spot": random,
    }
    error = {name: metrics.distances(truth, xy)["euclidean"] for name, xy in found.items()}
    write_whole(sc, output / "cells.h5ad")
    write_whole(add_mapping(st, mapping), output / "spots.h5ad")
    save(mapping, output / "map.h5ad")
    write_whole(placed, output / "placed.h5ad")
    figure = _demo_figure(sc, st, placed, output / "demo.png")
    _say(
        as_json,
        {"output": str(output), "figure": figure, "mean_error_um": error},
        f"Mapped {mapping.n_obs} cells to {mapping.n_vars} spots.\n"
        "Mean distance from where the cells really sat:\n"
        + "\n".join(f"  {name:<24} {value:6.0f} um" for name, value in error.items())
        + f"\nWrote {output}/map.h5ad, placed.h5ad"
        + (
            " and demo.png"
            if figure
            else "; no figure, as matplotlib is not installed (pip install 'homespot[plot]')"
        ),
    )


def _demo_figure(sc: ad.AnnData, st: ad.AnnData, placed: ad.AnnData, path: Path) -> bool:
    """Draw the spots with one gene, the placed cells and the truth side by side; False without matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return False
    from . import plot

    truth = sc.copy()
    truth.obsm[SPATIAL] = sc.obs[["true_x", "true_y"]].to_numpy()
    pattern = np.asarray(st[:, "Gene120"].X.todense()).ravel()
    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(13, 4.1), layout="constrained")
        axes = figure.subplots(1, 3, sharex=True, sharey=True)
        plot.spots(st, pattern, name="Gene120, counts", unit="µm", ax=axes[0])
        axes[0].set_title(f"Spatial reference: {st.n_obs} spots")
        plot.cells(placed, "cell_type", unit="µm", ax=axes[1])
        axes[1].set_title(f"{placed.n_obs} dissociated cells, put back by homespot")
        plot.cells(truth, "cell_type", unit="µm", ax=axes[2])
        axes[2].set_title("Where they really sat")
        figure.legend(
            *axes[2].get_legend_handles_labels(),
            loc="outside lower right",
            ncols=7,
            columnspacing=1,
            handletextpad=0.1,
            frameon=False,
        )
        figure.savefig(path, dpi=160)
    return True


def _version(show: bool) -> None:
    if show:
        typer.echo(f"homespot {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; 0: done, 1: homespot refused, 2: wrong usage, 130: interrupted."""
    warnings.showwarning = lambda message, category, *_, **__: typer.echo(
        f"{'Note' if issubclass(category, DataWarning) else 'Warning'}: {message}", err=True
    )
    try:
        app()
    except (HomespotError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
