"""A stand-in for a GPU: a Python back end of torch, to run on any machine what is written for a card.

Its tensors hold tensors on the CPU. It refuses what CUDA refuses (operands on two devices, `.numpy()`), runs
out of memory, keeps freed memory until it is told not to, rounds the factors of products, if it is told to,
where torch allows TF32, and counts the crossings to and from main memory. It is registered for good, and
before the first use of autograd: so it runs in a process of its own.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils import backend_registration

KIND = "standin"
DEVICE = f"{KIND}:0"

_aten = torch.ops.aten
_PRODUCTS = (_aten.mm, _aten.bmm, _aten.addmm, _aten.addmm_, _aten.mv, _aten.addmv, _aten.dot)
_INDEXED = (_aten.index, _aten.index_put_, _aten._index_put_impl_)


class Card:
    """What the device counts, and the memory that it has."""

    def __init__(self) -> None:
        self.crossings = 0
        self.fetched = 0  # entries that came to main memory
        self.total, self.allocated, self.reserved, self.peak = 2**40, 0, 0, 0
        self.products: set[tuple[str, tuple[tuple[int, ...], ...]]] = set()
        self.streams: list[str] = []
        self.broken: str | None = None
        self.rounds = False
        self._lock = threading.RLock()
        self._held: dict[int, list[int]] = {}

    def take(self, storage: torch.UntypedStorage) -> int:
        """Count a tensor of this storage, and return its key."""
        key, size = storage.data_ptr(), storage.nbytes()
        with self._lock:
            if key not in self._held:
                if self.allocated + size > self.total:
                    raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes.")
                self._held[key] = [0, size]
                self.allocated += size
                self.peak = max(self.peak, self.allocated)
                self.reserved = max(self.reserved, self.allocated)
            self._held[key][0] += 1
        return key

    def drop(self, key: int) -> None:
        """Count a tensor less."""
        with self._lock:
            held = self._held[key]
            held[0] -= 1
            if not held[0]:
                self.allocated -= held[1]
                del self._held[key]


CARD = Card()


class Tensor(torch.Tensor):
    """A tensor of the device, around one on the CPU."""

    raw: torch.Tensor

    @staticmethod
    def __new__(cls, raw: torch.Tensor) -> Tensor:
        sparse = raw.layout == torch.sparse_csr  # its parts are tensors by themselves, and counted as these
        key = CARD.take((raw.values() if sparse else raw).untyped_storage())
        strides = {} if sparse else {"strides": raw.stride(), "storage_offset": raw.storage_offset()}
        found: Tensor = torch.Tensor._make_wrapper_subclass(
            cls, raw.shape, dtype=raw.dtype, device=torch.device(DEVICE), **strides
        )
        found.raw = raw
        weakref.finalize(found, CARD.drop, key)
        return found

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.cpu().__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _ten_bits(x: Any) -> Any:
    """Round a factor to TF32."""
    if not isinstance(x, torch.Tensor) or x.dtype != torch.float32:
        return x
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


def _check(func: Any, args: Any, tensors: list[torch.Tensor], to: Any) -> None:
    """Count crossings, and refuse operands on two devices."""
    kind = func.overloadpacket
    if kind is _aten.copy_:
        CARD.crossings += isinstance(args[0], Tensor) != isinstance(args[1], Tensor)
    elif kind is _aten._to_copy:
        CARD.crossings += to is not None and (to.type == KIND) != isinstance(args[0], Tensor)
    elif kind in (_aten._local_scalar_dense, _aten.nonzero):
        CARD.crossings += 1  # the host waits for a number
    elif any(isinstance(x, Tensor) for x in tensors):
        for x in tensors:
            if isinstance(x, Tensor):
                CARD.crossings += kind in _INDEXED and x.dtype == torch.bool and x is not args[0]
            elif kind in _INDEXED and isinstance(args[0], Tensor):
                CARD.crossings += 1
            elif x.dim():
                raise RuntimeError(f"Expected all tensors to be on the same device, in {func}")


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if CARD.broken:
        raise RuntimeError(CARD.broken)
    flat, spec = pytree.tree_flatten((args, kwargs))
    tensors = [x for x in flat if isinstance(x, torch.Tensor)]
    kind, to = func.overloadpacket, kwargs.get("device")
    _check(func, args, tensors, to)
    plain = [x.raw if isinstance(x, Tensor) else x for x in flat]
    plain = [torch.device("cpu") if isinstance(x, torch.device) and x.type == KIND else x for x in plain]
    if kind in _PRODUCTS:
        CARD.products.add((str(kind), tuple(tuple(x.shape) for x in tensors)))
    if CARD.rounds and kind in _PRODUCTS and torch.backends.cuda.matmul.fp32_precision == "tf32":
        first = int("add" in str(kind))
        plain[first:] = [_ten_bits(x) for x in plain[first:]]
    given, named = pytree.tree_unflatten(plain, spec)
    found = func(*given, **named)
    if isinstance(args[0], Tensor) and to is not None and to.type == "cpu":
        CARD.fetched += args[0].numel()
    if kind is _aten._local_scalar_dense or (kind is _aten._to_copy and to is not None and to.type == "cpu"):
        return found
    known = {id(x.raw): x for x in tensors if isinstance(x, Tensor)}
    if kind is _aten.copy_ and not isinstance(args[0], Tensor):
        return args[0]

    def ours(x: torch.Tensor) -> Tensor:
        return known[id(x)] if id(x) in known else Tensor(x)

    return pytree.tree_map_only(torch.Tensor, ours, found)


class Module:
    """What `torch.cuda` is for CUDA."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, _: int) -> None:
        raise AssertionError("the generators of the device are the caller's")

    def mem_get_info(self, _: str) -> tuple[int, int]:
        return CARD.total - CARD.reserved, CARD.total

    def memory_reserved(self, _: str) -> int:
        return CARD.reserved

    def memory_allocated(self, _: str) -> int:
        return CARD.allocated

    def empty_cache(self) -> None:
        CARD.reserved = CARD.allocated

    def default_stream(self, device: str) -> str:
        return f"default stream of {device}"

    @contextmanager
    def stream(self, stream: str) -> Iterator[None]:
        CARD.streams.append(stream)
        yield

    @contextmanager
    def device(self, device: str) -> Iterator[None]:
        CARD.streams.append(device)
        yield


def register() -> None:
    """Make the device known to torch and to homespot, in this process, where a warning is an error."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "Two halves of the genes")  # of the random data of tests
    backend_registration._setup_privateuseone_for_python_backend(KIND, Module())
    library = torch.library.Library("_", "IMPL")
    library.fallback(lambda op, *args, **kwargs: _run(op, args, kwargs), "PrivateUse1")
    CARD.library = library  # type: ignore[attr-defined]

    import homespot.cli  # noqa: F401  with all that may ask for a device
    from homespot.common import device
    from homespot.common.device import resolve_device

    device._BLOCK = (2**12, 2**12)  # so that a small problem has several blocks

    def known(name: str = "auto", pairs: int | None = None) -> str:
        return name if name == DEVICE else resolve_device(name, pairs)

    for name, module in list(sys.modules.items()):
        if name.startswith("homespot") and hasattr(module, "resolve_device"):
            module.resolve_device = known  # type: ignore[attr-defined]
