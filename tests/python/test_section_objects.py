"""Sections given as several objects: none of two objects, by their names, and what is wrong with one."""

from __future__ import annotations

import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import cell_distances, cell_positions, cross_validate, join_sections, map_cells, report
from homespot.errors import DataWarning, InputError
from homespot.evaluate.simulate_spots import simulate_spots
from homespot.space.section_search import found_sections

FOUND = "ignore:Found . sections"
SEVERAL = "ignore:Several objects of st"


@pytest.fixture
def two(make_pair):
    """Cells, and two objects whose frames overlap; both have the same column of one value."""
    sc, st = make_pair(n_cells=60, n_spots=50, n_genes=40, seed=3)
    parts = {"a": st[:22].copy(), "b": st[22:].copy()}
    for part in parts.values():
        part.obs["slide"] = "sample01"
        part.obs["side"] = np.where(part.obsm["spatial"][:, 0] < 500, "left", "right")
    return sc, parts


def labels(mapping: ad.AnnData) -> dict[str, str]:
    return mapping.var["homespot_section"].to_dict()


@pytest.mark.filterwarnings(FOUND, SEVERAL)
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("joint", [None, True])
def test_objects_are_never_one_section(two, joined: bool, joint: bool | None) -> None:
    """By a column, and by values: the map and all that is measured are those of the objects."""
    sc, parts = two
    expected = map_cells(sc, parts, joint=bool(joint))
    st = join_sections(parts) if joined else parts
    n = sum(part.n_obs for part in parts.values())
    for sections in ("slide", ["sample01"] * n):
        found = map_cells(sc, st, sections=sections, joint=joint)
        np.testing.assert_array_equal(found.X, expected.X)
        assert labels(found) == labels(expected)
        pd.testing.assert_frame_equal(cell_positions(found), cell_positions(expected))
        section = cell_positions(found)["homespot_section"].to_numpy()
        distances = cell_distances(found).to_numpy()
        assert np.isnan(distances[section[:, None] != section]).all()
    stacked = map_cells(sc, st, sections="slide", shared_frame=True)
    assert "homespot_section" not in cell_positions(stacked)
    scores = [
        cross_validate(sc, parts, folds=2, sections=by, joint=way)
        for by, way in (("slide", joint), (None, bool(joint)))
    ]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in scores))


def test_sections_within_objects_have_both_names(two) -> None:
    sc, parts = two
    parts["c"] = parts["b"].copy()
    parts["c"].obs_names = [f"c{i}" for i in range(28)]
    parts["c"].obs["side"] = "left"
    with pytest.warns(DataWarning, match="have 'left', 'right' as a section. Those of different objects are"):
        found = map_cells(sc, parts, sections="side")
    given = join_sections(parts)
    name = given.obs["homespot_section"] + "_" + given.obs["side"].astype(str)
    assert labels(found) == name.replace("c_left", "c").loc[found.var_names].to_dict()
    assert found.n_vars == 78


def test_a_column_that_differs_between_objects_is_taken_as_it_is(two) -> None:
    sc, parts = two
    for name, part in parts.items():
        part.obs["slide"] = f"slide {name}"
    found = map_cells(sc, parts, sections="slide")
    assert set(labels(found).values()) == {"slide a", "slide b"}
    assert found.uns["homespot"]["sections"] == "slide"


def test_names_that_are_the_same_when_put_together_are_refused(two) -> None:
    sc, parts = two
    again = parts["b"].copy()
    again.obs["side"] = "x"
    objects = {"a": parts["a"], "a_left": again}
    again.obs_names = [f"again{i}" for i in range(28)]
    parts["b"].obs["side"] = "left"
    with pytest.raises(InputError, match="'a_left' for two sections"):
        map_cells(sc, {**objects, "c": parts["b"]}, sections="side")


@pytest.mark.filterwarnings(FOUND)
def test_sections_without_a_name(two) -> None:
    """Those with a name keep it; others have that of their annotation, or a number."""
    a, b = two[1].values()
    c = b.copy()
    c.obs_names = [f"c{i}" for i in range(28)]
    c.obs["sample_id"] = "mine"

    def names(st: object) -> list[str]:
        return join_sections(st).obs["homespot_section"].unique().tolist()

    assert names({"a": a, "": b, None: c}) == ["a", "section2", "mine"]
    assert names([a, b, c]) == ["section1", "section2", "mine"]
    b.obs["sample_id"] = "mine"
    assert names([a, b, c]) == ["section1", "section2", "section3"]
    with pytest.raises(InputError, match="sections of different names"):
        names({"section2": b, None: a})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b.obsm["spatial"].__setitem__((3, 0), np.nan), "Section 'b': Expected finite coordinates"),
        (lambda b: b.obsm.pop("spatial"), "found no coordinates in 'b' and 2 dimensions in 'a'"),
        (None, "found None as st['b']"),
    ],
)
def test_what_is_wrong_is_told_by_the_name_of_the_section(two, spoil, message: str) -> None:
    sc, parts = two
    if spoil is None:
        parts["b"] = None
    else:
        spoil(parts["b"])
    with pytest.raises(InputError, match=re.escape(message)):
        map_cells(sc, parts)


def test_a_column_that_not_all_objects_have(two) -> None:
    sc, parts = two
    parts["a"].obs["mine"] = "x"
    with pytest.raises(InputError, match=r"'mine' in the obs of every object of st, found (?!.*homespot)"):
        map_cells(sc, parts, sections="mine")


