"""Data and maps on disk: the numbers are those of memory, to the byte, and little is in memory at once."""

from __future__ import annotations

import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.evaluate import cross_validate as cv
from homespot.expression import table as tables
from homespot.matrix import rows, streamed
from homespot.matrix.streamed import in_blocks, in_memory
from homespot.objects import annotated as annotated_objects
from homespot.objects import stored as stored_matrices
from homespot.objects.annotated import x_of
from homespot.objects.h5ad import write_whole

Pair = tuple[ad.AnnData, ad.AnnData]


@pytest.fixture(params=["csr", "dense"])
def stored(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Callable[[ad.AnnData], ad.AnnData]]:
    opened = []

    def write(adata: ad.AnnData) -> ad.AnnData:
        path = tmp_path / f"{len(opened)}.h5ad"
        adata.copy().write_h5ad(path)
        opened.append(ad.read_h5ad(path, backed="r"))
        return opened[-1]

    yield write
    for adata in opened:
        adata.file.close()


def logs(adata: ad.AnnData) -> ad.AnnData:
    counts = adata.X.toarray() if sparse.issparse(adata.X) else adata.X
    values = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4).astype(np.float32)
    out = adata.copy()
    out.X = sparse.csr_matrix(values) if sparse.issparse(adata.X) else values
    return out


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Which rows of which matrix were read from a file: the number of rows, of rows read."""
    seen: list[tuple[int, int]] = []
    taken = stored_matrices.file_matrix

    def counted(dataset: Any, path: str) -> Any:
        matrix = taken(dataset, path)

        def read(start: int, stop: int) -> Any:
            seen.append((matrix.shape[0], stop - start))
            return matrix.read(start, stop)

        found = replace(matrix, read=read)
        vars(found)["counts"] = matrix.counts
        return found

    for module in (stored_matrices, annotated_objects):
        monkeypatch.setattr(module, "file_matrix", counted)
    to_memory = ad.AnnData.to_memory

    def whole(adata: ad.AnnData) -> ad.AnnData:
        if adata.isbacked:
            seen.append((adata.n_obs, adata.n_obs))
        return to_memory(adata)

    monkeypatch.setattr(ad.AnnData, "to_memory", whole)
    return seen


@pytest.mark.parametrize("scale", ["counts", "log"])
@pytest.mark.parametrize(("method", "n_genes"), [("ssa", 5000), ("ssa", 20), ("come", 20)])
def test_maps_from_files_are_those_from_memory(
    make_pair: Callable[..., Pair],
    on_disk: Callable[[ad.AnnData], ad.AnnData],
    monkeypatch: pytest.MonkeyPatch,
    stored: str,
    scale: str,
    method: str,
    n_genes: int,
) -> None:
    monkeypatch.setattr(tables, "BLOCK_VALUES", 300)  # many blocks
    pair = make_pair(stored=stored)
    sc, st = pair if scale == "counts" else map(logs, pair)
    settings: dict[str, Any] = {"n_genes": n_genes}
    if method == "come":
        settings |= {"epochs": 2, "pretrain_epochs": 3, "hidden": 8, "latent": 4}
        settings |= {"labels": "type", "validation_genes": 0.2}
    expected = hs.map_cells(sc, st, method, **settings)
    found = hs.map_cells(on_disk(sc), on_disk(st), method, **settings)
    assert found.uns["homespot"]["sc_scale"] == scale
    assert found.X.tobytes() == expected.X.tobytes()
    for name in ("sc_scale_evidence", "st_scale_evidence"):
        assert found.uns["homespot"][name] == expected.uns["homespot"][name]


def test_a_map_reads_its_data_twice_and_once_more_for_the_variances(
    make_pair: Callable[..., Pair],
    on_disk: Callable[[ad.AnnData], ad.AnnData],
    reads: list[tuple[int, int]],
    stored: str,
) -> None:
    sc, st = make_pair(stored=stored)
    dropped = (np.arange(sc.n_obs) != 3).astype(np.float32)[:, None]
    sc.X = sparse.csr_matrix(sc.X.multiply(dropped)) if stored == "csr" else sc.X * dropped
    cells, spots = on_disk(sc), on_disk(st)
    for n_genes, passes in ((5000, 2), (20, 3)):
        reads.clear()
        with pytest.warns(hs.errors.DataWarning, match="Dropped 1 cell"):
            hs.map_cells(cells, spots, n_genes=n_genes)
        of_cells = sum(read for n, read in reads if n == sc.n_obs)
        assert sc.n_obs + (passes - 1) * (sc.n_obs - 1) <= of_cells <= passes * sc.n_obs
        assert sum(read for n, read in reads if n == st.n_obs) == 2 * st.n_obs


def test_blocks_read_change_nothing(
    make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    """As R reads, in blocks that have nothing to do with those that are computed with."""
    matrix = make_pair(stored=stored)[0].X
    monkeypatch.setattr(tables, "BLOCK_VALUES", 300)
    monkeypatch.setattr(streamed, "_VALUES", 200)
    names, genes = np.arange(matrix.shape[0]).astype(str), np.arange(matrix.shape[1]).astype(str)
    whole = tables.Expression(matrix, names, genes)
    for ends in ([40], [1, 2, 39, 40], [*range(7, 40, 7), 40]):
        fetched: list[int] = []

        def fetch(k: int, ends: list[int] = ends, fetched: list[int] = fetched) -> Any:
            fetched.append(k)
            return matrix[([0, *ends])[k] : ends[k]]

        blocks = in_blocks(fetch, ends, matrix.shape, "float32", sparse=stored == "csr")
        table = tables.Expression(blocks, names, genes)
        assert fetched == list(range(len(ends)))  # every block once
        np.testing.assert_array_equal(table.variances, whole.variances)
        np.testing.assert_array_equal(table.totals, whole.totals)
        np.testing.assert_array_equal(table.log_totals, whole.log_totals)
        some = np.array([31, 2, 2, 17, 39])
        for found, expected in (
            (in_memory(blocks), matrix),
            (blocks[some], matrix[some]),
            (blocks.taken(some, np.array([4, 1]))[1:4], matrix[some][1:4][:, [4, 1]]),
        ):
            assert type(found) is type(expected)
            assert (found != expected).sum() == 0


def test_cross_validation_and_its_processes(
    make_pair: Callable[..., Pair],
    on_disk: Callable[[ad.AnnData], ad.AnnData],
    tmp_path: Path,
) -> None:
    pair = make_pair()
    expected = cv.cross_validate(*pair, folds=2).drop(columns="seconds")
    backed = on_disk(pair[0]), on_disk(pair[1])
    output = tmp_path / "folds.csv"
    for n_jobs in (1, 2):
        found = cv.cross_validate(*backed, folds=2, n_jobs=n_jobs, output=output).drop(columns="seconds")
        pd.testing.assert_frame_equal(found, expected)
        output.unlink()
    cv.cross_validate(*backed, folds=2, output=output)
    kept = output.read_bytes()
    cv.cross_validate(*pair, folds=2, output=output)  # goes on with the file: the data are the same
    assert output.read_bytes() == kept


@pytest.mark.parametrize("k_best", [None, 5])
def test_what_follows_from_a_map_on_disk_is_what_follows_from_it_in_memory(
    make_pair: Callable[..., Pair],
    on_disk: Callable[[ad.AnnData], ad.AnnData],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stored: str,
    k_best: int | None,
) -> None:
    monkeypatch.setattr(rows, "_VALUES", 200)
    monkeypatch.setattr(tables, "BLOCK_VALUES", 300)
    monkeypatch.setattr(streamed, "_VALUES", 170)
    sc, st = make_pair(stored=stored, n_spots=12)
    hs.save(hs.map_cells(sc, st, k_best=k_best), tmp_path / "map.h5ad")
    mapping, backed = (hs.load(tmp_path / "map.h5ad", backed=on_disk) for on_disk in (False, True))
    assert backed.isbacked
    cells, turned = on_disk(sc), on_disk(sc[::-1])
    sc, some = cells.to_memory(), ["c9", "c3", "c30"]
    verbs: dict[str, Callable[[ad.AnnData, ad.AnnData], Any]] = {
        "place": hs.place_cells,
        "impute": lambda m, x: hs.impute_genes(m, x, block_size=7),
        "impute some cells": lambda m, x: hs.impute_genes(hs.subset(m, some), x, read_out="sum"),
        "impute another order": lambda m, x: hs.impute_genes(m, turned if x.isbacked else sc[::-1]),
        "deconvolve": lambda m, _: hs.deconvolve_spots(m, "type"),
        "annotate": lambda m, _: hs.annotate_cells(m, "region"),
        "assign": lambda m, _: hs.assign_cells(m, 12),
        "assign to candidates": lambda m, _: hs.assign_cells(m, 12, candidates=4),
        "colocate": lambda m, _: hs.colocate_types(m, "type"),
        "type distances": lambda m, _: hs.type_distances(m, "type"),
        "cell distances": lambda m, _: hs.cell_distances(m, ["c7", "c2"]),
        "modes": lambda m, _: hs.cell_modes(m),
        "add to cells": lambda m, x: hs.add_mapping(x, m),
        "add to spots": lambda m, _: hs.add_mapping(st, m),
        "subset": lambda m, _: hs.subset(m, spots=list(m.var_names[:7])),
        "renormalise": lambda m, _: hs.renormalise(m),
        "combine": lambda m, _: hs.combine_sections([m]),
    }
    for name, verb in verbs.items():
        expected, found = verb(mapping, sc), verb(backed, cells)
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(found, expected, check_exact=True)
            continue
        pd.testing.assert_frame_equal(found.obs, expected.obs, check_exact=True, obj=name)
        pairs = [(found.X, expected.X), *((found.obsm[key], expected.obsm[key]) for key in expected.obsm)]
        for one, other in pairs:
            assert (one != other).sum() == np.isnan(other.data if sparse.issparse(other) else other).sum(), (
                name
            )
    hs.save(backed, tmp_path / "again.h5ad")
    again = hs.load(tmp_path / "again.h5ad")
    assert (again.X != mapping.X).sum() == 0
    assert again.X.dtype == mapping.X.dtype
    pd.testing.assert_frame_equal(again.obs, mapping.obs, check_categorical=False, check_dtype=False)
    backed.file.close()


ONCE: dict[str, Callable[[ad.AnnData, ad.AnnData, Path], Any]] = {
    "add to cells": lambda m, sc, _: hs.add_mapping(sc, m),
    "add to spots": lambda m, _, folder: hs.add_mapping(ad.read_h5ad(folder / "st.h5ad"), m),
    "report": lambda m, _, folder: hs.report(m, folder / "report.html", labels="type"),
    "positions": lambda m, *_: hs.cell_positions(m),
    "place": lambda m, sc, _: hs.place_cells(m, sc),
    "deconvolve": lambda m, *_: hs.deconvolve_spots(m, "type"),
    "annotate": lambda m, *_: hs.annotate_cells(m, "region"),
    "colocate": lambda m, *_: hs.colocate_types(m, "type"),
    "type distances": lambda m, *_: hs.type_distances(m, "type"),
    "modes": lambda m, *_: hs.cell_modes(m),
    "renormalise": lambda m, *_: hs.renormalise(m),
    "combine cells": lambda m, *_: hs.combine_cells([m]),
    "combine sections": lambda m, *_: hs.combine_sections({"one": m}),
}


@pytest.fixture
def stored_map(
    make_pair: Callable[..., Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[ad.AnnData, ad.AnnData]]:
    monkeypatch.setattr(rows, "_VALUES", 200)  # many blocks

    def make(**settings: Any) -> tuple[ad.AnnData, ad.AnnData]:
        sc, st = make_pair()
        if "sections" in settings:
            st.obs[settings["sections"]] = np.where(np.arange(st.n_obs) % 2, "b", "a")
        st.write_h5ad(tmp_path / "st.h5ad")
        hs.save(hs.map_cells(sc, st, **settings), tmp_path / "map.h5ad")
        return hs.load(tmp_path / "map.h5ad", backed=True), sc

    return make


@pytest.mark.parametrize("verb", ONCE)
@pytest.mark.parametrize("k_best", [None, 5])
def test_a_map_is_checked_while_it_is_read_and_read_once(
    stored_map: Callable[..., tuple[ad.AnnData, ad.AnnData]],
    tmp_path: Path,
    reads: list[tuple[int, int]],
    k_best: int | None,
    verb: str,
) -> None:
    if verb == "report":
        pytest.importorskip("plotly")
    mapping, sc = stored_map(k_best=k_best)
    reads.clear()
    ONCE[verb](mapping, sc, tmp_path)
    # Which cells are confident depends on all of them, so their mass is read afterwards.
    times = 2 if verb in ("report", "deconvolve") else 1
    assert sum(read for n, read in reads if n == mapping.n_obs) == times * mapping.n_obs
    mapping.file.close()


OFTEN: dict[str, tuple[Callable[[ad.AnnData], Any], int]] = {
    "distances of two cells": (lambda m: hs.cell_distances(m, m.obs_names[:2]), 1),
    "distances of all cells": (lambda m: hs.cell_distances(m), 2),
    "assign": (lambda m: hs.assign_cells(m, 3), 3),
    "assign by the expected numbers": (lambda m: hs.assign_cells(m), 3),
    "subset": (lambda m: hs.subset(m, spots=m.var_names[:5]), 2),
}


@pytest.mark.parametrize("verb", OFTEN)
def test_how_often_the_others_read_a_map(
    stored_map: Callable[..., tuple[ad.AnnData, ad.AnnData]], reads: list[tuple[int, int]], verb: str
) -> None:
    mapping, _ = stored_map()
    call, times = OFTEN[verb]
    reads.clear()
    call(mapping)
    rows_read = sum(read for n, read in reads if n == mapping.n_obs)
    assert times * mapping.n_obs <= rows_read <= times * mapping.n_obs + 2
    mapping.file.close()


@pytest.mark.parametrize(("verb", "times"), [("add to cells", 1), ("positions", 3), ("deconvolve", 4)])
def test_a_map_of_two_sections_is_read_once_and_once_more_for_the_places_in_each(
    stored_map: Callable[..., tuple[ad.AnnData, ad.AnnData]],
    tmp_path: Path,
    reads: list[tuple[int, int]],
    verb: str,
    times: int,
) -> None:
    mapping, sc = stored_map(sections="slice", joint=True)
    reads.clear()
    ONCE[verb](mapping, sc, tmp_path)
    # The rows between those of a section are read, too, but not those before the first or after the last.
    assert (times - 0.2) * mapping.n_obs < sum(read for _, read in reads) <= times * mapping.n_obs
    mapping.file.close()


def test_a_report_with_genes_reads_the_map_once_and_once_for_each_product(
    stored_map: Callable[..., tuple[ad.AnnData, ad.AnnData]], tmp_path: Path, reads: list[tuple[int, int]]
) -> None:
    pytest.importorskip("plotly")
    mapping, sc = stored_map()
    reads.clear()
    hs.report(mapping, tmp_path / "report.html", sc=sc, labels="type")
    # Expression of the candidates, and of the genes that are shown; the mass of the confident cells.
    assert sum(read for _, read in reads) == 4 * mapping.n_obs
    mapping.file.close()


@pytest.mark.parametrize("verb", [verb for verb in ONCE if verb != "report"])
@pytest.mark.parametrize(("value", "found"), [(-0.5, "values from -0.5"), (0.7, "add up to 1")])
def test_a_map_that_is_wrong_at_its_end_is_refused_whatever_its_rows_say(
    make_pair: Callable[..., Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    value: float,
    found: str,
) -> None:
    monkeypatch.setattr(rows, "_VALUES", 200)
    sc, st = make_pair()
    st.write_h5ad(tmp_path / "st.h5ad")
    mapping = hs.map_cells(sc, st)
    mapping.X[0] = 0  # a row without any probability, which many verbs refuse
    mapping.obs.loc[mapping.obs_names[0], "homespot_left_over"] = 1.0
    mapping.X[-1, 3] = value
    with pytest.raises(InputError, match=found):
        ONCE[verb](mapping, sc, tmp_path)


def test_what_is_wrong_with_a_file_is_said(pair: Pair, on_disk: Callable[[ad.AnnData], ad.AnnData]) -> None:
    sc, st = pair
    backed = on_disk(sc)
    matrix = x_of(backed)
    backed.file.close()
    with pytest.raises(InputError, match=r"Expected a file '.*0.h5ad' that can be read, found "):
        matrix[:3]
    Path(backed.filename).unlink()
    with pytest.raises(InputError, match=r"Expected a file '.*0.h5ad' that can be read, found "):
        hs.map_cells(backed, st)
    broken = sc.copy()
    broken.X.data[[3, 50]] = np.nan, -np.inf
    with pytest.raises(InputError, match="found 2 that are NaN or infinite"):
        hs.map_cells(on_disk(broken), st)
    broken.X.data[[3, 50]] = 1, -2
    with pytest.raises(InputError, match="found values down to -2, as z-scores"):
        hs.map_cells(on_disk(broken), st)


MEASURE = """
import sys
import anndata as ad, h5py, numpy as np, pandas as pd
import homespot as hs
folder, n, genes, spots = sys.argv[1], 25_000, 4_000, 60
rng = np.random.default_rng(0)
with h5py.File(f"{folder}/sc.h5ad", "w") as file:
    file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    x = file.create_dataset("X", (n, genes), np.float32)
    x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    some_cells = rng.poisson(0.3, (1000, genes))
    for start in range(0, n, 1000):
        x[start : start + 1000] = rng.permutation(some_cells)
    for name, size in (("obs", n), ("var", genes)):
        ad.io.write_elem(file, name, pd.DataFrame(index=[f"{name}{i}" for i in range(size)]))
