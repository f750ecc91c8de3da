"""What a user sees of the package as a whole: its names, its types, its version, its README."""

import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import import_module, metadata, resources
from pathlib import Path

import pytest
import typer

import homespot
from homespot.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = Path(__file__).with_name("public_names.txt").read_text(encoding="utf-8").splitlines()
MODULES = ("datasets", "dream", "methods", "metrics", "plot")


def _words(command: typer.core.TyperCommand, path: str) -> Iterator[str]:
    """Name a command, its arguments and its options, and those of the commands below it."""
    yield path
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield f"{path} <{parameter.name}>"
        else:
            yield from (f"{path} {option}" for option in (*parameter.opts, *parameter.secondary_opts))
    for name, below in getattr(command, "commands", {}).items():
        yield from _words(below, f"{path} {name}")


def test_every_public_name_stays():
    pytest.importorskip("matplotlib")
    found = {f"homespot.{name}" for name in dir(homespot)}
    for module in MODULES:
        opened = import_module("homespot.plot") if module == "plot" else getattr(homespot, module)
        found |= {f"homespot.{module}.{name}" for name in opened.__all__ if hasattr(opened, name)}
    found |= set(_words(typer.main.get_command(app), "homespot"))
    names = [line for line in NAMES if not line.startswith("#")]
    assert len(names) > 150
    assert [name for name in names if name not in found] == []


def test_dir_shows_the_public_names_only():
    shown = dir(homespot)
    assert shown == sorted({*homespot.__all__, "plot"})
    assert {"map_cells", "place_cells", "plot", "__version__"} <= set(shown)
    assert not {"map", "place", "impute", "_jit", "import_module"} & set(shown)
    for name in shown:
        if name != "plot":  # needs matplotlib
            getattr(homespot, name)


def _documented(function):
    """Return the names under Parameters in a docstring; two names on one line are one entry."""
    text = inspect.getdoc(function)
    part = re.search(r"\nParameters\n-+\n(.*?)(?=\n\n\w[^\n]*\n-+\n|\Z)", text, re.DOTALL)
    return [] if part is None else re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)$", part[1], re.MULTILINE)


def test_every_public_parameter_is_documented_by_itself():
    pytest.importorskip("matplotlib")
    checked = 0
    for module in (homespot, *(getattr(homespot, name) for name in MODULES)):
        functions = [getattr(module, name) for name in module.__all__]
        for function in filter(inspect.isfunction, functions):
            parameters = inspect.signature(function).parameters.values()
            names = [f"{'**' if p.kind is p.VAR_KEYWORD else ''}{p.name}" for p in parameters]
            assert _documented(function) == names, function.__qualname__
            checked += 1
    assert checked > 40


def test_a_type_checker_takes_the_types(tmp_path):
    assert resources.files(homespot).joinpath("py.typed").is_file()
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text("import homespot as hs\nhs.map_cells\nhs.plot.cells\nhs.map_cell\n")
    told = subprocess.run(
        [sys.executable, "-m", "mypy", script], cwd=ROOT, check=False, capture_output=True, text=True
    )
    [error] = [line for line in told.stdout.splitlines() if "error:" in line]
    assert 'script.py:4: error: Module has no attribute "map_cell"' in error


def test_both_languages_and_the_citation_have_one_version():
    def named(file: str, pattern: str) -> str:
        [found] = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
        return found

    assert homespot.__version__ == named("DESCRIPTION", r"^Version: (.+)$")
    assert homespot.__version__ == named("CITATION.cff", r"^version: (.+)$")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("hatchling", reason="builds a wheel")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_has_the_version_and_the_types(site):
    assert (site / "homespot" / "py.typed").is_file()
    [installed] = metadata.distributions(name="homespot", path=[str(site)])
    assert installed.version == homespot.__version__
    told = subprocess.run(
        [sys.executable, "-c", "import homespot; print(homespot.__version__, homespot.__file__)"],
        cwd=site,
        check=True,
        capture_output=True,
        text=True,
    )
    version, file = told.stdout.strip().split(" ", 1)
    assert version == homespot.__version__
    assert Path(file).parent.parent == site


def test_the_links_of_the_readme_work_in_the_repository_and_outside(site):
    link = re.compile(r"(!?)\[[^]]*\]\(([^)\s]+)\)")
    links = link.findall(README)
    assert len(links) > 10
    assert [path for _, path in links if not (ROOT / path).exists()] == []
    [installed] = metadata.distributions(name="homespot", path=[str(site)])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Homepage"]
    assert link.findall(installed.metadata.json["description"]) == [
        (picture, f"{repository}/{'raw' if picture else 'blob'}/HEAD/{path}") for picture, path in links
    ]


def test_the_lines_of_the_readme_run_in_an_empty_folder(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    [lines] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) <= 10
    subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, check=True, capture_output=True)
    assert {path.name for path in tmp_path.iterdir()} == {"cells.png", "map.h5ad", "report.html"}


def test_the_figures_of_the_readme_are_in_the_tables_of_the_benchmarks():
    [section] = re.findall(r"## How good it is\n(.*?)\n## ", README, re.DOTALL)
    found = [number for line in section.splitlines() for number in re.findall(r"\d+\.\d+", line)]
    tables = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert 0 < len(found) <= 12
    assert not [number for number in found if not re.search(rf"\b{re.escape(number)}\b", tables)]
