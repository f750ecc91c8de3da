"""What a cross-validation runs: methods with their settings, the data, and one task for every fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import methods
from ..expression.table import Expression
from ..mapping.read_out import ReadOut
from ..mapping.room import map_sizes
from ..methods.size import dense_map
from ..space.sections import Sections

__all__ = ["Data", "MapFunction", "Plan", "Scores", "Task"]


MapFunction = Callable[[ad.AnnData, ad.AnnData], Any]
"""A method of the user: it takes the cells and the spots, and returns P (cells x spots)."""


@dataclass(frozen=True)
class Plan:
    """A method with its settings: a registered one by name, or a function."""

    method: str | MapFunction
    preset: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters of a registered method, checked; none of a function."""
        if not isinstance(self.method, str):
            return {}
        return methods.get(self.method).settings(self.preset, self.parameters)

    @property
    def needs(self) -> Callable[..., float]:
        """The bytes of a map; of a function it is known only that it makes one."""
        return methods.get(self.method).needs if isinstance(self.method, str) else dense_map

    def sizes(self, sc: Expression, st: Expression, device: str) -> dict[str, Any]:
        """Return what the bytes of a map follow from."""
        return map_sizes(sc, st, self.settings, None, device)


@dataclass(frozen=True)
class Data:
    """What every fold needs: both tables, and for functions their annotation and the spots' coordinates.

    ``sections`` are the sections of the spots if each is mapped by itself, or else None.
    """

    sc: Expression
    st: Expression
    cells: pd.DataFrame
    spots: pd.DataFrame
    positions: npt.NDArray[np.float64] | None
    sections: Sections | None = None


@dataclass(frozen=True)
class Task:
    """A fold to be scored: the genes that are predicted, and the genes that nothing sees in this fold."""

    key: tuple[Any, ...]
    plan: Plan
    held_out: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    read_outs: tuple[ReadOut, ...] = ("scaled",)
    seed: int = 0
    device: str = "auto"


Scores = dict[str, pd.DataFrame]
"""Tables of scores by read-out."""
