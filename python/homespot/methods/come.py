"""COME: contrastive mapping learning (Wei et al. 2025, section 2)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from .. import memory
from ..checks import name, one_of, whole, within
from ..device import torch_threads
from ..errors import ConvergenceWarning, InputError, expected
from ..learning import Autoencoder, Checkpoint, Held, Tables, Training, Weights, fingerprint, pretrain
from ..learning.coupling import Optimiser
from ..learning.training import Summed
from ..preprocess import Expression, Floats, Side, log_normalised, min_max, unit_rows, z_scores
from ..progress import reporting
from ._tables import Rows, log_tables, selected_genes
from .registry import Outcome, Run, register
from .ssa import ssa

__all__ = ["come"]

Technology = Literal["auto", "imaging", "sequencing"]
Start = Literal["correlation", "ssa", "uniform"]
Names = npt.NDArray[np.str_]

_SEQUENCED_FROM = 2000  # genes measured: panels of probes are smaller
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
        if settings[parameter] is not None:
            name(parameter, settings[parameter])
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


def _technology(st: Expression, stated: Technology) -> tuple[str, str]:
    """Say whether the spatial data is of imaging or of sequencing, and why."""
    if stated != "auto":
        return stated, "as stated"
    n_genes = st.shape[1]
    if n_genes < _SEQUENCED_FROM:
        return "imaging", f"{n_genes} genes in the spatial data, fewer than {_SEQUENCED_FROM}"
    return "sequencing", f"{n_genes} genes in the spatial data"


def _unit_range(x_sc: Floats, x_st: Floats, technology: str) -> tuple[Floats, Floats]:
    """Bring both tables to [0, 1], which the decoder's sigmoid can reach.

    Imaging: every gene by itself in each table; sequencing: both tables by their common maximum, so that
    genes and tables keep their proportions.
    """
    if technology == "imaging":
        return min_max(x_sc.copy()), min_max(x_st.copy())
    largest = max(x_sc.max(), x_st.max())
    return x_sc / largest, x_st / largest


def _types(table: Expression, rows: Rows) -> npt.NDArray[np.intp] | None:
    """Return the type of each of these rows as a whole number."""
    if table.labels is None:
        return None
    codes = np.unique(table.labels[rows], return_inverse=True)[1]
    if codes.max() == 0:
        raise InputError(
            expected(
                f"cells or spots of two types or more with expression in {table.side}",
                f"only {str(table.labels[rows][0])!r}",
                "Leave the labels out, or use more genes (n_genes).",
            )
        )
    return codes


@dataclass(frozen=True)
class _Data:
    """What is trained on: rows and genes used, log values of both tables, what the record says of them."""

    cells: Rows
    spots: Rows
    names: tuple[Names, Names]
    genes: list[str]
    logs: tuple[Floats, Floats]
    tables: Tables
    held: Held | None
    described: dict[str, Any]


def _data(sc: Expression, st: Expression, run: Run, settings: dict[str, Any]) -> _Data:
    """Select genes, rows and types, and bring the tables to what the model takes."""

    def on_device(values: npt.NDArray[Any] | None) -> torch.Tensor | None:
        return None if values is None else torch.as_tensor(values, device=run.device)

    kind, evidence = _technology(st, settings["technology"])
    genes = selected_genes(sc, st, settings["n_genes"])
    genes, held_out = _split(genes, settings["validation_genes"], run.seed)
    genes, ((x_sc, cells), (x_st, spots)) = log_tables(sc, st, genes)
    types = _types(sc, cells), _types(st, spots)
    units = (torch.as_tensor(x, device=run.device) for x in _unit_range(x_sc, x_st, kind))
    held = None
    if held_out:
        sides = (log_normalised(sc, held_out)[cells], log_normalised(st, held_out)[spots])
        held = Held(*(torch.as_tensor(x, device=run.device) for x in sides))
    described = {
        "technology": kind,
        "technology_evidence": evidence,
        "cell_types": 0 if types[0] is None else int(types[0].max()) + 1,
        "spot_types": 0 if types[1] is None else int(types[1].max()) + 1,
        "genes_held_out": np.asarray(held_out, dtype=object),
    }
    tables = Tables(*units, *map(on_device, types))
    return _Data(
        cells, spots, (sc.names[cells], st.names[spots]), genes, (x_sc, x_st), tables, held, described
    )


def _start(start: Start, temperature: float, data: _Data, run: Run) -> torch.Tensor:
    """Return C at the start (cells x spots)."""
    m, n = len(data.cells), len(data.spots)
    if start == "uniform":
        return torch.full((m, n), 1 / (m * n), dtype=data.tables.cells.dtype, device=run.device)
    if start == "ssa":
        sides: tuple[Side, Side] = ("sc", "st")
        sc, st = (
            Expression(values, names, np.asarray(data.genes), side, "log", values.dtype)
            for values, names, side in zip(data.logs, data.names, sides, strict=True)
        )
        plan = ssa(sc, st, Run(run.device, run.seed, progress=False), n_genes=len(data.genes))
        return torch.as_tensor(plan.matrix, device=run.device).clamp_(min=1e-12).log_()
    cells, spots = (torch.as_tensor(unit_rows(z_scores(x.copy())), device=run.device) for x in data.logs)
    return torch.mm(cells, spots.T).mul_(1 / temperature)


def _checkpoint(path: str, data: _Data, seed: int, settings: dict[str, Any]) -> Checkpoint:
    """Return the file of this run. The log values stand for the start, which is made of them."""
    free = ("epochs", "checkpoint", "labels", "st_labels")
    inputs = {
        "log_cells": torch.as_tensor(data.logs[0]),
        "log_spots": torch.as_tensor(data.logs[1]),
        **vars(data.tables),
        **({} if data.held is None else {f"held_{name}": values for name, values in vars(data.held).items()}),
    }
    kept = {name: value for name, value in settings.items() if name not in free}
    return Checkpoint(path, fingerprint(inputs, {"seed": seed, **kept}))


def _saved(file: Checkpoint, device: str, epochs: int) -> dict[str, Any] | None:
    saved = file.read(device)
    if saved is not None and saved["epochs"] > epochs:
        raise InputError(
            expected(
                f"a checkpoint of {epochs} epochs at most",
                f"one of {saved['epochs']} in {str(file.path)!r}",
                "Raise epochs, or name another file.",
            )
        )
    return saved


def _require(sc: Expression, st: Expression, width: int, held: bool, device: str) -> int:
    """Refuse what does not fit; return the bytes of C, the optimiser's state, and the tables."""
    m, n = sc.shape[0], st.shape[0]
    n_bytes = np.dtype(sc.dtype).itemsize * ((4 if held else 3) * m * n + 6 * (m + n) * width)
    memory.require(
        n_bytes,
        f"training a map of {m:,} cells x {n:,} spots",
        "Map fewer cells at a time, or use fewer genes (n_genes).",
        device,
    )
    return n_bytes


