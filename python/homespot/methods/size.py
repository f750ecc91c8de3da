"""How much memory a method takes, so that what does not fit is refused before any work."""

from __future__ import annotations

from typing import Any

from ..common.device import block_elements
from ..expression.selection import HELD
from ..matrix.best import kept_bytes, picking_bytes
from ..transport import ROWS, Backend, Storage
from .storage import candidate_spots, layout

__all__ = ["dense_map", "training", "training_in_main_memory", "training_on_gpu", "transported_map"]

_BLOCKS = 16  # of rows of the kernel, at once, with what is read from them
_VECTORS = 40  # of a number for each cell and spot
_PARTS = 5  # blocks that a step of COME has on a GPU at once
_PAIRS = 2**24  # of cells, that the contrast keeps
_COLUMN = 4  # bytes of the column of an entry
_LOOKED_AT = 2**23  # numbers of a block in which candidates are looked for, and what is read from it
_LAYERS = 9  # copies of both tables, and what a step of COME keeps of every layer; tests/python/test_room.py


def dense_map(
    *,
    cells: int,
    spots: int,
    shared: int,
    itemsize: int,
    k_best: int | None = None,
    n_genes: int | None = None,
    **_: Any,
) -> int:
    """Return the bytes of a dense P and both tables, and of the largest entries if only these are kept.

    Parameters
    ----------
    cells, spots
        Shape of P.
    shared
        Number of genes that both tables have.
    itemsize
        Bytes of a number.
    k_best
        How many entries of every row are kept; None: all.
    n_genes
        How many genes the method uses at most; None: all.
    """
    tables = itemsize * (cells + spots) * (shared if n_genes is None else min(shared, n_genes))
    shape = cells, spots
    kept = kept_bytes(shape, k_best, itemsize) + picking_bytes(shape, k_best)
    # Genes without expression are taken out of a copy of the tables, before P is made.
    return max(2 * tables, tables + itemsize * cells * spots + kept)


def transported_map(
    *,
    cells: int,
    spots: int,
    shared: int,
    itemsize: int,
    n_genes: int,
    k_best: int | None = None,
    storage: Storage | None = None,
    n_components: Any = "auto",
    backend: Backend | None = None,
    cell_bytes: float = 0,
    device: str = "cpu",
    **_: Any,
) -> int:
    """Return the bytes of a map by transport: a dense P, or tables and blocks if its kernel is streamed.

    The first parameters are those of `dense_map`, the others those of `homespot.methods.ssa`, and the bytes
    of a cell in a sparse table: where rows are made when they are read, the genes used are copied. POT makes
    five matrices in float64. Of a P on a GPU, only the `k_best` come to main memory.
    """
    genes = min(n_genes, shared)
    solved = layout(
        cells=cells,
        spots=spots,
        genes=genes,
        k_best=k_best,
        storage="stored" if backend == "pot" else storage,
        n_components=n_components,
    )
    more = 8 * 5 * cells * spots if backend == "pot" else 0
    stored = solved.storage == "stored" and (device == "cpu" or k_best is None)
    held = cells * genes if cells * genes <= HELD else 0
    if stored and held:
        return more + dense_map(
            cells=cells, spots=spots, shared=shared, itemsize=itemsize, k_best=k_best, n_genes=n_genes
        )
    copied = 0 if held else int(cells * cell_bytes)
    # Without k_best the map keeps the features, so they are in memory.
    of_cells = solved.components or (genes if k_best is None and not (stored or held) else 0)
    features = itemsize * (held + cells * of_cells + 4 * spots * genes)
    blocks = _BLOCKS * itemsize * ROWS * spots + 8 * _VECTORS * (cells + spots)
    kept = kept_bytes((cells, spots), k_best, itemsize)
    return more + copied + features + blocks + kept + (itemsize * cells * spots if stored else 0)


def training(
    *,
    cells: int,
    spots: int,
    shared: int,
    itemsize: int,
    n_genes: int,
    hidden: int,
    latent: int,
    map_optimiser: str,
    validation_genes: float,
    candidates: Any = None,
    **_: Any,
) -> int:
    """Return the bytes of COME's C, optimiser, best state and tables, where the training runs.

    The first four parameters are those of `dense_map`, the others those of `homespot.methods.come`. Where C
    is kept for some spots of each cell, so are their columns, and the order of the entries by spots.
    """
    matrices = 2 + (map_optimiser == "adam") + (validation_genes > 0)
    k = candidate_spots(candidates, cells=cells, spots=spots)
    entries = cells * (spots if k is None else k)
    columns = 0 if k is None else 2 * _COLUMN * entries + _LOOKED_AT * itemsize
    genes = min(n_genes, shared)
    layers = _LAYERS * (cells + spots) * (genes + hidden + latent)
    weights = 2 * hidden * (genes + latent)  # each with its gradient and Adam's two averages
    return itemsize * (matrices * entries + layers + 4 * weights) + columns


def training_on_gpu(*, cells: int, spots: int, itemsize: int, **sizes: Any) -> int:
    """Return the bytes of COME's training on a GPU, whose blocks are large."""
    blocks = _PARTS * block_elements(cells * max(cells, spots)) + min(_PAIRS, cells * cells)
    return training(cells=cells, spots=spots, itemsize=itemsize, **sizes) + itemsize * blocks


def training_in_main_memory(*, device: str, **sizes: Any) -> int:
    """Return the bytes of all of COME's training, or of P and the tables if a GPU trains."""
    if device == "cpu":
        return training(**sizes)
    k = candidate_spots(sizes["candidates"], cells=sizes["cells"], spots=sizes["spots"])
    return (
        dense_map(**sizes) if k is None else transported_map(**{**sizes, "k_best": k, "storage": "streamed"})
    )
