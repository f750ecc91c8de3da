"""C for some spots of each cell: against the same written out, and against C for all spots."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.stats

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from homespot.learning import Candidates, Coupling, coupling, layout, most_correlated

M, N, K, D, G = 13, 7, 3, 2, 4
BLOCKS = [1, 15, 2**20]  # a row at a time; some rows, the last block ragged; all rows


def numbers(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def some_spots(m: int = M, n: int = N, k: int = K, seed: int = 5) -> torch.Tensor:
    """k of n spots for each of m cells; the last spot is nobody's."""
    drawn = torch.rand(m, n - 1, generator=torch.Generator().manual_seed(seed))
    return drawn.argsort(1)[:, :k].sort(1).values.int()


def make(c: torch.Tensor, spots: torch.Tensor | None, n: int = N, **options: Any) -> Coupling:
    standard: dict[str, Any] = {
        "latent": "P",
        "optimiser": "adam",
        "learning_rate": 0.1,
        "shrinkage": 0.0,
        "sharpness": 0.0,
    }
    return Coupling(c.clone(), None if spots is None else Candidates(spots, n), **standard | options)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def spread(x: torch.Tensor, spots: torch.Tensor, n: int = N) -> torch.Tensor:
    """Return entries of the candidates in a matrix of all spots, 0 elsewhere."""
    return torch.zeros(len(x), n, dtype=x.dtype).scatter(1, spots.long(), x)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("latent", ["P", "C"])
def test_sums_are_those_of_a_matrix_that_is_0_elsewhere(monkeypatch, block: int, latent: str) -> None:
    monkeypatch.setattr(coupling, "_BLOCK", block)
    c, spots, values = 2 * numbers(M, K, seed=0), some_spots(), numbers(M, D + G, seed=1)
    it = make(c, spots, latent=latent, shrinkage=0.1)
    product = it.product(values, D)
    p = torch.softmax(c, 1)
    dense = spread(p, spots)
    left = spread(c, spots) if latent == "C" else dense
    close(product.values, torch.cat([left.T @ values[:, :D], dense.T @ values[:, D:]], 1))
    close(product.mass, dense.sum(0))
    assert product.mass[-1] == 0
    assert product.home.tolist() == dense.argmax(1).tolist()
    expected = scipy.stats.entropy(p.numpy(), axis=1).mean() / np.log(N)
    assert product.entropy == pytest.approx(expected, abs=1e-12)
    assert product.squares == pytest.approx(float(c.square().sum()))
    found = it.matrix(it.probabilities())
    assert found.has_sorted_indices
    np.testing.assert_allclose(found.toarray(), dense, atol=1e-15)


def loss(
    c: torch.Tensor, spots: torch.Tensor, values: torch.Tensor, outer: Any, options: dict[str, Any]
) -> torch.Tensor:
    """Return a loss whose gradients for the product are `outer`."""
    p = torch.softmax(c, 1)
    dense = spread(p, spots)
    left = spread(c, spots) if options["latent"] == "C" else dense
    product = torch.cat([left.T @ values[:, :D], dense.T @ values[:, D:]], 1)
    entropy = -(p * p.log()).sum(1).mean() / np.log(N)
    return (
        (product * outer[0]).sum()
        + (dense.sum(0) * outer[1]).sum()
        + options["shrinkage"] * c.square().sum()
        + options["sharpness"] * entropy
    )


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shrinkage", [0.0, 0.03])
@pytest.mark.parametrize("sharpness", [0.0, 0.7])
@pytest.mark.parametrize("latent", ["P", "C"])
def test_adam_on_candidates_is_that_of_torch(
    monkeypatch, block: int, latent: str, sharpness: float, shrinkage: float
) -> None:
    monkeypatch.setattr(coupling, "_BLOCK", block)
    options = {"latent": latent, "sharpness": sharpness, "shrinkage": shrinkage}
    start, spots = 2 * numbers(M, K, seed=0), some_spots()
    found = make(start, spots, **options)
    c = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([c], lr=0.1)
    for step in range(4):
        values = numbers(M, D + G, seed=10 + step).requires_grad_()
        outer = numbers(N, D + G, seed=20 + step), numbers(N, seed=30 + step)
        optimiser.zero_grad()
        loss(c, spots, values, outer, options).backward()
        optimiser.step()
        back = found.step(values.detach(), D, *outer)
        close(back, values.grad[:, :D])
        close(found.coefficients, c.detach())


@pytest.mark.parametrize("sharpness", [0.0, 0.7])
def test_mirror_descent_on_candidates_is_the_formula(sharpness: float) -> None:
    options = {"latent": "P", "sharpness": sharpness, "shrinkage": 0.0}
    c, spots = 2 * numbers(M, K, seed=0), some_spots()
    found = make(c, spots, optimiser="mirror", **options)
    assert found.first.shape == (M, K)
    assert found.second.shape == (M, 1)
    first, second = torch.zeros(M, K, dtype=torch.float64), torch.zeros(M, 1, dtype=torch.float64)
    for step in range(1, 5):
        values = numbers(M, D + G, seed=10 + step).requires_grad_()
        outer = numbers(N, D + G, seed=20 + step), numbers(N, seed=30 + step)
        c.requires_grad_()
        by_c, by_values = torch.autograd.grad(loss(c, spots, values, outer, options), [c, values])
        c = c.detach()
        p = torch.softmax(c, 1)
        natural = by_c / p
        first = 0.9 * first + 0.1 * natural
        second = 0.999 * second + 0.001 * (p * natural.square()).sum(1, keepdim=True)
        c = c - 0.1 * first / (1 - 0.9**step) / (second / (1 - 0.999**step)).sqrt()
        close(found.step(values.detach(), D, *outer), by_values[:, :D])
        close(found.coefficients, c)


