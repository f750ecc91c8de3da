"""Recognise the content of a path: how to read it, or what it is and how to make an .h5ad of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py

from ..common.checks import path as check_path
from ..common.wording import words
from ..errors import InputError, expected, some

__all__ = ["Form", "counts_of", "matrix_files", "open_zarr", "recognise", "refused"]

_HEAD = 1024
_PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


@dataclass(frozen=True)
class Form:
    """The content of a path.

    ``kind`` says how to read it: ``h5ad``, ``zarr``, ``spatialdata``, ``10x``, ``mtx``, ``outs``, or empty if
    homespot does not read it. ``what`` describes it in words, and ``remedy`` says what to do if an .h5ad file
    is needed.
    """

    kind: str
    what: str
    remedy: str


_CONVERT = "Make an .h5ad of it: {}."
_ANEW = "Copy it or write it anew."
_IN_R = "writeAnnData() of R's homespot makes an .h5ad of it: x <- {}; writeAnnData(x, '{{stem}}.h5ad')"
_IN_R += " (a Seurat object after Seurat::as.SingleCellExperiment(x))."
_TABLE = _CONVERT.format(
    "anndata.AnnData(pandas.{}('{{name}}'{})).write_h5ad('{{stem}}.h5ad'), with .T behind the table where "
    "its rows are the genes"
)

# Kinds of files by their first bytes, after unpacking.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"RDX", ".rdata"),
    (b"RDA", ".rdata"),
    (b"X\n\x00\x00", ".rds"),
    (b"A\n2\n", ".rds"),
    (b"A\n3\n", ".rds"),
    (b"\x0b\x0e\x0a\x0c", ".qs"),
    (b"\x0b\x0e\x0a\xcd", ".qs2"),
    (b"%%MatrixMarket", ".mtx"),
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".feather"),
    (b"\x93NUMPY", ".npy"),
)

# A description and a remedy for every kind of file, by its ending.
_FILES: dict[str, tuple[str, str]] = {
    ".rds": ("an R object (.rds)", _IN_R.format("readRDS('{name}')")),
    ".rdata": (
        "objects of R (.RData)",
        "writeAnnData() of R's homespot makes an .h5ad of one: load('{name}'); "
        "writeAnnData(x, '{stem}.h5ad').",
    ),
    ".qs": ("an R object (.qs)", _IN_R.format("qs::qread('{name}')")),
    ".qs2": ("an R object (.qs2)", _IN_R.format("qs2::qs_read('{name}')")),
    ".h5seurat": (
        "a Seurat object of R (.h5Seurat)",
        "Make an .h5ad of it in R: SeuratDisk::Convert('{name}', dest = 'h5ad').",
    ),
    ".loom": (
        "a loom file",
        _CONVERT.format("anndata.io.read_loom('{name}').write_h5ad('{stem}.h5ad')"),
    ),
    ".h5mu": (
        "a MuData file with several tables",
        _CONVERT.format("mudata.read_h5ad('{name}', mod='rna').write_h5ad('{stem}.h5ad')"),
    ),
    ".csv": ("a table of text (.csv)", _TABLE.format("read_csv", ", index_col=0")),
    ".tsv": ("a table of text (.tsv)", _TABLE.format("read_csv", ", sep='\\t', index_col=0")),
    ".txt": ("a table of text (.txt)", _TABLE.format("read_csv", ", sep='\\t', index_col=0")),
    ".parquet": ("a table (.parquet)", _TABLE.format("read_parquet", "")),
    ".feather": ("a table (.feather)", _TABLE.format("read_feather", "")),
    ".xlsx": ("a table of Excel", _TABLE.format("read_excel", ", index_col=0")),
    ".xls": ("a table of Excel", _TABLE.format("read_excel", ", index_col=0")),
    ".npy": (
        "an array of NumPy without names (.npy)",
        _CONVERT.format("anndata.AnnData(numpy.load('{name}'), obs, var).write_h5ad('{stem}.h5ad')"),
    ),
    ".npz": (
        "arrays of NumPy without names (.npz)",
        _CONVERT.format(
            "anndata.AnnData(scipy.sparse.load_npz('{name}'), obs, var).write_h5ad('{stem}.h5ad')"
        ),
    ),
    ".pkl": (
        "an object of Python (.pickle)",
        _CONVERT.format("pandas.read_pickle('{name}').write_h5ad('{stem}.h5ad'), if it is an AnnData"),
    ),
    ".mtx": (
        "a matrix without the names of its rows and columns (.mtx)",
        "Name the folder in which it lies with barcodes.tsv and features.tsv, or make an .h5ad of it: "
        "anndata.AnnData(anndata.io.read_mtx('{name}').X.T, obs, var).write_h5ad('{stem}.h5ad').",
    ),
    ".tar": ("an archive of files", "Unpack it, and name what is in it."),
    ".zip": ("an archive of files", "Unpack it, and name what is in it."),
}
_SAME = {".rda": ".rdata", ".pickle": ".pkl", ".tab": ".tsv", ".tgz": ".tar"}

_TEN_X = (
    "scanpy reads it: {{pip}}. Or make an .h5ad of it: "
    "scanpy.{}('{{name}}', gex_only=False).write_h5ad('{{stem}}.h5ad')."
)
_ZARR = _CONVERT.format("anndata.read_zarr('{name}').write_h5ad('{stem}.h5ad')")


def _form(kind: str, what: str, remedy: str, path: Path) -> Form:
    stem = re.sub(r"\.(h5|h5ad|zarr|gz|bz2|xz|zip|tar|[a-zA-Z]\w{0,8})$", "", path.name) or path.name
    stem = re.sub(r"\.\w{2,4}$", "", stem)
    return Form(kind, what, remedy.format(name=path.name, stem=stem, pip=words().pip("'homespot[io]'")))


def recognise(path: str | os.PathLike[str]) -> Form:
    """Recognise the content of a file or folder by reading only its beginning."""
    check_path("path", path)
    where = Path(path)
    if re.match(r"[a-z0-9+]+://", os.fspath(path)):
        return Form("", "an address on the net", "Download it, and name the file.")
    try:
        if not where.exists():
            return Form("", "no file", "Check the path.")
        return _folder(where) if where.is_dir() else _file(where)
    except PermissionError:
        return Form("", "which may not be read", "Ask for the right to read it.")
    except OSError as error:
        return Form("", f"which cannot be read ({error.strerror or error})", "Check the path.")


def refused(path: str | os.PathLike[str], form: Form) -> InputError:
    """Return the error for a path at which an .h5ad file was expected."""
    name = repr(os.fspath(path))
    found = f"no file at {name}" if form.what == "no file" else f"{name}, {form.what}"
    return InputError(expected("an .h5ad file", found, form.remedy))


# --- files ----------------------------------------------------------------------------------------------


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked if possible."""
    with path.open("rb") as file:
        raw = file.read(_HEAD)
    for mark, opened in _PACKED.items():
        if raw.startswith(mark):
            try:
                with opened(path) as unpacked:
                    return bytes(unpacked.read(_HEAD))
            except (EOFError, OSError, zlib.error, lzma.LZMAError):
                return raw
    return raw


