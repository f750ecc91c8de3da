"""The masses of neighbourhoods: exact where they can be written down, and what they are for."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax

import homespot as hs
from homespot.expression.places import Places
from homespot.expression.transforms import unit_rows
from homespot.methods.coverage import found_masses

SIDE = 12
GRID = np.array([(x, y) for x in range(SIDE) for y in range(SIDE)], dtype=float)


def rows(n: int, seed: int) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, 30)))


def tissue(seed: int = 0) -> tuple[ad.AnnData, ad.AnnData]:
    """Return cells of one half of a tissue with smooth patterns, and spots of all of it."""
    rng = np.random.default_rng(seed)
    waves = np.array([(i, j) for i in range(3) for j in range(3)][1:])
    field = np.cos(np.pi * GRID @ waves.T / SIDE)
    rates = np.exp(1 + 0.6 * field @ rng.normal(size=(len(waves), 80)))
    home = np.repeat(np.flatnonzero(GRID[:, 0] < SIDE / 2), 6)
    cells = ad.AnnData(rng.poisson(rates[home]).astype(np.float32))
    spots = ad.AnnData(rng.poisson(8 * rates).astype(np.float32))
    cells.var_names = spots.var_names = [f"gene{i}" for i in range(80)]
    cells.obs_names = [f"cell{i}" for i in range(len(home))]
    spots.obs_names = [f"spot{i}" for i in range(len(GRID))]
    spots.obsm["spatial"] = GRID
    return cells, spots


def test_masses_are_those_of_the_formula() -> None:
    x_sc, x_st = rows(50, 0), rows(len(GRID), 1)
    rng = np.random.default_rng(2)
    p, q = (values / values.sum() for values in (rng.random(50) + 0.1, rng.random(len(GRID)) + 0.1))
    rho = x_sc @ x_st.T
    brought = p @ softmax(1.7 * rho / (0.05 * (1 - rho.min())), axis=1)
    near = np.exp(-(cdist(GRID, GRID) ** 2) / (2 * 2.0**2))
    near[cdist(GRID, GRID) > 8] = 0
    expected = q * (near @ brought) / (near @ q)
    found = found_masses(x_sc, x_st, p, q, Places(GRID), 0.05, 1.7)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-9)


def test_masses_are_q_where_no_cell_prefers_a_spot() -> None:
    x_st = np.repeat(rows(1, 0), len(GRID), axis=0)
    q = np.random.default_rng(1).random(len(GRID)) + 0.1
    q /= q.sum()
    same = np.full(len(GRID), 1 / len(GRID))
    found = found_masses(rows(9, 2), x_st, np.full(9, 1 / 9), same, Places(GRID), 0.05, 1.0)
    np.testing.assert_allclose(found, same, rtol=1e-9)


def test_cells_of_one_half_stay_there() -> None:
    cells, spots = tissue()
    left = GRID[:, 0] < SIDE / 2
    mass, error = {}, {}
    truth = np.repeat(GRID[left], 6, axis=0)
    for name, relax in (("found", None), ("kept", 0.0)):
        mapping = hs.map_cells(cells, spots, relax_spots=relax)
        mass[name] = np.asarray(mapping.X)[:, left].sum() / mapping.n_obs
        placed = hs.cell_positions(mapping)[["homespot_x", "homespot_y"]].to_numpy()
        error[name] = np.linalg.norm(placed - truth, axis=1).mean()
    assert mass["kept"] < 0.55  # the marginal of the spots moves cells to where none came from
    assert mass["found"] > 0.7
    assert error["found"] < 0.5 * error["kept"]


@pytest.mark.parametrize("method", ["ssa", "correlation"])
def test_without_coordinates_the_defaults_are_the_earlier_ones(method: str) -> None:
    cells, spots = tissue()
    earlier = {"gene_weights": "equal"} | ({"relax_spots": 0.75} if method == "ssa" else {})
    kept = hs.map_cells(cells, spots, method, **earlier)
    del spots.obsm["spatial"]
    found = hs.map_cells(cells, spots, method)
    np.testing.assert_array_equal(np.asarray(found.X), np.asarray(kept.X))
    assert "sharpness" not in found.uns["homespot"]


def test_with_coordinates_genes_are_weighed() -> None:
    cells, spots = tissue()
    found = hs.map_cells(cells, spots)
    weighed = hs.map_cells(cells, spots, gene_weights="spatial")
    np.testing.assert_array_equal(np.asarray(found.X), np.asarray(weighed.X))
    assert found.uns["homespot"]["sharpness"]["power"] > 0
