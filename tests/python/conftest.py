"""What the tests share: small pairs of data sets whose cells come from known spots, and the real data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from scipy import sparse

from homespot.common.extras import has
from homespot.errors import DependencyError

settings.register_profile("homespot", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("homespot")

WITHOUT_TORCH = tuple(f"Expected torch for {what}, found" for what in ("method 'come'", "backend 'torch'"))


def _skip_without_torch() -> Generator[None, object, object]:
    """Skip a test that turns out to train COME, or to ask for torch, where there is no torch."""
    try:
        return (yield)
    except DependencyError as error:
        if has("torch") or not str(error).startswith(WITHOUT_TORCH):
            raise
        pytest.skip("torch is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _skip_without_torch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _skip_without_torch())


MakePair = Callable[..., tuple[ad.AnnData, ad.AnnData]]


def _make_pair(
    n_cells: int = 40,
    n_spots: int = 25,
    n_genes: int = 30,
    *,
    dims: int = 2,
    seed: int = 0,
    stored: str = "csr",
) -> tuple[ad.AnnData, ad.AnnData]:
    """Counts of cells and spots over overlapping genes in different orders; every spot differs."""
    rng = np.random.default_rng(seed)
    genes = np.array([f"g{i}" for i in range(n_genes + 10)])
    profiles = rng.lognormal(0.5, 1.0, (n_spots, len(genes)))
    home = rng.integers(n_spots, size=n_cells)
    counts = rng.poisson(profiles[home] * rng.uniform(0.5, 2, n_cells)[:, None]).astype(np.float32)
    spot_counts = rng.poisson(profiles * 4).astype(np.float32)
    sc_genes, st_genes = rng.permutation(len(genes))[5:], rng.permutation(len(genes))[:-5]
    convert = {"csr": sparse.csr_matrix, "dense": np.ascontiguousarray}[stored]
    sc = ad.AnnData(
        X=convert(counts[:, sc_genes]),
        obs=pd.DataFrame(
            {"type": pd.Categorical(np.where(home % 2, "a", "b"))}, index=[f"c{i}" for i in range(n_cells)]
        ),
        var=pd.DataFrame(index=genes[sc_genes]),
    )
    sc.obs["home"] = [f"s{i}" for i in home]
    st = ad.AnnData(
        X=convert(spot_counts[:, st_genes]),
        obs=pd.DataFrame({"region": np.arange(n_spots) % 3}, index=[f"s{i}" for i in range(n_spots)]),
        var=pd.DataFrame(index=genes[st_genes]),
        obsm={"spatial": rng.uniform(0, 1000, (n_spots, dims))},
    )
    return sc, st


@pytest.fixture(scope="session")
def command_line() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a folder."""

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "homespot.cli", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def make_pair() -> MakePair:
    return _make_pair


@pytest.fixture
def pair() -> tuple[ad.AnnData, ad.AnnData]:
    return _make_pair()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets; a test that needs it says why it was skipped."""
    folder = os.environ.get("HOMESPOT_DATA", "")
    if not folder:
        pytest.skip("HOMESPOT_DATA is not set: the real data is not here")
    return Path(folder)