def _endings(path: Path) -> list[str]:
    """Return the endings of a name from the last to the first, without endings of packed files."""
    found = [suffix.lower() for suffix in reversed(path.suffixes)]
    return [_SAME.get(suffix, suffix) for suffix in found if suffix not in (".gz", ".bz2", ".xz")]


def _file(path: Path) -> Form:
    if path.stat().st_size == 0:
        return Form("", "an empty file", _ANEW)
    head, endings = _beginning(path), _endings(path)
    if h5py.is_hdf5(path) or head.startswith(b"\x89HDF"):
        return _hdf5(path)
    if head.startswith(b"PK\x03\x04") and zipfile.is_zipfile(path):
        try:
            inside = _zarr_in_zip(path)
        except Exception:  # zipfile raises many kinds
            return Form("", "a .zip that is cut off or damaged", _ANEW)
        if inside is not None:
            return _zarr(path)
    if head[257:262] == b"ustar":
        return _form("", *_FILES[".tar"], path)
    known = next((ending for mark, ending in _MARKS if head.startswith(mark)), None)
    if known is None:
        known = next((ending for ending in endings if ending in _FILES), None)
    if known is not None:
        return _form("", *_FILES[known], path)
    if head.startswith(b"PK\x03\x04"):
        return _form("", *_FILES[".zip"], path)
    try:
        start = head.decode().splitlines()[0][:30]
    except (UnicodeDecodeError, IndexError):
        return Form("", f"a file of another kind (it begins with {head[:8]!r})", _ANEW)
    return Form("", f"a text file (it begins with {start!r})", "Check the path, or make an .h5ad of it.")


