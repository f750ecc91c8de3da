"""Cells and spots in the forms that users have: they are read, or it is said what they are and what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import io as scipy_io
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.objects.reading import read

SYMBOLS = ["Actb", "Gapdh", "Snap25", "CD3"]
IDS = ["ENSG1", "ENSG2", "ENSG3", "CD3_ab"]
TYPES = ["Gene Expression"] * 3 + ["Antibody Capture"]
BARCODES = [f"AAAC{i}-1" for i in range(5)]
COUNTS = np.random.default_rng(0).poisson(2.0, (5, 4)).astype(np.int32)
POSITIONS = pd.DataFrame(
    {
        "barcode": ["other-1", *BARCODES[::-1]],
        "in_tissue": [0, 1, 1, 1, 1, 0],
        "array_row": range(6),
        "array_col": range(10, 16),
        "pxl_row_in_fullres": [100.0 * i for i in range(6)],
        "pxl_col_in_fullres": [7.0 * i for i in range(6)],
    }
)


def write_10x(path: Path, symbols: list[str] = SYMBOLS, **attributes: Any) -> None:
    """Write a matrix as Cell Ranger does since version 3."""
    rows = sparse.csr_matrix(COUNTS)
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(rows, name)
        group["shape"] = np.array(COUNTS.T.shape, np.int32)
        group["barcodes"] = np.array(BARCODES, "S")
        features = {"id": IDS, "name": symbols, "feature_type": TYPES, "genome": ["mm10"] * 4}
        for name, values in features.items():
            group[f"features/{name}"] = np.array(values, "S")


def write_old_10x(path: Path, *genomes: str) -> None:
    rows = sparse.csr_matrix(COUNTS)
    with h5py.File(path, "w") as file:
        for genome in genomes:
            group = file.create_group(genome)
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(rows, name)
            group["shape"] = np.array(COUNTS.T.shape, np.int32)
            group["barcodes"], group["genes"] = np.array(BARCODES, "S"), np.array(IDS, "S")
            group["gene_names"] = np.array(SYMBOLS, "S")


def write_mtx(folder: Path, prefix: str = "", *, packed: bool = True, old: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    scipy_io.mmwrite(folder / "m.mtx", sparse.coo_matrix(COUNTS.T))
    columns = [IDS, SYMBOLS] if old else [IDS, SYMBOLS, TYPES]
    texts = {
        "matrix.mtx": (folder / "m.mtx").read_text(),
        "barcodes.tsv": "".join(f"{name}\n" for name in BARCODES),
        f"{'genes' if old else 'features'}.tsv": "".join(
            "\t".join(row) + "\n" for row in zip(*columns, strict=True)
        ),
    }
    (folder / "m.mtx").unlink()
    for name, text in texts.items():
        if packed:
            (folder / f"{prefix}{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{prefix}{name}").write_text(text)


def write_outs(folder: Path, positions: str = "tissue_positions.csv") -> None:
    """Write the folder of a Visium run."""
    pytest.importorskip("matplotlib")
    from matplotlib.image import imsave

    (folder / "spatial").mkdir(parents=True)
    write_10x(
        folder / "filtered_feature_bc_matrix.h5",
        library_ids=np.array(["brain"], "S"),
        chemistry_description=np.bytes_("Visium"),
    )
    path = folder / "spatial" / positions
    if positions.endswith(".parquet"):
        POSITIONS.to_parquet(path)
    else:
        POSITIONS.to_csv(path, index=False, header="list" not in positions)
    for name in ("hires", "lowres"):
        imsave(folder / "spatial" / f"tissue_{name}_image.png", np.zeros((6, 4, 3)))
    scales = {"tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1, "spot_diameter_fullres": 8.0}
    (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(scales))


def check_10x(found: ad.AnnData, *, types: bool = True) -> None:
    assert list(found.obs_names) == BARCODES
    assert list(found.var_names) == SYMBOLS
    assert list(found.var["gene_ids"]) == IDS
    if types:
        assert list(found.var["feature_types"]) == TYPES
    assert isinstance(found.X, sparse.csr_matrix)
    np.testing.assert_array_equal(found.X.toarray(), COUNTS)


def said(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith("Expected ")
    assert "\n" not in text
    return text


# --- 10x ------------------------------------------------------------------------------------------------


@pytest.fixture
def scanpy() -> None:
    """Skip without scanpy, and import it first: what it warns of on its own is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("scanpy")