def test_spots_off_the_tissue_of_one_object(two) -> None:
    """They need no coordinates, and the other object need not say which of its own are on the tissue."""
    sc, parts = two
    on = {**parts, "b": parts["b"][:20].copy()}
    with pytest.warns(DataWarning, match="Found 2 sections"):
        expected = map_cells(sc, on)
    parts["b"].obs["in_tissue"] = [1] * 20 + [0] * 8
    parts["b"].obsm["spatial"][20:] = np.nan
    with (
        pytest.warns(DataWarning, match="Left out 8 of 50 spots"),
        pytest.warns(DataWarning, match="Found 2"),
    ):
        found = map_cells(sc, parts)
    np.testing.assert_array_equal(found.X, expected.X)


# --- other verbs ----------------------------------------------------------------------------------


def test_cross_validation_tells_of_the_sections(two) -> None:
    sc, parts = two
    st = join_sections(parts)
    plain = ad.AnnData(st.X, var=st.var, obsm=dict(st.obsm))
    expected = cross_validate(sc, plain, folds=2, gene_weights="equal")
    with pytest.warns(DataWarning, match=r"2 sections in the objects of st .*jointly. \(joint=False maps"):
        found = cross_validate(sc, parts, folds=2, gene_weights="equal")
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))


def test_simulated_spots_keep_the_names_of_sections() -> None:
    rng = np.random.default_rng(0)
    section = np.repeat(["old", "young"], 200)
    cells = ad.AnnData(
        rng.poisson(2.0, (400, 6)).astype(np.float32),
        pd.DataFrame(
            {"sample_id": section, "patient": np.repeat([1, 2], 200), "lane": rng.integers(2, size=400)},
            index=[f"c{i}" for i in range(400)],
        ),
        obsm={"spatial": rng.uniform(0, 100, (400, 2))},
    )
    sc, st = simulate_spots(cells, cells_per_spot=8)
    assert st.obs["sample_id"].tolist() == st.obs["homespot_section"].tolist()
    assert set(st.obs["sample_id"]) == {"old", "young"}
    assert st.obs["patient"].tolist() == [1 if name == "old" else 2 for name in st.obs["sample_id"]]
    assert "lane" not in st.obs
    assert st.obs["sample_id"].loc[sc.obs["true_spot"]].tolist() == sc.obs["sample_id"].tolist()


@pytest.mark.filterwarnings(FOUND)
def test_a_report_takes_the_list_as_the_map_was_made(two, tmp_path) -> None:
    sc, parts = two
    for name, part in parts.items():
        part.var["symbol"] = part.var_names.to_numpy()
        part.var_names = [f"{name}{i}" for i in range(part.n_vars)]
    mapping = map_cells(sc, parts, st_gene_column="symbol")
    gene = mapping.uns["homespot"]["genes"][0]
    page = report(mapping, tmp_path / "page.html", st=parts, genes=[gene])
    assert gene in page.read_text(encoding="utf-8")


# --- images of one tissue -------------------------------------------------------------------------

GRID = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2) * 100
IRREGULAR = GRID + np.random.default_rng(5).normal(0, 20, GRID.shape)


def box(where: np.ndarray, low: float, high: float, right: float | None = None) -> np.ndarray:
    x, y = where.T
    return (x > low) & (x < (high if right is None else right)) & (y > low) & (y < high)


@pytest.mark.parametrize("where", [GRID, IRREGULAR], ids=["grid", "irregular"])
@pytest.mark.parametrize(
    "crop",
    [
        lambda p: box(p, 350, 750),  # in the middle
        lambda p: box(p, -100, 450),  # a corner
        lambda p: box(p, -100, 450, 850),  # along an edge
        lambda p: np.hypot(*(p - 550).T) < 300,  # round
    ],
)
def test_a_crop_and_the_rest_are_one_section(where: np.ndarray, crop) -> None:
    of_image = np.where(crop(where), "zoom", "whole")
    spots = pd.DataFrame({"sample_id": of_image})
    assert found_sections(spots, ["whole", "zoom"], positions=where) is None
    assert found_sections(spots, positions=where) is not None  # no images: the column names sections
    # A second tissue stays one.
    both = pd.DataFrame({"image": [*of_image, *["other"] * 144]})
    found = found_sections(both, ["whole", "zoom", "other"], positions=np.concatenate([where, where + 7]))
    assert found is not None
    assert np.bincount(found.codes).tolist() == [144, 144]


@pytest.mark.parametrize(
    "second",
    [
        GRID,
        GRID + 30,
        GRID[box(GRID, 350, 750)],
        GRID[box(GRID, 350, 750)] + 20,
        GRID + np.array([5000, 0]),
        GRID[:36] + np.array([1200, 0]),  # beside it, as near as a neighbour
    ],
)
def test_images_in_frames_of_their_own_are_sections(second: np.ndarray) -> None:
    spots = pd.DataFrame({"image": ["one"] * 144 + ["two"] * len(second)})
    found = found_sections(spots, ["one", "two"], positions=np.concatenate([GRID, second]))
    assert found is not None
    assert np.bincount(found.codes).tolist() == [144, len(second)]


def test_a_map_onto_a_tissue_with_a_crop_has_one_frame(make_pair) -> None:
    sc, st = make_pair(n_cells=60, n_spots=144, n_genes=40, seed=3)
    st = ad.AnnData(st.X, st.obs, st.var, obsm={"spatial": GRID})
    expected = map_cells(sc, st)
    st.obs["sample_id"] = np.where(box(GRID, 350, 750), "zoom", "whole")
    st.uns["spatial"] = {name: {"images": {}, "scalefactors": {}} for name in ("whole", "zoom")}
    with pytest.warns(DataWarning, match="'whole', 'zoom' are of one section.*set sections='sample_id'"):
        found = map_cells(sc, st)
    np.testing.assert_array_equal(found.X, expected.X)
    pd.testing.assert_frame_equal(cell_positions(found), cell_positions(expected))
    del found.uns["spatial"]  # also without the images
    assert "homespot_section" not in cell_positions(found)