def _hdf5(path: Path) -> Form:
    try:
        with h5py.File(path) as file:
            return _hdf5_content(path, file)
    except Exception:  # h5py raises many kinds
        return Form("", "an HDF5 file that is cut off or damaged", _ANEW)


def _hdf5_content(path: Path, file: h5py.File) -> Form:
    names = set(file)
    encoding = str(file.attrs.get("encoding-type", "")).lower()
    if encoding == "mudata" or "mod" in names:
        return _form("", *_FILES[".h5mu"], path)
    if encoding == "anndata" or {"obs", "var"} <= names:
        return Form("h5ad", "an AnnData file", "")
    if {"row_attrs", "col_attrs"} <= names:
        return _form("", *_FILES[".loom"], path)
    if {"cell.names", "assays"} <= names or {"assays", "active.assay"} <= {*names, *file.attrs}:
        return _form("", *_FILES[".h5seurat"], path)
    if {"barcode_idx", "umi"} <= names:
        return Form(
            "",
            "the molecules of a 10x run (molecule_info.h5)",
            "Name filtered_feature_bc_matrix.h5 beside it.",
        )
    groups = [name for name in file if isinstance(file[name], h5py.Group) and _is_10x(file[name])]
    if groups:
        return _form("10x", "a 10x file of Cell Ranger (.h5)", _TEN_X.format("read_10x_h5"), path)
    return Form(
        "",
        f"an HDF5 file with {some(file) or 'nothing'}, which is neither an AnnData nor from 10x",
        "Open it with the program that wrote it, and write an .h5ad there.",
    )


def _is_10x(group: h5py.Group) -> bool:
    return {"barcodes", "data", "indices", "indptr"} <= set(group)


# --- zarr -----------------------------------------------------------------------------------------------

_ZARR_MARKS = (".zgroup", ".zattrs", ".zarray", ".zmetadata", "zarr.json")


def _zarr_in_zip(path: Path) -> str | None:
    """Return the folder in a .zip that is a zarr, or None."""
    names = [name for name in zipfile.ZipFile(path).namelist() if name.rsplit("/", 1)[-1] in _ZARR_MARKS]
    return min(names, key=lambda name: name.count("/")).rpartition("/")[0] if names else None


def open_zarr(path: Path) -> Any:
    """Open a zarr folder, or one in a .zip."""
    import zarr

    if path.is_dir():
        return zarr.open(str(path), mode="r")
    return zarr.open(zarr.storage.ZipStore(str(path), mode="r"), mode="r", path=_zarr_in_zip(path) or "")


def _zarr(path: Path) -> Form:
    kind = "a zarr folder" if path.is_dir() else "a zarr in a .zip"
    try:
        root = open_zarr(path)
        if not hasattr(root, "group_keys"):
            return Form("", f"{kind} with one array", "Name the folder above it, which holds an AnnData.")
        names, attributes = set(root), dict(root.attrs)
    except ImportError:
        return Form("", kind, f"Install zarr, which reads it: {words().pip('zarr')}.")
    except Exception:  # zarr raises many kinds
        if (path / "zarr.json").is_file() and metadata.version("zarr").startswith("2."):
            found = f"{kind} in format 3, which zarr {metadata.version('zarr')} cannot read"
            return Form("", found, "Install zarr 3 or later, or write it in format 2.")
        return Form("", f"{kind} that is cut off or damaged", _ANEW)
    encoding = str(attributes.get("encoding-type", "")).lower()
    if encoding == "mudata" or "mod" in names:
        return Form("", f"{kind} of MuData", f"Name one of its tables: {path.name}/mod/rna, for example.")
    if encoding == "anndata" or {"obs", "var"} <= names:
        return _form("zarr", f"{kind} of AnnData", _ZARR, path)
    elements = {"tables", "table", "shapes", "points", "images", "labels"}
    if "spatialdata_attrs" in attributes or names & elements:
        remedy = _CONVERT.format("spatialdata.read_zarr('{name}').tables['table'].write_h5ad('{stem}.h5ad')")
        return _form("spatialdata", f"{kind} of SpatialData", remedy, path)
    return Form(
        "",
        f"{kind} with {some(sorted(names)) or 'nothing'}, which is neither an AnnData nor a SpatialData",
        "Name the folder of an AnnData in it, or write it anew.",
    )


