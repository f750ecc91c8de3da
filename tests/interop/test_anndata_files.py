"""AnnData files: Python reads what R's experiments write, and gets its own back from them."""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse


def _library(value):
    return {
        "images": {
            "hires": np.linspace(0, 255, 24).astype(np.uint8).reshape(2, 4, 3),
            "lowres": np.full((1, 2, 4), value, dtype=np.uint8),
        },
        "scalefactors": {
            "tissue_hires_scalef": 0.15,
            "tissue_lowres_scalef": 0.045,
            "spot_diameter_fullres": 89.4,
        },
        "metadata": {"source_image_path": "a/b.tif"},
    }


@pytest.fixture(scope="module")
def python():
    """An object as scanpy and squidpy leave it."""
    rng = np.random.default_rng(3)
    names = ["s/1", "NA", "µ", "4"]
    obs = pd.DataFrame(
        {
            "in_tissue": [1, 0, 1, 1],
            "sample_id": pd.Categorical(["A", "B", "A", "B"]),
            "leiden": pd.Categorical(["0", None, "1", "0"], categories=["1", "0", "2"]),
            "order": pd.Categorical(["lo", "hi", "lo", "lo"], categories=["lo", "hi"], ordered=True),
            "barcode": ["w", "x", "y", "z"],
            "maybe": pd.array([True, None, False, True], dtype="boolean"),
            "n": pd.array([1, None, 3, 4], dtype="Int64"),
            "pct": [0.1, np.nan, np.inf, 3.0],
        },
        index=names,
    )
    var = pd.DataFrame({"highly_variable": [True, False, True]}, index=["g1", "nan", "TRUE"])
    adata = ad.AnnData(sparse.random(4, 3, 0.6, "csr", np.float32, rng), obs, var)
    adata.layers["counts"] = rng.poisson(2, (4, 3))
    adata.layers["scaled"] = rng.normal(size=(4, 3)).astype(np.float32)
    adata.obsm["spatial"] = rng.uniform(0, 1e4, (4, 2))
    adata.obsm["X_pca"] = rng.normal(size=(4, 2))
    adata.varm["PCs"] = rng.normal(size=(3, 2))
    adata.obsp["connectivities"] = sparse.csr_matrix(np.diag([0.5, 1.0, 2.0], -1))
    adata.varp["genes"] = sparse.csr_matrix(np.eye(3))
    adata.uns["spatial"] = {"A": _library(1), "B": _library(2)}
    adata.uns["neighbors"] = {"params": {"n_neighbors": 15, "metric": "euclidean", "random": False}}
    adata.uns["leiden_colors"] = np.array(["#111111", "#222222"], dtype=object)
    adata.uns["pca"] = {"variance_ratio": np.array([0.5, 0.25]), "grid": np.arange(6.0).reshape(2, 3)}
    adata.uns["table"] = pd.DataFrame({"t": ["u", "v"], "k": [1, 2]}, index=["r1", "r2"])
    return adata


@pytest.fixture(scope="module")
def exchanged(python, sourced, tmp_path_factory):
    """Folder of the files: R's, and Python's that went through R."""
    folder = tmp_path_factory.mktemp("files")
    python.copy().write_h5ad(folder / "python.h5ad")
    sourced("annData.R", {"FOLDER": folder})
    return folder


@pytest.fixture(scope="module")
def from_r(exchanged):
    return ad.read_h5ad(exchanged / "r.h5ad")


def test_names_and_values_of_r(from_r):
    assert list(from_r.obs_names) == ["cell/1", "NA", "µ 3"]
    assert list(from_r.var_names) == ["beta'COP", "nan", "1", "TRUE"]
    counts = np.array([[0, 3, 0, 1], [2, 0, 0, 5], [0, 0, 7, 0]])
    assert isinstance(from_r.X, sparse.csr_matrix)
    assert from_r.X.nnz == 5
    assert np.array_equal(from_r.X.toarray(), counts)
    assert set(from_r.layers) - {None} == {"square_roots", "whole"}  # anndata 0.13 lists X as None
    assert np.array_equal(from_r.layers["square_roots"], np.sqrt(counts))
    assert from_r.layers["whole"].dtype == np.int32
    assert np.array_equal(from_r.layers["whole"], counts)


