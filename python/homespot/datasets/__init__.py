"""Data sets by name: real ones from a local folder, and the demo, which the package generates."""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
from importlib import resources
from pathlib import Path

import anndata as ad
import pandas as pd
from scipy import io, sparse

from ..common.keys import COORDINATES, SPATIAL
from ..errors import InputError, expected, some

__all__ = ["SOURCES", "folder", "load", "names"]

SOURCES = {
    "drosophila": "Karaiskos et al. 2017 (GEO GSE95025) and the BDTNP atlas, as in DREAM (dream-sctc/Data)",
    "li2022_starmap_sim": "Li et al. 2022, Dataset10 (QuKunLab/SpatialBenchmarking), of Wang et al. 2018",
    "merfish_visp": "Allen Institute MERFISH VISp (SpaceTx), as distributed with Tangram",
    "pdac_moncada": "Moncada et al. 2020 (GEO GSE111672), as packaged by CARD",
    "seqfish_cortex_tasic": "Zhu et al. 2018 and Tasic et al. 2016 (BIRSBIO2020.seqFISH)",
    "seqfish_embryo": "Lohoff et al. 2022, embryo 2 (Bioconductor package clustSIGNAL)",
    "smfish_visp": "Allen Institute smFISH VISp (SpaceTx), as distributed with Tangram",
    "starmap_visp": "Wang et al. 2018, section BY3 (prabhakarlab/Banksy_py)",
    "xenium_breast": "10x Genomics Xenium human breast, 10,000 cells (Bioconductor package scider)",
}
"""Source of each real data set."""

_VARIABLE = "HOMESPOT_DATA"


def names() -> list[str]:
    """Return the names of the real data sets."""
    return list(SOURCES)


def folder(name: str) -> Path:
    """Return the folder of a data set inside ``HOMESPOT_DATA``, after its files are checked by sha256.

    Parameters
    ----------
    name
        Name of the data set; see `names`.

    Raises
    ------
    InputError
        If the name is not known, the folder does not exist (the message names the source of the data), or a
        file is missing or differs.
    """
    if not isinstance(name, str) or name not in SOURCES:
        raise InputError(
            expected(f"one of the data sets {some(SOURCES, 20)}", repr(name), "Use one of these names.")
        )
    root = os.environ.get(_VARIABLE, "")
    path = Path(root) / name
    source = f"The data comes from {SOURCES[name]}; homespot does not download it."
    if not root or not path.is_dir():
        raise InputError(
            expected(
                f"the data set {name!r} in the folder that {_VARIABLE} names",
                f"no folder {str(path)!r}" if root else f"{_VARIABLE} not set",
                source,
            )
        )
    with resources.files(__package__).joinpath("datasets.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if row["dataset"] == name:
                _check_file(path / row["file"], row["sha256"], source)
    return path


def _check_file(path: Path, sha256: str, source: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    if found != sha256:
        other = "no such file" if found is None else f"one with {found[:12]}, changed or cut short"
        raise InputError(expected(f"a file {path.name} with sha256 {sha256[:12]}", other, source))


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        return handle.read().splitlines()


def _with_coordinates(adata: ad.AnnData) -> ad.AnnData:
    names = [name for name in COORDINATES if name in adata.obs]
    if len(names) >= 2:
        adata.obsm[SPATIAL] = adata.obs[names].to_numpy(dtype=float, copy=True)
    return adata


def _table(path: Path, side: str) -> ad.AnnData:
    (matrix,) = path.glob(f"{side}_*.mtx.gz")
    obs = pd.read_csv(path / f"{side}_cells.csv.gz", index_col=0, keep_default_na=False, na_values=[""])
    obs.index = obs.index.astype(str)
    var = pd.DataFrame(index=_lines(path / f"{side}_genes.txt.gz"))
    with gzip.open(matrix) as handle:
        x = sparse.csr_matrix(io.mmread(handle, spmatrix=False).T)  # type: ignore[call-overload]
    return _with_coordinates(ad.AnnData(X=x, obs=obs, var=var))


def _drosophila(path: Path) -> dict[str, ad.AnnData]:
    # Gene names contain apostrophes, and one gene is called nan.
    counts = pd.read_csv(
        path / "sc_counts.tsv.gz", sep="\t", index_col=0, quoting=csv.QUOTE_NONE, na_filter=False
    )
    clusters = pd.read_csv(path / "sc_clusters_kmeans10.csv", index_col=0)
    sc = ad.AnnData(
        X=sparse.csr_matrix(counts.to_numpy().T),
        obs=pd.DataFrame(
            {"cluster": clusters["cluster"].reindex(counts.columns).astype(str).to_numpy()},
            index=counts.columns,
        ),
        var=pd.DataFrame(index=counts.index.astype(str)),
    )
    sc.var_names.name = None
    atlas = pd.read_csv(path / "st_expression.csv.gz", na_filter=False)
    spots = pd.read_csv(path / "st_coordinates.csv.gz")
    spots.index = pd.Index([f"bin{i + 1}" for i in range(len(spots))])
    st = ad.AnnData(X=atlas.to_numpy(copy=True), obs=spots, var=pd.DataFrame(index=atlas.columns.astype(str)))
    return {"sc": sc, "st": _with_coordinates(st)}


def load(name: str) -> dict[str, ad.AnnData]:
    """Load a real data set from the folder that ``HOMESPOT_DATA`` names.

    Parameters
    ----------
    name
        One of `names`.

    Returns
    -------
    ``"st"``, the spatial data (spots x genes, ``obsm["spatial"]``), and ``"sc"``, the single-cell data, if
    there is any.
    """
    path = folder(name)
    if name == "drosophila":
        return _drosophila(path)
    return {side: _table(path, side) for side in ("sc", "st") if list(path.glob(f"{side}_*.mtx.gz"))}
