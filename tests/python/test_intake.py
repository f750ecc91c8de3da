"""What the spatial data say of their spots: which lie on the tissue, and in which section."""

from __future__ import annotations

import re
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import cell_positions, cross_validate, map_cells
from homespot.errors import DataWarning, InputError
from homespot.objects.spots import spots_of
from homespot.space.section_search import found_sections

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
    with pytest.warns(DataWarning, match="^The spatial data has no coordinates, so cells will have no place"):
        mapping = map_cells(sc, ad.AnnData(st.X, st.obs.assign(**column), st.var))
    assert mapping.n_vars == 25


def test_a_slide_without_tissue_is_refused(pair) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs.assign(in_tissue=0), st.var)
    with pytest.raises(
        InputError, match=r"at least 2 spots on the tissue, found 0 of 25 by st.obs\['in_tissue'\]"
    ):
        map_cells(sc, st)


def test_cross_validation_leaves_the_same_spots_out(pair) -> None:
    sc, st = pair
    marked = ad.AnnData(st.X, st.obs.assign(in_tissue=ON), st.var, obsm=dict(st.obsm))
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
        *("slides", "Sections", "sampleIDs", "slide_ID_numeric", "VisiumSlide", "slices"),
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
        {"section_thickness": TWO},
        {"sample_id": ["a"] * 10 + ["", " "]},  # blank is missing
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


# --- what the coordinates say ---------------------------------------------------------------------

HEX = np.array([(x + (row % 2) / 2, row * 0.75**0.5) for row in range(20) for x in range(20)]) * 100
TURNED = HEX @ np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
CELLS = (
    np.random.default_rng(7).permutation(
        np.unique(np.floor(np.random.default_rng(8).uniform(0, 300, (4000, 2)) / 6), axis=0)
    )[:900]
    * 6
)  # cells keep a distance of at least 6
BARCODES = ["".join(one) for one in np.random.default_rng(9).choice(list("ACGT"), (len(HEX), 16))]


def over(first: np.ndarray, second: np.ndarray, names=None, **columns) -> ad.AnnData:
    """Two sections in one object, and columns with one value a section."""
    n = len(first), len(second)
    obs = {name: np.repeat(["p", "q"], n) if values is None else values for name, values in columns.items()}
    return ad.AnnData(
        np.ones((sum(n), 1), np.float32),
        pd.DataFrame(obs, index=names or [f"s{i}" for i in range(sum(n))]),
        obsm={"spatial": np.concatenate([first, second])},
    )


def sections_said(st: ad.AnnData) -> tuple[list[str] | None, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = spots_of(st).sections
    return None if found is None else found.labels().tolist(), " ".join(str(w.message) for w in caught)


@pytest.mark.parametrize("column", ["age", "genotype", "Run_Tissue_name", "filename", "whatever", "batch"])
@pytest.mark.parametrize("second", [HEX, TURNED, HEX + 20], ids=["same", "turned", "shifted"])
def test_frames_that_overlap_are_sections(column: str, second: np.ndarray) -> None:
    """Whatever the column is called, and whatever else stands beside it."""
    noise = np.random.default_rng(1).integers(4, size=2 * len(HEX)).astype(str)
    st = over(HEX, second, mouse=noise, cluster=noise, **{column: None})
    found, said = sections_said(st)
    assert found == st.obs[column].tolist()
    assert said.startswith(f"Found 2 sections in st.obs['{column}'] ('p': 400, 'q': 400 spots)")


def test_frames_of_cells_that_overlap() -> None:
    """Irregular places: a name that may be that of sections is believed, and another one is told."""
    second = CELLS @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + (300, 1.7)
    assert sections_said(over(CELLS, second, mouse=None))[0] == ["p"] * 900 + ["q"] * 900


def test_parts_wide_apart_are_told() -> None:
    """They may be pieces of one tissue, but no tissue is of two ages."""
    st = over(HEX, np.add(HEX, (4000, 0)), whatever=None)
    found, said = sections_said(st)
    assert found is None
    assert "look like those of 2 sections by st.obs['whatever'] ('p': 400, 'q': 400 spots)" in said
    assert said.endswith("If they are sections, set sections='whatever'.")
    assert sections_said(over(HEX, np.add(HEX, (4000, 0)), age=None))[0] == ["p"] * 400 + ["q"] * 400


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ([f"{code}-{i}" for i in (1, 2) for code in BARCODES], ["1", "2"]),
        ([f"{well}_{code}-1" for well in ("A1", "B1") for code in BARCODES], ["A1", "B1"]),
        ([f"{code}-1-{one}" for one in ("old", "young") for code in BARCODES], ["old", "young"]),
        ([f"spot{i}_{one}" for one in "ab" for i in range(400)], ["a", "b"]),
    ],
)
def test_sections_in_the_names_of_the_spots(names: list[str], labels: list[str]) -> None:
    found, said = sections_said(over(HEX, TURNED, names))
    assert found == np.repeat(labels, 400).tolist()
    assert said.startswith(f"Found 2 sections in the names of the spots ({labels[0]!r}: 400, {labels[1]!r}: ")
    assert "(joint=False maps each by itself; " in said
    assert sections_said(over(HEX, np.add(HEX, (4000, 0)), names[:0]))[0] is None


