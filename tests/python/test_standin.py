"""A device that is not the CPU: the same numbers, seldom a crossing, and the memory that was asked for."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
backends = pytest.importorskip("torch.utils.backend_registration")
if not hasattr(backends, "_setup_privateuseone_for_python_backend"):
    pytest.skip("this torch has no back ends in Python", allow_module_level=True)

import standin
import standin_work as work

from homespot.matrix.best import largest_entries

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def there() -> Iterator[Run]:
    """Run a function in the process of the stand-in device."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=standin.register) as pool:
        yield lambda function, *given, **named: pool.submit(function, *given, **named).result()


# Transport

LOG = {"float32": 0.002, "float64": 0.0005}  # regularisations that take logarithms
RELAXED = ({}, {"relax_cells": 0.3}, {"relax_spots": 0.4}, {"relax_cells": 0.2, "relax_spots": 0.6})


@pytest.mark.parametrize("kind", ["signed", "absolute", "matrix"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("domain", ["kernel", "log"])
@pytest.mark.parametrize("storage", ["stored", "streamed"])
@pytest.mark.parametrize("relaxed", RELAXED, ids=lambda given: "-".join(given) or "balanced")
def test_a_transport_is_that_of_the_cpu(
    there: Run, kind: str, dtype: str, domain: str, storage: str, relaxed: dict[str, float]
) -> None:
    regularisation = 0.05 if domain == "kernel" else LOG[dtype]
    options = {"dtype": dtype, "regularisation": regularisation, "storage": storage, "m": 600, **relaxed}
    options["max_iter"] = 10
    found = there(work.transport, kind, standin.DEVICE, **options)
    expected = there(work.transport, kind, "cpu", **options)
    # Rows of no stored map are made by NumPy on the CPU, where the cost is rounded otherwise.
    close, rounded = (1e-12, 1e-12) if dtype == "float64" else (2e-6, 2e-7 / regularisation)
    np.testing.assert_allclose(found["rows"], expected["rows"], rtol=0, atol=rounded)
    for name in ("masses", *(["matrix"] if storage == "stored" else [])):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=close)
    assert found["domain"] == expected["domain"] == domain
    assert found["left"] == 0
    assert expected["crossings"] == 0


@pytest.mark.parametrize("storage", ["stored", "streamed"])
@pytest.mark.parametrize("regularisation", [0.05, LOG["float32"]])
@pytest.mark.parametrize("relaxed", RELAXED[:2], ids=["balanced", "relaxed"])
def test_an_iteration_crosses_once(
    there: Run, storage: str, regularisation: float, relaxed: dict[str, float]
) -> None:
    options = {"regularisation": regularisation, "storage": storage, "tolerance": 1e-15, **relaxed}
    few, many = (there(work.transport, "signed", standin.DEVICE, max_iter=n, **options) for n in (5, 25))
    assert few["iterations"] == 5
    assert many["crossings"] - few["crossings"] <= many["iterations"] - 5
    # Features, masses and the largest cost before, the plan after; blocks of cells where they are stored.
    assert few["crossings"] <= 5 + 16


# COME

COME = {"epochs": 3, "pretrain_epochs": 2, "n_genes": 30, "hidden": 16, "latent": 8}


@pytest.mark.parametrize("summed", ["mean", "sum", "coefficients"])
@pytest.mark.parametrize("map_optimiser", ["mirror", "adam"])
@pytest.mark.parametrize("validation_genes", [0.0, 0.2])
@pytest.mark.parametrize("types", [{}, {"labels": "type", "st_labels": "region"}], ids=["", "types"])
def test_come_is_that_of_the_cpu(
    there: Run, pair: Any, summed: str, map_optimiser: str, validation_genes: float, types: dict[str, str]
) -> None:
    if summed == "coefficients" and map_optimiser == "mirror":
        pytest.skip("refused: the coefficients are learned by Adam")
    given = {"summed": summed, "map_optimiser": map_optimiser, "validation_genes": validation_genes}
    options = {**COME, **given, **types}
    if map_optimiser == "adam":
        options |= {"weight_shrinkage": 1e-3, "weight_entropy": 0.01}
    found = there(work.mapped, pair, "come", standin.DEVICE, **options)
    expected = there(work.mapped, pair, "come", "cpu", **options)
    np.testing.assert_allclose(found["mapping"].X, expected["mapping"].X, rtol=0, atol=1e-6)
    one, other = (x["mapping"].uns["homespot"]["solver"]["losses"] for x in (found, expected))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6)
    assert found["mapping"].uns["homespot"]["device"] == standin.DEVICE
    assert found["left"] == found["reserved"] == 0


