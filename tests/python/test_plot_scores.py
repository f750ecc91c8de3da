"""Pictures of scores and of trust: what is drawn, not how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy.stats import binomtest, wilcoxon

from homespot import plot
from homespot.errors import InputError
from homespot.plot._base import GREY

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    plt.close("all")


def _table() -> pd.DataFrame:
    """Three methods over 40 genes, in shuffled rows; one lacks a gene's score."""
    rng = np.random.default_rng(0)
    base = rng.uniform(0, 0.8, 40)
    parts = [
        pd.DataFrame(
            {
                "gene": [f"g{i}" for i in range(40)],
                "fold": np.arange(40) % 5,
                "method": method,
                "pcc": base + shift + rng.normal(0, 0.05, 40),
                "rmse": 1 - base - shift + rng.normal(0, 0.05, 40),
            }
        )
        for method, shift in (("come", 0.05), ("ssa", 0.0), ("other", 0.04))
    ]
    parts[1].loc[3, "pcc"] = np.nan
    parts[1] = parts[1].sample(frac=1, random_state=0)
    return pd.concat(parts, ignore_index=True)


def _of(table: pd.DataFrame, method: str, metric: str) -> pd.Series:
    return table[table["method"] == method].set_index("gene")[metric]


@pytest.mark.parametrize(("metric", "side"), [("pcc", "greater"), ("rmse", "less")])
def test_the_test_is_scipys_paired_by_gene(metric: str, side: Any) -> None:
    table = _table()
    tested = plot.compare(table, metric, "come")
    assert list(tested.index) == ["ssa", "other"]
    for method in tested.index:
        pairs = pd.concat([_of(table, "come", metric), _of(table, method, metric)], axis=1).dropna()
        exact = wilcoxon(pairs.iloc[:, 0], pairs.iloc[:, 1], alternative=side).pvalue
        assert tested.loc[method, "p"] == pytest.approx(exact, rel=1e-12)
        assert tested.loc[method, "genes"] == len(pairs)
    assert tested.loc["ssa", "p"] < 1e-3


def test_the_reference_is_the_first_method_unless_named() -> None:
    table = _table()
    pd.testing.assert_frame_equal(plot.compare(table), plot.compare(table, reference="come"))
    assert list(plot.compare(table, reference="ssa").index) == ["come", "other"]
    assert plot.compare(table, reference="ssa").loc["come", "p"] > 0.99


@pytest.mark.parametrize("kind", ["box", "violin"])
def test_scores_draws_every_gene_and_the_p_values(kind: Any) -> None:
    table = _table()
    ax = plot.scores(table, kind=kind)
    points = [drawn for drawn in ax.collections if len(drawn.get_offsets()) > 1]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["come", "ssa", "other"]
    for i, (method, drawn) in enumerate(zip(("come", "ssa", "other"), points, strict=True)):
        x, y = np.asarray(drawn.get_offsets()).T
        np.testing.assert_allclose(sorted(y), sorted(_of(table, method, "pcc").dropna()))
        assert (np.abs(x - i) < 0.2).all()
    tested = plot.compare(table)
    assert [text.get_text() for text in ax.texts] == [
        "reference",
        f"p = {tested.loc['ssa', 'p']:.2g}",
        f"p = {tested.loc['other', 'p']:.2g}",
    ]
    assert ax.get_ylabel() == "PCC (higher is better)"
    assert "come is better" in ax.get_xlabel()


def test_scores_of_one_method_and_of_equal_ones() -> None:
    table = _table()
    one = table[table["method"] == "come"]
    assert not plot.scores(one).texts
    twin = pd.concat([one, one.assign(method="twin")])
    assert np.isnan(plot.compare(twin).loc["twin", "p"])
    assert [text.get_text() for text in plot.scores(twin, "rmse").texts] == ["reference", "no difference"]
    assert plot.scores(twin, "rmse").get_ylabel() == "RMSE (lower is better)"


