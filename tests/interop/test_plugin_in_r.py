"""A method of another package goes through all verbs of R that take a method."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import homespot
from homespot import methods

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def out(environment, plugin, folder, finish, tmp_path_factory):
    made = tmp_path_factory.mktemp("nearest")
    path = os.pathsep.join([environment["PYTHONPATH"], str(plugin)])
    command = ["env", f"PYTHONPATH={path}", "Rscript", "--vanilla", HERE / "nearest.R"]
    finish([*command, HERE / "exchange.R", folder, made])
    return made


def test_r_takes_the_method(out):
    found = json.loads((out / "nearest.json").read_text(encoding="utf-8"))
    assert found["names"] == sorted({*methods.names(), "nearest"})
    assert found["parameters"] == {"n.genes": 500, "sharpness": 1}
    assert found["shown"] == ["method: nearest, compared"]
    assert found["info"].startswith("Compared ")
    assert found["scored"] == ["correlation", "nearest"]
    assert found["tried"] == [1, 4]
    assert found["terms"] in (["smallest distance"], [])  # none without ggplot2
    assert found["refused"].startswith("Expected sharpness to be a finite number above 0, found 0")
    assert found["info"] in (out / "report.html").read_text(encoding="utf-8")


def test_the_map_is_that_of_python(out, plugin, folder, environment):
    script = (
        "import anndata as ad, homespot as hs, sys\n"
        "sc, st = (ad.read_h5ad(f'{sys.argv[1]}/{side}.h5ad') for side in ('sc', 'st'))\n"
        "hs.save(hs.map_cells(sc, st, 'nearest', sharpness=2), sys.argv[2])\n"
    )
    path = os.pathsep.join([environment["PYTHONPATH"], str(plugin)])
    subprocess.run(
        [sys.executable, "-c", script, folder, out / "python.h5ad"],
        env=environment | {"PYTHONPATH": path},
        check=True,
        capture_output=True,
    )
    expected, found = homespot.load(out / "python.h5ad"), homespot.load(out / "map.h5ad")
    np.testing.assert_array_equal(found.X, expected.X)
    assert found.uns["homespot"]["solver"]["sentence"] == expected.uns["homespot"]["solver"]["sentence"]
