"""simulate_spots: means, centroids and the true map, exact on an example made by hand."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from homespot import map_cells, simulate_spots
from homespot.errors import InputError

PER_SPOT = {"cells_per_spot": 4.0}


def tissue(stored=np.asarray, n: int = 400, seed: int = 0) -> ad.AnnData:
    rng = np.random.default_rng(seed)
    return ad.AnnData(
        X=stored(rng.poisson(2.0, (n, 12)).astype(np.float32)),
        obs=pd.DataFrame({"type": rng.choice(["a", "b"], n)}, index=[f"c{i}" for i in range(n)]),
        var=pd.DataFrame({"id": np.arange(12)}, index=[f"g{i}" for i in range(12)]),
        obsm={"spatial": rng.uniform(0, 100, (n, 2)) + np.array([1000, -50])},
    )


def test_cells_may_stay_in_their_file(tmp_path) -> None:
    cells = tissue(sparse.csr_matrix)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    backed = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    for found, wanted in zip(simulate_spots(backed), simulate_spots(cells), strict=True):
        np.testing.assert_array_equal(found.X.toarray(), wanted.X.toarray())
    backed.file.close()


def test_four_squares_by_hand() -> None:
    """Eight cells, two in each corner: four spots, whatever the exact pitch."""
    xy = np.array([[0, 0], [1, 0], [10, 0], [10, 1], [0, 10], [0, 11], [10, 10], [11, 11]], dtype=float)
    x = np.arange(16.0).reshape(8, 2)
    cells = ad.AnnData(x, obs=pd.DataFrame(index=list("abcdefgh")), obsm={"spatial": xy})
    sc, st = simulate_spots(cells, cells_per_spot=2, n_parts=1, leave_out=False)
    np.testing.assert_array_equal(st.X, [[1, 2], [5, 6], [9, 10], [13, 14]])
    np.testing.assert_array_equal(st.obsm["spatial"], [[0.5, 0], [10, 0.5], [0, 10.5], [10.5, 10.5]])
    assert st.obs["n_cells"].tolist() == [2, 2, 2, 2]
    assert st.obs_names.tolist() == ["spot1", "spot2", "spot3", "spot4"]
    assert sc.obs_names.tolist() == list("abcdefgh")
    assert sc.obs["true_spot"].tolist() == [f"spot{i}" for i in (1, 1, 2, 2, 3, 3, 4, 4)]
    np.testing.assert_array_equal(sc.obs[["true_x", "true_y"]], np.repeat(st.obsm["spatial"], 2, axis=0))
    assert "spatial" not in sc.obsm


@pytest.mark.parametrize("leave_out", [True, False])
def test_spots_are_means_of_their_cells(leave_out: bool) -> None:
    cells = tissue()
    sc, st = simulate_spots(cells, leave_out=leave_out, n_parts=5, part=2, **PER_SPOT)
    everyone, _ = simulate_spots(cells, leave_out=False, n_parts=1, **PER_SPOT)
    home = everyone.obs["true_spot"]
    for spot in st.obs_names:
        members = home.index[home == spot]
        used = members.difference(sc.obs_names) if leave_out else members
        np.testing.assert_allclose(st[spot].X.ravel(), cells[used].X.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(st[spot].obsm["spatial"][0], cells[members].obsm["spatial"].mean(axis=0))
        assert st.obs.loc[spot, "n_cells"] == len(used)
    assert sc.obs["true_spot"].equals(home[sc.obs_names])


def test_left_out_cells_do_not_touch_the_spots() -> None:
    cells = tissue()
    sc, st = simulate_spots(cells, **PER_SPOT)
    other = cells.copy()
    other.X[other.obs_names.isin(sc.obs_names)] = 1e6
    np.testing.assert_array_equal(simulate_spots(other, **PER_SPOT)[1].X, st.X)


def test_parts_are_disjoint_and_exhaustive() -> None:
    cells = tissue()
    parts = [simulate_spots(cells, n_parts=7, part=i, **PER_SPOT)[0].obs_names.tolist() for i in range(7)]
    assert sorted(name for part in parts for name in part) == sorted(cells.obs_names)
    assert {len(part) for part in parts} == {57, 58}
    for part in parts:
        assert part == [name for name in cells.obs_names if name in set(part)]


def test_the_seed_decides() -> None:
    cells = tissue()
    first, again, other = (simulate_spots(cells, seed=seed, **PER_SPOT) for seed in (0, 0, 1))
    assert first[0].obs.equals(again[0].obs)
    assert first[1].X.tobytes() == again[1].X.tobytes()
    assert first[0].obs_names.tolist() != other[0].obs_names.tolist()


@pytest.mark.parametrize("cells_per_spot", [1.5, 5, 25, 100])
@pytest.mark.parametrize("n", [2000, 5000])
def test_the_pitch_gives_the_cells_per_spot_asked_for(cells_per_spot: float, n: int) -> None:
    sc, st = simulate_spots(tissue(n=n), cells_per_spot=cells_per_spot, leave_out=False, n_parts=1)
    assert sc.n_obs / st.n_obs == pytest.approx(cells_per_spot, rel=0.12)
    assert sc.n_obs / st.n_obs >= cells_per_spot
    pitch = st.uns["homespot"]["pitch"]
    assert pitch == pytest.approx(100 * np.sqrt(cells_per_spot / n), rel=0.25)


@pytest.mark.parametrize("stored", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_sparse_is_dense(stored) -> None:
    (sc, st), (sc_sparse, st_sparse) = (
        simulate_spots(tissue(kind), **PER_SPOT) for kind in (np.asarray, stored)
    )
    assert sparse.issparse(st_sparse.X)
    np.testing.assert_allclose(st_sparse.X.toarray(), st.X, rtol=1e-12)
    np.testing.assert_array_equal(sc_sparse.X.toarray(), sc.X)


def test_one_cell_a_spot_and_cells_at_one_place() -> None:
    cells = tissue()
    sc, st = simulate_spots(cells, cells_per_spot=1, leave_out=False, n_parts=1)
    assert st.n_obs == cells.n_obs
    np.testing.assert_allclose(
        cells[sc.obs_names].obsm["spatial"], sc.obs[["true_x", "true_y"]].to_numpy(), atol=1e-9
    )
    cells.obsm["spatial"][:] = 3.0
    with pytest.raises(InputError, match="cells at different places"):
        simulate_spots(cells, **PER_SPOT)


def test_input_is_not_changed_and_annotation_kept() -> None:
    cells = tissue()
    cells.layers["double"] = cells.X * 2
    before = cells.copy()
    sc, st = simulate_spots(cells, layer="double", **PER_SPOT)
    assert cells.obs.equals(before.obs)
    np.testing.assert_array_equal(cells.X, before.X)
    np.testing.assert_allclose(st.X, 2 * simulate_spots(cells, **PER_SPOT)[1].X)
    assert sc.obs["type"].equals(cells.obs["type"][sc.obs_names])
    assert sc.var.equals(cells.var)
    assert st.var.equals(cells.var)


def test_what_comes_out_can_be_mapped() -> None:
    mapping = map_cells(*simulate_spots(tissue(sparse.csr_matrix), **PER_SPOT))
    assert mapping.n_obs == 40


def test_a_spot_holds_cells_of_one_section() -> None:
    """Two sections whose frames overlap, one of them drawn elsewhere: the same spots as of each alone."""
    rng = np.random.default_rng(0)
    x = rng.poisson(3.0, (400, 6)).astype(np.float32)
    xy = rng.uniform(0, 100, (400, 2))
    slide = np.repeat(["a", "b"], 200)
    xy[200:] += 3
    cells = ad.AnnData(x, pd.DataFrame({"slide": slide}, [f"c{i}" for i in range(400)]), obsm={"spatial": xy})
    sc, st = simulate_spots(cells, cells_per_spot=10, n_parts=2)
    assert set(st.obs["homespot_section"]) == {"a", "b"}
    assert (sc.obs["true_section"] == sc.obs["slide"]).all()
    home = st.obs["homespot_section"].reindex(sc.obs["true_spot"])
    assert (home.isna().to_numpy() | (home.to_numpy() == sc.obs["true_section"].to_numpy())).all()
    apart = cells.copy()
    apart.obsm["spatial"] = xy + 1000 * (slide == "b")[:, None]
    elsewhere = simulate_spots(apart, cells_per_spot=10, n_parts=2)[1]
    np.testing.assert_array_equal(elsewhere.X, st.X)
    together = simulate_spots(cells, cells_per_spot=10, n_parts=2, shared_frame=True)[1]
    plain = ad.AnnData(x, cells.obs.drop(columns="slide"), obsm={"spatial": xy})
    np.testing.assert_array_equal(together.X, simulate_spots(plain, cells_per_spot=10, n_parts=2)[1].X)
    assert "homespot_section" not in together.obs
