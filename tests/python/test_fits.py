"""How far the slide holds cells like each: closed forms, a type that is missing, and where it is kept."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot.common.keys import FITS
from homespot.expression.fits import cell_fits


def profiles(parts: np.ndarray, dtype: str = "float64") -> np.ndarray:
    """Mixtures of three kinds, each with ten genes of its own, on the log scale."""
    return np.log1p(np.repeat(parts, 10, axis=1) * 1000.0).astype(dtype)


def fitted(spots: np.ndarray, dtype: str = "float64") -> np.ndarray:
    found = cell_fits(profiles(np.repeat(np.eye(3), 10, axis=0), dtype), profiles(spots, dtype))
    assert found is not None
    return found


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
def test_a_kind_that_no_spot_has_by_hand(dtype, tolerance) -> None:
    """G is 30,000 on its diagonal, so c is 3,000, and a spot's w is (30,000 v + 1,000) / 33,000."""
    first = np.linspace(0, 1, 11)
    found = fitted(np.column_stack([first, 1 - first, 0 * first]), dtype)
    np.testing.assert_allclose(found, np.repeat([1, 1, 1 / 11], 10), rtol=tolerance)


def test_kinds_of_which_the_spots_have_as_much_fit() -> None:
    np.testing.assert_allclose(fitted(np.eye(3)), 1)
    np.testing.assert_allclose(fitted(np.full((4, 3), 1 / 3)), 1)


def test_a_factor_of_a_gene_is_no_missing_kind() -> None:
    """A gene that one technology hardly sees says next to nothing: the others have the kind."""
    spots = np.expm1(profiles(np.eye(3).repeat(4, axis=0)))
    spots[:, 20] /= 50
    found = cell_fits(profiles(np.eye(3).repeat(10, axis=0)), np.log1p(spots))
    assert found is not None
    assert found.min() > 0.85


def test_the_most_variable_of_many_genes_decide() -> None:
    rng = np.random.default_rng(0)
    x_sc, x_st = (np.log1p(rng.poisson(2, (n, 1000))).astype("f4") for n in (1500, 1100))
    more = [np.hstack([np.full((len(x), 50), 0.5, dtype="f4"), x]) for x in (x_sc, x_st)]
    np.testing.assert_array_equal(cell_fits(*more), cell_fits(x_sc, x_st))


def tissue(missing: bool, seed: int = 0) -> tuple[ad.AnnData, ad.AnnData]:
    """Cells of six types; spots of five of them if one is missing, each a mean of eight cells."""
    rng = np.random.default_rng(seed)
    types = rng.gamma(0.4, 1, (6, 80)) + 0.1
    kinds = np.arange(300) % 6
    held = rng.integers(5 if missing else 6, size=(100, 8))
    names = pd.DataFrame(index=[f"g{i}" for i in range(80)])
    sc = ad.AnnData(
        rng.poisson(3 * types[kinds]).astype("f4"),
        pd.DataFrame({"kind": kinds}, index=[f"c{i}" for i in range(300)]),
        names,
    )
    st = ad.AnnData(
        rng.poisson(3 * types[held]).sum(axis=1).astype("f4"),
        pd.DataFrame(index=[f"s{i}" for i in range(100)]),
        names,
    )
    return sc, st


@pytest.fixture(scope="module")
def mapped() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    sc, st = tissue(missing=True)
    return sc, st, hs.map_cells(sc, st)


@pytest.mark.parametrize("method", ["ssa", "correlation"])
def test_a_missing_type_is_flagged_and_a_present_one_is_not(method) -> None:
    for missing in (True, False):
        sc, st = tissue(missing=missing)
        fits = hs.map_cells(sc, st, method).obs[FITS].to_numpy()
        assert ((fits >= 0.01) & (fits <= 1)).all()
        last = sc.obs["kind"].to_numpy() == 5
        assert np.mean(fits[~last] < 0.5) < 0.05
        assert np.mean(fits[last] < 0.5) > 0.95 if missing else np.mean(fits[last] < 0.5) < 0.05


def test_neither_method_seed_nor_threads_have_a_part_in_it(mapped, monkeypatch) -> None:
    sc, st, mapping = mapped
    for threads, more in (("1", {}), ("2", {}), ("2", {"seed": 5, "k_best": 7}), ("2", {"preset": "paper"})):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        np.testing.assert_array_equal(hs.map_cells(sc, st, **more).obs[FITS], mapping.obs[FITS])
    np.testing.assert_array_equal(hs.map_cells(sc, st, "correlation").obs[FITS], mapping.obs[FITS])


def test_fewer_than_twenty_cells_have_none(mapped) -> None:
    sc, st, mapping = mapped
    assert FITS in hs.map_cells(sc[:20].copy(), st).obs
    few = hs.map_cells(sc[:19].copy(), st)
    assert FITS not in few.obs
    both = hs.combine_cells([few, mapping[19:].copy()])
    assert both.obs[FITS].isna().sum() == 19
    np.testing.assert_array_equal(both.obs[FITS][19:], mapping.obs[FITS][19:])
    again = mapping.obs.iloc[:19]
    old = ad.AnnData(sc.X[:19], again, sc.var)
    assert FITS not in hs.map_cells(old, st).obs  # no column of an earlier map


def test_the_best_of_several_sections_counts(mapped) -> None:
    sc, st, _ = mapped
    labels = np.repeat(["a", "b"], 50)
    _, whole = tissue(missing=False)
    st = st.copy()
    st.X[50:] = whole.X[50:]
    alone = [hs.map_cells(sc, st[labels == name].copy()) for name in ("a", "b")]
    best = np.maximum(*(one.obs[FITS].to_numpy() for one in alone))
    assert (best > alone[0].obs[FITS]).any()
    np.testing.assert_array_equal(hs.map_cells(sc, st, sections=labels).obs[FITS], best)
    np.testing.assert_array_equal(hs.combine_sections(alone, weights=[3, 1]).obs[FITS], best)
    del alone[1].obs[FITS]
    assert FITS not in hs.combine_sections(alone).obs


def test_places_files_and_parts_keep_it(mapped, tmp_path) -> None:
    sc, st, mapping = mapped
    st = st.copy()
    st.obsm["spatial"] = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    mapping = hs.map_cells(sc, st, gene_weights="equal")
    hs.save(mapping, tmp_path / "map.h5ad")
    for one in (mapping, hs.load(tmp_path / "map.h5ad")):
        np.testing.assert_array_equal(hs.cell_positions(one)[FITS], mapping.obs[FITS])
        np.testing.assert_array_equal(hs.place_cells(one, sc).obs[FITS], mapping.obs[FITS])
    part = hs.subset(mapping, cells=mapping.obs_names[:30])
    np.testing.assert_array_equal(part.obs[FITS], mapping.obs[FITS][:30])
    old = mapping.copy()
    del old.obs[FITS]
    assert FITS not in hs.cell_positions(old)
    assert FITS not in hs.place_cells(old, hs.place_cells(mapping, sc)).obs