st = ad.AnnData(rng.poisson(3.0, (spots, genes)).astype(np.float32))
st.var_names = [f"var{i}" for i in range(genes)]

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

backed = ad.read_h5ad(f"{folder}/sc.h5ad", backed="r")
warm = backed[:500].to_memory()
hs.impute_genes(hs.map_cells(warm, st, n_genes=500, progress=False), warm)
before = peak()
mapping = hs.map_cells(backed, st, n_genes=500, progress=False)
hs.impute_genes(mapping, backed, output=f"{folder}/imputed.h5ad")
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_400_mb_on_disk_are_never_in_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    # Of the genes used there are 50 MB, three copies at most; the map has 6 MB, a block 16 MB.
    assert float(done.stdout) < 200


# --- dask, read_lazy, and what zarr holds ------------------------------------------------------------------


def _dask(adata: ad.AnnData, _: Path) -> ad.AnnData:
    da = pytest.importorskip("dask.array")
    out = adata.copy()
    if sparse.issparse(adata.X):
        parts = [
            da.from_array(adata.X[i : i + 7], chunks=(7, -1), asarray=False) for i in range(0, adata.n_obs, 7)
        ]
        out.X = da.concatenate(parts)
    else:
        out.X = da.from_array(adata.X, chunks=(7, 11))  # in pieces of rows and of columns
    return out


