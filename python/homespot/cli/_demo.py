"""homespot demo: all steps, on the data of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anndata as ad
import numpy as np
import typer

from .. import add_mapping, make_demo, map_cells, metrics, place_cells, report, save
from ..common.files import whole
from ..common.keys import POSITIONS, SPATIAL
from ..objects.h5ad import write_whole
from ..verbs.cell_positions import cell_positions
from ._shared import Json, Overwrite, check_folder, say


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the data, the map and the figure.")
    ] = Path("homespot-demo"),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Map the package's own data, whose truth is known.

    Writes cells.h5ad, spots.h5ad, map.h5ad, placed.h5ad, demo.png and report.html.
    """
    made = ("cells.h5ad", "spots.h5ad", "map.h5ad", "placed.h5ad", "demo.png", "report.html")
    check_folder(context, output, made, overwrite=overwrite)
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
    if figure:
        report(mapping, output / "report.html", sc=sc, st=st, labels="cell_type", unit="µm", title="The demo")
    say(
        as_json,
        {"output": str(output), "figure": figure, "mean_error_um": error},
        f"Mapped {mapping.n_obs} cells to {mapping.n_vars} spots.\n"
        "Mean distance from where the cells really sat:\n"
        + "\n".join(f"  {name:<24} {value:6.0f} um" for name, value in error.items())
        + f"\nWrote {output}/map.h5ad, placed.h5ad"
        + (
            ", demo.png and report.html: open it in a browser"
            if figure
            else "; no figure and no report, as matplotlib is not installed (pip install 'homespot[plot]')"
        ),
    )


def _demo_figure(sc: ad.AnnData, st: ad.AnnData, placed: ad.AnnData, path: Path) -> bool:
    """Draw the spots with one gene, the placed cells and the truth side by side; False without matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return False
    from .. import plot

    truth = sc.copy()
    truth.obsm[SPATIAL] = sc.obs[["true_x", "true_y"]].to_numpy()
    pattern = np.asarray(st[:, "Gene120"].X.todense()).ravel()
    with mpl.rc_context({"font.size": 11}):
        figure = Figure(figsize=(13, 3.1), layout="constrained")
        axes = figure.subplots(1, 3, sharex=True, sharey=True)
        plot.spots(st, pattern, name="", unit="µm", size=88, ax=axes[0])
        axes[0].set_title(f"Spatial reference: {st.n_obs} spots")
        plot.cells(placed, "cell_type", unit="µm", size=46, ax=axes[1])
        axes[1].set_title(f"{placed.n_obs} dissociated cells, put back by homespot")
        plot.cells(truth, "cell_type", unit="µm", size=46, ax=axes[2])
        axes[2].set_title("Where they really sat")
        # The arch leaves room for the bar, so that all three have the same height.
        drawn = axes[0].collections[0]
        drawn.colorbar.remove()
        hollow = axes[0].inset_axes((0.36, 0.33, 0.28, 0.04))
        figure.colorbar(drawn, cax=hollow, orientation="horizontal", label="Gene120, counts")
        figure.legend(
            *axes[2].get_legend_handles_labels(),
            loc="outside lower right",
            ncols=7,
            columnspacing=1,
            handletextpad=0.1,
            frameon=False,
        )
        with whole(path) as file:
            figure.savefig(file, format="png", dpi=130, metadata={"Software": "homespot"})
    return True
