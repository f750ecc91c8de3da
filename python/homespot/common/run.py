"""What a mapping method is told, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .ending import Ending
from .progress import Progress

__all__ = ["SOFTER", "Outcome", "Run", "Sharpness"]

SOFTER = 0.75
"""Places are read at this share of the sharpness; the error was lowest there on the tissues of truth."""


@dataclass(frozen=True)
class Run:
    """What every method is told.

    Parameters
    ----------
    device
        Where to compute, ``"cpu"`` or ``"cuda:<index>"``.
    seed
        Seed of random numbers.
    progress
        Where to report progress.
    k_best
        How many entries of every row of P are wanted. A method may return all of them; the others are then
        left out. None: all.
    """

    device: str = "cpu"
    seed: int = 0
    progress: Progress = None
    k_best: int | None = None


@dataclass(frozen=True)
class Sharpness:
    """How sharp the rows of P can be read; see `homespot.expression.sharpness.agreement`.

    Parameters
    ----------
    power
        The power of the rows at which two halves of the genes agree best on the places of cells.
    powers
        The powers that were tried.
    agreement
        The agreement at each: the mean logarithm of how much more often than by chance the halves agree.
    """

    power: float
    powers: npt.NDArray[np.float64]
    agreement: npt.NDArray[np.float64]

    def record(self) -> dict[str, Any]:
        """Return what the record of the map keeps."""
        return {"power": self.power, "powers": self.powers, "agreement": self.agreement}


@dataclass(frozen=True)
class Outcome:
    """What every method returns.

    Parameters
    ----------
    matrix
        P, cells x spots: dense, each row summing to 1, as an array or, with rows that are made when they are
        read, as a `homespot.matrix.streamed.Streamed`; or as CSR, whose rows sum to 1 less what they leave
        out; or features and potentials, as `homespot.transport.Potentials`.
    cells
        The rows of the single-cell table that were mapped.
    spots
        The rows of the spatial table that were mapped.
    genes
        Names of the genes used.
    expression
        Mean of every mapped cell, and of every mapped spot, over these genes, on the log scale.
    ending
        How the run ended.
    finite
        Whether sums over all of P have told the method that no entry is NaN or infinite. If not, the caller
        adds up P to find out.
    gene_weights
        The weight of every gene; None: all count alike.
    sharpness
        How sharp the rows of P can be read; None: not known.
    fits
        How far the spots hold cells like each mapped one, as `homespot.expression.fits.cell_fits` finds it;
        None: not known.
    """

    matrix: Any
    cells: npt.NDArray[np.intp]
    spots: npt.NDArray[np.intp]
    genes: list[str]
    expression: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    ending: Ending
    finite: bool = False
    gene_weights: npt.NDArray[np.floating[Any]] | None = None
    sharpness: Sharpness | None = None
    fits: npt.NDArray[np.float64] | None = None
