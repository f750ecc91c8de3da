"""Parts that several commands use: options, and the summary that a command prints."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import anndata as ad
import typer

from .. import methods
from ..common import files
from ..common.progress import Progress
from ..errors import InputError, expected
from ..objects import h5ad

__all__ = [
    "PROGRESS",
    "Device",
    "GeneColumn",
    "Joint",
    "Json",
    "MapLayer",
    "Out",
    "Overwrite",
    "Preset",
    "ProgressWay",
    "ScLayer",
    "Scale",
    "Sections",
    "Seed",
    "Setting",
    "Spots",
    "StLayer",
    "check_folder",
    "check_outputs",
    "in_options",
    "parameters",
    "say",
    "spatial",
]

PROGRESS: dict[str, Progress] = {"auto": None, "bar": True, "none": False, "log": "log"}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Out = Annotated[Path, typer.Option("--output", "-o", help="File to write; it appears whole or not at all.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace files that homespot did not write; its own are replaced without."
    ),
]

Spots = Annotated[
    list[Path],
    typer.Argument(help="Spatial data, spots x genes: .h5ad, zarr or 10x; several are several sections."),
]
Sections = Annotated[
    str | None,
    typer.Option(
        help="Column of the spots with their section: each is mapped by itself. Else they are found."
    ),
]
Joint = Annotated[
    bool | None,
    typer.Option(
        "--joint/--each",
        help="Map onto all sections jointly, or each by itself; left out: by itself if --sections is given.",
    ),
]
GeneColumn = Annotated[
    str | None, typer.Option(help="Column of the genes' annotation with their names; the index if left out.")
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A parameter of the method, e.g. --set regularisation=0.02"),
]
Preset = Annotated[str | None, typer.Option(help="A method's named settings, e.g. paper.")]
ScLayer = Annotated[str | None, typer.Option(help="Layer of the single-cell data, or raw; X if left out.")]
StLayer = Annotated[str | None, typer.Option(help="Layer of the spatial data, or raw; X if left out.")]
MapLayer = Annotated[
    str | None, typer.Option(help="Layer of the data, raw, or X; that of the map if left out.")
]
Scale = Annotated[str, typer.Option(help="auto, counts or log.")]
Seed = Annotated[int, typer.Option(help="Seed.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")]
ProgressWay = Annotated[str, typer.Option(help="auto, bar, none, or log: a line of JSON a step.")]


def say(as_json: bool, values: dict[str, Any], text: str) -> None:
    """Print the result of a command as text or as JSON."""
    typer.echo(json.dumps(values) if as_json else text)


def spatial(paths: list[Path], read: Callable[[Path], ad.AnnData]) -> ad.AnnData | dict[str, ad.AnnData]:
    """Read the spatial data: one file, or several sections by the names of their files or folders."""
    if len(paths) == 1:
        return read(paths[0])
    return {name: read(path) for name, path in zip(_apart(paths), paths, strict=True)}


def _apart(paths: list[Path]) -> list[str]:
    """Return a name for every path: the last part of the path in which all of them differ."""
    whole = [path.resolve() for path in paths]
    if len(set(whole)) == len(whole):
        for back in range(1, min(len(path.parts) for path in whole) + 1):
            names = [path.parts[-back] for path in whole]
            if back == 1:
                names = [name.removesuffix(Path(name).suffix) for name in names]
            if len(set(names)) == len(names):
                return names
    raise InputError(
        expected("sections in files of different names", ", ".join(map(str, paths)), "Rename one.")
    )


def check_outputs(
    context: typer.Context,
    targets: Sequence[Path],
    *endings: str,
    kept: Sequence[Path] = (),
    overwrite: bool = False,
) -> None:
    """Refuse, before any work, files that cannot be written or must not be replaced.

    Parameters
    ----------
    context
        That of the command: its paths are what is read, but for ``output``.
    targets
        The files to write. One that is there is replaced if homespot wrote it.
    endings
        The endings that their names may have.
    kept
        Files that are taken up if they are there, and written; whoever writes them checks what they hold.
    overwrite
        Whether files that homespot did not write are replaced.
    """
    read = [path for name in _paths_read(context) for path in _paths(context.params[name])]
    for i, target in enumerate((*targets, *kept)):
        files.check_target(target, *(endings if target in targets else ()), what="an output")
        files.refuse_inputs(target, [*read, *[*targets, *kept][:i]], "an output")
    for target in targets:
        if not target.exists() or _is_own(target):
            continue
        if any(files.lies_in(target, folder) for folder in read):
            found, remedy = "which is in a folder that is read", "Name another output."
        elif not overwrite:
            found = "which homespot did not write"
            remedy = "Name another output, or replace this one with --overwrite."
        else:
            continue
        what = "an output that is new, or was written by homespot"
        raise InputError(expected(what, f"{str(target)!r}, {found}", remedy))


def _paths_read(context: typer.Context) -> list[str]:
    """Return the names of the command's arguments and options that are paths it reads."""
    hints = get_type_hints(context.command.callback)
    return [name for name, kind in hints.items() if name != "output" and _has_path(kind)]