@pytest.mark.parametrize(("optimiser", "latent"), [("mirror", "P"), ("adam", "P"), ("adam", "C")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_spots_as_candidates_are_all_spots(optimiser: str, latent: str, dtype: torch.dtype) -> None:
    c, spots = numbers(M, N, seed=0).to(dtype), torch.arange(N, dtype=torch.int32).repeat(M, 1)
    options = {"optimiser": optimiser, "latent": latent, "sharpness": 0.5}
    full, some = make(c, None, **options), make(c, spots, **options)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for step in range(3):
        values = numbers(M, D + G, seed=10 + step).to(dtype)
        outer = numbers(N, D + G, seed=20 + step).to(dtype), numbers(N, seed=30 + step).to(dtype)
        one, other = full.product(values, D), some.product(values, D)
        close(one.values, other.values, tolerance)
        close(one.mass, other.mass, tolerance)
        assert one.home.tolist() == other.home.tolist()
        assert one.entropy == pytest.approx(other.entropy, abs=tolerance)
        close(full.step(values, D, *outer), some.step(values, D, *outer), tolerance)
    close(full.coefficients, some.coefficients, tolerance)


def test_a_spot_that_all_cells_share_and_a_cell_with_one_spot() -> None:
    spots, values = torch.full((M, 1), 4, dtype=torch.int32), numbers(M, D + G, seed=1)
    it = make(numbers(M, 1, seed=0), spots, optimiser="mirror")
    product = it.product(values, D)
    close(product.values[4], values.sum(0))
    assert product.values.abs().sum(1).count_nonzero() == 1
    assert product.mass.tolist() == [0, 0, 0, 0, M, 0, 0]
    assert product.entropy == 0
    gradient = numbers(N, D + G, seed=2)
    close(it.step(values, D, gradient, numbers(N, seed=3)), gradient[4, :D].expand(M, D))
    close(it.probabilities(), torch.ones(M, 1, dtype=torch.float64))


def test_the_number_of_threads_changes_no_byte() -> None:
    m, n, k = 700, 300, 40
    c, spots = numbers(m, k, seed=0).float(), some_spots(m, n, k)
    values = numbers(m, 60, seed=1).float()
    outer = numbers(n, 60, seed=2).float(), numbers(n, seed=3).float()
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 3):
            torch.set_num_threads(threads)
            it = make(c, spots, n, optimiser="mirror")
            product = it.product(values, 20)
            back = it.step(values, 20, *outer)
            found.append((product.values, product.mass, back, it.coefficients))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor with memory of its own that an operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        strided = (x for x in tree_leaves(out) if isinstance(x, torch.Tensor) and x.layout == torch.strided)
        self.elements = max([self.elements, *(x.numel() for x in strided)])
        return out


def test_nothing_of_the_size_of_all_pairs_is_made(monkeypatch) -> None:
    monkeypatch.setattr(layout, "_LOOKED_AT", 4000)
    m, n, k = 900, 400, 10
    with Largest() as largest:
        cells, spots = torch.rand(m, 6), torch.rand(n, 6)
        at, rho = most_correlated(cells, spots, k)
        it = make(rho, at, n, optimiser="mirror")
        it.product(torch.rand(m, 6), 2)
        it.step(torch.rand(m, 6), 2, torch.rand(n, 6), torch.rand(n))
        it.probabilities()
    assert largest.elements == m * k


@pytest.mark.parametrize("looked_at", [1, 50, 2**22])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_most_correlated_spots(monkeypatch, k: int, looked_at: int) -> None:
    monkeypatch.setattr(layout, "_LOOKED_AT", looked_at)
    cells, spots = numbers(30, 8, seed=0), numbers(20, 8, seed=1)
    at, rho = most_correlated(cells, spots, k)
    every = (cells @ spots.T).numpy()
    expected = np.sort(np.argsort(-every, axis=1)[:, :k], axis=1)
    np.testing.assert_array_equal(at, expected)
    np.testing.assert_allclose(rho, np.take_along_axis(every, expected, axis=1))


def test_a_state_has_the_candidates() -> None:
    values, outer = numbers(M, D + G, seed=1), (numbers(N, D + G, seed=2), numbers(N, seed=3))
    one = make(numbers(M, K, seed=0), some_spots())
    one.step(values, D, *outer)
    state = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in one.state().items()}
    assert torch.equal(state["candidates"], some_spots())
    other = make(numbers(M, K, seed=9), state["candidates"])
    other.restore(state)
    for it in (one, other):
        it.step(values, D, *outer)
    assert torch.equal(one.coefficients, other.coefficients)
    assert "candidates" not in make(numbers(M, N, seed=0), None).state()


def test_torch_says_nothing_of_its_sparse_matrices() -> None:
    with warnings.catch_warnings(action="error"):
        make(numbers(M, K, seed=0), some_spots()).product(numbers(M, D + G, seed=1), D)
