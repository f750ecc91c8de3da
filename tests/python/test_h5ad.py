"""Writing .h5ad: what homespot did not make never costs a result, and every reader opens the file."""

from __future__ import annotations

import datetime
import pathlib
import re
import sys
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot import cli
from homespot.common.extras import has
from homespot.errors import DataWarning, InputError
from homespot.objects.h5ad import read_whole, write_whole

ANNDATA = tuple(int(part) for part in metadata.version("anndata").split(".")[:2])
DAYS = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"])
NAMES = ["a", "b", "c"]


def three(**columns: Any) -> ad.AnnData:
    """Return an AnnData of three rows with these columns of obs."""
    obs = pd.DataFrame(
        {name: pd.Series(values, index=NAMES) for name, values in columns.items()}, index=NAMES
    )
    return ad.AnnData(
        np.arange(6, dtype=np.float32).reshape(3, 2), obs=obs, var=pd.DataFrame(index=["g", "h"])
    )


def written(adata: ad.AnnData, path: Path, *left: str) -> ad.AnnData:
    """Write an AnnData, compare what is said to be left out, and read the file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_whole(adata, path)
    texts = [str(warning.message) for warning in caught]
    if left:
        (text,) = texts
        assert caught[0].category is DataWarning
        assert text.startswith("Left out of the file, as .h5ad cannot hold it: ")
        named = text.removeprefix("Left out of the file, as .h5ad cannot hold it: ").split(". To keep it")[0]
        assert [name.split(" (")[0] for name in named.split("), ")] == list(left)
    else:
        assert texts == []
    return ad.read_h5ad(path)


def encodings(path: Path) -> set[str]:
    found = set()
    with h5py.File(path) as file:
        file.visititems(lambda _, entry: found.add(str(entry.attrs.get("encoding-type"))))
    return found


LEFT: dict[str, Any] = {
    "mixed": [1, "a", None],
    "dates": DAYS,
    "with time zone": DAYS.tz_localize("Europe/Paris"),
    "durations": DAYS - DAYS[0],
    "months": pd.period_range("2026", periods=3, freq="M"),
    "intervals": pd.interval_range(0, 3),
    "complex": [1j, 2, 3],
    "lists": [[1], [2, 3], []],
    "dicts": [{"a": 1}] * 3,
    "days": [datetime.date(2026, 1, 1)] * 3,
    "paths": [pathlib.PurePosixPath("x")] * 3,
    "functions": [len] * 3,
    "a null in text": ["a\0b", "b", "c"],
    "half a letter": pd.Series(["\ud800", "b", "c"], NAMES, dtype=object),
}


@pytest.mark.parametrize("kind", LEFT)
def test_columns_that_no_file_holds_are_left_out_and_named(tmp_path: Path, kind: str) -> None:
    adata = three(**{kind: LEFT[kind], "kept": [1, 2, 3], "homespot_x": [0.5, 1.5, 2.5]})
    adata.uns["homespot"] = {"method": "ssa"}
    adata.uns["table"] = pd.DataFrame(
        {"of": pd.Series(LEFT[kind], dtype=adata.obs[kind].dtype), "n": [1, 2, 3]}
    )
    adata.obsm["table"] = adata.obs[[kind, "kept"]].rename(columns={kind: "of"})
    before = adata.obs.copy()
    places = (f"obs[{kind!r}]", "obsm['table']['of']", "uns['table']['of']")
    found = written(adata, tmp_path / "a.h5ad", *places)
    assert list(found.obs) == ["kept", "homespot_x"]
    assert list(found.obs["homespot_x"]) == [0.5, 1.5, 2.5]
    assert list(found.uns["table"]) == ["n"]
    assert list(found.obsm["table"]) == ["kept"]
    assert found.uns["homespot"] == {"method": "ssa"}
    np.testing.assert_array_equal(found.X, adata.X)
    pd.testing.assert_frame_equal(adata.obs, before)  # nothing is changed in place
    assert list(adata.obs) == [kind, "kept", "homespot_x"]


def test_what_homespot_made_is_text_rather_than_left_out(tmp_path: Path) -> None:
    """Labels may be of any kind, and parameters too."""
    adata = three(homespot_labels=[1, "a", None], other=[1, "a", None])
    adata.uns["homespot"] = {"parameters": {"checkpoint": pathlib.PurePosixPath("run/a.pt")}}
    found = written(adata, tmp_path / "a.h5ad", "obs['other']")
    assert list(found.obs["homespot_labels"].astype(object).fillna("none")) == ["1", "a", "none"]
    assert found.uns["homespot"]["parameters"]["checkpoint"] == "run/a.pt"


def test_what_homespot_made_is_refused_rather_than_left_out(tmp_path: Path) -> None:
    adata = three(homespot_labels=["a\0b", "b", "c"])
    with pytest.raises(InputError, match=r"obs\['homespot_labels'\] \(.*part of the result"):
        write_whole(adata, tmp_path / "a.h5ad")
    del adata.obs["homespot_labels"]
    adata.uns["homespot"] = {"labels": {"": 1}}
    with pytest.raises(InputError, match=r"uns\['homespot'\]\['labels'\]\[''\] \(its name\)"):
        write_whole(adata, tmp_path / "a.h5ad")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("made_so", [False, True])
def test_nothing_is_lost_where_pandas_has_a_type_for_text(pair: Any, tmp_path: Path, made_so: bool) -> None:
    """The next pandas makes text its own type wherever no type is given."""
    sc, st = pair
    sc.obs["type"] = pd.Categorical(["a", "b"] * (sc.n_obs // 2) + ["a"] * (sc.n_obs % 2))
    mapping = hs.map_cells(sc, st)
    if ANNDATA < (0, 12):
        pytest.skip("this anndata cannot hold the type")
    with pd.option_context("future.infer_string", True):
        if made_so:
            sc.obs["text"] = pd.Series(["x"] * sc.n_obs, index=sc.obs_names)
            sc.obs["some"] = pd.Series(["x", None] * sc.n_obs, dtype="str")[: sc.n_obs].to_numpy()
            sc.obs["of"] = pd.Categorical(sc.obs["text"])
            mapping = hs.map_cells(sc, st)
            mapping.uns["names"] = ["a", "b"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            hs.save(mapping, tmp_path / "m.h5ad")
        found = hs.load(tmp_path / "m.h5ad")
    for slot in ("obs", "var"):
        given, read = getattr(mapping, slot), getattr(found, slot)
        assert list(read) == list(given)
        for name in given:
            pairs = zip(read[name], given[name], strict=True)
            assert all(new == old or (pd.isna(new) and pd.isna(old)) for new, old in pairs)
    assert not [kind for kind in encodings(tmp_path / "m.h5ad") if "nullable-string" in kind]
    np.testing.assert_array_equal(found.X, mapping.X)


def text(*values: str | None) -> pd.Series:
    return pd.Series(values, index=NAMES, dtype="string")


KEPT: dict[str, tuple[Any, str, list[Any]]] = {
    "nullable text": (text("x", "y", "z"), "object", ["x", "y", "z"]),
    "nullable text with gaps": (text("x", None, "z"), "category", ["x", None, "z"]),
    "text with gaps": (["x", None, "z"], "category", ["x", None, "z"]),
    "only gaps": ([None, None, None], "category", [None, None, None]),
    "text that repeats": (text("x", "y", "x"), "category", ["x", "y", "x"]),
    "numbers as objects": (pd.Series([1, 2, 3], NAMES, dtype=object), "int64", [1, 2, 3]),
    "numbers with gaps": (pd.Series([1, None, 3], NAMES, dtype=object), "Int64", [1, None, 3]),
    "fractions with gaps": (pd.Series([0.5, None, 3], NAMES, dtype="Float64"), "float64", [0.5, None, 3.0]),
    "truths with gaps": (pd.Series([True, None, False], NAMES, dtype=object), "boolean", [True, None, False]),
    "mostly zero": (pd.Series(pd.arrays.SparseArray([0, 0, 7]), NAMES), "int64", [0, 0, 7]),
    "categories of numbers": (pd.Categorical([2, 1, 2]), "category", [2, 1, 2]),
    "categories of intervals": (
        pd.cut([1, 2, 9], [0, 5, 10]),
        "category",
        ["(0, 5]", "(0, 5]", "(5, 10]"],
    ),
    "categories of nullable text": (
        pd.Categorical(pd.array(["x", "y", None], dtype="string")),
        "category",
        ["x", "y", None],
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_columns_of_which_nothing_is_lost_are_written_in_another_form(tmp_path: Path, kind: str) -> None:
    values, dtype, expected = KEPT[kind]
    found = written(three(**{kind: pd.Series(values, index=NAMES)}), tmp_path / "a.h5ad").obs[kind]
    assert found.dtype.name == dtype or (dtype == "object" and found.dtype == "str")  # pandas 2, and 3
    assert [None if pd.isna(value) else value for value in found] == expected
    assert not encodings(tmp_path / "a.h5ad") & {"nullable-string-array"}


def test_names_that_no_file_holds_are_left_out_or_changed_and_named(tmp_path: Path) -> None:
    adata = three(good=[1, 2, 3])
    table = adata.obs
    for name in ("_index", None, "", ".", "a\0b"):
        table[name] = 1
    table[7] = 8
    adata.obs = pd.concat([table, table[["good"]]], axis=1)
    adata.obs.index.name = "good"
    adata.uns = {"by number": {1: 2}, "none": {None: 1, "a": 1}}
    left = ["obs['_index']", "obs[None]", "obs['']", "obs['.']", "obs['a\\x00b']", "obs['good']"]
    found = written(adata, tmp_path / "a.h5ad", *left, "uns['none'][None]")
    assert list(found.obs) == ["good", "7"]
    assert list(found.obs_names) == NAMES
    assert found.uns["by number"] == {"1": 2}
    assert found.uns["none"] == {"a": 1}

    adata = three(a=[1, 2, 3])
    adata.obsm["T/NK"] = np.eye(3)
    adata.uns["x/y"] = {"homespot": 1}
    with pytest.warns(
        DataWarning, match=r"^Renamed in the file.* obsm\['T/NK'\] to 'T_NK', uns\['x/y'\] to 'x_y'\.$"
    ):
        write_whole(adata, tmp_path / "a.h5ad")
    found = ad.read_h5ad(tmp_path / "a.h5ad")
    np.testing.assert_array_equal(found.obsm["T_NK"], np.eye(3))
    assert found.uns["x_y"] == {"homespot": 1}

    adata = three(**{"per / mm": [1, 2, 3]})  # anndata takes it up to 0.12
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_whole(adata, tmp_path / "a.h5ad")
    name = "per _ mm" if caught else "per / mm"
    assert all(f"obs['per / mm'] to '{name}'" in str(warning.message) for warning in caught)
    assert ad.read_h5ad(tmp_path / "a.h5ad").obs[name].tolist() == [1, 2, 3]

    adata = three(**{"a": [1, 2, 3], "a/b": [4, 5, 6]})  # one of them is a folder in the file for the other
    with pytest.warns(DataWarning, match=r"obs\['a/b'\] to 'a_b'"):
        write_whole(adata, tmp_path / "a.h5ad")
    assert list(ad.read_h5ad(tmp_path / "a.h5ad").obs["a_b"]) == [4, 5, 6]
    adata.obs.insert(1, "a_b", [7, 8, 9])
    found = written(adata, tmp_path / "a.h5ad", "obs['a/b']")
    assert found.obs["a_b"].tolist() == [7, 8, 9]


def test_names_of_rows_with_characters_that_no_file_holds_are_escaped(tmp_path: Path) -> None:
    adata = three()
    adata.obs_names = ["a\0", "b", "c"]
    with pytest.warns(DataWarning, match="names of obs with characters that are written as escapes"):
        write_whole(adata, tmp_path / "a.h5ad")
    assert list(ad.read_h5ad(tmp_path / "a.h5ad").obs_names) == ["a\\x00", "b", "c"]


def test_entries_of_every_slot_are_tried(tmp_path: Path) -> None:
    adata = three()
    adata.raw = adata
    adata.raw.var["_index"] = ["g", "h"]
    adata.raw.var["symbol"] = pd.array(["G", None], dtype="string")
    adata.obsm["when"], adata.obsm["X_pca"] = np.array([DAYS, DAYS]).T, np.ones((3, 2))
    adata.varm["objects"] = np.array([[1, "a"], [None, 2]], dtype=object)
    adata.obsp["complex"], adata.obsp["near"] = np.eye(3) * 1j, sparse.csc_matrix(np.eye(3))
    adata.layers["text"], adata.layers["odd"] = np.full((3, 2), "a"), np.full((3, 2), None)
    adata.uns = {
        "homespot": {"method": "ssa", "parts": {"part1": {"genes": np.array(["g"], dtype=object)}}},
        "set": {1, 2},
        "deep": {"er": {"function": len, "day": datetime.date(2026, 1, 1), "tuple": (1, 2), "none": None}},
        "texts": ["a", None],
        "nullable": pd.array(["a", "b"], dtype="string"),
        "objects": [{"a": 1}],
        "series": pd.Series([1, 2], index=["x", "y"], name="n"),
        "sparse": sparse.coo_matrix(np.eye(2)),
        "inner": three(a=[1, 2, 3]),
    }
    left = ["obsm['when']", "varm['objects']", "obsp['complex']"]
    left += ["uns['set']", "uns['deep']['er']['function']", "uns['deep']['er']['day']", "uns['objects']"]
    left += ["layers['odd']", "raw.var['_index']"]
    if ANNDATA < (0, 12):  # which has no form for None
        left.insert(6, "uns['deep']['er']['none']")
    found = written(adata, tmp_path / "a.h5ad", *left)
    assert set(found.obsm) == {"X_pca"}
    np.testing.assert_array_equal(found.obsp["near"].toarray(), np.eye(3))
    assert found.layers["text"][0, 0] == "a"
    assert list(found.raw.var) == ["symbol"]
    np.testing.assert_array_equal(found.raw.X, adata.X)
    assert found.uns["homespot"]["parts"]["part1"]["genes"].tolist() == ["g"]
    assert found.uns["deep"]["er"]["tuple"].tolist() == [1, 2]
    assert found.uns["nullable"].tolist() == ["a", "b"]
    assert [None if pd.isna(value) else value for value in found.uns["texts"]] == ["a", None]
    assert found.uns["series"].loc["y", "n"] == 2
    np.testing.assert_array_equal(found.uns["sparse"].toarray(), np.eye(2))
    assert list(found.uns["inner"].obs["a"]) == [1, 2, 3]
    assert {"set", "objects"} <= set(adata.uns)


def test_the_images_of_cellxgene_are_written_whole(tmp_path: Path) -> None:
    adata = three()
    tissue = {"images": {"hires": np.ones((2, 3, 3))}, "scalefactors": {"tissue_hires_scalef": 0.5}}
    adata.uns["spatial"] = {"is_single": np.bool_(True), "lib": tissue}
    found = written(adata, tmp_path / "a.h5ad").uns["spatial"]
    assert found["is_single"]
    np.testing.assert_array_equal(found["lib"]["images"]["hires"], tissue["images"]["hires"])
    assert found["lib"]["scalefactors"] == tissue["scalefactors"]


# --- files as anndata 0.13 and pandas 3 write them ------------------------------------------------------


def write_nullable(adata: ad.AnnData, path: Path) -> None:
    """Write every index and every text column as nullable strings."""
    adata = adata.copy()
    for table in (adata.obs, adata.var):
        for name in table:
            if not pd.api.types.is_numeric_dtype(table[name].dtype):
                table[name] = table[name].astype(str).astype("string")
        table.index = table.index.astype("string")
    with h5py.File(path, "w") as file, ad.settings.override(allow_write_nullable_strings=True):
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        for slot in ("X", "obs", "var"):
            ad.io.write_elem(file, slot, getattr(adata, slot))
        ad.io.write_elem(file, "obsm", dict(adata.obsm))
    assert "nullable-string-array" in encodings(path)


@pytest.fixture
def nullable(make_pair: Callable[..., Any], tmp_path: Path) -> Path:
    sc, st = make_pair()
    sc.obs["note"] = ["x"] * 20 + ["y"] * 20
    write_nullable(sc, tmp_path / "sc.h5ad")
    write_nullable(st, tmp_path / "st.h5ad")
    return tmp_path


def test_files_with_nullable_strings_go_through_every_verb(
    nullable: Path, make_pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nullable)
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)

    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["homespot", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert not left.value.code

    run("map", "sc.h5ad", "st.h5ad")
    run("map", "sc.h5ad", "st.h5ad", "--sections", "region", "-o", "sections.h5ad")
    if torch_is_here := has("torch"):
        come = ("--set", "labels=type", "--set", "epochs=1", "--set", "pretrain_epochs=1")
        run("map", "sc.h5ad", "st.h5ad", "--method", "come", *come, "-o", "come.h5ad", "--progress", "none")
    run("place", "map.h5ad", "sc.h5ad", "-o", "placed.h5ad")
    run("impute", "map.h5ad", "sc.h5ad", "-o", "imputed.h5ad")
    run("deconvolve", "map.h5ad", "type", "-o", "types.h5ad")
    run("report", "map.h5ad", "--sc", "sc.h5ad", "--st", "st.h5ad", "--labels", "type")
    run("evaluate", "sc.h5ad", "st.h5ad", "--folds", "2")
    run("simulate", "st.h5ad", "--cells-per-spot", "3")
    expected = hs.map_cells(*make_pair())
    assert hs.load(nullable / "map.h5ad").X.tobytes() == expected.X.tobytes()
    made = ["map", "sections", "placed", "imputed", "types", "simulated/sc", "simulated/st"]
    for name in [*made, "come"] if torch_is_here else made:
        assert "nullable-string-array" not in encodings(nullable / f"{name}.h5ad")
        # pandas 3 has a type of its own for text
        assert ad.read_h5ad(nullable / f"{name}.h5ad").obs_names.dtype in (object, "str")


def test_imputed_genes_are_written_beside_what_no_file_holds(pair: Any, tmp_path: Path) -> None:
    sc, st = pair
    sc.var["when"] = pd.Timestamp("2026-01-01")
    st.obs["when"] = pd.Timestamp("2026-01-01")
    mapping = hs.map_cells(sc, st)
    expected = hs.impute_genes(mapping, sc)
    with pytest.warns(DataWarning, match=r"obs\['when'\] \(datetime64\[.*var\['when'\]"):
        found = hs.impute_genes(mapping, sc, output=tmp_path / "imputed.h5ad")
    np.testing.assert_array_equal(found.X[:], expected.X)
    found.file.close()
    with pytest.warns(DataWarning, match=r"cannot hold it: var\['when'\]"):  # of the spots
        hs.save(mapping, tmp_path / "map.h5ad")
    assert "when" not in hs.load(tmp_path / "map.h5ad").var


# --- reading --------------------------------------------------------------------------------------------


def test_another_form_is_named_where_a_map_is_read(pair: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair[0].write_zarr(tmp_path / "map.zarr")
    with pytest.raises(
        InputError, match=r"map.zarr', a zarr folder of AnnData. Make an .h5ad of it: anndata.read_zarr"
    ):
        hs.load(tmp_path / "map.zarr")
    with pytest.raises(
        InputError, match=r"Expected an .h5ad file, found no file at '.*no.h5ad'. Check the path."
    ):
        read_whole(tmp_path / "no.h5ad")


@pytest.mark.parametrize(
    ("entries", "remedy"),
    [
        ({"a": {1, 2}}, "To keep it, make it numbers or text."),
        ({"a": "1\0"}, "To keep it, take these characters out of it."),
        ({"a": 1j}, "To keep it, split it into real and imaginary numbers."),
        ({"{a}": {1}, "b": "\0"}, "make uns['{a}'] numbers or text; take these characters out of uns['b']."),
    ],
)
def test_what_is_left_out_has_the_remedy_of_its_cause(tmp_path: Path, entries: dict, remedy: str) -> None:
    adata = three()
    adata.uns.update(entries)
    with pytest.warns(DataWarning, match=re.escape(remedy) + "$"):
        write_whole(adata, tmp_path / "a.h5ad")


def test_names_that_no_file_holds_are_to_be_changed(tmp_path: Path) -> None:
    adata = three(_index=[1, 2, 3])
    with pytest.warns(DataWarning, match=r"obs\['_index'\] \(its name\). To keep it, rename it.$"):
        write_whole(adata, tmp_path / "a.h5ad")