def test_annotation_of_r(from_r):
    obs, var = from_r.obs, from_r.var
    assert obs["sample_id"].tolist() == ["one", "one", "two/2"]
    assert list(obs["type"].cat.categories) == ["b", "a", "unused"]
    assert obs["type"].cat.codes.tolist() == [0, -1, 1]
    assert obs["grade"].cat.ordered
    assert obs["flag"].dtype == bool
    assert obs["maybe"].tolist() == [True, pd.NA, False]
    assert obs["count"].tolist() == [1, pd.NA, -3]
    assert obs["number"].iloc[0] == 0.1
    assert np.isnan(obs["number"].iloc[1])
    assert obs["number"].iloc[2] == -np.inf
    assert obs["odd_name"].tolist() == [1, 2, 3]
    assert var["symbol"].iloc[[0, 1, 3]].tolist() == ["x", "x", "y"]
    assert var["symbol"].isna().tolist() == [False, False, True, False]
    assert var["variable"].tolist() == [True, pd.NA, False, True]


def test_places_and_images_of_r(from_r):
    """As scanpy and squidpy look for them: pixels of 0 to 255, and their scale factors."""
    assert np.array_equal(from_r.obsm["spatial"], [[0.1, 3], [0.2, 2], [0.3, 1e9]])
    spatial = from_r.uns["spatial"]
    assert set(spatial) == {"one", "two_2"}
    assert set(spatial["one"]["images"]) == {"hires", "lowres"}
    for image in spatial["one"]["images"].values():
        assert image.dtype == np.uint8
        assert image.tolist() == [[[255, 10, 30], [0, 20, 40]]]
    assert spatial["one"]["scalefactors"] == {
        "tissue_hires_scalef": 0.5,
        "tissue_lowres_scalef": 0.05,
        "spot_diameter_fullres": 89.5,
    }
    assert spatial["two_2"]["scalefactors"] == {"tissue_hires_scalef": 0.25}


def test_what_else_r_has(from_r):
    assert np.array_equal(from_r.obsm["PCA"], np.arange(1, 7).reshape(2, 3).T / 7)
    assert np.array_equal(from_r.obsp["near"].toarray(), [[0, 0.5, 0], [0, 0, 0], [2, 0, 0]])
    assert from_r.varp["with"][1, 3] == 1
    assert from_r.varp["with"].nnz == 1
    assert from_r.uns["name"] == "one"
    assert from_r.uns["colours"] == {"b": "#ff0000", "a": "#00ff00"}
    assert from_r.uns["sizes"].tolist() == [1, 2, 3]
    protein = ad.AnnData(**from_r.uns["altExps"]["protein"])
    assert list(protein.obs_names) == list(from_r.obs_names)
    assert list(protein.var_names) == ["CD3", "CD4"]
    assert protein.X.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert protein.var["clone"].tolist() == ["c1", "c2"]


def test_the_file_is_plain_anndata(exchanged):
    """Every entry says how it is encoded, in the encodings of anndata's specification."""
    known = {
        *("anndata", "dataframe", "dict", "array", "string", "string-array", "csr_matrix", "categorical"),
        *("numeric-scalar", "nullable-integer", "nullable-boolean"),
    }
    found = {}
    inner = {"csr_matrix": 3, "categorical": 2, "nullable-integer": 2, "nullable-boolean": 2}

    def look(name, entry):
        parent = entry.parent.attrs.get("encoding-type")
        if parent not in inner or parent == "dict":
            found[name] = entry.attrs.get("encoding-type")

    with h5py.File(exchanged / "r.h5ad") as file:
        file.visititems(look)
        assert file.attrs["encoding-type"] == "anndata"
    assert set(found.values()) <= known, {k: v for k, v in found.items() if v not in known}
    assert {"X", "obs", "var", "layers", "obsm", "varm", "obsp", "varp", "uns"} <= set(found)


def _same_value(found, expected, where):
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for name in expected:
            _same_value(found[name], expected[name], f"{where}/{name}")
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        assert np.array_equal(np.asarray(found), np.asarray(expected)), where
        assert np.asarray(found).dtype.kind == np.asarray(expected).dtype.kind or where.startswith("/spatial")


def test_what_python_wrote_comes_back(exchanged):
    """Names, values, types of columns, images and uns; numbers in R's types."""
    expected, found = (ad.read_h5ad(exchanged / f"{name}.h5ad") for name in ("python", "back"))
    pd.testing.assert_frame_equal(found.obs, expected.obs)
    pd.testing.assert_frame_equal(found.var, expected.var)
    assert isinstance(found.X, sparse.csr_matrix)
    assert np.array_equal(found.X.toarray(), expected.X.toarray())
    for slot in ("layers", "obsm", "varm", "obsp", "varp"):
        for name, matrix in getattr(expected, slot).items():
            back = getattr(found, slot)[name]
            dense = [m.toarray() if sparse.issparse(m) else m for m in (back, matrix)]
            assert sparse.issparse(back) == sparse.issparse(matrix)
            assert np.array_equal(*dense), (slot, name)
    uns = dict(found.uns)
    assert uns.pop("homespot_experiment")["class"] == "SpatialExperiment"
    _same_value(uns, expected.uns, "")
