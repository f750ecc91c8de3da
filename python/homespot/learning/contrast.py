"""The contrastive losses (equations 8 to 10) in blocks of rows, with exact gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import normalize

__all__ = ["inter_contrast", "type_contrast"]

_BLOCK = {"cpu": 2**19, "cuda": 2**27}  # elements of a temporary block


def _step(n: int, device: torch.device) -> int:
    return max(_BLOCK[device.type] // n, 1)


@contextmanager
def _tensor_cores() -> Iterator[None]:
    """Let CUDA round the factors of its float32 products to TF32's ten bits; P moves by less than 1e-4."""
    products = torch.backends.cuda.matmul
    # torch before 2.9 knows the other name only, and later ones do not want both used.
    name, value = ("fp32_precision", "tf32") if hasattr(products, "fp32_precision") else ("allow_tf32", True)
    before = getattr(products, name)
    setattr(products, name, value)
    try:
        yield
    finally:
        setattr(products, name, before)


class _InterContrast(torch.autograd.Function):
    @staticmethod
    @_tensor_cores()
    def forward(
        ctx: Any, cells: torch.Tensor, spots: torch.Tensor, home: torch.Tensor, tau: float
    ) -> torch.Tensor:
        m = len(cells)
        loss = torch.zeros((), dtype=torch.float64, device=cells.device)
        d_cells, d_spots = torch.empty_like(cells), torch.zeros_like(spots)
        for start in range(0, m, step := _step(len(spots), cells.device)):
            rows = slice(start, min(start + step, m))
            weights = torch.mm(cells[rows], spots.T).div_(tau)
            own = home[rows, None]
            positive = weights.gather(1, own)
            weights.exp_().scatter_(1, own, 0)
            others = weights.sum(1, keepdim=True)
            loss += (others.log() - positive).sum(dtype=torch.float64)
            weights.div_(others).scatter_(1, own, -1)
            torch.mm(weights, spots, out=d_cells[rows])
            d_spots.addmm_(weights.T, cells[rows])
        ctx.save_for_backward(d_cells.div_(tau * m), d_spots.div_(tau * m))
        return (loss / m).to(cells.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        d_cells, d_spots = ctx.saved_tensors
        return outer[0] * d_cells, outer[0] * d_spots, None, None


class _TypeContrast(torch.autograd.Function):
    @staticmethod
    @_tensor_cores()
    def forward(ctx: Any, rows_: torch.Tensor, ends: torch.Tensor, tau: float) -> torch.Tensor:
        m = len(rows_)
        loss = torch.zeros((), dtype=torch.float64, device=rows_.device)
        gradient = torch.zeros_like(rows_)
        begin = 0
        # Rows of one type are neighbours, so the pairs of one type are a range of columns.
        for end in ends.tolist():
            for start in range(begin, end, step := _step(m, rows_.device)):
                rows = slice(start, min(start + step, end))
                weights = torch.mm(rows_[rows], rows_.T).div_(tau).exp_()
                same = weights[:, begin:end].sum(1, keepdim=True)
                other = weights[:, :begin].sum(1, keepdim=True) + weights[:, end:].sum(1, keepdim=True)
                loss += (other.log() - same.log()).sum(dtype=torch.float64)
                weights[:, begin:end].div_(-same)
                weights[:, :begin].div_(other)
                weights[:, end:].div_(other)
                gradient[rows].addmm_(weights, rows_)
                gradient.addmm_(weights.T, rows_[rows])
            begin = end
        ctx.save_for_backward(gradient.div_(tau * m))
        return (loss / m).to(rows_.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        return outer[0] * ctx.saved_tensors[0], None, None


def inter_contrast(cells: torch.Tensor, spots: torch.Tensor, home: torch.Tensor, tau: float) -> torch.Tensor:
    """Equation 9: -1/M sum_i log(f(h_i, s_j) / sum_{k != j} f(h_i, s_k)), j the home spot of cell i.

    Parameters
    ----------
    cells, spots
        Latent rows, M x d and N x d; f(a, b) = exp(cos(a, b) / tau).
    home
        The most probable spot of every cell, shape (M,).
    tau
        Temperature.
    """
    loss: torch.Tensor = _InterContrast.apply(normalize(cells), normalize(spots), home, tau)  # type: ignore[no-untyped-call]
    return loss


def type_contrast(latent: torch.Tensor, types: torch.Tensor, tau: float) -> torch.Tensor:
    """Equation 8: -1/M sum_i log(sum_{same type} f(h_i, h_j) / sum_{other type} f(h_i, h_j)).

    The sum over the same type has j = i in it, as printed.

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
    ends = torch.bincount(types).cumsum(0)
    loss: torch.Tensor = _TypeContrast.apply(normalize(latent)[order], ends, tau)  # type: ignore[no-untyped-call]
    return loss
