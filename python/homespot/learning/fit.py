"""COME from end to end: from two tables through the training to the map."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..common import memory
from ..common.cuda import torch_work
from ..common.ending import trained
from ..common.progress import reporting
from ..common.run import Outcome, Run, Sharpness
from ..common.wording import argument
from ..errors import ConvergenceWarning, InputError, expected
from ..expression.fits import cell_fits
from ..expression.gene_weights import gene_weights, warn_of_unknown_genes
from ..expression.places import Places
from ..expression.selection import Indices, log_tables, selected_genes
from ..expression.sharpness import agreement, matched
from ..expression.table import Expression, Floats, Side
from ..expression.transforms import log_normalised, min_max, unit_rows, z_scores
from ..matrix.best import largest_entries
from ..matrix.sums import row_means
from .autoencoder import Autoencoder, pretrain
from .checkpoint import Checkpoint, fingerprint
from .coupling import Coupling
from .layout import Candidates, most_correlated
from .objective import Tables, Weights
from .training import Held, Training

__all__ = ["fit"]

Names = npt.NDArray[np.str_]
Plan = Callable[..., Outcome]

_SEQUENCED_FROM = 2000  # number of genes measured; panels of probes are smaller
_REGULARISATION = 0.05  # of the correlation map beside which P is read
_ALIKE_SINCE = "0.99.0"  # the version since which the same run has the same states


def _technology(st: Expression, stated: str) -> tuple[str, str]:
    """Return whether the spatial data comes from imaging or from sequencing, and why."""
    if stated != "auto":
        return stated, "as stated"
    n_genes = st.n_measured
    if n_genes < _SEQUENCED_FROM:
        return "imaging", f"{n_genes} genes in the spatial data, fewer than {_SEQUENCED_FROM}"
    return "sequencing", f"{n_genes} genes in the spatial data"


def _unit_range(x_sc: Floats, x_st: Floats, technology: str) -> tuple[Floats, Floats]:
    """Scale both tables to [0, 1], the range of the decoder's sigmoid.

    For imaging, every gene is scaled by itself in each table. For sequencing, both tables are divided by
    their common maximum, so that genes and tables keep their proportions.
    """
    if technology == "imaging":
        return min_max(x_sc.copy()), min_max(x_st.copy())
    largest = max(x_sc.max(), x_st.max())
    return x_sc / largest, x_st / largest


def _types(table: Expression, rows: Indices) -> npt.NDArray[np.intp] | None:
    """Return the type of every row as a whole number."""
    if table.labels is None:
        return None
    codes = np.unique(table.labels[rows], return_inverse=True)[1]
    if codes.max() == 0:
        raise InputError(
            expected(
                f"cells or spots of two types or more with expression in {table.side}",
                f"only {str(table.labels[rows][0])!r}",
                f"Leave the labels out, or use more genes ({argument('n_genes')}).",
            )
        )
    return codes


@dataclass(frozen=True)
class _Data:
    """Data for the training: rows and genes used, log values of both tables, and entries for the record.

    ``weights`` are those of the genes at the start, None if all count alike; ``places`` where the spots lie.
    """

    cells: Indices
    spots: Indices
    names: tuple[Names, Names]
    genes: list[str]
    logs: tuple[Floats, Floats]
    weights: Floats | None
    places: Places | None
    tables: Tables
    held: Held | None
    described: dict[str, Any]


def _data(sc: Expression, st: Expression, run: Run, settings: dict[str, Any]) -> _Data:
    """Select genes, rows and types, and bring the tables into the form that the model takes."""

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
    weights, places = None, None if st.places is None else st.places.take(spots)
    if settings["start"] != "uniform":
        weights = gene_weights(settings["gene_weights"], genes, z_scores(x_st.copy()), places)
        warn_of_unknown_genes(settings["gene_weights"], sc, st)
    described = {
        "technology": kind,
        "technology_evidence": evidence,
        "cell_types": 0 if types[0] is None else int(types[0].max()) + 1,
        "spot_types": 0 if types[1] is None else int(types[1].max()) + 1,
        "genes_held_out": np.asarray(held_out, dtype=object),
    }
    tables = Tables(*units, *map(on_device, types))
    names = (sc.names[cells], st.names[spots])
    return _Data(cells, spots, names, genes, (x_sc, x_st), weights, places, tables, held, described)


def _weighted(data: _Data) -> tuple[Floats, Floats]:
    """Return z-scores of cells and spots, times the weights of the genes."""
    cells, spots = (z_scores(x.copy()) for x in data.logs)
    if data.weights is not None:
        cells *= data.weights
        spots *= data.weights
    return cells, spots


def _sharpness(data: _Data, matrix: Any) -> Sharpness | None:
    """Return how sharp P can be read; None if that is not known."""
    if data.weights is None or data.places is None:
        return None
    cells, spots = _weighted(data)
    known = agreement(cells, spots, data.places, _REGULARISATION)
    return matched(known, cells, spots, matrix, _REGULARISATION)


@dataclass(frozen=True)
class _Start:
    """C at the start, and the spots of its columns for every cell (cells x k); None: all spots, in order."""

    coefficients: torch.Tensor
    candidates: torch.Tensor | None = None


def _start(
    start: str, temperature: float, data: _Data, run: Run, ssa: Plan, n_candidates: int | None
) -> _Start:
    """Return the initial C: of every spot, or of the most plausible ones of each cell."""
    m, n = len(data.cells), len(data.spots)
    k = None if n_candidates is None else min(n_candidates, n)
    even, dtype = 1 / (m * n), data.tables.cells.dtype
    if start == "uniform" and k is None:
        return _Start(torch.full((m, n), even, dtype=dtype, device=run.device))
    if start == "ssa":
        return _from_plan(data, run, ssa, k)
    cells, spots = (torch.as_tensor(unit_rows(x), device=run.device) for x in _weighted(data))
    if k is None:
        return _Start(torch.mm(cells, spots.T).mul_(1 / temperature))
    candidates, rho = most_correlated(cells, spots, k)
    return _Start(rho.fill_(even) if start == "uniform" else rho.mul_(1 / temperature), candidates)


def _from_plan(data: _Data, run: Run, ssa: Plan, k: int | None) -> _Start:
    """Return log P of SSA, of every spot or of the `k` best of each cell."""
    sides: tuple[Side, Side] = ("sc", "st")
    sc, st = (
        Expression(values, names, np.asarray(data.genes), side, "log", values.dtype, places=places)
        for values, names, side, places in zip(data.logs, data.names, sides, (None, data.places), strict=True)
    )
    settings: dict[str, Any] = {"n_genes": len(data.genes), "gene_weights": "equal"}
    settings["storage"] = "stored" if k is None else "streamed"
    if data.weights is not None:
        settings["gene_weights"] = dict(zip(data.genes, data.weights.tolist(), strict=True))
    matrix = ssa(sc, st, Run(run.device, run.seed, progress=False, k_best=k), **settings).matrix
    candidates = None
    if k is not None:
        kept = largest_entries(matrix, k)
        matrix, spots = kept.data.reshape(-1, k), kept.indices.reshape(-1, k)
        candidates = torch.as_tensor(spots, dtype=torch.int32, device=run.device)
    return _Start(torch.as_tensor(matrix, device=run.device).clamp_(min=1e-12).log_(), candidates)


def _coupling(start: _Start, n_spots: int, chosen: SimpleNamespace) -> Coupling:
    options = {
        "latent": "C" if chosen.summed == "coefficients" else "P",
        "optimiser": chosen.map_optimiser,
        "learning_rate": chosen.map_rate,
        "shrinkage": chosen.weight_shrinkage,
        "sharpness": chosen.weight_entropy,
    }
    layout = None if start.candidates is None else Candidates(start.candidates, n_spots)
    return Coupling(start.coefficients, layout, **options)


def _checkpoint(path: str, data: _Data, seed: int, settings: dict[str, Any]) -> Checkpoint:
    """Return the file of this run; its fingerprint has what the initial C follows from."""
    free = ("epochs", "checkpoint", "labels", "st_labels", "gene_weights")
    start = {}
    if data.weights is not None:
        start["weights"] = torch.as_tensor(data.weights)
        if data.places is not None:
            start["places"] = torch.as_tensor(data.places.positions)
    inputs = {
        "log_cells": torch.as_tensor(data.logs[0]),
        "log_spots": torch.as_tensor(data.logs[1]),
        **vars(data.tables),
        **start,
        **({} if data.held is None else {f"held_{name}": values for name, values in vars(data.held).items()}),
    }
    kept = {name: value for name, value in settings.items() if name not in free}
    if kept["candidates"] is None:
        del kept["candidates"]  # as before there were candidates
    return Checkpoint(path, fingerprint(inputs, {"version": _ALIKE_SINCE, "seed": seed, **kept}))


def _saved(file: Checkpoint, epochs: int) -> dict[str, Any] | None:
    saved = file.read()
    if saved is not None and saved["epochs"] > epochs:
        raise InputError(
            expected(
                f"a checkpoint of {epochs} epoch(s) at most",
                f"one of {saved['epochs']} in {str(file.path)!r}",
                "Raise epochs, or name another file.",
            )
        )
    return saved


@contextmanager
def _seeded(seed: int) -> Iterator[torch.Generator]:
    """Draw from a generator with this seed, without changing the process's own generators.

    All numbers are drawn on the CPU; torch.manual_seed would seed every GPU too.
    """
    seed %= 2**64  # torch takes 64 bits
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def _split(genes: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Divide the genes at random into genes to train on and genes held out."""
    n_held = round(share * len(genes))
    if share > 0 and min(n_held, len(genes) - n_held) < 2:
        raise InputError(
            expected(
                "at least 2 genes to train on and 2 to hold out",
                f"{len(genes)} genes, of which validation_genes={share:g} holds out {n_held}",
                f"Raise {argument('n_genes')}, or set {argument('validation_genes', 0)}.",
            )
        )
    held = set(np.random.default_rng(seed).permutation(len(genes))[:n_held].tolist())
    return [g for i, g in enumerate(genes) if i not in held], [g for i, g in enumerate(genes) if i in held]


