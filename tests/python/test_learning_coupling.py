"""The coupling in blocks against the same written out, with autograd and torch's own Adam."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from homespot.learning import Coupling, contrast, coupling

M, N, D, G = 13, 7, 3, 4
BLOCKS = [1, 30, 2**20]  # a row at a time; some rows, the last block ragged; all rows


def numbers(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(c: torch.Tensor, **options: object) -> Coupling:
    standard = {
        "latent": "P",
        "optimiser": "adam",
        "learning_rate": 0.1,
        "shrinkage": 0.0,
        "sharpness": 0.0,
    }
    return Coupling(c.clone(), **standard | options)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("latent", ["P", "C"])
def test_product_is_what_it_says(monkeypatch, block: int, latent: str) -> None:
    monkeypatch.setattr(coupling, "_BLOCK", block)
    c, values = 2 * numbers(M, N, seed=0), numbers(M, D + G, seed=1)
    product = make(c, latent=latent, shrinkage=0.1).product(values, D)
    p = torch.softmax(c, 1)
    left = c if latent == "C" else p
    close(product.values, torch.cat([left.T @ values[:, :D], p.T @ values[:, D:]], 1))
    close(product.mass, p.sum(0))
    assert product.home.tolist() == p.argmax(1).tolist()
    assert product.entropy == pytest.approx(
        scipy.stats.entropy(p.numpy(), axis=1).mean() / np.log(N), abs=1e-12
    )
    assert product.squares == pytest.approx(float(c.square().sum()))


@given(
    m=st.integers(1, 9),
    n=st.integers(2, 9),
    g=st.integers(0, 3),
    block=st.integers(1, 90),
    spread=st.floats(0, 50),
    seed=st.integers(0, 2**32),
)
def test_product_of_any_size(m: int, n: int, g: int, block: int, spread: float, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling, "_BLOCK", block)
        c, values = spread * numbers(m, n, seed=seed), numbers(m, 2 + g, seed=seed + 1)
        product = make(c).product(values, 2)
        p = torch.softmax(c, 1)
        close(product.values, p.T @ values)
        close(product.mass, p.sum(0))
        assert 0 <= product.entropy <= 1 + 1e-12
        expected = scipy.stats.entropy(p.numpy(), axis=1).mean() / np.log(n)
        assert product.entropy == pytest.approx(expected, abs=1e-10)


def written_out(
    c: torch.Tensor, values: torch.Tensor, outer: tuple[torch.Tensor, torch.Tensor], **options: object
) -> torch.Tensor:
    """Return a loss whose gradients for the product are `outer`."""
    p = torch.softmax(c, 1)
    left = c if options["latent"] == "C" else p
    product = torch.cat([left.T @ values[:, :D], p.T @ values[:, D:]], 1)
    entropy = -(p * p.log()).sum(1).mean() / np.log(N)
    return (
        (product * outer[0]).sum()
        + (p.sum(0) * outer[1]).sum()
        + options["shrinkage"] * c.square().sum()
        + options["sharpness"] * entropy
    )


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shrinkage", [0.0, 0.03])
@pytest.mark.parametrize("sharpness", [0.0, 0.7])
@pytest.mark.parametrize("latent", ["P", "C"])
def test_adam_is_that_of_torch_on_the_same_loss(
    monkeypatch, block: int, latent: str, sharpness: float, shrinkage: float
) -> None:
    monkeypatch.setattr(coupling, "_BLOCK", block)
    options = {"latent": latent, "sharpness": sharpness, "shrinkage": shrinkage}
    start = 2 * numbers(M, N, seed=0)
    found = make(start, **options)
    c = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([c], lr=0.1)
    for step in range(4):
        values = numbers(M, D + G, seed=10 + step).requires_grad_()
        outer = numbers(N, D + G, seed=20 + step), numbers(N, seed=30 + step)
        optimiser.zero_grad()
        written_out(c, values, outer, **options).backward()
        optimiser.step()
        back = found.step(values.detach(), D, *outer)
        close(back, values.grad[:, :D])
        close(found.coefficients, c.detach())
    assert found.steps == 4


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("sharpness", [0.0, 0.7])
def test_mirror_descent_is_the_formula(monkeypatch, block: int, sharpness: float) -> None:
    """Natural gradient with Adam's first moment, and a second one for each row, the mean under P."""
    monkeypatch.setattr(coupling, "_BLOCK", block)
    options = {"latent": "P", "sharpness": sharpness, "shrinkage": 0.0}
    c = 2 * numbers(M, N, seed=0)
    found = make(c, optimiser="mirror", **options)
    assert found.second.shape == (M, 1)
    first, second = torch.zeros(M, N, dtype=torch.float64), torch.zeros(M, 1, dtype=torch.float64)
    for step in range(1, 5):
        values = numbers(M, D + G, seed=10 + step).requires_grad_()
        outer = numbers(N, D + G, seed=20 + step), numbers(N, seed=30 + step)
        c.requires_grad_()
        loss = written_out(c, values, outer, **options)
        by_c, by_values = torch.autograd.grad(loss, [c, values])
        c = c.detach()
        p = torch.softmax(c, 1)
        natural = by_c / p
        close((natural * p).sum(1), torch.zeros(M, dtype=torch.float64))
        first = 0.9 * first + 0.1 * natural
        second = 0.999 * second + 0.001 * (p * natural.square()).sum(1, keepdim=True)
        c = c - 0.1 * first / (1 - 0.9**step) / (second / (1 - 0.999**step)).sqrt()
        back = found.step(values.detach(), D, *outer)
        close(back, by_values[:, :D])
        close(found.coefficients, c)
    close(found.probabilities().sum(1), torch.ones(M, dtype=torch.float64))


