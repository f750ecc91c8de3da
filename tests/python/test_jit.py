"""Compiled loops are kept, and a cache that cannot be used never stops a call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespot.common import jit
from homespot.common.jit import compiled


def total(values: Any) -> float:
    found = 0.0
    for value in values:
        found += value
    return found


def called(values: Any = (1.0, 2.0)) -> tuple[float, int]:
    """What a function that was just compiled returns, and how many of its forms were in the cache."""
    function: Any = compiled(total)
    return function(np.asarray(values)), sum(function.stats.cache_hits.values())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(jit, "_folder", lambda: tmp_path)
    return tmp_path


def test_a_form_is_compiled_once_and_then_read(folder: Path) -> None:
    assert called() == (3.0, 0)
    assert called() == (3.0, 1)
    assert called(np.float32([1, 2])) == (3.0, 0)  # another type is another form
    assert called(np.float32([1, 2])) == (3.0, 1)
    assert called() == (3.0, 1)
    assert len(list(folder.iterdir())) == 2


SPOILT = {
    "empty": lambda _: b"",
    "cut off": lambda content: content[:-100],
    "cut off in its digest": lambda content: content[:10],
    "one bit": lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
    "longer": lambda content: content + b"0",
    "something else": lambda _: b"text" * 5000,
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_file_that_cannot_be_read_is_gone_round_and_written_anew(folder: Path, how: str) -> None:
    called()
    [file] = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(SPOILT[how](whole))
    assert called() == (3.0, 0)
    assert called() == (3.0, 1)


def test_a_form_of_another_type_is_not_taken_for_this_one(folder: Path) -> None:
    called()
    [first] = folder.iterdir()
    called(np.float32([1, 2]))
    [second] = set(folder.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    assert called(np.float32([1, 2])) == (3.0, 0)


def test_a_folder_in_the_way_or_a_cache_that_is_gone_stops_nothing(folder: Path, monkeypatch) -> None:
    called()
    [file] = folder.iterdir()
    file.unlink()
    file.mkdir()
    assert called() == (3.0, 0)
    monkeypatch.setattr(jit, "_folder", lambda: folder / "gone")
    assert called() == (3.0, 0)
    monkeypatch.setattr(jit, "_folder", lambda: Path("/proc/self"))  # takes no file, whoever asks
    assert called() == (3.0, 0)


def test_a_full_disk_stops_nothing_and_leaves_nothing(folder: Path, monkeypatch) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert called() == (3.0, 0)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a folder away")
def test_a_folder_of_somebody_else_is_not_used_unless_it_is_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "homespot").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    find = jit._folder.__wrapped__
    assert find() == tmp_path / "homespot"
    os.chown(tmp_path / "homespot", 12345, 12345)
    assert find() is None
    monkeypatch.setattr(jit._config, "CACHE_DIR", str(tmp_path / "homespot"))
    assert find() == tmp_path / "homespot"


AT_ONCE = """
import sys
from pathlib import Path
import numpy as np
from homespot.common import jit
jit._folder = lambda: Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from test_jit import total
function = jit.compiled(total)
input()
print(function(np.arange(4, dtype=sys.argv[3])))
"""


def test_processes_at_once_do_not_mix_their_forms(folder: Path) -> None:
    types = ("float32", "float64", "float64")
    command = [sys.executable, "-c", AT_ONCE, str(folder), str(Path(__file__).parent)]
    processes = [
        subprocess.Popen([*command, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for kind in types
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=300)[0] for process in processes] == ["6.0\n"] * 3
    assert len(list(folder.iterdir())) == 2
