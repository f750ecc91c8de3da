"""COME: contrastive mapping learning (Wei et al. 2025, section 2)."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from ..common import memory
from ..common.files import check_target
from ..common.run import Outcome, Run
from ..common.threads import worker
from ..common.wording import argument
from ..errors import InputError, expected
from ..expression.table import Expression
from .parameter import Parameter
from .registry import register
from .size import training, training_in_main_memory, training_on_gpu
from .ssa import Genes, Weights, ssa
from .storage import candidate_spots, check_number

__all__ = ["come"]


_MOST = 1e6  # of rates, weights and temperatures, which float32 has to hold with their powers


def check(**settings: Any) -> None:
    """Refuse parameters that do not go together."""
    if settings["checkpoint"] is not None:
        check_target(Path(settings["checkpoint"]).expanduser(), what="checkpoint")
    terms = [name for name in settings if name.startswith("weight_")]
    if not any(settings[name] for name in terms if name not in ("weight_shrinkage", "weight_entropy")):
        raise InputError(
            expected("a term of the data to count", "all of their weights 0", "Raise one of weight_*.")
        )
    if settings["start"] == "uniform" and settings["gene_weights"] not in (None, "equal"):
        raise InputError(
            expected(
                f"{argument('start')} to be 'correlation' or 'ssa' with {argument('gene_weights')}",
                "'uniform', which uses none",
                f"Choose another start, or leave {argument('gene_weights')} out.",
            )
        )
    wants_adam = settings["summed"] == "coefficients" or settings["weight_shrinkage"] > 0
    if wants_adam and settings["map_optimiser"] != "adam":
        raise InputError(
            expected(
                f"{argument('map_optimiser')} to be 'adam' where summed is 'coefficients' or "
                f"{argument('weight_shrinkage')} is above 0",
                repr(settings["map_optimiser"]),
                f"Use {argument('map_optimiser', 'adam')}.",
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
    "candidates": None,
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
    needs=training_in_main_memory,
)
def come(
    sc: Expression,
    st: Expression,
    run: Run,
    *,
    labels: Annotated[
        str | None,
        Parameter(
            'Column of the annotation of the cells with their types, for equation 8 ("COME+"). None leaves '
            "that term out, and the record says so."
        ),
    ] = None,
    st_labels: Annotated[
        str | None,
        Parameter(
            "Column of the annotation of the spots with their types, which equation 8 uses as it uses those "
            "of the cells. None: the spots have no types."
        ),
    ] = None,
    n_genes: Genes = 3000,
    gene_weights: Weights = None,
    technology: Annotated[
        Literal["auto", "imaging", "sequencing"],
        Parameter(
            '``"imaging"``: every gene is brought to [0, 1] in each table. ``"sequencing"``: both tables are '
            'divided by their largest value. ``"auto"``: imaging if the spatial data has fewer than 2,000 '
            "genes."
        ),
    ] = "auto",
    hidden: Annotated[int, Parameter("Width of the hidden layer of the autoencoder.", low=1)] = 256,
    latent: Annotated[
        int, Parameter("Width of the latent rows, the last layer of the encoder.", low=1)
    ] = 128,
    pretrain_epochs: Annotated[int, Parameter("Most epochs of the autoencoder alone.", low=1)] = 100,
    pretrain_patience: Annotated[
        int,
        Parameter(
            "The pretraining stops after this many epochs without a smaller error on the rows that were held "
            "out.",
            low=1,
        ),
    ] = 10,
    pretrain_batch: Annotated[int, Parameter("Rows in a batch of the pretraining.", low=1)] = 256,
    pretrain_rate: Annotated[
        float, Parameter("Learning rate of the pretraining, by Adam.", low=0, high=_MOST, open_low=True)
    ] = 1e-3,
    epochs: Annotated[
        int,
        Parameter(
            "Steps of the whole model. More is not better: the map over-fits while the loss still falls.",
            low=1,
            tuned=(10, 20),
        ),
    ] = 20,
    rate: Annotated[
        float,
        Parameter(
            "Learning rate of the autoencoder in the training, by Adam.", low=0, high=_MOST, open_low=True
        ),
    ] = 1e-3,
    map_rate: Annotated[
        float, Parameter("Learning rate of C, by map_optimiser.", low=0, high=_MOST, open_low=True)
    ] = 0.05,
    map_optimiser: Annotated[
        Literal["mirror", "adam"],
        Parameter('``"mirror"``: mirror descent on P. ``"adam"``: Adam on C, as published.'),
    ] = "mirror",
    start: Annotated[
        Literal["correlation", "ssa", "uniform"],
        Parameter(
            'C at the start. ``"correlation"``: rho / start_temperature with rho the correlation of SSA, by '
            'gene_weights. ``"ssa"``: log P of SSA with its defaults, on the same genes with these weights. '
            '``"uniform"``: 1 / (M N) (the paper); which has no gene_weights.'
        ),
    ] = "correlation",
    start_temperature: Annotated[
        float,
        Parameter("Softness of the start from the correlation.", low=0.01, high=_MOST, tuned=(0.1, 0.15)),
    ] = 0.15,
    summed: Annotated[
        Literal["mean", "sum", "coefficients"],
        Parameter(
            'How the cells are summed at every spot. ``"mean"``: by P over its column sums. ``"sum"``: by P. '
            '``"coefficients"``: H by C and X by P, as printed in equations 1, 4 and 6.'
        ),
    ] = "mean",
    tau: Annotated[
        # Below, exp(1 / tau) leaves what float32 can hold.
        float, Parameter("Temperature of the contrastive terms.", low=0.02, high=_MOST)
    ] = 0.8,
    weight_reconstruction: Annotated[
        float,
        Parameter(
            "Weight of the error of the decoded tables, equations 1 to 3; 0 leaves it out.", low=0, high=_MOST
        ),
    ] = 1.0,
    weight_mapping: Annotated[
        float,
        Parameter(
            "Weight of the error of the mapped latent rows, equation 4; 0 leaves it out.", low=0, high=_MOST
        ),
    ] = 0.01,
    weight_shrinkage: Annotated[
        float,
        Parameter(
            "Weight of the squares of C in equation 4; 0 leaves them out. Above 0 it needs "
            '``map_optimiser="adam"``.',
            low=0,
            high=_MOST,
        ),
    ] = 0.0,
    weight_similarity: Annotated[
        float,
        Parameter(
            "Weight of the structural similarity of the mapped and the measured expression, equations 6 and "
            "7; 0 leaves it out.",
            low=0,
            high=_MOST,
        ),
    ] = 0.03,
    weight_contrast: Annotated[
        float,
        Parameter(
            "Weight of both contrastive terms, equations 8 to 10; 0 leaves them out.", low=0, high=_MOST
        ),
    ] = 0.03,
    weight_entropy: Annotated[
        float,
        Parameter(
            "Weight of the mean entropy of the rows of P over log N, which the paper does not have; 0 leaves "
            "it out.",
            low=0,
            high=_MOST,
        ),
    ] = 0.0,
    validation_genes: Annotated[
        float,
        Parameter(
            "Share of the genes kept from the training; the state kept is the one that predicts them best. 0 "
            "trains on all genes and keeps the last state.",
            low=0,
            high=0.5,
        ),
    ] = 0.0,
    candidates: Annotated[
        int | Literal["auto"] | None,
        Parameter(
            "For how many spots of each cell C is kept: the most probable ones of SSA where that is the "
            "start, else the most correlated ones. Only these entries take memory, the map is sparse, and P "
            'is 0 at all other spots. None: all spots. ``"auto"``: 1,024 for more than 268 million pairs of '
            "a cell and a spot and more than 2,048 spots, else None.",
            checked=check_number,
        ),
    ] = "auto",
    checkpoint: Annotated[
        str | os.PathLike[str] | None,
        Parameter(
            "A file to write the state to, every minute and at the end, also after an interruption of the "
            "training. If the file is there, the training goes on from it, to the result of an uninterrupted "
            "one (on the same device, with as many threads), whichever language wrote it. None writes "
            "nothing."
        ),
    ] = None,
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

    Returns
    -------
    P (cells x spots, CSR if C is kept for some spots only), the curve of every term, and whether the
    training was finished.
    """
    settings = {name: value for name, value in locals().items() if name not in ("sc", "st", "run")}
    # torch takes seconds to import, which other methods need not; half imported it would stay broken.
    with worker() as undisturbed:
        if undisturbed(lambda: import_module("homespot.learning.fit")):
            raise KeyboardInterrupt
    from ..learning.fit import fit

    settings["candidates"] = candidate_spots(candidates, cells=sc.shape[0], spots=st.shape[0])
    return fit(sc, st, run, settings, ssa, training(**_sizes(sc, st, run, settings)))


def _sizes(sc: Expression, st: Expression, run: Run, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the bytes of the training follow from; refuse one that does not fit on a GPU."""
    m, n = sc.shape[0], st.shape[0]
    shared = int(np.isin(sc.genes, st.genes).sum())
    sizes = {**settings, "cells": m, "spots": n, "shared": shared, "itemsize": np.dtype(sc.dtype).itemsize}
    if run.device != "cpu":  # main memory was asked for before
        memory.require(
            training_on_gpu,
            f"training a map of {m:,} cells x {n:,} spots",
            sizes,
            fewer={"cells": "map at most {} cells at a time"},
            options={f"use {argument('dtype', 'float32')}": {"itemsize": 4}},
            device=run.device,
        )
    return sizes
