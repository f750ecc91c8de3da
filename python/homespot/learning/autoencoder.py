"""The autoencoder that cells and spots share, and its pretraining."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import mse_loss

__all__ = ["Autoencoder", "pretrain"]

_HELD_OUT = 0.1  # share of the rows that are held out to stop pretraining


class Autoencoder(nn.Module):
    """Encoder E: genes -> hidden -> latent with ReLU. Decoder D mirrors it and ends in a sigmoid."""

    def __init__(self, n_genes: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(n_genes, hidden), nn.ReLU(), nn.Linear(hidden, latent))
        self.decode = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, n_genes), nn.Sigmoid()
        )


def pretrain(
    model: Autoencoder,
    rows: torch.Tensor,
    *,
    epochs: int,
    patience: int,
    batch: int,
    learning_rate: float,
    generator: torch.Generator,
    after_epoch: Callable[[int, float], None],
) -> list[float]:
    """Train the autoencoder alone on `rows` (rows x genes, values in [0, 1]) by mini-batches.

    Training stops if the error on the held-out rows (a random tenth) has not fallen for `patience` epochs,
    and keeps the weights of the best epoch.

    Returns
    -------
    The error on the held-out rows after every epoch.
    """
    order = torch.randperm(len(rows), generator=generator)
    n_held_out = max(int(_HELD_OUT * len(rows)), 1)
    held_out, kept = rows[order[:n_held_out]], rows[order[n_held_out:]]
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    errors: list[float] = []
    best, best_state = float("inf"), copy.deepcopy(model.state_dict())
    waited = 0
    for epoch in range(epochs):
        order = torch.randperm(len(kept), generator=generator).to(kept.device)
        for start in range(0, len(kept), batch):
            part = kept[order[start : start + batch]]
            optimiser.zero_grad(set_to_none=True)
            mse_loss(model.decode(model.encode(part)), part).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            errors.append(float(mse_loss(model.decode(model.encode(held_out)), held_out)))
        after_epoch(epoch + 1, errors[-1])
        waited += 1
        if errors[-1] < best:
            best, best_state, waited = errors[-1], copy.deepcopy(model.state_dict()), 0
        if waited >= patience:
            break
    model.load_state_dict(best_state)
    return errors
