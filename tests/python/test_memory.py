"""Memory: what would not fit is refused with its size and the remedy, before it is made."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from homespot import cli, map_cells
from homespot.bridge import door
from homespot.common import memory
from homespot.common.limits import Left
from homespot.errors import TooLargeError


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (5 * 2**40, "5.0 TiB"),
        (5000 * 2**40, "5000.0 TiB"),
    ],
)
def test_sizes_for_people(n_bytes: int, text: str) -> None:
    assert memory.human(n_bytes) == text


def _floats(cells: int, itemsize: int = 4) -> int:
    return itemsize * cells


FEWER = {"cells": "map at most {} cells at a time"}
FLOAT32 = {"use dtype='float32'": {"itemsize": 4}}


def test_what_fits_is_logged_in_one_line(monkeypatch, caplog) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2**30)
    with caplog.at_level("INFO", "homespot"):
        memory.require(_floats, "a map of 2 cells x 3 spots", {"cells": 2**27})
    assert caplog.messages == ["512.0 MiB of memory for a map of 2 cells x 3 spots, 1.0 GiB free"]


@pytest.mark.parametrize(
    ("sizes", "options", "remedy"),
    [
        # As many cells as fit, in two digits.
        ({"cells": 2**30}, {}, "Map at most 26 cells at a time."),
        # An option that saves enough comes first, with what it takes.
        (
            {"cells": 25, "itemsize": 8},
            FLOAT32,
            "Use dtype='float32' (100 bytes), or map at most 13 cells at a time.",
        ),
        # One that saves much, but not enough, is combined with fewer cells.
        (
            {"cells": 100, "itemsize": 8},
            FLOAT32,
            "Map at most 13 cells at a time, or use dtype='float32' and map at most 26 cells at a time.",
        ),
        # One that saves next to nothing is not named.
        ({"cells": 100}, {"use n_genes=1000": {"cells": 99}}, "Map at most 26 cells at a time."),
        # Of several the one that saves most.
        (
            {"cells": 40, "itemsize": 8},
            FLOAT32 | {"use k_best=1": {"itemsize": 1}},
            "Use k_best=1 (40 bytes), or map at most 13 cells at a time.",
        ),
    ],
)
def test_the_remedy_is_computed(monkeypatch, sizes, options, remedy) -> None:
    monkeypatch.setattr(memory, "available", lambda: 106)
    monkeypatch.setattr(memory, "tightest", lambda: None)
    with pytest.raises(TooLargeError) as caught:
        memory.require(_floats, "a map", sizes, fewer=FEWER, options=options)
    assert caught.value.remedy == remedy
    assert caught.value.found == "106 bytes free"
    assert isinstance(caught.value, MemoryError)


def test_the_limit_is_named_where_it_is_what_leaves_little(monkeypatch, refused) -> None:
    monkeypatch.setattr(memory, "tightest", lambda: Left(1000, "RLIMIT_AS (ulimit -v)"))
    with refused("8.0 KiB a map | 1000 bytes free RLIMIT_AS ulimit -v | memory limit", TooLargeError):
        memory.require(_floats, "a map", {"cells": 2048})


def test_a_map_that_cannot_fit_is_refused_before_it_is_made(pair, monkeypatch) -> None:
    sc, st = pair
    n_genes = len(set(sc.var_names) & set(st.var_names))
    free = 2 * 4 * (21 + 25) * n_genes
    monkeypatch.setattr(memory, "available", lambda: free)
    with monkeypatch.context() as patched:
        patched.setattr("homespot.methods.ssa.log_sides", None)
        with pytest.raises(TooLargeError) as caught:
            map_cells(sc, st)
    needed = memory.human(2 * 4 * (40 + 25) * n_genes)  # both tables twice, as P is smaller here
    assert caught.value.what == f"{needed} of memory for a map of 40 cells x 25 spots over {n_genes} genes"
    assert caught.value.remedy == "Map at most 21 cells at a time."
    map_cells(sc[:21], st)
    with pytest.raises(TooLargeError):
        map_cells(sc[:22], st)


def test_memory_of_a_gpu_is_that_of_the_gpu(monkeypatch, refused) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    asked = []

    def mem_get_info(device: str) -> tuple[int, int]:
        asked.append(device)
        return 2**30, 2**34

    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    memory.require(_floats, "a map", {"cells": 2**28}, device="cuda:1")
    with refused("GiB memory cuda 3.0 1 | 1.0 | device='cpu'", TooLargeError):
        memory.require(_floats, "a map", {"cells": 3 * 2**28}, device="cuda:1")
    assert asked == ["cuda:1"] * 2


class Verb:
    """A verb that asks for memory, and another library that has less than it was asked for."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @memory.bounded
    def announced(self) -> None:
        memory.require(_floats, "a map", {"cells": 2**10}, fewer=FEWER)
        raise self.error

    @memory.bounded
    def silent(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 4.00 KiB for an array"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 4 KiB"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_another_librarys_lack_of_memory_ends_in_our_error(error, monkeypatch, refused) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2**20)
    monkeypatch.setattr(memory, "tightest", lambda: None)
    with refused("memory a map | free but | Map at most 510 cells", TooLargeError):
        Verb(error).announced()
    with refused("memory silent | free but | memory limit", TooLargeError):
        Verb(error).silent()