def _lazy(suffix: str) -> Callable[[ad.AnnData, Path], ad.AnnData]:
    def read(adata: ad.AnnData, folder: Path) -> ad.AnnData:
        pytest.importorskip("dask.array")
        pytest.importorskip("xarray")
        path = folder / f"lazy{len(list(folder.iterdir()))}.{suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adata.copy().write_h5ad(path) if suffix == "h5ad" else adata.copy().write_zarr(path)
            if not hasattr(ad.experimental, "read_lazy"):
                pytest.skip("this anndata has no read_lazy")
            return ad.experimental.read_lazy(h5py.File(path) if suffix == "h5ad" else path)

    return read


def _stored(suffix: str) -> Callable[[ad.AnnData, Path], ad.AnnData]:
    def read(adata: ad.AnnData, folder: Path) -> ad.AnnData:
        path = str(folder / f"stored{len(list(folder.iterdir()))}.{suffix}")
        file = h5py.File(path, "w") if suffix == "h5" else zarr.open_group(path, mode="w")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ad.io.write_elem(file, "X", adata.X)
        x = ad.io.sparse_dataset(file["X"]) if sparse.issparse(adata.X) else file["X"]
        return ad.AnnData(x, obs=adata.obs, var=adata.var, obsm=dict(adata.obsm))

    return read


