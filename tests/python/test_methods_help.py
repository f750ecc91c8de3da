"""What R has of methods and metrics is made from the declarations in Python."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from homespot import methods

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("tool", "file"), [("methods", "methods-help.R"), ("metrics", "class-metrics.R")])
def test_the_files_of_r_are_what_the_declarations_give(tool: str, file: str, tmp_path: Path) -> None:
    script = ROOT / "tools" / f"{tool}.py"
    if not script.exists():
        pytest.skip("the sources are not here")
    made = tmp_path / file
    done = subprocess.run([sys.executable, script, made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    committed = (ROOT / "R" / file).read_text(encoding="utf-8")
    assert made.read_text(encoding="utf-8") == committed, f"make it anew with tools/{tool}.py"
    assert max(map(len, committed.splitlines())) <= 80


def test_the_manual_has_every_parameter_of_every_method() -> None:
    if not (ROOT / "man").is_dir():
        pytest.skip("the sources are not here")
    page = (ROOT / "man" / "methodParameters.Rd").read_text(encoding="utf-8")
    for name in methods.names():
        method = methods.get(name)
        section = page.partition(f'\\section{{Parameters of method "{name}"}}')[2].partition("\\section")[0]
        found = re.findall(r"\\item\{\\code\{([\w.]+)\}\}", section)
        assert found == [parameter.replace("_", ".") for parameter in method.declared]
