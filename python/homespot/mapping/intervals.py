"""Intervals of imputed genes, from what was predicted wrongly of genes held out (split conformal)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.wording import verb
from ..errors import InputError, expected

__all__ = ["Intervals", "kept_residuals"]

F64 = npt.NDArray[np.float64]

_KEPT = 20
"""Spots of every gene whose residuals are kept: residuals of one gene are alike, so more say little more."""

_STRATA = 5


def kept_residuals(predicted: F64, measured: F64) -> list[str]:
    """Return some residuals of every gene as text, which a table in a file can hold.

    Parameters
    ----------
    predicted, measured
        Spots x genes, finite.

    Returns
    -------
    For every gene pairs ``predicted:residual``, where a residual is measured - predicted, at 20 spots evenly
    spaced in the order of the predicted values; at all spots, if there are fewer.
    """
    n_spots = len(predicted)
    n = min(_KEPT, n_spots)
    at = (2 * np.arange(n) + 1) * n_spots // (2 * n)
    rows = np.argsort(predicted, axis=0, kind="stable")[at]
    levels = np.take_along_axis(predicted, rows, axis=0)
    residuals = np.take_along_axis(measured, rows, axis=0) - levels
    return [
        " ".join(f"{level:.4g}:{residual:.4g}" for level, residual in zip(*gene, strict=True))
        for gene in zip(levels.T, residuals.T, strict=True)
    ]


def _read(genes: Iterable[object]) -> list[F64]:
    """Return the pairs of every gene, pairs x 2."""
    try:
        found = [
            np.array([pair.split(":") for pair in str(gene).split()], dtype=np.float64) for gene in genes
        ]
        if any(pairs.shape[1:] != (2,) or not np.isfinite(pairs).all() for pairs in found):
            raise ValueError
    except ValueError as error:
        raise InputError(
            expected(
                "residuals as pairs predicted:residual in every row of the scores",
                "something else",
                f"Pass what {verb('cross_validate')} returned.",
            )
        ) from error
    return found


@dataclass(frozen=True)
class Intervals:
    """Half the width of the interval about an imputed value, by the stratum of the value.

    The strata are fifths of the values predicted of genes held out. In every stratum, half the width is the
    quantile of the absolute residuals at ``level * (1 + 1 / n)``, or the largest residual if that is above 1.
    A gene is in the quantile with all its residuals or not at all, so n is the effective number of genes in
    the stratum, (sum of m)^2 / (sum of m^2) with m the residuals of each gene.

    Parameters
    ----------
    level
        Share of the values of a gene that the atlas has not measured which are to lie within.
    edges
        Borders of the strata, rising; a stratum has its lower border.
    half
        Half the width in each stratum, one more than there are borders.
    """

    level: float
    edges: F64
    half: F64

    @classmethod
    def of_residuals(cls, kept: Iterable[object], names: Iterable[object], level: float) -> Intervals:
        """Return the intervals from the residuals of genes, as `kept_residuals` returns them.

        `names` are the genes; the residuals of a gene that was held out several times count as one gene's.

        Raises
        ------
        InputError
            If they are no residuals, or of too few genes for the level: fewer than level / (1 - level).
        """
        genes = _read(kept)
        codes, unique = pd.factorize(np.asarray(list(names), dtype=object))
        if len(unique) * (1 - level) < level * (1 - 1e-9):
            least = int(np.ceil(level / (1 - level) * (1 - 1e-9)))
            raise InputError(
                expected(
                    f"residuals of at least {least} genes for intervals of the level {level:g}",
                    f"those of {len(unique)}",
                    "Use a lower level, or data that share more genes.",
                )
            )
        pairs = np.concatenate(genes)
        gene = np.repeat(codes, [len(one) for one in genes])
        edges = np.unique(np.quantile(pairs[:, 0], np.arange(1, _STRATA) / _STRATA))
        edges = edges[edges > pairs[:, 0].min()]
        stratum = np.digitize(pairs[:, 0], edges)
        half = []
        for k in range(len(edges) + 1):
            inside = stratum == k
            counts = np.bincount(gene[inside]).astype(np.float64)
            n = counts.sum() ** 2 / np.square(counts).sum()
            half.append(np.quantile(np.abs(pairs[inside, 1]), min(level * (1 + 1 / n), 1), method="higher"))
        return cls(level, edges, np.array(half))

    def applied(self, values: npt.NDArray[np.float32], highest: float) -> tuple[Any, Any]:
        """Return the lower and upper ends about imputed values, within 0 and the `highest` of their scale."""
        half = self.half[np.digitize(values, self.edges)].astype(np.float32)
        top = np.float32(highest)
        return np.clip(values - half, 0, top), np.clip(values + half, 0, top)

    def record(self) -> dict[str, Any]:
        """Return what the record of the imputed genes keeps."""
        return {"level": self.level, "edges": self.edges, "half": self.half}
