"""The door that R uses, without R: plain values in and out, with the numbers of the public verbs."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot import bridge
from homespot.bridge.offered import OFFERED
from homespot.common import keys
from homespot.errors import DataWarning, InputError
from homespot.evaluate.compare import compare


def value(verb: str, *arguments: Any, **named: Any) -> Any:
    """Call the door, as R does, where nothing is refused and nothing warned of."""
    answer = bridge.call(verb, *arguments, **named)
    assert answer["error"] is None
    assert answer["warnings"] == []
    return answer["value"]


def factor(values: Any) -> dict[str, Any]:
    """A factor of R: its codes from 0, and its levels."""
    codes, levels = pd.factorize(np.asarray(values, dtype=str), sort=True)
    return {"kind": "factor", "codes": codes.astype(np.int32), "levels": levels.tolist()}


def matrix(X: Any) -> Any:
    """Expression as R hands it over: the slots of a dgCMatrix of genes x cells, in doubles."""
    turned = sparse.csc_matrix(X.T).astype(np.float64)
    return bridge.csr(turned.data, turned.indices, turned.indptr, *X.shape)


def experiment(adata: ad.AnnData, column: str, *, dense: bool = False) -> ad.AnnData:
    return value(
        "experiment",
        np.asfortranarray(adata.X.toarray(), dtype=np.float64) if dense else matrix(adata.X),
        adata.obs_names.tolist(),
        adata.var_names.tolist(),
        {column: factor(adata.obs[column])},
        adata.obsm.get("spatial"),
    )


def column(found: dict[str, Any]) -> Any:
    """Read a column as R does: the level of every code, or the values."""
    if "levels" in found:
        return np.asarray(found["levels"], dtype=object)[found["codes"]]
    return found["values"]


def whole(found: dict[str, Any]) -> np.ndarray:
    """Read a matrix as R does: whole, or from the slots of its rows."""
    if found["csr"] is None:
        return found["matrix"]
    slots = found["csr"]
    return sparse.csr_matrix((slots["data"], slots["indices"], slots["indptr"]), slots["shape"]).toarray()


def as_columns(table: pd.DataFrame, columns: dict[str, Any]) -> None:
    """Compare a table with the columns that crossed, to the byte."""
    assert list(columns) == [str(name) for name in table.columns]
    for name, found in columns.items():
        wanted = table[name]
        if isinstance(wanted.dtype, pd.CategoricalDtype) or wanted.dtype.kind in "OUT":
            assert column(found).tolist() == wanted.astype(str).tolist()
        else:
            np.testing.assert_array_equal(column(found), wanted.to_numpy(dtype=np.float64))


@pytest.fixture(scope="module")
def both(make_pair) -> SimpleNamespace:
    """A pair of data sets as Python and as R have it, and the map of each."""
    sc, st = make_pair()
    st.obs["region"] = st.obs["region"].astype(str)
    r_sc, r_st = experiment(sc, "type"), experiment(st, "region")
    crossed = value("map_cells", r_sc, r_st, "ssa")
    mapping = hs.map_cells(sc, st)
    cells, spots = mapping.obs_names.tolist(), mapping.var_names.tolist()
    r_map = value(
        "new_mapping",
        crossed["matrix"].astype(np.float64),
        cells,
        spots,
        {"type": factor(sc.obs["type"]), **crossed["cell_columns"]},
        {"region": factor(st.obs["region"]), **crossed["spot_columns"]},
        crossed["record"],
        crossed["coordinates"].to_numpy()
        if isinstance(crossed["coordinates"], pd.DataFrame)
        else crossed["coordinates"],
    )
    return SimpleNamespace(sc=sc, st=st, r_sc=r_sc, r_st=r_st, crossed=crossed, mapping=mapping, r_map=r_map)


# --- data and maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [False, True])
def test_data_come_in_half_the_bytes_of_r_with_nothing_lost(pair, dense: bool) -> None:
    found = experiment(pair[0], "type", dense=dense)
    assert found.X.dtype == np.float32
    X = found.X if dense else found.X.toarray()
    np.testing.assert_array_equal(X, pair[0].X.toarray())
    assert found.obs["type"].tolist() == pair[0].obs["type"].tolist()


@pytest.mark.parametrize("method", ["ssa", "correlation"])
@pytest.mark.parametrize("k_best", [None, 3])
def test_a_map_is_python_s_to_the_byte(both, method: str, k_best: int | None) -> None:
    found = value("map_cells", both.r_sc, both.r_st, method, k_best=k_best)
    wanted = hs.map_cells(both.sc, both.st, method, k_best=k_best)
    if k_best is None:
        assert found["csr"] is None
        assert found["matrix"].tobytes() == wanted.X.tobytes()
    else:
        for name in ("data", "indices", "indptr"):
            assert found["csr"][name].tobytes() == getattr(wanted.X, name).tobytes()
        assert found["csr"]["shape"] == list(wanted.shape)
    assert found["cells"].tolist() == list(range(40))
    assert found["spot_names"].tolist() == wanted.var_names.tolist()
    np.testing.assert_array_equal(found["coordinates"], wanted.varm["spatial"])
    assert found["record"]["method"] == method
    left_over = column(found["cell_columns"][keys.LEFT_OVER])
    np.testing.assert_array_equal(left_over, wanted.obs[keys.LEFT_OVER])


def test_settings_of_the_method_go_beside_the_arguments(both) -> None:
    found = value(
        "map_cells", both.r_sc, both.r_st, "ssa", parameters={"regularisation": 0.2}, dtype="float64"
    )
    wanted = hs.map_cells(both.sc, both.st, regularisation=0.2, dtype="float64")
    assert found["matrix"].tobytes() == wanted.X.tobytes()


def test_a_map_that_r_holds_is_the_map(both) -> None:
    assert both.r_map.X.tobytes() == both.mapping.X.tobytes()
    assert both.r_map.X.dtype == np.float32
    np.testing.assert_array_equal(both.r_map.varm["spatial"], both.mapping.varm["spatial"])
    np.testing.assert_array_equal(both.r_map.obs[keys.LEFT_OVER], both.mapping.obs[keys.LEFT_OVER])
    assert set(both.r_map.uns[keys.HOMESPOT]) == set(both.mapping.uns[keys.HOMESPOT])


def test_a_map_goes_to_a_file_and_back(both, tmp_path) -> None:
    path = str(tmp_path / "map.h5ad")
    value("save", path, both.r_map)
    assert hs.load(path).X.tobytes() == both.mapping.X.tobytes()
    found = value("load", path, backed=False)
    assert found["matrix"].tobytes() == both.mapping.X.tobytes()
    assert found["cells"].tolist() == both.mapping.obs_names.tolist()
    assert found["spots"].tolist() == both.mapping.var_names.tolist()
    np.testing.assert_array_equal(found["coordinates"], both.mapping.varm["spatial"])
    assert column(found["obs"]["type"]).tolist() == both.sc.obs["type"].tolist()
    assert "matrix" not in value("load", path, backed=True)


def test_columns_of_a_result_are_taken_in_parts_and_let_go(both) -> None:
    result = {"matrix": both.mapping.X}
    np.testing.assert_array_equal(bridge.columns(result, 3.0, 7.0), both.mapping.X[:, 3:7])
    bridge.release(result)
    assert result == {"matrix": None}


# --- what follows from a map ------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["median", "mean", "k_best", "argmax"])
def test_positions(both, position: str) -> None:
    as_columns(
        hs.cell_positions(both.mapping, position=position, k=4),
        value("cell_positions", both.r_map, position, 4),
    )


def test_modes(both) -> None:
    as_columns(hs.cell_modes(both.mapping, n_modes=2), value("cell_modes", both.r_map, n_modes=2)["columns"])


def test_assigned_spots(both) -> None:
    found, wanted = value("assign_cells", both.r_map, 2), hs.assign_cells(both.mapping, 2)
    as_columns(wanted, found["columns"])
    assert found["rows"].tolist() == wanted.index.tolist()


def test_imputed_genes(both) -> None:
    shared = sorted(set(both.sc.var_names) & set(both.st.var_names))[:3]
    cells = value(
        "single_cells",
        matrix(both.sc.X).astype(np.float32),
        both.sc.obs_names.tolist(),
        both.sc.var_names.tolist(),
    )
    found, wanted = (
        value("impute_genes", both.r_map, cells, shared),
        hs.impute_genes(both.mapping, both.sc, shared),
    )
    assert np.ascontiguousarray(whole(found["x"]).T).tobytes() == np.ascontiguousarray(wanted.X).tobytes()
    assert found["rows"].tolist() == shared
    assert [both.sc.var_names[i] for i in found["genes"]] == shared


@pytest.mark.parametrize(
    ("verb", "labels", "crossed"),
    [("deconvolve_spots", "type", "type"), ("annotate_cells", "region", "region")],
)
def test_shares_of_labels(both, verb: str, labels: str, crossed: str) -> None:
    found, wanted = value(verb, both.r_map, crossed), getattr(hs, verb)(both.mapping, labels)
    assert np.ascontiguousarray(whole(found["x"]).T).tobytes() == np.ascontiguousarray(wanted.X).tobytes()
    assert found["rows"].tolist() == wanted.var_names.tolist()
    layers = {name: layer for name, layer in wanted.layers.items() if name is not None}  # None is X
    assert found["layers"].keys() == layers.keys()
    for name, layer in layers.items():
        np.testing.assert_array_equal(whole(found["layers"][name]).T, layer)


def test_labels_are_taken_by_row_or_by_name(both) -> None:
    given = factor(both.sc.obs["type"])
    by_row = value("values", given)
    by_name = value("values", given, both.sc.obs_names.tolist())
    wanted = hs.deconvolve_spots(both.mapping, "type").X
    for labels in (by_row, by_name, by_name[::-1]):
        np.testing.assert_array_equal(whole(value("deconvolve_spots", both.r_map, labels)["x"]).T, wanted)


@pytest.mark.parametrize(
    ("verb", "argument"),
    [("colocate_types", "type"), ("type_distances", "type"), ("cell_distances", ["c1", "c7"])],
)
def test_squares(both, verb: str, argument: Any) -> None:
    found, wanted = value(verb, both.r_map, argument), getattr(hs, verb)(both.mapping, argument)
    assert whole(found).tobytes() == np.ascontiguousarray(wanted).tobytes()
    assert found["rows"].tolist() == wanted.index.tolist()


def test_a_report(both, tmp_path) -> None:
    for package in ("jinja2", "matplotlib", "plotly"):
        pytest.importorskip(package)
    assert value("report", both.r_map.copy(), str(tmp_path / "r.html"), genes=None, labels="type") is None
    hs.report(both.mapping, tmp_path / "python.html", labels="type")
    pages = [(tmp_path / name).read_text(encoding="utf-8") for name in ("r.html", "python.html")]
    assert all("ssa" in page for page in pages)
    assert pages[0].count("<section") == pages[1].count("<section")


def test_folds_one_by_one(both) -> None:
    settings = {"gene_weights": "equal", "regularisation": 0.1}
    folds = value(
        "cross_validation",
        both.r_sc,
        both.r_st,
        {"soft": ["ssa", settings]},
        folds=3,
        read_out="sum",
        output=None,
        progress=False,
        seed=0,
        sc_scale="auto",
        st_scale="auto",
        sc_gene_column=None,
        st_gene_column=None,
        sections=None,
        joint=None,
        device="cpu",
    )
    assert value("folds_left", folds) == [0, 1, 2]
    assert value("folds_device", folds) == "cpu"
    wanted = hs.cross_validate(both.sc, both.st, {"soft": ("ssa", settings)}, folds=3, read_out="sum")
    for number in (0, 1, 2):
        scores = value("run_fold", folds, number)
        genes = wanted.loc[wanted["fold"] == number + 1, "gene"].tolist()
        assert column(scores["gene"]).tolist() == genes
        value("keep_fold", folds, number, value("frame", scores, [str(i) for i in range(len(genes))]))
    assert value("folds_left", folds) == []
    found = value("fold_scores", folds)
    as_columns(wanted.drop(columns="seconds"), {k: v for k, v in found.items() if k != "seconds"})


@pytest.mark.parametrize("reference", [None, "b"])
def test_comparison_of_methods(reference: str | None) -> None:
    genes = [f"g{i}" for i in range(12)]
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"gene": genes * 3, "method": np.repeat(["a", "b", "c"], 12), "rmse": rng.random(36)}
    )
    columns = {
        name: factor(table[name]) if name != "rmse" else {"kind": "double", "values": table[name]}
        for name in table
    }
    crossed = value("frame", columns, [str(i) for i in range(36)])
    wanted = compare(table, "rmse", reference)
    as_columns(wanted.rename_axis("method").reset_index(), value("compare", crossed, "rmse", reference))
    one = value("compare", crossed[:12], "rmse")
    assert [len(column(found)) for found in one.values()] == [0, 0, 0, 0]


# --- files ------------------------------------------------------------------------------------------------


def test_data_go_to_a_file_and_back(both, tmp_path) -> None:
    path = str(tmp_path / "sc.h5ad")
    sc = both.sc
    parts = value(
        "anndata_parts",
        matrix(sc.X),
        {"type": factor(sc.obs["type"])},
        sc.obs_names.tolist(),
        {},
        sc.var_names.tolist(),
        {"kind": "list", "value": {}},
        {},
        {"main": "RNA"},
    )
    assert value("check_anndata_path", path) is None
    value("write_anndata", path, parts)
    written = ad.read_h5ad(path)
    np.testing.assert_array_equal(written.X.toarray(), sc.X.toarray())
    assert written.obs["type"].tolist() == sc.obs["type"].tolist()
    found = value("read_anndata", path)
    np.testing.assert_array_equal(whole(found["x"]), sc.X.toarray())
    assert found["obs"]["names"].tolist() == sc.obs_names.tolist()
    assert found["var"]["names"].tolist() == sc.var_names.tolist()
    assert column(found["obs"]["columns"]["type"]).tolist() == sc.obs["type"].tolist()


@pytest.mark.parametrize(
    ("crossed", "wanted"),
    [
        ({"kind": "logical", "values": [1, 0, -1]}, [True, False, pd.NA]),
        ({"kind": "integer", "values": [3, np.nan, -1]}, [3, pd.NA, -1]),
        ({"kind": "double", "values": [0.5, np.nan, -np.inf]}, [0.5, np.nan, -np.inf]),
        ({"kind": "character", "codes": [1, -1, 0], "levels": ["a", "b"]}, ["b", np.nan, "a"]),
        ({"kind": "ordered", "codes": [0, 1, 0], "levels": ["lo", "hi"]}, ["lo", "hi", "lo"]),
    ],
    ids=lambda case: case["kind"] if isinstance(case, dict) else "",
)
def test_every_kind_of_column(crossed: dict[str, Any], wanted: list[Any]) -> None:
    table = value("frame", {"column": crossed}, ["x", "y", "z"])
    assert table.index.tolist() == ["x", "y", "z"]
    pd.testing.assert_series_equal(
        table["column"].astype(object), pd.Series(wanted, ["x", "y", "z"], object, name="column")
    )


# --- the door itself --------------------------------------------------------------------------------------


def test_what_is_refused_is_a_value(both) -> None:
    answer = bridge.call("map_cells", both.r_sc, both.r_st, "ssa", k_best=0)
    assert answer["value"] is None
    with pytest.raises(InputError) as caught:
        hs.map_cells(both.sc, both.st, k_best=0)
    error, wanted = answer["error"], caught.value
    assert error["class"] == "InputError"
    # The same message, in the words of R.
    assert error["message"] == str(wanted).replace("k_best", "k.best")
    assert error["what"] == wanted.what.replace("k_best", "k.best")
    assert (error["found"], error["remedy"], error["topic"]) == (wanted.found, wanted.remedy, "")


def test_no_room_is_a_refusal_too(both, monkeypatch) -> None:
    monkeypatch.setattr("homespot.common.memory.available", lambda: 100)
    answer = bridge.call("map_cells", both.r_sc, both.r_st, "ssa")
    assert answer["error"]["class"] == "TooLargeError"
    assert "as doubles, in R" in answer["error"]["message"]


def test_a_fault_of_the_program_passes(both) -> None:
    with pytest.raises(TypeError):
        bridge.call("cell_modes", both.r_map, no_such_argument=1)
    with pytest.raises(KeyError):
        bridge.call("no such verb")


def test_warnings_of_homespot_are_values_and_others_pass(both) -> None:
    empty = both.r_sc.copy()
    X = empty.X.toarray()
    X[2] = 0
    empty.X = X
    answer = bridge.call("map_cells", empty, both.r_st, "ssa")
    with pytest.warns(DataWarning) as caught:
        hs.map_cells(empty, both.st)
    said = [(one["class"], one["message"]) for one in answer["warnings"]]
    assert said == [("DataWarning", str(one.message)) for one in caught]
    assert answer["value"]["cells"].tolist() == [i for i in range(40) if i != 2]


def test_another_package_s_warning_passes(both, monkeypatch) -> None:
    def warns(*_: Any) -> None:
        warnings.warn("of another package", FutureWarning, stacklevel=1)

    monkeypatch.setitem(OFFERED, "cell_modes", warns)
    with pytest.warns(FutureWarning, match="of another package"):
        answer = bridge.call("cell_modes", both.r_map)
    assert answer == {"value": None, "error": None, "warnings": [], "memory": []}


def test_names_of_the_door() -> None:
    for name, function in OFFERED.items():
        assert function.__name__ == name
        assert inspect.getdoc(function), name
    assert value("method_names") == hs.methods.names()
    assert value("key_names")["LEFT_OVER"] == keys.LEFT_OVER
    assert set(value("key_names")) == set(keys.__all__)


@pytest.mark.parametrize("verb", ["map_cells", "impute_genes", "report", "cross_validate"])
def test_the_signature_of_a_verb(verb: str) -> None:
    found = value("signature", verb)
    public: Callable[..., Any] = getattr(hs, verb)
    parameters = inspect.signature(public).parameters
    assert list(found) == [name for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD]
    for name, default in found.items():
        there = parameters[name].default
        assert default == ("<required>" if there is inspect.Parameter.empty else there)


def test_what_this_python_is() -> None:
    about = bridge.about()
    assert about["version"] == hs.__version__
    assert bridge.lacking(["ssa", "unknown"], "cpu") == []


def test_threads_are_r_s(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    bridge.set_threads("2")
    assert os.environ["OMP_NUM_THREADS"] == "2"
    bridge.set_threads("")
    assert "OMP_NUM_THREADS" not in os.environ


def test_an_interruption_that_was_only_printed_is_told_once(monkeypatch) -> None:
    monkeypatch.setitem(vars(sys), "last_type", KeyboardInterrupt)
    assert bridge.interrupted()
    assert not bridge.interrupted()
    monkeypatch.setitem(vars(sys), "last_type", ZeroDivisionError)
    assert not bridge.interrupted()


@pytest.mark.parametrize(
    ("most", "remedy"),
    [
        (200, "Use k.best = 5 at most, or map at most 16 cells at a time."),
        (30, "Map at most 2 cells at a time."),
    ],
)
def test_a_sparse_map_too_large_for_r_is_refused(both, monkeypatch, most, remedy) -> None:
    monkeypatch.setattr("homespot.bridge.maps.R_ENTRIES", most)
    error = bridge.call("map_cells", both.r_sc, both.r_st, "ssa", k_best=12)["error"]
    assert error["what"] == f"a map of at most {most} entries, as sparse matrices in R have"
    assert error["found"] == "40 cells with 12 entries each"
    assert error["remedy"] == remedy
