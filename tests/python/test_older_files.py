"""Files of older versions: today's version reads them, and computes the same from them."""

import gzip
import shutil
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot.common.extras import has
from homespot.common.keys import HOMESPOT

DATA = Path(__file__).parents[1] / "data"
VERSIONS = sorted(path.name for path in DATA.iterdir() if path.is_dir())
# The settings with which the older version made each map of `sc` and `st`.
SETTINGS = {
    "ssa": {"gene_weights": "equal"},
    "correlation": {"gene_weights": "equal", "k_best": 2},
    "come": {
        "gene_weights": "equal",
        "epochs": 3,
        "pretrain_epochs": 2,
        "hidden": 4,
        "latent": 2,
        "device": "cpu",
    },
}


@pytest.fixture(scope="module", params=VERSIONS)
def files(request, tmp_path_factory) -> Path:
    """The files of one older version, unpacked."""
    folder = tmp_path_factory.mktemp("older")
    for packed in (DATA / request.param).glob("*.gz"):
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


def test_there_are_files_of_an_older_version():
    assert "0.99.0" in VERSIONS


@pytest.mark.parametrize("backed", [False, True])
@pytest.mark.parametrize("method", SETTINGS)
def test_a_map_of_an_older_version_is_read_whole(files: Path, method: str, backed: bool):
    mapping = hs.load(files / f"{method}.h5ad", backed=backed)
    assert mapping.uns[HOMESPOT]["method"] == method
    assert mapping.obs_names.tolist() == [f"c{i}" for i in range(8)]
    assert mapping.var_names.tolist() == [f"s{i}" for i in range(6)]
    assert mapping.obs["type"].tolist() == ["a", "b"] * 4
    with h5py.File(files / f"{method}.h5ad") as stored:
        kept = stored["X/data"][:] if isinstance(stored["X"], h5py.Group) else stored["X"][:]
        places = stored["varm/spatial"][:]
    P = mapping.to_memory().X if backed else mapping.X
    np.testing.assert_array_equal(P.data if method == "correlation" else P, kept)
    np.testing.assert_array_equal(mapping.varm["spatial"], places)
    if backed:
        mapping.file.close()


@pytest.mark.parametrize("method", SETTINGS)
def test_a_map_of_an_older_version_is_what_is_computed_today(files: Path, method: str):
    if method == "come" and not has("torch"):
        pytest.skip("torch is not installed")
    sc, st = (ad.read_h5ad(files / f"{side}.h5ad") for side in ("sc", "st"))
    found = hs.map_cells(sc, st, method, sc_scale="counts", st_scale="counts", **SETTINGS[method])
    old = hs.load(files / f"{method}.h5ad")
    # Another machine's linear algebra has other last digits.
    dense = [X.toarray() if method == "correlation" else X for X in (found.X, old.X)]
    np.testing.assert_allclose(*dense, rtol=1e-3, atol=1e-6)
    assert set(old.uns[HOMESPOT]) <= set(found.uns[HOMESPOT])


def test_every_verb_takes_a_map_of_an_older_version(files: Path, tmp_path: Path):
    sc, st = (ad.read_h5ad(files / f"{side}.h5ad") for side in ("sc", "st"))
    mapping = hs.load(files / "ssa.h5ad")
    placed = hs.place_cells(mapping, sc)
    low, high = st.obsm["spatial"].min(axis=0), st.obsm["spatial"].max(axis=0)
    assert ((placed.obsm["spatial"] >= low) & (placed.obsm["spatial"] <= high)).all()
    types = hs.deconvolve_spots(mapping, "type", read_out="sum")
    shares = mapping.X.T @ pd.get_dummies(mapping.obs["type"]).to_numpy(dtype=float)
    np.testing.assert_allclose(types.X, shares / shares.sum(axis=1, keepdims=True), rtol=1e-4)
    assert hs.assign_cells(mapping).index.tolist() == mapping.obs_names.tolist()
    hs.save(hs.subset(mapping, cells=["c1", "c4"]), tmp_path / "part.h5ad")
    np.testing.assert_array_equal(hs.load(tmp_path / "part.h5ad").X, mapping.X[[1, 4]])


