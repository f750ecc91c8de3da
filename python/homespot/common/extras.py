"""Optional packages: each is needed by a part of homespot, and installed with an extra."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import DependencyError, expected
from .wording import words

__all__ = ["EXTRAS", "has", "missing", "require"]

EXTRAS = {
    "come": ("torch",),
    "pot": ("ot",),
    "plot": ("jinja2", "matplotlib", "plotly"),
    "io": ("pyarrow", "scanpy", "zarr"),
}
"""The packages of every extra, as they are imported; pyproject.toml has the versions."""


def has(package: str) -> bool:
    """Tell whether a package is installed, without the time that importing it takes."""
    return find_spec(package) is not None


def require(package: str, purpose: str) -> None:
    """Raise a `DependencyError` that says how to install a package if it is not there.

    Parameters
    ----------
    package
        One of the packages of `EXTRAS`, or one that a method of another package needs.
    purpose
        What needs it, e.g. ``"method 'come'"``.
    """
    if not has(package):
        raise missing(package, purpose)


def missing(package: str, purpose: str) -> DependencyError:
    """Return the error that says what a package is needed for, and the line that installs its extra."""
    extra = next((extra for extra, packages in EXTRAS.items() if package in packages), None)
    remedy = words().pip(package if extra is None else f"'homespot[{extra}]'")
    return DependencyError(expected(f"{package} for {purpose}", "that it is not installed", remedy))