# --- folders --------------------------------------------------------------------------------------------

_PARTS = {"matrix": ("matrix.mtx",), "barcodes": ("barcodes.tsv",), "features": ("features.tsv", "genes.tsv")}


def matrix_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the files of matrices in a folder, by the beginnings of their names, and by part."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".gz")
        for part, endings in _PARTS.items():
            for ending in endings:
                if name.endswith(ending) and path.is_file():
                    found.setdefault(name.removesuffix(ending), {})[part] = path
    return found


def counts_of(folder: Path) -> Path | None:
    """Return the matrix in a folder of Cell Ranger or Space Ranger, the filtered one if it exists."""
    names = sorted(entry.name for entry in folder.iterdir())
    for end in ("filtered_feature_bc_matrix", "raw_feature_bc_matrix"):
        for ending in (f"{end}.h5", end):
            found = [name for name in names if name.endswith(ending)]
            if ending in found or len(found) == 1:
                return folder / (ending if ending in found else found[0])
    return None


# A file in the folder of each instrument, the instrument, and the function of spatialdata_io that reads it.
_INSTRUMENTS = (
    (r"experiment\.xenium|cell_feature_matrix(\.h5)?", "Xenium", "xenium"),
    (r"cell_by_gene\.csv", "MERSCOPE", "merscope"),
    (r".*_exprMat_file\.csv(\.gz)?", "CosMx", "cosmx"),
)


def _folder(path: Path) -> Form:
    names = {entry.name for entry in path.iterdir()}
    if names & set(_ZARR_MARKS):
        return _zarr(path)
    if not names:
        return Form("", "an empty folder", _ANEW)
    counts = counts_of(path)
    if counts is not None:
        program = "Space Ranger (Visium)" if "spatial" in names else "Cell Ranger"
        reader = _TEN_X.format("read_10x_h5").replace("{name}", f"{{name}}/{counts.name}")
        return _form("outs", f"a folder of {program}", reader, path)
    matrices = matrix_files(path)
    complete = [prefix for prefix, parts in matrices.items() if len(parts) == len(_PARTS)]
    if len(complete) == 1:
        return _form("mtx", "a folder with a matrix of 10x (.mtx)", _TEN_X.format("read_10x_mtx"), path)
    if len(complete) > 1:
        return Form(
            "",
            f"a folder with {len(complete)} matrices of 10x ({some(complete)})",
            "Move the files of each into a folder of its own, and name it.",
        )
    if matrices:
        parts = [part for files in matrices.values() for part in files]
        missing = [endings[0] for part, endings in _PARTS.items() if part not in parts]
        return Form(
            "",
            f"a folder with {some(path.name for files in matrices.values() for path in files.values())}, "
            f"but without {some(missing or ['one beginning of their names'])}",
            "A matrix of 10x needs matrix.mtx, barcodes.tsv and features.tsv in one folder.",
        )
    return _other_folder(path, names)


def _other_folder(path: Path, found: Iterable[str]) -> Form:
    names = sorted(found)
    if "se.rds" in names:
        remedy = "writeAnnData() of R's homespot makes an .h5ad of it: x <- "
        remedy += "HDF5Array::loadHDF5SummarizedExperiment('{name}'); writeAnnData(x, '{stem}.h5ad')."
        return _form("", "a folder with an experiment of R", remedy, path)
    for mark, program, reader in _INSTRUMENTS:
        if any(re.fullmatch(mark, name) for name in names):
            remedy = _CONVERT.format(f"spatialdata_io.{reader}('{{name}}')['table'].write_h5ad('st.h5ad')")
            return _form("", f"a folder of {program}", remedy, path)
    inside = [name for name in names if name in ("outs", "binned_outputs")]
    inside += [name for name in names if re.match(r"square_\d+um|(filtered|raw)_\w+_bc_matri", name)]
    inside += [name for name in names if name.endswith((".h5ad", ".zarr", ".h5", ".zarr.zip"))]
    if inside:
        return Form("", f"a folder with {some(inside)}", f"Name one of them: {path / inside[0]}.")
    if path.suffix == ".zarr":
        return Form("", "a folder without the files of a zarr (.zgroup or zarr.json)", _ANEW)
    return Form(
        "",
        f"a folder with {some(names)}, which is no data of a kind that is known here",
        "Name an .h5ad file, a zarr folder, or a folder of 10x.",
    )
