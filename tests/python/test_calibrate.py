"""calibration: by hand on small tables, and the radius of place_cells on the demo, whose truth is known."""

from __future__ import annotations

from functools import cache
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import cell_positions, make_demo, map_cells
from homespot.errors import InputError
from homespot.evaluate.calibration import calibration


def table(radius: list[float], **more: Any) -> pd.DataFrame:
    """Cells at the origin."""
    columns = {"homespot_x": 0.0, "homespot_y": 0.0, "homespot_radius": radius, **more}
    return pd.DataFrame(columns, index=[f"c{i}" for i in range(len(radius))])


def truth(*places: tuple[float, ...]) -> pd.DataFrame:
    return pd.DataFrame(np.array(places), index=[f"c{i}" for i in range(len(places))])


@cache
def demo(method: str, weights: str) -> tuple[ad.AnnData, pd.DataFrame]:
    sc, st = make_demo()
    mapping = map_cells(sc, st, method, gene_weights=weights, progress=False)
    return mapping, sc.obs[["true_x", "true_y"]]


def test_shares_are_counted() -> None:
    places = truth((1, 0), (0, 2), (3, 4), (9, 0))  # 1, 2, 5 and 9 away
    found = calibration(table([1.0, 3.0, 4.9, 20.0]), places, [0.9])
    assert found.columns.tolist() == ["level", "share", "cells"]
    assert found.iloc[0].tolist() == [0.9, 0.75, 4]


def test_a_table_has_radii_of_one_level() -> None:
    places = truth((1, 0), (0, 2))
    cells = table([1.5, 1.5])
    assert calibration(cells, places, level=0.6).iloc[0].tolist() == [0.6, 0.5, 2]
    assert calibration(cells, places, [0.6], level=0.6).iloc[0].tolist() == [0.6, 0.5, 2]
    with pytest.raises(
        InputError, match=r"levels to be 0.9, .* alone, found levels '0.9', '0.95'. Pass the map"
    ):
        calibration(cells, places, [0.9, 0.95])


def test_cells_are_matched_by_name_and_those_without_truth_left_out() -> None:
    places = truth((1, 0), (0, 2), (3, 4))
    expected = calibration(table([1.0, 1.0, 9.0]), places)
    assert calibration(table([1.0, 1.0, 9.0]), places.iloc[::-1]).equals(expected)
    more = table([1.0, 1.0, 9.0, 100.0])
    assert calibration(more, places).equals(expected)
    assert expected["cells"].eq(3).all()


def test_only_confident_cells_are_counted_where_asked() -> None:
    places = truth((1, 0), (0, 2), (3, 4))
    cells = table([1.0, 1.0, 9.0], homespot_confident=[True, True, False])
    assert calibration(cells, places, [0.9], confident=True).iloc[0].tolist() == [0.9, 0.5, 2]
    cells["homespot_confident"] = False
    none = calibration(cells, places, [0.9], confident=True)
    assert none["cells"].tolist() == [0]
    assert none["share"].isna().all()


@pytest.mark.parametrize("method", ["ssa", "correlation"])
def test_the_radius_holds_on_the_demo(method: str) -> None:
    mapping, places = demo(method, "equal")
    found = calibration(mapping, places)
    # Measured: 0.03 to 0.08 above the level. Every tissue is off by as much, one way or the other.
    np.testing.assert_allclose(found["share"], found["level"], atol=0.1)
    assert found["cells"].eq(mapping.n_obs).all()
    confident = calibration(mapping, places, [0.9], confident=True)
    assert 0.4 * mapping.n_obs < confident["cells"].item() < 0.8 * mapping.n_obs
    assert confident["share"].item() >= 0.88


@pytest.mark.parametrize("weights", ["equal", "spatial"])
def test_radii_of_every_level_are_those_of_the_table_of_this_level(weights: str) -> None:
    mapping, places = demo("ssa", weights)
    found = calibration(mapping, places)
    alone = [
        calibration(cell_positions(mapping, level=level), places, level=level) for level in found["level"]
    ]
    pd.testing.assert_frame_equal(found, pd.concat(alone, ignore_index=True))
    assert (np.diff(found["share"]) > 0).all()
    np.testing.assert_allclose(found["share"], found["level"], atol=0.1)  # measured: 0.03 to 0.095 above


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((table([1.0]), np.zeros((1, 2))), "a table with the names of the cells, found a ndarray"),
        (
            (table([1.0]), truth((0, 0)).set_axis(["x"])),
            r"true places of the cells \('c0'\), found those of 'x'",
        ),
        ((table([1.0]), truth((0, 0, 0))), "'homespot_z'.*found 'homespot_z' missing"),
        ((table([1.0], homespot_z=[0.0]), truth((0, 0))), "found 'homespot_z', which the truth"),
        ((table([1.0]).drop(columns="homespot_radius"), truth((0, 0))), "found 'homespot_radius' missing"),
        ((table([1.0]), truth((0, np.nan))), "finite coordinates of every cell"),
        ((table([1.0]), truth((0,))), "coordinates of 1 cells x 2 or 3"),
        ((table([1.0]), truth((0, 0)), [1.0]), "levels to be a number from 0.05 to 0.99"),
        ((table([1.0]), truth((0, 0), (0, 0)).set_axis(["c0", "c0"])), "c0"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibration(*arguments)


def test_a_cell_in_another_section_is_outside() -> None:
    table = pd.DataFrame(
        {
            "homespot_section": ["a", "b", None],
            "homespot_x": [0.0, 0.0, np.nan],
            "homespot_y": [0.0, 0.0, np.nan],
            "homespot_radius": [1.0, 1.0, np.nan],
        },
        index=["c", "d", "e"],
    )
    truth = pd.DataFrame({"x": [0.0] * 3, "y": [0.0] * 3}, index=["c", "d", "e"])
    with pytest.raises(InputError, match="the true section of every cell"):
        calibration(table, truth)
    found = calibration(table, truth.assign(homespot_section="a"), levels=[0.9])
    assert found["share"].tolist() == [0.5]
    assert found["cells"].tolist() == [2]
