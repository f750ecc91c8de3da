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


WORK = """
import hashlib
import numpy as np
from homespot.mapping.positions import Readings
from homespot.matrix.gather import gather
rng = np.random.default_rng(0)
found = Readings(rng.random((200, 2)), sharpness=np.full(50, 2.0), levels=(0.5, 0.9))
gather(rng.dirichlet(np.ones(200), 50), found)
arrays = (found.entropy, found.placed, found.spread, found.radii)
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


def test_loops_that_call_others_have_the_same_bytes_when_read_from_the_cache(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    run = [sys.executable, "-c", WORK]
    made, read = (subprocess.run(run, env=environment, capture_output=True, text=True) for _ in range(2))
    assert made.returncode == read.returncode == 0, made.stderr + read.stderr
    assert list(tmp_path.rglob("*read_rows*.nbc"))
    assert made.stdout == read.stdout


def test_a_form_follows_the_sources_of_all_that_it_calls(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    head = "from homespot.common.jit import compiled\n"
    inner = head + "@compiled\ndef inner(x): return x + {}\n"
    (tmp_path / "hs_outer.py").write_text(
        head + "from hs_inner import inner\n@compiled\ndef outer(x): return 2 * inner(x)\n"
    )
    run = [sys.executable, "-c", "from hs_outer import outer; print(outer(1.0))"]
    environment = os.environ | {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "LOCALAPPDATA": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for added, expected in ((1, "4.0"), (2, "6.0")):
        (tmp_path / "hs_inner.py").write_text(inner.format(added))
        done = subprocess.run(run, env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr
