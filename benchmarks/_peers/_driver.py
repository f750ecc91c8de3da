"""What the drivers share: tables in, the method's answer out, and what it cost the process that answers.

A driver runs in the environment of the method that it drives, as a process of its own:
``python map_<package>.py IN.npz OUT.npz '{"parameter": value}'``. ``types_<package>.py`` makes no map: it
answers with the shares of the types at every spot. Needs NumPy and SciPy alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

FEWEST = 50  # genes that vary much; of a panel with fewer all are taken
LONG = 15  # seconds after which a first call is not repeated


class Tables(NamedTuple):
    """What a method is given: the cells over all genes, the spots over those that it may see.

    Values are logarithms for a map, and counts for types. A map has no use for the cells' types.
    """

    cells: sparse.csr_matrix
    cell_genes: list[str]
    spots: np.ndarray
    spot_genes: list[str]
    positions: np.ndarray
    cell_types: list[str]

    def shared(self) -> np.ndarray:
        """Return the cells over the genes of the spots, in their order, dense."""
        column = {gene: j for j, gene in enumerate(self.cell_genes)}
        return self.cells[:, [column[gene] for gene in self.spot_genes]].toarray()


def structuring(highly_variable: np.ndarray) -> np.ndarray:
    """Return which genes give the structure of the cells: the highly variable, or all if these are few."""
    return highly_variable if highly_variable.sum() >= FEWEST else np.ones_like(highly_variable)


def _read(path: str) -> Tables:
    with np.load(path) as file:
        parts = file["cell_values"], file["cell_indices"], file["cell_indptr"]
        cells = sparse.csr_matrix(parts, shape=(len(parts[2]) - 1, len(file["cell_genes"])))
        genes = file["cell_genes"].tolist(), file["spot_genes"].tolist()
        return Tables(
            cells, genes[0], file["spots"], genes[1], file["positions"], file["cell_types"].tolist()
        )


def _held(name: str) -> float:
    """Return what the kernel says that this process holds, or has held at most, in MiB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and the seconds of the processor that it took."""
    start = time.process_time()
    result = run()
    return result, time.process_time() - start


def main(package: str, answered: Callable[..., Any]) -> None:
    """Answer on the tables of the first argument, and write the answer and its cost to the second.

    Every row of the answer is brought to the sum 1; an empty one, as of a cell without any of the genes, is
    spread evenly. Timed is `answered` alone: not the start of the process,
    the imports at its top, and the files. The first call counts all that a library loads and compiles then;
    where it is short, a second one does not.
    """
    source, target, settings = sys.argv[1:4]
    data = _read(source)
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held now
    before = _held("VmRSS")
    run = partial(answered, data, **json.loads(settings))
    answer, processor_seconds = _timed(run)
    peak = _held("VmHWM")
    again = _timed(run)[1] if processor_seconds < LONG else processor_seconds
    answer = np.asarray(answer, dtype=np.float64)
    sums = answer.sum(axis=1, keepdims=True)
    evenly = np.full_like(answer, 1 / answer.shape[1])
    np.savez(
        target,
        answer=np.divide(answer, sums, out=evenly, where=sums > 0).astype(np.float32),
        processor_seconds=processor_seconds,
        again=again,
        peak_mib=peak,
        added_mib=peak - before,
        version=version(package),
    )
