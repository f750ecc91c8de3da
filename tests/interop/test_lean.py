"""SSA from end to end in R, with exactly what its first environment has: without torch, the same bytes."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PINS = dict(re.findall(r'"([A-Za-z0-9_-]+)==([^"]+)"', (ROOT / "R" / "basilisk.R").read_text()))


@pytest.fixture(scope="module")
def out(environment, tmp_path_factory):
    python = ROOT / ".venv-lean" / "bin" / "python"
    if not python.exists():
        pytest.skip("tools/setup-python.sh lean has not been run")
    folder = tmp_path_factory.mktemp("lean")
    lean = environment | {"RETICULATE_PYTHON": str(python), "BASILISK_EXTERNAL_DIR": str(folder / "none")}
    command = ["Rscript", "--vanilla", HERE / "lean.R", folder, folder]
    done = subprocess.run(command, env=lean, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return folder


def test_the_packages_are_those_that_are_pinned(out):
    found = dict(line.split("==") for line in (out / "packages.txt").read_text().split())
    assert "torch" not in found
    assert found.items() <= PINS.items()


def test_ssa_and_what_follows_are_those_of_python(out):
    if any(version(name) != PINS[name] for name in ("numpy", "scipy", "numba")):
        pytest.skip("this Python has other versions of what computes")
    sc, st = hs.make_demo()
    mapping = hs.map_cells(sc, st, device="cpu")
    assert hs.load(out / "map.h5ad").X.tobytes() == mapping.X.tobytes()
    placed = ad.read_h5ad(out / "placed.h5ad")
    np.testing.assert_array_equal(placed.obsm["spatial"], hs.place_cells(mapping, sc).obsm["spatial"])
    genes = hs.impute_genes(mapping, sc, ["Gene001", "Gene120"])
    np.testing.assert_array_equal(ad.read_h5ad(out / "imputed.h5ad").to_df(), genes.to_df())
    types = hs.deconvolve_spots(mapping, "cell_type")
    np.testing.assert_array_equal(ad.read_h5ad(out / "types.h5ad").to_df(), types.to_df())
    scores = pd.read_csv(out / "scores.csv").drop(columns="seconds")
    expected = hs.cross_validate(sc, st, {"a": "ssa", "b": "correlation"}, folds=2).drop(columns="seconds")
    pd.testing.assert_frame_equal(scores, expected, check_dtype=False, rtol=1e-12)
    assert "<html" in (out / "report.html").read_text(encoding="utf-8")[:200].lower()