@pytest.mark.parametrize(
    "error", [RuntimeError("another"), OSError(errno.ENOENT, "no file"), ValueError("x")]
)
def test_other_errors_pass(error) -> None:
    with pytest.raises(type(error)) as caught:
        Verb(error).announced()
    assert caught.value is error


_UNDER_LIMIT = """
import resource, sys
import homespot, numpy, anndata
from homespot.common import memory
from homespot.common.limits import _MAPPED, Left
from homespot.errors import TooLargeError

def taken():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(sys.argv[2]))

resource.setrlimit(getattr(resource, sys.argv[1]), (taken() + _MAPPED + 2**28, -1))
assert 0.9 * 2**28 < memory.available() <= 2**28, memory.available()

@memory.bounded
def verb():
    memory.require(lambda cells: 8 * cells, "numbers", {"cells": 2**24}, fewer={"cells": "take at most {}"})
    numpy.ones(2**26)

try:
    verb()
except TooLargeError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="Linux tells the limits of a process")
@pytest.mark.parametrize(("name", "entry"), [("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")])
def test_limits_of_the_process(name, entry) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_LIMIT, name, entry], capture_output=True, text=True, check=True
    )
    assert f"within {name}" in done.stdout
    assert "Expected enough memory for numbers, found" in done.stdout
    assert "Unable to allocate 512. MiB" in done.stdout
    assert "Take at most 8,300,000." in done.stdout


def _large(cells: int) -> int:
    return cells * 2**20


def test_large_steps_are_told_in_one_line_and_what_they_consist_of_is_not(monkeypatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2**40)
    lines: list[str] = []
    with memory.told(lines.append):
        memory.require(_large, "a small step", {"cells": 99})
        memory.require(_large, "maps of all sections", {"cells": 300})
        memory.require(_large, "a map of one section", {"cells": 200})
    memory.require(_large, "a step that nobody asked about", {"cells": 400})
    assert lines == ["300.0 MiB of memory for maps of all sections, 1.0 TiB free"]


def test_the_bridge_hands_the_line_to_r(monkeypatch) -> None:
    def verb() -> str:
        memory.require(_large, "a map", {"cells": 200})
        raise MemoryError("Unable to allocate 200. MiB")

    monkeypatch.setattr(memory, "available", lambda: 2**30)
    monkeypatch.setitem(door.OFFERED, "verb", verb)
    answer = door.call("verb")
    assert answer["memory"] == ["200.0 MiB of memory for a map, 1.0 GiB free"]
    assert answer["error"]["class"] == "TooLargeError"
    assert answer["error"]["message"].startswith("Expected enough memory for a map, found 1.0 GiB free")


def test_the_command_line_writes_the_line(monkeypatch, capsys) -> None:
    def work(_: object) -> None:
        memory.require(_large, "a map", {"cells": 200})
        memory.require(_large, "another", {"cells": 2000}, fewer={"cells": "map at most {} cells at a time"})

    monkeypatch.setattr(memory, "available", lambda: 2**30)
    monkeypatch.setattr(memory, "tightest", lambda: None)
    monkeypatch.setattr(typer.Typer, "__call__", work)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == (
        "Takes 200.0 MiB of memory for a map, 1.0 GiB free.\n"
        "Error: Expected 2.0 GiB of memory for another, found 1.0 GiB free. "
        "Map at most 1,000 cells at a time.\n"
    )
