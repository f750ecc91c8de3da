"""The registry: one look-up, settings in layers, and checks before any work."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest

from homespot import methods
from homespot.errors import InputError
from homespot.methods import Parameter, registry
from homespot.methods.parameter import declared


def test_methods_are_listed_and_found() -> None:
    assert {"come", "correlation", "ssa"} <= set(methods.names())
    assert methods.names() == sorted(methods.names())
    assert methods.get("ssa").name == "ssa"


def test_settings_are_defaults_under_preset_under_choice() -> None:
    ssa = methods.get("ssa")
    assert ssa.settings(None, {}) == ssa.parameters
    paper = ssa.settings("paper", {})
    assert {name: paper[name] for name in ssa.presets["paper"]} == dict(ssa.presets["paper"])
    assert ssa.settings("paper", {"correlation": "signed"})["correlation"] == "signed"


def test_the_paper_preset_is_the_papers() -> None:
    """Tran et al.: 5,000 genes, |rho|, 0.05, mass from expression, both marginals kept."""
    assert dict(methods.get("ssa").presets["paper"]) == {
        "n_genes": 5000,
        "correlation": "absolute",
        "gene_weights": "equal",
        "regularisation": 0.05,
        "marginals": "expression",
        "relax_cells": 0.0,
        "relax_spots": 0.0,
        "n_components": None,
    }


@pytest.mark.parametrize("name", methods.names())
def test_every_default_and_preset_passes_its_own_check(name: str) -> None:
    method = methods.get(name)
    for preset in (None, *method.presets):
        method.settings(preset, {})


def test_numpy_scalars_are_taken_and_become_plain() -> None:
    chosen = {"n_genes": np.int64(50), "regularisation": np.float32(0.5)}
    settings = methods.get("ssa").settings(None, chosen)
    assert type(settings["n_genes"]) is int
    assert type(settings["regularisation"]) is float
    assert methods.get("come").settings(None, {"tau": np.float16(0.5)})["tau"] == 0.5


def test_every_parameter_is_documented_by_itself_and_its_default_is_one_of_its_values() -> None:
    for name in methods.names():
        parameters = methods.get(name).declared
        docs = [parameter.doc for parameter in parameters.values()]
        assert all(doc.endswith((".", ")")) and len(doc) > 20 for doc in docs)
        assert len(set(docs)) == len(docs)
        for parameter in parameters.values():
            parameter.check(parameter.default)
            assert parameter.accepts
            assert all(parameter.plain(value) == value for value in parameter.tuned)


def test_help_and_signature_follow_from_the_declaration() -> None:
    for name in methods.names():
        method = methods.get(name)
        text, _, returns = method.function.__doc__.partition("\n\nReturns\n-------\n")
        assert returns
        sections = text.split("\n\nParameters\n----------\n")[1]
        assert re.findall(r"^\w+$", sections, re.MULTILINE) == ["sc", "st", "run", *method.declared]
        for parameter in inspect.signature(method.function).parameters.values():
            assert "Parameter(" not in str(parameter.annotation)


def _trial(
    sc: object,
    st: object,
    run: object,
    *,
    share: Annotated[float, Parameter("A share.", low=0, high=0.5)] = 0.1,
    above: Annotated[float, Parameter("A number.", low=0, open_low=True)] = 1.0,
    below: Annotated[float, Parameter("A number.", high=3)] = 1.0,
    number: float = 1.0,
    count: Annotated[int, Parameter("A count.", low=2)] = 2,
    few: Annotated[int, Parameter("A count.", low=1, high=3)] = 2,
    any_count: int = 0,
    way: Annotated[Literal["up", "down"] | None, Parameter("A way.")] = None,
    column: Annotated[str | None, Parameter("A column.")] = None,
    file: Annotated[str | os.PathLike[str] | None, Parameter("A file.")] = None,
    strict: Annotated[bool, Parameter("A switch.")] = False,
    free=(),
) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("share", 0.6, "a number from 0 to 0.5"),
        ("share", "0.1", "a number from 0 to 0.5"),
        ("share", True, "a number from 0 to 0.5"),
        ("above", 0, "a finite number above 0"),
        ("below", 4, "a number of at most 3"),
        ("number", float("nan"), "a finite number"),
        ("count", 1, "a whole number of at least 2"),
        ("count", 2.5, "a whole number of at least 2"),
        ("few", 4, "a whole number from 1 to 3"),
        ("any_count", "many", "a whole number"),
        ("way", "left", "one of 'up', 'down'"),
        ("column", "", "a name"),
        ("column", 3, "a name"),
        ("file", 3, "a name"),
        ("strict", 1, "True or False"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object, what: str) -> None:
    with pytest.raises(InputError, match=rf"^Expected {name} to be {re.escape(what)}, found "):
        declared(_trial)[name].check(value)


def test_values_in_range_are_taken_and_told() -> None:
    parameters = declared(_trial)
    for name, value in {
        "share": 0.5,
        "above": 1e-9,
        "below": -1e9,
        "count": 7,
        "few": 3,
        "any_count": -2,
        "way": "up",
        "column": "type",
        "file": Path("x"),
        "strict": True,
        "free": object(),
    }.items():
        parameters[name].check(value)
    for name in ("way", "column", "file"):
        parameters[name].check(None)
    assert {name: parameter.accepts for name, parameter in parameters.items()} == {
        "share": "a number from 0 to 0.5",
        "above": "a number above 0",
        "below": "a number of at most 3",
        "number": "a number",
        "count": "a whole number of at least 2",
        "few": "a whole number from 1 to 3",
        "any_count": "a whole number",
        "way": "one of 'up', 'down', or None",
        "column": "a name, or None",
        "file": "a path, or None",
        "strict": "True or False",
        "free": "",
    }
    assert parameters["file"].plain(Path("x")) == "x"


def test_a_name_is_taken_once() -> None:
    with pytest.raises(InputError, match="a new name for a method, found 'ssa'"):
        registry.register("ssa", "another")(_trial)


def test_a_new_method_is_one_decorated_function(monkeypatch) -> None:
    monkeypatch.setattr(registry, "_METHODS", {})
    seen = []

    @registry.register("nearest", "a trial", check=lambda *, power: seen.append(power))
    def nearest(sc, st, _run, *, power: int = 2) -> str:
        return f"{sc}{st}{power}"

    method = registry.get("nearest")
    assert method.parameters == {"power": 2}
    assert method("a", "b", registry.Run(), **method.settings(None, {"power": 3})) == "ab3"
    assert seen == [3]
    with pytest.raises(InputError):
        registry.get("ssa")
