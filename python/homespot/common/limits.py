"""The limits on memory that Linux sets to this process: those of its control groups, and its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["Left", "tightest"]


class Left(NamedTuple):
    """The bytes that a limit leaves, and its name."""

    n_bytes: int
    name: str


class _Layout(NamedTuple):
    """The files of a control group: its limits, its use, and which part of its use are files."""

    limits: tuple[str, ...]
    used: str
    files: str


_V1 = _Layout(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
# Above memory.high the kernel takes pages back and slows the process down to a halt.
_V2 = _Layout(("memory.max", "memory.high"), "memory.current", "inactive_file")


_MAPPED = 128 * 2**20
"""Bytes that threads and the buffers of linear algebra map; OpenBLAS ends the process without them."""


def tightest(root: Path = Path("/")) -> Left | None:
    """Return the limit that leaves the least memory, or None if there is none or the system is not Linux.

    Parameters
    ----------
    root
        The folder that holds ``proc`` and ``sys``.
    """
    return min((*_of_process(root), *_of_groups(root)), default=None)


def _of_process(root: Path) -> Iterator[Left]:
    """Yield what the limits of the process itself leave: RLIMIT_AS and RLIMIT_DATA."""
    limits, status = _text(root / "proc/self/limits"), _text(root / "proc/self/status")
    used = {name: value.split() for name, _, value in (line.partition(":") for line in status.splitlines())}
    for title, entry, name in (
        ("Max address space", "VmSize", "RLIMIT_AS (ulimit -v)"),
        ("Max data size", "VmData", "RLIMIT_DATA (ulimit -d)"),
    ):
        lines = [line.removeprefix(title).split() for line in limits.splitlines() if line.startswith(title)]
        # The soft limit comes first; it is "unlimited" where there is none. Use is in kB.
        if lines and lines[0][0].isdigit() and entry in used:
            yield Left(max(int(lines[0][0]) - 1024 * int(used[entry][0]) - _MAPPED, 0), name)


def _of_groups(root: Path) -> Iterator[Left]:
    """Yield what the limits of the control groups of this process leave, from its own group upwards."""
    for layout, mounts, path in _hierarchies(root):
        ours = [mount for mount in mounts if _inside(path, mount[0]) is not None]
        # A container may see its group at the mount point only, whatever path the kernel gives.
        for group, point in ours or mounts:
            inside = _inside(path, group) or PurePosixPath()
            for level in (inside, *inside.parents):
                counts_children = _text(root / point / level / "memory.use_hierarchy").strip() != "0"
                if counts_children or level == inside:
                    yield from _of_group(root / point / level, layout)


def _inside(path: PurePosixPath, group: PurePosixPath) -> PurePosixPath | None:
    """Return the path below the group that is mounted; None if it does not lie there."""
    if ".." in (*path.parts, *group.parts) or not path.is_relative_to(group):
        return None
    return path.relative_to(group)


def _hierarchies(root: Path) -> Iterator[tuple[_Layout, list[tuple[PurePosixPath, str]], PurePosixPath]]:
    """Yield every hierarchy that can limit memory: its files, its mounts and the path of this process.

    A mount is the group at its top, and the folder where it is, without the leading slash.
    """
    mounts: dict[str, list[tuple[PurePosixPath, str]]] = {"cgroup": [], "cgroup2": []}
    for line in _text(root / "proc/self/mountinfo").splitlines():
        about, _, system = line.partition(" - ")
        kind, _, options = system.partition(" ")
        fields = about.split()
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split()[-1].split(",")):
            top, point = (_unescaped(field) for field in fields[3:5])
            mounts[kind].append((PurePosixPath(top), point.lstrip("/")))
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield _V1, mounts["cgroup"], PurePosixPath(path)
        elif number == "0" and not controllers:
            yield _V2, mounts["cgroup2"], PurePosixPath(path)


def _unescaped(field: str) -> str:
    r"""Return a field of mountinfo, which has blanks as ``\040``."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        field = field.replace(code, chr(int(code[1:], 8)))
    return field


def _of_group(folder: Path, layout: _Layout) -> Iterator[Left]:
    """Yield what the limits of one group leave; files that the kernel can forget do not count as used."""
    used = _text(folder / layout.used).strip()
    stat = dict(line.split(maxsplit=1) for line in _text(folder / "memory.stat").splitlines())
    for name in layout.limits:
        limit = _text(folder / name).strip()  # "max", no number, where there is no limit
        if limit.isdigit() and used.isdigit():
            left = int(limit) - int(used) + int(stat.get(layout.files, 0))
            yield Left(max(left, 0), f"{name} of the control group {str(folder)!r}")


def _text(path: Path) -> str:
    """Return a file's text; "" where there is no file, or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
