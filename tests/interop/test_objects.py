"""Results of one language read in the other: names, coordinates, annotation and record stay."""

import numpy as np
import pandas as pd
import pytest

import homespot
from homespot.objects.seal import read_seal

SAVED = ("3d", "sparse", "nowhere", "subset")


@pytest.fixture(params=SAVED)
def name(request):
    return request.param


@pytest.fixture
def read(folder, name):
    """The mapping as Python reads its file; text that repeats is a Categorical by then."""
    return homespot.load(folder / f"saved_{name}.h5ad")


def _spots(mapping):
    return mapping.var.drop(columns=["x", "y", "z"], errors="ignore")


def _as_converted(obs):
    """anndata2ri makes R's syntactic names of the columns' names."""
    return obs.rename(columns={"odd name, (µ)": "odd.name...µ."})


def test_r_loads_what_python_saved(name, read, fresh, same):
    found = same.from_r(fresh / f"saved_{name}")
    assert found.classes == "CellMapping"
    same.numbers(found, read)
    same.coordinates(found, read)
    same.columns(found.obs, read.obs)
    same.columns(found.var, _spots(read))
    same.record(found.record, read.uns["homespot"], ignore=())


def test_what_python_saved_survives_r(name, read, fresh, same):
    same.mapping(homespot.load(fresh / f"saved_{name}.h5ad"), read, ignore=())


def test_r_seals_p_as_python_does(name, folder, fresh):
    """What R has read and written has the digests of Python's file."""
    by_python, by_r = (read_seal(of / f"saved_{name}.h5ad") for of in (folder, fresh))
    assert by_r.matrix == by_python.matrix
    if name != "subset":  # R has the left-over as the last column, Python what was dropped
        assert by_r.tables == by_python.tables


def test_a_converted_mapping_is_turned_in_r(name, read, hosted, same):
    found = same.from_r(hosted / f"converted_saved_{name}")
    assert found.classes == "CellMapping"
    same.numbers(found, read)
    same.coordinates(found, read)
    same.columns(found.obs, _as_converted(read.obs))
    same.columns(found.var, _spots(read))


def test_a_converted_mapping_has_its_record(name, read, hosted, same):
    found = same.from_r(hosted / f"converted_saved_{name}")
    same.record(found.record, read.uns["homespot"], ignore=())


def test_a_converted_mapping_comes_back(name, read, hosted, same):
    found = homespot.load(hosted / f"converted_saved_{name}.h5ad")
    expected = read.copy()
    expected.obs = _as_converted(read.obs)
    lost = set(read.uns["homespot"]) - set(found.uns["homespot"])
    same.mapping(found, expected, ignore=lost)


@pytest.fixture(params=["3d", "sparse", "nowhere"])
def made(request, fresh):
    return request.param, homespot.load(fresh / f"made_{request.param}.h5ad")


def test_python_loads_what_r_made(made):
    kind, mapping = made
    assert list(mapping.obs_names) == ["beta'COP", "nan", "E(spl)m5-HLH"]
    assert list(mapping.var_names) == ["spot/1", "NA", "µ 3"]
    p = np.array([[0.75, 0.25, 0], [0.125, 0.5, 0.375], [0, 0.125, 0.75]], dtype="f4")
    if kind != "3d":
        p[:, 2] = 0
    assert mapping.X.dtype == np.float32
    x = mapping.X.toarray() if kind == "sparse" else mapping.X
    assert np.array_equal(x, p)
    assert mapping.obs["homespot_left_over"].tolist() == (1 - p.sum(axis=1, dtype="f8")).tolist()
    xyz = np.array([[0.1, 1, -1], [0.2, 2, 0], [0.3, 3, 1e9 + 0.1]])
    if kind == "nowhere":
        assert "spatial" not in mapping.varm
    else:
        dimensions = 3 if kind == "3d" else 2
        assert np.array_equal(mapping.varm["spatial"], xyz[:, :dimensions])
        assert np.array_equal(mapping.var[["x", "y", "z"][:dimensions]], xyz[:, :dimensions])


def test_annotation_that_r_made(made):
    _, mapping = made
    obs, var = mapping.obs, mapping.var
    assert list(obs["type"].cat.categories) == ["b", "a", "unused"]
    assert obs["type"].cat.codes.tolist() == [0, -1, 1]
    assert obs["grade"].cat.ordered
    assert obs["grade"].astype(str).tolist() == ["lo", "hi", "lo"]
    assert obs["text"].iloc[:2].tolist() == ["x", "NA"]
    assert pd.isna(obs["text"].iloc[2])
    assert obs["flag"].tolist() == [True, False, True]
    assert obs["maybe"].iloc[[0, 2]].tolist() == [True, False]
    assert pd.isna(obs["maybe"].iloc[1])
    assert obs["count"].iloc[[0, 2]].tolist() == [1, -3]
    assert pd.isna(obs["count"].iloc[1])
    assert obs["number"].iloc[0] == 0.1
    assert np.isnan(obs["number"].iloc[1])
    assert obs["number"].iloc[2] == -np.inf
    assert obs["odd name"].tolist() == [1, 2, 3]
    assert var["sample_id"].astype(str).tolist() == ["s1", "s1", "s2"]
    assert var["area"].tolist() == [0.1, 0.2, 0.3]
    record = mapping.uns["homespot"]
    assert record["method"] == "by hand"
    assert record["parameters"]["a"] == 0.1
    assert list(record["parameters"]["b"]) == [1, 2, 3]
    assert list(record["genes"]) == ["nan", "beta'COP"]


def test_python_works_with_what_r_made(made):
    kind, mapping = made
    if kind == "nowhere":
        with pytest.raises(homespot.errors.InputError, match="coordinates"):
            homespot.cell_positions(mapping)
    else:
        assert homespot.cell_positions(mapping)["homespot_spot"].tolist()[:2] == ["spot/1", "NA"]
    kept = homespot.subset(mapping, spots=["NA", "spot/1"])
    assert list(kept.var_names) == ["NA", "spot/1"]
