"""Progress: a bar at a terminal, a callback's values, silence elsewhere."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info

from homespot import cross_validate, map_cells, tune
from homespot.common.extras import has
from homespot.common.progress import check, reporting


def test_a_function_is_called_itself() -> None:
    calls = []
    with reporting("work", lambda *call: calls.append(call)) as report:
        report(1, 10, "a")
        report(5, 10, "b")
    assert calls == [(1, 10, "a"), (5, 10, "b")]


@pytest.mark.parametrize("progress", [None, False])
def test_silent_where_nobody_looks(capsys, progress) -> None:
    with reporting("work", progress) as report:
        report(1, 10, "a")
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_request_goes_to_stderr_and_away_again(capsys) -> None:
    with reporting("work", True) as report:
        for i in range(1, 11):
            report(i, 10, "error 1e-3")
    out, err = capsys.readouterr()
    assert out == ""
    assert "work" in err
    assert err.endswith("\r")


def test_what_is_known_before_the_start_stays(capsys) -> None:
    with reporting("work", True) as report:
        report(0, 10, "about 3 GiB of memory")
        report(1, 10, "error 1e-3")
    assert "work: about 3 GiB of memory\n" in capsys.readouterr().err


def test_a_log_is_a_line_of_json_a_step_to_stderr(capsys) -> None:
    with reporting("work", "log") as report:
        report(1, 10, 'error "x"')
        report(2, 10, "")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 2
    assert [json.loads(line) for line in err.splitlines()] == [
        {"step": "work", "done": 1, "total": 10, "note": 'error "x"'},
        {"step": "work", "done": 2, "total": 10, "note": ""},
    ]


def test_a_bar_at_a_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with reporting("work") as report:
        report(1, 2, "")
    assert "work" in capsys.readouterr().err


def test_an_error_passes_and_the_bar_is_closed(capsys) -> None:
    def interrupted() -> None:
        with reporting("work", True) as report:
            report(1, 2, "")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err.endswith("\r")


def limits() -> list[tuple[str, int]]:
    """How many threads the libraries use, which a run limits while it lasts."""
    return [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]


SMALL = {"hidden": 8, "latent": 4, "pretrain_epochs": 3, "epochs": 3}
RUNS: dict[str, Callable[..., Any]] = {
    "ssa": lambda pair, **options: map_cells(*pair, **options).X.tobytes(),
    "sections": lambda pair, **options: map_cells(*pair, sections="region", **options).X.tobytes(),
    "come": lambda pair, **options: map_cells(*pair, "come", **SMALL, **options).X.tobytes(),
    "folds": lambda pair, **options: cross_validate(*pair, folds=3, **options)["pcc"].to_numpy().tobytes(),
    "tuning": lambda pair, **options: (
        tune(*pair, "ssa", {"regularisation": [0.05, 0.1]}, folds=2, outer_folds=2, **options).settings
    ),
}
ERRORS = (
    ValueError("mine"),
    GeneratorExit("mine"),
    SystemExit(7),
)


@pytest.mark.parametrize("name", RUNS)
def test_an_error_of_the_users_function_is_passed_on_and_the_next_run_is_as_before(pair, name: str) -> None:
    if name == "come" and not has("torch"):
        pytest.skip("torch is not installed")
    run = RUNS[name]
    expected = run(pair, progress=False)
    before, hook = limits(), sys.unraisablehook
    for at, error in enumerate(ERRORS):
        calls = 0

        def fail(*_: object, at: int = at, error: BaseException = error) -> None:
            nonlocal calls
            calls += 1
            if calls > at:
                raise error

        with pytest.raises(type(error)) as caught:
            run(pair, progress=fail)
        assert caught.value is error
        assert limits() == before
        assert sys.unraisablehook is hook
        assert not [thread for thread in threading.enumerate() if thread.name == "homespot"]
    assert run(pair, progress=False) == expected


def test_folds_that_were_finished_before_the_error_are_kept(pair, tmp_path: Path) -> None:
    def fail(done: int, *_: object) -> None:
        if done == 2:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        cross_validate(*pair, folds=3, output=tmp_path / "scores.csv", progress=fail)
    steps: list[int] = []
    cross_validate(
        *pair, folds=3, output=tmp_path / "scores.csv", progress=lambda done, *_: steps.append(done)
    )
    assert steps == [2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.csv", "scores.csv.json"]


def test_a_function_that_cannot_take_the_steps_is_refused_before_the_work(pair, refused) -> None:
    with refused("progress three values | cannot take them | (done, total, note)", recorded=False):
        map_cells(*pair, progress=lambda done: None)  # noqa: ARG005
    for right in (print, lambda *values: None, lambda done, total, note, more=1: None):  # noqa: ARG005
        check(right)
    for wrong in (3, "bar", [print]):
        with pytest.raises(ValueError, match="progress to be True, False, None, 'log' or a function"):
            check(wrong)
