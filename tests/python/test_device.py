"""Devices and threads: what the user said, and never a silent fall-back."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from homespot.common import cores, device
from homespot.errors import DataWarning, DeviceError, InputError
from homespot.evaluate import folds
from homespot.evaluate.plan import Plan, Task


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
    from homespot.common import cuda

    monkeypatch.setattr(torch.cuda, "is_available", lambda: found > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    monkeypatch.setattr(device, "_cuda_driver", lambda: True)
    monkeypatch.setattr(cuda, "fault", lambda _: None)
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


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:²", "cuda:-1", "cpu:0", "", "CUDA", 0, None])
def test_other_names_are_refused(name) -> None:
    with pytest.raises(InputError):
        device.resolve_device(name)


@pytest.fixture
def a_card(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with a card, as far as one can see without using it."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(device, "_cuda_driver", lambda: True)
    return monkeypatch


def test_auto_takes_no_card_that_does_not_compute(a_card: pytest.MonkeyPatch, told) -> None:
    import torch

    def no_kernel(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")

    a_card.setattr(torch, "ones", no_kernel)
    a_card.setattr("homespot.common.cuda.VERSION", "2.13.0")
    assert device.first_device() == "cuda:0"
    with pytest.warns(DataWarning) as caught:
        assert device.resolve_device("auto") == "cpu"
    told(caught[0].message, "cuda:0 no kernel image CPU")
    assert device.resolve_device("cuda:0") == "cuda:0"  # what is asked for by name is not replaced


def test_auto_sends_no_small_problem_to_a_card(a_card: pytest.MonkeyPatch) -> None:
    """So the tests, whose problems are small, stay on the CPU whatever the machine has."""
    a_card.setattr("homespot.common.cuda.fault", lambda _: None)
    assert device.resolve_device("auto", device.LARGE) == "cuda:0"
    a_card.setattr(device, "_cuda_driver", None)  # is not asked
    assert device.resolve_device("auto", device.LARGE - 1) == "cpu"
    assert device.resolve_device("cuda", 1) == "cuda:0"


def test_one_card_is_used_by_one_process(a_card: pytest.MonkeyPatch) -> None:
    """Each process would take half a gigabyte of it, and count all of its free memory as its own."""
    plan, seen = Plan("ssa"), []
    tasks = [Task((i,), plan, ("g",), device="cuda:0") for i in range(3)]
    a_card.setattr(folds, "ProcessPoolExecutor", None)
    a_card.setattr(folds, "work", lambda _, task: seen.append(task) or {})
    a_card.setattr(folds, "_require", lambda *given: seen.append(given[-1]))
    assert [task for task, _ in folds.run(None, tasks, 3)] == tasks
    assert seen == [1, *tasks]
