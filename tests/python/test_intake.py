"""What the spatial data say of their spots: which lie on the tissue, and in which section."""

from __future__ import annotations

import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import cross_validate, map_cells
from homespot.errors import DataWarning, InputError
from homespot.intake import spots_of
from homespot.sections import found_sections

ON = [1] * 18 + [0] * 7


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("in_tissue", ON),
        ("in_tissue", [bool(v) for v in ON]),
        ("in_tissue", [str(v) for v in ON]),
        ("inTissue", ["TRUE" if v else "FALSE" for v in ON]),
        ("on.tissue", [float(v) for v in ON]),
        ("tissue", pd.Categorical(ON)),
        ("on_tissue", ["on" if v else "off" for v in ON]),
        ("in_tissue", ["in_tissue" if v else "out of tissue" for v in ON]),
    ],
)
def test_spots_off_the_tissue_are_left_out(pair, name: str, values) -> None:
    sc, st = pair
    on = st[:18].copy()
    st = st.copy()
    st.obs[name] = values
    with pytest.warns(DataWarning, match=rf"Left out 7 of 25 spots, .*set st.obs\['{name}'\] = 1"):
        mapping = map_cells(sc, st)
    expected = map_cells(sc, on)
    assert mapping.var_names.tolist() == on.obs_names.tolist()
    np.testing.assert_array_equal(mapping.X, expected.X)
    np.testing.assert_array_equal(mapping.varm["spatial"], expected.varm["spatial"])


@pytest.mark.parametrize(
    "column",
    [{"in_tissue": 1}, {"tissue": "brain"}, {"off_axis": 0}],
)
def test_columns_that_mark_nothing(pair, column: dict) -> None:
    sc, st = pair
    assert map_cells(sc, ad.AnnData(st.X, st.obs.assign(**column), st.var)).n_vars == 25


def test_a_slide_without_tissue_is_refused(pair) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs.assign(in_tissue=0), st.var)
    with pytest.raises(
        InputError, match=r"at least 2 spots on the tissue, found 0 of 25 by st.obs\['in_tissue'\]"
    ):
        map_cells(sc, st)


def test_cross_validation_leaves_the_same_spots_out(pair) -> None:
    sc, st = pair
    marked = ad.AnnData(st.X, st.obs.assign(in_tissue=ON), st.var)
    with pytest.warns(DataWarning, match="Left out 7 of 25 spots"):
        found = cross_validate(sc, marked, folds=3)
    expected = cross_validate(sc, st[:18].copy(), folds=3)
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))


# --- sections -------------------------------------------------------------------------------------

TWO = ["a"] * 5 + ["b"] * 7
GRID = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), -1).reshape(-1, 2)


@pytest.mark.parametrize(
    "name",
    [
        *("sample_id", "library_id", "Section", "slide.id", "section", "slice", "Sample", "capture_area"),
        *("slide number", "brain_section_label", "SampleName", "puck_id", "specimen"),
    ],
)
def test_columns_that_name_sections(name: str) -> None:
    found = found_sections(pd.DataFrame({"layer": ["x", "y"] * 6, name: TWO}))
    assert found is not None
    assert (found.column, found.names, found.codes.tolist()) == (name, ["a", "b"], [0] * 5 + [1] * 7)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"layer": TWO},
        {"sample_id": ["a"] * 12},
        {"sample": [f"s{i}" for i in range(12)]},  # a name for every spot
        {"section": ["a"] * 11 + [None]},
        {"region": TWO},  # touches its neighbour on GRID
        {"batch": [0] * 5 + [1] * 7},
        {"sample_type": TWO},
    ],
)
def test_columns_that_do_not(columns: dict) -> None:
    assert found_sections(pd.DataFrame(columns, index=range(12)), positions=GRID) is None


def test_a_region_is_a_section_where_the_coordinates_say_so() -> None:
    region = pd.DataFrame({"region": ["a"] * 12 + ["b"] * 12})
    apart = np.concatenate([GRID, np.add(GRID, (100, 0))])
    over = np.concatenate([GRID, GRID + 0.2])
    touching = np.concatenate([GRID, np.add(GRID, (4, 0))])
    assert found_sections(region, positions=apart) is not None
    assert found_sections(region, positions=over) is not None
    assert found_sections(region, positions=touching) is None
    assert found_sections(region, region_key="region", positions=touching) is not None  # SpatialData's own


def test_images_say_which_column_it_is() -> None:
    spots = pd.DataFrame({"sample_id": ["p", "q"] * 6, "where": TWO})
    found = found_sections(spots, libraries=["b", "a", "c"])
    assert found is not None
    assert found.column == "where"


