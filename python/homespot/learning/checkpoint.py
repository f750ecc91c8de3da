"""Interrupt a training and continue it later: one file for one run."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ..common.files import check_target, whole
from ..common.memory import ran_out
from ..errors import DataWarning, InputError, expected

__all__ = ["Checkpoint", "fingerprint"]

_SECONDS = 60.0  # seconds between two writings
_FORMAT = 2  # format 1, of homespot 0.99.0, has no seal
_MARK = b"homespot sha256 "
_SEAL = len(_MARK) + 64  # bytes of a seal


def fingerprint(tensors: Mapping[str, torch.Tensor | None], settings: Mapping[str, Any]) -> str:
    """Return a digest of all inputs of a run."""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for name, tensor in tensors.items():
        digest.update(name.encode())
        if tensor is not None:
            digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _seal(file: BinaryIO, size: int) -> bytes:
    """Return what stands behind the first `size` bytes of a file: their digest."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (part := file.read(min(size, 2**20))):
        digest.update(part)
        size -= len(part)
    return _MARK + digest.hexdigest().encode()


def _read(file: BinaryIO) -> tuple[str, dict[str, Any]]:
    """Return the run and the state in a checkpoint, and raise an error of any kind if it is not whole."""
    size = max(file.seek(0, os.SEEK_END) - _SEAL, 0)
    file.seek(size)
    seal = file.read()
    sealed = seal.startswith(_MARK)
    # Without a seal the sums that a zip keeps of its parts tell, which torch does not compare.
    whole = seal == _seal(file, size) if sealed else zipfile.ZipFile(file).testzip() is None
    if not whole:
        raise ValueError("the digest is of something else")
    file.seek(0)
    with warnings.catch_warnings(action="ignore"):  # about pickles, which are refused
        stored = torch.load(file, map_location="cpu", weights_only=True)
    run, state = stored["run"], stored["state"]
    if sealed != (stored.get("format") == _FORMAT) or not isinstance(state, dict):
        raise ValueError("the seal, or the state, is gone")
    return run, state


class Checkpoint:
    """The file of a run; it is written completely or not at all, and read only if its digest holds.

    Parameters
    ----------
    path
        The file; it is read if it exists.
    run
        `fingerprint` of the run.

    Raises
    ------
    InputError
        If the file belongs to another run, is not a checkpoint, or cannot be written.
    """

    def __init__(self, path: str, run: str) -> None:
        self.path, self._run = check_target(Path(path).expanduser(), what="checkpoint"), run
        self._written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """Return the state in the file, in main memory; None if there is no file yet."""
        if not self.path.exists():
            return None
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise InputError(
                expected(
                    "a checkpoint that can be read",
                    f"{str(self.path)!r} ({error.strerror or error})",
                    "Name another file, or make this one readable.",
                )
            ) from error
        try:
            with file:
                run, state = _read(file)
        except Exception as error:  # torch raises many kinds
            if ran_out(error):
                raise  # the file may be whole
            raise InputError(
                expected(
                    "a whole checkpoint",
                    f"{str(self.path)!r}, which is damaged or something else",
                    "Name another file to start anew.",
                )
            ) from error
        if run != self._run:
            raise InputError(
                expected(
                    "a checkpoint of the same data, settings and seed",
                    f"one of another run in {str(self.path)!r}",
                    "Name another file, or remove this one to start anew.",
                )
            )
        return state

    def maybe(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state if it was last written at least a minute ago."""
        if time.monotonic() - self._written >= _SECONDS:
            self.write(state())

    def write(self, state: dict[str, Any]) -> None:
        """Write the state; a failure gives a warning only, as the training is worth more than the file."""
        self._written = time.monotonic()
        try:
            with whole(self.path) as temporary, temporary.open("r+b") as file:
                torch.save({"format": _FORMAT, "run": self._run, "state": state}, file)
                file.write(_seal(file, file.seek(0, os.SEEK_END)))
        except (OSError, RuntimeError) as error:  # torch raises a RuntimeError if the disk is full
            if "CUDA" in str(error):
                raise  # it is the card that has failed, and the training with it
            warnings.warn(
                f"The checkpoint {str(self.path)!r} could not be written ({error}); the training goes on.",
                DataWarning,
                stacklevel=2,
            )
