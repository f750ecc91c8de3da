"""Interrupt a training and continue it later: one file for one run."""

from __future__ import annotations

import hashlib
import pickle
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..common.files import check_target, whole
from ..errors import DataWarning, InputError, expected

__all__ = ["Checkpoint", "fingerprint"]

_SECONDS = 60.0  # seconds between two writings


def fingerprint(tensors: Mapping[str, torch.Tensor | None], settings: Mapping[str, Any]) -> str:
    """Return a digest of all inputs of a run."""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for name, tensor in tensors.items():
        digest.update(name.encode())
        if tensor is not None:
            digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Checkpoint:
    """The file of a run; it is written completely or not at all.

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

    def read(self, device: str) -> dict[str, Any] | None:
        """Return the state in the file; None if there is no file yet."""
        if not self.path.exists():
            return None
        try:
            with warnings.catch_warnings(action="ignore"):  # about pickles, refused below
                stored = torch.load(self.path, map_location=device, weights_only=True)
            run, state = stored["run"], stored["state"]
        except (
            OSError,
            RuntimeError,
            LookupError,
            ValueError,
            TypeError,
            EOFError,
            pickle.PickleError,
        ) as error:
            raise InputError(
                expected("a checkpoint", f"{str(self.path)!r}, which is none", "Name another file.")
            ) from error
        if run != self._run:
            raise InputError(
                expected(
                    "a checkpoint of the same data, settings and seed",
                    f"one of another run in {str(self.path)!r}",
                    "Name another file, or remove this one to start anew.",
                )
            )
        loaded: dict[str, Any] = state
        return loaded

    def maybe(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state if it was last written at least a minute ago."""
        if time.monotonic() - self._written >= _SECONDS:
            self.write(state())

    def write(self, state: dict[str, Any]) -> None:
        """Write the state; a failure gives a warning only, as the training is worth more than the file."""
        self._written = time.monotonic()
        try:
            with whole(self.path) as file:
                torch.save({"run": self._run, "state": state}, file)
        except (OSError, RuntimeError) as error:  # torch raises a RuntimeError if the disk is full
            warnings.warn(
                f"The checkpoint {str(self.path)!r} could not be written ({error}); the training goes on.",
                DataWarning,
                stacklevel=2,
            )
