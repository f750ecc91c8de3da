"""How a run ended: one sentence for every speaker, from the record, whichever method or version wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import homespot as hs
from homespot.common.ending import MARGINAL_ERROR, Curve, Ending, ending_of, trained

INTERRUPTED = "Interrupted: trained"
TRAINED = {
    "finished": True,
    "epochs": 3,
    "best_epoch": 2,
    "entropy": 0.5,
    "type_contrast": False,
    "losses": {
        "similarity": [3.0, 2.0, 1.0],
        "entropy": [0.9, 0.7, 0.6, 0.5],
        "pretraining": [5.0, 4.0],
        "validation": [0.1, 0.2, 0.3, 0.2],
    },
    "technology": "imaging",
    "technology_evidence": "as stated",
}


def test_a_transport() -> None:
    solver = {
        "converged": True,
        "iterations": 12,
        "errors": np.array([[4, 0.5], [8, 0.25]]),
        "error_cells": 1e-5,
        "error_spots": 0.02,
        "domain": "plain",
    }
    ending = ending_of({"solver": solver})
    assert (ending.well, ending.brief, ending.remedy, ending.interrupted) == (True, "converged", "", False)
    assert ending.sentence == (
        "Converged after 12 iterations: marginal errors 1.0e-05 (cells) and 2.0e-02 (spots)."
    )
    [(name, curve)] = ending.curves.items()
    assert (name, curve.axis) == (MARGINAL_ERROR, "pass over the kernel")
    assert (curve.steps.tolist(), curve.values.tolist()) == ([4, 8], [0.5, 0.25])
    assert set(ending.numbers) == set(solver) - {"errors"}
    assert ending.record() == solver


def test_a_transport_that_did_not_converge() -> None:
    ending = ending_of({"solver": {"converged": False, "iterations": 1}})
    assert (ending.well, ending.brief, ending.sentence, ending.remedy) == (
        False,
        "NOT converged",
        "Did not converge after 1 iteration.",
        "Raise max_iter or regularisation, and map again.",
    )


def test_a_training() -> None:
    ending = trained(TRAINED)
    assert ending.sentence == (
        "Trained for 3 epochs as imaging data (as stated); row entropy of the map 0.50 of log N; "
        "the term of types is off."
    )
    assert (ending.well, ending.brief, ending.kept) == (True, "trained for 3 epochs, best after 2", 2)
    assert {name: curve.steps.tolist() for name, curve in ending.curves.items()} == {
        "pretraining": [1, 2],
        "similarity": [1, 2, 3],
        "entropy": [0, 1, 2, 3],
        "validation": [0, 1, 2, 3],
    }
    assert list(ending.curves) == ["pretraining", "similarity", "entropy", "validation"]
    assert ending.curves["pretraining"].axis == "epoch of pretraining"
    assert ending.record() == TRAINED


@pytest.mark.parametrize(
    ("solver", "well", "brief", "sentence"),
    [
        (
            {"finished": False, "epochs": 1},
            False,
            "INTERRUPTED after 1 epoch",
            "Interrupted: trained for 1 epoch.",
        ),
        ({"finished": True}, True, "trained", "Trained."),
        ({"converged": True}, True, "converged", "Converged."),
        ({}, True, "", "The record does not say how the run ended."),
        ({"steps": 3}, True, "", "The record does not say how the run ended."),
    ],
)
def test_records_of_which_parts_are_missing(solver: Any, well: bool, brief: str, sentence: str) -> None:
    ending = ending_of({"solver": solver})
    assert (ending.well, ending.brief, ending.sentence) == (well, brief, sentence)
    assert ending.interrupted is (solver.get("finished") is False)
    assert ending.record() == solver


def test_a_record_without_a_solver() -> None:
    assert ending_of({}).sentence == "The record does not say how the run ended."


def test_another_method_keeps_its_own_words_in_the_file(pair, tmp_path: Path) -> None:
    """So they are there where the method is not installed."""
    ending = Ending(
        well=False,
        sentence="Two of 40 cells found no spot.",
        curves={"objective": [3.0, 2.5], "step": Curve(np.array([0.5]), np.array([10]), "pass")},
        numbers={"lost": 2, "reason": None, "where": np.array(["c1", "c2"], dtype=object)},
        remedy="Use more genes.",
        interrupted=True,
        kept=1,
    )
    assert ending.brief == "INTERRUPTED"
    assert Ending(well=False, sentence="No.").brief == "NOT ended well"
    mapping = hs.map_cells(*pair, "correlation")
    mapping.uns["homespot"] |= {"solver": ending.record(), "method": "gone"}
    hs.save(mapping, tmp_path / "map.h5ad")
    read = ending_of(hs.load(tmp_path / "map.h5ad").uns["homespot"])
    for name in ("well", "sentence", "brief", "remedy", "interrupted", "kept"):
        assert getattr(read, name) == getattr(ending, name)
    assert read.curves.keys() == ending.curves.keys()
    for name, curve in ending.curves.items():
        np.testing.assert_array_equal(read.curves[name].values, curve.values)
        np.testing.assert_array_equal(read.curves[name].steps, curve.steps)
        assert read.curves[name].axis == curve.axis
    assert read.numbers["lost"] == 2
    assert read.numbers["where"].tolist() == ["c1", "c2"]
    assert "reason" not in read.numbers
    from homespot import plot

    figure = plot.losses(hs.load(tmp_path / "map.h5ad"))
    assert [ax.get_title() for ax in figure.axes if ax.get_visible()] == ["objective", "step"]
    assert [ax.get_xlabel() for ax in figure.axes if ax.get_visible()] == ["step", "pass"]
