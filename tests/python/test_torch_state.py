"""What a caller has set in torch changes no number, and is left as it was; nor does how arrays are stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from homespot import map_cells
from homespot.common.cuda import torch_work
from homespot.learning import inter_contrast
from homespot.transport import CorrelationCost, sinkhorn

PRODUCTS = torch.backends.cuda.matmul
NEW = pytest.mark.skipif(not hasattr(PRODUCTS, "fp32_precision"), reason="torch before 2.9 has no such name")


@contextmanager
def rounded(name: str) -> Iterator[None]:
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


@contextmanager
def of_new_name(products: Any) -> Iterator[None]:
    before = products.fp32_precision
    products.fp32_precision = "tf32"
    try:
        yield
    finally:
        products.fp32_precision = before


@contextmanager
def in_double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SET: dict[str, Callable[[], Any]] = {
    "high": lambda: rounded("high"),
    "medium": lambda: rounded("medium"),
    "one new name": lambda: of_new_name(PRODUCTS),
    "all by the new name": lambda: of_new_name(torch.backends),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "double": in_double,
    "another device": lambda: torch.device("meta"),
    "inference": torch.inference_mode,
    "no gradients": torch.no_grad,
}
switches = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[NEW] if "new" in name else []) for name in SET]
)


def precisions() -> list[str]:
    """What torch says of products; where old and new names contradict, it refuses to."""
    kept = [torch.backends, PRODUCTS, getattr(torch.backends.mkldnn, "matmul", None)]
    found = [x.fp32_precision for x in kept if hasattr(x, "fp32_precision")]
    try:
        return [*found, torch.get_float32_matmul_precision()]
    except RuntimeError:
        return found


def state() -> tuple[Any, ...]:
    threads, dtype, device = torch.get_num_threads(), torch.get_default_dtype(), torch.get_default_device()
    return precisions(), threads, dtype, str(device), torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("method", "options"),
    [("ssa", {"backend": "torch"}), ("come", {"hidden": 8, "latent": 4, "pretrain_epochs": 2, "epochs": 2})],
)
@switches
def test_what_the_caller_has_set_changes_no_byte(
    pair: Any, method: str, options: dict[str, Any], name: str
) -> None:
    expected = map_cells(*pair, method, device="cpu", **options)
    with SET[name]():
        before = state()
        found = map_cells(*pair, method, device="cpu", **options)
        assert state() == before
    assert found.X.tobytes() == expected.X.tobytes()


@switches
def test_products_keep_all_digits_in_the_block(name: str) -> None:
    with SET[name](), torch_work():
        assert torch.get_float32_matmul_precision() == "highest"
        assert not PRODUCTS.allow_tf32
        assert torch.empty(1).dtype == torch.float32
        assert torch.empty(1).device.type == "cpu"


def test_of_blocks_in_several_threads_the_last_restores() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with torch_work():
            entered.set()
            leave.wait()

    with rounded("high"):
        thread = threading.Thread(target=other)
        with ExitStack() as first:
            first.enter_context(torch_work())
            thread.start()
            entered.wait()
        assert torch.get_float32_matmul_precision() == "highest"  # the other still computes
        leave.set()
        thread.join()
        assert torch.get_float32_matmul_precision() == "high"


def test_another_thread_can_ask_what_holds_while_the_contrast_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where only one of its two names is set, torch refuses to tell."""
    said, product = [], torch.mm

    def asked(*given: Any, **named: Any) -> torch.Tensor:
        thread = threading.Thread(
            target=lambda: said.append((PRODUCTS.allow_tf32, torch.get_float32_matmul_precision()))
        )
        thread.start()
        thread.join()
        return product(*given, **named)

    monkeypatch.setattr(torch, "mm", asked)
    with torch_work():
        inter_contrast(torch.rand(5, 3), torch.rand(4, 3), torch.zeros(5, dtype=torch.long), 0.8)
        assert torch.get_float32_matmul_precision() == "highest"
    assert set(said) == {(True, "high")}


def unit_rows(n: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, 20))
    x -= x.mean(axis=1, keepdims=True)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "stored",
    [
        lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.longdouble),
        np.asfortranarray,
        read_only,
    ],
    ids=["reversed", "big-endian", "long double", "columns first", "read-only"],
)
@pytest.mark.parametrize("storage", ["stored", "streamed"])
def test_torch_takes_arrays_however_they_are_stored(stored: Any, storage: str) -> None:
    sc, st = unit_rows(70, 0), unit_rows(30, 1)
    p, q = np.full(70, 1 / 70), np.full(30, 1 / 30)
    options = {"backend": "torch", "dtype": "float64", "storage": storage, "progress": False}
    expected = sinkhorn(CorrelationCost(sc, st), p, q, **options)
    found = sinkhorn(CorrelationCost(stored(sc), stored(st)), read_only(p), read_only(q), **options)
    np.testing.assert_array_equal(found.potentials, expected.potentials)
