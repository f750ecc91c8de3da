"""add_mapping: the map in the user's own object, for cells and for spots."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from homespot import add_mapping, cell_positions, join_sections, map_cells, subset
from homespot.errors import DataWarning, InputError
from homespot.mapping.align import mapped_spots

BOTH = pytest.mark.parametrize("k_best", [None, 4], ids=["dense", "csr"])


def dense(x: object) -> np.ndarray:
    return x.toarray() if sparse.issparse(x) else np.asarray(x)  # type: ignore[attr-defined]


@BOTH
def test_cells_get_their_home_and_their_row(pair, k_best) -> None:
    sc, st = pair
    mapping = map_cells(sc, st, k_best=k_best)
    out = add_mapping(sc, mapping)
    expected = cell_positions(mapping)
    assert out.obs[list(expected.columns)].equals(expected)
    np.testing.assert_array_equal(out.obs["homespot_left_over"], mapping.obs["homespot_left_over"])
    assert sparse.issparse(out.obsm["homespot"]) == (k_best is not None)
    np.testing.assert_array_equal(dense(out.obsm["homespot"]), dense(mapping.X))
    assert out.uns["homespot"]["method"] == "ssa"
    assert out.obs["type"].equals(sc.obs["type"])


@BOTH
def test_spots_get_their_column_and_its_sum(pair, k_best) -> None:
    sc, st = pair
    mapping = map_cells(sc, st, k_best=k_best)
    out = add_mapping(st, mapping)
    np.testing.assert_array_equal(dense(out.obsm["homespot"]), dense(mapping.X).T)
    np.testing.assert_allclose(out.obs["homespot_cells"], dense(mapping.X).sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(out.obsm["spatial"], st.obsm["spatial"])


@BOTH
def test_dropped_rows_are_missing_and_empty(pair, k_best) -> None:
    sc, st = pair
    mapping = map_cells(sc[5:].copy(), st[:-3].copy(), k_best=k_best)
    cells, spots = add_mapping(sc, mapping), add_mapping(st, mapping)
    assert cells.obs["homespot_spot"].isna().tolist() == [True] * 5 + [False] * 35
    assert cells.obs["homespot_x"].isna().sum() == 5
    assert cells.obs["homespot_confident"].dtype == "boolean"
    assert cells.obs["homespot_confident"].isna().tolist() == [True] * 5 + [False] * 35
    np.testing.assert_array_equal(
        dense(cells.obsm["homespot"]), np.vstack([np.zeros((5, 22)), dense(mapping.X)])
    )
    assert spots.obs["homespot_cells"].isna().tolist() == [False] * 22 + [True] * 3
    np.testing.assert_array_equal(
        dense(spots.obsm["homespot"]), np.vstack([dense(mapping.X).T, np.zeros((3, 35))])
    )
    assert cells.obsm["homespot"].dtype == np.float32


def test_rows_follow_names_not_order(pair) -> None:
    sc, st = pair
    mapping = map_cells(sc, st)
    order = np.random.default_rng(0).permutation(sc.n_obs)
    out, shuffled = add_mapping(sc, mapping), add_mapping(sc[order].copy(), mapping)
    np.testing.assert_array_equal(shuffled.obsm["homespot"], out.obsm["homespot"][order])
    assert shuffled.obs.equals(out.obs.iloc[order])


def test_input_is_not_changed(pair) -> None:
    sc, st = pair
    mapping = map_cells(sc, st)
    before, record = mapping.copy(), set(mapping.uns["homespot"])
    for adata in pair:
        old = adata.copy()
        out = add_mapping(adata, mapping)
        out.obsm["homespot"][:] = 0
        out.uns["homespot"]["new"] = 1
        assert adata.obs.equals(old.obs)
        assert list(adata.uns) == []
        assert list(adata.obsm) == list(old.obsm)
    np.testing.assert_array_equal(mapping.X, before.X)
    assert set(mapping.uns["homespot"]) == record


def test_without_coordinates_home_and_probability_remain(pair) -> None:
    sc, st = pair
    out = add_mapping(sc, map_cells(sc, ad.AnnData(st.X, st.obs[[]], st.var)))
    assert [c for c in out.obs if c.startswith("homespot")] == [
        "homespot_spot",
        "homespot_prob",
        "homespot_entropy",
        "homespot_fits",
        "homespot_left_over",
    ]


def test_again_replaces(pair) -> None:
    sc, st = pair
    first = add_mapping(sc, map_cells(sc, st))
    second = add_mapping(first, map_cells(sc, st, "correlation"))
    assert second.uns["homespot"]["method"] == "correlation"
    assert list(second.obs) == list(first.obs)


def test_a_part_of_the_cells_takes_a_part_of_the_mapping(pair) -> None:
    sc, st = pair
    mapping, few = map_cells(sc, st), sc[:10].copy()
    out = add_mapping(few, subset(mapping, cells=list(few.obs_names)))
    np.testing.assert_array_equal(out.obsm["homespot"], mapping.X[:10])


def test_one_section_of_a_list_names_join_sections(pair) -> None:
    sc, st = pair
    with pytest.warns(DataWarning, match="Found 2"), pytest.warns(DataWarning, match="several sections"):
        mapping = map_cells(sc, [st, st.copy()])
    remedy = r"pass all sections, put together by join_sections\(\)"
    with pytest.raises(InputError, match=rf"found 0 of the cells and 0 of the spots. .*{remedy}"):
        add_mapping(st, mapping)
    with pytest.raises(InputError, match=rf"data without 50 of its spots .*{remedy}"):
        mapped_spots(mapping, st)
    with pytest.warns(DataWarning, match="occur in several sections"):
        both = join_sections([st, st.copy()])
    np.testing.assert_allclose(add_mapping(both, mapping).obsm["homespot"].sum(), sc.n_obs, rtol=1e-5)
    other = st.copy()
    other.obs_names = [f"other{i}" for i in range(st.n_obs)]
    with pytest.raises(InputError, match="Pass the data that was mapped"):
        add_mapping(other, mapping)


@BOTH
def test_what_comes_out_can_be_written_and_read(pair, tmp_path, k_best) -> None:
    sc, st = pair
    mapping = map_cells(sc[5:].copy(), st, preset="paper", k_best=k_best)
    for name, adata in (("sc", sc), ("st", st)):
        out = add_mapping(adata, mapping)
        out.write_h5ad(tmp_path / f"{name}.h5ad")
        back = ad.read_h5ad(tmp_path / f"{name}.h5ad")
        np.testing.assert_array_equal(dense(back.obsm["homespot"]), dense(out.obsm["homespot"]))
        assert back.uns["homespot"].get("k_best") == k_best
    assert ad.read_h5ad(tmp_path / "sc.h5ad").obs["homespot_spot"].isna().sum() == 5