WAYS = {
    "dask": _dask,
    "read_lazy of h5ad": _lazy("h5ad"),
    "read_lazy of zarr": _lazy("zarr"),
    "h5": _stored("h5"),
    "zarr": _stored("zarr"),
}


def same_values(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare tables but for the order of columns, and text with categories."""
    assert type(found) is pd.DataFrame
    pd.testing.assert_frame_equal(found[list(expected)].astype(object), expected.astype(object))


@pytest.mark.parametrize("way", WAYS)
def test_every_verb_takes_what_is_read_later(
    make_pair: Callable[..., Pair], tmp_path: Path, stored: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BLOCK_VALUES", 300)
    sc, st = make_pair(stored=stored)
    cells, spots = (WAYS[way](adata, tmp_path) for adata in (sc, st))
    assert isinstance(x_of(cells), streamed.Streamed)
    mapping = hs.map_cells(sc, st, "correlation")
    found = hs.map_cells(cells, spots, "correlation")
    assert found.X.tobytes() == mapping.X.tobytes()
    same_values(found.obs, mapping.obs)
    joined = []
    for side, of in ((cells, spots), (sc, st)):
        with pytest.warns(DataWarning, match="Found 2 sections"):
            joined.append(hs.map_cells(side, [of[:12], of[12:]]).X)
    assert joined[0].tobytes() == joined[1].tobytes()

    placed, expected = hs.place_cells(mapping, cells), hs.place_cells(mapping, sc)
    np.testing.assert_array_equal(placed.obsm["spatial"], expected.obsm["spatial"])
    same_values(placed.obs, expected.obs)
    assert type(placed.X) is type(expected.X)  # in memory
    assert (placed.X != expected.X).sum() == 0
    np.testing.assert_array_equal(hs.impute_genes(mapping, cells).X, hs.impute_genes(mapping, sc).X)
    added = hs.add_mapping(spots, mapping)
    np.testing.assert_array_equal(
        added.obs["homespot_cells"], hs.add_mapping(st, mapping).obs["homespot_cells"]
    )
    scores = [
        cv.cross_validate(*of, folds=2, method="correlation")["pcc"] for of in ((cells, spots), (sc, st))
    ]
    pd.testing.assert_series_equal(*scores)
    made = hs.simulate_spots(spots, cells_per_spot=3)[1]
    assert (made.X != hs.simulate_spots(st, cells_per_spot=3)[1].X).sum() == 0

    write_whole(cells, tmp_path / "cells.h5ad")
    again = ad.read_h5ad(tmp_path / "cells.h5ad")
    assert type(again.X) is type(sc.X)
    assert (again.X != sc.X).sum() == 0
    same_values(again.obs, sc.obs)


@pytest.mark.parametrize("way", ["dask", "read_lazy of h5ad", "read_lazy of zarr"])
def test_layers_and_raw_are_read_later_too(pair: Pair, tmp_path: Path, way: str) -> None:
    sc, st = pair
    sc.layers["twice"], sc.layers["columns"] = sc.X * 2, sparse.csc_matrix(sc.X * 3)
    sc.raw = sc
    cells = WAYS[way](sc, tmp_path)
    if way == "dask":
        cells.layers["twice"] = WAYS[way](ad.AnnData(sc.X * 2), tmp_path).X
    assert isinstance(x_of(cells, "twice"), streamed.Streamed)
    for layer in ("twice", "columns"):
        found = hs.map_cells(cells, st, "correlation", sc_layer=layer)
        assert found.X.tobytes() == hs.map_cells(sc, st, "correlation", sc_layer=layer).X.tobytes()
    write_whole(cells, tmp_path / "cells.h5ad")
    again = ad.read_h5ad(tmp_path / "cells.h5ad")
    for found, expected in (
        (again.layers["twice"], sc.layers["twice"]),
        (again.layers["columns"], sc.layers["columns"]),
        (again.raw.X, sc.raw.X),
    ):
        assert (found != expected).sum() == 0


def test_one_chunk_of_rows_of_a_dask_array_is_in_memory_at_once(
    make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    da = pytest.importorskip("dask.array")
    sc, st = make_pair(stored="dense", n_cells=60)
    monkeypatch.setattr(tables, "BLOCK_VALUES", 200)  # five or six rows
    made: list[weakref.ref[Any]] = []
    most = [0]

    def watched(block: Any) -> Any:
        block = block.copy()
        made.append(weakref.ref(block))
        most[0] = max(most[0], sum(of() is not None for of in made))
        return block

    cells = sc.copy()
    cells.X = da.from_array(sc.X, chunks=(7, -1)).map_blocks(watched, dtype=sc.X.dtype, meta=np.empty((0, 0)))
    mapping = hs.map_cells(cells, st)
    assert mapping.X.tobytes() == hs.map_cells(sc, st).X.tobytes()
    assert most[0] <= 2  # of 9: the one that was kept may still be there when the next one is made
    assert len(made) == 2 * 9  # once to check them, once for the genes that are used


def test_a_dask_array_that_cannot_be_computed_is_told(pair: Pair) -> None:
    da = pytest.importorskip("dask.array")
    sc, st = pair

    def broken(block: Any, block_id: tuple[int, int]) -> Any:
        if block_id[0] == 1:
            raise OSError("gone")
        return block

    sc.X = da.from_array(sc.X.toarray(), chunks=(20, -1)).map_blocks(broken, dtype=np.float32)
    with pytest.raises(
        InputError, match=r"Expected a dask array that can be computed, found OSError in its rows of"
    ):
        hs.map_cells(sc, st)


def test_a_dask_array_says_wrongly_what_its_chunks_are(pair: Pair) -> None:
    da = pytest.importorskip("dask.array")
    sc, _ = pair
    dense = da.from_array(sc.X.toarray(), chunks=(20, -1))
    for one, other in (
        (
            dense.map_blocks(sparse.csr_matrix, dtype=np.float32, meta=np.empty((0, 0), np.float32)),
            np.ndarray,
        ),
        (dense.map_blocks(lambda b: b, meta=sparse.csr_matrix((0, 0), dtype=np.float32)), sparse.csr_matrix),
    ):
        cells = ad.AnnData(one)
        found = in_memory(x_of(cells))
        assert type(found) is other
        assert (found != (sc.X if sparse.issparse(found) else sc.X.toarray())).sum() == 0
