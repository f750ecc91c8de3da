"""What a user sees of the package as a whole: its names, its types, its version."""

import re
import subprocess
import sys
import zipfile
from importlib import metadata, resources
from pathlib import Path

import pytest

import homespot

ROOT = Path(__file__).parents[2]


def test_dir_shows_the_public_names_only():
    shown = dir(homespot)
    assert shown == sorted({*homespot.__all__, "plot"})
    assert {"map_cells", "place_cells", "plot", "__version__"} <= set(shown)
    assert not {"map", "place", "impute", "_jit", "import_module"} & set(shown)
    for name in shown:
        if name != "plot":  # needs matplotlib
            getattr(homespot, name)


def test_a_type_checker_takes_the_types():
    assert resources.files(homespot).joinpath("py.typed").is_file()


def test_both_languages_and_the_citation_have_one_version():
    def named(file: str, pattern: str) -> str:
        [found] = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
        return found

    assert homespot.__version__ == named("DESCRIPTION", r"^Version: (.+)$")
    assert homespot.__version__ == named("CITATION.cff", r"^version: (.+)$")


def test_a_wheel_has_the_version_and_the_types(tmp_path):
    pytest.importorskip("hatchling", reason="builds a wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
        assert "homespot/py.typed" in packed.namelist()
    [installed] = metadata.distributions(name="homespot", path=[str(tmp_path / "site")])
    assert installed.version == homespot.__version__
    told = subprocess.run(
        [sys.executable, "-c", "import homespot; print(homespot.__version__, homespot.__file__)"],
        cwd=tmp_path / "site",
        check=True,
        capture_output=True,
        text=True,
    )
    version, file = told.stdout.strip().split(" ", 1)
    assert version == homespot.__version__
    assert Path(file).parent.parent == tmp_path / "site"
