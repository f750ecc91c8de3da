"""Labels in every form that a verb takes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from homespot.errors import DataWarning
from homespot.objects.labels import resolve

FRAME = pd.DataFrame({"type": ["b", "a", "b"]}, index=["c1", "c2", "c3"])


@pytest.mark.parametrize(
    "labels",
    [
        "type",
        ["b", "a", "b"],
        np.array(["b", "a", "b"], dtype=object),
        pd.Categorical(["b", "a", "b"]),
        pd.Series(["a", "b", "b", "z"], index=["c2", "c3", "c1", "other"]),
    ],
)
def test_every_form_gives_the_same(labels: object) -> None:
    found = resolve(labels, FRAME, "cell")
    assert found.names == ["a", "b"]
    assert found.codes.tolist() == [1, 0, 1]
    assert found.membership().toarray().tolist() == [[0, 1, 0], [1, 0, 1]]


def test_levels_keep_their_order_and_empty_ones_are_named() -> None:
    with pytest.warns(DataWarning, match=r"Left out label\(s\) that no cell has: 'lost'\."):
        found = resolve(pd.Categorical(["b", "a", "b"], ["b", "lost", "a"]), FRAME, "cell")
    assert found.names == ["b", "a"]
    assert found.codes.tolist() == [0, 1, 0]


def test_numbers_are_labels_too() -> None:
    assert resolve([2, 10, 2], FRAME, "cell").names == ["2", "10"]
    assert resolve([2.0, 10.0, 2.0], FRAME, "cell").names == ["2", "10"]
    assert resolve([2.5, 10.0, 2.5], FRAME, "cell").names == ["2.5", "10.0"]
    assert resolve(pd.array([10, 2, 10], dtype="Int64"), FRAME, "cell").names == ["2", "10"]
    assert resolve(np.array([2, 10, 2], dtype=np.float16), FRAME, "cell").names == ["2", "10"]
    assert resolve([True, False, True], FRAME, "cell").names == ["False", "True"]
    assert resolve(["é", "z", "B"], FRAME, "cell").names == ["B", "z", "é"]
    assert resolve([2.0, np.inf, 2.0], FRAME, "cell").names == ["2.0", "inf"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("kind", "column 'kind' labels | 'type' |"),
        (["a", "b"], "labels 3 cells | 2 | cell"),
        (["a", None, "b"], "label cell | 1 cell 'c2' |"),
        (["a", np.nan, "b"], "label cell | 1 cell 'c2' |"),
        (["a", "", "b"], "label cell | 1 cell 'c2' |"),
        ([["a"], ["b"], ["a"]], "labels texts numbers | list | cell"),
        ([{"a": 1}, "a", "b"], "labels texts numbers | dict | cell"),
        (pd.MultiIndex.from_arrays([list("aba")] * 2), "labels list | MultiIndex |"),
        (
            pd.Series(["a", "b"], index=["c1", "x"]),
            "labels cells name | 2 'c2' 'c3' 'c1' 'x' |",
        ),
        (
            pd.Series(["a", "b"], index=["c1", "c1"]),
            "labels | several 'c1' |",
        ),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: object, words: str, refused) -> None:
    with refused(words):
        resolve(labels, FRAME, "cell")