def test_several_images_without_a_column_are_told(pair) -> None:
    sc, st = pair
    st = st.copy()
    st.uns["spatial"] = {name: {"images": {}, "scalefactors": {}} for name in ("s1", "s2")}
    with pytest.warns(DataWarning, match=r"images of 2 sections \('s1', 's2'\), but no column"):
        map_cells(sc, st)


@pytest.mark.parametrize(
    ("arguments", "separate", "apart"),
    [
        ({}, False, True),
        ({"joint": False}, True, True),
        ({"shared_frame": True}, False, False),
        ({"sections": "slide"}, True, True),
        ({"sections": "slide", "joint": True}, False, True),
        ({"sections": "slide", "shared_frame": True}, True, False),
    ],
)
@pytest.mark.filterwarnings("ignore:Found 2 sections")
def test_what_the_arguments_mean(pair, arguments: dict, separate: bool, apart: bool) -> None:
    _, st = pair
    st = ad.AnnData(st.X, st.obs.assign(slide=["a"] * 10 + ["b"] * 15), st.var, obsm=dict(st.obsm))
    spots = spots_of(st, **arguments)
    assert (spots.alone is not None) == separate
    assert (spots.apart is not None) == apart


def test_one_section_cannot_be_mapped_one_by_one(pair) -> None:
    with pytest.raises(
        InputError, match=r"several sections, to map each by itself \(joint=False\), found one"
    ):
        map_cells(*pair, joint=False)
    with pytest.raises(InputError, match="joint to be True or False, found 'yes'"):
        map_cells(*pair, joint="yes")


@pytest.mark.parametrize(
    ("values", "n", "said"),
    [
        (["maybe"] * 25, 25, r"\('maybe'\)"),
        ([2] * 18 + [0] * 7, 25, r"\('2', '0'\)"),
        ([1.0] * 17 + [np.nan] + [0.0] * 7, 18, r"\(1 missing\)"),
    ],
)
def test_flags_of_the_tissue_that_are_not_understood(pair, values, n: int, said: str) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs.assign(in_tissue=values), st.var)
    with pytest.warns(DataWarning) as caught:
        mapping = map_cells(sc, st)
    assert mapping.n_vars == n
    assert any(re.search("does not say with 1 or 0 .*" + said, str(w.message)) for w in caught)


def test_spots_off_the_tissue_are_not_looked_at(pair) -> None:
    """Neither their counts nor their places have to make sense."""
    sc, st = pair
    on = st[:18].copy()
    x, xy = st.X.toarray(), st.obsm["spatial"].copy()
    x[18:], xy[18:] = np.nan, np.nan
    spoilt = ad.AnnData(x, st.obs.assign(in_tissue=ON), st.var, obsm={"spatial": xy})
    with pytest.warns(DataWarning, match="Left out 7 of 25 spots"):
        np.testing.assert_array_equal(map_cells(sc, spoilt).X, map_cells(sc, on).X)


def test_sections_within_samples() -> None:
    """Two samples of two sections each, numbered anew in every sample, in frames that overlap."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 100, (80, 2))
    spots = pd.DataFrame({"sample": np.repeat(["p", "q"], 40), "section": np.tile(np.repeat([1, 2], 20), 2)})
    found = found_sections(spots, positions=xy)
    assert found is not None
    assert found.names == ["p_1", "p_2", "q_1", "q_2"]
    assert found.codes.tolist() == np.repeat([0, 1, 2, 3], 20).tolist()
    spots["section"] = spots["sample"] + spots["section"].astype(str)
    nested = found_sections(spots, positions=xy)
    assert nested is not None
    assert (nested.column, nested.names) == ("section", ["p1", "p2", "q1", "q2"])
    spots["section"] = np.where(xy[:, 0] < 50, "left", "right")  # halves of one tissue
    halves = found_sections(spots[["sample"]].assign(region=spots["section"]), positions=xy)
    assert halves is not None
    assert halves.names == ["p", "q"]


def test_a_section_that_is_missing_for_some_spots_is_refused(pair) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs.assign(sample_id=[None] + ["a"] * 10 + ["b"] * 14), st.var)
    with pytest.raises(InputError, match="a section of every spot in column 'sample_id'"):
        map_cells(sc, st)


def test_one_section_by_name_is_one_section(pair) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs.assign(s="x"), st.var, obsm=dict(st.obsm))
    mapping = map_cells(sc, st, sections="s")
    np.testing.assert_array_equal(mapping.X, map_cells(sc, st).X)
