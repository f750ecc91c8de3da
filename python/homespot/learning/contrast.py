"""The contrastive losses (equations 8 to 10) in blocks of rows, with exact gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import normalize

from ..common.device import block_elements

__all__ = ["inter_contrast", "type_contrast"]

_BLOCK = 2**19  # elements of a temporary block on the CPU
_KEPT = 2**24  # elements that are kept, so that they are not computed twice


def _step(m: int, n: int, device: torch.device) -> int:
    """Return how many of m rows with n elements each a block has."""
    return max((_BLOCK if device.type == "cpu" else block_elements(m * n)) // n, 1)


@contextmanager
def _tensor_cores() -> Iterator[None]:
    """Let CUDA round the factors of its float32 products to TF32's ten bits; P moves by less than 1e-4."""
    products = torch.backends.cuda.matmul
    # By the older name, which sets both: where they differ, torch refuses to tell another thread what holds.
    before = products.allow_tf32
    products.allow_tf32 = True
    try:
        yield
    finally:
        products.allow_tf32 = before


class _InterContrast(torch.autograd.Function):
    @staticmethod
    @_tensor_cores()
    def forward(
        ctx: Any, cells: torch.Tensor, spots: torch.Tensor, home: torch.Tensor, tau: float
    ) -> torch.Tensor:
        m = len(cells)
        loss = torch.zeros((), dtype=torch.float64, device=cells.device)
        d_cells, d_spots = torch.empty_like(cells), torch.zeros_like(spots)
        warmed = cells / tau
        for start in range(0, m, step := _step(m, len(spots), cells.device)):
            rows = slice(start, min(start + step, m))
            weights = torch.mm(warmed[rows], spots.T)
            own = home[rows, None]
            positive = weights.gather(1, own)
            weights.exp_().scatter_(1, own, 0)
            others = weights.sum(1, keepdim=True)
            loss += (others.log() - positive).sum(dtype=torch.float64)
            # The division by the sums follows the products, which are smaller than the weights.
            weights.scatter_(1, own, -others)
            torch.mm(weights, spots, out=d_cells[rows]).div_(others)
            d_spots.addmm_(weights.T, cells[rows] / others)
        ctx.save_for_backward(d_cells.div_(tau * m), d_spots.div_(tau * m))
        return (loss / m).to(cells.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        d_cells, d_spots = ctx.saved_tensors
        return outer[0] * d_cells, outer[0] * d_spots, None, None


def _pairs(
    latent: torch.Tensor, warmed: torch.Tensor, ends: list[int], kept: list[torch.Tensor]
) -> Iterator[tuple[int, int, int, torch.Tensor]]:
    """Yield f of every pair of rows once: rows `start` to `stop`, of one type, with all rows from `start` on.

    The third number is the end of that type. Pairs of two rows of the same block occur twice. As many of the
    first blocks as fit are put into `kept`, and taken from there the next time.
    """
    m, start, room = len(latent), 0, _KEPT
    known = iter(kept)
    for end in ends:
        while start < end:
            stop = min(start + _step(m, m - start, latent.device), end)
            f = next(known, None)
            room -= (stop - start) * (m - start)
            if f is None:
                f = torch.mm(warmed[start:stop], latent[start:].T).exp_()
                if room >= 0:
                    kept.append(f)
            yield start, stop, end, f
            start = stop


class _TypeContrast(torch.autograd.Function):
    @staticmethod
    @_tensor_cores()
    def forward(ctx: Any, latent: torch.Tensor, ends: list[int], tau: float) -> torch.Tensor:
        m, warmed = len(latent), latent / tau
        same, other = latent.new_zeros(m), latent.new_zeros(m)
        kept: list[torch.Tensor] = []
        for start, stop, end, f in _pairs(latent, warmed, ends, kept):
            of_type, rest = f[:, : end - start], f[:, end - start :]
            same[start:stop] += of_type.sum(1)
            same[stop:end] += of_type[:, stop - start :].sum(0)
            other[start:stop] += rest.sum(1)
            other[end:] += rest.sum(0)
        loss = (other.log() - same.log()).sum(dtype=torch.float64)
        # A pair is added to the sums of both of its rows.
        same, other = -same.reciprocal_(), other.reciprocal_()
        gradient = torch.zeros_like(latent)
        for start, stop, end, f in _pairs(latent, warmed, ends, kept):
            f[:, : end - start] *= same[start:stop, None] + same[start:end]
            f[:, end - start :] *= other[start:stop, None] + other[end:]
            gradient[start:stop].addmm_(f, latent[start:])
            gradient[stop:].addmm_(f[:, stop - start :].T, latent[start:stop])
        ctx.save_for_backward(gradient.div_(tau * m))
        return (loss / m).to(latent.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        return outer[0] * ctx.saved_tensors[0], None, None


def inter_contrast(cells: torch.Tensor, spots: torch.Tensor, home: torch.Tensor, tau: float) -> torch.Tensor:
    """Equation 9: -1/M sum_i log(f(h_i, s_j) / sum_{k != j} f(h_i, s_k)), j the home spot of cell i.

    Parameters
    ----------
    cells
        Latent rows of the cells, M x d; f(a, b) = exp(cos(a, b) / tau).
    spots
        Latent rows of the spots, N x d.
    home
        The most probable spot of every cell, shape (M,).
    tau
        Temperature.
    """
    loss: torch.Tensor = _InterContrast.apply(normalize(cells), normalize(spots), home, tau)  # type: ignore[no-untyped-call]
    return loss


def type_contrast(latent: torch.Tensor, types: torch.Tensor, tau: float) -> torch.Tensor:
    """Equation 8: -1/M sum_i log(sum_{same type} f(h_i, h_j) / sum_{other type} f(h_i, h_j)).

    The sum over the same type includes j = i, as printed in the paper.

    Parameters
    ----------
    latent
        Latent rows, M x d; f(a, b) = exp(cos(a, b) / tau).
    types
        Type of every row as a whole number from 0, shape (M,); at least two of them.
    tau
        Temperature.
    """
    order = torch.argsort(types, stable=True)
    ends = torch.bincount(types).cumsum(0).tolist()
    loss: torch.Tensor = _TypeContrast.apply(normalize(latent)[order], ends, tau)  # type: ignore[no-untyped-call]
    return loss
