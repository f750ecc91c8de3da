"""Rows that are read by their sharpness: against NumPy, brute force, and themselves stored otherwise."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import homespot as hs
from homespot.common.keys import CONFIDENT, NEAR_SPOT, RADIUS, SHARPNESS, SPREAD
from homespot.common.run import SOFTER
from homespot.errors import DataWarning
from homespot.expression.places import pitch
from homespot.mapping import confidence
from homespot.mapping.left_over import keep_best
from homespot.mapping.positions import Readings
from homespot.mapping.validity import new_mapping
from homespot.matrix.gather import gather

F64 = npt.NDArray[np.float64]
LEVELS = (0.05, 0.3, 0.5, 0.8, 0.9, 0.99)
ARRAYS = ("home", "probability", "entropy", "placed", "spread", "near", "radii")


def soft_rows(n: int = 60, spots: int = 300, dims: int = 2, seed: int = 0) -> tuple[F64, F64, F64]:
    """Rows like those of a map, with several patches and noise; the spots, and a sharpness for every row."""
    rng = np.random.default_rng(seed)
    where = rng.uniform(0, 40, (spots, dims))
    p = np.zeros((n, spots))
    for _ in range(3):
        centre, width = rng.uniform(0, 40, (n, 1, dims)), rng.uniform(1, 15, (n, 1))
        p += rng.uniform(0, 1, (n, 1)) * np.exp(-np.square(where - centre).sum(axis=2) / (2 * width**2))
    p = (p + 1e-3) * rng.lognormal(0, 1, p.shape)
    return p / p.sum(axis=1, keepdims=True), where, rng.uniform(0.2, 4.5, n)


def read(p: Any, where: F64, sharpness: F64 | None, position: Any = "median") -> Readings:
    found = Readings(where, position, 20, sharpness, LEVELS)
    gather(p, found)
    return found


def same(a: Readings, b: Readings) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("position", ["median", "mean", "argmax", "k_best"])
def test_radii_are_quantiles_of_distances_under_the_sharpened_row(dims: int, position: str) -> None:
    p, where, sharpness = soft_rows(dims=dims)
    found = read(p, where, sharpness, position)
    for row in range(len(p)):
        away = np.linalg.norm(where - found.placed[row], axis=1)
        order = np.argsort(away, kind="stable")
        w = (p[row] / p[row].max()) ** sharpness[row]
        order = order[w[order] > 1e-9]  # negligible weights are left out
        w = w[order] / w[order].sum()
        expected = np.interp(LEVELS, np.cumsum(w) - w / 2, away[order])
        np.testing.assert_allclose(found.radii[row], np.sqrt(expected**2 + pitch(where) ** 2 / 6), rtol=1e-9)
        np.testing.assert_allclose(found.spread[row], np.sqrt(p[row] @ away**2), rtol=1e-12)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("known", [True, False])
def test_the_near_spot_has_the_least_expected_distance_of_all(dims: int, known: bool) -> None:
    p, where, sharpness = soft_rows(400, dims=dims)
    found = read(p, where, sharpness if known else None)
    best = np.where(p >= np.sort(p, axis=1)[:, [-20]], p, 0)
    w = p ** (SOFTER * sharpness[:, None]) if known else best**2
    expected = w @ np.linalg.norm(where[:, None] - where[None], axis=2)
    rows = np.arange(len(p))
    np.testing.assert_allclose(expected[rows, found.near], expected.min(axis=1), rtol=1e-7)
    assert (found.near == expected.argmin(axis=1)).all()
    assert (found.near != found.home).mean() > 0.3


def test_the_near_spot_of_a_narrow_valley() -> None:
    """Along a slanted line of mass, the neighbours of a spot may all be worse than one farther away."""
    rng = np.random.default_rng(0)
    where = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), axis=-1).reshape(-1, 2)
    p = np.exp(-np.abs(where @ [1.0, -2.7] + 20 * rng.random((50, 1)) + 10) / 0.1) + 1e-9
    p *= rng.lognormal(0, 0.3, p.shape)
    p /= p.sum(axis=1, keepdims=True)
    found = read(p, where, np.full(50, 1 / SOFTER))
    expected = p @ np.linalg.norm(where[:, None] - where[None], axis=2)
    np.testing.assert_allclose(expected[np.arange(50), found.near], expected.min(axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stored_otherwise_and_by_any_number_of_threads_the_bytes_are_the_same(dtype, monkeypatch) -> None:
    p, where, sharpness = soft_rows(700, 800)
    sharpness[::3] = np.nan
    p, _ = keep_best(p.astype(dtype), 500)
    dense = p.toarray()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = read(dense, where, sharpness)
    for threads in ("2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        same(read(dense, where, sharpness), one)
    same(read(np.asfortranarray(dense), where, sharpness), one)
    stored = read(p, where, sharpness)
    sharp = np.isfinite(sharpness)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(stored, name)[sharp], getattr(one, name)[sharp], err_msg=name)
    alone = read(dense[37:38], where, sharpness[37:38])
    np.testing.assert_array_equal(alone.radii[0], one.radii[37])
    np.testing.assert_array_equal(alone.placed[0], one.placed[37])


def test_float32_is_as_good_as_float64() -> None:
    p, where, sharpness = soft_rows(100)
    low, high = read(p.astype(np.float32), where, sharpness), read(p, where, sharpness)
    np.testing.assert_allclose(low.placed, high.placed, atol=1e-4)
    np.testing.assert_allclose(low.radii, high.radii, rtol=1e-4)


def test_radii_go_with_the_unit() -> None:
    p, where, sharpness = soft_rows()
    here, there = read(p, where, sharpness), read(p, where * 55 + 1e5, sharpness)
    np.testing.assert_allclose(there.radii, 55 * here.radii, rtol=1e-6)
    np.testing.assert_array_equal(there.near, here.near)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_row_with_one_heavy_spot_lies_there(dims: int) -> None:
    where = np.random.default_rng(0).normal(size=(50, dims))
    p = np.full((3, 50), 0.4 / 49)
    heavy = [4, 7, 9]
    p[np.arange(3), heavy] = 0.6
    found = read(p, where, np.full(3, 1 / SOFTER))
    np.testing.assert_allclose(found.placed, where[heavy], atol=1e-3)
    assert found.near.tolist() == heavy
    np.testing.assert_allclose(found.radii[:, 0], pitch(where) / np.sqrt(6), rtol=1e-2)


def test_spots_at_one_place_have_no_radius() -> None:
    found = read(np.full((2, 3), 1 / 3), np.full((3, 2), 0.1), np.ones(2))
    np.testing.assert_array_equal(found.radii, 0)
    np.testing.assert_allclose(found.placed, 0.1)
    single = read(np.ones((2, 1)), np.array([[3.0, 4.0]]), np.ones(2))
    np.testing.assert_allclose(single.placed, [[3, 4], [3, 4]])
    np.testing.assert_array_equal(single.radii, 0)


def test_the_entropy_is_that_of_numpy() -> None:
    p, _, _ = soft_rows()
    for rows in (p, p * 0.7, keep_best(p, 20)[0].toarray()):
        found = Readings()
        gather(rows, found)
        np.testing.assert_allclose(
            found.entropy, confidence.entropies(rows, rows.sum(axis=1), rows.shape[1]), rtol=1e-12
        )
        np.testing.assert_array_equal(found.home, rows.argmax(axis=1))
        np.testing.assert_array_equal(found.probability, rows.max(axis=1))


def a_map(p: F64, where: F64, sharpness: F64, first: int = 0) -> ad.AnnData:
    cells = pd.DataFrame(index=[f"c{i + first}" for i in range(len(p))])
    spots = pd.DataFrame(index=[f"s{i}" for i in range(len(where))])
    mapping = new_mapping(p, cells, spots, {"format_version": 1}, positions=where)
    mapping.obs[SHARPNESS] = sharpness
    return mapping


def sure_and_unsure(n_sure: int, n: int = 50) -> ad.AnnData:
    """A map of cells that sit on one spot each, and of cells that may sit anywhere."""
    where = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    p = np.full((n, 64), 1 / 64)
    p[:n_sure] = 1e-6
    p[np.arange(n_sure), np.arange(n_sure)] = 1 - 63e-6
    return a_map(p, where, np.ones(n))


def test_few_narrow_radii_are_chance() -> None:
    enough = hs.cell_positions(sure_and_unsure(5))
    assert enough[CONFIDENT].tolist() == [True] * 5 + [False] * 45
    # The middle of the first weight is at 0.5, that of the next at 1: 0.9 is at 0.8 of a pitch.
    np.testing.assert_allclose(enough[RADIUS][:5], np.sqrt(0.8**2 + 1 / 6), rtol=1e-3)
    few = sure_and_unsure(4)
    with pytest.warns(DataWarning, match=r"^4 of 50 cell\(s\) are not confident") as seen:
        found = hs.cell_positions(few)
    assert len(seen) == 1
    assert not found[CONFIDENT].any()
    # Cells whose sharpness is not known are confident as ever, and do not count among the others.
    few.obs.loc[few.obs_names[20:], SHARPNESS] = np.nan
    assert hs.cell_positions(few, max_radius=100)[CONFIDENT].all()
    assert hs.cell_positions(few)[CONFIDENT].tolist() == [True] * 4 + [False] * 46
    # At a low level many radii are narrow; those at 0.9 decide.
    with pytest.warns(DataWarning, match="at the level 0.9 fewer than a tenth of the cells"):
        low = hs.cell_positions(sure_and_unsure(4), level=0.05)
    assert not low[CONFIDENT].any()
    assert (low[RADIUS] < confidence.extent(few.varm["spatial"]) / 2).all()


def test_no_narrow_radius_is_no_news() -> None:
    assert not hs.cell_positions(sure_and_unsure(0))[CONFIDENT].any()


def test_the_table_has_what_was_read_and_the_record_says_how() -> None:
    p, where, sharpness = soft_rows(200)
    mapping = a_map(p, where, sharpness)
    found = read(p, where, sharpness)
    table = hs.cell_positions(mapping, level=0.8, max_radius=30)
    np.testing.assert_array_equal(table[RADIUS], found.radii[:, 3])
    np.testing.assert_array_equal(table[SPREAD], found.spread)
    assert table[NEAR_SPOT].tolist() == [f"s{i}" for i in found.near]
    assert table[CONFIDENT].tolist() == (table[RADIUS] <= 30).tolist()
    sc = ad.AnnData(np.ones((200, 1)), pd.DataFrame(index=mapping.obs_names))

    def read_out(of: ad.AnnData) -> str:
        return hs.place_cells(of, sc, max_radius=30).uns["homespot"]["read_out"]

    assert read_out(mapping) == "sharpness"
    half = mapping.copy()
    half.obs.loc[half.obs_names[:100], SHARPNESS] = np.nan
    assert read_out(half) == "sharpness, best spots"
    del half.obs[SHARPNESS]
    assert read_out(half) == "best spots"
    assert "read_out" not in mapping.uns["homespot"]


def test_a_section_is_read_by_its_own_spots() -> None:
    p, where, sharpness = soft_rows(200, 300)
    mapping = a_map(p, where, sharpness)
    mapping.var["homespot_section"] = np.where(np.arange(300) < 150, "a", "b")
    table = hs.cell_positions(mapping, max_radius=30)
    for name, spots in (("a", slice(0, 150)), ("b", slice(150, 300))):
        mine = (table["homespot_section"] == name).to_numpy()
        alone = a_map(
            p[mine][:, spots] / p[mine][:, spots].sum(axis=1, keepdims=True), where[spots], sharpness[mine]
        )
        alone.var_names = mapping.var_names[spots]
        found = hs.cell_positions(alone, max_radius=30)
        assert table.loc[mine, NEAR_SPOT].tolist() == found[NEAR_SPOT].tolist()
        np.testing.assert_allclose(table.loc[mine, RADIUS], found[RADIUS], rtol=1e-9)
        assert table.loc[mine, CONFIDENT].tolist() == found[CONFIDENT].tolist()


def test_subsets_and_combined_maps_keep_their_readings() -> None:
    p, where, sharpness = soft_rows(200)
    mapping = a_map(p, where, sharpness)
    whole = hs.cell_positions(mapping, max_radius=30)
    part = hs.subset(mapping, cells=list(mapping.obs_names[50:150]))
    columns = [name for name in whole if name != CONFIDENT]
    pd.testing.assert_frame_equal(hs.cell_positions(part, max_radius=30)[columns], whole[columns][50:150])
    other = hs.subset(mapping, cells=[*mapping.obs_names[:50], *mapping.obs_names[150:]])
    del other.obs[SHARPNESS]
    both = hs.cell_positions(hs.combine_cells([part, other]), max_radius=30)
    pd.testing.assert_frame_equal(both[columns][:100], whole[columns][50:150])
    pd.testing.assert_frame_equal(both[columns][100:], hs.cell_positions(other)[columns])


def test_types_count_cells_that_are_known_to_be_confident_only_in_the_end() -> None:
    mapping = sure_and_unsure(5)
    labels = np.repeat(["a", "b"], 25)
    confident = hs.cell_positions(mapping)[CONFIDENT].to_numpy()
    given = hs.deconvolve_spots(mapping, labels, confident=confident)
    found = hs.deconvolve_spots(mapping, labels)
    np.testing.assert_allclose(
        found.obs["homespot_confident_share"], given.obs["homespot_confident_share"], rtol=1e-12
    )
