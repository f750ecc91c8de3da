"""Pictures of several sections: a panel for each, with its own places, image and direction of y."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import anndata as ad
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import EllipseCollection, PolyCollection

import homespot as hs
from homespot import plot
from homespot.errors import DataWarning, InputError

mpl.use("Agg")

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def _library(scale: float, pixels: np.ndarray = PIXELS) -> dict[str, Any]:
    return {"images": {"hires": pixels}, "scalefactors": {"tissue_hires_scalef": scale}}


def _spots(*names: str, n: int = 12) -> ad.AnnData:
    """Spots on a grid, in a frame of its own for each section: the second starts at 10,000."""
    x, y = np.meshgrid(np.arange(4.0), np.arange(n / 4))
    grid = np.column_stack([x.ravel(), y.ravel()]) * 100
    obs = pd.DataFrame(
        {"sample_id": np.repeat(names, n), "v": np.arange(n * len(names), dtype=float)},
        index=[f"{name}{i}" for name in names for i in range(n)],
    )
    xy = np.concatenate([(grid + 50) * 100**i for i in range(len(names))])
    return ad.AnnData(np.zeros((len(obs), 0), dtype=np.float32), obs=obs, obsm={"spatial": xy})


def _points(ax: Any) -> EllipseCollection:
    [points] = [drawn for drawn in ax.collections if isinstance(drawn, EllipseCollection)]
    return points


def _of(data: ad.AnnData, name: str) -> np.ndarray:
    return (data.obs["sample_id"] == name).to_numpy()


def _bars(figure: Any) -> list[str]:
    """What the colour bars of a figure say."""
    return [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()]


def test_every_section_is_a_panel_with_its_own_places_and_limits() -> None:
    data = _spots("b", "a")
    axes = plot.spots(data, "v", name="value", unit="px")
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    for ax, name in zip(axes, "ab", strict=True):
        own = _of(data, name)
        np.testing.assert_array_equal(_points(ax).get_offsets(), data.obsm["spatial"][own])
        np.testing.assert_array_equal(_points(ax).get_array(), data.obs["v"][own])
        assert _points(ax).get_clim() == (0, 23)
        assert ax.get_aspect() == 1
        low, high = data.obsm["spatial"][own].min(axis=0), data.obsm["spatial"][own].max(axis=0)
        span = high[0] - low[0]
        for limits, first, last in zip((ax.get_xlim(), ax.get_ylim()), low, high, strict=True):
            assert first - 0.5 * span < limits[0] < first < last < limits[1] < last + 0.5 * span
    # A point is a little less than the pitch of its own section.
    assert [_points(ax).get_widths()[0] for ax in axes] == pytest.approx([9000, 90])
    assert _bars(axes[0].figure) == ["value"]


def test_sections_are_in_the_order_of_their_names_as_people_count() -> None:
    axes = plot.spots(_spots("s10", "s9", "s1"), "v", name="v")
    assert [ax.get_title() for ax in axes] == ["s1", "s9", "s10"]


def test_as_many_axes_as_sections_are_drawn_into() -> None:
    data = _spots("a", "b")
    given = plt.figure().subplots(2, 1)
    assert list(plot.spots(data, "v", name="v", ax=given)) == list(given)
    assert _bars(given[0].figure) == ["v"]
    with pytest.raises(InputError, match=r"2 Axes as ax, found 1 object"):
        plot.spots(data, "v", name="v", ax=given[0])
    assert isinstance(plot.spots(data[:12].copy(), "v", name="v", ax=given[0]), mpl.axes.Axes)


def test_every_section_has_its_own_image_and_direction() -> None:
    data = _spots("a", "b", "c")
    other = PIXELS[::-1, :40]
    data.uns["spatial"] = {"is_single": False, "b": _library(0.001, other), "a": _library(0.1)}
    axes = plot.spots(data, "v", name="v")
    [first], [second], third = (ax.images for ax in axes)
    np.testing.assert_array_equal(first.get_array(), PIXELS)
    np.testing.assert_array_equal(second.get_array(), other)
    assert first.get_extent() == [-5, 795, 595, -5]
    assert second.get_extent() == [-500, 39500, 59500, -500]
    assert not list(third)
    # Most of the image is to be seen, where there is one.
    assert [_points(ax).get_widths()[0] for ax in axes] == pytest.approx([60, 6000, 900_000])
    for image in (True, False, data):
        drawn = plot.spots(data, "v", name="v", image=image)
        assert [ax.yaxis_inverted() for ax in drawn] == [True, True, False]
        assert [len(ax.images) for ax in drawn] == ([0, 0, 0] if image is False else [1, 1, 0])


def test_images_named_by_another_column_are_found() -> None:
    data = _spots("a", "b")
    data.obs["homespot_section"] = data.obs["sample_id"]
    data.obs["slide"] = np.where(_of(data, "a"), "V2", "V1")
    data.uns["spatial"] = {"V1": _library(0.001), "V2": _library(0.1)}
    axes = plot.spots(data, "v", name="v")
    assert [ax.images[0].get_extent()[0] for ax in axes] == [-5, -500]


def test_one_image_belongs_to_all_unless_it_is_known_to_be_of_one() -> None:
    data = _spots("a", "b")
    data.obsm["spatial"][12:] = data.obsm["spatial"][:12]
    data.uns["spatial"] = {"a": _library(0.1)}
    assert [len(ax.images) for ax in plot.spots(data, "v", name="v")] == [1, 0]
    data.uns["spatial"] = {"both": _library(0.1), "text": "none"}
    axes = plot.spots(data, "v", name="v")
    assert [len(ax.images) for ax in axes] == [1, 1]
    assert all(ax.yaxis_inverted() for ax in axes)
    data.obsm["spatial"][12:] += 10_000  # beside the image
    assert [len(ax.images) for ax in plot.spots(data, "v", name="v")] == [1, 0]


def test_an_image_of_other_sections_that_is_asked_for_is_refused() -> None:
    data = _spots("a", "b")
    other = _spots("c")
    other.uns["spatial"] = {"c": _library(0.1), "d": _library(0.1)}
    with pytest.raises(InputError, match=r"or of a library for each section.*libraries \('c', 'd'\)"):
        plot.spots(data, "v", name="v", image=other)


def test_what_has_no_place_is_counted_and_not_drawn() -> None:
    data = _spots("a", "b")
    data.obs["homespot_section"] = data.obs["sample_id"].where(np.arange(24) != 2, None)
    data.obsm["spatial"][[2, 15], 1] = np.nan
    data.obs["kind"] = ["rare" if i in (2, 15) else "kind" for i in range(24)]
    message = (
        r"^2 of 24 rows \('a2', 'b3'\) have no coordinates or no section, and are not drawn. To draw them, "
        r"set obsm\['spatial'\] and obs\['homespot_section'\]\.$"
    )
    drawn: dict[str, Callable[[], Any]] = {
        "spots": lambda: plot.spots(data, "v", name="v"),
        "cells": lambda: plot.cells(data, "kind"),
    }
    for draw in drawn.values():
        with pytest.warns(DataWarning, match=message) as caught:
            axes = draw()
        assert [str(one.filename) for one in caught] == [__file__]
        assert [len(_points(ax).get_offsets()) for ax in axes] == [11, 11]
    assert axes[0].get_legend_handles_labels()[1] == ["kind"]
    with pytest.warns(DataWarning, match="2 of 24"):
        assert plot.spots(data, "v", name="v")[0].get_aspect() == 1
    data.obs["homespot_section"] = None
    with pytest.raises(InputError, match=r"a place for at least one row, found 24 rows without"):
        plot.cells(data, "kind")


def test_of_one_section_what_has_no_coordinates_is_counted_and_not_drawn() -> None:
    data = _spots("a")
    data.obsm["spatial"][4] = np.nan
    with pytest.warns(DataWarning, match=r"^1 of 12 rows \('a4'\) have no coordinates, and are not drawn"):
        ax = plot.spots(data, "v", name="v")
    np.testing.assert_array_equal(_points(ax).get_array(), np.delete(np.arange(12), 4))


def test_one_legend_and_one_colour_for_a_type_in_all_sections() -> None:
    data = _spots("a", "b", "c")
    data.obs["kind"] = [*"p" * 12, *"q" * 12, *"r" * 12]
    axes = plot.cells(data, "kind")
    [legend] = axes[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["p", "q", "r"]
    assert not [ax for ax in axes if ax.get_legend()]
    for ax, colour in zip(axes, plot.PALETTE, strict=False):
        assert {mpl.colors.to_hex(one).upper() for one in _points(ax).get_facecolors()} == {colour}
    given = plt.figure().subplots(1, 3)
    plot.cells(data, "kind", ax=given)
    assert not given[0].figure.legends
    plot.cells(data, "kind", ax=given, legend=True)
    assert [ax.get_legend() is not None for ax in given] == [False, False, True]


def test_sections_do_not_change_how_cells_are_jittered() -> None:
    data = _spots("a", "b")
    data.obs["kind"] = "p"
    axes = plot.cells(data, "kind", jitter=5)
    for ax, name in zip(axes, "ab", strict=True):
        moved, own = np.asarray(_points(ax).get_offsets()), data.obsm["spatial"][_of(data, name)]
        away = np.linalg.norm(moved[:, None] - own, axis=2).min(axis=1)
        assert 0 < away.max() <= 5


def test_confidence_has_one_scale_for_all_sections() -> None:
    data = _spots("a", "b")
    rng = np.random.default_rng(0)
    data.obs["homespot_radius"] = rng.uniform(1, 9, 24)
    data.obs["homespot_confident"] = data.obs["homespot_radius"] < 5
    axes = plot.confidence(data)
    radius = data.obs["homespot_radius"]
    limits = np.percentile(radius[radius < 5], (1, 99))
    for ax, name in zip(axes, "ab", strict=True):
        assert ax.get_title() == name
        assert _points(ax).get_clim() == pytest.approx(limits)
        own = radius[_of(data, name)]
        assert sorted(_points(ax).get_array().compressed()) == sorted(own[own < 5])
    [bar] = _bars(axes[0].figure)
    assert f"{(radius < 5).sum()} of 24 cells are confident" in bar


def test_types_of_every_section() -> None:
    types = _spots("a", "b")
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 24)
    types = ad.AnnData(shares, obs=types.obs, var=pd.DataFrame(index=["p", "q", "r"]), obsm=types.obsm)
    types.uns["spatial"] = {"b": _library(0.001)}
    types.uns["homespot"] = {"y_direction": "mixed", "y_down": np.array(["b"], dtype=object)}
    axes = plot.proportions(types)
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    for ax, name in zip(axes, "ab", strict=True):
        slices = [drawn for drawn in ax.collections if isinstance(drawn, PolyCollection)]
        centres = [path.vertices[0] for path in slices[0].get_paths()]
        np.testing.assert_array_equal(centres, types.obsm["spatial"][_of(types, name)])
        # A pie starts at the top, whichever way y points.
        centre, start = slices[0].get_paths()[0].vertices[:2]
        assert start[0] == pytest.approx(centre[0])
        assert (start[1] < centre[1]) == ax.yaxis_inverted() == (name == "b")
    panels = plot.proportions(types, "panels")
    assert panels.shape == (3, 2)
    for row, name, values in zip(panels, types.var_names, shares.T, strict=True):
        assert [ax.get_title() for ax in row] == [f"a, {name}", f"b, {name}"]
        for ax, section in zip(row, "ab", strict=True):
            np.testing.assert_array_equal(_points(ax).get_array(), values[_of(types, section)])
            assert _points(ax).get_clim() == (0, values.max())
    assert _bars(panels[0, 0].figure) == ["proportion"] * 3


def test_a_gene_in_every_section_has_one_scale_and_its_own_correlation() -> None:
    st = _spots("a", "b")
    rng = np.random.default_rng(0)
    st = ad.AnnData(
        rng.poisson(3, (24, 3)).astype(np.float32), st.obs, pd.DataFrame(index=["g", "h", "i"]), obsm=st.obsm
    )
    found = rng.uniform(0, 3, (24, 1))
    found[5] = np.nan
    imputed = ad.AnnData(found, st.obs, pd.DataFrame({"homespot_pcc": [0.25]}, index=["g"]), obsm=st.obsm)
    axes = plot.gene(st, imputed, "g")
    log = np.log1p(1e4 * st.X[:, 0] / st.X.sum(axis=1))
    assert axes.shape == (2, 2)
    for ax, name in zip(axes[0], "ab", strict=True):
        assert ax.get_title() == f"{name}, measured"
        np.testing.assert_allclose(_points(ax).get_array(), log[_of(st, name)], rtol=1e-5)
        assert _points(ax).get_clim() == pytest.approx((log.min(), log.max()))
    for ax, name in zip(axes[1], "ab", strict=True):
        own = _of(st, name) & np.isfinite(found[:, 0])
        pcc = np.corrcoef(log[own], found[own, 0])[0, 1]
        assert ax.get_title() == f"{name}, imputed, PCC {pcc:.2f} (0.25 held out)"
        assert _points(ax).get_clim() == (np.nanmin(found), np.nanmax(found))
    assert _bars(axes[0, 0].figure) == ["g, log(1 + 10,000 x / total)", "g, log scale"]


# What comes of a map


def _two(sc_cells: int = 80) -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    """Cells, a section with an image, and one in another frame without."""
    sc, st = hs.make_demo()
    sc = sc[:sc_cells, np.asarray(sc[:sc_cells].X.sum(axis=0)).ravel() > 0].copy()
    st.obs = st.obs[[]]
    left = st.obsm["spatial"][:, 0] < np.median(st.obsm["spatial"][:, 0])
    a, b = st[left].copy(), st[~left].copy()
    a.obsm["spatial"] = (a.obsm["spatial"] - a.obsm["spatial"].min(axis=0)) * [4, -4] + [100, 8000]
    a.uns["spatial"] = {"is_single": np.bool_(True), "lib": _library(0.01)}
    return sc, a, b


def _drawn(mapping: ad.AnnData, sc: ad.AnnData, image: Any) -> Iterator[Any]:
    placed = hs.place_cells(mapping, sc)
    imputed = hs.impute_genes(mapping, sc, ["Gene120"])
    yield plot.cells(placed, "cell_type", image=image)
    yield plot.confidence(placed, image=image)
    yield plot.spots(imputed, imputed.X[:, 0], name="Gene120", image=image)
    yield plot.proportions(hs.deconvolve_spots(mapping, "cell_type"), image=image)
    yield plot.probability(mapping, label="Deep", labels="cell_type", image=image)
    yield plot.probability(mapping, cell=mapping.obs_names[0], image=image)


@pytest.mark.parametrize("image", [True, False])
def test_results_of_several_sections_are_drawn_section_by_section(image: bool) -> None:
    sc, a, b = _two()
    with pytest.warns(DataWarning, match="Found 2 sections"):
        mapping = hs.map_cells(sc, {"tail": b, "head": a}, "correlation", progress=False)
    for axes in _drawn(mapping, sc, image):
        assert [ax.get_title() for ax in axes] == ["head", "tail"]
        assert [ax.yaxis_inverted() for ax in axes] == [True, False]
        assert [len(ax.images) for ax in axes] == ([1, 0] if image else [0, 0])
        for ax, part in zip(axes, (a, b), strict=True):
            where = part.obsm["spatial"]
            (left, right), (bottom, top) = ax.get_xlim(), sorted(ax.get_ylim())
            margin = 0.2 * np.ptp(where)
            assert where[:, 0].min() - margin < left < right < where[:, 0].max() + margin
            assert where[:, 1].min() - margin < bottom < top < where[:, 1].max() + margin


@pytest.mark.parametrize("image", [True, False])
def test_results_of_one_visium_section_are_upright(image: bool) -> None:
    sc, a, _ = _two()
    mapping = hs.map_cells(sc, a, "correlation", progress=False)
    for ax in _drawn(mapping, sc, image):
        assert isinstance(ax, mpl.axes.Axes)
        assert ax.get_title() == "" or "confident" in ax.get_title()
        assert ax.yaxis_inverted()
        assert len(ax.images) == int(image)
    # The image may be lost on the way: y points down all the same.
    placed = hs.place_cells(mapping, sc)
    del placed.uns["spatial"]
    assert plot.cells(placed, "cell_type").yaxis_inverted()


def test_results_without_an_image_have_y_upwards() -> None:
    sc, _, b = _two()
    for ax in _drawn(hs.map_cells(sc, b, "correlation", progress=False), sc, image=True):
        assert not ax.yaxis_inverted()


def test_one_of_several_sections_keeps_its_image_and_direction() -> None:
    sc, a, b = _two()
    b.uns["spatial"] = {"lib": _library(0.1, PIXELS[:30])}
    a.uns["spatial"] = {}
    with pytest.warns(DataWarning, match="Found 2 sections"):
        mapping = hs.map_cells(sc, {"a": a, "b": b}, "correlation", progress=False)
    placed = hs.place_cells(mapping, sc)
    types = hs.deconvolve_spots(mapping, "cell_type")
    for data, draw in ((placed, lambda x: plot.cells(x, "cell_type")), (types, plot.proportions)):
        for name, images in (("a", 0), ("b", 1)):
            ax = draw(data[data.obs["homespot_section"] == name].copy())
            assert len(ax.images) == images
            assert ax.yaxis_inverted() == bool(images)
            assert ax.get_title() == ""


def test_sections_of_one_frame_are_one_panel() -> None:
    sc, a, b = _two()
    a.uns = {}
    whole = hs.join_sections([a, b])
    mapping = hs.map_cells(sc, whole, "correlation", shared_frame=True, progress=False)
    ax = plot.probability(mapping, cell=mapping.obs_names[0])
    assert len(_points(ax).get_offsets()) == whole.n_obs
    assert isinstance(plot.cells(hs.place_cells(mapping, sc), "cell_type"), mpl.axes.Axes)


def test_cells_whose_section_is_not_known_are_not_drawn() -> None:
    sc, a, b = _two()
    with pytest.warns(DataWarning, match="Found 2 sections"):
        mapping = hs.map_cells(sc, {"a": a, "b": b}, "correlation", progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        placed = hs.place_cells(mapping, sc)
    lost = placed.obs_names[:7]
    placed.obs.loc[lost, "homespot_section"] = None
    placed.obsm["spatial"][:7] = np.nan
    for draw in (lambda: plot.cells(placed, "cell_type"), lambda: plot.confidence(placed)):
        with pytest.warns(DataWarning, match=r"^7 of 80 rows"):
            axes = draw()
        drawn = sum(len(_points(ax).get_offsets()) for ax in axes)
        assert drawn == 73
