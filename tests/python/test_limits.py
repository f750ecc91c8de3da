"""The limits on memory: every layout of control groups that Linux has, and those of the process."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from homespot.common import limits, memory

UNLIMITED = 9223372036854771712


class Machine:
    """The files of /proc and /sys/fs/cgroup, as the kernel writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(self, groups: str, mounts: str) -> None:
        self.write("proc/self/cgroup", groups)
        self.write("proc/self/mountinfo", mounts)

    def v1(self, folder: str, limit: int, used: int, files: int = 0, *, children: int = 1) -> None:
        self.write(f"{folder}/memory.limit_in_bytes", f"{limit}\n")
        self.write(f"{folder}/memory.usage_in_bytes", f"{used}\n")
        self.write(f"{folder}/memory.use_hierarchy", f"{children}\n")
        # Without "total_", the files of the group alone, without its children.
        self.write(f"{folder}/memory.stat", f"cache 7\ninactive_file 1\ntotal_inactive_file {files}\n")

    def v2(self, folder: str, limit: object, used: int, files: int = 0, high: object = "max") -> None:
        self.write(f"{folder}/memory.max", f"{limit}\n")
        self.write(f"{folder}/memory.high", f"{high}\n")
        self.write(f"{folder}/memory.current", f"{used}\n")
        self.write(f"{folder}/memory.stat", f"anon 2000\ninactive_file {files}\n")

    @property
    def left(self) -> int | None:
        found = limits.tightest(self.root)
        return None if found is None else found.n_bytes


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
)


def test_a_v2_container_sees_its_group_at_the_mount_point(machine) -> None:
    machine.process("0::/\n", V2_MOUNT)
    machine.v2("/sys/fs/cgroup", 5000, 3000)
    assert machine.left == 2000


def test_files_that_the_kernel_can_forget_are_not_counted_as_used(machine) -> None:
    machine.process("0::/\n", V2_MOUNT)
    machine.v2("/sys/fs/cgroup", 5000, 4900, files=4000)
    assert machine.left == 4100


def test_without_a_limit_there_is_none(machine) -> None:
    machine.process("0::/\n", V2_MOUNT)
    machine.v2("/sys/fs/cgroup", "max", 3000)
    assert machine.left is None


def test_a_group_over_its_limit_leaves_nothing(machine) -> None:
    machine.process("0::/\n", V2_MOUNT)
    machine.v2("/sys/fs/cgroup", 5000, 6000)
    assert machine.left == 0


def test_a_systemd_scope_is_nested_and_every_level_counts(machine) -> None:
    machine.process("0::/user.slice/user-1000.slice/run-7.scope\n", V2_MOUNT)
    machine.v2("/sys/fs/cgroup/user.slice", 90_000, 20_000)
    machine.v2("/sys/fs/cgroup/user.slice/user-1000.slice", 30_000, 18_000, high=25_000)
    machine.v2("/sys/fs/cgroup/user.slice/user-1000.slice/run-7.scope", "max", 9000)
    assert machine.left == 7000  # memory.high of the slice
    machine.v2("/sys/fs/cgroup/user.slice/user-1000.slice/run-7.scope", 10_000, 9000)
    found = limits.tightest(machine.root)
    assert found is not None
    assert found.n_bytes == 1000
    assert found.name.startswith("memory.max of the control group")
    assert found.name.endswith("run-7.scope'")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_slurm_sets_the_limit_of_the_job_above_that_of_the_task(machine, version) -> None:
    if version == "v2":
        job = "/system.slice/slurmstepd.scope/job_42"
        machine.process(f"0::{job}/step_0/user/task_0\n", V2_MOUNT)
        machine.v2(f"/sys/fs/cgroup{job}", 8000, 3000, files=500)
        machine.v2(f"/sys/fs/cgroup{job}/step_0", "max", 3000)
        machine.v2(f"/sys/fs/cgroup{job}/step_0/user/task_0", "max", 2000)
    else:
        job = "/slurm/uid_1000/job_42"
        machine.process(f"9:cpu:/\n4:memory:{job}/step_0/task_0\n0::/\n", V1_MOUNTS)
        machine.v1("/sys/fs/cgroup/memory", UNLIMITED, 9000)
        machine.v1(f"/sys/fs/cgroup/memory{job}", 8000, 3000, files=500)
        machine.v1(f"/sys/fs/cgroup/memory{job}/step_0", 8000, 2500)
        machine.v1(f"/sys/fs/cgroup/memory{job}/step_0/task_0", UNLIMITED, 2000)
    assert machine.left == 5500


