"""The training loop: one epoch after another, curves of every term, interruption, checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ..common.progress import Report
from ..common.threads import worker
from ..common.wording import argument
from ..errors import InputError, expected
from .autoencoder import Autoencoder
from .checkpoint import Checkpoint
from .coupling import Coupling, Product
from .objective import State, Tables, Weights, terms

__all__ = ["Held", "Summed", "Training"]

Summed = Literal["mean", "sum", "coefficients"]


@dataclass(frozen=True)
class Held:
    """Genes held out from training to choose the best state: cells x genes and spots x genes."""

    cells: torch.Tensor
    spots: torch.Tensor


class Training:
    """COME's model in training.

    Parameters
    ----------
    tables
        The tables that the model learns from.
    model
        The pretrained autoencoder.
    coupling
        C at the start, and its optimiser; C becomes P in `finish`.
    weights
        Weights of the terms.
    summed
        Weights by which the cells are summed at a spot. ``"mean"``: P divided by its column sums. ``"sum"``:
        P. ``"coefficients"``: C for the latent rows and P for the expression, as in equations 1, 4 and 6.
    rate
        Learning rate of the autoencoder.
    tau
        Temperature of the contrastive terms.
    held
        Genes held out from training, or None; the state that predicts them best is kept.
    """

    def __init__(
        self,
        tables: Tables,
        model: Autoencoder,
        coupling: Coupling,
        weights: Weights,
        *,
        summed: Summed,
        rate: float,
        tau: float,
        held: Held | None = None,
    ) -> None:
        self._tables, self._model, self._weights = tables, model, weights
        self._summed, self._tau, self._held = summed, tau, held
        self._optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        self._coupling = coupling
        self.curves: dict[str, list[float]] = {}
        self.epochs = 0
        self.best_epoch = 0
        self._best_score = -torch.inf
        self._best: torch.Tensor | None = None
        self._ahead: tuple[torch.Tensor, torch.Tensor, torch.Tensor, Product] | None = None

    def _at_spots(self, product: Product) -> torch.Tensor:
        if self._summed != "mean":
            return product.values
        # A spot without cells has sums of 0, whatever the divisor. The gradient is divided too, and its
        # squares have to stay finite.
        return product.values / product.mass.clamp_min(torch.finfo(product.mass.dtype).eps)[:, None]

    def look(self) -> None:
        """Compute the sums for the next epoch, and score the state on the genes held out."""
        with torch.enable_grad():
            cells, spots = self._model.encode(self._tables.cells), self._model.encode(self._tables.spots)
        known = [cells.detach(), self._tables.cells]
        if self._held is not None:
            known.append(self._held.cells)
        values = torch.cat(known, 1)
        product = self._coupling.product(values, cells.shape[1])
        self._ahead = cells, spots, values, product
        if len(self.curves.get("entropy", [])) > self.epochs:
            return  # a restored state, which was recorded before the interruption
        self._note("entropy", product.entropy)
        if self._held is not None:
            self._validate(self._at_spots(product)[:, -self._held.cells.shape[1] :])

    def _validate(self, found: torch.Tensor) -> None:
        assert self._held is not None
        a, b = found - found.mean(0), self._held.spots - self._held.spots.mean(0)
        score = float(torch.nn.functional.cosine_similarity(a, b, dim=0).mean())
        self._note("validation", score)
        if score > self._best_score:
            self._best_score, self.best_epoch = score, self.epochs
            if self._best is None:
                self._best = torch.empty_like(self._coupling.coefficients)
            self._best.copy_(self._coupling.coefficients)

    def _note(self, name: str, value: float) -> None:
        self.curves.setdefault(name, []).append(value)

    def epoch(self) -> None:
        """Make one step of the autoencoder and of C."""
        assert self._ahead is not None
        cells, spots, values, product = self._ahead
        latent, n_latent = [x.detach().requires_grad_() for x in (cells, spots)], cells.shape[1]
        product.values.requires_grad_()
        product.mass.requires_grad_()
        sums = self._at_spots(product)
        genes = slice(n_latent, n_latent + self._tables.cells.shape[1])
        state = State(latent[0], latent[1], sums[:, :n_latent], sums[:, genes], product.home)
        found = terms(self._model, self._tables, state, self._weights, tau=self._tau)
        self._optimiser.zero_grad(set_to_none=False)
        total = torch.stack([weight * value for weight, value in found.values()]).sum()
        # They cross from a GPU together.
        seen, *values_found = torch.stack([total, *(value for _, value in found.values())]).tolist()
        if not math.isfinite(seen):
            raise InputError(
                expected(
                    "losses that stay finite",
                    f"{seen} in epoch {self.epochs + 1}",
                    f"Lower rate, {argument('map_rate')} or the weights.",
                )
            )
        total.backward()  # type: ignore[no-untyped-call]
        zero = torch.zeros_like
        back = self._coupling.step(
            values,
            n_latent,
            zero(product.values) if product.values.grad is None else product.values.grad,
            zero(product.mass) if product.mass.grad is None else product.mass.grad,
        )
        gradients = [zero(x) if x.grad is None else x.grad for x in latent]
        torch.autograd.backward([cells, spots], [gradients[0] + back, gradients[1]])
        self._optimiser.step()
        for name, value in zip(found, values_found, strict=True):
            self._note(name, value)
        if self._weights.shrinkage:
            self._note("shrinkage", product.squares)
        self.epochs += 1
        self.look()

    def run(self, epochs: int, checkpoint: Checkpoint | None, report: Report) -> bool:
        """Train up to this many epochs; return False if Ctrl-C interrupted the training before."""
        if self._ahead is None:
            self.look()
        with worker() as undisturbed:
            try:
                while self.epochs < epochs and not undisturbed(self.epoch):
                    report(self.epochs, epochs, self._latest())
                    if checkpoint is not None:
                        checkpoint.maybe(self.state)
            except KeyboardInterrupt:
                pass
            if checkpoint is not None:
                undisturbed(lambda: checkpoint.write(self.state()))
        return self.epochs >= epochs

    def _latest(self) -> str:
        return ", ".join(
            f"{name} {values[-1]:.4g}" for name, values in self.curves.items() if name != "pretraining"
        )

    def state(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on."""
        return {
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "coupling": self._coupling.state(),
            "curves": self.curves,
            "epochs": self.epochs,
            "best": (self._best_score, self.best_epoch, self._best),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that `state` returned."""
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._coupling.restore(state["coupling"])
        self.curves, self.epochs = state["curves"], state["epochs"]
        self._best_score, self.best_epoch, best = state["best"]
        self._best = None if best is None else best.to(self._coupling.coefficients.device)

    def finish(self) -> torch.Tensor:
        """Return P of the state that predicts the held-out genes best or, without them, of the last state."""
        if not self.curves.get("entropy"):
            self.look()  # interrupted before the first epoch
        if self._best is None:
            self.best_epoch = self.epochs
        else:
            self._coupling.coefficients.copy_(self._best)
        return self._coupling.probabilities()
