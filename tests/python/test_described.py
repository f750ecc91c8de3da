"""Finished folds are taken up only by the method that made them: a function, and all that it calls."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import rankdata

from homespot import methods
from homespot.errors import InputError
from homespot.evaluate.cross_validate import cross_validate
from homespot.evaluate.described import described
from homespot.methods import registry

SOURCES = {
    "my_method": """
        import numpy as np
        import my_weights
        from my_smoothing import smooth

        SCALE = 1.0

        class Kernel:
            power = 2

            def __call__(self, x):
                return x**self.power

        kernel = Kernel()

        def scaled(x, by=SCALE):
            return x * by

        def method(sc, st):
            p = np.full((sc.n_obs, st.n_obs), my_weights.weight(st.n_obs))
            return (lambda x: smooth(scaled(kernel(x) ** 0.5)) + 0)(p)

        def registered(sc, st, run):
            shape = len(sc.names), len(st.names)
            every = np.arange(shape[0]), np.arange(shape[1])
            means = np.ones(shape[0]), np.ones(shape[1])
            p = scaled(np.eye(shape[1])[every[0] % shape[1]])
            return Outcome(p, *every, [], means, trained({"finished": True}))

        from homespot.common.ending import trained
        from homespot.methods import Outcome
    """,
    "my_smoothing": """
        def deep(x):
            return x / 1

        def smooth(x):
            return deep(x)
    """,
    "my_weights": """
        def weight(n):
            return 1 / n

        def unused(n):
            return 2 / n
    """,
}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Import the user's modules anew, with one text in one of them changed."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in SOURCES:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def start(name: str = "my_method", old: str = "", new: str = "") -> ModuleType:
        for module, source in SOURCES.items():
            sys.modules.pop(module, None)
            assert old in SOURCES[name]
            lines = source.replace(old, new) if module == name and old else source
            text = "\n".join(line.removeprefix(" " * 8) for line in lines.splitlines())
            (tmp_path / f"{module}.py").write_text(text)
        importlib.invalidate_caches()
        return importlib.import_module("my_method")

    return start


EDITS = {
    "a helper": ("my_method", "return x * by", "return by * x"),
    "a helper's default": ("my_method", "SCALE = 1.0", "SCALE = 2.0"),
    "an inner function": ("my_method", ") + 0)(p)", ") + 1)(p)"),
    "a class": ("my_method", "x**self.power", "x**(self.power + 1)"),
    "a value of a class": ("my_method", "power = 2", "power = 3"),
    "another module": ("my_smoothing", "return deep(x)", "return deep(deep(x))"),
    "a helper's helper": ("my_smoothing", "x / 1", "x / 3"),
    "a module's function": ("my_weights", "1 / n", "3 / n"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_helper_is_another_method(session, edit: tuple[str, str, str]) -> None:
    assert described(session().method) != described(session(*edit).method)


@pytest.mark.parametrize(
    "edit",
    [
        ("my_method", "SCALE = 1.0", "# A comment, and lines further down.\n\n\n        SCALE = 1.0"),
        ("my_weights", "2 / n", "3 / n"),
    ],
)
def test_what_the_method_does_not_call_may_change(session, edit: tuple[str, str, str]) -> None:
    assert described(session().method) == described(session(*edit).method)


def test_folds_are_reused_until_a_helper_is_edited(pair, session, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    steps: list[int] = []

    def run(method: object) -> None:
        steps.clear()
        cross_validate(*pair, method, folds=2, output=path, progress=lambda done, *_: steps.append(done))

    run(session().method)
    assert steps == [0, 1, 2]
    run(session().method)
    assert steps == [2]
    edited = session(*EDITS["a helper's helper"])
    with pytest.raises(InputError, match=r"a run with other methods in .* or remove this one to start anew"):
        run(edited.method)
    path.unlink()
    with pytest.raises(InputError, match="rows of probabilities that sum to 1"):
        run(edited.method)  # each fold is computed anew: the edit divides by 3


def test_a_registered_method_of_another_package_is_known_by_its_code(
    pair, session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(module: ModuleType) -> None:
        method = methods.Method("mine", "for tests", module.registered)
        monkeypatch.setitem(registry._METHODS, "mine", method)
        cross_validate(*pair, "mine", folds=2, output=tmp_path / "scores.csv")

    run(session())
    run(session())
    with pytest.raises(InputError, match="a run with other methods"):
        run(session(*EDITS["a helper"]))


def test_functions_are_told_apart_by_what_they_hold() -> None:
    first, second = np.zeros((60, 60)), np.zeros((60, 60))
    second[30, 30] = 1

    def returning(table: np.ndarray) -> object:
        return lambda *_: table

    assert described(returning(first)) == described(returning(first.copy()))
    assert described(returning(first)) != described(returning(second))
    assert described(partial(max, first)) != described(partial(max, second))
    assert described(lambda *data: data[0]) != described(lambda *data: data[1])
    assert described(lambda: {"a", "b", "c"}) == described(lambda: {"c", "b", "a"})
    with pytest.raises(InputError, match=r"a method that can be told from others.*Leave output out"):
        described(partial(max, (i for i in range(3))))


class Model:
    """A method with a state."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def fit(self, x: float) -> float:
        return self.fit(x) if x > 0 else self.weight


def test_methods_of_objects_and_cached_functions_are_described() -> None:
    assert described(Model(1).fit) == described(Model(1).fit)
    assert described(Model(1).fit) != described(Model(2).fit)
    assert described(cache(lambda x: x + 1)) == described(cache(lambda x: x + 1))
    assert described(cache(lambda x: x + 1)) != described(cache(lambda x: x + 2))


def test_a_function_of_another_package_counts_by_its_code_alone() -> None:
    [_, _, data] = described(lambda *given: rankdata(*given))
    [name, code] = data[-1]
    assert name == "scipy.stats._stats_py.rankdata"
    assert len(code) == 64