@pytest.mark.usefixtures("scanpy")
def test_matrices_of_10x_are_read_with_ids_and_types(tmp_path: Path) -> None:
    write_10x(tmp_path / "filtered_feature_bc_matrix.h5")
    check_10x(read(tmp_path / "filtered_feature_bc_matrix.h5"))
    write_old_10x(tmp_path / "old.h5", "hg19")
    check_10x(read(tmp_path / "old.h5"), types=False)
    for name, of in {"new": {}, "prefix": {"prefix": "GSM1_"}, "plain": {"packed": False}}.items():
        write_mtx(tmp_path / name, **of)
        check_10x(read(tmp_path / name))
    write_mtx(tmp_path / "hg19", packed=False, old=True)
    check_10x(read(tmp_path / "hg19"), types=False)


@pytest.mark.usefixtures("scanpy")
def test_symbols_that_occur_twice_are_numbered_and_told(tmp_path: Path) -> None:
    write_10x(tmp_path / "a.h5", ["Actb", "Actb", "Snap25", "Actb"])
    with pytest.warns(DataWarning, match=r"1 gene symbol\(s\) more than once \('Actb'\).*'Actb-1'.*gene_ids"):
        found = read(tmp_path / "a.h5")
    assert list(found.var_names) == ["Actb", "Actb-1", "Snap25", "Actb-2"]
    assert list(found.var["gene_ids"]) == IDS


