"""Progress: a bar at a terminal, a callback's values, silence elsewhere."""

from __future__ import annotations

import json
import sys

import pytest

from homespot.common.progress import reporting


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