def test_a_v1_group_above_that_does_not_count_its_children_does_not_limit_them(machine) -> None:
    machine.process("4:memory:/a/b\n", V1_MOUNTS)
    machine.v1("/sys/fs/cgroup/memory/a", 1000, 900, children=0)
    machine.v1("/sys/fs/cgroup/memory/a/b", 5000, 2000, children=0)
    assert machine.left == 3000


def test_a_hybrid_machine_has_memory_in_v1_and_a_v2_hierarchy_without_it(machine) -> None:
    machine.process(
        "4:cpuset:/\n3:cpu,memory:/batch/7\n1:name=systemd:/batch\n0::/batch.scope\n",
        V1_MOUNTS.replace("rw,memory", "rw,cpu,memory")
        + "36 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
        + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
    )
    machine.v1("/sys/fs/cgroup/memory/batch/7", 4000, 1500)
    machine.write("/sys/fs/cgroup/unified/batch.scope/memory.pressure", "some avg10=0.00\n")
    assert machine.left == 2500


def test_a_v1_container_has_its_group_mounted_under_the_hosts_path(machine) -> None:
    machine.process("4:memory:/docker/abc/inner\n", V1_MOUNTS.replace("0:32 / /", "0:32 /docker/abc /"))
    machine.v1("/sys/fs/cgroup/memory", 6000, 1000)
    machine.v1("/sys/fs/cgroup/memory/inner", 6000, 4000)
    assert machine.left == 2000


@pytest.mark.parametrize("path", ["/kubepods/pod1/abc", "/../../other", "/docker/abc (deleted)"])
@pytest.mark.parametrize("top", ["/", "/kubepods/elsewhere", "/.."])
def test_a_path_of_another_namespace_ends_at_the_mount_point(machine, path, top) -> None:
    machine.process(f"0::{path}\n", V2_MOUNT.replace("0:28 / /", f"0:28 {top} /"))
    machine.v2("/sys/fs/cgroup", 7000, 4000)
    machine.v2("/other", 100, 0)
    assert machine.left == 3000


def test_of_several_mounts_those_count_that_hold_the_process(machine) -> None:
    machine.process(
        "0::/work/me\n", V2_MOUNT + "77 1 0:28 /theirs /mnt/other\\040groups rw - cgroup2 cgroup2 rw\n"
    )
    machine.v2("/sys/fs/cgroup/work", 9000, 1000)
    machine.v2("/mnt/other groups", 10, 10)
    assert machine.left == 8000


def test_a_blank_in_the_path_of_a_mount(machine) -> None:
    machine.process("0::/\n", V2_MOUNT.replace("/sys/fs/cgroup", "/my\\040groups"))
    machine.v2("/my groups", 900, 100)
    assert machine.left == 800


def test_limits_of_the_process_itself(machine) -> None:
    machine.write("proc/self/status", "Name:\tpython\nVmSize:\t    100 kB\nVmData:\t     40 kB\n")
    line = "{:<26}{:<21}{:<21}{}\n".format
    machine.write(
        "proc/self/limits",
        line("Limit", "Soft Limit", "Hard Limit", "Units")
        + line("Max data size", "unlimited", "unlimited", "bytes")
        + line("Max address space", limits._MAPPED + 150 * 1024, "unlimited", "bytes"),
    )
    assert limits.tightest(machine.root) == (50 * 1024, "RLIMIT_AS (ulimit -v)")
    machine.write("proc/self/limits", line("Max data size", limits._MAPPED + 60 * 1024, "unlimited", "bytes"))
    assert limits.tightest(machine.root) == (20 * 1024, "RLIMIT_DATA (ulimit -d)")


def test_another_system_has_no_such_files(machine) -> None:
    assert limits.tightest(machine.root) is None


def test_the_tighter_of_limit_and_machine_is_what_is_available(monkeypatch) -> None:
    class Free:
        available = 10_000

    monkeypatch.setattr(psutil, "virtual_memory", Free)
    low, high = limits.Left(5000, "a limit"), limits.Left(20_000, "another")
    for limit, found in ((low, 5000), (high, 10_000), (None, 10_000)):
        monkeypatch.setattr(memory, "tightest", lambda limit=limit: limit)
        assert memory.available() == found


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="only Linux has control groups")
def test_the_groups_that_this_process_is_in() -> None:
    """The folders that are read hold this process: the lowest one lists it."""
    lists = []
    for _, mounts, path in limits._hierarchies(Path("/")):
        for top, point in mounts:
            inside = limits._inside(path, top)
            if inside is not None and (folder := Path("/") / point / inside).exists():
                lists.append((folder / "cgroup.procs").read_text().split())
    if not lists:
        pytest.skip("this process sees none of its control groups")
    own = str(psutil.Process().pid)
    assert any(own in processes for processes in lists)
    assert 0 < memory.available() <= psutil.virtual_memory().total
