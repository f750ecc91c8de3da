"""The same numbers from Python, from R inside Python, from a fresh R process and from the command line."""

import json
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot

CASES = (
    *("default", "dense", "correlation", "k_best", "exact", "float64", "settings"),
    *("weighted", "weights", "sections", "sections_k_best"),
)


@pytest.mark.parametrize("case", CASES)
def test_r_gives_the_map_of_python(case, fresh, hosted, own, same):
    for folder in (fresh, hosted):
        found = same.from_r(folder / case)
        same.numbers(found, own[case])
        same.coordinates(found, own[case])
        same.record(found.record, own[case].uns["homespot"])
        homes = homespot.cell_positions(own[case])["homespot_spot"]
        assert found.home.tolist() == homes.tolist()


@pytest.mark.parametrize("case", CASES)
def test_r_gives_the_places_of_python(case, fresh, hosted, own, same):
    for folder in (fresh, hosted):
        same.places(folder / f"{case}_places.json", own[case])


@pytest.mark.parametrize("case", CASES)
def test_r_saves_the_map_of_python(case, fresh, own, same):
    found = homespot.load(fresh / f"{case}.h5ad")
    expected = own[case].copy()
    expected.var["sample_id"] = pd.Categorical(["sample01"] * expected.n_vars)
    same.mapping(found, expected)


DATA = (
    *("found", "apart", "column", "column_joint", "shared_frame", "listed", "listed_apart"),
    *("off_tissue", "gene_columns", "plain_columns", "picture", "features"),
)


@pytest.mark.parametrize("case", DATA)
def test_r_takes_what_the_data_say_as_python_does(case, fresh, hosted, variants, same):
    """Sections, tissue, axes and names: the map, its annotation, its record, and every cell's place."""
    expected = variants[case]
    for folder in (fresh, hosted):
        found = same.from_r(folder / f"variant_{case}")
        same.numbers(found, expected)
        same.coordinates(found, expected)
        same.record(found.record, expected.uns["homespot"])
        for columns, table in ((found.obs, expected.obs), (found.var, expected.var)):
            own = [name for name in table if name.startswith("homespot_")]
            assert {name for name in columns if name.startswith("homespot_")} == set(own)
            for name in own:
                same.columns({name: columns[name]}, table[[name]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", homespot.errors.DataWarning)
            same.places(folder / f"variant_{case}_places.json", expected)
            homes = homespot.cell_positions(expected)["homespot_spot"]
        assert found.home.tolist() == homes.tolist()


def test_the_variants_are_not_all_the_same(variants):
    assert {name: m.uns["homespot"].get("y_direction") for name, m in variants.items()}["picture"] == "down"
    assert variants["off_tissue"].n_vars == 32
    assert variants["features"].uns["homespot"]["genes"].shape == (56,)
    assert variants["listed"].var_names[0].startswith("s/2_spot")
    assert "homespot_section" not in variants["shared_frame"].var


def test_the_python_that_hosts_r_computes(hosted):
    found = json.loads((hosted / "python.json").read_text())
    assert found["why"][0].startswith("it hosts this R process (RETICULATE_PYTHON names /no/such/python")
    assert found["core"] == [homespot.__path__[0]]


def test_the_python_that_the_user_named_computes(fresh, environment):
    found = json.loads((fresh / "python.json").read_text())
    assert found["why"] == ["RETICULATE_PYTHON names it"]
    assert found["python"] == [environment["RETICULATE_PYTHON"]]
    assert found["homespot"] == [homespot.__version__]


def test_placed_cells_come_back_by_anndata2ri(hosted, problem, own):
    placed = ad.read_h5ad(hosted / "placed.h5ad")
    mapping = own["k_best"]
    expected = homespot.cell_positions(mapping)
    assert list(placed.obs_names) == list(problem[0].obs_names)
    assert list(placed.var_names) == list(problem[0].var_names)
    assert (placed.X != problem[0].X).nnz == 0
    for name in expected:
        assert placed.obs[name].tolist() == expected[name].tolist()
    assert placed.obs["homespot_left_over"].tolist() == mapping.obs["homespot_left_over"].tolist()
    assert np.array_equal(placed.obsm["homespot"].toarray(), mapping.X.toarray())


@pytest.mark.parametrize("case", ["default", "k_best", "settings", "sections"])
def test_the_command_line_gives_the_same_bytes(case, command_line, own, same):
    same.mapping(homespot.load(command_line / f"{case}.h5ad"), own[case])


def test_two_fresh_processes_give_the_same_bytes(command_line, own, same):
    one, two = (homespot.load(command_line / f"{name}.h5ad") for name in ("default", "again"))
    same.mapping(one, two, ignore=())
    same.mapping(one, own["default"], ignore=())


def test_the_command_line_places_as_python_does(command_line, own):
    placed = ad.read_h5ad(command_line / "placed.h5ad")
    expected = homespot.cell_positions(own["default"])
    for name in expected:
        assert placed.obs[name].tolist() == expected[name].tolist()


@pytest.mark.parametrize("stored", ["float64", "fortran", "float64 fortran", "int64", "uint16"])
def test_storage_of_the_input_does_not_matter(stored, problem, own, same):
    tables = tuple(table.copy() for table in problem)
    for table in tables:
        x = table.X.toarray()
        x = x.astype(stored.split()[0]) if not stored.startswith("fortran") else x
        table.X = np.asfortranarray(x) if stored.endswith("fortran") else x
    same.mapping(homespot.map_cells(*tables), own["dense"])


@pytest.mark.parametrize("stored", ["float64", "csc", "int32"])
def test_storage_of_sparse_input_does_not_matter(stored, problem, own, same):
    tables = tuple(table.copy() for table in problem)
    for table in tables:
        table.X = table.X.tocsc() if stored == "csc" else table.X.astype(stored)
    same.mapping(homespot.map_cells(*tables), own["default"])


def test_dense_and_sparse_input_agree(own, fresh, same):
    """Sums run in another order: P to 1e-6, as for R's classes of matrices."""
    assert np.abs(own["dense"].X - own["default"].X).max() <= 1e-6
    found = [same.from_r(fresh / case).p for case in ("dense", "default")]
    assert np.abs(found[0] - found[1]).max() <= 1e-6


def test_float64_is_close_to_float32(own):
    assert own["float64"].X.dtype == np.float64
    assert np.abs(own["float64"].X - own["default"].X).max() <= 1e-4


def test_two_threads_at_once_give_the_same_bytes(threads):
    assert threads["pairs"] == 16
    assert threads["wrong"] == []
