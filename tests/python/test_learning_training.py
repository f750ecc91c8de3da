"""Similarity, autoencoder, and a whole epoch against the same written out with autograd."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.nn.functional import mse_loss

from homespot.learning import (
    Autoencoder,
    Coupling,
    Held,
    Tables,
    Training,
    Weights,
    contrast,
    coupling,
    pretrain,
    structural_similarity,
)

# Similarity


def equation_6(true: np.ndarray, found: np.ndarray) -> float:
    largest = max(true.max(), found.max())
    z1, z2 = 0.01 * largest, 0.03 * largest
    means = true.mean(), found.mean()
    covariance = np.cov(true.ravel(), found.ravel(), bias=True)
    return (
        (2 * means[0] * means[1] + z1)
        * (2 * covariance[0, 1] + z2)
        / ((means[0] ** 2 + means[1] ** 2 + z1) * (covariance[0, 0] + covariance[1, 1] + z2))
    )


@pytest.mark.parametrize("scale", [0.1, 1, 7])
def test_similarity_is_equation_6(scale: float) -> None:
    rng = np.random.default_rng(0)
    true, found = rng.random((9, 5)), scale * rng.random((9, 5))
    similarity = structural_similarity(torch.as_tensor(true), torch.as_tensor(found))
    assert float(similarity) == pytest.approx(equation_6(true, found), abs=1e-12)
    assert float(similarity) < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_similarity_of_identical_tables_is_one(dtype: torch.dtype) -> None:
    x = torch.rand((9, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    assert float(structural_similarity(x, x)) == pytest.approx(1, abs=1e-6)
    assert float(structural_similarity(0 * x, 0 * x)) == pytest.approx(1, abs=1e-6)


def test_gradient_of_the_similarity_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    true = 2 + torch.rand((4, 3), generator=generator, dtype=torch.float64)
    found = torch.rand((4, 3), generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: structural_similarity(true, x), (found,))


# Autoencoder


def rows(n: int = 60, genes: int = 8) -> torch.Tensor:
    return torch.rand((n, genes), generator=torch.Generator().manual_seed(0))


def autoencoder(genes: int = 8) -> Autoencoder:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        return Autoencoder(genes, 6, 3)


def pretrained(**options: Any) -> tuple[Autoencoder, list[float], list[tuple[int, float]]]:
    model, calls = autoencoder(), []
    standard = {"epochs": 30, "patience": 30, "batch": 16, "learning_rate": 1e-2}
    errors = pretrain(
        model,
        rows(),
        generator=torch.Generator().manual_seed(2),
        after_epoch=lambda *call: calls.append(call),
        **standard | options,
    )
    return model, errors, calls


def test_the_layers_are_those_of_the_paper() -> None:
    model = autoencoder()
    assert [tuple(p.shape) for p in model.parameters() if p.ndim == 2] == [(6, 8), (3, 6), (6, 3), (8, 6)]
    assert [type(layer).__name__ for layer in model.encode] == ["Linear", "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in model.decode] == ["Linear", "ReLU", "Linear", "Sigmoid"]


def test_pretraining_lowers_the_error_and_reports_every_epoch() -> None:
    _, errors, calls = pretrained()
    assert len(errors) == 30
    assert errors[-1] < 0.9 * errors[0]
    assert calls == list(enumerate(errors, 1))


@pytest.mark.parametrize("patience", [1, 4])
def test_pretraining_stops_where_the_error_has_not_fallen_for_so_many_epochs(patience: int) -> None:
    assert len(pretrained(patience=patience, learning_rate=1e-30)[1]) == 1 + patience


@pytest.mark.parametrize("rate", [1e-2, 0.5])
def test_pretraining_keeps_the_best_weights(rate: float) -> None:
    """At the higher rate the error rises again."""
    model, errors, _ = pretrained(learning_rate=rate)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    held_out = rows()[order[:6]]
    assert float(mse_loss(model.decode(model.encode(held_out)), held_out).detach()) == pytest.approx(
        min(errors)
    )
    assert rate == 1e-2 or min(errors) < errors[-1]


def test_pretraining_twice_is_the_same() -> None:
    (a, errors, _), (b, again, _) = pretrained(), pretrained()
    assert errors == again
    for one, other in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(one, other)


# A whole epoch

M, N, GENES, LATENT = 17, 9, 8, 3
TAU = 0.5
WEIGHTS = Weights(reconstruction=0.7, mapping=1.3, shrinkage=0.01, similarity=0.9, contrast=1.1, entropy=0.4)


def tables(seed: int = 0) -> Tables:
    generator = torch.Generator().manual_seed(seed)
    cells, spots = (torch.rand((n, GENES), generator=generator, dtype=torch.float64) for n in (M, N))
    return Tables(cells, spots, torch.arange(M) * 7 % 3, torch.arange(N) % 2)


def start(seed: int = 3) -> torch.Tensor:
    return torch.randn((M, N), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def training(
    optimiser: str = "adam", map_rate: float = 0.1, **options: Any
) -> tuple[Training, Autoencoder, torch.Tensor]:
    model, c = autoencoder().double(), start()
    standard: dict[str, Any] = {
        "tables": tables(),
        "weights": WEIGHTS,
        "summed": "mean",
        "rate": 0.01,
        "tau": TAU,
    }
    of_all = standard | options
    coupling = Coupling(
        c,
        latent="C" if of_all["summed"] == "coefficients" else "P",
        optimiser=optimiser,
        learning_rate=map_rate,
        shrinkage=of_all["weights"].shrinkage,
        sharpness=of_all["weights"].entropy,
    )
    return Training(model=model, coupling=coupling, **of_all), model, c


def terms(model: Autoencoder, t: Tables, c: torch.Tensor, p: torch.Tensor, summed: str) -> dict[str, Any]:
    """Every equation of the objective, one statement each, nothing saved."""
    h_sc, h_st = model.encode(t.cells), model.encode(t.spots)
    share = p / p.sum(0) if summed == "mean" else p
    h = (c if summed == "coefficients" else share).T @ h_sc

    def f(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp((a / a.norm(dim=1)[:, None]) @ (b / b.norm(dim=1)[:, None]).T / TAU)

    def types(latent: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        same = of[:, None] == of[None, :]
        return -((f(latent, latent) * same).sum(1) / (f(latent, latent) * ~same).sum(1)).log().mean()

    own = torch.zeros_like(p, dtype=torch.bool)
    own[torch.arange(M), p.argmax(1)] = True
    pairs = f(h_sc, h_st)
    return {
        "reconstruction": mse_loss(model.decode(h), t.spots) + mse_loss(model.decode(h_sc), t.cells),
        "mapping": mse_loss(h, h_st),
        "similarity": 1 - structural_similarity(t.spots, share.T @ t.cells),
        "inter_contrast": -((pairs * own).sum(1) / (pairs * ~own).sum(1)).log().mean(),
        "type_contrast": types(h_sc, t.cell_types) + types(h_st, t.spot_types),
        "shrinkage": c.square().sum(),
        "entropy": -(p * p.log()).sum(1).mean() / np.log(N),
    }


def loss(found: dict[str, torch.Tensor], weights: Weights) -> torch.Tensor:
    counts = vars(weights)
    return sum(counts[n if n in counts else "contrast"] * value for n, value in found.items())


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(contrast, "_BLOCK", 40)
    monkeypatch.setattr(coupling, "_BLOCK", 40)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("summed", ["mean", "sum", "coefficients"])
def test_epochs_are_those_of_autograd_and_adam(summed: str) -> None:
    it, model, c = training(summed=summed)
    dense, written_c = copy.deepcopy(model), c.clone().requires_grad_()
    of_model = torch.optim.Adam(dense.parameters(), lr=0.01)
    of_map = torch.optim.Adam([written_c], lr=0.1)
    it.look()
    for epoch in range(3):
        found = terms(dense, tables(), written_c, torch.softmax(written_c, 1), summed)
        of_model.zero_grad()
        of_map.zero_grad()
        loss(found, WEIGHTS).backward()
        of_model.step()
        of_map.step()
        it.epoch()
        close(c, written_c.detach())
        for one, other in zip(model.parameters(), dense.parameters(), strict=True):
            close(one.detach(), other.detach())
        for name, value in found.items():
            assert it.curves[name][epoch] == pytest.approx(float(value.detach()), abs=1e-9)
    assert it.epochs == 3
    assert {len(values) for name, values in it.curves.items() if name != "entropy"} == {3}
    assert len(it.curves["entropy"]) == 4


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("summed", ["mean", "sum"])
def test_an_epoch_of_mirror_descent_follows_the_gradient_for_p(summed: str) -> None:
    weights = Weights(**vars(WEIGHTS) | {"shrinkage": 0.0})
    it, model, c = training(summed=summed, optimiser="mirror", weights=weights)
    before, dense = c.clone(), copy.deepcopy(model)
    p = torch.softmax(before, 1).requires_grad_()
    of_model = torch.optim.Adam(dense.parameters(), lr=0.01)
    loss(terms(dense, tables(), before, p, summed), weights).backward()
    of_model.step()
    it.look()
    it.epoch()
    natural = p.grad - (p.detach() * p.grad).sum(1, keepdim=True)
    size = (p.detach() * natural.square()).sum(1, keepdim=True).sqrt()
    close(c, before - 0.1 * natural / size)
    for one, other in zip(model.parameters(), dense.parameters(), strict=True):
        close(one.detach(), other.detach())
    close(it.finish().sum(1), torch.ones(M, dtype=torch.float64))


@pytest.mark.parametrize("term", ["reconstruction", "mapping", "similarity", "contrast"])
def test_each_term_by_itself_trains(term: str) -> None:
    only = {name: float(name == term) for name in vars(WEIGHTS)}
    it, _, c = training(weights=Weights(**only))
    it.look()
    it.epoch()
    names = {"contrast": {"inter_contrast", "type_contrast"}}.get(term, {term})
    assert set(it.curves) == names | {"entropy"}
    assert c.isfinite().all()
    assert torch.equal(c, start()) == (term == "contrast")  # which does not depend on C but through argmax


def test_without_types_their_term_is_left_out() -> None:
    t = tables()
    it, _, _ = training(tables=Tables(t.cells, t.spots))
    it.look()
    it.epoch()
    assert "type_contrast" not in it.curves
    one_side, _, _ = training(tables=Tables(t.cells, t.spots, t.cell_types))
    one_side.look()
    one_side.epoch()
    both, _, _ = training()
    both.look()
    both.epoch()
    assert one_side.curves["type_contrast"] != both.curves["type_contrast"]


def silent(*_: object) -> None:
    pass


@pytest.mark.parametrize("summed", ["mean", "sum"])
def test_the_state_kept_is_the_best_on_the_genes_held_out(summed: str) -> None:
    generator = torch.Generator().manual_seed(8)
    held = Held(*(torch.rand((n, 3), generator=generator, dtype=torch.float64) for n in (M, N)))
    it, _, c = training(held=held, map_rate=0.5, summed=summed)
    maps = [torch.softmax(c, 1)]
    it.look()
    for _ in range(8):
        it.epoch()
        maps.append(torch.softmax(c, 1))

    def score(p: torch.Tensor) -> float:
        found = ((p / p.sum(0) if summed == "mean" else p).T @ held.cells).numpy()
        return np.mean([np.corrcoef(found[:, i], held.spots[:, i])[0, 1] for i in range(3)])

    scores = [score(p) for p in maps]
    np.testing.assert_allclose(it.curves["validation"], scores, atol=1e-10)
    assert it.best_epoch == int(np.argmax(scores))
    close(it.finish(), maps[it.best_epoch], 1e-12)


def test_a_training_that_is_left_and_gone_on_with_is_the_same(tmp_path) -> None:
    generator = torch.Generator().manual_seed(8)
    held = Held(*(torch.rand((n, 3), generator=generator, dtype=torch.float64) for n in (M, N)))
    straight, _, _ = training(held=held)
    assert straight.run(6, None, silent)
    first, _, _ = training(held=held)
    assert first.run(2, None, silent)
    torch.save(first.state(), tmp_path / "state")
    second, model, _ = training(held=held)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    second.restore(torch.load(tmp_path / "state", weights_only=True))
    assert second.run(6, None, silent)
    assert second.curves == straight.curves
    assert second.epochs == straight.epochs
    assert torch.equal(second.finish(), straight.finish())
    assert second.best_epoch == straight.best_epoch


def test_an_error_in_an_epoch_is_raised(monkeypatch) -> None:
    it, _, _ = training()
    monkeypatch.setattr(it, "epoch", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        it.run(2, None, silent)


def test_spots_that_no_cell_goes_to_do_no_harm() -> None:
    """Their column of P is 0, and so is what is divided by its sum."""
    c = torch.full((M, N), -200.0)
    c[:, 0] = 200
    t = tables()
    weights = Weights(**vars(WEIGHTS) | {"shrinkage": 0.0})
    it = Training(
        Tables(t.cells.float(), t.spots.float()),
        autoencoder(),
        Coupling(
            c, latent="P", optimiser="mirror", learning_rate=0.1, shrinkage=0, sharpness=weights.entropy
        ),
        weights,
        summed="mean",
        rate=0.01,
        tau=TAU,
    )
    assert it.run(20, None, silent)
    assert all(np.isfinite(values).all() for values in it.curves.values())
    close(it.finish().sum(1), torch.ones(M), 1e-6)
