"""Memory: what would not fit is refused with its size and the remedy, before it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from homespot import map_cells
from homespot.common import memory
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


def test_refusal_says_how_much_for_what_and_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2**30)
    memory.require(2**30, "a map", "Take less.")
    with pytest.raises(TooLargeError) as caught:
        memory.require(3 * 2**30, "a map of 2 cells x 3 spots", "Map fewer cells at a time.")
    assert str(caught.value) == (
        "Expected 3.0 GiB of memory for a map of 2 cells x 3 spots, found 1.0 GiB free. "
        "Map fewer cells at a time."
    )
    assert isinstance(caught.value, MemoryError)


def test_a_map_that_cannot_fit_is_refused_before_it_is_made(pair, monkeypatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1000)
    monkeypatch.setattr("homespot.methods.ssa.log_tables", None)
    with pytest.raises(TooLargeError) as caught:
        map_cells(*pair)
    n_genes = len(set(pair[0].var_names) & set(pair[1].var_names))
    n_bytes = memory.human(4 * (40 * 25 + (40 + 25) * n_genes))
    assert str(caught.value) == (
        f"Expected {n_bytes} of memory for a map of 40 cells x 25 spots over {n_genes} genes, "
        "found 1000 bytes free. "
        "Map fewer cells at a time, or use fewer genes (n_genes)."
    )


def test_memory_of_a_gpu_is_that_of_the_gpu(monkeypatch, refused) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    asked = []

    def mem_get_info(device: str) -> tuple[int, int]:
        asked.append(device)
        return 2**30, 2**34

    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    memory.require(2**30, "a map", "Take less.", "cuda:1")
    with refused("GiB memory cuda 3.0 1 | 1.0 |", TooLargeError):
        memory.require(3 * 2**30, "a map", "Take less.", "cuda:1")
    assert asked == ["cuda:1"] * 2


class Cgroup:
    """A container's files, as the kernel writes them."""

    def __init__(self, monkeypatch, tmp_path: Path, **files: str) -> None:
        for name, text in files.items():
            (tmp_path / f"memory.{name}").write_text(text)
        monkeypatch.setattr(memory, "_CGROUP", tmp_path)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: np.rec.array([(10_000,)], names="available")[0])


def test_a_containers_limit_counts(monkeypatch, tmp_path) -> None:
    Cgroup(monkeypatch, tmp_path, max="5000\n", current="3000\n", stat="anon 2000\ninactive_file 0\n")
    assert memory.available() == 2000


def test_files_that_the_kernel_can_forget_are_not_counted_as_used(monkeypatch, tmp_path) -> None:
    Cgroup(monkeypatch, tmp_path, max="5000\n", current="4900\n", stat="anon 900\ninactive_file 4000\n")
    assert memory.available() == 4100


def test_a_container_without_a_limit_has_what_the_machine_has(monkeypatch, tmp_path) -> None:
    Cgroup(monkeypatch, tmp_path, max="max\n", current="3000\n", stat="")
    assert memory.available() == 10_000


def test_no_container(monkeypatch, tmp_path) -> None:
    Cgroup(monkeypatch, tmp_path)
    assert memory.available() == 10_000
