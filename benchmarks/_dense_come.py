"""COME's losses written out with autograd, the peer in `training.py`: one statement an equation.

``joint=True`` takes the contrastive terms from one (M + N) x (M + N) similarity with masks, which is how the
published implementation is built; ``joint=False`` from an M x M and an M x N one. Masks that do not
change are made once.
"""

from __future__ import annotations

import torch
from torch.nn.functional import mse_loss, normalize, pad

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
        self.x_sc, self.x_st, self.weights, self.joint, self.tau = x_sc, x_st, weights, joint, tau
        self.model = Autoencoder(x_sc.shape[1], 256, 128).to(x_sc)
        self.c = start.clone().requires_grad_()
        self.optimiser = torch.optim.Adam([*self.model.parameters(), self.c], lr=1e-3)
        self.same = types[:, None] == types[None, :]
        self.other, self.between = ~self.same, torch.ones_like(start, dtype=torch.bool)
        if joint:
            n, m = len(x_st), len(x_sc)
            self.same, self.other = pad(self.same, (0, n, 0, n)), pad(self.other, (0, n, 0, n))
            self.between = pad(self.between, (m, 0, 0, n))

    def contrast(self, h_sc: torch.Tensor, h_st: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        """Return equation 10."""
        m, home = len(p), p.argmax(1)
        if self.joint:
            rows = normalize(torch.cat([h_sc, h_st]))
            of_cells = of_spots = torch.exp(rows @ rows.T / self.tau)
            home = home + m
        else:
            cells, spots = normalize(h_sc), normalize(h_st)
            of_cells, of_spots = (torch.exp(cells @ x.T / self.tau) for x in (cells, spots))
        own = torch.zeros_like(self.between)
        own[torch.arange(m), home] = True

        def mean_log(f: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
            return ((f * positive).sum(1)[:m] / (f * negative).sum(1)[:m]).log().mean()

        return -mean_log(of_cells, self.same, self.other) - mean_log(of_spots, own, self.between & ~own)

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
