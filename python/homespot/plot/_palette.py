"""Colours of types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.colors import is_color_like

from ..errors import InputError, expected, some
from ._base import GREY

__all__ = ["PALETTE", "legend_entries", "type_colours"]

PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#000000",
    "#591A0D",
    "#0D1A8C",
    "#8C4033",
    "#331AD9",
    "#A6BF99",
    "#9973F2",
    "#664073",
    "#736673",
)
"""Colours that colour-blind readers can tell apart: Okabe and Ito's eight, and eight more that lie, for
normal sight and under simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009; OKLab), at
least as far from these and from one another as the closest two of the eight."""


def type_colours(
    names: Sequence[str], sizes: npt.ArrayLike, colours: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return a colour for every type, in the order of `names`.

    There are 16 colours. If there are more types, the largest ones get the colours, and the others are grey.
    """
    if colours is not None:
        if not isinstance(colours, Mapping):
            raise InputError(
                expected(
                    "a colour for every type", f"a {type(colours).__name__}", "Pass them by type, in a dict."
                )
            )
        missing = [name for name in names if name not in colours]
        if missing:
            raise InputError(
                expected("a colour for every type", f"none for {some(missing)}", "Add them to colours.")
            )
        wrong = [name for name in names if not is_color_like(colours[name])]
        if wrong:
            raise InputError(
                expected(
                    "colours that matplotlib knows", f"{colours[wrong[0]]!r} for {wrong[0]!r}", "Name others."
                )
            )
        return {name: colours[name] for name in names}
    order = np.argsort(-np.asarray(sizes, dtype=np.float64), kind="stable")
    large = {names[i] for i in order[: len(PALETTE)]}
    left = iter(PALETTE)
    return {name: next(left) if name in large else GREY for name in names}


def legend_entries(colours: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return texts and colours of a legend; grey types are combined as ``other (n types)``."""
    own = [(name, colour) for name, colour in colours.items() if colour != GREY]
    others = len(colours) - len(own)
    return own + ([(f"other ({others} types)", GREY)] if others else [])