@pytest.mark.parametrize("start", ["correlation", "ssa", "uniform"])
@pytest.mark.parametrize("candidates", [None, 8])
def test_every_start_of_come_is_that_of_the_cpu(
    there: Run, pair: Any, start: str, candidates: int | None
) -> None:
    found, expected = (
        there(work.mapped, pair, "come", device, start=start, candidates=candidates, **COME)[
            "mapping"
        ].to_df()
        for device in (standin.DEVICE, "cpu")
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"start": "ssa"}, {"summed": "coefficients", "map_optimiser": "adam"}, {"validation_genes": 0.2}],
    ids=lambda given: "-".join(map(str, given.values())) or "defaults",
)
def test_come_on_candidates_is_that_of_the_cpu(there: Run, pair: Any, options: dict[str, Any]) -> None:
    found, expected = (
        there(work.mapped, pair, "come", device, candidates=8, **COME, **options)
        for device in (standin.DEVICE, "cpu")
    )
    apart = abs(found["mapping"].X - expected["mapping"].X)
    assert apart.max() < 1e-6
    assert found["left"] == 0


@pytest.mark.parametrize("map_optimiser", ["mirror", "adam"])
def test_a_checkpoint_of_one_device_goes_on_on_the_other(
    there: Run, pair: Any, map_optimiser: str, tmp_path: Any
) -> None:
    options = {**COME, "map_optimiser": map_optimiser, "validation_genes": 0.2}
    whole = there(work.mapped, pair, "come", "cpu", **options)["mapping"].X
    for first, second in (("cpu", standin.DEVICE), (standin.DEVICE, "cpu")):
        file = str(tmp_path / first.partition(":")[0])
        there(work.mapped, pair, "come", first, **{**options, "epochs": 1}, checkpoint=file)
        found = there(work.mapped, pair, "come", second, **options, checkpoint=file)
        np.testing.assert_allclose(found["mapping"].X, whole, rtol=0, atol=1e-6)
        assert found["left"] == 0


# The largest entries of every row


@pytest.mark.parametrize("k", [1, 4, 7, 30])
def test_of_equal_entries_those_of_the_lower_columns_are_kept(there: Run, k: int) -> None:
    p = np.random.default_rng(0).integers(0, 4, (500, 30)).astype(np.float32)
    expected = np.sort(np.argsort(-p, axis=1, kind="stable")[:, :k], axis=1)
    for device in (standin.DEVICE, "cpu"):
        columns, values = there(work.largest_of, p, k, device)
        np.testing.assert_array_equal(columns, expected)
        np.testing.assert_array_equal(values, np.take_along_axis(p, expected, axis=1))
    np.testing.assert_array_equal(largest_entries(p, k).indices.reshape(expected.shape), expected)


