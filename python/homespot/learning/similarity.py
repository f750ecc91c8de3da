"""Structural similarity of expression in space (equation 6)."""

from __future__ import annotations

import torch

__all__ = ["structural_similarity"]

_MEAN, _SPREAD = 0.01, 0.03  # a1 and a2 in the paper


def structural_similarity(true: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Return Sim(true, found) of two tables (spots x genes), at most 1; all moments are over all entries.

    (2 m_t m_f + Z1) (2 cov + Z2) / ((m_t^2 + m_f^2 + Z1) (var_t + var_f + Z2)), where Z1 and Z2 are 0.01 and
    0.03 times the largest value of both; it is a constant in the gradient.
    """
    largest = torch.maximum(true.max(), found.detach().max()).clamp_min(torch.finfo(true.dtype).eps)
    z1, z2 = _MEAN * largest, _SPREAD * largest
    mean_t, mean_f = true.mean(), found.mean()
    covariance = ((true - mean_t) * (found - mean_f)).mean()
    variances = true.var(unbiased=False) + found.var(unbiased=False)
    luminance = (2 * mean_t * mean_f + z1) / (mean_t.square() + mean_f.square() + z1)
    return luminance * (2 * covariance + z2) / (variances + z2)
