"""The registry: one look-up, settings in layers, and checks before any work."""

from __future__ import annotations

import numpy as np
import pytest

from homespot import methods
from homespot.errors import InputError
from homespot.methods import registry


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
        "regularisation": 0.05,
        "marginals": "expression",
        "relax_cells": 0.0,
        "relax_spots": 0.0,
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
