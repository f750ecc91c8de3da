"""Pictures of tissue: what is drawn and where, not how it looks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.colors import to_hex
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

import homespot as hs
from homespot import plot
from homespot.errors import DataWarning, InputError
from homespot.plot._base import GREY, RASTERISE_FROM, spacing

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _settings_stay() -> Iterator[None]:
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    plt.close("all")


def _grid(width: int = 6, height: int = 5, pitch: float = 100.0) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.column_stack([x.ravel(), y.ravel()]) * pitch


def _data(n: int = 30, **obs: Any) -> ad.AnnData:
    xy = _grid()[:n] if n <= 30 else np.random.default_rng(1).uniform(0, 1000, (n, 2))
    frame = pd.DataFrame(obs, index=[f"s{i}" for i in range(n)])
    return ad.AnnData(np.zeros((n, 0), dtype=np.float32), obs=frame, obsm={"spatial": xy})


def _with_image(data: ad.AnnData, **library: Any) -> ad.AnnData:
    pixels = np.zeros((60, 80, 3), dtype=np.uint8)
    given = {"images": {"hires": pixels}, "scalefactors": {"tissue_hires_scalef": 0.1}, **library}
    data.uns["spatial"] = {"section": given}
    return data


def _points(ax: Any) -> EllipseCollection:
    [points] = [drawn for drawn in ax.collections if isinstance(drawn, EllipseCollection)]
    return points


def _sorted(xy: Any) -> np.ndarray:
    xy = np.asarray(xy)
    return xy[np.lexsort(xy.T)]


def _legend(ax: Any) -> dict[str, str]:
    handles, texts = ax.get_legend_handles_labels()
    return {text: to_hex(h.get_facecolor()[0]).upper() for h, text in zip(handles, texts, strict=True)}


def _bar(ax: Any) -> str:
    [bar] = ax.findobj(AnchoredSizeBar)
    return str(bar.txt_label.get_text())


def test_cells_are_drawn_where_they_are_in_the_colour_of_their_label() -> None:
    data = _data(kind=pd.Categorical(["b", "a", "c"] * 10, categories=["c", "never", "b", "a"]))
    ax = plot.cells(data, "kind", unit="µm")
    points = _points(ax)
    np.testing.assert_array_equal(_sorted(points.get_offsets()), _sorted(data.obsm["spatial"]))
    colours = {"c": plot.PALETTE[0], "b": plot.PALETTE[1], "a": plot.PALETTE[2]}
    assert _legend(ax) == colours
    where = {tuple(xy): kind for xy, kind in zip(data.obsm["spatial"], data.obs["kind"], strict=True)}
    for xy, colour in zip(points.get_offsets(), points.get_facecolors(), strict=True):
        assert to_hex(colour).upper() == colours[where[tuple(xy)]]
    assert ax.get_aspect() == 1
    assert not points.get_rasterized()
    assert _bar(ax) == "100 µm"


def test_cells_draws_a_legend_where_it_makes_the_figure() -> None:
    data = _data(kind=["a", "b"] * 15)
    assert plot.cells(data, "kind").get_legend() is not None
    ax = plt.figure().add_subplot()
    assert plot.cells(data, "kind", ax=ax) is ax
    assert ax.get_legend() is None
    assert list(_legend(ax)) == ["a", "b"]
    assert plot.cells(data, "kind", ax=ax, legend=True).get_legend() is not None


def test_cells_without_a_label_are_grey_and_counted() -> None:
    ax = plot.cells(_data(kind=["a", None, "b"] * 10), "kind")
    assert _legend(ax) == {"a": plot.PALETTE[0], "b": plot.PALETTE[1], "no label (10)": GREY}
    drawn = [to_hex(colour).upper() for colour in _points(ax).get_facecolors()]
    assert drawn.count(GREY) == 10


def test_more_types_than_colours_are_other() -> None:
    kinds = np.arange(400) % 20
    kinds[:40] = np.arange(40) % 16  # the last four are the rarest
    ax = plot.cells(_data(400, kind=[f"t{i:02d}" for i in kinds]), "kind")
    assert list(_legend(ax)) == [*(f"t{i:02d}" for i in range(16)), "other (4 types)"]
    assert list(_legend(ax).values()) == [*plot.PALETTE, GREY]


def test_cells_in_colours_of_ones_own() -> None:
    data = _data(kind=["a", "b"] * 15)
    assert _legend(plot.cells(data, "kind", colours={"b": "#FF0000", "a": "#00FF00"})) == {
        "a": "#00FF00",
        "b": "#FF0000",
    }
    with pytest.raises(InputError, match=r"a colour for every type, found none for 'b'"):
        plot.cells(data, "kind", colours={"a": "red"})


def test_jitter_stays_within_its_radius_and_is_the_same_again() -> None:
    data = _data(kind=["a"] * 30)
    data.obsm["spatial"] = np.zeros((30, 2))
    moved = _points(plot.cells(data, "kind", jitter=5.0)).get_offsets()
    distance = np.hypot(*np.asarray(moved).T)
    assert distance.max() <= 5
    assert len(np.unique(distance)) == 30
    again = _points(plot.cells(data, "kind", jitter=5.0)).get_offsets()
    np.testing.assert_array_equal(moved, again)


@pytest.mark.parametrize(("n", "rasterised"), [(RASTERISE_FROM - 1, False), (RASTERISE_FROM, True)])
def test_many_points_are_rasterised(n: int, rasterised: bool) -> None:
    data = _data(n, v=np.arange(n))
    points = _points(plot.spots(data, "v", name="v"))
    assert points.get_rasterized() is rasterised
    assert len(points.get_offsets()) == n


def test_size_follows_the_density() -> None:
    hexagonal = np.vstack([_grid(20, 10) * [1, 3**0.5], _grid(20, 10) * [1, 3**0.5] + [50, 50 * 3**0.5]])
    scattered = np.random.default_rng(0).uniform(0, 100, (10_000, 2))
    assert spacing(_grid(20, 20)) == pytest.approx(100)
    assert spacing(hexagonal) == pytest.approx(100)
    assert spacing(scattered) == pytest.approx(1.0, rel=0.1)
    assert spacing(np.zeros((5, 2))) == 1
    data = _data(v=np.arange(30))
    assert _points(plot.spots(data, "v", name="v")).get_widths()[0] == pytest.approx(90)
    assert _points(plot.spots(data, "v", name="v", size=30)).get_widths()[0] == pytest.approx(30)


def test_so_many_points_that_each_would_vanish_are_still_seen() -> None:
    data = _data(200_000, v=np.zeros(200_000))
    ax = plt.figure(figsize=(1, 1), dpi=72).add_subplot()
    points = _points(plot.spots(data, "v", name="v", ax=ax))
    wide = ax.get_window_extent().width  # in points, at 72 a inch, before the colour bar: 1,000 units
    assert points.get_widths()[0] >= 0.6 * 1000 / (1.3 * wide)


def test_spots_take_values_by_name() -> None:
    data = _data(v=np.arange(30.0))
    expected = np.arange(30.0)
    for values in ("v", expected, data.obs["v"].sample(frac=1, random_state=0)):
        points = _points(plot.spots(data, values, name="counts"))
        np.testing.assert_array_equal(points.get_array(), expected)
        np.testing.assert_array_equal(points.get_offsets(), data.obsm["spatial"])
    colour_bar = plt.gcf().axes[1]
    assert colour_bar.get_xlabel() == "counts"


def test_spots_without_a_value_are_grey() -> None:
    values = np.arange(30.0)
    values[3] = np.nan
    points = _points(plot.spots(_data(), values, name="v"))
    points.update_scalarmappable()
    assert to_hex(points.get_facecolors()[3]).upper() == GREY
    assert points.get_clim() == (0, 29)


def test_the_tissue_image_lies_under_the_spots_with_y_downwards() -> None:
    data = _with_image(_data(v=np.arange(30)))
    ax = plot.spots(data, "v", name="v", unit="px")
    [image] = ax.images
    assert image.get_extent() == [-5, 795, 595, -5]
    low, high = ax.get_ylim()
    assert low > high
    assert _points(ax).get_widths()[0] == pytest.approx(60)
    assert not plot.spots(data, "v", name="v", image=False).images
    assert plot.cells(_data(kind=["a"] * 30), "kind", image=data).images


ODD: dict[str, Any] = {
    "flag": np.bool_(True),
    "nothing": None,
    "array": np.arange(3),
    "text": "a.png",
    "empty": {},
    "no image": {"images": {}, "scalefactors": {}},
    "no images": {"images": None, "scalefactors": None, "metadata": {}},
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_library_is_left_aside(odd: str) -> None:
    data = _with_image(_data(v=np.arange(30)))
    data.uns["spatial"] = {odd: ODD[odd], **data.uns["spatial"]}
    ax = plot.spots(data, "v", name="v")
    assert [image.get_extent() for image in ax.images] == [[-5, 795, 595, -5]]
    assert len(plot.cells(_data(kind=["a"] * 30), "kind", image=data).images) == 1
    data.uns["spatial"] = {odd: ODD[odd]}
    assert not plot.spots(data, "v", name="v").images
    with pytest.raises(InputError, match=r"the image of one library"):
        plot.spots(data, "v", name="v", image=data)


@pytest.mark.parametrize(
    "library",
    [
        {"scalefactors": {}},
        {"scalefactors": None},
        {"scalefactors": {"tissue_hires_scalef": None}},
        {"scalefactors": {"tissue_hires_scalef": "large"}},
        {"scalefactors": {"tissue_hires_scalef": 0}},
        {"scalefactors": {"tissue_hires_scalef": np.nan}},
        {"images": {"hires": None}},
        {"images": {"hires": "a.png"}},
        {"images": {"hires": np.zeros((3, 60, 80))}},
        {"images": {"hires": np.zeros((0, 80, 3))}},
        {"images": {"hires": np.full((6, 8), "a")}},
        {"images": {"hires": [[1, 2], [3]]}},
    ],
)
def test_an_image_without_pixels_or_scale_is_not_drawn(library: dict[str, Any]) -> None:
    data = _with_image(_data(v=np.arange(30)), **library)
    assert not plot.spots(data, "v", name="v").images
    with pytest.raises(InputError, match=r"the image of one library.*tissue_hires_scalef"):
        plot.spots(data, "v", name="v", image=data)


def test_the_small_image_is_drawn_where_the_large_one_cannot_be() -> None:
    small = {"images": {"hires": None, "lowres": np.zeros((6, 8))}}
    data = _with_image(_data(v=np.arange(30)), **small, scalefactors={"tissue_lowres_scalef": 0.01})
    [image] = plot.spots(data, "v", name="v").images
    assert image.get_extent() == [-50, 750, 550, -50]


def test_of_several_images_that_of_the_section_is_drawn() -> None:
    data = _with_image(_data(v=np.arange(30)))
    data.uns["spatial"]["other"] = {
        "images": {"hires": np.ones((6, 8, 3))},
        "scalefactors": {"tissue_hires_scalef": 0.01},
    }
    assert not plot.spots(data, "v", name="v").images
    with pytest.raises(InputError, match=r"the image of one library.*'section', 'other'"):
        plot.spots(data, "v", name="v", image=data)
    data.obs["library_id"] = pd.Categorical(["other"] * 30, categories=["section", "other"])
    [image] = plot.spots(data, "v", name="v").images
    assert image.get_extent() == [-50, 750, 550, -50]


def test_the_image_follows_the_map_and_what_comes_of_it() -> None:
    sc, st, _ = _maps()
    bare = hs.map_cells(sc, st, "correlation", progress=False)
    mapping = hs.map_cells(sc, _with_image(st), "correlation", progress=False)
    elsewhere = _with_image(sc.copy(), images={"lowres": np.ones((5, 5, 3))})
    placed = hs.place_cells(mapping, elsewhere)
    types = hs.deconvolve_spots(mapping, "cell_type")
    imputed = hs.impute_genes(mapping, sc, ["Gene001"])
    parts = [
        hs.subset(mapping, cells=list(mapping.obs_names[rows])) for rows in (slice(0, 70), slice(70, None))
    ]
    for data in (mapping, placed, types, imputed, hs.combine_cells(parts)):
        assert list(data.uns["spatial"]["section"]["images"]) == ["hires"]
    assert elsewhere.uns["spatial"]["section"]["images"].keys() == {"lowres"}
    assert "spatial" not in hs.place_cells(bare, elsewhere).uns
    for ax in (
        plot.gene(st, imputed, "Gene001")[0],
        plot.proportions(types),
        plot.cells(placed, "cell_type"),
        plot.probability(mapping, label="Vascular", labels="cell_type"),
    ):
        assert len(ax.images) == 1
        assert ax.yaxis_inverted()
    assert not plot.probability(bare, label="Vascular", labels="cell_type").images


def _maps() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    sc, st = hs.make_demo()
    sc = sc[:150].copy()
    return sc, st, hs.map_cells(sc, st, "ssa", progress=False)


@pytest.fixture(scope="module")
def maps() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    return _maps()


def test_gene_measured_and_imputed(maps: tuple[ad.AnnData, ...]) -> None:
    _, st, _ = maps
    rng = np.random.default_rng(0)
    gene, other = st.var_names[5], "not measured"
    imputed = ad.AnnData(
        rng.uniform(0, 3, (st.n_obs, 2)).astype(np.float32),
        obs=pd.DataFrame(index=st.obs_names),
        var=pd.DataFrame({"homespot_pcc": [0.25, np.nan]}, index=[gene, other]),
        obsm={"spatial": st.obsm["spatial"]},
    )
    imputed = imputed[rng.permutation(st.n_obs)[:300]].copy()
    axes = plot.gene(st, imputed, gene)
    counts = st.X.toarray().astype(float)
    log = pd.Series(np.log1p(1e4 * counts[:, 5] / counts.sum(axis=1)), index=st.obs_names)
    measured, found = log[imputed.obs_names].to_numpy(), imputed.X[:, 0]
    np.testing.assert_allclose(_points(axes[0]).get_array(), measured, rtol=1e-6)
    np.testing.assert_array_equal(_points(axes[1]).get_array(), found)
    for ax in axes:
        np.testing.assert_array_equal(_points(ax).get_offsets(), imputed.obsm["spatial"])
        assert ax.get_aspect() == 1
    assert [ax.get_title() for ax in axes] == [
        "measured",
        f"imputed, PCC {np.corrcoef(measured, found)[0, 1]:.2f} (0.25 held out)",
    ]
    [alone] = plot.gene(st, imputed, other)
    assert alone.get_title() == "imputed"
    imputed.var["homespot_mapped"] = [True, False]
    imputed.uns["homespot"] = {"imputed_scale": "mean of log values as given"}
    marked = plot.gene(st, imputed, gene)
    assert marked[1].get_title().startswith("imputed, gene of the map, PCC ")
    bars = [ax.get_xlabel() for ax in marked[0].figure.axes if ax.get_xlabel()]
    assert bars == [f"{gene}, log(1 + 10,000 x / total)", f"{gene}, mean of log values as given"]
    imputed.layers["lower"], imputed.layers["upper"] = imputed.X * 0.5, imputed.X + 1
    imputed.uns["homespot"]["intervals"] = {"level": 0.8}
    with_width = plot.gene(st, imputed, gene)
    assert len(with_width) == 3
    assert with_width[2].get_title() == "width of the interval, level 0.8"
    np.testing.assert_allclose(_points(with_width[2]).get_array(), 0.5 * found + 1, rtol=1e-6)
    assert _points(with_width[1]).get_array().tolist() == found.tolist()
    assert [ax.get_title() for ax in plot.gene(st, imputed, other)] == ["imputed", with_width[2].get_title()]
    del imputed.layers["lower"]
    [alone] = plot.gene(st, imputed, other)
    assert alone.get_title() == "imputed"
    given = plt.figure().subplots(1, 2)
    assert list(plot.gene(st, imputed, gene, ax=given)) == list(given)
    with pytest.raises(InputError, match=r"2 Axes as ax, found 1 object"):
        plot.gene(st, imputed, gene, ax=given[0])
    with pytest.raises(InputError, match=r"a gene 'no' among those imputed"):
        plot.gene(st, imputed, "no")
    with pytest.raises(InputError, match=r"data without 299 of the spots"):
        plot.gene(st[st.obs_names == imputed.obs_names[0]].copy(), imputed, gene)


@pytest.mark.parametrize("k_best", [None, 20])
def test_probability_of_a_cell_and_of_a_type(maps: tuple[ad.AnnData, ...], k_best: int | None) -> None:
    sc, st, mapping = maps
    if k_best:
        mapping = hs.map_cells(sc, st, "ssa", k_best=k_best, progress=False)
    P = mapping.X.toarray() if k_best else mapping.X
    cell = mapping.obs_names[7]
    points = _points(plot.probability(mapping, cell=cell))
    np.testing.assert_array_equal(points.get_array(), P[7].astype(np.float64))
    np.testing.assert_array_equal(points.get_offsets(), st.obsm["spatial"])
    assert points.get_clim()[0] == 0
    of_type = (mapping.obs["cell_type"] == "Deep").to_numpy()
    for labels in ("cell_type", sc.obs["cell_type"][::-1]):
        points = _points(plot.probability(mapping, label="Deep", labels=labels))
        np.testing.assert_allclose(points.get_array(), P[of_type].sum(axis=0, dtype=np.float64), atol=1e-9)


def test_probability_of_what_is_not_there(maps: tuple[ad.AnnData, ...]) -> None:
    mapping = maps[2]
    for wrong, message in (
        ({}, "a cell or a label, found none"),
        ({"cell": "cell0001", "label": "Deep"}, "a cell or a label, found both"),
        ({"cell": "nobody"}, "a cell 'nobody' in the mapping"),
        ({"label": "Deep"}, "the labels among which is 'Deep', found none"),
        ({"label": "deep", "labels": "cell_type"}, "a label 'deep', found others"),
    ):
        with pytest.raises(InputError, match=message):
            plot.probability(mapping, **wrong)


def _types(n: int = 30, n_types: int = 3) -> ad.AnnData:
    shares = np.random.default_rng(0).dirichlet(np.ones(n_types), n)
    shares[0] = [1, *[0] * (n_types - 1)]
    data = ad.AnnData(shares, var=pd.DataFrame(index=[f"t{i}" for i in range(n_types)]))
    data.obsm["spatial"] = _grid()[:n] if n <= 30 else _grid(200, -(-n // 200))[:n]
    return data


def _slices(ax: Any) -> list[PolyCollection]:
    return [drawn for drawn in ax.collections if isinstance(drawn, PolyCollection)]


def _area(corners: np.ndarray) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def test_pies_have_a_slice_for_every_proportion() -> None:
    types = _types()
    ax = plot.proportions(types, size=80)
    drawn = _slices(ax)
    assert [len(slices.get_paths()) for slices in drawn] == [30, 29, 29, 0]
    assert _legend(ax) == dict(zip(types.var_names, plot.PALETTE, strict=False))
    for j, slices in enumerate(drawn[:3]):
        assert to_hex(slices.get_facecolor()[0]).upper() == plot.PALETTE[j]
        shares = types.X[types.X[:, j] > 0, j]
        areas = [_area(path.vertices) for path in slices.get_paths()]
        np.testing.assert_allclose(areas, shares * np.pi * 40**2, rtol=0.02)
    centres = [path.vertices[0] for path in drawn[0].get_paths()]
    np.testing.assert_array_equal(centres, types.obsm["spatial"])
    assert ax.get_aspect() == 1


def test_pies_of_some_types_and_of_empty_spots() -> None:
    types = _types()
    types.X[1] = np.nan
    some = types[:, ["t2", "t1"]].copy()
    drawn = _slices(plot.proportions(some))
    assert [len(slices.get_paths()) for slices in drawn] == [28, 28, 29]
    assert list(_legend(plt.gca())) == ["t2", "t1", "rest"]
    assert to_hex(drawn[2].get_facecolor()[0]).upper() == GREY


def test_panels_of_proportions() -> None:
    types = _types()
    axes = plot.proportions(types, "panels", unit="µm")
    assert [ax.get_title() for ax in axes] == ["t0", "t1", "t2"]
    for ax, shares in zip(axes, types.X.T, strict=True):
        np.testing.assert_array_equal(_points(ax).get_array(), shares)
        assert _points(ax).get_clim() == (0, shares.max())


def test_pies_refuse_what_they_cannot_show() -> None:
    with pytest.raises(InputError, match=r'at most 20,000 spots for pies, found 20,001. Draw kind="panels"'):
        plot.proportions(_types(20_001))
    types = _types()
    types.X[3] *= 2
    with pytest.raises(InputError, match=r"1 spot\(s\) where they do not"):
        plot.proportions(types)
    with pytest.raises(InputError, match=r"kind to be one of 'pies', 'panels'"):
        plot.proportions(_types(), "bars")


def test_confident_cells_are_coloured_and_on_top() -> None:
    rng = np.random.default_rng(0)
    radius = rng.uniform(50, 500, 30)
    data = _data(homespot_radius=radius, homespot_confident=radius < 200, homespot_prob=1 / radius)
    ax = plot.confidence(data, unit="µm", size=40)
    points = _points(ax)
    n = int((radius < 200).sum())
    where = {tuple(xy): r for xy, r in zip(data.obsm["spatial"], radius, strict=True)}
    drawn = np.array([where[tuple(xy)] for xy in points.get_offsets()])
    shown = points.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), [True] * (30 - n) + [False] * n)
    np.testing.assert_array_equal(shown[-n:], drawn[-n:])
    assert to_hex(points.get_cmap().get_bad()).upper() == GREY
    assert ax.get_title() == f"{n} of 30 cells are confident; the others are grey"
    assert ax.figure.axes[1].get_xlabel() == "radius within which the true place is expected (µm)"
    np.testing.assert_allclose(points.get_clim(), np.percentile(radius[radius < 200], (1, 99)))
    other = plot.confidence(data, "homespot_prob")
    assert sorted(_points(other).get_array().compressed()) == sorted(1 / radius[radius < 200])


@pytest.mark.parametrize("missing", ["homespot_radius", "homespot_confident"])
def test_confidence_of_cells_without_it(missing: str) -> None:
    data = _data(homespot_radius=np.ones(30), homespot_confident=True)
    del data.obs[missing]
    with pytest.raises(InputError, match=rf"a column '{missing}' in obs.*place_cells"):
        plot.confidence(data)


def test_bad_input_of_tissue() -> None:
    data = _data(kind=["a"] * 30, v=np.arange(30.0))
    for call, message in (
        (lambda: plot.cells(data, "no"), "a column 'no' in obs"),
        (lambda: plot.cells(data, "kind", jitter=-1), "jitter to be a finite number of at least 0"),
        (lambda: plot.cells(data, "kind", size=0), "size to be a finite number above 0"),
        (lambda: plot.spots(data, "kind", name="k"), "a number for every spot, found values like 'a'"),
        (lambda: plot.spots(data, np.arange(29), name="v"), "values of the mapping's 30 spots, found 29"),
        (lambda: plot.confidence(data, "kind"), "numbers in the column 'kind'"),
        (lambda: plot.spots(data[:0].copy(), "v", name="v"), "data with at least one row"),
    ):
        with pytest.raises(InputError, match=message):
            call()
    del data.obsm["spatial"]
    with pytest.raises(InputError, match=r'data with obsm\["spatial"\], found none'):
        plot.cells(data, "kind")


def test_labels_that_no_cell_has_are_named(maps: tuple[ad.AnnData, ...]) -> None:
    mapping = maps[2]
    labels = pd.Categorical(["Deep"] * mapping.n_obs, categories=["Deep", plot.PALETTE[0]])
    labels = pd.Series(labels, index=mapping.obs_names)
    with pytest.warns(DataWarning, match="no cell has"):
        plot.probability(mapping, label="Deep", labels=labels)


def test_without_matplotlib_the_package_works_and_the_pictures_say_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None; import homespot\n"
        "try:\n    import homespot.plot\nexcept ImportError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == (
        "Expected matplotlib for pictures, found that it is not installed. pip install 'homespot[plot]'"
    )