@pytest.mark.usefixtures("scanpy")
@pytest.mark.parametrize(
    "positions", ["tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet"]
)
def test_a_visium_folder_has_its_places_and_images(tmp_path: Path, positions: str) -> None:
    if positions.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    write_outs(tmp_path / "run" / "outs", positions)
    found = read(tmp_path / "run" / "outs")
    check_10x(found)
    # The barcodes stand in the table from the last to the first, below another one.
    np.testing.assert_array_equal(found.obsm["spatial"], [[7 * i, 100 * i] for i in (5, 4, 3, 2, 1)])
    assert list(found.obs["in_tissue"]) == [0, 1, 1, 1, 1]
    assert list(found.obs["array_row"]) == [5, 4, 3, 2, 1]
    assert list(found.obs["array_col"]) == [15, 14, 13, 12, 11]
    tissue = found.uns["spatial"]["brain"]
    assert tissue["images"]["hires"].shape[:2] == (6, 4)
    assert tissue["scalefactors"]["tissue_hires_scalef"] == 0.5
    assert tissue["metadata"] == {"chemistry_description": "Visium"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scanpy as sc

        if positions.endswith(".csv"):
            theirs = sc.read_visium(tmp_path / "run" / "outs")
            kept = theirs.obsm["spatial"].astype(float)
            np.testing.assert_array_equal(found[theirs.obs_names].obsm["spatial"], kept)


@pytest.mark.usefixtures("scanpy")
def test_what_a_visium_folder_lacks_is_said(tmp_path: Path) -> None:
    write_outs(tmp_path / "outs")
    table = tmp_path / "outs" / "spatial" / "tissue_positions.csv"
    POSITIONS.drop(index=[2, 3]).to_csv(table, index=False)
    text = said(tmp_path / "outs")
    assert "a position for every spot" in text
    assert "2 of 5 spots" in text
    table.write_text("barcode,x\nAAAC0-1,2\n")
    assert "Expected the columns barcode, in_tissue" in said(tmp_path / "outs")
    table.unlink()
    assert "Expected a table of positions" in said(tmp_path / "outs")
    shutil.rmtree(tmp_path / "outs" / "spatial")
    (tmp_path / "outs" / "filtered_feature_bc_matrix.h5").rename(
        tmp_path / "outs" / "GSM1_filtered_feature_bc_matrix.h5"
    )
    check_10x(read(tmp_path / "outs"))  # of Cell Ranger


@pytest.mark.usefixtures("scanpy")
def test_a_matrix_of_10x_that_is_not_whole_is_said(tmp_path: Path) -> None:
    write_10x(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["matrix/features/name"]
    assert "a.h5', which is damaged or incomplete. Copy it or write it anew." in said(tmp_path / "a.h5")
    write_mtx(tmp_path / "cut")
    with (tmp_path / "cut" / "matrix.mtx.gz").open("r+b") as file:
        file.truncate(40)
    assert "cut', which is damaged or incomplete" in said(tmp_path / "cut")
    write_mtx(tmp_path / "short", packed=False)
    (tmp_path / "short" / "barcodes.tsv").write_text("A-1\nB-1\n")
    text = said(tmp_path / "short")
    assert "Expected 5 barcodes and 4 features" in text
    assert "found 2 and 4" in text
    write_old_10x(tmp_path / "two.h5", "hg19", "mm10")
    assert "with 'hg19', 'mm10'. Make an .h5ad of one: scanpy.read_10x_h5('two.h5', genome='hg19')" in said(
        tmp_path / "two.h5"
    )


def test_without_scanpy_a_line_says_what_it_is_and_how_to_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scanpy", None)
    write_10x(tmp_path / "a.h5")
    write_mtx(tmp_path / "mtx")
    for name, reader in {"a.h5": "scanpy.read_10x_h5('a.h5'", "mtx": "scanpy.read_10x_mtx('mtx'"}.items():
        text = said(tmp_path / name)
        assert "10x" in text
        assert "pip install 'homespot[io]'" in text
        assert reader in text


# --- zarr -----------------------------------------------------------------------------------------------


def same(found: ad.AnnData, expected: ad.AnnData) -> None:
    assert (found.X != expected.X).sum() == 0
    pd.testing.assert_frame_equal(found.obs, expected.obs, check_dtype=False, check_categorical=False)
    assert list(found.var_names) == list(expected.var_names)
    for name, values in expected.obsm.items():
        np.testing.assert_array_equal(found.obsm[name], values)


def write_zarr(adata: ad.AnnData, path: Path, version: int = 2) -> None:
    with warnings.catch_warnings(action="ignore"):
        if not hasattr(ad.settings, "zarr_write_format"):  # anndata 0.11
            if version == 3:
                pytest.skip("this anndata writes zarr 2 only")
            adata.copy().write_zarr(path)
            return
        with ad.settings.override(zarr_write_format=version):
            adata.copy().write_zarr(path)


@pytest.mark.skipif(not zarr.__version__.startswith("2."), reason="zarr 3 reads format 3")
def test_zarr_2_says_that_it_cannot_read_format_3(tmp_path: Path) -> None:
    (tmp_path / "st.zarr").mkdir()
    (tmp_path / "st.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    text = said(tmp_path / "st.zarr")
    assert f"in format 3, which zarr {zarr.__version__} cannot read" in text
    assert "zarr 3" in text


@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_is_read_as_a_folder_and_packed(pair, tmp_path: Path, version: int) -> None:
    _, st = pair
    write_zarr(st, tmp_path / "st.zarr", version)
    shutil.copytree(tmp_path / "st.zarr", tmp_path / "unnamed")
    shutil.make_archive(str(tmp_path / "inside.zarr"), "zip", tmp_path / "st.zarr")
    shutil.make_archive(str(tmp_path / "above"), "zip", tmp_path, "st.zarr")
    for name in ("st.zarr", "unnamed", "inside.zarr.zip", "above.zip"):
        same(read(tmp_path / name), st)


def write_spatialdata(path: Path, **tables: ad.AnnData) -> None:
    """Write what a SpatialData has on disk, as far as its tables go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = zarr.open_group(str(path), mode="w")
        root.attrs["spatialdata_attrs"] = {"version": "0.2", "spatialdata_software_version": "0.8"}
        root.create_group("shapes")
        for name, table in tables.items():
            root.require_group("tables")
            ad.io.write_elem(root["tables"], name, table)


def test_the_table_of_a_spatialdata_is_taken(pair, tmp_path: Path) -> None:
    sc, st = pair
    write_spatialdata(tmp_path / "one.zarr", table=st)
    same(read(tmp_path / "one.zarr"), st)
    write_spatialdata(tmp_path / "two.zarr", cells=sc, bins=st)
    text = said(tmp_path / "two.zarr")
    assert "Expected one table, found 2 in" in text
    assert "('bins', 'cells')" in text
    same(read(text.split("Name one of them: ")[1].removesuffix(".")), st)
    write_spatialdata(tmp_path / "none.zarr")
    assert "none.zarr' without tables" in said(tmp_path / "none.zarr")


# --- AnnData --------------------------------------------------------------------------------------------


def test_the_content_decides_and_not_the_ending(pair, tmp_path: Path) -> None:
    sc, _ = pair
    for name in ("cells.h5", "cells", "cells.rds"):
        sc.copy().write_h5ad(tmp_path / name)
        same(read(tmp_path / name), sc)
    (tmp_path / "table.h5ad").write_bytes(gzip.compress(b"X\n\x00\x00\x00\x03\x00\x04"))
    assert "an R object (.rds)" in said(tmp_path / "table.h5ad")


def test_a_file_of_a_newer_anndata_is_told_in_our_words(pair, tmp_path: Path) -> None:
    sc, _ = pair
    sc.copy().write_h5ad(tmp_path / "new.h5ad")
    write_zarr(sc, tmp_path / "new.zarr")
    with h5py.File(tmp_path / "new.h5ad", "r+") as file:
        file["obs/type"].attrs["encoding-type"] = "nullable-moon-array"
    zarr.open(str(tmp_path / "new.zarr"))["obs/type"].attrs["encoding-type"] = "nullable-moon-array"
    (tmp_path / "new.zarr" / ".zmetadata").unlink(missing_ok=True)
    for name in ("new.h5ad", "new.zarr"):
        text = said(tmp_path / name)
        assert f"{name}', in which something is stored as anndata" in text
        assert "A newer anndata wrote it, or it is damaged: pip install --upgrade anndata." in text
        assert "moon" not in text


def test_a_file_that_is_packed_in_an_unknown_way_is_told(pair, tmp_path: Path) -> None:
    sc, _ = pair
    sc.copy().write_h5ad(tmp_path / "packed.h5ad", compression="lzf")
    content = (tmp_path / "packed.h5ad").read_bytes()
    zstd = re.sub(rb"\x00\x7d(?=.{6}lzf)", b"\x0f\x7d", content, flags=re.DOTALL)  # the filter's number
    assert zstd != content
    (tmp_path / "packed.h5ad").write_bytes(zstd)
    text = said(tmp_path / "packed.h5ad")
    assert "packed.h5ad', which is packed in a way that is not installed here" in text
    assert "compression='gzip'" in text


def test_a_damaged_file_is_told_without_the_message_of_a_library(pair, tmp_path: Path) -> None:
    sc, _ = pair
    sc.copy().write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        del file["X/indices"]
    assert said(tmp_path / "a.h5ad").endswith(
        "a.h5ad', which is damaged or incomplete. Copy it or write it anew."
    )
    write_zarr(sc, tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr" / "X" / "indices")
    (tmp_path / "a.zarr" / ".zmetadata").unlink(missing_ok=True)
    assert "a.zarr', which is damaged or incomplete" in said(tmp_path / "a.zarr")


# --- what is not read -----------------------------------------------------------------------------------

RDS = b"X\n\x00\x00\x00\x03\x00\x04"
OTHERS: dict[str, tuple[bytes, str, str]] = {
    "cells.rds": (
        gzip.compress(RDS),
        "an R object (.rds)",
        "x <- readRDS('cells.rds'); writeAnnData(x, 'cells.h5ad')",
    ),
    "cut.rds": (b"\x1f\x8b", "an R object (.rds)", "writeAnnData"),
    "bz.rds": (bz2.compress(RDS), "an R object (.rds)", "writeAnnData"),
    "without_ending": (lzma.compress(RDS), "an R object (.rds)", "writeAnnData"),
    "all.RData": (gzip.compress(b"RDX3\nX\n"), "objects of R (.RData)", "load('all.RData')"),
    "all.rda": (gzip.compress(b"RDX3\nX\n"), "objects of R", "load('all.rda')"),
    "cells.qs": (b"\x0b\x0e\x0a\x0c\x00", "an R object (.qs)", "qs::qread('cells.qs')"),
    "cells.h5Seurat": (b"?", "a Seurat object of R", "SeuratDisk::Convert('cells.h5Seurat', dest = 'h5ad')"),
    "cells.loom": (b"?", "a loom file", "anndata.io.read_loom('cells.loom').write_h5ad('cells.h5ad')"),
    "counts.csv": (
        b"gene,a,b\nx,1,2\n",
        "a table of text (.csv)",
        "pandas.read_csv('counts.csv', index_col=0)",
    ),
    "counts.csv.gz": (gzip.compress(b"gene,a\n"), "a table of text (.csv)", ".write_h5ad('counts.h5ad')"),
    "counts.tsv": (b"gene\ta\n", "a table of text (.tsv)", "sep='\\t'"),
    "counts.txt.gz": (
        gzip.compress(b"gene\ta\n"),
        "a table of text (.txt)",
        "pandas.read_csv('counts.txt.gz'",
    ),
    "counts.parquet": (b"PAR1", "a table (.parquet)", "pandas.read_parquet('counts.parquet')"),
    "matrix.mtx.gz": (
        gzip.compress(b"%%MatrixMarket matrix"),
        "a matrix without the names of its rows and columns (.mtx)",
        "Name the folder in which it lies with barcodes.tsv and features.tsv",
    ),
    "matrix.mtx": (b"%%MatrixMarket", "a matrix without the names", "anndata.io.read_mtx('matrix.mtx')"),
    "table.xlsx": (b"PK\x03\x04", "a table of Excel", "pandas.read_excel"),
    "x.npz": (b"PK\x03\x04", "arrays of NumPy", "scipy.sparse.load_npz"),
    "GSE1_RAW.tar": (b"\0" * 257 + b"ustar", "an archive of files", "Unpack it"),
    "a.zip": (b"PK\x03\x04", "an archive of files", "Unpack it"),
    "empty.h5ad": (b"", "an empty file", "Copy it or write it anew."),
    "text.h5ad": (b"no", "a text file (it begins with 'no')", "Check the path"),
    "odd.h5ad": (b"\xff\xfe\x00\x01", "a file of another kind", "Copy it"),
    "cut.h5ad": (
        b"\x89HDF\r\n\x1a\n\x00",
        "an HDF5 file that is cut off or damaged",
        "Copy it or write it anew.",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    content, what, remedy = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    text = said(tmp_path / name)
    assert text.startswith(f"Expected an .h5ad file, found {str(tmp_path / name)!r}, {what}")
    assert remedy in text


def hdf5(path: Path, *names: str) -> None:
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_group(name)


def test_other_hdf5_files_are_told_apart(tmp_path: Path) -> None:
    for names, what in {
        ("matrix", "row_attrs", "col_attrs"): "a loom file",
        ("assays", "cell.names"): "a Seurat object of R",
        ("mod",): "a MuData file",
        ("barcodes", "barcode_idx", "umi"): "the molecules of a 10x run",
        ("counts",): "an HDF5 file with 'counts', which is neither an AnnData nor from 10x",
        (): "an HDF5 file with nothing",
    }.items():
        hdf5(tmp_path / "a.h5", *names)
        assert f"a.h5', {what}" in said(tmp_path / "a.h5")


def test_other_folders_are_told_apart_and_never_called_no_file(pair, tmp_path: Path) -> None:
    def made(name: str, **files: bytes) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file.replace("_dot_", ".")).write_bytes(content)
        return folder

    for folder, words in {
        made("empty"): "an empty folder",
        made("empty.zarr"): "an empty folder",
        made("half.zarr", x=b""): "without the files of a zarr",
        made("bad.zarr", **{".zgroup": b"{"}): "a zarr folder that is cut off or damaged",
        made(
            "mtx", **{"matrix.mtx.gz": b""}
        ): "a folder with 'matrix.mtx.gz', but without 'barcodes.tsv', 'feat",
        made("sce", **{"se.rds": b"", "assays.h5": b""}): "an experiment of R",
        made(
            "xenium", **{"experiment.xenium": b"", "analysis.h5": b""}
        ): "spatialdata_io.xenium('xenium')['table']",
        made("merscope", **{"cell_by_gene.csv": b""}): "spatialdata_io.merscope",
        made("run", outs=b""): f"Name one of them: {tmp_path / 'run' / 'outs'}.",
        made("files", **{"a.h5ad": b"", "b.h5ad": b""}): "a folder with 'a.h5ad', 'b.h5ad'",
        made("text", **{"readme.md": b""}): "a folder with 'readme.md', which is no data",
    }.items():
        text = said(folder)
        assert words in text
        assert "no file" not in text
    write_mtx(tmp_path / "many", "a_")
    write_mtx(tmp_path / "many", "b_")
    assert "2 matrices of 10x ('a_', 'b_')" in said(tmp_path / "many")
    write_zarr(pair[0], tmp_path / "sc.zarr")
    assert "a zarr folder with 'data', 'indices', 'indptr'" in said(tmp_path / "sc.zarr" / "X")
    assert "one array" in said(tmp_path / "sc.zarr" / "X" / "data")
    assert "which cannot be read (" in said(tmp_path / ("a" * 300))
    assert said(tmp_path / "no").endswith("no file at " + repr(str(tmp_path / "no")) + ". Check the path.")
    assert "an address on the net" in said("https://example.org/a.h5ad")


# --- the command line -----------------------------------------------------------------------------------


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, called: Callable[..., tuple[Any, str, str]], tmp_path: Path
) -> Callable[..., tuple[Any, str]]:
    def call(*arguments: str) -> tuple[Any, str]:
        monkeypatch.chdir(tmp_path)
        code, _, err = called(*arguments)
        return code, err

    return call


def test_the_command_line_takes_them_to_the_same_bytes(pair, tmp_path: Path, run) -> None:
    sc, st = pair
    write_zarr(sc, tmp_path / "sc.zarr")
    write_spatialdata(tmp_path / "st.zarr", table=st)
    assert run("map", "sc.zarr", "st.zarr") == (0, "")
    assert hs.load(tmp_path / "map.h5ad").X.tobytes() == hs.map_cells(sc, st).X.tobytes()
    assert run("place", "map.h5ad", "sc.zarr") == (0, "")
    code, err = run("place", "sc.zarr", "sc.zarr")
    assert code == 1
    assert err == (
        "Error: Expected an .h5ad file, found 'sc.zarr', a zarr folder of AnnData. "
        "Make an .h5ad of it: anndata.read_zarr('sc.zarr').write_h5ad('sc.h5ad').\n"
    )


@pytest.mark.usefixtures("scanpy")
@pytest.mark.filterwarnings("ignore::homespot.errors.DataWarning")  # of the antibody
def test_an_error_tells_what_was_read_from_another_form(pair, tmp_path: Path, run) -> None:
    write_10x(tmp_path / "filtered.h5")
    pair[1].write_h5ad(tmp_path / "st.h5ad")
    code, err = run("map", "filtered.h5", "st.h5ad")
    assert code == 1
    assert err.splitlines()[-1].endswith("(Read: 'filtered.h5' as a 10x file of Cell Ranger (.h5), 5 x 4.)")
    assert "Read:" not in run("map", "no.h5ad", "st.h5ad")[1]