@pytest.mark.parametrize("method", SETTINGS)
def test_a_map_of_an_older_version_is_replaced_as_one_of_homespots(
    files: Path, method: str, tmp_path: Path, called, monkeypatch
) -> None:
    """The file has no mark, its record tells. The user's data stays, also with a map added to it."""
    monkeypatch.chdir(tmp_path)
    for name in ("sc", "st", method):
        shutil.copy(files / f"{name}.h5ad", f"{name}.h5ad")
    hs.add_mapping(ad.read_h5ad("sc.h5ad"), hs.load(f"{method}.h5ad")).write_h5ad("mine.h5ad")
    hs.save(hs.load(f"{method}.h5ad"), "today.h5ad")
    hs.load("today.h5ad").write_h5ad("edited.h5ad")
    write = ("map", "sc.h5ad", "st.h5ad", "--sc-scale", "counts", "--st-scale", "counts", "-o")
    for name in ("mine", "edited"):
        code, _, err = called(*write, f"{name}.h5ad")
        assert (code, "which homespot did not write" in err) == (1, True)
    assert called(*write, f"{method}.h5ad")[0] == 0
    assert hs.load(f"{method}.h5ad").uns[HOMESPOT]["method"] == "ssa"


def test_imputed_genes_of_an_older_version_can_be_read(files: Path):
    """Its default multiplied the log values of all genes at a spot by one factor."""
    old, mapping = ad.read_h5ad(files / "imputed.h5ad"), hs.load(files / "ssa.h5ad")
    found = hs.impute_genes(
        mapping, ad.read_h5ad(files / "sc.h5ad"), ["g1", "g2"], read_out="mean", scale="counts"
    )
    assert old.var_names.tolist() == ["g1", "g2"]
    pd.testing.assert_frame_equal(old.obs, found.obs, check_dtype=False, check_categorical=False)
    sc = ad.read_h5ad(files / "sc.h5ad")
    counts = np.asarray(sc.X.toarray() if hasattr(sc.X, "toarray") else sc.X, dtype=float)
    log = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    log = log[sc.obs_names.get_indexer(mapping.obs_names)][:, sc.var_names.get_indexer(old.var_names)]
    of_cells = mapping.obs["homespot_expression"].to_numpy()
    expected = 0.8 * mapping.X.T @ of_cells / mapping.X.sum(axis=0) + 0.2 * of_cells.mean()
    factor = mapping.var["homespot_expression"].to_numpy() / expected
    values = (0.8 * found.X + 0.2 * log.mean(axis=0)) * factor[:, None]
    np.testing.assert_allclose(old.X, values, rtol=1e-5)


def test_a_checkpoint_of_an_older_version_is_gone_on_with(files: Path):
    """It has no seal. Its values are eighths and no logarithm is taken: every machine has the same bytes."""
    pytest.importorskip("torch")
    from homespot.learning.checkpoint import _MARK

    sc, st = (ad.read_h5ad(files / f"{side}.h5ad") for side in ("sc", "st"))
    sc.X, st.X = sc.X / 8, st.X / 8
    options = SETTINGS["come"] | {"sc_scale": "log", "st_scale": "log", "validation_genes": 0.25}
    assert _MARK not in (files / "come.pt").read_bytes()
    found = hs.map_cells(sc, st, "come", **options, checkpoint=str(files / "come.pt"))
    np.testing.assert_allclose(found.X, hs.map_cells(sc, st, "come", **options).X, rtol=1e-3, atol=1e-6)
    assert _MARK in (files / "come.pt").read_bytes()
    again = hs.map_cells(sc, st, "come", **options, checkpoint=str(files / "come.pt"))
    np.testing.assert_array_equal(again.X, found.X)
