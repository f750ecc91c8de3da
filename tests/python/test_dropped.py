"""Maps that spots were taken out of: what is left of a cell there, and how far it can be relied on."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.common.keys import CONFIDENT, DROPPED, LEFT_OVER, PROB, RADIUS, SECTION, SECTION_PROB
from homespot.errors import DataWarning
from homespot.mapping.validity import new_mapping

SIDE, N_CELLS, N_GENES = 6, 40, 40


def _tissue(name: str, rng: np.random.Generator) -> tuple[ad.AnnData, ad.AnnData]:
    """Return cells and spots of one section: bumps of genes that both share, and markers of the section."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    spots = np.column_stack([x, y]) * 100.0
    cells = rng.random((N_CELLS, 2)) * 100 * (SIDE - 1)
    centres = np.random.default_rng(0).random((N_GENES, 2)) * 100 * (SIDE - 1)

    def counts(where: np.ndarray) -> np.ndarray:
        away = np.linalg.norm(where[:, None] - centres, axis=2)
        markers = np.ones((len(where), 10))
        markers[:, "AB".index(name) * 5 : "AB".index(name) * 5 + 5] = 20
        return rng.poisson(np.hstack([20 * np.exp(-((away / 120) ** 2)), markers])).astype(np.float32)

    genes = [f"g{i}" for i in range(N_GENES + 10)]
    sc = ad.AnnData(counts(cells), var=pd.DataFrame(index=genes))
    sc.obs_names = [f"{name}c{i}" for i in range(N_CELLS)]
    sc.obs["of"] = name
    st = ad.AnnData(counts(spots), var=pd.DataFrame(index=genes), obsm={"spatial": spots})
    st.obs_names = [f"{name}s{i}" for i in range(len(spots))]
    st.obs["slide"] = name
    return sc, st


@pytest.fixture(scope="module")
def two() -> tuple[ad.AnnData, ad.AnnData]:
    rng = np.random.default_rng(1)
    parts = [_tissue(name, rng) for name in "AB"]
    return ad.concat([sc for sc, _ in parts]), ad.concat([st for _, st in parts])


def cut(k_best: int | None) -> dict[str, Any]:
    """How to map with the k best of every row; rows of unknown sharpness are read from these alone."""
    return {} if k_best is None else {"k_best": k_best, "gene_weights": "equal"}


def _of(mapping: ad.AnnData, *names: str) -> ad.AnnData:
    return hs.subset(mapping, spots=mapping.var_names[mapping.var["slide"].isin(names)].tolist())


@pytest.mark.parametrize("k_best", [None, 12])
def test_cells_of_another_section_are_not_confident(two, k_best) -> None:
    sc, st = two
    whole = hs.map_cells(sc, st, sections="slide", joint=True, **cut(k_best))
    before = hs.cell_positions(whole, max_radius=1e6)
    assert (before[SECTION].to_numpy() == sc.obs["of"].to_numpy()).all()
    # Of some cells a map with k_best has nothing on B.
    some = whole.obs_names[
        np.asarray(whole.X[:, (whole.var["slide"] == "B").to_numpy()].sum(axis=1)).ravel() > 0
    ]
    part = hs.subset(_of(whole, "B"), cells=some.tolist())
    of_b = (sc.obs.loc[some, "of"] == "B").to_numpy()
    assert 0 < of_b.sum() < len(some)
    said = f"{(~of_b).sum()} of {len(some)} cells had more of their mass on spots that were taken out"
    with pytest.warns(DataWarning, match=said):
        after = hs.cell_positions(part, max_radius=1e6)
    if k_best is None:
        np.testing.assert_allclose(part.obs[DROPPED], part.obs[LEFT_OVER])
    # Those of B are as they were.
    shown = ["homespot_x", "homespot_y", RADIUS, CONFIDENT]
    pd.testing.assert_frame_equal(after.loc[of_b, shown], before.loc[some][of_b][shown], rtol=1e-3)
    assert after.loc[of_b, CONFIDENT].all()
    assert not after.loc[~of_b, CONFIDENT].any()
    assert after.loc[~of_b, RADIUS].isna().all()
    assert after.loc[~of_b, "homespot_x"].notna().all()


def test_what_k_best_leaves_out_is_no_loss(two) -> None:
    sc, st = two
    whole = hs.map_cells(sc, st, sections="slide", joint=True, **cut(2))
    assert DROPPED not in whole.obs
    assert whole.obs[LEFT_OVER].max() > 0.5
    table = hs.cell_positions(whole, max_radius=1e6)
    assert table[CONFIDENT].all()
    # Without the spots on which a cell has least, all are as confident.
    worst = np.asarray(whole.X.sum(axis=0)).ravel().argmin()
    part = hs.subset(whole, spots=np.delete(whole.var_names.to_numpy(), worst).tolist())
    assert part.obs[DROPPED].max() < 0.5
    assert hs.cell_positions(part, max_radius=1e6)[CONFIDENT].all()


