"""A Python that will not do is refused; parallel work after a map; nothing is forked."""

import re
import sys
from pathlib import Path

import pytest

import homespot


def _refused(said, expected, found):
    lines = said.splitlines()
    assert lines[0] == "homespot_dependency_error"
    assert "homespot_error" in lines[:3]
    message = said[said.index("Expected") :]
    assert re.search(expected, message), message
    assert re.search(f"found {found}", message), message
    assert re.search(r"Three ways out:\n1\. .*\n2\. .*\n3\. ", message), message


LACKING = "no anndata, h5py, numba, numpy, pandas, psutil, scipy, threadpoolctl, tqdm, typer"


def test_a_python_without_the_core_is_refused(bare):
    _refused(bare, r"Python packages anndata.* in \S*bare/venv/bin/python", LACKING)
    assert re.search(r"1\. Install it: \S*bare/venv/bin/python -m pip install 'anndata>=0.11.2,<1'", bare)
    assert "homespot.python" in bare
    assert "basilisk" in bare


def test_a_host_without_the_core_is_refused(lacking_host):
    """Whatever RETICULATE_PYTHON names: reticulate would pass over it without a word."""
    _refused(lacking_host, r"Python packages anndata.* in \S*lacking_host/venv/", "no anndata, h5py, numba")
    assert "In a fresh R session, name another Python" in lacking_host


def test_a_host_with_another_version_is_refused(other_version):
    version = re.escape(homespot.__version__)
    _refused(
        other_version, f"homespot {version} in the Python that is loaded", "homespot 0.1.0, loaded there"
    )


def test_parallel_work_after_a_map_gives_the_same(parallel):
    assert parallel["identical"] == [True, True, True]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts forks as Linux' C library does")
def test_no_verb_forks_a_loaded_python(parallel):
    assert parallel["forks"]["ours"] == 0
    assert parallel["forks"]["control"] == parallel["forks"]["afterwards"] + 1


@pytest.mark.slow
def test_the_drosophila_embryo_is_the_same_in_both_languages(rscript, tmp_path, same):
    try:
        data = homespot.datasets.load("drosophila")
        folder = homespot.datasets.folder("drosophila")
    except homespot.errors.InputError as error:
        pytest.skip(str(error))
    mapping = homespot.map_cells(data["sc"], data["st"])
    rscript("drosophila.R", Path(folder), tmp_path)
    found = same.from_r(tmp_path / "drosophila")
    same.numbers(found, mapping)
    same.coordinates(found, mapping)
    same.record(found.record, mapping.uns["homespot"])
    same.places(tmp_path / "drosophila_places.json", mapping)
