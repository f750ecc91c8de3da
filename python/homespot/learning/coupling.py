"""The trainable mapping matrix: P = softmax of the rows of C, computed anew in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ..common.device import block_elements
from .layout import AllSpots, Layout

__all__ = ["Coupling", "Optimiser", "Product"]

Latent = Literal["P", "C"]
Optimiser = Literal["mirror", "adam"]
_BLOCK = 2**19  # elements of a temporary block on the CPU
_BETA1, _BETA2 = 0.9, 0.999  # constants of Adam
_EPSILON = {"adam": 1e-8, "mirror": 1e-30}
_FURTHEST = 100.0  # largest move of an entry of C in one step of mirror descent, in learning rates


@dataclass(frozen=True)
class Product:
    """The cells' values summed at every spot by the coupling, and summaries of the cells' rows.

    ``values`` is N x (d + G): the d latent columns and the G others, summed over the cells; ``mass`` the
    column sums of P (N,); ``home`` the most probable spot of every cell (M,); ``entropy`` the mean entropy of
    the rows of P over log N; ``squares`` the sum of the squares of C, if its weight is not 0.
    """

    values: torch.Tensor
    mass: torch.Tensor
    home: torch.Tensor
    entropy: float
    squares: float


def _largest(p: torch.Tensor) -> torch.Tensor:
    """Return the column of the largest entry of every row; NumPy takes a fifth of torch's time."""
    return torch.from_numpy(p.numpy().argmax(1)) if p.device.type == "cpu" else p.argmax(1)


