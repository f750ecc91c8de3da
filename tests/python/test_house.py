"""The floors of the package: what may import what, how long a file may be, and which names stay."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import homespot as hs

PACKAGE = Path(hs.__file__).parent
ROOT = PACKAGE.parents[1]

# From the ground up: a floor imports from itself and from those before it.
FLOORS = (
    "errors",
    "common",
    "matrix",
    "expression",
    "transport",
    "learning",
    "methods",
    "space",
    "objects",
    "mapping",
    "verbs",
    "evaluate",
    "datasets",
    "plot",
    "report",
    "bridge",
    "cli",
)
NUMERIC = FLOORS[: FLOORS.index("methods") + 1]
TORCH = ("homespot.learning.", "homespot.transport._torch", "homespot.common.cuda")
LONGEST = 400
ENTRIES = 20
BASE_R = ("base", "grDevices", "graphics", "grid", "stats", "tools", "utils")


class Import(NamedTuple):
    """A module imports another."""

    importer: str
    imported: str


def _modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports() -> Iterator[Import]:
    for name, path in MODULES.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (Import(name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                source = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    full = f"{source}.{alias.name}"
                    yield Import(name, full if full in MODULES else source)


IMPORTS = list(_imports())
OURS = [found for found in IMPORTS if found.imported.split(".")[0] == "homespot"]


def _floor(module: str) -> str | None:
    """Return the floor of a module; None for the package itself, which opens all of them to the user."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def test_every_entry_of_the_package_is_a_floor() -> None:
    entries = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert entries == {*FLOORS, "__init__", "py.typed"}
    assert len(entries) <= ENTRIES


def test_nothing_imports_upwards() -> None:
    assert len(OURS) > 500  # the imports were read
    rank = {floor: i for i, floor in enumerate(FLOORS)}
    upwards = []
    for importer, imported in OURS:
        own, other = _floor(importer), _floor(imported)
        if own is None:
            continue
        # The bridge and the command line call the public verbs, as every user does.
        if other is None and own not in ("bridge", "cli"):
            upwards.append((importer, imported))
        if other is not None and rank[other] > rank[own]:
            upwards.append((importer, imported))
    assert upwards == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for importer, imported in OURS:
        if _floor(importer) is not None and imported in MODULES and imported != importer:
            graph[importer].add(imported)
    # Take away, again and again, the modules that import none of those that are left.
    left = dict(graph)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(left) <= packages, f"in a circle: {sorted(set(left) - packages)}"


def test_the_numeric_core_knows_no_anndata_and_no_files() -> None:
    found = [
        (importer, imported)
        for importer, imported in IMPORTS
        if _floor(importer) in NUMERIC and imported.split(".")[0] in ("anndata", "h5py", "zarr", "dask")
    ]
    assert found == []


def test_torch_is_imported_where_it_computes_and_nowhere_else() -> None:
    found = {importer for importer, imported in IMPORTS if imported.split(".")[0] == "torch"}
    assert found  # the imports were read
    assert [name for name in sorted(found) if not f"{name}.".startswith(TORCH)] == []


def test_no_private_module_is_imported_from_another_package() -> None:
    private = [
        (importer, imported)
        for importer, imported in OURS
        if _floor(importer) != _floor(imported)
        and any(part.startswith("_") for part in imported.split(".")[1:])
    ]
    assert private == []


@pytest.mark.parametrize("folder", ["python/homespot", "R"])
def test_no_file_is_longer_than_can_be_read(folder: str) -> None:
    if not (ROOT / folder).is_dir():
        pytest.skip("the sources are not here")
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".R")]
    assert files
    lengths = {
        path.relative_to(ROOT / folder).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in files
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def test_verb_modules_bear_the_name_of_their_verb() -> None:
    public = set(hs.__all__)
    for path in (PACKAGE / "verbs").glob("*.py"):
        if path.name != "__init__.py":
            assert path.stem in public
            assert getattr(hs, path.stem).__module__ == f"homespot.verbs.{path.stem}"


def test_the_tracked_entries_of_the_package_are_few() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "ls-files", "python/homespot"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len({line.split("/")[2] for line in listed}) <= ENTRIES


def test_the_manual_of_r_links_to_its_own_pages() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "man").glob("*.Rd")]
    if not pages:
        pytest.skip("the sources are not here")
    known = {alias for page in pages for alias in re.findall(r"\\alias\{(.+?)\}", page)}
    links = {link for page in pages for link in re.findall(r"\\link(?:\[=|\{)(.+?)[]}]", page)}
    assert len(links) > 20
    assert links - known == set()


def test_r_names_every_package_that_it_calls() -> None:
    if not (ROOT / "DESCRIPTION").exists():
        pytest.skip("the sources are not here")
    described = (ROOT / "DESCRIPTION").read_text(encoding="utf-8")
    [fields] = re.findall(r"^Depends:(.*)^VignetteBuilder:", described, re.MULTILINE | re.DOTALL)
    known = {*re.findall(r"^ {4}([\w.]+)", fields, re.MULTILINE), *BASE_R, "homespot"}
    files = [path for folder in ("R", "tests/testthat") for path in (ROOT / folder).glob("*.R*")]
    called = {
        package
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
        for package in re.findall(r"\b([A-Za-z][A-Za-z0-9.]+):::?[A-Za-z.]", line)
    }
    assert "SummarizedExperiment" in called
    assert called - known == set()
