"""Correlations from sparse counts: those of the standardised rows, whatever is asked for at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

import homespot as hs
from homespot.expression import selection
from homespot.expression import sparse_rows as module
from homespot.expression.sparse_rows import SparseRows, sparse_rows
from homespot.expression.transforms import standards, unit_rows, weighted, z_scores
from homespot.matrix.streamed import Streamed

M, N, K = 300, 301, 90


def streamed(x: sparse.csr_matrix) -> Streamed:
    rows = Streamed(lambda a, b: x[a:b], x.shape, x.dtype, sparse=True, pick=lambda index: x[index])
    return Streamed(lambda a, b: x[a:b].toarray(), x.shape, x.dtype, sparse=False, csr=rows)


def problem(dtype: Any) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Cells, one without expression and one like a constant, a gene that is constant; spots and weights."""
    rng = np.random.default_rng(0)
    x = sparse.random(M, K, 0.1, format="lil", random_state=rng, dtype=dtype)
    x[:, 3] = 0
    x[7] = 0
    return sparse.csr_matrix(x), unit_rows(rng.standard_normal((N, K)).astype(dtype)), rng.random(K)


@pytest.mark.parametrize(("dtype", "most"), [("float64", 1e-14), ("float32", 3e-7)])
@pytest.mark.parametrize("with_weights", [True, False])
def test_they_are_the_product_of_standardised_rows(dtype: str, most: float, with_weights: bool) -> None:
    x, y, weights = problem(dtype)
    shift, scale = standards(x.toarray())
    z, by = z_scores(x.toarray().astype(np.float64)), scale
    if with_weights:
        z, by = weighted(z, weights), scale * weights
    products = sparse_rows(streamed(x), by, shift * by, y)
    assert products is not None
    found = np.empty((M, N), dtype)
    products.write(slice(0, M), found)
    np.testing.assert_allclose(found, unit_rows(z) @ y.T.astype(np.float64), atol=most)


def test_the_bytes_are_the_same_for_any_rows_at_once() -> None:
    x, y, _ = problem("float32")
    shift, scale = standards(x.toarray())
    products = SparseRows(streamed(x).csr, scale, shift * scale, y)
    whole, part, some = (np.empty((n, N), np.float32) for n in (M, 37, 4))
    products.write(slice(0, M), whole)
    products.write(slice(50, 87), part)
    assert part.tobytes() == whole[50:87].tobytes()
    index = np.array([299, 7, 0, 123])
    products.write(index, some)
    assert some.tobytes() == whole[index].tobytes()


def test_values_that_are_mostly_above_0_are_multiplied_as_a_whole() -> None:
    full = sparse.csr_matrix(np.random.default_rng(0).random((M, K)) * (np.arange(K) < 0.2 * K))
    y = unit_rows(np.random.default_rng(1).standard_normal((N, K)))
    assert sparse_rows(streamed(full), np.ones(K), np.zeros(K), y) is None
    assert sparse_rows(full.toarray(), np.ones(K), np.zeros(K), y) is None
    parts = streamed(full).taken(rows=np.arange(50), columns=np.arange(K)[::-1])
    np.testing.assert_array_equal(parts.csr[:].toarray(), full.toarray()[:50, ::-1])
    assert parts.mapped(np.sqrt).csr is None


@pytest.mark.parametrize(("dtype", "most"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("correlation", ["signed", "absolute"])
def test_a_map_from_sparse_counts_is_that_of_dense_rows(
    dtype: Any, most: float, correlation: Any, monkeypatch
) -> None:
    sc, st = hs.make_demo()
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(sc.X)
    counts.data[rng.random(counts.nnz) < 0.7] = 0  # explicit zeros are no values
    sc.X = counts
    options = {"dtype": dtype, "correlation": correlation, "progress": False}
    dense = hs.map_cells(sc, st, **options)
    monkeypatch.setattr(selection, "HELD", 0)
    monkeypatch.setattr(module, "_SPARSE", 0.5)
    used = []
    write = SparseRows.write
    monkeypatch.setattr(SparseRows, "write", lambda self, *rows: (used.append(1), write(self, *rows))[1])
    found = hs.map_cells(sc, st, **options)
    assert used
    np.testing.assert_allclose(found.X, dense.X, atol=most)
    kept = hs.map_cells(sc, st, k_best=5, storage="streamed", n_components=None, **options)
    np.testing.assert_array_equal(kept.X.data, found.X[kept.X.nonzero()])
    array = sc.copy()
    array.X = counts.toarray()
    assert hs.map_cells(array, st, **options).X.tobytes() == found.X.tobytes()
