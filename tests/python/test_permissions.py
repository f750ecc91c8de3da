"""What may not be read or written: the message says so, and nothing is left behind; for root, as nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import homespot as hs

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of POSIX")

# Root may do everything, so it becomes nobody. What all this imports may be in a folder that nobody can read:
# it is called before, with paths that are not there.
RUN = """
import json, os, sys
import homespot as hs
import homespot.cli
from homespot.errors import InputError

os.chdir(sys.argv[1])
mapping = hs.load("map.h5ad")

def said(call):
    try:
        call()
    except InputError as error:
        return str(error)

def main(*arguments):
    sys.argv = ["homespot", *arguments]
    try:
        homespot.cli.main()
    except SystemExit as end:
        print(f"status {end.code}", file=sys.stderr)

def everything(at):
    found = {
        "read": said(lambda: hs.load(at + "secret.h5ad")),
        "read backed": said(lambda: hs.load(at + "secret.h5ad", backed=True)),
        "read in a closed folder": said(lambda: hs.load(at + "closed/map.h5ad")),
        "write into a folder": said(lambda: hs.save(mapping, at + "locked/new.h5ad")),
        "write into a closed folder": said(lambda: hs.save(mapping, at + "closed/new.h5ad")),
        "replace a file": said(lambda: hs.save(mapping, at + "protected.h5ad")),
        "write a page": said(lambda: hs.report(mapping, at + "locked/map.html")),
    }
    main("map", at + "closed/map.h5ad", "map.h5ad", "-o", at + "open/new.h5ad")
    main("map", "map.h5ad", "map.h5ad", "-o", at + "locked/new.h5ad")
    main("demo", "-o", at + "closed/new")
    print("---", file=sys.stderr)
    return found

everything("map.h5ad/")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
json.dump(everything(""), sys.stdout)
"""

NO_FILE = "Expected a path to which a file can be written, found "
SAID = {
    "read": "Expected an .h5ad file, found 'secret.h5ad', which may not be read. "
    "Ask for the right to read it.",
    "read in a closed folder": "Expected an .h5ad file, found 'closed/map.h5ad', which may not be read. "
    "Ask for the right to read it.",
    "write into a folder": f"{NO_FILE}'locked/new.h5ad', in a folder that takes no file (Permission denied). "
    "Name another.",
    "write into a closed folder": "Expected a path that names a file, found 'closed/new.h5ad' "
    "(Permission denied). Use another.",
    "replace a file": f"{NO_FILE}'protected.h5ad', which you may not change. "
    "Name another, or ask for the right to write it.",
    "write a page": f"{NO_FILE}'locked/map.html', in a folder that takes no file (Permission denied). "
    "Name another.",
}
SAID["read backed"] = SAID["read"]
LINES = (
    "Error: Expected an .h5ad file, found 'closed/map.h5ad', which may not be read. "
    "Ask for the right to read it. status 1 "
    "Error: Expected an output to which a file can be written, found 'locked/new.h5ad', in a folder that "
    "takes no file (Permission denied). Name another. status 1 "
    "Error: Expected a folder that can be written to, found 'closed/new' (Permission denied). "
    "Use another. status 1"
)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter; those of pytest are for its user alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def test_the_message_says_that_the_right_is_missing(pair, open_folder: Path) -> None:
    hs.save(hs.map_cells(*pair), open_folder / "map.h5ad")
    whole = (open_folder / "map.h5ad").read_bytes()
    modes = {"open": 0o777, "locked": 0o555, "closed": 0o000, "secret.h5ad": 0o000, "protected.h5ad": 0o444}
    for name, mode in modes.items():
        path = open_folder / name
        if path.suffix:
            path.write_bytes(whole)
        else:
            path.mkdir()
            (path / "map.h5ad").write_bytes(whole)
        path.chmod(mode)
    before = {path.name for path in open_folder.iterdir()}
    try:
        command = [sys.executable, "-c", RUN, str(open_folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    finally:
        for name in ("locked", "closed"):
            (open_folder / name).chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == SAID, done.stderr
    assert " ".join(done.stderr.split("---")[1].split()) == LINES
    assert {path.name for path in open_folder.iterdir()} == before
    for name in ("open", "locked", "closed"):
        assert [path.name for path in (open_folder / name).iterdir()] == ["map.h5ad"]
    assert (open_folder / "protected.h5ad").read_bytes() == whole
