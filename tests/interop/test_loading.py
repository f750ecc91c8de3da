"""rpy2 and reticulate in one process, in every order in which they and torch can be loaded."""

import hashlib
import sys

import numpy as np
import pytest

import homespot

# What every order ends with: the map that Python makes, and an orderly end of the process.
IN_R = """
suppressPackageStartupMessages(library(homespot))
demo <- demoData()
map <- mapCells(demo$sc[, 1:50], demo$st)
file <- tempfile()
writeBin(as.vector(mappingMatrix(map)), file, size = 4L, endian = 'little')
cat(tools::md5sum(file), "\\n")
"""
HOSTED = f"import rpy2.robjects as ro; ro.r('''{IN_R}''')"
HOSTING = "ro <- reticulate::import('rpy2.robjects'); stopifnot(ro$r('6 * 7')[0] == 42)"
TORCH = "import torch; assert torch.ones(3).sum() == 3"
TORCH_IN_R = "torch <- reticulate::import('torch'); stopifnot(torch$ones(3L)$sum()$item() == 3)"

ORDERS = {
    "torch, rpy2, reticulate": [sys.executable, "-c", f"{TORCH}\n{HOSTED}"],
    "rpy2, reticulate, torch": [sys.executable, "-c", f"{HOSTED}\n{TORCH}"],
    "reticulate, rpy2, torch": ["Rscript", "--vanilla", "-e", f"{HOSTING}\n{IN_R}\n{TORCH_IN_R}"],
    "reticulate, torch, rpy2": ["Rscript", "--vanilla", "-e", f"{TORCH_IN_R}\n{IN_R}\n{HOSTING}"],
}


@pytest.fixture(scope="module")
def own():
    sc, st = homespot.make_demo()
    with pytest.warns(homespot.errors.DataWarning, match="Dropped 1 gene"):
        p = homespot.map_cells(sc[:50].copy(), st).X
    return hashlib.md5(np.asarray(p).astype("<f4").tobytes(order="F")).hexdigest()


FIRST = "torch, rpy2, reticulate"


@pytest.mark.parametrize(
    "order", [pytest.param(order, marks=[pytest.mark.slow] * (order != FIRST)) for order in ORDERS]
)
def test_the_map_is_the_same_and_the_process_ends_well(order, own, finish):
    pytest.importorskip("torch", reason="torch is not installed")
    assert finish(ORDERS[order]).split()[-1] == own
