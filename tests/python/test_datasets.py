"""Data sets: what is said where the data is not, and the shapes of the real ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from homespot import datasets
from homespot.errors import InputError

SOURCE = (
    "The data comes from Allen Institute smFISH VISp (SpaceTx), as distributed with Tangram; "
    "homespot does not download it."
)

SHAPES = {  # of their READMEs: single cells, spots
    "drosophila": ((1297, 8924), (3039, 84)),
    "li2022_starmap_sim": ((1523, 1020), (189, 882)),
    "merfish_visp": (None, (2150, 253)),
    "pdac_moncada": ((1926, 7000), (428, 25753)),
    "seqfish_cortex_tasic": ((1723, 113), (1597, 113)),
    "seqfish_embryo": (None, (14185, 351)),
    "smfish_visp": (None, (4840, 22)),
    "starmap_visp": (None, (1549, 1020)),
    "xenium_breast": (None, (10000, 380)),
}


def refusal(name: str = "smfish_visp") -> str:
    with pytest.raises(InputError) as caught:
        datasets.load(name)
    return str(caught.value)


def test_unknown_name_lists_the_known() -> None:
    assert refusal("mouse").startswith("Expected one of the data sets 'drosophila', 'li2022_starmap_sim', ")
    assert refusal("mouse").endswith("found 'mouse'. Use one of these names.")


def test_variable_not_set(monkeypatch) -> None:
    for value in (None, ""):
        monkeypatch.delenv("HOMESPOT_DATA", raising=False)
        if value is not None:
            monkeypatch.setenv("HOMESPOT_DATA", value)
        assert refusal() == (
            "Expected the data set 'smfish_visp' in the folder that HOMESPOT_DATA names, "
            f"found HOMESPOT_DATA not set. {SOURCE}"
        )


def test_folder_not_there(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOMESPOT_DATA", str(tmp_path))
    assert refusal() == (
        "Expected the data set 'smfish_visp' in the folder that HOMESPOT_DATA names, "
        f"found no folder {str(tmp_path / 'smfish_visp')!r}. {SOURCE}"
    )


def test_file_missing_and_file_corrupted(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOMESPOT_DATA", str(tmp_path))
    folder = tmp_path / "smfish_visp"
    folder.mkdir()
    start = "Expected a file st_cells.csv.gz with sha256 689bab8cc732, found "
    assert refusal() == f"{start}no such file. {SOURCE}"
    (folder / "st_cells.csv.gz").write_bytes(b"half of it")
    there = hashlib.sha256(b"half of it").hexdigest()[:12]
    assert refusal() == f"{start}one with {there}, changed or cut short. {SOURCE}"


def test_every_set_has_a_source_and_checksums() -> None:
    listed = (Path(datasets.__file__).parent / "datasets.csv").read_text().splitlines()[1:]
    assert {line.split(",")[0] for line in listed} == set(datasets.names()) == set(SHAPES)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_real_data_loads_with_the_shapes_of_its_readme(real_data: Path, name: str) -> None:
    assert real_data.is_dir()
    loaded = datasets.load(name)
    sc, st = SHAPES[name]
    assert loaded["st"].shape == st
    assert ("sc" in loaded) == (sc is not None)
    if sc is not None:
        assert loaded["sc"].shape == sc
    for adata in loaded.values():
        assert adata.obs_names.is_unique
        assert adata.var_names.is_unique
        values = adata.X.data if sparse.issparse(adata.X) else adata.X
        assert np.isfinite(values).all()
        assert values.min() >= 0
    positions = loaded["st"].obsm["spatial"]
    assert positions.shape == (st[0], 3 if name in ("drosophila", "seqfish_embryo") else 2)
    assert np.isfinite(positions).all()


@pytest.mark.slow
def test_odd_gene_names_of_drosophila_are_kept(real_data: Path) -> None:
    assert real_data.is_dir()
    loaded = datasets.load("drosophila")
    assert {"beta'COP", "nan", "E(spl)m5-HLH"} <= set(loaded["sc"].var_names)
    assert set(loaded["st"].var_names) <= set(loaded["sc"].var_names)


@pytest.mark.slow
def test_spots_of_li2022_hold_the_cells_they_say(real_data: Path) -> None:
    assert real_data.is_dir()
    loaded = datasets.load("li2022_starmap_sim")
    assert set(loaded["sc"].obs["true_spot"].dropna()) == set(loaded["st"].obs_names)
