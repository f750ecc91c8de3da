"""How alike two patterns of expression in space are: PCC, SSIM, RMSE and JSD, each declared once.

To add a metric, write a function and its entry of `METRICS`: tables of scores, the report, the plots and the
command line take it from there, and ``python tools/metrics.py`` writes R's copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["METRICS", "Metric", "Patterns"]

Doubles = npt.NDArray[np.float64]


class Patterns:
    """Two sets of patterns, one pattern a row, and the moments that several metrics need.

    Parameters
    ----------
    true, found
        Patterns x spots, finite, in C order.
    plain
        Whether the RMSE is that of the values as they are; if not, it is that of the z-scores.
    """

    def __init__(self, true: Doubles, found: Doubles, *, plain: bool = False) -> None:
        self.both = true, found
        self.plain = plain
        self.n_spots = true.shape[1]
        self.sums = [x.sum(axis=1) for x in self.both]
        self.highest = [x.max(axis=1) for x in self.both]
        self.lowest = [x.min(axis=1) for x in self.both]
        self.means = [total / self.n_spots for total in self.sums]

    @cached_property
    def _centred(self) -> list[Doubles]:
        return [x - mean[:, None] for x, mean in zip(self.both, self.means, strict=True)]

    @cached_property
    def variances(self) -> list[Doubles]:
        """Variance of every pattern, over all spots."""
        return [np.einsum("gs,gs->g", x, x) / self.n_spots for x in self._centred]

    @cached_property
    def covariance(self) -> Doubles:
        """Covariance of the two patterns of every row."""
        return np.asarray(np.einsum("gs,gs->g", *self._centred) / self.n_spots)

    @cached_property
    def z_scores(self) -> list[Doubles]:
        """The patterns with mean 0 and variance 1; a constant pattern is 0."""
        moments = self.variances, self.covariance  # the centred values are changed in place below
        z = self._centred
        for x, variance, low, high in zip(z, moments[0], self.lowest, self.highest, strict=True):
            deviation = np.sqrt(variance)
            varies = deviation > 1e-12 * np.maximum(np.abs(low), np.abs(high))
            x *= np.divide(1, deviation, out=np.zeros(len(deviation)), where=varies)[:, None]
        return z


def _pcc(patterns: Patterns) -> Doubles:
    return np.asarray(np.einsum("gs,gs->g", *patterns.z_scores) / patterns.n_spots)


def _ssim(patterns: Patterns) -> Doubles:
    scale = [np.divide(1, high, out=np.zeros(len(high)), where=high > 0) for high in patterns.highest]
    mean_a, mean_b = (mean * s for mean, s in zip(patterns.means, scale, strict=True))
    var_a, var_b = (variance * s**2 for variance, s in zip(patterns.variances, scale, strict=True))
    covariance = patterns.covariance * scale[0] * scale[1]
    # Divided by their maxima, both patterns have the dynamic range 1.
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    # With C3 = C2 / 2, contrast x structure is this one fraction.
    return np.asarray(luminance * (2 * covariance + c2) / (var_a + var_b + c2))


def _rmse(patterns: Patterns) -> Doubles:
    if patterns.plain:
        true, found = patterns.both
        return np.asarray(np.sqrt(np.square(true - found).mean(axis=1)))
    z = patterns.z_scores
    difference = z[0] - z[1]
    return np.asarray(np.sqrt(np.einsum("gs,gs->g", difference, difference) / patterns.n_spots))


def _jsd(patterns: Patterns) -> Doubles:
    tiny = np.finfo(np.float64).tiny

    def scaled(x: Doubles, total: Doubles) -> Doubles:
        positive = total > 0
        p = x * np.divide(1, total, out=np.zeros(len(total)), where=positive)[:, None]
        p[~positive] = 1 / x.shape[1]
        return np.asarray(p)

    def divergence(p: Doubles, ratio: Doubles) -> Doubles:
        logs = np.maximum(ratio, tiny)  # 0 log 0 is 0
        np.log(logs, out=logs)
        return np.asarray(np.einsum("gs,gs->g", p, logs))

    # With m the mean of p and q and d = (p - q) / (p + q), p / m is 1 + d and q / m is 1 - d.
    p, q = (scaled(x, total) for x, total in zip(patterns.both, patterns.sums, strict=True))
    d = p - q
    d /= p + q + tiny
    found = np.maximum(divergence(p, 1 + d) + divergence(q, 1 - d), 0) / 2
    found[np.minimum(*patterns.lowest) < 0] = np.nan
    return np.asarray(found)


@dataclass(frozen=True)
class Metric:
    """A score of a predicted pattern against the true one.

    Parameters
    ----------
    name
        Its column in tables of scores, and its name as an argument.
    label
        Its name in tables and plots for people.
    function
        Returns one score for every row of `Patterns`.
    higher_is_better
        Whether a better prediction has a higher score.
    """

    name: str
    label: str
    function: Callable[[Patterns], Doubles]
    higher_is_better: bool

    @property
    def key(self) -> str:
        """Its column in the annotation of imputed genes (var, rowData)."""
        return f"homespot_{self.name}"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("pcc", "PCC", _pcc, higher_is_better=True),
        Metric("ssim", "SSIM", _ssim, higher_is_better=True),
        Metric("rmse", "RMSE", _rmse, higher_is_better=False),
        Metric("jsd", "JSD", _jsd, higher_is_better=False),
    )
}
"""All metrics by name, in the order of their columns; the first one ranks genes."""
