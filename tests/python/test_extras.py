"""What is installed only on demand: the extras, and what homespot says and does without them."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import anndata as ad
import pytest

import homespot as hs
from homespot import cli
from homespot.common.extras import EXTRAS
from homespot.errors import DependencyError

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COME = "Expected torch for method 'come', found that it is not installed. pip install 'homespot[come]'"


IMPORTED = {"POT": "ot"}
"""The name by which a package is imported, where it is another one."""


def names(requirements: list[str]) -> set[str]:
    found = (re.split(r"[<>=\[]", requirement)[0] for requirement in requirements)
    return {IMPORTED.get(name, name) for name in found}


NO_TORCH = """
import sys
from importlib.machinery import PathFinder

class NoTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, *where):
        return None if name == "torch" else super().find_spec(name, *where)

sys.meta_path = [NoTorch if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


def test_extras_are_those_of_the_project() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {extra: set(packages) for extra, packages in EXTRAS.items()} == {
        extra: names(extras[extra]) for extra in EXTRAS
    }
    assert not names(PROJECT["dependencies"]) & set().union(*EXTRAS.values())
    (everything,) = extras["all"]
    assert set(re.search(r"\[(.*)\]", everything)[1].split(",")) == {*EXTRAS, "r"}


def test_the_oldest_versions_that_are_tried_are_the_lowest_that_are_named() -> None:
    lines = (ROOT / "tools" / "constraints-oldest.txt").read_text().splitlines()
    tried = dict(line.lower().split("==") for line in lines if "==" in line)
    extras = [line for extra in ("io", "plot", "r") for line in PROJECT["optional-dependencies"][extra]]
    for line in PROJECT["dependencies"] + extras:
        name, lowest = re.match(r"([\w-]+)>=([\d.]+)", line.lower()).groups()
        padded = [[*map(int, version.split(".")), 0, 0][:3] for version in (tried[name], lowest)]
        assert padded[0] == padded[1], name


def test_no_verb_needs_an_extra_unless_it_is_told_to() -> None:
    verbs = [verb for name in hs.__all__ if inspect.isfunction(verb := getattr(hs, name))]
    defaults = {
        verb.__name__: parameter.default
        for verb in verbs
        for parameter in inspect.signature(verb).parameters.values()
        if parameter.name.startswith("method") and isinstance(parameter.default, str)
    }
    assert {"map_cells", "cross_validate", "tune"} <= defaults.keys()
    assert {name: hs.methods.get(method).packages for name, method in defaults.items()} == dict.fromkeys(
        defaults, ()
    )


@pytest.mark.usefixtures("without_torch")
def test_come_names_its_extra_before_it_looks_at_the_data() -> None:
    nothing = ad.AnnData()
    for call in (
        lambda: hs.map_cells(nothing, nothing, "come"),
        lambda: hs.cross_validate(nothing, nothing, "come"),
        lambda: hs.tune(nothing, nothing, "come"),
    ):
        with pytest.raises(DependencyError) as caught:
            call()
        assert str(caught.value) == COME


@pytest.mark.usefixtures("without_torch")
def test_the_command_line_names_the_extra(
    pair: tuple[ad.AnnData, ad.AnnData], tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, adata in zip(("sc", "st"), pair, strict=True):
        adata.write_h5ad(f"{name}.h5ad")
    for command in ("map", "evaluate"):
        monkeypatch.setattr(sys, "argv", ["homespot", command, "sc.h5ad", "st.h5ad", "--method", "come"])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code == 1
        assert capsys.readouterr().err == f"Error: {COME}\n"


@pytest.mark.usefixtures("without_torch")
def test_a_gpu_is_asked_for_by_name(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    with pytest.raises(DependencyError) as caught:
        hs.map_cells(*pair, device="cuda")
    assert str(caught.value) == COME.replace("method 'come'", "device 'cuda'")


def test_without_torch_the_other_methods_and_their_files_have_the_same_bytes(
    pair: tuple[ad.AnnData, ad.AnnData], tmp_path: Path
) -> None:
    """Also where there is a driver of a GPU: `device="auto"` is the CPU then."""
    pytest.importorskip("torch", reason="torch is not installed")
    for name, adata in zip(("sc", "st"), pair, strict=True):
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    code = (
        f"{NO_TORCH}\nimport anndata, homespot as hs; from homespot.common import device\n"
        "device._cuda_driver = lambda: True\n"
        "sc, st = anndata.read_h5ad('sc.h5ad'), anndata.read_h5ad('st.h5ad')\n"
        "for m in ('ssa', 'correlation'):\n"
        "    hs.save(hs.map_cells(sc, st, m, progress=False), f'{m}-without.h5ad')"
    )
    code += "; assert not device.has('torch')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    sc, st = ad.read_h5ad(tmp_path / "sc.h5ad"), ad.read_h5ad(tmp_path / "st.h5ad")
    for method in ("ssa", "correlation"):
        hs.save(hs.map_cells(sc, st, method, device="cpu", progress=False), tmp_path / "with.h5ad")
        with_torch = (tmp_path / "with.h5ad").read_bytes()
        assert (tmp_path / f"{method}-without.h5ad").read_bytes() == with_torch


def test_without_matplotlib_plot_names_its_extra_and_help_works() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import inspect, pydoc, homespot\n"
        "assert 'plot' in dir(homespot) and not hasattr(homespot, 'plot')\n"
        "assert 'map_cells' in dict(inspect.getmembers(homespot))\n"
        "assert 'map_cells' in pydoc.render_doc(homespot)\n"
        "for way in ('homespot.plot.cells', 'exec(\"from homespot import plot\")'):\n"
        "    try:\n"
        "        eval(way)\n"
        "    except homespot.errors.HomespotError as error:\n"
        "        print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    told = "Expected matplotlib for pictures, found that it is not installed. pip install 'homespot[plot]'"
    assert done.stdout.splitlines() == [f"UnavailableError {told}", f"DependencyError {told}"]
