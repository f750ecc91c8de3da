"""The terms of COME's objective (equations 3, 4 and 6 to 11), from the results of one epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import mse_loss

from .autoencoder import Autoencoder
from .contrast import inter_contrast, type_contrast
from .similarity import structural_similarity

__all__ = ["State", "Tables", "Weights", "terms"]


@dataclass(frozen=True)
class Weights:
    """The weight of every term; 0 leaves the term out.

    ``reconstruction``: equation 3; ``mapping`` and ``shrinkage``: the two parts of equation 4;
    ``similarity``: equation 7; ``contrast``: equation 10; ``entropy``: the mean row entropy of P over log N.
    """

    reconstruction: float
    mapping: float
    shrinkage: float
    similarity: float
    contrast: float
    entropy: float


@dataclass(frozen=True)
class Tables:
    """Expression in [0, 1], cells x genes and spots x genes, and types (whole numbers from 0) or None."""

    cells: torch.Tensor
    spots: torch.Tensor
    cell_types: torch.Tensor | None = None
    spot_types: torch.Tensor | None = None


@dataclass(frozen=True)
class State:
    """The results of one epoch: latent rows of both tables, and the cells summed at every spot.

    ``mapped_latent`` (N x d) and ``mapped`` (N x genes) are those sums; ``home`` the most probable spots.
    """

    cells: torch.Tensor
    spots: torch.Tensor
    mapped_latent: torch.Tensor
    mapped: torch.Tensor
    home: torch.Tensor


def terms(
    model: Autoencoder, tables: Tables, state: State, weights: Weights, *, tau: float
) -> Mapping[str, tuple[float, torch.Tensor]]:
    """Return the name, weight and value of every term whose weight is not 0."""
    found: dict[str, tuple[float, torch.Tensor]] = {}
    if weights.reconstruction:
        spots = mse_loss(model.decode(state.mapped_latent), tables.spots)
        cells = mse_loss(model.decode(state.cells), tables.cells)
        found["reconstruction"] = (weights.reconstruction, spots + cells)
    if weights.mapping:
        found["mapping"] = (weights.mapping, mse_loss(state.mapped_latent, state.spots))
    if weights.similarity:
        similarity = structural_similarity(tables.spots, state.mapped)
        found["similarity"] = (weights.similarity, 1 - similarity)
    if weights.contrast:
        inter = inter_contrast(state.cells, state.spots, state.home, tau)
        found["inter_contrast"] = (weights.contrast, inter)
        sides = ((state.cells, tables.cell_types), (state.spots, tables.spot_types))
        typed = [type_contrast(latent, types, tau) for latent, types in sides if types is not None]
        if typed:
            found["type_contrast"] = (weights.contrast, torch.stack(typed).sum())
    return found
