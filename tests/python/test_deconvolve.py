"""deconvolve_spots and annotate_cells against sums written out."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.mapping.validity import new_mapping

TYPES = ["b", "a", "b", "a"]
P = np.array([[0.5, 0.5, 0], [0, 1, 0], [0.25, 0.5, 0.25], [0, 0, 1]])
AT = np.array([[0.0, 0], [1, 0], [2, 0]])


def by_hand(*, stored: str = "dense", p: np.ndarray = P, placed: bool = True) -> ad.AnnData:
    cells = pd.DataFrame({"type": TYPES}, index=["c1", "c2", "c3", "c4"])
    spots = pd.DataFrame({"layer": ["L1", "L2", "L1"], "nuclei": [2, 4, 6]}, index=["s1", "s2", "s3"])
    matrix = p.astype(np.float32)
    return new_mapping(
        sparse.csr_matrix(matrix) if stored == "csr" else matrix,
        cells,
        spots,
        {"method": "by hand"},
        positions=AT if placed else None,
        left_over=1 - p.sum(axis=1),
    )


@pytest.mark.parametrize("stored", ["dense", "csr"])
@pytest.mark.parametrize(
    ("read_out", "proportions", "confident"),
    [
        ("square", [[0, 1], [2 / 3, 1 / 3], [16 / 17, 1 / 17]], [0.8, 1 / 6, 16 / 17]),
        ("sum", [[0, 1], [0.5, 0.5], [0.8, 0.2]], [2 / 3, 0.25, 0.8]),
    ],
)
def test_proportions_by_hand(stored: str, read_out, proportions, confident) -> None:
    found = hs.deconvolve_spots(
        by_hand(stored=stored), "type", read_out=read_out, confident=[True, False, False, True]
    )
    assert found.var_names.tolist() == ["a", "b"]
    assert found.var["n_cells"].tolist() == [2, 2]
    np.testing.assert_allclose(found.X, proportions)
    np.testing.assert_allclose(found.layers["cells"], np.array(proportions) * [[0.75], [2], [1.25]])
    np.testing.assert_allclose(found.obs["homespot_cells"], [0.75, 2, 1.25])
    assert found.obs["homespot_type"].tolist() == ["b", "a", "a"]
    np.testing.assert_allclose(found.obs["homespot_type_prob"], np.max(proportions, axis=1))
    np.testing.assert_allclose(found.obs["homespot_confident_share"], confident)
    np.testing.assert_array_equal(found.obsm["spatial"], AT)
    assert found.uns["homespot"]["read_out"] == read_out


def test_numbers_by_probability_add_up_to_the_cells() -> None:
    mapping = by_hand()
    found = hs.deconvolve_spots(mapping, "type", read_out="sum")
    np.testing.assert_allclose(found.layers["cells"].sum(axis=0), found.var["n_cells"])


def test_squares_are_nearer_to_the_truth() -> None:
    sc, st = hs.make_demo()
    count = pd.crosstab(sc.obs["true_spot"], sc.obs["cell_type"])
    truth = count.div(count.sum(axis=1), axis=0)
    mapping = hs.map_cells(sc, st, progress=False)
    scores = {}
    for read_out in ("square", "sum"):
        found = hs.deconvolve_spots(mapping, "cell_type", read_out=read_out)[truth.index].to_df()
        scores[read_out] = hs.metrics.proportion_scores(truth, found).mean()
    assert scores["square"]["rmse"] < 0.9 * scores["sum"]["rmse"]
    assert scores["square"]["jsd"] < 0.8 * scores["sum"]["jsd"]
    assert scores["square"]["ssim"] > scores["sum"]["ssim"]


def test_densities_scale_the_numbers_and_not_the_proportions() -> None:
    mapping = by_hand()
    plain = hs.deconvolve_spots(mapping, "type")
    for density in ("nuclei", [2, 4, 6], pd.Series([6, 4, 2, 1], index=["s3", "s2", "s1", "s0"])):
        found = hs.deconvolve_spots(mapping, "type", density=density)
        np.testing.assert_allclose(found.X, plain.X)
        np.testing.assert_allclose(found.obs["homespot_cells"], [2, 4, 6])
        np.testing.assert_allclose(found.layers["cells"], plain.X * np.array([[2], [4], [6]]))


def test_a_spot_without_cells_has_no_proportions() -> None:
    p = np.array([[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0], [0, 1, 0.0]])
    with pytest.warns(DataWarning, match=r"1 spot\(s\) hold no cell"):
        found = hs.deconvolve_spots(by_hand(p=p, stored="csr"), "type", density="nuclei")
    assert np.isnan(found.X[2]).all()
    np.testing.assert_allclose(found.X[:2].sum(axis=1), 1)
    assert found.obs["homespot_type"].isna().tolist() == [False, False, True]
    assert found.layers["cells"][2].tolist() == [0, 0]


def test_the_places_say_which_cells_are_confident(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    confident = hs.cell_positions(mapping)["homespot_confident"]
    share = hs.deconvolve_spots(mapping, "type").obs["homespot_confident_share"]
    squares = np.square(mapping.X.astype(np.float64))
    np.testing.assert_allclose(
        share, squares[confident.to_numpy()].sum(axis=0) / squares.sum(axis=0), rtol=1e-5
    )
    given = hs.deconvolve_spots(mapping, "type", confident=confident.sample(frac=1, random_state=0))
    np.testing.assert_array_equal(share, given.obs["homespot_confident_share"])


def test_without_coordinates_nothing_is_said_of_confidence() -> None:
    found = hs.deconvolve_spots(by_hand(placed=False), "type")
    assert "homespot_confident_share" not in found.obs
    assert "spatial" not in found.obsm


def test_the_result_can_be_written(tmp_path: object) -> None:
    found = hs.deconvolve_spots(by_hand(), "type")
    found.write_h5ad(f"{tmp_path}/types.h5ad")
    read = ad.read_h5ad(f"{tmp_path}/types.h5ad")
    np.testing.assert_array_equal(read.X, found.X)
    assert read.obs["homespot_type"].tolist() == ["b", "a", "a"]


@pytest.mark.parametrize("stored", ["dense", "csr"])
def test_labels_of_spots_for_cells(stored: str) -> None:
    truncated = P.copy()
    truncated[0, 0] = 0  # half of the first row is left over
    found = hs.annotate_cells(by_hand(p=truncated, stored=stored), "layer")
    assert found.var_names.tolist() == ["L1", "L2"]
    assert found.var["n_spots"].tolist() == [2, 1]
    np.testing.assert_allclose(found.X, [[0, 1], [0, 1], [0.5, 0.5], [1, 0]])
    assert found.obs["homespot_label"].tolist() == ["L2", "L2", "L1", "L1"]
    np.testing.assert_allclose(found.obs["homespot_label_prob"], [1, 1, 0.5, 1])


def test_what_does_not_fit_is_refused() -> None:
    mapping = by_hand()
    cases = [
        (
            lambda: hs.deconvolve_spots(mapping, "lost"),
            r"a column 'lost' with the labels",
        ),
        (lambda: hs.deconvolve_spots(mapping, ["a"]), r"labels of the mapping's 4 cells, found 1 value"),
        (
            lambda: hs.annotate_cells(mapping, "type"),
            r"a column 'type' with the labels",
        ),
        (
            lambda: hs.deconvolve_spots(mapping, "type", density=[1, -1, 1]),
            r"a number of cells of at least 0 for every spot as density, found 1 spot\(s\) without \('s2'\)",
        ),
        *(
            (
                lambda density=density: hs.deconvolve_spots(mapping, "type", density=density),
                r"a number of cells .* found 3 spot\(s\) without",
            )
            for density in (np.full(3, 1j), pd.to_datetime(["2020-01-01"] * 3))
        ),
        (
            lambda: hs.deconvolve_spots(mapping, "type", read_out="mean"),
            r"read_out to be one of 'square', 'sum', found 'mean'",
        ),
        (lambda: hs.deconvolve_spots(mapping, "type", density="layer"), r"found 3 spot\(s\) without"),
        (
            lambda: hs.deconvolve_spots(mapping, "type", confident=[0.1, 0.2, 0.3, 0.4]),
            r"True or False for every cell as confident, found values like '0\.1'",
        ),
        (
            lambda: hs.deconvolve_spots(
                mapping, "type", confident=pd.array([True, None, False, True], dtype="boolean")
            ),
            r"True or False for every cell as confident, found 1 cell\(s\) without \('c2'\)",
        ),
    ]
    for call, message in cases:
        with pytest.raises(InputError, match=message):
            call()
    nowhere = by_hand(p=np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1.0]]))
    with pytest.raises(InputError, match=r"1 cell\(s\) without any on the spots of this mapping \('c1'\)"):
        hs.annotate_cells(nowhere, "layer")


def test_labels_that_are_categories_of_dates() -> None:
    days = pd.Categorical(pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-02"]))
    p = np.eye(3)
    mapping = new_mapping(p, pd.DataFrame(index=list("abc")), pd.DataFrame(index=list("xyz")), {})
    found = hs.deconvolve_spots(mapping, days)
    assert found.var_names.tolist() == ["2024-01-01 00:00:00", "2024-01-02 00:00:00"]
    np.testing.assert_array_equal(found.X, [[0, 1], [1, 0], [0, 1]])
