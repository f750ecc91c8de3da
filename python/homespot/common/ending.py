"""How a run ended: one object, from which the record, the command line, the report, R and the plots speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .wording import argument

__all__ = ["MARGINAL_ERROR", "Curve", "Ending", "ending_of", "trained", "transported"]

MARGINAL_ERROR = "marginal error"
"""The curve of a transport: the error of the spots' mass, at every check of the solver."""

_STATES = ("entropy", "validation")  # curves of states: their first value is that before the first epoch
_UNKNOWN = "The record does not say how the run ended."


@dataclass(frozen=True)
class Curve:
    """A number that was followed through the run: its values, their steps, and what a step is."""

    values: npt.NDArray[np.floating[Any]]
    steps: npt.NDArray[np.floating[Any] | np.integer[Any]]
    axis: str = "step"


@dataclass(frozen=True)
class Ending:
    """How a run of a method ended.

    Parameters
    ----------
    well
        Whether the method did what was asked of it.
    sentence
        A sentence for people: what happened, with the numbers that matter.
    curves
        Numbers that were followed through the run, by name. An array stands for the values of the steps 1, 2
        and so on.
    numbers
        Plain values and arrays that describe the ending; the record of the map keeps them.
    brief
        The same in a few words that go on after a comma: ``"converged"``. Left out, nothing is said of a run
        that ended well.
    remedy
        A sentence that says what to do, where the run did not end well.
    interrupted
        Whether the user ended the run early; the map is that of the state so far.
    kept
        The step whose state was kept, where that is not the last one by intention.
    """

    well: bool
    sentence: str
    curves: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    brief: str = ""
    remedy: str = ""
    interrupted: bool = False
    kept: int | None = None
    recorded: Mapping[str, Any] | None = field(default=None, repr=False)
    """The record, if the words follow from it; None: the record is to keep the words."""

    def __post_init__(self) -> None:
        curves = {
            name: curve if isinstance(curve, Curve) else _curve(curve) for name, curve in self.curves.items()
        }
        object.__setattr__(self, "curves", curves)
        if not self.brief and not self.well:
            object.__setattr__(self, "brief", "INTERRUPTED" if self.interrupted else "NOT ended well")

    def record(self) -> dict[str, Any]:
        """Return what the record of the map keeps, from which `ending_of` makes this ending again."""
        if self.recorded is not None:
            return dict(self.recorded)
        kept: dict[str, Any] = {"well": self.well, "sentence": self.sentence}
        kept |= {name: text for name, text in (("brief", self.brief), ("remedy", self.remedy)) if text}
        if self.interrupted:
            kept["interrupted"] = True
        if self.kept is not None:
            kept["kept"] = self.kept
        if self.curves:
            kept["curves"] = {
                name: {"steps": curve.steps, "values": curve.values, "axis": curve.axis}
                for name, curve in self.curves.items()
            }
        # Converters to R stop at a None: a number that is not there is left out.
        return {**{name: value for name, value in self.numbers.items() if value is not None}, **kept}


_WORDS = ("well", "sentence", "brief", "remedy", "interrupted", "kept", "curves")


def _curve(values: Any, first: int = 1, axis: str = "step") -> Curve:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return Curve(array, np.arange(first, first + len(array)), axis)


def transported(numbers: Mapping[str, Any]) -> Ending:
    """Return the ending of a transport.

    Parameters
    ----------
    numbers
        ``converged``, and where they are known ``iterations``, ``errors`` (a row a check: pass and error),
        ``error_cells``, ``error_spots`` and others; the record keeps them as they are.
    """
    well = bool(numbers["converged"])
    sentence = "Converged" if well else "Did not converge"
    if "iterations" in numbers:
        sentence += f" after {_counted(numbers['iterations'], 'iteration')}"
    if "error_cells" in numbers:
        cells, spots = float(numbers["error_cells"]), float(numbers["error_spots"])
        sentence += f": marginal errors {cells:.1e} (cells) and {spots:.1e} (spots)"
    errors = np.asarray(numbers.get("errors", ()), dtype=np.float64)
    curves = {}
    if errors.ndim == 2 and errors.shape[1] == 2 and len(errors):
        curves[MARGINAL_ERROR] = Curve(errors[:, 1], errors[:, 0], "pass over the kernel")
    return Ending(
        well,
        f"{sentence}.",
        curves,
        {name: value for name, value in numbers.items() if name != "errors"},
        "converged" if well else "NOT converged",
        "" if well else f"Raise {argument('max_iter')} or regularisation, and map again.",
        recorded=dict(numbers),
    )


