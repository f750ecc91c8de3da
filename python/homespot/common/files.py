"""Files that appear whole or not at all, at paths that are checked before the work."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

from ..errors import InputError, expected

__all__ = ["check_target", "lies_in", "refuse_inputs", "same", "whole"]

_ZARR_MARKS = (".zgroup", ".zattrs", ".zarray", ".zmetadata", "zarr.json")


def _real(path: Path) -> Path:
    """Return the file that a path leads to; where it is a symbolic link, the link stays."""
    return Path(os.path.realpath(path))


def _others(file: Path) -> bool:
    """Whether a file belongs to somebody else in a folder in which only owners replace files."""
    folder = file.parent.stat()
    own = hasattr(os, "geteuid") and os.geteuid() in (0, folder.st_uid, file.stat().st_uid)
    return bool(folder.st_mode & stat.S_ISVTX) and not own


def _refusal(file: Path) -> tuple[str, str] | None:
    """Return why no file can be written here, and the remedy; `file` is in a folder that exists."""
    zarr = next((up for up in file.parents if any((up / mark).exists() for mark in _ZARR_MARKS)), None)
    if zarr is not None:
        return f"which lies in the zarr {str(zarr)!r}", "Name a file beside it."
    if file.is_dir():
        return "which is a folder", "Name a file."
    if file.is_symlink():
        return "a link that leads to itself", "Name a file."
    if file.exists():
        if not file.is_file():
            return "which is no plain file", "Name another."
        if not os.access(file, os.W_OK) or _others(file):
            return "which you may not change", "Name another, or ask for the right to write it."
    else:
        with suppress(FileNotFoundError):
            file.lstat()  # a name can be too long
    try:
        # Neither the rights nor the owner of a folder tell whether its disk or server takes a file.
        tempfile.TemporaryFile(dir=file.parent).close()
    except OSError as error:
        return f"in a folder that takes no file ({error.strerror or error})", "Name another."
    return None


def check_target(path: object, *suffixes: str, what: str = "a path") -> Path:
    """Refuse, before any work, a path to which no file can be written, and return it.

    Temporary files of killed processes are deleted from its folder.

    Parameters
    ----------
    path
        The file to write.
    suffixes
        The endings that its name may have, the usual one first; without any, every name will do.
    what
        What the path is called in messages.
    """
    if not isinstance(path, str | os.PathLike):
        found = f"a value of type {type(path).__name__}"
        raise InputError(expected(f"{what} that names a file", found, "Pass text."))
    named = repr(os.fspath(path))
    try:
        target = Path(path)
        if suffixes and target.suffix not in suffixes:
            raise InputError(expected(f"{what} that ends in {suffixes[0]}", named, "Rename it."))
        file = _real(target)
        if not file.parent.is_dir():
            raise InputError(expected(f"{what} in a folder that exists", named, "Make the folder first."))
        refusal = _refusal(file)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # no system takes it
        why = getattr(error, "strerror", None) or error
        raise InputError(expected(f"{what} that names a file", f"{named} ({why})", "Use another.")) from error
    if refusal is not None:
        found, remedy = refusal
        raise InputError(expected(f"{what} to which a file can be written", f"{named}, {found}", remedy))
    _remove_left(file.parent)
    return target


def same(a: Path, b: Path) -> bool:
    """Whether two paths lead to one file, by links of any kind, in another spelling, or where none is yet."""
    try:
        return a.samefile(b)
    except OSError:
        return os.path.normcase(_real(a)) == os.path.normcase(_real(b))


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, or below it."""
    return _real(folder) in _real(path).parents


def refuse_inputs(target: Path, inputs: Iterable[Path], what: str = "a path") -> None:
    """Refuse to write to a file that is also read."""
    for path in inputs:
        if same(target, path):
            also = "" if str(path) == str(target) else f" as {str(path)!r}"
            raise InputError(
                expected(
                    f"{what} that is no input",
                    f"{str(target)!r}, which is read{also}",
                    "Name another file to write.",
                )
            )


# --- temporary files --------------------------------------------------------------------------------------


_LEFT = re.compile(r"\.homespot-(?P<machine>[0-9a-f]+)-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]+\.tmp")


@cache
def _machine() -> str:
    """Return a name for the space in which a process has its number: the machine, or the container."""
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:12]


def _runs(pid: int, start: int) -> bool:
    """Whether the process with this number that began at this second is still running."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - start) < 5
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _remove_left(folder: Path) -> None:
    """Delete the temporary files of this machine's processes that were killed."""
    for file in folder.glob(".homespot-*.tmp"):
        found = _LEFT.fullmatch(file.name)
        if found and found["machine"] == _machine() and not _runs(int(found["pid"]), int(found["start"])):
            with suppress(FileNotFoundError, PermissionError):  # another process is faster, or it is not ours
                file.unlink()


def _like(file: Path, before: os.stat_result) -> None:
    """Give a file the mode, and where it may be the owner, of the file that it replaces."""
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(file, before.st_uid, before.st_gid)
    file.chmod(stat.S_IMODE(before.st_mode))


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield an empty temporary file; it replaces `target` at the end, and is deleted after an error.

    A symbolic link stays, and the file that it leads to is replaced. The new file has the mode of the old
    one. If the process is killed, the next one that writes into the folder deletes the temporary file.
    """
    real = _real(target)
    before = real.stat() if real.exists() else None
    _remove_left(real.parent)
    start = int(psutil.Process().create_time())
    name = f".homespot-{_machine()}-{os.getpid()}-{start}-{secrets.token_hex(4)}.tmp"
    file = real.with_name(name)
    mode = 0o666 if before is None else stat.S_IMODE(before.st_mode) & 0o666 | 0o600
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        yield file
        if before is not None:
            _like(file, before)
        file.replace(real)
    finally:
        file.unlink(missing_ok=True)
