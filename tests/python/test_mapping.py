"""The mapping: what makes it valid, its file, subsets and combinations."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from homespot import combine_cells, combine_sections, load, map_cells, place_cells, renormalise, save, subset
from homespot.common.keys import FORMAT_VERSION, LEFT_OVER
from homespot.errors import DataWarning, InputError
from homespot.mapping.coordinates import coordinates, has_coordinates
from homespot.mapping.left_over import keep_best
from homespot.mapping.validity import check_mapping, new_mapping


def make(
    p: object, *, xy: bool = True, cells: str = "c", spots: str = "s", left_over: object = None
) -> ad.AnnData:
    n, m = p.shape  # type: ignore[attr-defined]
    return new_mapping(
        p,  # type: ignore[arg-type]
        pd.DataFrame(index=[f"{cells}{i}" for i in range(n)]),
        pd.DataFrame(index=[f"{spots}{i}" for i in range(m)]),
        {"format_version": 1, "method": "by hand"},
        positions=np.column_stack([np.arange(m), np.arange(m) ** 2]) * 1.0 if xy else None,
        left_over=left_over,  # type: ignore[arg-type]
    )


P = np.array([[0.5, 0.25, 0.25, 0], [0, 0, 1, 0], [0.1, 0.2, 0.3, 0.4]])
BOTH = pytest.mark.parametrize("stored", [np.array, sparse.csr_matrix], ids=["dense", "csr"])


# --- validity -------------------------------------------------------------------------------------


def entry(at: tuple[int, int], value: float) -> Callable[[ad.AnnData], None]:
    return lambda mapping: mapping.X.__setitem__(at, value)


def left_over(value: complex) -> Callable[[ad.AnnData], None]:
    return lambda mapping: setattr(mapping, "obs", mapping.obs.assign(**{LEFT_OVER: value}))


INVALID = {
    "a row above 1": entry((0, 0), 0.6),
    "a negative entry": entry((0, 0), -0.5),
    "a missing entry": entry((0, 0), np.nan),
    "an entry above 1": entry((1, 2), 2.0),
    "more left over than there is": left_over(0.1),
    "a missing left-over": left_over(np.nan),
    "a negative left-over": left_over(-0.5),
    "a left-over with an imaginary part": left_over(0j),
    "coordinates with an imaginary part": lambda mapping: mapping.varm.__setitem__(
        "spatial", mapping.varm["spatial"] + 1j
    ),
    "dates for coordinates": lambda mapping: mapping.varm.__setitem__(
        "spatial", mapping.varm["spatial"].astype("datetime64[D]")
    ),
    "no left-over": lambda mapping: setattr(mapping, "obs", mapping.obs.drop(columns=LEFT_OVER)),
    "no record": lambda mapping: mapping.uns.clear(),
    "no matrix": lambda mapping: setattr(mapping, "X", None),
}


@BOTH
@pytest.mark.parametrize("change", INVALID)
def test_what_is_not_valid_is_refused(stored, change: str) -> None:
    mapping = make(stored(P))
    check_mapping(mapping)
    INVALID[change](mapping)
    with pytest.raises(InputError):
        check_mapping(mapping)


def test_row_sums_may_be_off_by_a_ten_thousandth() -> None:
    p = np.full((3, 4), 0.25)
    check_mapping(make(p * (1 + 0.9e-4)))
    with pytest.raises(InputError, match=r"3 cell\(s\) where they do not, e.g. 'c0' with 1.00016"):
        make(p * (1 + 1.6e-4))


def test_a_map_of_many_rows_is_checked_to_the_last() -> None:
    p = np.full((3000, 2), 0.5)
    p[2999] = [1.5, -0.5]
    with pytest.raises(InputError, match=r"values from -0\.5 to 1\.5"):
        make(p)


def test_keep_best_is_sorting() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(50), 2100).astype(np.float32)
    for k in (1, 7, 49, 50, 99):
        kept, left_over = keep_best(p, k)
        threshold = -np.sort(-p, axis=1)[:, min(k, 50) - 1]
        expected = np.where(p >= threshold[:, None], p, 0)
        np.testing.assert_array_equal(kept.toarray(), expected)
        np.testing.assert_allclose(left_over, 1 - expected.sum(axis=1, dtype=np.float64), atol=2e-7)
        assert kept.has_sorted_indices
        assert kept.nnz == len(p) * min(k, 50)


@pytest.mark.parametrize("k", [1, 2, 7, 76, 77, 100])
@pytest.mark.parametrize("order", ["C", "F"])
def test_of_equals_those_of_the_first_columns_are_kept(k: int, order: str, monkeypatch) -> None:
    p = np.asarray(np.random.default_rng(0).integers(0, 9, (9000, 77)), np.float32) / 616
    p = np.array(p, order=order)
    first = np.sort(np.argsort(-p, axis=1, kind="stable")[:, : min(k, 77)], axis=1)
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        kept, _ = keep_best(p, k)
        np.testing.assert_array_equal(kept.indices.reshape(first.shape), first)
        np.testing.assert_array_equal(kept.data.reshape(first.shape), np.take_along_axis(p, first, axis=1))


def test_keep_best_of_equals_keeps_exactly_k() -> None:
    kept, left_over = keep_best(np.full((4, 10), 0.1), 3)
    assert (kept.getnnz(axis=1) == 3).all()
    np.testing.assert_allclose(left_over, 0.7)


# --- coordinates ----------------------------------------------------------------------------------


def test_coordinates_survive_the_loss_of_varm() -> None:
    mapping = make(P)
    expected = mapping.varm["spatial"].copy()
    del mapping.varm["spatial"]
    np.testing.assert_array_equal(coordinates(mapping), expected)


@pytest.mark.parametrize("x", [["a", "b", "c", "d"], [0, 1, np.nan, 3]], ids=["text", "missing"])
def test_columns_that_are_no_coordinates_are_refused(x) -> None:
    mapping = make(P, xy=False)
    mapping.var["x"], mapping.var["y"] = x, 1.0
    assert not has_coordinates(mapping)
    check_mapping(mapping)
    with pytest.raises(InputError):
        coordinates(mapping)


def test_the_spots_own_columns_are_kept_where_they_are_the_coordinates() -> None:
    spots = pd.DataFrame({"x": [1, 2], "y": [3.0, 4.0], "z": ["a", "b"]}, index=["s0", "s1"])
    cells, xyz = pd.DataFrame(index=["c0"]), np.array([[1.0, 3, 0], [2, 4, 0]])
    with pytest.warns(DataWarning, match="columns 'z' are not"):
        assert new_mapping(P[:1, :2] + 0.125, cells, spots, {}, positions=xyz).var["z"].tolist() == [0, 0]
    mapping = new_mapping(P[:1, :2] + 0.125, cells, spots.drop(columns="z"), {}, positions=xyz[:, :2])
    assert mapping.var.columns.tolist() == ["x", "y"]


# --- files ----------------------------------------------------------------------------------------


def odd() -> ad.AnnData:
    """A mapping with everything that files like to lose."""
    cells = pd.DataFrame(
        {
            "type": pd.Categorical(["b", None, "a"], categories=["b", "a", "unused"], ordered=True),
            "text": ["x", np.nan, "é"],
            "number": [1.5, np.nan, 3.0],
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "nan": ["nan", "NA", ""],
        },
        index=["beta'COP", "nan", "zelle/ü 1"],
    )
    spots = pd.DataFrame({"layer": ["L1", "L2", "L2", "L1"]}, index=["E(spl)m5-HLH", "NA", "-", "1"])
    record = {
        "format_version": FORMAT_VERSION,
        "preset": None,
        "parameters": {"relax": 0.5, "k": None, "flag": True},
        "genes": np.array(["beta'COP", "nan", "E(spl)m5-HLH"], dtype=object),
        "errors": np.eye(2),
    }
    return new_mapping(P, cells, spots, record, positions=np.arange(12.0).reshape(4, 3))


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_loses_nothing(tmp_path, stored, dtype: type) -> None:
    mapping = odd()
    mapping.X = stored(P.astype(dtype))
    before = mapping.copy()
    save(mapping, tmp_path / "map.h5ad")
    assert mapping.obs.equals(before.obs)  # saving changes nothing in memory
    found = load(tmp_path / "map.h5ad")
    assert sparse.issparse(found.X) == sparse.issparse(mapping.X)
    assert found.X.dtype == dtype
    np.testing.assert_array_equal(
        np.asarray(found.X.todense() if sparse.issparse(found.X) else found.X), P.astype(dtype)
    )
    assert found.obs_names.tolist() == ["beta'COP", "nan", "zelle/ü 1"]
    assert found.var_names.tolist() == ["E(spl)m5-HLH", "NA", "-", "1"]
    assert found.obs["type"].cat.categories.tolist() == ["b", "a", "unused"]
    assert found.obs["type"].cat.ordered
    assert found.obs["type"].isna().tolist() == [False, True, False]
    assert found.obs["text"].isna().tolist() == [False, True, False]
    assert found.obs["nan"].tolist() == ["nan", "NA", ""]
    assert found.obs["whole"].isna().tolist() == [False, True, False]
    np.testing.assert_array_equal(found.varm["spatial"], mapping.varm["spatial"])
    record = found.uns["homespot"]
    assert "preset" not in record  # a None is never written
    assert set(record["parameters"]) == {"relax", "flag"}
    assert record["parameters"]["relax"] == 0.5
    assert record["genes"].tolist() == ["beta'COP", "nan", "E(spl)m5-HLH"]


def test_a_real_mapping_can_be_used_after_the_round_trip(pair, tmp_path) -> None:
    mapping = map_cells(*pair, preset="paper", k_best=5)
    save(mapping, str(tmp_path / "map.h5ad"))
    found = load(str(tmp_path / "map.h5ad"))
    assert found.X.data.tobytes() == mapping.X.data.tobytes()
    placed, expected = (place_cells(m, pair[0]) for m in (found, mapping))
    np.testing.assert_array_equal(placed.obsm["spatial"], expected.obsm["spatial"])


def test_a_view_can_be_saved(tmp_path) -> None:
    mapping = odd()
    save(mapping[[2, 0]], tmp_path / "map.h5ad")
    assert load(tmp_path / "map.h5ad").obs["text"].tolist() == ["é", "x"]
    assert mapping.obs["text"].tolist()[::2] == ["x", "é"]


def test_saving_replaces_the_old_file_and_leaves_no_other(tmp_path) -> None:
    target = tmp_path / "map.h5ad"
    target.write_text("old")
    save(make(P), target)
    load(target)
    assert [p.name for p in tmp_path.iterdir()] == ["map.h5ad"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o600 == 0o600


def _of_dask(path: Path) -> ad.AnnData:
    mapping = load(path)
    mapping.X = pytest.importorskip("dask.array").from_array(h5py.File(path)["X"], chunks=(2, -1)) * 1
    return mapping


def _in_a_slot(path: Path) -> ad.AnnData:
    mapping = load(path)
    mapping.obsm["other"] = _of_dask(path).X[:, :2]
    return mapping


def _lazy(path: Path) -> ad.AnnData:
    """What anndata reads lazily; before version 0.12 it reads nothing so."""
    pytest.importorskip("xarray")
    if not hasattr(ad.experimental, "read_lazy"):
        pytest.skip("this anndata has no read_lazy")
    return ad.experimental.read_lazy(path)


def _read_lazily(path: Path) -> ad.AnnData:
    mapping = load(path)
    mapping.X = (_lazy(path).X + 0).rechunk((1, -1))
    return mapping


@pytest.mark.parametrize("read", [lambda path: load(path, backed=True), _of_dask, _in_a_slot, _read_lazily])
@pytest.mark.parametrize("name", ["map.h5ad", "link.h5ad"])
def test_the_file_from_which_a_map_is_still_to_be_read_is_not_replaced(
    tmp_path, refused, read: Callable[[Path], ad.AnnData], name: str
) -> None:
    target = tmp_path / "map.h5ad"
    save(make(P), target)
    os.link(target, tmp_path / "link.h5ad")
    before = target.read_bytes()
    mapping = read(target)
    with refused("no input | read | Name another", recorded=False):
        save(mapping, tmp_path / name)
    assert target.read_bytes() == before
    save(mapping, tmp_path / "other.h5ad")
    np.testing.assert_array_equal(load(tmp_path / "other.h5ad").X, P)


def test_a_map_that_was_read_lazily_is_refused(tmp_path, refused) -> None:
    save(make(P), tmp_path / "map.h5ad")
    mapping = _lazy(tmp_path / "map.h5ad")
    with refused("in memory | lazily | load backed=True"):
        check_mapping(mapping)


@pytest.mark.parametrize(
    "error", [OSError("No space left on device"), KeyboardInterrupt()], ids=["full", "interrupt"]
)
def test_a_write_that_fails_leaves_the_old_file_and_no_part(
    tmp_path, monkeypatch, error: BaseException
) -> None:
    target = tmp_path / "map.h5ad"
    save(make(P), target)
    old = target.read_bytes()

    def fail(_: object, path: str, **__: object) -> None:
        with open(path, "wb") as handle:  # noqa: PTH123
            handle.write(b"half a file")
        raise error

    monkeypatch.setattr(ad.AnnData, "write_h5ad", fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else InputError):
        save(make(P), target)
    assert target.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["map.h5ad"]


def test_annotation_that_no_file_can_hold_is_named(tmp_path) -> None:
    mapping = make(P)
    mapping.obs["odd"] = [1, "two", 3.0]
    with pytest.warns(DataWarning, match=r"cannot hold it: obs\['odd'\] \(objects of float, int, str\)"):
        save(mapping, tmp_path / "map.h5ad")
    assert list(load(tmp_path / "map.h5ad").obs) == [name for name in mapping.obs if name != "odd"]


def test_a_newer_format_is_refused_before_anything_else(tmp_path, refused) -> None:
    mapping = make(P)
    mapping.uns["homespot"]["format_version"] = FORMAT_VERSION + 1
    mapping.obs[LEFT_OVER] = 5.0  # what a newer version may mean by it is not known
    mapping.write_h5ad(tmp_path / "map.h5ad")
    with refused("mapping format version 1 2 | 3 |"):
        load(tmp_path / "map.h5ad")


@pytest.mark.parametrize("version", ["new", 1.5, 0, np.array([1, 2])], ids=str)
def test_a_format_that_is_no_whole_number_is_refused(tmp_path, version: object) -> None:
    mapping = make(P)
    mapping.uns["homespot"]["format_version"] = version
    mapping.write_h5ad(tmp_path / "map.h5ad")
    with pytest.raises(InputError, match=r"a mapping of format version 1 to 2, found version"):
        load(tmp_path / "map.h5ad")


def not_hdf5(path) -> None:
    path.write_text("cell,spot\n")


def hdf5_of_another_kind(path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = [1]


def truncated(path) -> None:
    make(P).write_h5ad(path)
    path.write_bytes(path.read_bytes()[:3000])


def another_anndata(path) -> None:
    ad.AnnData(np.eye(3), uns={"homespot": {"pitch": 3.0}}).write_h5ad(path)


def a_folder(path) -> None:
    path.mkdir()


@pytest.mark.filterwarnings("ignore:Element:PendingDeprecationWarning")
@pytest.mark.parametrize("write", [not_hdf5, hdf5_of_another_kind, truncated, another_anndata, a_folder])
def test_what_is_not_a_mapping_is_refused(tmp_path, write) -> None:
    write(tmp_path / "map.h5ad")
    with pytest.raises(InputError):
        load(tmp_path / "map.h5ad")


# --- subset and renormalise -----------------------------------------------------------------------


@BOTH
def test_subset_by_name_moves_mass_to_the_left_over(stored) -> None:
    mapping = make(stored(P))
    part = subset(mapping, cells=["c2", "c0"], spots=["s3", "s0"])
    assert part.obs_names.tolist() == ["c2", "c0"]
    assert part.var_names.tolist() == ["s3", "s0"]
    np.testing.assert_allclose(part.to_df().to_numpy(), [[0.4, 0.1], [0, 0.5]])
    np.testing.assert_allclose(part.obs[LEFT_OVER], [0.5, 0.5])
    np.testing.assert_array_equal(part.varm["spatial"], [[3, 9], [0, 0]])
    check_mapping(part)
    check_mapping(subset(part, spots=["s3"]))
    np.testing.assert_allclose(subset(part, spots=["s3"]).obs[LEFT_OVER], [0.6, 1.0])
    assert mapping.shape == (3, 4)
    assert (mapping.obs[LEFT_OVER] == 0).all()


@BOTH
@pytest.mark.parametrize("choice", [{"cells": []}, {"spots": []}, {"cells": [], "spots": []}], ids=str)
def test_subset_to_nothing_is_a_mapping(stored, choice) -> None:
    check_mapping(subset(make(stored(P)), **choice))


@BOTH
def test_renormalise_divides_by_what_is_kept(stored) -> None:
    part = subset(make(stored(P)), cells=["c0", "c2"], spots=["s0", "s1"])
    whole = renormalise(part)
    np.testing.assert_allclose(whole.to_df().to_numpy(), [[2 / 3, 1 / 3], [1 / 3, 2 / 3]])
    assert (whole.obs[LEFT_OVER] == 0).all()
    np.testing.assert_allclose(part.obs[LEFT_OVER], [0.25, 0.7])
    check_mapping(whole)


# --- combinations ---------------------------------------------------------------------------------


@BOTH
def test_cells_below_one_another(stored) -> None:
    first, second = make(stored(P)), make(stored(P[:2][:, ::-1].copy()), cells="d")
    first.obs["type"] = pd.Categorical(["a", "b", "a"])
    second.obs["type"] = pd.Categorical(["c", "b"])
    both = combine_cells([first, second])
    check_mapping(both)
    assert both.obs_names.tolist() == ["c0", "c1", "c2", "d0", "d1"]
    np.testing.assert_array_equal(both.to_df().to_numpy(), np.vstack([P, P[:2][:, ::-1]]))
    assert both.obs["type"].tolist() == ["a", "b", "a", "c", "b"]
    np.testing.assert_array_equal(coordinates(both), coordinates(first))
    assert both.uns["homespot"]["method"] == "by hand"


@BOTH
@pytest.mark.parametrize(("weights", "shares"), [(None, [0.5, 0.5]), ([3, 1], [0.75, 0.25])])
def test_sections_side_by_side(stored, weights, shares) -> None:
    first, second = (
        make(stored(P)),
        make(stored(P[:, :2] * 0.5), spots="t", left_over=1 - 0.5 * P[:, :2].sum(axis=1)),
    )
    both = combine_sections([first, second], weights)
    check_mapping(both)
    assert both.var_names.tolist() == ["s0", "s1", "s2", "s3", "t0", "t1"]
    expected = np.hstack([P * shares[0], P[:, :2] * 0.5 * shares[1]])
    np.testing.assert_allclose(both.to_df().to_numpy(), expected)
    np.testing.assert_allclose(both.obs[LEFT_OVER], 1 - expected.sum(axis=1), atol=1e-15)
    np.testing.assert_array_equal(coordinates(both), np.vstack([coordinates(first), coordinates(second)]))
    np.testing.assert_array_equal(first.to_df().to_numpy(), P)


def test_sections_keep_float32() -> None:
    assert (
        combine_sections([make(P.astype(np.float32)), make(P.astype(np.float32), spots="t")]).X.dtype
        == np.float32
    )


def test_dense_and_sparse_can_be_combined() -> None:
    both = combine_cells([make(P), make(sparse.csr_matrix(P), cells="d")])
    np.testing.assert_array_equal(both.to_df().to_numpy(), np.vstack([P, P]))


def test_sections_without_coordinates_can_be_combined() -> None:
    assert not has_coordinates(combine_sections([make(P, xy=False), make(P, spots="t", xy=False)]))


def test_the_record_of_a_combination_has_the_type_and_never_a_none() -> None:
    first, second = make(P.astype(np.float32)), make(P, cells="d")
    first.uns["homespot"] |= {"preset": None, "parameters": {"k": None, "n": 1}}
    del second.uns["homespot"]["method"]
    record = combine_cells([first, second]).uns["homespot"]
    assert record["dtype"] == "float64"
    assert record["method"] == "by hand, unknown"
    assert record["parts"]["part1"] == {"format_version": 2, "method": "by hand", "parameters": {"n": 1}}


FULL = """
import resource, signal, sys
import homespot as hs
from homespot.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sc, st = hs.make_demo()
mapping = hs.map_cells(sc, st, progress=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    hs.save(mapping, sys.argv[1])
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX's")
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "map.h5ad"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert f"where {str(path)!r} is to be written, found File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []
