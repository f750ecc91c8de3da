"""The contrastive losses in blocks against equations 8 and 9 written out with masks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.utils._python_dispatch import TorchDispatchMode

from homespot.learning import contrast, inter_contrast, type_contrast

BLOCKS = [1, 50, 2**19]  # a row at a time; some rows, the last block ragged; all rows


def similarity(a: torch.Tensor, b: torch.Tensor, tau: float) -> torch.Tensor:
    """f(a, b) = exp(cos(a, b) / tau) of all pairs."""
    cosine = (a @ b.T) / (a.norm(dim=1)[:, None] * b.norm(dim=1)[None, :])
    return torch.exp(cosine / tau)


def equation_8(latent: torch.Tensor, types: torch.Tensor, tau: float) -> torch.Tensor:
    f = similarity(latent, latent, tau)
    same = types[:, None] == types[None, :]
    return -((f * same).sum(1) / (f * ~same).sum(1)).log().mean()


def equation_9(cells: torch.Tensor, spots: torch.Tensor, home: torch.Tensor, tau: float) -> torch.Tensor:
    f = similarity(cells, spots, tau)
    own = torch.zeros_like(f, dtype=torch.bool)
    own[torch.arange(len(cells)), home] = True
    return -((f * own).sum(1) / (f * ~own).sum(1)).log().mean()


def latent_rows(m: int, d: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((m, d), generator=generator, dtype=torch.float64).requires_grad_()


def agree(found: torch.Tensor, written_out: torch.Tensor, *inputs: torch.Tensor) -> None:
    """Compare values, and gradients at a factor that is not 1."""
    torch.testing.assert_close(found, written_out, rtol=0, atol=1e-10)
    for a, b in zip(
        torch.autograd.grad(3 * found, inputs), torch.autograd.grad(3 * written_out, inputs), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("tau", [0.05, 0.8])
def test_cells_against_spots_is_equation_9(monkeypatch, block: int, tau: float) -> None:
    monkeypatch.setattr(contrast, "_BLOCK", block)
    cells, spots = latent_rows(23, 4, 0), latent_rows(11, 4, 1)
    home = torch.arange(23) * 5 % 11
    agree(inter_contrast(cells, spots, home, tau), equation_9(cells, spots, home, tau), cells, spots)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("tau", [0.05, 0.8])
def test_types_is_equation_8(monkeypatch, block: int, tau: float) -> None:
    """Types come in no order, and one of them has one member."""
    monkeypatch.setattr(contrast, "_BLOCK", block)
    latent = latent_rows(23, 4, 2)
    types = torch.tensor([2, 0, 1, 3, 0, 0, 1, 2, 2, 0, 1, 0, 2, 2, 0, 1, 1, 0, 2, 0, 1, 0, 2])
    assert torch.bincount(types)[3] == 1
    agree(type_contrast(latent, types, tau), equation_8(latent, types, tau), latent)


@given(
    m=st.integers(2, 12),
    n=st.integers(2, 12),
    d=st.integers(2, 5),
    block=st.integers(1, 150),
    kept=st.integers(0, 150),
    tau=st.floats(0.02, 5),
    seed=st.integers(0, 2**32),
)
def test_any_size_any_block(m: int, n: int, d: int, block: int, kept: int, tau: float, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrast, "_BLOCK", block)
        patch.setattr(contrast, "_KEPT", kept)
        cells, spots = latent_rows(m, d, seed), latent_rows(n, d, seed + 1)
        generator = torch.Generator().manual_seed(seed)
        home = torch.randint(n, (m,), generator=generator)
        types = torch.randint(3, (m,), generator=generator)
        types[:2] = torch.tensor([1, 0])
        agree(inter_contrast(cells, spots, home, tau), equation_9(cells, spots, home, tau), cells, spots)
        agree(type_contrast(cells, types, tau), equation_8(cells, types, tau), cells)


@pytest.mark.parametrize(("room", "computed"), [(0, 12), (5 * 30 + 5 * 25, 10), (2**24, 6)])
def test_pairs_are_computed_once_where_there_is_room(monkeypatch, room: int, computed: int) -> None:
    """Six blocks of 5 rows against all from there on: 150, 125, ... elements."""
    monkeypatch.setattr(contrast, "_step", lambda *_: 5)
    monkeypatch.setattr(contrast, "_KEPT", room)
    products = 0

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal products
            products += func is torch.ops.aten.mm.default
            return func(*args, **kwargs or {})

    with Counting():
        type_contrast(latent_rows(30, 4, 0), torch.arange(30) // 15, 0.8)
    assert products == computed


def test_gradients_are_those_of_finite_differences(monkeypatch) -> None:
    monkeypatch.setattr(contrast, "_BLOCK", 12)
    cells, spots = latent_rows(7, 3, 4), latent_rows(5, 3, 5)
    home, types = torch.tensor([0, 3, 3, 1, 4, 2, 0]), torch.tensor([1, 0, 1, 2, 0, 1, 0])
    assert torch.autograd.gradcheck(lambda a, b: inter_contrast(a, b, home, 0.8), (cells, spots))
    assert torch.autograd.gradcheck(lambda a: type_contrast(a, types, 0.8), (cells,))


def test_the_lowest_temperature_stays_finite_in_single_precision() -> None:
    """At tau 0.02 the largest f is exp(50), the smallest exp(-50)."""
    row = torch.tensor([[1.0, 2.0]])
    latent = torch.cat([row, -row]).repeat(500, 1).requires_grad_()
    types, home = torch.arange(1000) % 2, torch.arange(1000)
    for loss in (type_contrast(latent, types, 0.02), inter_contrast(latent, latent, home, 0.02)):
        loss.backward()
        assert loss.isfinite()
        assert latent.grad.isfinite().all()
    assert float(type_contrast(latent.detach(), types, 0.02)) == pytest.approx(-100, rel=1e-5)


def test_order_of_the_rows_does_not_matter() -> None:
    cells, spots = latent_rows(12, 3, 6), latent_rows(8, 3, 7)
    home, types = torch.arange(12) % 8, torch.arange(12) % 3
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    for loss, args in (
        (lambda x, home: inter_contrast(x, spots, home, 0.8), home),
        (lambda x, types: type_contrast(x, types, 0.8), types),
    ):
        torch.testing.assert_close(loss(cells, args), loss(cells[order], args[order]), rtol=0, atol=1e-12)
