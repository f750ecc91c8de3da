"""Devices and threads: what the user said, and never a silent fall-back."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from homespot.common import cores, device
from homespot.errors import DeviceError, InputError


@pytest.fixture
def no_limits(monkeypatch):
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"SLURM_CPUS_PER_TASK": "6"}, 6),
        ({"OMP_NUM_THREADS": "2", "SLURM_CPUS_PER_TASK": "6"}, 2),
        ({"OMP_NUM_THREADS": "", "SLURM_CPUS_PER_TASK": "6"}, 6),
        ({"OMP_NUM_THREADS": "0", "SLURM_CPUS_PER_TASK": "6"}, 6),
        ({"OMP_NUM_THREADS": "many", "SLURM_CPUS_PER_TASK": "6"}, 6),
    ],
)
def test_the_users_limit_counts(no_limits, environment: dict[str, str], expected: int) -> None:
    for name, value in environment.items():
        no_limits.setenv(name, value)
    assert cores.threads() == expected


def test_without_a_limit_it_is_the_cores_of_this_process_but_not_all_of_a_server(no_limits, tmp_path) -> None:
    no_limits.setattr(cores, "_QUOTA", tmp_path / "none")
    if sys.platform == "linux":
        no_limits.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
        assert cores.threads() == 3
        no_limits.setattr(os, "sched_getaffinity", lambda _: set(range(128)))
    else:
        no_limits.setattr(os, "cpu_count", lambda: 128)
    assert cores.threads() == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1), ("max 100000", 6), (None, 6), ("", 6)],
)
def test_a_containers_quota_counts(no_limits, tmp_path, quota: str | None, expected: int) -> None:
    no_limits.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    no_limits.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    no_limits.setattr(sys, "platform", "linux")
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores.threads() == expected


def test_linear_algebra_keeps_within_the_limit(no_limits) -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    before = [pool["num_threads"] for pool in threadpool_info()]
    no_limits.setenv("OMP_NUM_THREADS", "1")
    with cores.limited_threads() as n:
        assert n == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_one_limit_at_a_time() -> None:
    """It is the whole process's: the end of one thread's block must not lift another's limit."""
    seen = []

    def work() -> None:
        for _ in range(20):
            with cores.limited_threads(1):
                seen.append({pool["num_threads"] for pool in threadpool_info()})

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [{1}] * 40


def test_cpu_is_cpu() -> None:
    assert device.resolve_device("cpu") == "cpu"
    assert device.resolve_device("auto") in ("cpu", "cuda:0")


def test_auto_without_a_driver_is_the_cpu_and_imports_no_torch(monkeypatch) -> None:
    monkeypatch.setattr(device, "_cuda_driver", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert device.resolve_device() == "cpu"


@pytest.mark.parametrize("found", [0, 1, 2])
def test_devices_that_are_there_and_not(monkeypatch, found: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    monkeypatch.setattr(device, "_cuda_driver", lambda: True)
    assert device.resolve_device("auto") == ("cuda:0" if found else "cpu")
    for index, name in enumerate(["cuda", "cuda:1", "cuda:2"]):
        if index < found:
            assert device.resolve_device(name) == f"cuda:{index}"
            continue
        with pytest.raises(DeviceError) as caught:
            device.resolve_device(name)
        assert str(caught.value) == (
            f"Expected device {name!r}, found {found} CUDA device(s) that torch {torch.__version__} can use. "
            "Use device='cpu', or install a CUDA build of torch and the NVIDIA driver."
        )


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "cpu:0", "", "CUDA", 0, None])
def test_other_names_are_refused(name) -> None:
    with pytest.raises(InputError):
        device.resolve_device(name)