class Coupling:
    """Coefficients C (M x N), P = softmax of each row of C (equation 5), and the state of their optimiser.

    C and the moments of the optimiser are the only tensors of this size, which is M x k where C is kept for k
    spots of every cell. Both passes over them work in blocks of rows and compute P anew in each block; the
    second pass changes C as soon as the gradient of a block is known.

    Parameters
    ----------
    coefficients
        C, shape (M, N) or (M, k); changed in place.
    layout
        Which spots the columns of C stand for; None: all, in order.
    latent
        Matrix that sums the latent columns over the cells: ``"P"``, or ``"C"`` as in equations 1 and 4 (Adam
        only).
    optimiser
        ``"adam"``: Adam on C. ``"mirror"``: mirror descent on the rows' simplices: C moves along the gradient
        with respect to P minus its mean under P, dL/dP_ij - sum_k P_ik dL/dP_ik. The first moment is Adam's;
        the second moment is one number per row, the mean of the squares under P. It needs one M x N tensor
        less, and does not enlarge the steps of entries with small gradients.
    learning_rate
        Size of a step.
    shrinkage
        Weight of the sum of the squares of C (Adam only).
    sharpness
        Weight of the mean row entropy (over log N) of P.
    """

    def __init__(
        self,
        coefficients: torch.Tensor,
        layout: Layout | None = None,
        *,
        latent: Latent,
        optimiser: Optimiser,
        learning_rate: float,
        shrinkage: float,
        sharpness: float,
    ) -> None:
        self.coefficients = coefficients
        self.first = torch.zeros_like(coefficients)
        by_row = optimiser == "mirror"
        self.second = torch.zeros_like(coefficients[:, :1] if by_row else coefficients)
        self.steps = 0
        self._latent, self._optimiser = latent, optimiser
        self._learning_rate, self._shrinkage, self._sharpness = learning_rate, shrinkage, sharpness
        self._layout = AllSpots(coefficients.shape[1]) if layout is None else layout

    def _blocks(self) -> Iterator[slice]:
        m, width = self.coefficients.shape
        on_cpu = self.coefficients.device.type == "cpu"
        step = max((_BLOCK if on_cpu else block_elements(m * width)) // width, 1)
        return (slice(i, min(i + step, m)) for i in range(0, m, step))

    def _row_softmax(self, rows: slice) -> torch.Tensor:
        return torch.softmax(self.coefficients[rows], 1)

    def product(self, values: torch.Tensor, n_latent: int) -> Product:
        """Sum the `values` of the cells (M x (d + G)) at every spot: P' values, or C' for the first d."""
        m, n = len(self.coefficients), self._layout.n_spots
        out = values.new_zeros(n, values.shape[1])
        mass = values.new_zeros(n)
        home = torch.empty(m, dtype=torch.long, device=values.device)
        entropy, squares = torch.zeros((2,), dtype=torch.float64, device=values.device)
        for rows in self._blocks():
            p, at = self._row_softmax(rows), self._layout.block(rows)
            if self._latent == "C":
                at.add_sums(out[:, :n_latent], self.coefficients[rows], values[rows, :n_latent])
                at.add_sums(out[:, n_latent:], p, values[rows, n_latent:])
            else:
                at.add_sums(out, p, values[rows])
            at.add_masses(mass, p)
            home[rows] = at.spots(_largest(p))
            # -sum P log P without a logarithm of P: log P = C - log sum exp C, and the sum follows from the
            # largest entry.
            c = self.coefficients[rows]
            entropy += (c.amax(1) - p.amax(1).log()).sum(dtype=torch.float64)
            entropy -= torch.dot(p.flatten(), c.flatten())
            if self._shrinkage:
                squares += c.square().sum(dtype=torch.float64)
        bits, sum_of_squares = torch.stack([entropy, squares]).tolist()  # they cross from a GPU together
        # For a sharp map, rounding can give a value slightly below 0.
        return Product(out, mass, home, max(bits, 0.0) / (m * math.log(n)), sum_of_squares)

    def step(
        self, values: torch.Tensor, n_latent: int, gradient: torch.Tensor, mass_gradient: torch.Tensor
    ) -> torch.Tensor:
        """Change C by one step; return the gradient of the latent `values` (M x d).

        `gradient` (N x (d + G)) and `mass_gradient` (N,) are the gradients of the loss with respect to the
        values and the mass that `product` returned.
        """
        self.steps += 1
        m, n = len(self.coefficients), self._layout.n_spots
        back = values.new_empty(m, n_latent)
        through = n_latent if self._latent == "C" else 0
        sharpness = self._sharpness / (m * math.log(n))
        for rows in self._blocks():
            c, p, at = self.coefficients[rows], self._row_softmax(rows), self._layout.block(rows)
            g = at.products(values[rows, through:], gradient[:, through:], at.of_spots(mass_gradient))
            if sharpness:
                g.sub_(p.log().clamp_(min=-80), alpha=sharpness)
            at.spread(c if through else p, gradient[:, :n_latent], back[rows])
            g -= (g * p).sum(1, keepdim=True)
            if self._optimiser == "mirror":
                squares = (g * g).mul_(p).sum(1, keepdim=True)
            else:
                g.mul_(p)
                if through:
                    g = at.products(values[rows, :n_latent], gradient[:, :n_latent], g)
                if self._shrinkage:
                    g.add_(c, alpha=2 * self._shrinkage)
                squares = g * g
            self._move(c, rows, g, squares)
        return back

    def _move(self, c: torch.Tensor, rows: slice, g: torch.Tensor, squares: torch.Tensor) -> None:
        """Update some rows of C by Adam."""
        correction1, correction2 = 1 - _BETA1**self.steps, 1 - _BETA2**self.steps
        first, second = self.first[rows].lerp_(g, 1 - _BETA1), self.second[rows].lerp_(squares, 1 - _BETA2)
        scale = torch.div(second, correction2, out=squares).sqrt_().add_(_EPSILON[self._optimiser])
        if self._optimiser == "adam":
            c.addcdiv_(first, scale, value=-self._learning_rate / correction1)
            return
        # If all of P in a row is at one spot, the mean of the squares under P ignores the other spots.
        move = torch.div(first, scale.mul_(correction1), out=g).clamp_(-_FURTHEST, _FURTHEST)
        c.sub_(move, alpha=self._learning_rate)

    def state(self) -> dict[str, Any]:
        """Return everything that training changes."""
        return {
            "coefficients": self.coefficients,
            "first": self.first,
            "second": self.second,
            "steps": self.steps,
            **self._layout.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state that `state` returned."""
        self.coefficients.copy_(state["coefficients"])
        del self.first, self.second  # none is there twice on a GPU
        self.first, self.second = (state[name].to(self.coefficients.device) for name in ("first", "second"))
        self.steps = state["steps"]

    def probabilities(self) -> torch.Tensor:
        """Turn C into P, in place; the coupling cannot be trained afterwards."""
        for rows in self._blocks():
            self.coefficients[rows] = self._row_softmax(rows)
        return self.coefficients

    def matrix(self, p: torch.Tensor) -> Any:
        """Return P, as `probabilities` returns it, as a matrix of NumPy or SciPy, cells x spots."""
        return self._layout.matrix(p)
