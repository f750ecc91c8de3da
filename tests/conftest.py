"""What the tests of both languages share: the package of another method, installed beside homespot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that tests/plugin was installed into, to be put on the PYTHONPATH."""
    pytest.importorskip("hatchling", reason="builds a wheel")
    pytest.importorskip("pip", reason="installs a package")
    site = tmp_path_factory.mktemp("site")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", site, PLUGIN],
        check=True,
        capture_output=True,
        text=True,
    )
    return site