@pytest.mark.parametrize("kind", ["signed", "absolute", "matrix"])
@pytest.mark.parametrize("storage", ["stored", "streamed"])
@pytest.mark.parametrize("domain", ["kernel", "log"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_k_best_are_picked_on_the_device(
    there: Run, kind: str, storage: str, domain: str, dtype: str
) -> None:
    options = {"dtype": dtype, "storage": storage, "relax_spots": 0.5}
    options["regularisation"] = 0.05 if domain == "kernel" else LOG[dtype]
    found, expected = (there(work.kept, kind, device, 5, **options) for device in (standin.DEVICE, "cpu"))
    assert found["matrix"] is None
    # The cost is rounded otherwise by NumPy, and is divided by the regularisation.
    close = {"rtol": 0, "atol": 1e-12 if dtype == "float64" else 2e-7 / options["regularisation"]}
    np.testing.assert_allclose(found["rows"], expected["rows"], **close)
    np.testing.assert_allclose(found["best"].toarray(), expected["best"].toarray(), **close)
    assert found["best"].nnz == 5 * 900
    # Entries and columns of the best, masses of cells and spots, and some numbers of every pass.
    assert found["fetched"] < 2 * 5 * 900 + 900 + 3 * 61 + 1000
    assert found["left"] == 0


@pytest.mark.parametrize("storage", ["stored", "streamed"])
def test_a_map_of_the_k_best_is_that_of_the_cpu(there: Run, pair: Any, storage: str) -> None:
    options = {"k_best": 4, "storage": storage, "backend": "torch"}
    found, expected = (
        there(work.mapped, pair, "ssa", device, **options) for device in (standin.DEVICE, "cpu")
    )
    one, other = found["mapping"], expected["mapping"]
    np.testing.assert_array_equal(one.X.indices, other.X.indices)
    np.testing.assert_allclose(one.X.data, other.X.data, rtol=0, atol=2e-6)
    for name in (name for name in one.obs if name.startswith("homespot") and one.obs[name].dtype == float):
        np.testing.assert_allclose(one.obs[name], other.obs[name], rtol=1e-3)
    assert found["left"] == found["reserved"] == 0


# Memory


@pytest.mark.parametrize("storage", ["stored", "streamed"])
@pytest.mark.parametrize("domain", ["kernel", "log"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_transport_takes_no_more_of_a_card_than_it_asks_for(
    there: Run, storage: str, domain: str, dtype: str
) -> None:
    regularisation = 0.05 if domain == "kernel" else LOG[dtype]
    options = {"storage": storage, "regularisation": regularisation, "dtype": dtype, "relax_cells": 0.2}
    asked, taken = there(
        work.asked_and_taken, "transport", "signed", standin.DEVICE, m=768, n=2000, **options
    )
    assert asked / 2 < taken <= asked


@pytest.mark.parametrize("map_optimiser", ["mirror", "adam"])
def test_come_takes_no_more_of_a_card_than_it_asks_for(
    there: Run, make_pair: Any, map_optimiser: str, tmp_path: Any
) -> None:
    pair = make_pair(1500, 600, 20)
    options = {**COME, "map_optimiser": map_optimiser, "labels": "type", "validation_genes": 0.2}
    options["block"] = 2**18
    file = str(tmp_path / "run")
    for epochs in (1, 2):  # the second goes on from the first
        options |= {"epochs": epochs, "checkpoint": file}
        asked, taken = there(work.asked_and_taken, "mapped", pair, "come", standin.DEVICE, **options)
        assert asked / 2 < taken <= asked


@pytest.mark.parametrize("storage", ["stored", "streamed"])
def test_a_map_that_fits_fits_again(there: Run, storage: str) -> None:
    there(work.twice, storage=storage, m=3000)


@pytest.mark.parametrize("method", ["ssa", "come"])
def test_a_card_that_is_full_all_the_same_says_so(there: Run, make_pair: Any, method: str) -> None:
    error = there(work.out_of_memory, make_pair(300, 200), method)
    assert f"1.0 GiB free on {standin.DEVICE}, but 'CUDA out of memory" in error
    assert "use device='cpu'" in error.lower()


def test_come_on_a_card_looks_at_main_memory_before_it_starts(there: Run, pair: Any) -> None:
    error, taken = there(work.host_is_full, pair)
    assert "of memory for a map of 40 cells x 25 spots" in error
    assert "100 bytes free" in error
    assert taken == 0


@pytest.mark.parametrize(("method", "options"), [("ssa", {"max_iter": 5}), ("come", {})])
def test_an_error_that_is_kept_keeps_no_memory_of_a_card(
    there: Run, pair: Any, method: str, options: dict[str, Any]
) -> None:
    assert there(work.interrupted, pair, method, **options) == ("enough", 0, 0)


# Products


@pytest.mark.parametrize("storage", ["stored", "streamed"])
@pytest.mark.parametrize("regularisation", [0.05, LOG["float32"]])
def test_no_product_takes_all_entries_nor_sums_many_cells_in_single_precision(
    there: Run, storage: str, regularisation: float
) -> None:
    """Above 2^31 entries torch's product of a matrix and a vector fails, and long sums lose their digits."""
    found = there(work.products, storage, m=3000, regularisation=regularisation)
    assert {"aten.bmm", "aten.mm"} <= {name for name, _ in found}
    for name, (one, other, *_) in found:
        assert np.prod(one) <= 256 * 61
        if name == "aten.bmm":  # over cells
            assert (one[-1], other) == (256, (one[0], 256, 61))


@pytest.mark.parametrize("how", ["old", "new"])
def test_what_the_caller_lets_torch_round_changes_nothing(there: Run, how: str) -> None:
    found, expected = (there(work.under_tf32, standin.DEVICE, given) for given in (how, "not"))
    for name in ("matrix", "potentials", "masses"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_all_work_is_in_the_order_of_one_stream(there: Run, pair: Any) -> None:
    """That of the thread that trains, whatever the caller's is."""
    assert set(there(work.streams, pair)) == {standin.DEVICE, f"default stream of {standin.DEVICE}"}
