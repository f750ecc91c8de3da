"""map_cells: what goes in and what comes out; the mathematics is in test_ssa."""

from __future__ import annotations

import threading
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from homespot import combine_sections, load, map_cells, methods, save
from homespot.common.ending import trained
from homespot.errors import ConvergenceWarning, DataWarning, InputError
from homespot.expression.table import Expression
from homespot.mapping.left_over import keep_best
from homespot.methods import registry
from homespot.space.sections import sections_in
from homespot.transport._buffer import Rows
from homespot.transport._cpu import CpuPasses


def plain(value: object) -> bool:
    """Whether h5ad and R can take it: no objects, no slashes in keys, no None."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and "/" not in k and plain(v) for k, v in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf" or all(type(v) is str for v in value.ravel())
    return type(value) in (str, bool, int, float)


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize(
    "options", [{}, {"k_best": np.int64(3), "seed": np.int32(4), "dtype": "float64"}], ids=str
)
def test_record_is_complete_and_plain(pair, method: str, options: dict) -> None:
    record = map_cells(*pair, method, **options).uns["homespot"]
    assert plain(record)
    asked = {"k_best"} if "k_best" in options else set()
    if "gene_weights" in methods.get(method).parameters:
        asked |= {"gene_weights", "sharpness"}
        assert asked <= set(record)
    assert set(record) - asked == {
        "format_version",
        "method",
        "parameters",
        "seed",
        "dtype",
        "device",
        "threads",
        "versions",
        "genes",
        "sc_scale",
        "sc_scale_evidence",
        "st_scale",
        "st_scale_evidence",
        "solver",
        "y_direction",
    }
    assert record["y_direction"] == "up"
    assert record["method"] == method
    defaults = methods.get(method).parameters
    assert record["parameters"] == {name: v for name, v in defaults.items() if v is not None}
    assert record["seed"] == options.get("seed", 0)
    assert record.get("k_best") == options.get("k_best")
    assert record["dtype"] == options.get("dtype", "float32")
    assert record["device"] == "cpu" or record["device"].startswith("cuda:")
    assert record["threads"] >= 1
    assert set(record["genes"]) == set(pair[0].var_names) & set(pair[1].var_names)
    assert record["sc_scale_evidence"] == record["st_scale_evidence"] == "all values are whole numbers"
    always = {"homespot", "python", "numpy", "scipy", "numba", "anndata"}
    assert set(record["versions"]) == always | set(methods.get(record["method"]).packages)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_mapping_carries_annotation_and_coordinates(make_pair, dims: int) -> None:
    sc, st = make_pair(dims=dims)
    mapping = map_cells(sc, st)
    assert mapping.shape == (sc.n_obs, st.n_obs)
    assert mapping.X.dtype == np.float32
    assert mapping.obs[sc.obs.columns].equals(sc.obs)
    assert mapping.var["region"].equals(st.obs["region"])
    assert (mapping.obs["homespot_left_over"] == 0).all()
    np.testing.assert_array_equal(mapping.varm["spatial"], st.obsm["spatial"])
    np.testing.assert_array_equal(mapping.var[["x", "y", "z"][:dims]], st.obsm["spatial"])


def test_without_coordinates_there_is_a_map_all_the_same(pair) -> None:
    sc, st = pair
    expected = map_cells(sc, st, gene_weights="equal").X
    del st.obsm["spatial"]
    with pytest.warns(DataWarning, match="^The spatial data has no coordinates, so cells will have no place"):
        mapping = map_cells(sc, st)
    assert "spatial" not in mapping.varm
    assert mapping.X.tobytes() == expected.tobytes()
    # A bare table was made for its numbers alone: nobody has to be told.
    bare = ad.AnnData(st.X, obs=st.obs[[]], var=st.var)
    assert map_cells(sc, bare).X.tobytes() == expected.tobytes()


def test_k_best_keeps_the_largest_and_accounts_for_the_rest(pair) -> None:
    whole, cut = map_cells(*pair), map_cells(*pair, k_best=4)
    assert sparse.issparse(cut.X)
    assert cut.X.has_sorted_indices
    threshold = np.sort(whole.X, axis=1)[:, -4]
    np.testing.assert_array_equal(cut.X.toarray(), np.where(threshold[:, None] <= whole.X, whole.X, 0))
    left_over = 1 - cut.X.toarray().sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(cut.obs["homespot_left_over"], left_over, atol=1e-7)
    everything = map_cells(*pair, k_best=10_000)
    np.testing.assert_array_equal(everything.X.toarray(), whole.X)
    np.testing.assert_allclose(everything.obs["homespot_left_over"], 0, atol=1e-6)


def test_a_sparse_map_of_more_than_k_best_is_cut_as_a_dense_one(pair, monkeypatch) -> None:
    def method(sc: Expression, st: Expression, _: methods.Run) -> methods.Outcome:
        shape = len(sc.names), len(st.names)
        p = sparse.csr_matrix(dense)
        every = [np.arange(n) for n in shape]
        return methods.Outcome(
            p, *every, [], (np.ones(shape[0]), np.ones(shape[1])), trained({"finished": True})
        )

    dense = np.random.default_rng(0).dirichlet(np.ones(25), 40)
    monkeypatch.setitem(registry._METHODS, "whole", methods.Method("whole", "for tests", method))
    cut = map_cells(*pair, "whole", k_best=4)
    expected, left_over = keep_best(dense, 4)
    assert (expected != cut.X).nnz == 0
    assert cut.obs["homespot_left_over"].tolist() == left_over.tolist()
    assert map_cells(*pair, "whole", k_best=25).X.nnz == 40 * 25


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("k_best", [None, 25])
def test_a_method_that_leaves_the_range_of_numbers_is_refused(
    pair, monkeypatch, refused, bad: float, k_best: int | None
) -> None:
    def method(sc: Expression, st: Expression, _: methods.Run) -> methods.Outcome:
        shape = len(sc.names), len(st.names)
        p = np.full(shape, 1 / shape[1])
        p[3, 4] = bad
        means = (np.ones(shape[0]), np.ones(shape[1]))
        ending = trained({"finished": True})
        p = p if k_best is None else sparse.csr_matrix(p)
        return methods.Outcome(p, *map(np.arange, shape), [], means, ending)

    monkeypatch.setitem(registry._METHODS, "wild", methods.Method("wild", "for tests", method))
    with refused("numbers method 'wild' | NaN infinity | parameters"):
        map_cells(*pair, "wild", k_best=k_best)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("regularisation", [0.05, 1e-4])
def test_transport_that_leaves_the_range_of_numbers_is_refused(
    pair, monkeypatch, refused, bad: float, regularisation: float
) -> None:
    softmax = Rows.softmax

    def spoilt(self: Rows, block: Any, g: Any, out: Any) -> Any:
        sums = softmax(self, block, g, out)
        out[-1, 7] = bad
        return sums

    monkeypatch.setattr(Rows, "softmax", spoilt)
    monkeypatch.setattr(CpuPasses, "change", lambda *_: 0.0)
    with refused("numbers method 'ssa' | NaN infinity | parameters"):
        map_cells(*pair, gene_weights="equal", regularisation=regularisation)


def test_a_layer_is_used_in_place_of_x(pair) -> None:
    sc, st = pair
    expected = map_cells(sc, st).X
    for adata in pair:
        adata.layers["counts"] = adata.X.copy()
        adata.X = None
    found = map_cells(sc, st, sc_layer="counts", st_layer="counts").X
    assert found.tobytes() == expected.tobytes()


def test_views_and_files_on_disk_are_taken(pair, tmp_path) -> None:
    sc, st = pair
    expected = map_cells(sc[:30].copy(), st).X
    assert map_cells(sc[:30], st).X.tobytes() == expected.tobytes()
    sc[:30].copy().write_h5ad(tmp_path / "sc.h5ad")
    backed = ad.read_h5ad(tmp_path / "sc.h5ad", backed="r")
    assert map_cells(backed, st).X.tobytes() == expected.tobytes()
    backed.file.close()


def test_empty_cells_and_spots_are_dropped_and_counted(pair) -> None:
    sc, st = (adata.copy() for adata in pair)
    for adata, rows in ((sc, [0, 5, 9, 11]), (st, [24])):
        x = adata.X.toarray()
        x[rows] = 0
        adata.X = sparse.csr_matrix(x)
    with pytest.warns(DataWarning) as caught:
        mapping = map_cells(sc, st, gene_weights="equal")
    assert [str(w.message) for w in caught] == [
        "Dropped 4 cell(s) without any expression ('c0', 'c5', 'c9', ...).",
        "Dropped 1 spot(s) without any expression ('s24').",
    ]
    assert mapping.shape == (36, 24)
    assert mapping.uns["homespot"]["sc_scale_evidence"] == "all values are whole numbers"
    np.testing.assert_array_equal(mapping.varm["spatial"], st.obsm["spatial"][:24])
    kept = map_cells(sc[mapping.obs_names].copy(), st[mapping.var_names].copy(), gene_weights="equal")
    assert kept.X.tobytes() == mapping.X.tobytes()


def test_progress_reaches_the_end(pair) -> None:
    calls: list[tuple[int, int, str]] = []
    mapping = map_cells(*pair, progress=lambda *call: calls.append(call))
    assert [call[0] for call in calls] == list(range(1, mapping.uns["homespot"]["solver"]["iterations"] + 1))
    assert {call[1] for call in calls} == {mapping.uns["homespot"]["parameters"]["max_iter"]}
    assert all(call[2].startswith("error ") for call in calls)


def test_two_threads_mapping_at_once_get_the_bytes_of_one(make_pair) -> None:
    pair = make_pair(n_cells=700, n_spots=500)
    alone, found = map_cells(*pair).X.tobytes(), []
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        found.extend(map_cells(*pair).X.tobytes() for _ in range(3))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [alone] * 6


def test_nothing_is_printed(pair, capfd) -> None:
    map_cells(*pair)
    assert capfd.readouterr() == ("", "")


def test_obs_columns_of_an_earlier_run_are_replaced(pair) -> None:
    sc, st = pair
    sc.obs["homespot_left_over"] = 7.0
    st.obs["x"] = pd.Categorical(["old"] * st.n_obs)
    st.obs["z"] = 1.0
    with pytest.warns(DataWarning, match="columns 'x', 'z' are not the coordinates"):
        mapping = map_cells(sc, st)
    assert "z" not in mapping.var
    assert (mapping.obs["homespot_left_over"] == 0).all()
    np.testing.assert_array_equal(mapping.var["x"], st.obsm["spatial"][:, 0])


# --- several sections -----------------------------------------------------------------------------


@pytest.fixture
def two_sections(pair):
    """Spots of two sections, in turn."""
    sc, st = pair
    st = st.copy()
    st.obs["slice"] = pd.Categorical(["b", "a", "a", "b", "b"] * 5, categories=["a", "unused", "b"])
    st.obs["layer"] = pd.Categorical(["in", "out"] * 12 + ["in"], categories=["out", "in"])
    return sc, st


@pytest.mark.parametrize(
    ("method", "options"),
    [("ssa", {}), ("ssa", {"k_best": 3, "dtype": "float64"}), ("correlation", {"sc_scale": "log"})],
)
def test_sections_are_mapped_by_themselves(two_sections, method, options) -> None:
    """As mapping each by hand, and combining the maps: to the byte."""
    sc, st = two_sections
    found = map_cells(sc, st, method, sections="slice", **options)
    by_hand = [map_cells(sc, st[st.obs["slice"] == name].copy(), method, **options) for name in ("b", "a")]
    expected = combine_sections(by_hand)
    assert type(found.X) is type(expected.X)
    assert found.X.dtype == expected.X.dtype == np.dtype(options.get("dtype", "float32"))
    dense = [x.toarray() if sparse.issparse(x) else x for x in (found.X, expected.X)]
    assert dense[0].tobytes() == dense[1].tobytes()
    assert found.var_names.tolist() == [*by_hand[0].var_names, *by_hand[1].var_names]
    assert found.var["slice"].tolist() == ["b"] * 15 + ["a"] * 10
    assert found.var["layer"].cat.categories.tolist() == ["out", "in"]
    np.testing.assert_array_equal(found.varm["spatial"], expected.varm["spatial"])
    of_section = ["homespot_section", "homespot_section_prob"]  # a comparison that no map knows by itself
    pd.testing.assert_frame_equal(found.obs.drop(columns=of_section), expected.obs, check_like=True)
    assert found.var["homespot_section"].tolist() == found.var["slice"].tolist()
    np.testing.assert_allclose(found.obs["homespot_left_over"] + dense[0].sum(axis=1), 1, atol=1e-6)
    joint = map_cells(sc, st, method, sections="slice", joint=True, **options)
    assert not np.array_equal(found[:, joint.var_names].to_df(), joint.to_df())


def test_the_record_says_how_each_section_ended(two_sections, tmp_path) -> None:
    sc, st = two_sections
    with pytest.warns(ConvergenceWarning):
        mapping = map_cells(sc, st, sections="slice", max_iter=1)
    save(mapping, tmp_path / "m.h5ad")
    record = load(tmp_path / "m.h5ad").uns["homespot"]
    assert record["sections"] == "slice"
    assert record["combined"] == "sections"
    assert record["weights"].tolist() == [0.5, 0.5]
    parts = [record["parts"][f"part{i}"] for i in (1, 2)]
    assert [part["section"] for part in parts] == ["b", "a"]
    assert [bool(part["solver"]["converged"]) for part in parts] == [False, False]
    assert "combined" not in map_cells(sc, st, shared_frame=True).uns["homespot"]


@pytest.mark.parametrize("values", [[2.0, 10.5] * 12 + [2.0], ["2", "10.5"] * 12 + ["2"]])
def test_sections_are_named_by_their_values(pair, values) -> None:
    sc, st = pair
    st = st.copy()
    st.obs["slice"] = values
    parts = map_cells(sc, st, sections="slice").uns["homespot"]["parts"]
    assert [part["section"] for part in parts.values()] == ["2", "10.5"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "a column 'slice' in st.obs, found no columns. Name the one with the section of every spot"),
        (["a", None] + ["b"] * 23, r"a section of every spot in column 'slice' of st.obs, found 1 spot\(s\)"),
        (["a"] * 24 + ["b"], r"at least 2 spots in every section, found 1 section\(s\) of one spot \('b'\)"),
    ],
)
def test_sections_that_are_none_are_refused(pair, values, message) -> None:
    sc, st = pair
    st = ad.AnnData(st.X, pd.DataFrame(index=st.obs_names), st.var)
    if values is not None:
        st.obs["slice"] = values
    with pytest.raises(InputError, match=message):
        map_cells(sc, st, sections="slice", progress=lambda *_: pytest.fail("work has begun"))


def test_each_section_has_to_do_for_the_method(two_sections, tmp_path) -> None:
    sc, st = two_sections
    st.obs["kind"] = st.obs["slice"]
    with pytest.raises(InputError, match="spots of two types or more, found only 'b'"):
        map_cells(sc, st, "come", sections="slice", st_labels="kind", epochs=1)
    with pytest.raises(InputError, match="no checkpoint, which is of one training"):
        map_cells(sc, st, "come", sections="slice", checkpoint=str(tmp_path / "c.pt"))


def test_sections_of_long_numbers_stay_apart() -> None:
    spots = pd.DataFrame({"s": [1234567.0] * 2 + [1234568.0] * 3})
    found = sections_in(spots, "s")
    assert found.names == ["1234567", "1234568"]
    assert found.codes.tolist() == [0, 0, 1, 1, 1]
    mixed = pd.DataFrame({"s": pd.Series([1, 1, "1", "1"], dtype=object)})
    with pytest.raises(InputError, match="2 values, but 1 names"):
        sections_in(mixed, "s")


def test_mappings_of_sections_may_be_named(pair) -> None:
    sc, st = pair
    one, two = map_cells(sc, st), map_cells(sc, st)
    two.var_names = [f"other {name}" for name in two.var_names]
    joined = combine_sections({"a": one, "b": two})
    assert joined.var["homespot_section"].tolist() == ["a"] * one.n_vars + ["b"] * two.n_vars
    assert joined.X.tobytes() == combine_sections([one, two]).X.tobytes()
