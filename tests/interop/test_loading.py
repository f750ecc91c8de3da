"""rpy2 and reticulate in one process, in every order in which they and torch can be loaded."""

import sys

import pytest

# What every order ends with: the same map of R's, and an orderly end of the process.
IN_R = """
suppressPackageStartupMessages(library(homespot))
demo <- demoData()
map <- mapCells(demo$sc[, 1:50], demo$st)
cat(rlang::hash(mappingMatrix(map)), reticulate::py_config()$python, "\\n")
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
def alone(finish):
    return finish(["Rscript", "--vanilla", "-e", IN_R]).split()


LAST = ["rpy2, reticulate, torch", "reticulate, torch, rpy2"]


@pytest.mark.parametrize(
    "order", [pytest.param(order, marks=[pytest.mark.slow] * (order in LAST)) for order in ORDERS]
)
def test_the_map_is_the_same_and_the_process_ends_well(order, alone, finish):
    assert finish(ORDERS[order]).split()[-2:] == alone