def _by_hand(p: np.ndarray, **kwargs: object) -> ad.AnnData:
    spots = pd.DataFrame(index=[f"s{i}" for i in range(p.shape[1])])
    cells = pd.DataFrame(index=[f"c{i}" for i in range(p.shape[0])])
    xy = np.column_stack([np.arange(p.shape[1]) % 3, np.arange(p.shape[1]) // 3]).astype(float)
    return new_mapping(p.copy(), cells, spots, {"method": "hand"}, positions=xy, **kwargs)


ROWS = np.array([[0.5, 0.2, 0, 0, 0.1, 0.2], [0.1, 0.1, 0.1, 0.3, 0.2, 0.2], [0.25, 0.25, 0, 0, 0.25, 0.25]])


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix])
def test_the_account_of_what_was_taken_out(stored) -> None:
    whole = _by_hand(stored(ROWS))
    part = hs.subset(whole, spots=["s0", "s1", "s2", "s3"])
    np.testing.assert_allclose(part.obs[DROPPED], [0.3, 0.4, 0.5])
    with pytest.warns(DataWarning, match="1 of 3 cells"):
        table = hs.cell_positions(part, max_radius=100)
    assert table[CONFIDENT].tolist() == [True, True, False]
    assert table[RADIUS].isna().tolist() == [False, False, True]
    np.testing.assert_allclose(table[PROB], [0.5, 0.3, 0.25])
    # Twice is as once; cells may go; all spots are no loss.
    twice = hs.subset(part, spots=["s0", "s1"])
    np.testing.assert_allclose(twice.obs[DROPPED], [0.3, 0.8, 0.5])
    np.testing.assert_allclose(hs.subset(part, cells=["c2"]).obs[DROPPED], [0.5])
    assert (hs.subset(whole, spots=whole.var_names.tolist()).obs[DROPPED] == 0).all()
    # Scaled up again, by the user's own decision, it is a map of these spots alone.
    scaled = hs.renormalise(part)
    assert DROPPED not in scaled.obs
    assert hs.cell_positions(scaled, max_radius=100)[CONFIDENT].all()


def test_modes_share_what_the_map_holds() -> None:
    part = hs.subset(_by_hand(ROWS), spots=["s0", "s1", "s2", "s3"])
    shares = hs.cell_modes(part, reach=100).groupby("cell")["share"].sum()
    np.testing.assert_allclose(shares.loc[["c0", "c1", "c2"]], [0.7, 0.6, 0.5])


def test_assigned_cells_of_elsewhere_are_counted() -> None:
    part = hs.subset(_by_hand(ROWS), spots=["s0", "s1", "s2", "s3"])
    with pytest.warns(
        DataWarning, match="1 of 3 cells had .* the spots that they are assigned to are hardly"
    ):
        table = hs.assign_cells(part)
    np.testing.assert_allclose(table[PROB], [0.5, 0.3, 0.25])


def test_the_section_s_probability_reckons_with_what_was_taken_out() -> None:
    whole = _by_hand(ROWS)
    whole.var[SECTION] = ["a", "b", "c", "c", "c", "a"]
    part = hs.subset(whole, spots=["s0", "s1"])
    with pytest.warns(DataWarning, match=r"2 cell\(s\) have equal mass"):
        table = hs.cell_positions(part)
    assert table.loc["c0", SECTION_PROB] == pytest.approx(0.5)
    whole.X[1, 0] = 0.2
    whole.X[1, 5] = 0.1
    with pytest.warns(DataWarning):
        table = hs.cell_positions(hs.subset(whole, spots=["s0", "s1"]))
    assert table.loc["c1", SECTION_PROB] == pytest.approx(0.2)
    assert not table.loc["c1", CONFIDENT]


@pytest.mark.parametrize("k_best", [None, 6])
def test_of_sections_mapped_one_by_one_the_cell_s_own_counts(two, k_best) -> None:
    """Masses are equal by construction: what another section held says nothing, what the own held does."""
    sc, st = two
    whole = hs.map_cells(sc, st, sections="slide", joint=False, **cut(k_best))
    before = hs.cell_positions(whole, max_radius=1e6)
    of_b = (before[SECTION] == "B").to_numpy()
    assert of_b.sum() == N_CELLS
    with pytest.warns(DataWarning, match="40 of 80 cells"):
        after = hs.cell_positions(_of(whole, "B"), max_radius=1e6)
    np.testing.assert_array_equal(after[CONFIDENT], of_b)
    np.testing.assert_allclose(after.loc[of_b, RADIUS], before.loc[of_b, RADIUS], rtol=1e-3)
    # Without the half of B where it lies, a cell is not confident, and all of A are as before.
    keep = (whole.var["slide"] == "A").to_numpy() | (whole.varm["spatial"][:, 0] < 300)
    part = hs.subset(whole, spots=whole.var_names[keep].tolist(), cells=whole.obs_names.tolist())
    own = np.asarray(whole.X[:, ((whole.var["slide"] == "B").to_numpy()) & keep].sum(axis=1)).ravel()
    if k_best is None:
        with pytest.warns(DataWarning, match="taken out"):
            after = hs.cell_positions(part, max_radius=1e6)
        np.testing.assert_array_equal(after[CONFIDENT], ~of_b | (own > 0.25))


def test_maps_put_together_keep_the_account() -> None:
    part = hs.subset(_by_hand(ROWS), spots=["s0", "s1", "s2", "s3"])
    other = _by_hand(ROWS[:, ::-1])
    other.var_names = [f"t{i}" for i in range(6)]
    both = hs.combine_sections([part, other])
    np.testing.assert_allclose(both.obs[DROPPED], [0.15, 0.2, 0.25])
    assert DROPPED not in hs.combine_sections([hs.renormalise(part), other]).obs