def test_scores_refuses_other_tables() -> None:
    table = _table()
    for call, message in (
        (lambda: plot.scores(table, "r2"), "metric to be one of 'pcc', 'ssim', 'rmse', 'jsd'"),
        (lambda: plot.scores(table, "jsd"), "a table with the columns gene, method and jsd, found one"),
        (lambda: plot.scores(table[:0]), "found one without rows"),
        (lambda: plot.scores(pd.concat([table, table])), "one row a gene and method, found 120 more"),
        (lambda: plot.scores(table, reference="no"), "reference to be one of 'come', 'ssa', 'other'"),
        (lambda: plot.scores(table, kind="bars"), "kind to be one of 'box', 'violin'"),
        (lambda: plot.scores(table.assign(pcc=np.nan)), "scores of every method in pcc, found none of"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_calibration_draws_the_curve_its_intervals_and_the_diagonal() -> None:
    table = pd.DataFrame({"level": [0.9, 0.5, 0.7], "share": [0.95, 0.4, np.nan], "cells": [200, 100, 0]})
    ax = plot.calibration(table)
    diagonal, curve = ax.lines[0], ax.lines[1]
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(curve.get_xydata(), [[0.5, 0.4], [0.9, 0.95]])
    bars = ax.collections[0].get_segments()
    wilson = binomtest(40, 100).proportion_ci(method="wilson")
    np.testing.assert_allclose(bars[0][:, 1], [wilson.low, wilson.high])
    assert ax.get_aspect() == 1
    assert ax.get_xlim() == ax.get_ylim() == (0, 1)


def test_calibration_refuses_other_tables() -> None:
    nobody = pd.DataFrame({"level": [0.9], "share": [np.nan], "cells": [0]})
    with pytest.raises(InputError, match=r"a calibration of at least one cell, found none in any row"):
        plot.calibration(nobody)
    table = pd.DataFrame({"level": [50], "share": [40], "cells": [100]})
    with pytest.raises(InputError, match=r"levels and shares from 0 to 1.*Divide percentages"):
        plot.calibration(table)
    with pytest.raises(InputError, match=r"found one without 'cells'"):
        plot.calibration(table[["level", "share"]])


def _square(values: Any) -> pd.DataFrame:
    names = [f"t{i}" for i in range(len(values))]
    return pd.DataFrame(values, index=names, columns=names)


def test_colocation_of_correlations_is_centred_at_0() -> None:
    matrix = _square([[1, -0.2, np.nan], [-0.2, 1, 0.4], [np.nan, 0.4, 1]])
    ax = plot.colocation(matrix)
    [drawn] = ax.images
    assert drawn.get_clim() == (-1, 1)
    assert drawn.cmap.name == "RdBu_r"
    np.testing.assert_array_equal(drawn.get_array().filled(np.nan), matrix)
    assert to_hex(drawn.cmap.get_bad()).upper() == GREY
    assert [text.get_text() for text in ax.texts] == [
        "1.00",
        "-0.20",
        "-0.20",
        "1.00",
        "0.40",
        "0.40",
        "1.00",
    ]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["t0", "t1", "t2"]
    assert ax.get_aspect() == 1
    assert ax.figure.axes[1].get_ylabel() == "correlation of proportions"


def test_colocation_of_distances_is_sequential() -> None:
    ax = plot.colocation(_square([[820.0, 1105.4], [1105.4, 900.0]]), name="distance (µm)")
    [drawn] = ax.images
    assert drawn.get_clim() == (820, 1105.4)
    assert drawn.cmap.name == "viridis_r"
    assert [text.get_text() for text in ax.texts] == ["820", "1105", "1105", "900"]
    assert ax.figure.axes[1].get_ylabel() == "distance (µm)"


def test_colocation_of_many_is_without_numbers_and_names() -> None:
    assert not plot.colocation(_square(np.eye(13))).texts
    assert not plot.colocation(_square(np.eye(61))).get_yticklabels()


def test_colocation_refuses_what_is_not_square() -> None:
    matrix = _square(np.eye(3))
    for wrong in (matrix.iloc[:2], matrix.iloc[::-1], matrix.to_numpy(), matrix.iloc[:0, :0]):
        with pytest.raises(InputError, match="the same types as rows and columns"):
            plot.colocation(wrong)