@contextmanager
def _seeded(seed: int) -> Iterator[torch.Generator]:
    """Draw from a generator of this seed, and leave the process's own as they were.

    All is drawn on the CPU; torch.manual_seed would seed every GPU too.
    """
    seed %= 2**64
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def _split(genes: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Divide the genes at random into those to train on and those held out."""
    n_held = round(share * len(genes))
    if share > 0 and min(n_held, len(genes) - n_held) < 2:
        raise InputError(
            expected(
                "at least 2 genes to train on and 2 to hold out",
                f"{len(genes)} genes, of which validation_genes={share:g} holds out {n_held}",
                "Raise n_genes, or set validation_genes=0.",
            )
        )
    held = set(np.random.default_rng(seed).permutation(len(genes))[:n_held].tolist())
    return [g for i, g in enumerate(genes) if i not in held], [g for i, g in enumerate(genes) if i in held]


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
    checkpoint: str | None = None,
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
        Device, seed (of the autoencoder's start and its batches) and progress.
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
        Learning rates (Adam) of the autoencoder, and of C.
    map_optimiser
        ``"mirror"``: mirror descent on P; ``"adam"``: Adam on C, as published.
    start
        C at the start: ``"correlation"``, rho / start_temperature with rho the correlation of SSA;
        ``"ssa"``, log P of SSA with its defaults; ``"uniform"``, 1 / (M N) (the paper).
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
        A file to write the state to, every minute and at the end, also after an interruption. If it is
        there, the training goes on from it, to the result of an uninterrupted one. None writes nothing.

    Returns
    -------
    P (cells x spots), the curve of every term, and whether the training was finished.
    """
    settings = {name: value for name, value in locals().items() if name not in ("sc", "st", "run")}
    n_bytes = _require(sc, st, min(n_genes, st.shape[1]) + hidden + latent, validation_genes > 0, run.device)
    with torch_threads(), torch.enable_grad(), _seeded(run.seed) as generator:
        data = _data(sc, st, run, settings)
        model = Autoencoder(len(data.genes), hidden, latent).to(run.device, data.tables.cells.dtype)
        training = Training(
            data.tables,
            model,
            _start(start, start_temperature, data, run),
            Weights(**{term: settings[f"weight_{term}"] for term in _TERMS}),
            summed=summed,
            optimiser=map_optimiser,
            rate=rate,
            map_rate=map_rate,
            tau=tau,
            held=data.held,
        )
        file = None if checkpoint is None else _checkpoint(checkpoint, data, run.seed, settings)
        saved = None if file is None else _saved(file, run.device, epochs)
        finished = False
        try:
            if saved is not None:
                training.restore(saved)
            else:
                with reporting("Pretraining", run.progress) as report:
                    report(0, pretrain_epochs, f"about {memory.human(n_bytes)} of memory")
                    training.curves["pretraining"] = pretrain(
                        model,
                        torch.cat([data.tables.cells, data.tables.spots]),
                        epochs=pretrain_epochs,
                        patience=pretrain_patience,
                        batch=pretrain_batch,
                        learning_rate=pretrain_rate,
                        generator=generator,
                        after_epoch=lambda n, error: report(n, pretrain_epochs, f"error {error:.4g}"),
                    )
            with reporting("Training", run.progress) as report:
                finished = training.run(epochs, file, report)
        except KeyboardInterrupt:
            pass
        matrix = training.finish().cpu().numpy()
    if not finished:
        warnings.warn(
            f"Training was interrupted after {training.epochs} of {epochs} epochs; the map is that of the "
            "state so far. With checkpoint= a later call goes on from it.",
            ConvergenceWarning,
            stacklevel=2,
        )
    ending: dict[str, Any] = {
        "finished": finished,
        "epochs": training.epochs,
        "best_epoch": training.best_epoch,
        "entropy": training.curves["entropy"][training.best_epoch] if "entropy" in training.curves else 1.0,
        "losses": {name: np.asarray(values) for name, values in training.curves.items()},
        **data.described,
    }
    return Outcome(matrix, data.cells, data.spots, data.genes, ending)
