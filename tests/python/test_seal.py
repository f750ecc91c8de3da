"""The seal of a map's file: what is damaged is refused, and what a user has edited is read."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import InputError
from homespot.matrix.gather import gather
from homespot.objects.seal import MatrixDigest, digest_of_tables, read_seal

ATTRIBUTE = "homespot-seal"


def made(sc: ad.AnnData, st: ad.AnnData) -> ad.AnnData:
    """Return a map with something in every slot."""
    sc.obs["donor"] = pd.Categorical(["x", None] * (sc.n_obs // 2), ordered=True)
    sc.obs["age"] = pd.array([1, None] * (sc.n_obs // 2), dtype="Int64")
    found = hs.map_cells(sc, st)
    found.obsm["X_pca"] = np.arange(2.0 * found.n_obs).reshape(-1, 2)
    found.obsm["table"] = pd.DataFrame({"a": range(found.n_obs)}, index=found.obs_names)
    found.obsp["near"] = sparse.eye(found.n_obs, format="csr")
    found.layers["squares"] = found.X**2
    found.uns["notes"] = {"text": "a", "number": 3, "names": ["b", "é"], "rows": np.zeros(2, "i4,f8")}
    return found


@pytest.fixture
def mapping(pair) -> ad.AnnData:
    return made(*pair)


@pytest.fixture(scope="module")
def saved(make_pair, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "map.h5ad"
    hs.save(made(*make_pair()), path)
    return path.read_bytes()


def change(path: Path, place: str, value: object) -> None:
    """Change a number or a name in a file, as a fault of the disk does."""
    with h5py.File(path, "r+") as file:
        dataset = file[place]
        if dataset.shape == ():
            dataset[()] = value
        else:
            dataset[(0,) * dataset.ndim] = value


@pytest.mark.parametrize("backed", [False, True])
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("X", 0.03125),
        ("var/_index", "s99"),
        ("obs/homespot_left_over", 1e-5),
        ("obs/donor/codes", -1),
        ("obs/donor/categories", "y"),
        ("obs/age/mask", True),
        ("var/x", 1.5),
        ("varm/spatial", 1.5),
        ("obsm/X_pca", 1.5),
        ("obsm/table/a", 7),
        ("obsp/near/data", 2.0),
        ("layers/squares", 0.5),
        ("uns/homespot/method", "come"),
        ("uns/homespot/genes", "gene"),
        ("uns/notes/number", 4),
        ("uns/notes/names", "c"),
    ],
)
def test_a_changed_value_is_refused(saved, tmp_path, refused, place, value, backed: bool) -> None:
    path = tmp_path / "map.h5ad"
    path.write_bytes(saved)
    change(path, place, value)
    words = f"map homespot wrote | {str(path)!r} | homespot.save("
    with refused(words, recorded=(place, backed) == ("X", False)):
        hs.load(path, backed=backed)


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [(np.asarray, "f8"), (np.asarray, "f4"), (sparse.csr_matrix, "f4"), (sparse.csc_matrix, "f8")],
)
def test_the_seal_of_a_whole_map_holds(mapping, tmp_path, stored, dtype) -> None:
    mapping.X = stored(mapping.X.astype(dtype))
    hs.save(mapping, tmp_path / "map.h5ad")
    for backed in (False, True):
        found = hs.load(tmp_path / "map.h5ad", backed=backed)
        hs.save(found, tmp_path / "again.h5ad")
        assert hs.cell_positions(found).equals(hs.cell_positions(mapping))
        if backed:
            found.file.close()
        assert read_seal(tmp_path / "again.h5ad")[1:] == read_seal(tmp_path / "map.h5ad")[1:]


def test_the_digest_of_a_matrix_is_of_its_values(mapping) -> None:
    def digest(matrix) -> str:
        found = MatrixDigest()
        gather(matrix, found)
        return found.total

    P = mapping.X
    rows = sparse.csr_matrix(P)
    mixed = rows.copy()
    mixed.indices, mixed.data = mixed.indices.copy(), mixed.data.copy()
    mixed.indices[:2], mixed.data[:2] = mixed.indices[:2][::-1], mixed.data[:2][::-1]
    mixed.has_sorted_indices = mixed.has_canonical_format = False
    same = [P, P.astype("f8"), np.asfortranarray(P)]
    assert len({digest(matrix) for matrix in same}) == 1
    assert len({digest(matrix) for matrix in (rows, rows.tocsc(), mixed, rows.astype("f8"))}) == 1
    assert len({digest(matrix) for matrix in (P, rows, P.T, P[:-1], np.nextafter(P, 1))}) == 5


def test_verbs_refuse_a_map_on_disk_that_was_damaged(mapping, saved, tmp_path, refused) -> None:
    """Also one that anndata opened."""
    (tmp_path / "map.h5ad").write_bytes(saved)
    change(tmp_path / "map.h5ad", "X", float(mapping.X[0, 0]) * (1 + 1e-6))
    found = ad.read_h5ad(tmp_path / "map.h5ad", backed="r")
    with refused("map homespot wrote | | copy", recorded=False):
        hs.cell_positions(found)
    with refused("map homespot wrote | | copy", recorded=False):
        hs.subset(found, cells=["c0"])
    found.file.close()


def test_a_map_that_was_edited_is_read(mapping, tmp_path) -> None:
    """A program that writes the file anew leaves the seal out."""
    path = tmp_path / "map.h5ad"
    hs.save(mapping, path)
    edited = ad.read_h5ad(path)
    edited.obs["cluster"] = "a"
    edited[:20].copy().write_h5ad(tmp_path / "edited.h5ad")
    assert read_seal(tmp_path / "edited.h5ad") is None
    found = hs.load(tmp_path / "edited.h5ad")
    assert set(found.obs["cluster"]) == {"a"}
    np.testing.assert_array_equal(found.X, mapping.X[:20])
    hs.save(found, path)
    assert read_seal(path) is not None


def test_a_map_that_was_edited_in_place_is_saved_by_the_line_of_the_message(
    mapping, tmp_path, monkeypatch
) -> None:
    hs.save(mapping, tmp_path / "map.h5ad")
    monkeypatch.chdir(tmp_path)
    opened = ad.read_h5ad("map.h5ad", backed="r+")
    opened.obs["cluster"] = "a"
    opened.write()
    opened.file.close()
    with pytest.raises(InputError) as caught:
        hs.load("map.h5ad")
    line = caught.value.remedy.split(": ", 1)[1].split(". If not")[0]
    exec(line, {"homespot": hs, "anndata": ad})
    assert set(hs.load("other.h5ad").obs["cluster"]) == {"a"}


def test_a_seal_of_a_newer_form_is_named(saved, tmp_path, refused) -> None:
    (tmp_path / "map.h5ad").write_bytes(saved)
    for seal, words in {
        "2 a b": "sealed form 1 | '2' | Update homespot",
        "": "map homespot wrote | | copy",
        "1 a": "map homespot wrote | | copy",
    }.items():
        with h5py.File(tmp_path / "map.h5ad", "r+") as file:
            file.attrs[ATTRIBUTE] = seal
        with refused(words):
            hs.load(tmp_path / "map.h5ad")


def test_the_digest_of_tables_is_of_values_and_not_of_their_types(mapping) -> None:
    """Other versions of anndata and pandas read the same text as another type."""
    for table in (mapping.obs, mapping.var):
        table.index = table.index.astype(object)
    del mapping.obsm["table"]  # which anndata compares with the names
    other = mapping.copy()
    for table in (other.obs, other.var):
        table.index = table.index.astype("string")
        for name in table:
            if table[name].dtype == object:
                table[name] = table[name].astype("string")
    other.obs["age"] = pd.array([1, None] * (other.n_obs // 2), dtype="Int64")
    other.uns["notes"] = {**mapping.uns["notes"], "names": np.array(["b", "é"]), "number": np.int64(3)}
    assert digest_of_tables(other) == digest_of_tables(mapping)
    other.uns["notes"]["number"] = 3.0
    assert digest_of_tables(other) != digest_of_tables(mapping)
