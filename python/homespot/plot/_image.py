"""Tissue images in the form of scanpy and squidpy, and the section that each belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..space.axes import Library, libraries

__all__ = ["TissueImage", "libraries_of", "tissue_image"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TissueImage:
    """The pixels of a tissue image, with rows from the top, and their number per unit of the coordinates."""

    pixels: npt.NDArray[Any]
    scale: float

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """The left, right, bottom and top edge in the unit of the coordinates; y points down."""
        height, width = self.pixels.shape[:2]
        left, right, bottom, top = (edge / self.scale for edge in (-0.5, width - 0.5, height - 0.5, -0.5))
        return left, right, bottom, top

    def holds(self, xy: F64) -> bool:
        """Whether most of these places lie within the image."""
        left, right, bottom, top = self.extent
        x, y = xy.T
        return bool(np.mean((x >= left) & (x <= right) & (y >= top) & (y <= bottom)) > 0.5)


def _pixels(image: Any) -> npt.NDArray[Any] | None:
    """Return an image as numbers (height x width, or x 1, 3 or 4 channels); None for anything else."""
    try:
        pixels = np.asarray(image)
    except (TypeError, ValueError):
        return None
    plain = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4))
    return pixels if plain and pixels.size and pixels.dtype.kind in "buif" else None


def _scale(factor: Any) -> float:
    """Return a scale factor, or 0 if it is not a positive number."""
    try:
        value = float(factor)
    except (TypeError, ValueError):
        return 0.0
    return value if np.isfinite(value) and value > 0 else 0.0


def tissue_image(library: Library) -> TissueImage | None:
    """Return the image of a library, preferably the large one; None without an image or a scale."""
    images, factors = library.get("images"), library.get("scalefactors")
    if not isinstance(images, Mapping) or not isinstance(factors, Mapping):
        return None
    for kind in ("hires", "lowres"):
        scale = _scale(factors.get(f"tissue_{kind}_scalef"))
        pixels = _pixels(images.get(kind)) if scale else None
        if pixels is not None:
            return TissueImage(pixels, scale)
    return None


def _named_in(frame: pd.DataFrame, names: Sequence[str]) -> str | None:
    """Return the library that a column names for all rows."""
    for i in range(frame.shape[1] if len(frame) else 0):
        values = frame.iloc[:, i]
        name = str(values.iloc[0])
        if name in names and bool((values.astype(str) == name).all()):
            return name
    return None


def libraries_of(uns: Mapping[str, Any], sections: Sequence[tuple[str | None, pd.DataFrame]]) -> list[str]:
    """Return the name of every section's library, "" for a section without one.

    A section's library has the name of the section, or is named in a column of its annotation. If an object
    has only one library, it belongs to all sections, unless it is known to belong to one.

    Parameters
    ----------
    uns
        The uns of the object, which holds the libraries.
    sections
        The name of every section, if it has one, and the annotation of its rows.
    """
    found = libraries(uns)
    named = [name if name in found else _named_in(frame, list(found)) for name, frame in sections]
    known = [name for name, library in found.items() if tissue_image(library) or library.get("scalefactors")]
    if len(known) == 1 and not any(named):
        return known * len(sections)
    return [name or "" for name in named]
