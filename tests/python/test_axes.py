"""Which column is x and which is y, by their names; which way y points."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import map_cells, place_cells
from homespot.errors import DataWarning, InputError
from homespot.space.axes import libraries, named_axes, spot_coordinates
from homespot.space.directions import y_down


@pytest.mark.parametrize(
    ("names", "axes", "rows"),
    [
        (["x", "y"], ["x", "y"], False),
        (["y", "x"], ["x", "y"], False),
        (["Z", "Y", "X"], ["X", "Y", "Z"], False),
        (["pxl_row_in_fullres", "pxl_col_in_fullres"], ["pxl_col_in_fullres", "pxl_row_in_fullres"], True),
        (["imagerow", "imagecol"], ["imagecol", "imagerow"], True),
        (["tissue", "row", "col", "imagerow", "imagecol"], ["imagecol", "imagerow"], True),
        (["array_row", "array_col"], ["array_col", "array_row"], True),
        (["array_row", "array_col", "pixel_y", "pixel_x"], ["pixel_x", "pixel_y"], False),
        (["y_centroid", "x_centroid"], ["x_centroid", "y_centroid"], False),
        (["center_y", "center_x"], ["center_x", "center_y"], False),
        (
            ["CenterX_local_px", "CenterY_local_px", "CenterY_global_px", "CenterX_global_px"],
            ["CenterX_global_px", "CenterY_global_px"],
            False,
        ),
        (["sdimy", "sdimx"], ["sdimx", "sdimy"], False),
        (["ycoord", "xcoord"], ["xcoord", "ycoord"], False),
        (["Centroid Y µm", "Centroid X µm"], ["Centroid X µm", "Centroid Y µm"], False),
        (["y_slide_mm", "x_slide_mm", "cell_ID"], ["x_slide_mm", "y_slide_mm"], False),
        (["y.coord", "x.coord"], ["x.coord", "y.coord"], False),
        (["yaxis", "xaxis"], ["xaxis", "yaxis"], False),
        (["rownum", "colnum"], ["colnum", "rownum"], True),
        (["img_rowIdx", "img_colIdx"], ["img_colIdx", "img_rowIdx"], True),
        (["Y_centroid", "X_centroid"], ["X_centroid", "Y_centroid"], False),
        (["CenterY_global_px", "CenterX_global_px"], ["CenterX_global_px", "CenterY_global_px"], False),
        (["y_FOV_px", "x_FOV_px", "y_slide_mm", "x_slide_mm"], ["x_slide_mm", "y_slide_mm"], False),
        (["Latitude", "Longitude"], ["Longitude", "Latitude"], False),
        # Letters within any word, if there is one of each; they come before the numbers of a grid.
        (["stagey", "stagex"], ["stagex", "stagey"], False),
        (["array_row", "array_col", "ystage", "xstage"], ["xstage", "ystage"], False),
        (["galaxy", "x", "y"], ["x", "y"], False),
    ],
)
def test_axes_are_what_their_names_say(names: list[str], axes: list[str], rows: bool) -> None:
    found = named_axes(names)
    assert found is not None
    assert [names[i] for i in found.columns] == axes
    assert found.rows is rows


@pytest.mark.parametrize(
    "names",
    [
        *(["spatial1", "spatial2"], ["V1", "V2"], ["0", "1"], ["x", "z"], ["row", "x"], ["galaxy", "fox"]),
        *(["chrY", "chrX"], ["umap_x", "umap_y"], ["arrow", "color"]),
    ],
)
def test_names_that_say_nothing(names: list[str]) -> None:
    assert named_axes(names) is None


def test_named_coordinates_are_taken_by_name(pair) -> None:
    sc, st = pair
    plain = map_cells(sc, st)
    xy = st.obsm["spatial"]
    table = {"in_tissue": 1, "array_row": 0, "pxl_row_in_fullres": xy[:, 1], "pxl_col_in_fullres": xy[:, 0]}
    st = st.copy()
    st.obsm["spatial"] = pd.DataFrame(table, st.obs_names)
    named = map_cells(sc, st)
    np.testing.assert_array_equal(named.varm["spatial"], xy)
    np.testing.assert_array_equal(named.X, plain.X)
    assert named.uns["homespot"]["y_direction"] == "down"
    assert plain.uns["homespot"]["y_direction"] == "up"


def test_columns_without_axes_keep_their_order_or_are_refused() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    np.testing.assert_array_equal(spot_coordinates(table, 2), [[1, 3], [2, 4]])
    four = table.assign(c=0.0, d=0.0)
    with pytest.raises(InputError, match="a column x and a column y, found the columns 'a', 'b', 'c', 'd'"):
        spot_coordinates(four, 2)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["spatial_2", "spatial_1"], [1, 0]),
        (["in_tissue", "Spatial2", "Spatial1", "n"], [2, 1]),
        (["dim3", "dim1", "dim2"], [1, 2, 0]),
        (["1", "0"], [1, 0]),
        (["coords.x2", "coords.x1"], [1, 0]),
        (["centroid-0", "centroid-1"], [1, 0]),  # of scikit-image: row and column
        (["a", "b"], [0, 1]),
        (["a7", "a8"], [0, 1]),
    ],
)
def test_columns_that_are_numbered(names: list[str], order: list[int]) -> None:
    values = np.arange(2.0 * len(names)).reshape(2, -1)
    np.testing.assert_array_equal(spot_coordinates(pd.DataFrame(values, columns=names), 2), values[:, order])


def test_columns_of_any_type_are_numbers() -> None:
    table = pd.DataFrame({"y": ["1.5", "2"], "x": pd.array([3, 4], dtype="Int64")})
    np.testing.assert_array_equal(spot_coordinates(table, 2), [[3, 1.5], [4, 2]])
    table["x"] = pd.array([3, None], dtype="Int64")
    with pytest.raises(InputError, match=r"finite coordinates of every spot, found 1 spot\(s\) with missing"):
        spot_coordinates(table, 2)
    with pytest.raises(InputError, match="numbers as coordinates"):
        spot_coordinates(table.assign(y=["a", "b"]), 2)


def test_what_is_no_library_is_left_aside() -> None:
    library = {"images": {"hires": np.zeros((2, 2, 3))}, "scalefactors": {}}
    odd = {"is_single": np.bool_(True), "note": "x", "array": np.zeros(3), "empty": {}, "none": None}
    assert list(libraries({"spatial": odd | {"lib": library}})) == ["lib"]
    assert libraries({"spatial": np.zeros((3, 2))}) == {}
    assert libraries({}) == {}


def test_y_points_down_wherever_the_result_goes(pair) -> None:
    sc, st = pair
    st = st.copy()
    st.uns["spatial"] = {"is_single": True, "slide": {"images": {}, "scalefactors": {}}}
    mapping = map_cells(sc, st)
    assert mapping.uns["homespot"]["y_direction"] == "down"
    assert y_down(mapping)
    assert y_down(place_cells(mapping, sc))
    del mapping.uns["spatial"]
    assert y_down(mapping)


# --- where else coordinates may be ----------------------------------------------------------------


def without_places(st: ad.AnnData, **columns: object) -> ad.AnnData:
    return ad.AnnData(st.X, st.obs.assign(**columns), st.var)


def test_columns_x_and_y_are_coordinates(pair) -> None:
    sc, st = pair
    xy = st.obsm["spatial"]
    mapping = map_cells(sc, without_places(st, y=xy[:, 1], x=xy[:, 0]))
    np.testing.assert_array_equal(mapping.varm["spatial"], xy)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (
            lambda st, xy: without_places(st, pxl_row=xy[:, 1], pxl_col=xy[:, 0]),
            r"st.obsm\['spatial'\] = st.obs\[\['pxl_col', 'pxl_row'\]\].to_numpy\(\)",
        ),
        (
            lambda st, xy: ad.AnnData(st.X, st.obs, st.var, obsm={"X_pca": xy, "X_spatial": xy}),
            r"st.obsm\['X_spatial'\] looks like coordinates",
        ),
        (
            lambda st, xy: without_places(st, y=xy[:, 1].astype(str), x=xy[:, 0].astype(str)),
            r"st.obsm\['spatial'\] = st.obs\[\['x', 'y'\]\].to_numpy\(dtype=float\)",
        ),
        (
            lambda st, xy: without_places(st, lat=pd.Categorical(xy[:, 1].astype(str)), lon=xy[:, 0]),
            r"st.obsm\['spatial'\] = st.obs\[\['lon', 'lat'\]\].to_numpy\(dtype=float\)",
        ),
        (
            lambda st, xy: ad.AnnData(st.X, st.obs, st.var, obsm={"X_umap": xy, "X_slideseq": xy + 1}),
            r"st.obsm\['X_slideseq'\] looks like coordinates",
        ),
        (
            lambda st, xy: ad.AnnData(st.X, st.obs, st.var, obsm={"mine": xy, "global": xy}),
            r"st.obsm\['spatial'\] = st.obsm\['global'\]",
        ),
        (
            lambda st, xy: ad.AnnData(st.X, st.obs, st.var, obsm={"X_mine": xy, "mine": xy}),
            r"st.obsm\['mine'\] may be coordinates",
        ),
        (
            lambda st, xy: ad.AnnData(st.X, st.obs, st.var, uns={"coords": xy}),
            r"st.obsm\['spatial'\] = st.uns\['coords'\]",
        ),
        (
            lambda st, xy: ad.AnnData(
                st.X, st.obs, st.var, obsm={"where": pd.DataFrame(xy, st.obs_names, ["x", "y"])}
            ),
            r"st.obsm\['spatial'\] = st.obsm\['where'\]",
        ),
    ],
)
def test_coordinates_elsewhere_are_named_before_the_map(pair, spoil, line) -> None:
    sc, st = pair
    with pytest.warns(DataWarning, match=line):
        mapping = map_cells(sc, spoil(st, st.obsm["spatial"]))
    assert "spatial" not in mapping.varm


def test_the_line_that_is_named_sets_them(pair) -> None:
    sc, st = pair
    xy = st.obsm["spatial"]
    st = without_places(st, lat=pd.Categorical(xy[:, 1].astype(str)), lon=xy[:, 0].astype(str))
    with pytest.warns(DataWarning) as caught:
        map_cells(sc, st)
    line = str(caught[0].message).partition(": set ")[2].rstrip(".")
    exec(line, {"st": st})
    np.testing.assert_array_equal(map_cells(sc, st).varm["spatial"], xy)


def test_names_that_are_places(pair) -> None:
    sc, st = pair
    st = without_places(st)
    st.obs_names = [f"{i % 5}x{i // 5}" for i in range(st.n_obs)]
    with pytest.warns(DataWarning, match=r"look like coordinates \('0x0', '1x0', ...\)") as caught:
        map_cells(sc, st)
    exec(str(caught[0].message).partition(": set ")[2].rstrip("."), {"st": st, "numpy": np})
    np.testing.assert_array_equal(map_cells(sc, st).varm["spatial"][7], [2, 1])


@pytest.mark.parametrize(
    ("names", "then"),
    [
        (["x", "y"], "drop these spots."),
        (["pxl_col", "pxl_row"], r"drop these spots, and set st.obsm\['spatial'\] = st.obs\["),
    ],
)
def test_places_that_are_missing_for_some_spots(pair, names: list[str], then: str) -> None:
    sc, st = pair
    xy = st.obsm["spatial"].copy()
    xy[:3, 1] = np.nan
    st = without_places(st, **dict(zip(names, xy.T, strict=True)))
    with pytest.warns(DataWarning, match=f"3 of 25 spots have missing or infinite ones: .* {then}"):
        assert "spatial" not in map_cells(sc, st).varm


def test_where_there_are_none_no_column_is_named(pair) -> None:
    sc, st = pair
    with pytest.warns(DataWarning, match=r"so cells will have no place\. If it is to have some, set"):
        mapping = map_cells(sc, without_places(st, n_cells=3))
    assert "spatial" not in mapping.varm


def test_cells_and_spots_that_are_swapped(pair) -> None:
    sc, st = pair
    with pytest.warns(DataWarning, match=r"Only the single-cell data \(sc\) has coordinates"):
        map_cells(st, sc)


# --- an object that contradicts itself ------------------------------------------------------------


def test_named_columns_against_coordinates(pair) -> None:
    sc, st = pair
    xy = st.obsm["spatial"]
    st = st.copy()
    st.obs["pxl_col_in_fullres"], st.obs["pxl_row_in_fullres"] = xy[:, 0], xy[:, 1]
    assert np.array_equal(map_cells(sc, st).varm["spatial"], xy)
    st.obsm["spatial"] = xy[:, ::-1].copy()
    with pytest.warns(DataWarning, match="contradicts itself: x of its coordinates has the values of"):
        mapping = map_cells(sc, st)
    np.testing.assert_array_equal(mapping.varm["spatial"], xy[:, ::-1])


def test_coordinates_outside_their_image(pair) -> None:
    sc, st = pair
    st = st.copy()
    st.obsm["spatial"] = st.obsm["spatial"] * [1.0, 0.1] + [1000, 0]
    library = {"images": {"hires": np.zeros((15, 220, 3))}, "scalefactors": {"tissue_hires_scalef": 0.1}}
    st.uns["spatial"] = {"slide": library}
    map_cells(sc, st)
    st.obsm["spatial"] = st.obsm["spatial"][:, ::-1].copy()
    with pytest.warns(DataWarning, match="100% of the spots lie outside the image of 'slide'"):
        map_cells(sc, st)


# --- numbers of the rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (["X", "x", "y"], ["x", "y"]),
        (["X", "barcode", "y", "x"], ["x", "y"]),
        (["X", "Y", "x_um", "y_um"], ["x_um", "y_um"]),
        (["row", "col", "array_row", "array_col"], ["array_col", "array_row"]),
        (["Unnamed: 0", "a", "b"], ["a", "b"]),
        (["V1", "V2", "V3"], ["V2", "V3"]),
        (["V1", "V2", "V3", "V4"], ["V2", "V3", "V4"]),
        (["index", "lat", "lon"], ["lon", "lat"]),
        (["rownames", "Spatial_2", "Spatial_1"], ["Spatial_1", "Spatial_2"]),
        (["X", "a", "b"], ["a", "b"]),
        # There is nothing else.
        (["X", "Y"], ["X", "Y"]),
        (["x", "y", "X_id"], ["x", "y"]),
    ],
)
def test_numbers_of_the_rows_are_no_coordinates(names: list[str], axes: list[str], first: int) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((9, len(names))), columns=names)
    table[names[0]] = np.arange(first, first + 9)
    if "barcode" in table:
        table["barcode"] = [f"s{i}" for i in range(9)]
    np.testing.assert_array_equal(spot_coordinates(table, 9), table[axes].to_numpy(dtype=float))


def test_letters_of_one_case_belong_together() -> None:
    assert named_axes(["X", "x", "y"]) == ([1, 2], False)
    assert named_axes(["X", "Y", "y"]) == ([0, 1], False)
    assert named_axes(["X", "Y", "x", "y"]) == ([2, 3], False)
    assert named_axes(["X", "y"]) == ([0, 1], False)
    assert named_axes(["Row", "row", "col"]) == ([2, 1], True)


def test_a_file_with_row_numbers_gives_the_same_map(pair, tmp_path) -> None:
    sc, st = pair
    xy = st.obsm["spatial"]
    for named in ({"x": xy[:, 0], "y": xy[:, 1]}, {"a": xy[:, 0], "b": xy[:, 1]}):
        pd.DataFrame(named).to_csv(tmp_path / "places.csv")
        read = pd.read_csv(tmp_path / "places.csv", dtype=str)  # pandas 2 loses a last digit of numbers
        read = read.astype(dict.fromkeys(named, float) | {"Unnamed: 0": int})
        read = read.rename(columns={"Unnamed: 0": "X"})
        again = st.copy()
        again.obsm["spatial"] = read.set_index(st.obs_names)
        np.testing.assert_array_equal(map_cells(sc, again).varm["spatial"], xy)


def test_a_matrix_is_named_before_the_numbers_of_a_grid(pair) -> None:
    sc, st = pair
    xy = st.obsm["spatial"]
    grid = without_places(st, X=np.arange(st.n_obs), array_row=xy[:, 1] // 2, array_col=xy[:, 0] // 2)
    grid.obsm["X_spatial"] = xy
    with pytest.warns(DataWarning) as caught:
        map_cells(sc, grid)
    said = str(caught[0].message)
    assert (
        0 < said.index("st.obsm['spatial'] = st.obsm['X_spatial'].") < said.index("'array_col', 'array_row'")
    )
    pixels = without_places(st, pxl_row=xy[:, 1], pxl_col=xy[:, 0])
    pixels.obsm["X_spatial"] = xy
    with pytest.warns(DataWarning) as caught:
        map_cells(sc, pixels)
    said = str(caught[0].message)
    assert 0 < said.index("'pxl_col', 'pxl_row'") < said.index("st.obsm['X_spatial']")
