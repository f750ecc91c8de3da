"""Co-location and distances of types against NumPy, SciPy and draws from the map."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy.spatial.distance import cdist

import homespot as hs
from homespot.errors import InputError, TooLargeError
from homespot.mapping import distances

Pair = tuple[ad.AnnData, ad.AnnData]


@pytest.fixture
def mapping(pair: Pair) -> ad.AnnData:
    sc, st = pair
    sc.obs["kind"] = [f"k{i % 4}" for i in range(sc.n_obs)]
    return hs.map_cells(sc, st)


def test_colocation_is_the_correlation_of_the_proportions(mapping: ad.AnnData) -> None:
    shares = hs.deconvolve_spots(mapping, "kind").to_df()
    found = hs.colocate_types(mapping, "kind")
    assert found.index.tolist() == found.columns.tolist() == ["k0", "k1", "k2", "k3"]
    np.testing.assert_allclose(found, np.corrcoef(shares.to_numpy().T), atol=1e-12)


def test_a_type_that_is_the_same_everywhere_correlates_with_none() -> None:
    shares = np.array([[0.2, 0.5, 0.3], [0.2, 0.1, 0.7], [0.2, 0.4, 0.4]])
    found = distances.correlations(shares)
    np.testing.assert_allclose(found, [[1, 0, 0], [0, 1, -1], [0, -1, 1]], atol=1e-12)


@pytest.mark.parametrize("k_best", [None, 4])
def test_distances_are_those_of_the_written_out_sum(
    pair: Pair, k_best: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "_BLOCK", 7)
    mapping = hs.map_cells(*pair, k_best=k_best)
    p = mapping.to_df().to_numpy(dtype=np.float64, copy=True)
    p /= p.sum(axis=1, keepdims=True)
    d = cdist(mapping.varm["spatial"], mapping.varm["spatial"])
    cells = ["c7", "c1", "c30"]
    found = hs.cell_distances(mapping, cells)
    rows = p[mapping.obs_names.get_indexer(cells)]
    np.testing.assert_allclose(found, rows @ d @ rows.T, rtol=1e-6)
    assert found.index.tolist() == found.columns.tolist() == cells
    np.testing.assert_allclose(hs.cell_distances(mapping), p @ d @ p.T, rtol=1e-6)
    mass = np.stack([mapping.to_df()[mapping.obs["type"] == kind].sum() for kind in ("a", "b")])
    mass /= mass.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(hs.type_distances(mapping, "type"), mass @ d @ mass.T, rtol=1e-6)


def test_too_many_cells_are_refused(mapping: ad.AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homespot.common.memory.available", lambda: 1000)
    with pytest.raises(TooLargeError, match=r"the distances of 40 cells, found 1000 bytes free"):
        hs.cell_distances(mapping)


def test_distances_need_coordinates(pair: Pair) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, st.obs[[]], st.var)
    with pytest.raises(InputError, match="a mapping whose spots have coordinates"):
        hs.type_distances(hs.map_cells(sc, st), "type")
