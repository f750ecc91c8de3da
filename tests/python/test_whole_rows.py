"""With `k_best`, places are those of the whole rows, to the byte, as long as the map has all of its spots."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot.common.keys import CUT, ENTROPY, SHARPNESS, WHOLE
from homespot.errors import DataWarning
from homespot.mapping.positions import Readings
from homespot.matrix.gather import gather


@pytest.fixture(scope="module")
def demo() -> tuple[ad.AnnData, ad.AnnData]:
    sc, st = hs.make_demo()
    return sc[:300].copy(), st[::4].copy()


@pytest.fixture(scope="module", params=["ssa", "correlation"])
def maps(demo, request) -> tuple[ad.AnnData, ad.AnnData]:
    """The whole map, and that of the best 10 spots of every cell."""
    whole, cut = (hs.map_cells(*demo, request.param, k_best=k, progress=False) for k in (None, 10))
    return whole, cut


def places(mapping: ad.AnnData, **how: Any) -> pd.DataFrame:
    return hs.cell_positions(mapping, **how).drop(columns=ENTROPY)


def kept(mapping: ad.AnnData) -> list[str]:
    return [name for name in mapping.obs if name.startswith(WHOLE)]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_places_are_those_of_the_whole_rows(maps, level: float) -> None:
    whole, cut = maps
    assert not kept(whole)
    pd.testing.assert_frame_equal(places(cut, level=level), places(whole, level=level), check_exact=True)
    plain = cut.copy()
    plain.obs = plain.obs.drop(columns=kept(cut))
    assert not np.allclose(unknown(plain)["homespot_x"], places(cut)["homespot_x"])


def test_radii_between_the_levels_are_interpolated(maps) -> None:
    whole, cut = maps
    found = places(cut, level=0.85)["homespot_radius"]
    between = (places(cut, level=0.8)["homespot_radius"] + places(cut)["homespot_radius"]) / 2
    np.testing.assert_allclose(found, between, rtol=1e-12)
    assert np.abs(found / places(whole, level=0.85)["homespot_radius"] - 1).median() < 0.1


@pytest.mark.parametrize("position", ["mean", "argmax"])
def test_radii_about_other_positions_are_wide_enough(maps, position: Any) -> None:
    """They are those about the median and the distance of the two, and so rarely too small."""
    whole, cut = maps
    found = hs.cell_positions(cut, position=position)
    entries = Readings(cut.varm["spatial"], position, 20)
    gather(cut.X, entries)
    xy = found[["homespot_x", "homespot_y"]].to_numpy()
    np.testing.assert_array_equal(xy, entries.placed)
    true = hs.cell_positions(whole, position=position)
    same = np.linalg.norm(true[["homespot_x", "homespot_y"]].to_numpy() - xy, axis=1) < 1e-9
    ratio = (found["homespot_radius"] / true["homespot_radius"])[same]
    assert (ratio > 0.95).mean() > 0.9 if position == "argmax" else ratio.empty  # both are interpolated
    about = hs.cell_positions(whole)
    away = np.linalg.norm(about[["homespot_x", "homespot_y"]].to_numpy() - xy, axis=1)
    np.testing.assert_allclose(found["homespot_radius"], about["homespot_radius"] + away, rtol=1e-12)
    np.testing.assert_allclose(found["homespot_spread"], about["homespot_spread"] + away, rtol=1e-12)
    assert found["homespot_near_spot"].tolist() == about["homespot_near_spot"].tolist()


def unknown(mapping: ad.AnnData, **how: Any) -> pd.DataFrame:
    """The places of cells whose radius is not known, which a warning counts."""
    n = mapping.n_obs
    with pytest.warns(DataWarning, match=rf"^{n} of {n} cell\(s\) have no radius and are not confident"):
        found = hs.cell_positions(mapping, **how)
    assert found["homespot_radius"].isna().all()
    assert not found["homespot_confident"].any()
    return found


def test_a_row_that_was_cut_short_has_no_radius_of_its_own(maps, demo) -> None:
    cut = maps[1]
    unknown(hs.subset(cut, spots=list(cut.var_names[1:])))
    labels = np.where(np.arange(demo[1].n_obs) % 2, "a", "b")
    for joint in (True, False):
        unknown(hs.map_cells(*demo, k_best=10, sections=labels, joint=joint, progress=False))
    every = hs.map_cells(*demo, k_best=demo[1].n_obs, progress=False)
    assert hs.cell_positions(hs.subset(every, spots=list(every.var_names)))["homespot_radius"].notna().all()


def test_rows_that_are_scaled_up_are_still_cut_short(maps, demo) -> None:
    whole, cut = maps
    part = hs.subset(cut, spots=list(cut.var_names[1:]))
    scaled = hs.renormalise(part)
    lost = part.obs["homespot_left_over"] - part.obs["homespot_dropped"]
    np.testing.assert_allclose(scaled.obs[CUT], lost, atol=1e-12)
    assert "homespot_dropped" not in scaled.obs
    unknown(scaled)
    once = hs.renormalise(hs.subset(scaled, spots=list(scaled.var_names[1:])))
    np.testing.assert_array_equal(once.obs[CUT], scaled.obs[CUT])
    unknown(once)
    # Combined maps know it of the cells and sections that were cut.
    names = list(cut.obs_names)
    other = hs.renormalise(hs.subset(whole, spots=list(part.var_names)))
    both = hs.combine_cells([hs.subset(scaled, cells=names[:150]), hs.subset(other, cells=names[150:])])
    with pytest.warns(DataWarning, match=r"^150 of 300 cell\(s\) have no radius"):
        radii = hs.cell_positions(both)["homespot_radius"]
    assert radii.isna().tolist() == [True] * 150 + [False] * 150
    spots, p = list(cut.var_names), cut.X.toarray()
    there = list(cut.obs_names[(p[:, :50].sum(axis=1) > 0) & (p[:, 50:].sum(axis=1) > 0)])
    sections = [hs.subset(cut, cells=there, spots=half) for half in (spots[:50], spots[50:])]
    together = hs.combine_sections([hs.renormalise(one) for one in sections])
    most = np.max([one.obs["homespot_left_over"] - one.obs["homespot_dropped"] for one in sections], axis=0)
    np.testing.assert_allclose(together.obs[CUT], most, atol=1e-12)
    # A map that was not cut has nothing of the kind, and neither has a new map of these cells.
    assert CUT not in hs.renormalise(hs.subset(whole, spots=list(whole.var_names[1:]))).obs
    sc = demo[0].copy()
    sc.obs = scaled.obs
    assert CUT not in hs.map_cells(sc, demo[1], progress=False).obs


def test_other_coordinates_have_other_places(maps) -> None:
    """As where pixels become micrometres after the mapping."""
    cut = maps[1]
    other = cut.copy()
    other.varm["spatial"] = 0.1 * cut.varm["spatial"]
    found = unknown(other)
    low, high = (f(other.varm["spatial"], axis=0) for f in (np.min, np.max))
    xy = found[["homespot_x", "homespot_y"]].to_numpy()
    assert ((xy >= low) & (xy <= high)).all()
    order = np.random.default_rng(0).permutation(cut.n_vars)
    pd.testing.assert_frame_equal(places(cut[:, order].copy()), places(cut))


def test_cells_take_their_readings_along(maps, tmp_path) -> None:
    whole, cut = maps
    expected = places(whole, max_radius=1e4)
    names = list(cut.obs_names[20:200])
    part = hs.subset(cut, cells=names)
    pd.testing.assert_frame_equal(places(part, max_radius=1e4), expected.loc[names], check_exact=True)
    hs.save(part, tmp_path / "m.h5ad")
    for backed in (False, True):
        again = hs.load(tmp_path / "m.h5ad", backed=backed)
        found = places(again, max_radius=1e4)
        pd.testing.assert_frame_equal(found, expected.loc[names], check_exact=True)
    rest = hs.subset(whole, cells=list(whole.obs_names[200:]))
    both = places(hs.combine_cells([part, rest]), max_radius=1e4)
    pd.testing.assert_frame_equal(both, expected.loc[both.index], check_exact=True)


def test_what_depends_on_other_spots_goes_with_them(maps, demo) -> None:
    cut = maps[1]
    assert kept(cut)
    assert not kept(hs.subset(cut, spots=list(cut.var_names)))
    labels = np.where(np.arange(demo[1].n_obs) % 2, "a", "b")
    apart = hs.map_cells(*demo, k_best=10, sections=labels, progress=False)
    assert SHARPNESS in apart.obs
    assert not kept(apart)
    other = cut.copy()
    other.var_names = [f"other {name}" for name in cut.var_names]
    assert not kept(hs.combine_sections([cut, other], shared_frame=True))
    # Names of spots that the map does not have: the readings are not of this map.
    plain = cut.copy()
    plain.obs = plain.obs.drop(columns=kept(cut))
    columns = ["homespot_x", "homespot_y"]
    pd.testing.assert_frame_equal(unknown(other)[columns], unknown(plain)[columns])


def test_without_a_sharpness_nothing_is_kept(demo) -> None:
    assert not kept(hs.map_cells(*demo, k_best=10, gene_weights="equal", progress=False))
    bare = [ad.AnnData(side.X, side.obs[[]], side.var[[]]) for side in demo]
    assert not kept(hs.map_cells(*bare, k_best=10, progress=False))


def test_a_map_of_mapped_cells_has_its_own_readings(maps, demo) -> None:
    cut = maps[1]
    sc, st = demo
    again = sc.copy()
    again.obs = cut.obs.copy()
    assert not kept(hs.map_cells(again, st, progress=False))