def test_spots_of_the_same_coordinates_are_told() -> None:
    found, said = sections_said(over(HEX, HEX))
    assert found is None
    assert said.startswith("800 of 800 spots have the coordinates of another spot")
    unique = [f"{code}{end}" for end in ("-1", "-1-1") for code in BARCODES]
    assert sections_said(over(HEX, TURNED, unique))[1].startswith(
        "800 of 800 spots have the barcode of another"
    )


@pytest.mark.parametrize("places", [HEX, CELLS, HEX[np.hypot(*(HEX - HEX.mean(axis=0)).T) > 500]])
@pytest.mark.parametrize("name", ["batch", "region", "fov", "mouse", "age", "whatever"])
def test_values_scattered_over_one_section_are_none(places: np.ndarray, name: str) -> None:
    for n in (2, 3, 8):
        values = np.random.default_rng(n).integers(n, size=len(places)).astype(str)
        assert sections_said(over(places, places[:0], **{name: values})) == (None, "")
    halves = np.where(places[:, 0] < np.median(places[:, 0]), "left", "right")
    assert sections_said(over(places, places[:0], **{name: halves})) == (None, "")


@pytest.mark.parametrize(
    "given",
    [
        lambda one: one,
        lambda one: one[::-1],
        lambda one: one.to_numpy(),
        lambda one: one.tolist(),
        lambda one: pd.Categorical(one),
        lambda one: one.to_dict(),
        lambda one: one.to_frame(),
        lambda one: one.to_numpy()[:, None],
    ],
)
def test_sections_as_values(pair, given) -> None:
    sc, st = pair
    own = pd.Series(["a"] * 10 + ["b"] * 15, index=st.obs_names)
    named = ad.AnnData(st.X, st.obs.assign(slide=own), st.var, obsm=dict(st.obsm))
    expected = map_cells(sc, named, sections="slide")
    found = map_cells(sc, st, sections=given(own))
    np.testing.assert_array_equal(found.X, expected.X)
    assert found.var["homespot_section"].tolist() == expected.var["homespot_section"].tolist()
    assert found.obs["homespot_section"].tolist() == expected.obs["homespot_section"].tolist()
    assert found.uns["homespot"]["sections"] == "homespot_section"
    assert "homespot_section" not in st.obs
    scores = [
        cross_validate(sc, one, folds=2, sections=by) for one, by in ((named, "slide"), (st, given(own)))
    ]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in scores))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", "b"], r"sections of the spatial data's 25 spots, found 2 value\(s\)"),
        (np.ones((25, 2)), "found a table of 25 x 2"),
        (["a"] * 24 + [""], r"a section of every spot .*found 1 spot\(s\) without \('s24'\)"),
        (5, "a column 5 in st.obs"),
    ],
)
def test_values_that_are_no_sections(pair, given, message: str) -> None:
    with pytest.raises(InputError, match=message):
        map_cells(*pair, sections=given)


def test_a_section_of_one_spot(make_pair) -> None:
    sc, st = make_pair(n_cells=60, n_spots=30, seed=2)
    st = ad.AnnData(st.X, st.obs.assign(sample_id=["a"] * 29 + ["b"]), st.var, obsm=dict(st.obsm))
    with pytest.warns(DataWarning, match="Found 2 sections"):
        mapping = map_cells(sc, st)
    mapping.X[0], mapping.X[0, -1] = 0, 1
    placed = cell_positions(mapping)
    assert placed["homespot_section"].iloc[0] == "b"
    assert placed[["homespot_x", "homespot_y"]].to_numpy()[0].tolist() == st.obsm["spatial"][-1].tolist()
    assert placed[["homespot_spread", "homespot_radius"]].iloc[0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"joint": True},
            r"spots\). Cells are mapped onto all of them jointly. \(sections='slide' maps each",
        ),
        (
            {"joint": False},
            r"spots\). Each is mapped by itself. \(joint=True maps onto all of them jointly.\)",
        ),
    ],
)
def test_cross_validation_says_nothing_of_places(pair, how: dict, said: str) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs.assign(slide=["a"] * 10 + ["b"] * 15), st.var, obsm=dict(st.obsm))
    with pytest.warns(DataWarning, match=said):
        cross_validate(sc, st, folds=2, **how)


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
    assert (spots.mapped_one_by_one is not None) == separate
    assert (spots.with_own_frames is not None) == apart


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
