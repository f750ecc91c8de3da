"""What follows from a map: the same numbers from both languages, and results through the converter."""

import json
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot

MAPS: dict[str, dict[str, Any]] = {
    "dense": {"shared_frame": True},
    "k_best": {"k_best": 3, "shared_frame": True},
    "first": {"k_best": 1, "shared_frame": True, "gene_weights": "equal"},
    "potentials": {"storage": "streamed", "n_components": None, "shared_frame": True},
    "sections": {},
    "apart": {"sections": "sample_id"},
}
SOME_GENES = ["µ 3", "beta'COP", "NA", "only in cells"]


@pytest.fixture(scope="module")
def tables(problem):
    """The problem with types, layers, numbers of nuclei, samples and annotation of the genes."""
    sc, st = (table.copy() for table in problem)
    sc.obs["type"] = [["beta'COP", "nan", "µ 3"][i % 3] for i in range(sc.n_obs)]
    sc.obs["cluster"] = [[1.0, 10.0, 2.0][i // 5 % 3] for i in range(sc.n_obs)]
    sc.var["note"] = [f"note of {name}" for name in sc.var_names]
    sc.var["rank"] = np.arange(sc.n_vars) + 1
    st.obs["layer"] = pd.Categorical(
        ["in" if i % 4 else "out" for i in range(st.n_obs)], categories=["out", "in"]
    )
    st.obs["sample_id"] = ["one", "two"] * (st.n_obs // 2)
    return sc, st


@pytest.fixture(scope="module")
def scores():
    """A table as cross_validate returns it."""
    return pd.DataFrame(
        {
            "gene": ["NA", "µ 3", "gene01"],
            "fold": [0, 1, 1],
            "method": "ssa",
            "pcc": [0.1, np.nan, 0.3],
            "ssim": [0.4, 0.5, 0.6],
            "rmse": [1.0, 1.25, 1.5],
            "jsd": [0.7, 0.8, 0.9],
            "seconds": 1.0,
            "read_out": "scaled",
            "residuals": ["0.5:1 2:-0.25", "0.75:0.5 1:-1", "1.5:0.125 3:2"],
        }
    )


@pytest.fixture(scope="module")
def maps(tables):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", homespot.errors.DataWarning)
        return {kind: homespot.map_cells(*tables, **arguments) for kind, arguments in MAPS.items()}


@pytest.fixture(scope="module")
def files(folder, maps, scores, tmp_path_factory):
    """Everything in files that R reads."""
    path = tmp_path_factory.mktemp("verbs")
    shutil.copytree(folder, path, dirs_exist_ok=True)
    for kind, mapping in maps.items():
        homespot.save(mapping, path / f"map_{kind}.h5ad")
    scores.to_csv(path / "scores.csv", index=False)
    (path / "some_genes.txt").write_text("".join(f"{name}\n" for name in SOME_GENES), encoding="utf-8")
    return path


def _verbs(mapping, sc, st, scores, output):
    """Return every result, by the name that verbs.R gives it."""
    cells, spots = mapping.obs_names, mapping.var_names
    flags = pd.Series((np.arange(len(cells)) + 1) % 3 == 0, index=cells)
    densities = pd.Series(np.arange(len(spots)) + 1.0, index=spots)
    deconvolve, impute = homespot.deconvolve_spots, homespot.impute_genes
    return {
        "types": deconvolve(mapping, "type"),
        "types by sum": deconvolve(mapping, "type", read_out="sum"),
        "types by name": deconvolve(mapping, mapping.obs["type"][::-1]),
        "types by number": deconvolve(mapping, "cluster"),
        "types by density": deconvolve(mapping, "type", density=densities, confident=flags),
        "types of draws": deconvolve(mapping, "type", level=0.5),
        "types joined": deconvolve(mapping, "type", sc=sc, st=st, level=0.5),
        "labels": homespot.annotate_cells(mapping, "layer"),
        "co-location": homespot.colocate_types(mapping, "type"),
        "distances of types": homespot.type_distances(mapping, "type"),
        "distances of cells": homespot.cell_distances(mapping),
        "distances of some": homespot.cell_distances(mapping, list(cells[::-1][:7])),
        "modes": homespot.cell_modes(mapping),
        "scaled": impute(mapping, sc),
        "mean": impute(mapping, sc, read_out="mean"),
        "sum": impute(mapping, sc, read_out="sum"),
        "corrected": impute(mapping, sc, st=st),
        "some": impute(mapping, sc, SOME_GENES, scale="log", scores=scores),
        "from a dense matrix": impute(mapping, sc, SOME_GENES),
        "with intervals": impute(mapping, sc, SOME_GENES, scores=scores, level=0.7),
        "on disk": impute(mapping, sc, scores=scores, level=0.6, output=output, block_size=16),
    }


@pytest.fixture(scope="module")
def own(maps, tables, scores, tmp_path_factory):
    """What Python makes of every verb; what is on disk read again."""
    path = tmp_path_factory.mktemp("own")
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", homespot.errors.DataWarning)
        for kind, mapping in maps.items():
            output = path / f"imputed_{kind}.h5ad"
            found[kind] = _verbs(mapping, *tables, scores, output)
            found[kind]["on disk"].file.close()
            found[kind]["on disk"] = ad.read_h5ad(output)
    return found


@pytest.fixture(scope="module")
def processes(files, sourced, tmp_path_factory):
    """Two processes that run the same script at once, by their kind."""

    def run(kind):
        out = tmp_path_factory.mktemp(kind)
        sourced("verbs.R", {"PROBLEM": files, "OUT": out}, hosted=kind == "hosted")
        return out

    with ThreadPoolExecutor(2) as pool:
        return {kind: pool.submit(run, kind) for kind in ("fresh", "hosted")}


@pytest.fixture(scope="module", params=["fresh", "hosted"])
def r_verbs(request, processes):
    """Folder of what an R process made of every verb: one of its own, and one that Python hosts."""
    return processes[request.param].result()


@pytest.fixture(scope="module")
def from_r(r_verbs):
    """Every result of R, as plain values."""
    return json.loads((r_verbs / "verbs.json").read_text(encoding="utf-8"))


def _bytes_of(matrix):
    return np.ascontiguousarray(matrix, dtype="f8").tobytes()


def _same_values(found, expected):
    """R's variables x rows are Python's rows x variables, to the byte."""
    x = found.T
    narrow = x.astype(expected.dtype)
    assert np.array_equal(narrow.astype("f8"), x, equal_nan=True)
    # NaN has many forms, of which float32 keeps not all.
    assert (np.isnan(narrow) == np.isnan(expected)).all()
    assert _bytes_of(np.nan_to_num(narrow)) == _bytes_of(np.nan_to_num(expected))


SQUARES = ("co-location", "distances of types", "distances of cells", "distances of some")
TYPES = (
    *("types", "types by sum", "types by name", "types by number", "types by density"),
    *("types of draws", "types joined"),
)
GENES = ("scaled", "mean", "sum", "some", "from a dense matrix", "with intervals", "on disk")


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("verb", SQUARES)
def test_matrices_are_the_same(kind, verb, from_r, own, same):
    found, expected = from_r[f"{kind} {verb}"], own[kind][verb]
    assert found["rows"] == found["columns"] == list(expected.index)
    assert list(expected.columns) == list(expected.index)
    _same_values(same.decode(found["x"]), expected.to_numpy().T)


@pytest.mark.parametrize("kind", MAPS)
def test_modes_are_the_same(kind, from_r, own, same):
    """In the section of each cell where there are several."""
    found, expected = from_r[f"{kind} modes"], own[kind]["modes"]
    assert list(found) == list(expected.columns)
    assert ("section" in found) == (kind in ("sections", "apart"))
    for name in expected:
        values = same.decode(found[name])
        if expected[name].dtype in (object, "str"):
            assert values.tolist() == expected[name].tolist()
        else:
            assert _bytes_of(values.astype("f8")) == _bytes_of(expected[name])


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("verb", [*TYPES, "labels", *GENES])
def test_results_are_the_same(kind, verb, from_r, own, same):
    """Values, names, annotation of both sides, coordinates and record."""
    found, expected = from_r[f"{kind} {verb}"], own[kind][verb]
    of_cells = verb == "labels"
    assert found["class"] == ("SingleCellExperiment" if of_cells else "SpatialExperiment")
    assert found["rows"] == list(expected.var_names)
    assert found["columns"] == list(expected.obs_names)
    first = "probability" if of_cells else "proportion" if verb in TYPES else "imputed"
    values = {first: expected.X, **{name: layer for name, layer in expected.layers.items() if name}}
    assert set(found["assays"]) == set(values)
    for name in values:
        _same_values(same.decode(found["assays"][name]), values[name])
    of_columns, of_rows = (
        {name: same.decode(column) for name, column in found[side].items()}
        for side in ("of_columns", "of_rows")
    )
    # Coordinates are no columns in R; a bare matrix has no annotation.
    same.columns(of_columns, expected.obs.drop(columns=["x", "y", "z"], errors="ignore"))
    bare = ["note", "rank"] if verb == "from a dense matrix" else []
    same.columns(of_rows, expected.var.drop(columns=bare))
    if not of_cells:
        coordinates = same.decode(found["coordinates"])
        assert _bytes_of(coordinates) == _bytes_of(expected.obsm["spatial"])
    same.record(same.decode(found["record"]), expected.uns["homespot"], ignore=())


@pytest.mark.parametrize("way", ["", " by column", " to means"])
def test_fits_are_the_same(way, from_r, tables, same):
    sc, st = tables
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", homespot.errors.DataWarning)
        if way == " to means":
            means = (
                pd.DataFrame(sc.X.toarray(), columns=sc.var_names).groupby(sc.obs["type"].to_numpy()).mean()
            )
            expected = homespot.fit_types(means, st, sc_scale="counts")
        else:
            scales = {"sc_scale": "counts", "st_scale": "counts"} if way else {}
            expected = homespot.fit_types(sc, st, "type", level=0.5, **scales)
    found = from_r[f"fitted{way}"]
    assert (found["class"], found["rows"]) == ("SpatialExperiment", list(expected.var_names))
    assert found["columns"] == list(expected.obs_names)
    values = {"proportion": expected.X, **{name: layer for name, layer in expected.layers.items() if name}}
    assert set(found["assays"]) == set(values)
    for name in values:
        _same_values(same.decode(found["assays"][name]), values[name])
    of_columns = {name: same.decode(column) for name, column in found["of_columns"].items()}
    assert of_columns["lamina"].tolist() == st.obs["lamina"].tolist()
    kept = [name for name in expected.obs if name.startswith("homespot")]
    same.columns({name: of_columns[name] for name in kept}, expected.obs[kept])
    same.columns({k: same.decode(v) for k, v in found["of_rows"].items()}, expected.var)
    assert _bytes_of(same.decode(found["coordinates"])) == _bytes_of(expected.obsm["spatial"])
    same.record(same.decode(found["record"]), expected.uns["homespot"], ignore=())


@pytest.mark.parametrize("kind", MAPS)
def test_the_file_of_r_is_that_of_python(kind, r_verbs, own, same):
    found, expected = ad.read_h5ad(r_verbs / f"imputed_{kind}.h5ad"), own[kind]["on disk"]
    assert found.X.dtype == expected.X.dtype == np.float32
    assert found.X.tobytes() == expected.X.tobytes()
    assert set(found.layers) == set(expected.layers) == {"lower", "upper"}
    for name, layer in expected.layers.items():
        assert found.layers[name].tobytes() == layer.tobytes()
    pd.testing.assert_frame_equal(found.obs, expected.obs, check_like=True)
    pd.testing.assert_frame_equal(found.var, expected.var, check_like=True)
    assert set(found.obsm) == set(expected.obsm)
    assert found.obsm["spatial"].tobytes() == expected.obsm["spatial"].tobytes()
    assert set(found.uns) == set(expected.uns)
    same.record(found.uns["homespot"], expected.uns["homespot"], ignore=())


def test_the_cases_are_not_all_the_same(own):
    """And some spots hold no cell where only the best of every row is kept."""
    verbs = ["types", "types by sum", "types by number", "labels", "scaled", "mean", "sum", "some"]
    kinds = [kind for kind in MAPS if kind not in ("sections", "potentials")]  # with the P of "dense"
    found = {own[kind][verb].X.tobytes() for kind in kinds for verb in verbs}
    assert len(found) == len(kinds) * len(verbs)
    far = own["sections"]["distances of cells"].to_numpy()
    assert np.isnan(far).any()
    assert not np.isnan(own["dense"]["distances of cells"].to_numpy()).any()
    assert not np.isnan(own["dense"]["mean"].X).any()
    empty = np.isnan(own["first"]["types"].X).all(axis=1)
    assert 0 < empty.sum() < len(empty)


# --- through the converter ----------------------------------------------------


@pytest.fixture(scope="module")
def results(maps, tables):
    """Every result of the verbs that is an AnnData, of the map that keeps the three best."""
    mapping, (sc, st) = maps["k_best"], tables
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", homespot.errors.DataWarning)
        return {
            "types": homespot.deconvolve_spots(mapping, "type"),
            "joined": homespot.deconvolve_spots(mapping, "type", sc=sc, st=st, level=0.5),
            "fitted": homespot.fit_types(sc, st, "type", level=0.5),
            "labels": homespot.annotate_cells(mapping, "layer"),
            "imputed": homespot.impute_genes(mapping, sc),
            "placed": homespot.place_cells(mapping, sc),
            "cells": homespot.add_mapping(sc, mapping),
            "spots": homespot.add_mapping(st, mapping),
        }


@pytest.fixture(scope="module")
def carried(results, maps, tables, sourced, tmp_path_factory):
    """Folder of results that anndata2ri has carried: Python's to R and back, and R's to Python."""
    out = tmp_path_factory.mktemp("carried")
    homespot.save(maps["k_best"], out / "map.h5ad")
    for name, table in zip(("sc", "st"), tables, strict=True):
        table.copy().write_h5ad(out / f"{name}.h5ad")
    for name, result in results.items():
        result.copy().write_h5ad(out / f"result_{name}.h5ad")
    sourced("carry.py", {"FOLDER": out}, hosted=True)
    return out


RESULTS = ("types", "joined", "fitted", "labels", "imputed", "placed", "cells", "spots")


def _same_matrix(found, expected):
    found, expected = (x.toarray() if sparse.issparse(x) else np.asarray(x) for x in (found, expected))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("way", ["back", "r"])
@pytest.mark.parametrize("name", RESULTS)
def test_results_survive_the_converter(name, way, carried):
    """Those of Python to R and back, and those of R to Python, are those of Python."""
    expected = ad.read_h5ad(carried / f"result_{name}.h5ad")
    found = ad.read_h5ad(carried / f"{way}_{name}.h5ad")
    assert list(found.obs_names) == list(expected.obs_names)
    assert list(found.var_names) == list(expected.var_names)
    _same_matrix(found.X, expected.X)
    for layer in expected.layers:
        _same_matrix(found.layers[layer], expected.layers[layer])
    for key in expected.obsm:
        # R has the map of the spots as an altExp, which anndata2ri leaves out.
        if not (way == "r" and name == "spots" and key == "homespot"):
            _same_matrix(found.obsm[key], expected.obsm[key])
    for table, other in ((found.obs, expected.obs), (found.var, expected.var)):
        # R has the coordinates of the spots in one place.
        columns = [c for c in other.columns if way == "back" or c not in ("x", "y", "z")]
        assert set(table.columns) >= set(columns)
        for column in columns:
            missing = other[column].isna().to_numpy()
            assert table[column].isna().to_numpy().tolist() == missing.tolist(), column
            assert table[column][~missing].tolist() == other[column][~missing].tolist(), column
