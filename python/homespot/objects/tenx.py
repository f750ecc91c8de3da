"""Read output of Cell Ranger and Space Ranger: matrices (.h5, .mtx), by scanpy, and the folder of a run."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from ..common.extras import missing
from ..common.keys import SPATIAL
from ..errors import DataWarning, InputError, expected, some
from .formats import counts_of, matrix_files, recognise, refused

__all__ = ["read_h5", "read_mtx", "read_outs"]

_POSITIONS = ("in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres")


@contextmanager
def _scanpy(path: Path) -> Iterator[Any]:
    """Yield scanpy without its messages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import scanpy
        except ImportError as error:
            raise refused(path, recognise(path)) from error
        yield scanpy


def _with_names(adata: ad.AnnData, path: Path) -> ad.AnnData:
    """Return cells x genes as CSR, named by barcodes and by symbols, which are made unique."""
    adata.X = sparse.csr_matrix(adata.X)
    twice = adata.var_names[adata.var_names.duplicated()].unique()
    if len(twice):
        adata.var_names_make_unique()
        warnings.warn(
            f"{str(path)!r} has {len(twice)} gene symbol(s) more than once ({some(twice)}): all but the "
            f"first are numbered, as {twice[0] + '-1'!r}. Their ids are in var['gene_ids'].",
            DataWarning,
            stacklevel=4,
        )
    return adata


def read_h5(path: Path) -> ad.AnnData:
    """Read a 10x .h5 file (cells x features) with its ``gene_ids`` and ``feature_types``."""
    with h5py.File(path) as file:
        genomes = [] if "matrix" in file else list(file)
    if len(genomes) > 1:
        raise InputError(
            expected(
                "a 10x file of one genome",
                f"{str(path)!r} with {some(genomes)}",
                f"Make an .h5ad of one: scanpy.read_10x_h5({path.name!r}, genome={genomes[0]!r})"
                f".write_h5ad('{genomes[0]}.h5ad').",
            )
        )
    with _scanpy(path) as scanpy:
        found = scanpy.read_10x_h5(path, gex_only=False)
    return _with_names(found, path)


def read_mtx(folder: Path) -> ad.AnnData:
    """Read a folder of matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv), packed or not."""
    (parts,) = [found for found in matrix_files(folder).values() if len(found) == 3]
    with _scanpy(folder) as scanpy:
        matrix = scanpy.read(parts["matrix"], cache=False).X.T
        cells, genes = (
            pd.read_csv(parts[part], sep="\t", header=None, dtype=str, keep_default_na=False)
            for part in ("barcodes", "features")
        )
    if matrix.shape != (len(cells), len(genes)):
        raise InputError(
            expected(
                f"{matrix.shape[0]} barcodes and {matrix.shape[1]} features, as the matrix has",
                f"{len(cells)} and {len(genes)} in {str(folder)!r}",
                "Take the three files from one run.",
            )
        )
    columns = dict(zip(("gene_ids", "symbols", "feature_types"), (genes[i] for i in genes), strict=False))
    symbols = columns.pop("symbols", columns["gene_ids"])
    var = pd.DataFrame({name: column.to_numpy() for name, column in columns.items()}, index=pd.Index(symbols))
    obs = pd.DataFrame(index=pd.Index(cells[0].to_numpy()))
    for table in (obs, var):
        table.index.name = None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* names are not unique", UserWarning)
        found = ad.AnnData(sparse.csr_matrix(matrix), obs=obs, var=var)
    return _with_names(found, folder)


def read_outs(folder: Path) -> ad.AnnData:
    """Read the folder ``outs`` of Cell Ranger or Space Ranger; for a Visium run with its tissue.

    For a Visium run, ``obsm["spatial"]`` are the spots in pixels of the full image (x is pxl_col_in_fullres),
    obs has ``in_tissue``, ``array_row`` and ``array_col``, and ``uns["spatial"]`` the images and scale
    factors.
    """
    file = counts_of(folder)
    assert file is not None
    adata = read_h5(file) if file.is_file() else read_mtx(file)
    if not (folder / "spatial").is_dir():
        return adata
    places = _positions(folder / "spatial")
    missing = adata.obs_names[~adata.obs_names.isin(places.index)]
    if len(missing):
        raise InputError(
            expected(
                "a position for every spot",
                f"{len(missing)} of {adata.n_obs} spots of {file.name} without one ({some(missing)})",
                "Take the folder spatial from the same run.",
            )
        )
    places = places.loc[adata.obs_names]
    for name in _POSITIONS[:3]:
        adata.obs[name] = places[name].to_numpy(dtype=np.int64)
    adata.obsm[SPATIAL] = places[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(
        dtype=np.float64, copy=True
    )
    library, metadata = _run_details(file, folder)
    adata.uns[SPATIAL] = {library: {**_tissue(folder / "spatial"), "metadata": metadata}}
    return adata


def _positions(folder: Path) -> pd.DataFrame:
    """Read the table of the spots' positions, by barcode: with a header, without one, or as .parquet."""
    files = [folder / f"tissue_positions{rest}" for rest in (".csv", "_list.csv", ".parquet")]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise InputError(
            expected(
                f"a table of positions in {str(folder)!r}",
                "none",
                "Copy tissue_positions.csv (or tissue_positions_list.csv) of the run there.",
            )
        )
    try:
        if file.suffix == ".parquet":
            table = pd.read_parquet(file)
        else:
            header = file.read_text().startswith("barcode")
            names = None if header else ["barcode", *_POSITIONS]
            table = pd.read_csv(file, header=0 if header else None, names=names)
        return table.set_index("barcode")[list(_POSITIONS)].rename(index=str)
    except ImportError as error:
        raise missing("pyarrow", f"the positions in {str(file)!r}") from error
    except (KeyError, OSError, ValueError) as error:
        raise InputError(
            expected(
                f"the columns barcode, {', '.join(_POSITIONS)}",
                f"others in {str(file)!r}, or no table",
                "Take the file as Space Ranger wrote it.",
            )
        ) from error


def _run_details(file: Path, folder: Path) -> tuple[str, dict[str, str]]:
    """Return the name of a run (from its matrix, or else from its folder), its chemistry and its program."""
    stored = {}
    if file.is_file():
        with h5py.File(file) as opened:
            stored = dict(opened.attrs)
    texts = {name: np.asarray(value).astype(str).ravel().tolist() for name, value in stored.items()}
    absolute = folder.absolute()
    name = absolute.parent.name if absolute.name == "outs" and absolute.parent.name else absolute.name
    libraries = texts.get("library_ids", [])
    known = {key: texts[key][0] for key in ("chemistry_description", "software_version") if texts.get(key)}
    return libraries[0] if len(libraries) == 1 else name, known


def _tissue(folder: Path) -> dict[str, Any]:
    """Read the images and scale factors of a Visium run; missing ones are left out."""
    from matplotlib.image import imread

    scales = folder / "scalefactors_json.json"
    images = {name: folder / f"tissue_{name}_image.png" for name in ("hires", "lowres")}
    try:
        return {
            "images": {name: imread(file) for name, file in images.items() if file.is_file()},
            "scalefactors": json.loads(scales.read_text()) if scales.is_file() else {},
        }
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(
            expected(
                f"images (.png) and scale factors (.json) in {str(folder)!r}",
                "one that is cut off or damaged",
                "Copy the folder anew, or move that file away.",
            )
        ) from error