def _has_path(kind: Any) -> bool:
    """Whether a type is Path, or contains it, as a list of paths and an optional path do."""
    return kind is Path or any(map(_has_path, get_args(kind)))


def _paths(value: Any) -> list[Path]:
    """Return the paths of a parameter; older versions of typer tell them as text."""
    given = value if isinstance(value, list | tuple) else [value]
    return [Path(path) for path in given if path is not None]


def _is_own(path: Path) -> bool:
    """Whether homespot wrote a file, or there is nothing in it; not if it cannot be looked into."""
    if not os.access(path, os.R_OK):
        return False
    with path.open("rb") as file:
        head = file.read(1024)
    return not head or any(mark in head for mark in _MARKS) or h5ad.is_own(path)


_MARKS = (b'<meta name="generator" content="homespot', b"Software\0homespot")
"""What stands at the beginning of a page, and of a picture."""


def check_folder(context: typer.Context, path: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a path that is no folder and cannot become one, or in which these must not be written."""
    what, named = "a folder that can be written to", repr(str(path))
    try:
        nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not nearest.is_dir():
            raise InputError(expected(what, named, "Use another."))
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        found = f"{named} ({error.strerror or error})"
        raise InputError(expected(what, found, "Use another.")) from error
    there = [path / name for name in names if os.path.lexists(path / name)]
    check_outputs(context, there, overwrite=overwrite)


def parameters(settings: list[str]) -> dict[str, Any]:
    """Read name=value."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InputError(expected("--set name=value", repr(setting), "Put an = between them."))
        try:
            found[name.replace("-", "_")] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name.replace("-", "_")] = value
    return found


_QUOTED = r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)"""
_QUOTES = "'\""
_ARGUMENT = re.compile(
    rf"(?<![\w/.-])(?P<name>[a-z]\w*)(?:=(?P<value>{_QUOTED}|\w+(?:\.\d+)?)|(?![\w/(=-]))|{_QUOTED}"
)


def in_options(text: str, app: typer.Typer) -> str:
    """Write the arguments that a message names as options: ``sc_layer='raw'`` becomes --sc-layer raw.

    What stands in quotes stays, and so does a word that is no argument for certain: one without an underscore
    and without a value.
    """
    command: Any = typer.main.get_command(app)
    options = {
        option.name: option
        for one in command.commands.values()
        for option in one.params
        if option.param_type_name == "option"
    }
    settings = {name for method in methods.names() for name in methods.get(method).parameters}

    def told(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if name is None or (value is None and "_" not in name):
            return found[0]
        if name not in options:
            return f"--set {found[0]}" if name in settings and value is not None else found[0]
        option = options[name]
        flag: str = max(option.opts, key=len)
        if value is None or (option.is_flag and value == "True"):
            return flag
        if option.is_flag:
            return next(iter(option.secondary_opts), f"no {flag}")
        return f"{flag} {shlex.quote(value[1:-1] if value[0] in _QUOTES else value)}"

    return _ARGUMENT.sub(told, text)