def _how_to_continue(file: Checkpoint | None, epochs: int) -> str:
    if file is None:
        return "Name a checkpoint to be able to go on from an interruption."
    if epochs == 0:
        return "There is no checkpoint yet: the same call starts anew."
    return "The same call goes on from its checkpoint."


def fit(
    sc: Expression, st: Expression, run: Run, settings: dict[str, Any], ssa: Plan, n_bytes: int
) -> Outcome:
    """Train, and return the map.

    Parameters
    ----------
    sc, st, run
        As for `come`.
    settings
        The parameters of `come`; ``candidates`` a number or None.
    ssa
        The method SSA, from which the training may start.
    n_bytes
        What the training takes of memory.
    """
    chosen = SimpleNamespace(**settings)
    m, n = sc.shape[0], st.shape[0]
    n_pairs = max((x.shape[0] ** 2 // 2 for x in (sc, st) if x.labels is not None), default=0)
    n_elements = max(m * n, n_pairs, (m + n) * min(chosen.n_genes, st.shape[1]))
    with torch_work(run.device, n_elements), torch.inference_mode(False), _seeded(run.seed) as generator:
        data = _data(sc, st, run, settings)
        file = None if chosen.checkpoint is None else _checkpoint(chosen.checkpoint, data, run.seed, settings)
        saved = None if file is None else _saved(file, chosen.epochs)
        if saved is None:
            start = _start(chosen.start, chosen.start_temperature, data, run, ssa, chosen.candidates)
        else:
            kept, candidates = saved["coupling"]["coefficients"], saved["coupling"].get("candidates")
            candidates = None if candidates is None else candidates.to(run.device)
            start = _Start(kept.to(run.device), candidates)
            del kept
        coupling = _coupling(start, len(data.spots), chosen)
        del start
        model = Autoencoder(len(data.genes), chosen.hidden, chosen.latent).to(
            run.device, data.tables.cells.dtype
        )
        training = Training(
            data.tables,
            model,
            coupling,
            Weights(**{term.name: settings[f"weight_{term.name}"] for term in fields(Weights)}),
            summed=chosen.summed,
            rate=chosen.rate,
            tau=chosen.tau,
            held=data.held,
        )
        size = f"{memory.human(n_bytes)} of memory"
        if chosen.candidates is not None:
            size += f", C for {coupling.coefficients.shape[1]:,} of {len(data.spots):,} spots of each cell"
        finished = False
        try:
            if saved is not None:
                training.restore(saved)
                saved = None
            else:
                with reporting("Pretraining", run.progress) as report:
                    report(0, chosen.pretrain_epochs, f"about {size}")
                    training.curves["pretraining"] = pretrain(
                        model,
                        torch.cat([data.tables.cells, data.tables.spots]),
                        epochs=chosen.pretrain_epochs,
                        patience=chosen.pretrain_patience,
                        batch=chosen.pretrain_batch,
                        learning_rate=chosen.pretrain_rate,
                        generator=generator,
                        after_epoch=lambda n, error: report(n, chosen.pretrain_epochs, f"error {error:.4g}"),
                    )
            with reporting("Training", run.progress) as report:
                report(training.epochs, chosen.epochs, f"about {size}")
                finished = training.run(chosen.epochs, file, report)
        except KeyboardInterrupt:
            pass
        matrix = coupling.matrix(training.finish())
    if not finished:
        warnings.warn(
            f"Training was interrupted after {training.epochs} of {chosen.epochs} epochs; the map is that of "
            f"the state so far. {_how_to_continue(file, training.epochs)}",
            ConvergenceWarning,
            stacklevel=2,
        )
    entropy = training.curves["entropy"][training.best_epoch]
    numbers: dict[str, Any] = {
        "finished": finished,
        "epochs": training.epochs,
        "best_epoch": training.best_epoch,
        "entropy": entropy,
        "type_contrast": "type_contrast" in training.curves,
        "losses": {name: np.asarray(values) for name, values in training.curves.items()},
        **data.described,
    }
    if chosen.candidates is not None:
        numbers["candidates"] = coupling.coefficients.shape[1]
    means = row_means(data.logs[0]), row_means(data.logs[1])
    return Outcome(
        matrix,
        data.cells,
        data.spots,
        data.genes,
        means,
        trained(numbers),
        gene_weights=data.weights,
        sharpness=_sharpness(data, matrix),
        fits=cell_fits(*data.logs),
    )
