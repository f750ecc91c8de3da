"""COME: contrastive mapping learning (Wei et al. 2025, section 2)."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Literal

from ..common.checks import name, one_of, whole, within
from ..common.run import Outcome, Run
from ..common.threads import worker
from ..errors import InputError, expected
from ..expression.table import Expression
from .registry import register
from .ssa import ssa

__all__ = ["come"]

Technology = Literal["auto", "imaging", "sequencing"]
Start = Literal["correlation", "ssa", "uniform"]
Summed = Literal["mean", "sum", "coefficients"]
Optimiser = Literal["mirror", "adam"]

_WHOLE = {
    "n_genes": 2,
    "hidden": 1,
    "latent": 1,
    "pretrain_epochs": 1,
    "pretrain_patience": 1,
    "pretrain_batch": 1,
    "epochs": 1,
}
_RATES = ("pretrain_rate", "rate", "map_rate")
_OPTIONS = {
    "technology": ("auto", "imaging", "sequencing"),
    "start": ("correlation", "ssa", "uniform"),
    "summed": ("mean", "sum", "coefficients"),
    "map_optimiser": ("mirror", "adam"),
}
_TERMS = ("reconstruction", "mapping", "shrinkage", "similarity", "contrast", "entropy")


def check(**settings: Any) -> None:
    """Refuse parameters out of range."""
    for parameter in ("labels", "st_labels", "checkpoint"):
        value = settings[parameter]
        if value is not None and not (parameter == "checkpoint" and isinstance(value, os.PathLike)):
            name(parameter, value)
    for parameter, low in _WHOLE.items():
        whole(parameter, settings[parameter], low)
    for parameter in _RATES:
        within(parameter, settings[parameter], 0, open_low=True)
    for parameter, options in _OPTIONS.items():
        one_of(parameter, settings[parameter], options)
    within("start_temperature", settings["start_temperature"], 0.01)
    within("tau", settings["tau"], 0.02)  # below, exp(1 / tau) leaves what float32 can hold
    for term in _TERMS:
        within(f"weight_{term}", settings[f"weight_{term}"], 0)
    if not any(settings[f"weight_{term}"] for term in _TERMS if term not in ("shrinkage", "entropy")):
        raise InputError(
            expected("a term of the data to count", "all of their weights 0", "Raise one of weight_*.")
        )
    within("validation_genes", settings["validation_genes"], 0, 0.5)
    wants_adam = settings["summed"] == "coefficients" or settings["weight_shrinkage"] > 0
    if wants_adam and settings["map_optimiser"] != "adam":
        raise InputError(
            expected(
                "map_optimiser to be 'adam' where summed is 'coefficients' or weight_shrinkage is above 0",
                repr(settings["map_optimiser"]),
                "Use map_optimiser='adam'.",
            )
        )


_PAPER: dict[str, Any] = {
    "hidden": 256,
    "latent": 128,
    "pretrain_epochs": 500,
    "pretrain_patience": 10,
    "pretrain_batch": 256,
    "pretrain_rate": 1e-3,
    "epochs": 100,
    "rate": 1e-3,
    "map_rate": 1e-3,
    "map_optimiser": "adam",
    "start": "uniform",
    "summed": "coefficients",
    "tau": 0.8,
    "weight_reconstruction": 1.0,
    "weight_mapping": 1.0,
    "weight_shrinkage": 1e-3,
    "weight_similarity": 1.0,
    "weight_contrast": 1.0,
    "weight_entropy": 0.0,
    "validation_genes": 0.0,
}
_WIDE = {"hidden": 512, "latent": 256}


@register(
    "come",
    "contrastive mapping learning (Wei et al.)",
    presets={
        # Close to SSA's plan: what is learned for genes and types moves single cells from where they sit.
        "places": {"start": "ssa", "epochs": 4, "map_rate": 0.02},
        "paper": _PAPER,
        "paper:drosophila": _PAPER | {"epochs": 70},
        "paper:merfish": _PAPER | _WIDE | {"pretrain_rate": 1e-2, "pretrain_batch": 128, "epochs": 200},
        "paper:smfish": _PAPER | {"weight_mapping": 10.0, "weight_shrinkage": 1e-2},
        "paper:starmap": _PAPER | _WIDE | {"epochs": 150},
        "paper:pdac": _PAPER
        | {"hidden": 2048, "latent": 256, "pretrain_batch": 128, "epochs": 1000, "weight_contrast": 10.0},
    },
    check=check,
    packages=("torch",),
)
def come(
    sc: Expression,
    st: Expression,
    run: Run,
    *,
    labels: str | None = None,
    st_labels: str | None = None,
    n_genes: int = 3000,
    technology: Technology = "auto",
    hidden: int = 256,
    latent: int = 128,
    pretrain_epochs: int = 100,
    pretrain_patience: int = 10,
    pretrain_batch: int = 256,
    pretrain_rate: float = 1e-3,
    epochs: int = 20,
    rate: float = 1e-3,
    map_rate: float = 0.05,
    map_optimiser: Optimiser = "mirror",
    start: Start = "correlation",
    start_temperature: float = 0.15,
    summed: Summed = "mean",
    tau: float = 0.8,
    weight_reconstruction: float = 1.0,
    weight_mapping: float = 0.01,
    weight_shrinkage: float = 0.0,
    weight_similarity: float = 0.03,
    weight_contrast: float = 0.03,
    weight_entropy: float = 0.0,
    validation_genes: float = 0.0,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Outcome:
    """Learn the map together with an autoencoder that cells and spots share.

    With E and D the encoder and decoder, H = E(X) and P the softmax of each row of the coefficients C
    (equation 5), the loss is

        weight_reconstruction (mse(X_st, D(H')) + mse(X_sc, D(H_sc)))              equations 1 to 3
        + weight_mapping mse(H_st, H') + weight_shrinkage sum C^2                  equation 4
        + weight_similarity (1 - Sim(X_st, X'))                                    equations 6 and 7
        + weight_contrast (L_icl + L_ctcl)                                         equations 8 to 10
        + weight_entropy (mean entropy of the rows of P) / log N,

    H' and X' the cells' H and X summed at every spot as `summed` says.

    Parameters
    ----------
    sc
        Cells x genes, with the types of the cells where `labels` names them.
    st
        Spots x genes, with types where `st_labels` names them.
    run
        Device, seed (of the autoencoder's start, its batches, and the genes held out) and progress.
    labels
        Column of the single-cell annotation with the cell types, for equation 8 ("COME+"). None leaves that
        term out, and the record says so.
    st_labels
        Column of the spatial annotation with types of the spots, used in the same way.
    n_genes
        How many of the most variable genes of the single-cell data may be used.
    technology
        ``"imaging"``: every gene is brought to [0, 1] in each table; ``"sequencing"``: both tables are
        divided by their largest value; ``"auto"``: imaging if the spatial data has fewer than 2,000 genes.
    hidden, latent
        Width of the autoencoder's hidden layer and of the latent rows.
    pretrain_epochs, pretrain_patience, pretrain_batch, pretrain_rate
        Most epochs of the autoencoder alone, epochs without a smaller error on held-out rows after which it
        stops, rows in a batch, learning rate.
    epochs
        Steps of the whole model. More is not better: the map over-fits while the loss still falls.
    rate, map_rate
        Learning rates of the autoencoder, by Adam, and of C, by `map_optimiser`.
    map_optimiser
        ``"mirror"``: mirror descent on P; ``"adam"``: Adam on C, as published.
    start
        C at the start: ``"correlation"``, rho / start_temperature with rho the correlation of SSA;
        ``"ssa"``, log P of SSA with its defaults on the same genes; ``"uniform"``, 1 / (M N) (the paper).
    start_temperature
        Softness of the start from the correlation.
    summed
        ``"mean"``: by P over its column sums; ``"sum"``: by P; ``"coefficients"``: H by C and X by P, as
        printed in equations 1, 4 and 6.
    tau
        Temperature of the contrastive terms.
    weight_reconstruction, weight_mapping, weight_shrinkage, weight_similarity
        What the terms above count; 0 leaves one out.
    weight_contrast, weight_entropy
        The same.
    validation_genes
        Share of the genes kept from the training; the state kept is the one that predicts them best. 0 trains
        on all genes and keeps the last state.
    checkpoint
        A file to write the state to, every minute and at the end, also after an interruption of the training.
        If it is there, the training goes on from it, to the result of an uninterrupted one (on the same
        device, with as many threads). None writes nothing.

    Returns
    -------
    P (cells x spots), the curve of every term, and whether the training was finished.
    """
    settings = {name: value for name, value in locals().items() if name not in ("sc", "st", "run")}
    # torch takes seconds to import, which other methods need not; half imported it would stay broken.
    with worker() as undisturbed:
        if undisturbed(lambda: import_module("homespot.learning.fit")):
            raise KeyboardInterrupt
    from ..learning.fit import fit

    return fit(sc, st, run, settings, ssa)
