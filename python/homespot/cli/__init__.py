"""The command line: homespot map | place | impute | deconvolve | fit-types | evaluate | report | ..."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..common import memory
from ..common.signals import ending
from ..common.version import __version__
from ..errors import DataWarning, HomespotError
from ..objects.reading import TAKEN
from ._demo import demo
from ._evaluate import evaluate, report_
from ._map import map_, methods_, simulate
from ._verbs import deconvolve, fit, impute, place
from ._words import in_words

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

app.command("map")(map_)
app.command("place")(place)
app.command("impute")(impute)
app.command("deconvolve")(deconvolve)
app.command("fit-types")(fit)
app.command("evaluate")(evaluate)
app.command("report")(report_)
app.command("simulate")(simulate)
app.command("methods")(methods_)
app.command("demo")(demo)


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


def _told() -> Callable[..., None]:
    """Return the function that shows a warning: each of ours once, those of libraries only if asked for.

    What a library warns of speaks to the programmer: what matters to the user, homespot says itself.
    """
    before: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        ours = category.__module__.startswith("homespot.")
        text = in_words(str(message), app) if ours else str(message)
        if (ours or sys.warnoptions) and text not in before:
            before.add(text)
            typer.echo(f"{'Note' if issubclass(category, DataWarning) else 'Warning'}: {text}", err=True)

    return show


def main() -> None:
    """Run the command line.

    The status is 0 if all was done, 1 if homespot refused, 2 for wrong usage, 130 after Ctrl-C and 143 after
    SIGTERM.
    """
    with ending(), memory.told(lambda line: typer.echo(f"Takes {line}.", err=True)):
        warnings.showwarning = _told()
        TAKEN.clear()
        try:
            app()
        except (HomespotError, OSError) as error:
            said = in_words(str(error), app)
            typer.echo(f"Error: {said}" + (f" (Read: {'; '.join(TAKEN)}.)" if TAKEN else ""), err=True)
            sys.exit(1)