@pytest.mark.parametrize("optimiser", ["adam", "mirror"])
def test_a_constant_added_to_a_row_changes_nothing(optimiser: str) -> None:
    c, values = numbers(M, N, seed=0), numbers(M, D + G, seed=1)
    outer = numbers(N, D + G, seed=2), numbers(N, seed=3)
    one = make(c, optimiser=optimiser, sharpness=0.5)
    other = make(c + 10 * numbers(M, 1, seed=4), optimiser=optimiser, sharpness=0.5)
    for _ in range(3):
        a, b = one.product(values, D), other.product(values, D)
        close(a.values, b.values, 1e-12)
        assert a.home.tolist() == b.home.tolist()
        assert a.entropy == pytest.approx(b.entropy, abs=1e-12)
        close(one.step(values, D, *outer), other.step(values, D, *outer), 1e-12)
    close(one.probabilities(), other.probabilities(), 1e-12)


@pytest.mark.parametrize("optimiser", ["adam", "mirror"])
@pytest.mark.parametrize("latent", ["P", "C"])
def test_several_blocks_are_one(monkeypatch, optimiser: str, latent: str) -> None:
    c, values = numbers(M, N, seed=0), numbers(M, D + G, seed=1)
    outer = numbers(N, D + G, seed=2), numbers(N, seed=3)
    found = []
    for block in (2 * N, 5 * N, 2**20):
        monkeypatch.setattr(coupling, "_BLOCK", block)
        it = make(c, optimiser=optimiser, latent=latent, sharpness=0.5)
        product = it.product(values, D)
        found.append((product.values, product.mass, it.step(values, D, *outer), it.probabilities()))
    for several in found[:2]:
        for a, b in zip(several, found[2], strict=True):
            close(a, b, 1e-12)


def test_probabilities_take_the_place_of_the_coefficients() -> None:
    it = make(numbers(M, N, seed=0))
    assert it.probabilities() is it.coefficients


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_with_all_of_p_at_one_spot_does_not_leap(dtype: torch.dtype) -> None:
    """There the mean under P of the squares is 0, or nearly, whatever the other entries' gradients."""
    c = torch.zeros(4, 6, dtype=dtype)
    c[:, 2] = torch.tensor([10, 100, 1000, 1e6])
    it = make(c, optimiser="mirror", learning_rate=0.05, sharpness=0.1)
    values, outer = (
        numbers(4, 3, seed=0).to(dtype),
        (numbers(6, 3, seed=1).to(dtype), torch.ones(6).to(dtype)),
    )
    for _ in range(30):
        before = it.coefficients.clone()
        back = it.step(values, 2, *outer)
        assert back.isfinite().all()
        assert ((it.coefficients - before).abs() <= 100 * 0.05 * 1.1 + 0.1).all()
        assert np.isfinite(it.product(values, 2).entropy)
        assert it.product(values, 2).entropy >= 0
    close(it.probabilities().sum(1), torch.ones(4, dtype=dtype), 1e-6)


def test_a_state_can_be_gone_back_to() -> None:
    values, outer = numbers(M, D + G, seed=1), (numbers(N, D + G, seed=2), numbers(N, seed=3))
    one = make(numbers(M, N, seed=0))
    one.step(values, D, *outer)
    state = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in one.state().items()}
    other = make(numbers(M, N, seed=9))
    other.restore(state)
    for it in (one, other):
        it.step(values, D, *outer)
    assert torch.equal(one.coefficients, other.coefficients)


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that an operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        sizes = [x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor)]
        self.elements = max([self.elements, *sizes])
        return out


@pytest.mark.parametrize("optimiser", ["adam", "mirror"])
def test_nothing_of_the_size_of_the_map_is_made(monkeypatch, optimiser: str) -> None:
    m, n, d, g = 600, 700, 4, 5
    monkeypatch.setattr(coupling, "_BLOCK", 7000)
    it = make(numbers(m, n, seed=0), optimiser=optimiser, sharpness=0.5)
    values = numbers(m, d + g, seed=1)
    with Largest() as largest:
        product = it.product(values, d)
        it.step(values, d, product.values, product.mass)
    assert largest.elements == 7000  # a block of ten rows, more than N (d + G)
    for tensor in (it.coefficients, it.first):
        assert tensor.shape == (m, n)


def test_nothing_of_the_size_of_all_pairs_is_made_by_the_contrast(monkeypatch) -> None:
    monkeypatch.setattr(contrast, "_BLOCK", 7000)
    latent = numbers(600, 4, seed=0).requires_grad_()
    with Largest() as largest:
        loss = contrast.type_contrast(latent, torch.arange(600) % 3, 0.8)
        loss = loss + contrast.inter_contrast(latent, latent, torch.arange(600), 0.8)
        loss.backward()
    assert largest.elements <= 7000