def trained(numbers: Mapping[str, Any]) -> Ending:
    """Return the ending of a training.

    Parameters
    ----------
    numbers
        ``finished``, and where they are known ``epochs``, ``best_epoch``, ``losses`` (values by name),
        ``technology``, ``candidates``, ``entropy``, ``type_contrast`` and others; the record keeps them as
        they are.
    """
    finished = bool(numbers["finished"])
    epochs = _counted(numbers["epochs"], "epoch") if "epochs" in numbers else ""
    sentence = "Trained" if finished else "Interrupted: trained"
    sentence += f" for {epochs}" if epochs else ""
    if "technology" in numbers:
        sentence += f" as {numbers['technology']} data"
        evidence = numbers.get("technology_evidence")
        sentence += f" ({evidence})" if evidence else ""
    if "candidates" in numbers:
        sentence += f"; C for {int(numbers['candidates']):,} spots of each cell"
    if "entropy" in numbers:
        sentence += f"; row entropy of the map {float(numbers['entropy']):.2f} of log N"
    if "type_contrast" in numbers:
        sentence += f"; the term of types is {'on' if numbers['type_contrast'] else 'off'}"
    brief = f"trained for {epochs}" if epochs else "trained"
    best = numbers.get("best_epoch")
    if not finished:
        brief = f"INTERRUPTED after {epochs}" if epochs else "INTERRUPTED"
    elif best is not None and best < numbers.get("epochs", best):
        brief += f", best after {int(best)}"
    losses = {str(name): values for name, values in numbers.get("losses", {}).items() if np.size(values)}
    order = sorted(losses, key=lambda name: (name != "pretraining", name in _STATES, name))
    curves = {
        name: _curve(
            losses[name],
            0 if name in _STATES else 1,
            "epoch of pretraining" if name == "pretraining" else "epoch",
        )
        for name in order
    }
    return Ending(
        finished,
        f"{sentence}.",
        curves,
        {name: value for name, value in numbers.items() if name != "losses"},
        brief,
        interrupted=not finished,
        kept=int(best) if "validation" in curves and best is not None else None,
        recorded=dict(numbers),
    )


def ending_of(record: Mapping[str, Any]) -> Ending:
    """Return the ending that the record of a map tells of; whichever method or version wrote it."""
    solver = record.get("solver", {})
    if "sentence" in solver:
        return Ending(
            bool(solver["well"]),
            str(solver["sentence"]),
            {
                str(name): Curve(
                    np.atleast_1d(np.asarray(curve["values"], dtype=np.float64)),
                    np.atleast_1d(np.asarray(curve["steps"])),
                    str(curve["axis"]),
                )
                for name, curve in solver.get("curves", {}).items()
            },
            {name: value for name, value in solver.items() if name not in _WORDS},
            str(solver.get("brief", "")),
            str(solver.get("remedy", "")),
            interrupted=bool(solver.get("interrupted", False)),
            kept=int(solver["kept"]) if "kept" in solver else None,
        )
    if "converged" in solver:
        return transported(solver)
    if "finished" in solver:
        return trained(solver)
    return Ending(well=True, sentence=_UNKNOWN, numbers=dict(solver), recorded=dict(solver))


def _counted(n: Any, what: str) -> str:
    return f"{int(n)} {what}" if int(n) == 1 else f"{int(n)} {what}s"
