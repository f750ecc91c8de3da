"""The demo data: the same bytes for a seed, a truth that is true, files that both languages read."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from homespot import make_demo, map_cells, metrics, place_cells
from homespot.verbs.make_demo import write_demo

FILES = Path(__file__).parents[2] / "inst" / "extdata"


@pytest.fixture(scope="module")
def demo():
    return make_demo()


def test_counts_over_partly_shared_genes(demo) -> None:
    for adata in demo:
        assert sparse.issparse(adata.X)
        np.testing.assert_array_equal(adata.X.data, np.rint(adata.X.data))
        assert adata.X.data.min() > 0
        assert adata.obs_names.is_unique
        assert adata.var_names.is_unique
        assert (adata.X.sum(axis=1) > 0).all()
    sc, st = (set(adata.var_names) for adata in demo)
    assert sc & st
    assert sc - st
    assert st - sc


def test_truth_is_the_nearest_spot(demo) -> None:
    sc, st = demo
    truth = sc.obs[["true_x", "true_y"]].to_numpy()
    distance = np.linalg.norm(truth[:, None] - st.obsm["spatial"][None], axis=2)
    here = distance[np.arange(sc.n_obs), st.obs_names.get_indexer(sc.obs["true_spot"])]
    np.testing.assert_allclose(here, distance.min(axis=1), atol=0.3)  # places are rounded to 0.1


def test_the_seed_decides(demo) -> None:
    again, other = make_demo(), make_demo(seed=1)
    for a, b, c in zip(demo, again, other, strict=True):
        assert a.X.data.tobytes() == b.X.data.tobytes()
        assert a.obs.equals(b.obs)
        assert a.X.nnz != c.X.nnz


def test_files_have_the_same_bytes_twice(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for first, second in zip(write_demo(tmp_path / "a"), write_demo(tmp_path / "b"), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_files_hold_the_data(tmp_path, demo) -> None:
    write_demo(tmp_path)
    for side, row, adata in (("sc", "cells", demo[0]), ("st", "spots", demo[1])):
        with gzip.open(tmp_path / f"demo_{side}_counts.mtx.gz") as handle:
            counts = io.mmread(handle, spmatrix=False)
        np.testing.assert_array_equal(counts.toarray().T, adata.X.toarray())
        genes = gzip.decompress((tmp_path / f"demo_{side}_genes.txt.gz").read_bytes()).decode().split()
        assert genes == adata.var_names.tolist()
        table = pd.read_csv(tmp_path / f"demo_{side}_{row}.csv.gz", index_col=0)
        pd.testing.assert_frame_equal(table, adata.obs, check_names=False, check_dtype=False)


def test_the_package_ships_what_the_generator_makes(tmp_path) -> None:
    for path in write_demo(tmp_path):
        shipped = gzip.decompress((FILES / path.name).read_bytes())
        assert shipped == gzip.decompress(path.read_bytes()), f"{path.name}: run write_demo('inst/extdata')"


def test_cells_are_put_nearer_to_their_truth_than_a_guess(demo) -> None:
    sc, st = demo
    truth = sc.obs[["true_x", "true_y"]].to_numpy()
    found = metrics.distances(truth, place_cells(map_cells(sc, st), sc).obsm["spatial"])["euclidean"]
    centre = metrics.distances(truth, np.broadcast_to(truth.mean(axis=0), truth.shape))["euclidean"]
    assert found < 0.7 * centre
