"""R's documentation of the methods is that of the declarations in Python."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from homespot import methods

ROOT = Path(__file__).parents[2]


def test_the_help_of_r_is_what_the_declarations_give(tmp_path: Path) -> None:
    if not (ROOT / "tools" / "methods.py").exists():
        pytest.skip("the sources are not here")
    made = tmp_path / "methods-help.R"
    tool = subprocess.run(
        [sys.executable, ROOT / "tools" / "methods.py", made], capture_output=True, text=True, check=False
    )
    assert tool.returncode == 0, tool.stderr
    committed = (ROOT / "R" / "methods-help.R").read_text(encoding="utf-8")
    assert made.read_text(encoding="utf-8") == committed, "make it anew with tools/methods.py"
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
