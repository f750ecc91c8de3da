"""The sharpness of a map: what it follows, where it is kept, and how places are read at it."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import entropy

import homespot as hs
from homespot.common.keys import SHARPNESS
from homespot.common.run import SOFTER
from homespot.errors import DataWarning, InputError
from homespot.expression.places import Places
from homespot.expression.sharpness import agreement, matched
from homespot.expression.transforms import z_scores


def tissue(genes: int = 60, depth: float = 3.0, seed: int = 0) -> tuple[ad.AnnData, ad.AnnData]:
    """Cells and a grid of spots whose genes are smooth fields."""
    rng = np.random.default_rng(seed)
    xy = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    centres = rng.uniform(0, 9, (genes, 2))
    field = np.exp(-np.square(xy[:, None] - centres[None]).sum(axis=2) / 12) + 0.05
    home = rng.integers(len(xy), size=200)
    names = pd.DataFrame(index=[f"g{i}" for i in range(genes)])
    st = ad.AnnData(
        rng.poisson(40 * field).astype("f4"), pd.DataFrame(index=[f"s{i}" for i in range(len(xy))]), names
    )
    cells = pd.DataFrame({"home": home}, index=[f"c{i}" for i in range(200)])
    sc = ad.AnnData(rng.poisson(depth * field[home]).astype("f4"), cells, names)
    st.obsm["spatial"] = xy
    return sc, st


@pytest.fixture(scope="module")
def mapped() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    sc, st = tissue()
    return sc, st, hs.map_cells(sc, st, gene_weights="spatial")


def test_the_agreement_of_two_genes_by_hand() -> None:
    """Every half is one gene, with which a correlation is 0: both maps are uniform, and agree by chance."""
    rng = np.random.default_rng(0)
    found = agreement(
        rng.normal(size=(30, 2)), rng.normal(size=(9, 2)), Places(rng.normal(size=(9, 2))), 0.05
    )
    np.testing.assert_allclose(found.agreement, 0, atol=1e-5)


def test_halves_that_agree_no_more_than_by_chance_are_told() -> None:
    """No cell comes from any spot."""
    sc, st = tissue()
    for adata in (sc, st):
        adata.X = np.random.default_rng(len(adata)).poisson(3, adata.shape).astype("f4")
    with pytest.warns(DataWarning, match="no more often than by chance"):
        hs.map_cells(sc, st)


@pytest.mark.filterwarnings("ignore::homespot.errors.DataWarning")  # of genes that few cells express
@pytest.mark.parametrize("n_cells", [2, 3])
def test_few_cells_have_a_sharpness_too(n_cells: int) -> None:
    sc, st = tissue()
    mapping = hs.map_cells(sc[:n_cells].copy(), st)
    assert np.isfinite(mapping.obs["homespot_sharpness"]).all()


def test_more_molecules_are_read_more_sharply() -> None:
    powers = [
        hs.map_cells(*tissue(depth=depth), gene_weights="spatial").uns["homespot"]["sharpness"]["power"]
        for depth in (1, 5, 40)
    ]
    assert powers[0] < powers[1] < powers[2]


def test_the_agreement_says_where_the_error_is_least(mapped) -> None:
    """The reading at the sharpness is at most 5 % worse than the best of all powers that were tried."""
    sc, st, mapping = mapped
    record = mapping.uns["homespot"]["sharpness"]
    assert record["agreement"].max() > 1  # e times as often as by chance
    truth = st.obsm["spatial"][sc.obs["home"]]
    errors = []
    for power in (*record["powers"], record["power"]):
        other = mapping.copy()
        other.obs[SHARPNESS] = power
        found = hs.cell_positions(other, max_radius=1e6)[["homespot_x", "homespot_y"]].to_numpy()
        errors.append(np.linalg.norm(found - truth, axis=1).mean())
    assert errors[-1] < 1.05 * min(errors)


def test_the_place_is_the_median_under_a_power_of_the_whole_row(mapped) -> None:
    _, st, mapping = mapped
    power = SOFTER * mapping.uns["homespot"]["sharpness"]["power"]
    np.testing.assert_array_equal(mapping.obs[SHARPNESS], mapping.uns["homespot"]["sharpness"]["power"])
    found = hs.cell_positions(mapping)[["homespot_x", "homespot_y"]].to_numpy()
    for row in range(0, 200, 20):
        weights = mapping.X[row].astype(float) ** power

        def mean_distance(x, weights=weights):
            return weights @ np.linalg.norm(st.obsm["spatial"] - x, axis=1) / weights.sum()

        best = minimize(
            mean_distance, found[row], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12}
        )
        # Distances are smoothed by a thousandth of the pitch.
        assert mean_distance(found[row]) <= best.fun + 1e-4


def test_maps_without_a_sharpness_are_read_as_before(mapped) -> None:
    sc, st, mapping = mapped
    plain = hs.map_cells(sc, st, gene_weights="equal")
    assert SHARPNESS not in plain.obs
    bare = mapping.copy()
    del bare.obs[SHARPNESS]
    soft = hs.cell_positions(mapping)
    assert not np.allclose(hs.cell_positions(bare)["homespot_x"], soft["homespot_x"])
    # Of cells from several maps, each is read by what its own map knows.
    first, second = mapping[:100].copy(), plain[100:].copy()
    both = hs.cell_positions(hs.combine_cells([first, second]))
    columns = ["homespot_x", "homespot_y", "homespot_radius"]
    pd.testing.assert_frame_equal(both[columns][:100], soft[columns][:100])
    pd.testing.assert_frame_equal(both[columns][100:], hs.cell_positions(plain)[columns][100:])


def test_the_sharpness_of_sections_is_their_geometric_mean(mapped) -> None:
    sc, st, _ = mapped
    labels = np.where(st.obsm["spatial"][:, 0] < 5, "left", "right")
    mapping = hs.map_cells(sc, st, gene_weights="spatial", sections=labels)
    parts = mapping.uns["homespot"]["parts"].values()
    powers = [part["sharpness"]["power"] for part in parts]
    assert powers[0] != powers[1]
    np.testing.assert_allclose(mapping.obs[SHARPNESS], np.sqrt(np.prod(powers)))
    alone = [
        hs.map_cells(sc, st[labels == name].copy(), gene_weights="spatial") for name in ("left", "right")
    ]
    together = hs.combine_sections(alone, weights=[3, 1])
    np.testing.assert_allclose(together.obs[SHARPNESS], powers[0] ** 0.75 * powers[1] ** 0.25)
    mixed = hs.combine_sections(
        [alone[0], hs.map_cells(sc, st[labels == "right"].copy(), gene_weights="equal")]
    )
    assert SHARPNESS not in mixed.obs


def test_a_file_keeps_the_sharpness(mapped, tmp_path) -> None:
    mapping = mapped[2]
    hs.save(mapping, tmp_path / "map.h5ad")
    again = hs.load(tmp_path / "map.h5ad")
    pd.testing.assert_frame_equal(hs.cell_positions(again), hs.cell_positions(mapping))
    record = again.uns["homespot"]
    np.testing.assert_array_equal(
        record["sharpness"]["agreement"], mapping.uns["homespot"]["sharpness"]["agreement"]
    )
    np.testing.assert_array_equal(record["gene_weights"], mapping.uns["homespot"]["gene_weights"])


def test_agreement_does_not_see_the_order_of_the_users_seed(mapped) -> None:
    sc, st, mapping = mapped
    other = hs.map_cells(sc, st, gene_weights="spatial", seed=7)
    np.testing.assert_array_equal(other.obs[SHARPNESS], mapping.obs[SHARPNESS])


def test_z_scores_alone_decide(mapped) -> None:
    """The sharpness of a map follows from the weighted z-scores and the places, which `agreement` takes."""
    sc, st, mapping = mapped
    logs = [np.log1p(1e4 * x / x.sum(axis=1, keepdims=True)) for x in (sc.X.astype("f8"), st.X.astype("f8"))]
    weights = mapping.uns["homespot"]["gene_weights"]
    z = [(z_scores(x) * weights).astype("f4") for x in logs]
    found = agreement(*z, Places(st.obsm["spatial"]), 0.05)
    np.testing.assert_allclose(found.agreement, mapping.uns["homespot"]["sharpness"]["agreement"], atol=1e-3)


def test_the_plot_shows_the_curve_of_every_section(mapped) -> None:
    from matplotlib import pyplot as plt

    sc, st, mapping = mapped
    ax = hs.plot.agreement(mapping)
    record = mapping.uns["homespot"]["sharpness"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), record["powers"])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), record["agreement"])
    assert ax.lines[1].get_xdata()[0] == record["power"]
    assert ax.get_legend() is None
    labels = np.where(st.obsm["spatial"][:, 0] < 5, "left", "right")
    both = hs.plot.agreement(hs.map_cells(sc, st, gene_weights="spatial", sections=labels))
    assert [text.get_text() for text in both.get_legend().get_texts()] == ["left", "right"]
    plt.close("all")
    damaged = mapping.copy()
    for wrong in (3, {}, {"power": 1.0, "powers": "x", "agreement": [1.0]}):
        damaged.uns["homespot"]["sharpness"] = wrong
        with pytest.raises(InputError, match="agreement of two halves"):
            hs.plot.agreement(damaged)
    with pytest.raises(
        InputError, match=r"agreement of two halves .* method 'ssa' without.*gene_weights='spatial'"
    ):
        hs.plot.agreement(hs.map_cells(sc, st, gene_weights="equal"))


@pytest.mark.parametrize("p", [np.full((30, 9), 1 / 9), np.eye(9)[np.arange(30) % 9]])
def test_rows_of_one_entropy_at_every_power_have_a_sharpness(p) -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(30, 8)), rng.normal(size=(9, 8))
    known = agreement(*tables, Places(rng.normal(size=(9, 2))), 0.05)
    found = matched(known, *tables, p, 0.05)
    assert 0 < found.power < np.inf


def test_a_map_is_read_at_the_entropy_of_the_correlation() -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(30, 8)), rng.normal(size=(9, 8))
    known = agreement(*tables, Places(rng.normal(size=(9, 2))), 0.05)
    rho = np.corrcoef(*tables)[:30, 30:]
    rows = softmax(SOFTER * known.power * rho / (0.05 * (1 - rho.min())), axis=1)
    other = softmax(rng.normal(size=(30, 9)), axis=1)
    centred = [x - x.mean(axis=1, keepdims=True) for x in tables]
    found = matched(known, *centred, other, 0.05)
    sharpened = softmax(SOFTER * found.power * np.log(other), axis=1)
    assert entropy(sharpened, axis=1).mean() == pytest.approx(entropy(rows, axis=1).mean(), rel=1e-3)


def test_threads_change_no_byte_of_map_places_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    sc, st = hs.make_demo()
    found = []
    for n in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", n)
        mapping = hs.map_cells(sc, st, progress=False)
        table = hs.cell_positions(mapping).select_dtypes("number")
        found.append((mapping.X.tobytes(), table.to_numpy().tobytes()))
    assert found[0] == found[1] == found[2]
