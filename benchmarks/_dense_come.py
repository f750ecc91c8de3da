"""COME's losses written out with autograd, the peer in `training.py`: one statement an equation.

``joint=True`` takes the contrastive terms from one (M + N) x (M + N) similarity with masks, which is how the
published implementation is built; ``joint=False`` from an M x M and an M x N one.
"""

from __future__ import annotations

import torch
from torch.nn.functional import mse_loss, normalize

from homespot.learning import Autoencoder, structural_similarity


class DenseCome:
    """One epoch of the loss of `homespot.methods.come` with ``summed="mean"`` and Adam for everything."""

    def __init__(
        self,
        x_sc: torch.Tensor,
        x_st: torch.Tensor,
        types: torch.Tensor,
        start: torch.Tensor,
        weights: dict[str, float],
        *,
        joint: bool,
        tau: float = 0.8,
    ) -> None:
        self.x_sc, self.x_st, self.types, self.weights = x_sc, x_st, types, weights
        self.joint, self.tau = joint, tau
        self.model = Autoencoder(x_sc.shape[1], 256, 128).to(x_sc.dtype)
        self.c = start.clone().requires_grad_()
        self.optimiser = torch.optim.Adam([*self.model.parameters(), self.c], lr=1e-3)

    def contrast(self, h_sc: torch.Tensor, h_st: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        """Return equation 10."""
        m, n = p.shape
        own = torch.zeros_like(p, dtype=torch.bool)
        own[torch.arange(m), p.argmax(1)] = True
        same = self.types[:, None] == self.types[None, :]
        if self.joint:
            h = normalize(torch.cat([h_sc, h_st]))
            f = torch.exp(h @ h.T / self.tau)
            off = torch.zeros((m, n), dtype=torch.bool)
            below = torch.zeros((n, m + n), dtype=torch.bool)

            def masked(cells: torch.Tensor, spots: torch.Tensor) -> torch.Tensor:
                mask = torch.cat([torch.cat([cells, spots], 1), below])
                return (f * mask).sum(1)[:m]

            none = torch.zeros_like(same)
            same_sum, other_sum = masked(same, off), masked(~same, off)
            positive, negative = masked(none, own), masked(none, ~own)
        else:
            cells, spots = normalize(h_sc), normalize(h_st)
            f_cells, f_spots = torch.exp(cells @ cells.T / self.tau), torch.exp(cells @ spots.T / self.tau)
            same_sum, other_sum = (f_cells * same).sum(1), (f_cells * ~same).sum(1)
            positive, negative = (f_spots * own).sum(1), (f_spots * ~own).sum(1)
        return -(same_sum / other_sum).log().mean() - (positive / negative).log().mean()

    def loss(self) -> torch.Tensor:
        """Return equation 11."""
        w = self.weights
        h_sc, h_st = self.model.encode(self.x_sc), self.model.encode(self.x_st)
        p = torch.softmax(self.c, 1)
        share = p / p.sum(0)
        h_mapped, x_mapped = share.T @ h_sc, share.T @ self.x_sc
        decode = self.model.decode
        loss = mse_loss(decode(h_mapped), self.x_st) + mse_loss(decode(h_sc), self.x_sc)
        loss = loss + w["mapping"] * mse_loss(h_mapped, h_st)
        loss = loss + w["similarity"] * (1 - structural_similarity(self.x_st, x_mapped))
        return loss + w["contrast"] * self.contrast(h_sc, h_st, p)

    def epoch(self) -> None:
        """Make one step."""
        self.optimiser.zero_grad()
        self.loss().backward()
        self.optimiser.step()
