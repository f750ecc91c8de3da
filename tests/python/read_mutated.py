"""Reads mutated files for test_mutations.

A line on the standard input names a kind of file, the folder of the whole files and their names, as JSON; the
answer is "ready" when they have been read. Another line is the path of a mutated file, and the answer is a
line of JSON: what became of it.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

MEMORY = 8 * 2**30  # bytes of addresses that a worker may have; a damaged size asks for more


def equal(a: Any, b: Any) -> bool:
    """Whether two values that were read are the same."""
    import pandas as pd
    from scipy import sparse

    torch = sys.modules.get("torch")
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and list(a) == list(b) and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if torch is not None and isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if sparse.issparse(a):
        return sparse.issparse(b) and a.shape == b.shape and a.dtype == b.dtype and (a != b).nnz == 0
    if isinstance(a, pd.DataFrame):
        return isinstance(b, pd.DataFrame) and a.equals(b)
    return type(a) is type(b) and bool(np.array_equal(np.asarray(a), np.asarray(b)))


def read_map(path: Path) -> Any:
    """Load a map, or leave it in its file and place its cells, and return all that is used."""
    import homespot as hs

    if path.stem.startswith("backed"):
        mapping = hs.load(path, backed=True)
        try:
            return [hs.cell_positions(mapping), mapping.to_memory().X]
        finally:
            mapping.file.close()
    mapping = hs.load(path)
    parts = {"X": mapping.X, "obs": mapping.obs, "var": mapping.var, "uns": dict(mapping.uns)}
    return parts | {slot: dict(getattr(mapping, slot)) for slot in ("obsm", "varm", "obsp", "layers")}


def read_checkpoint(path: Path) -> Any:
    """Read the state in a checkpoint."""
    from homespot.learning import Checkpoint

    return Checkpoint(str(path), "run").read()


def read_input(path: Path) -> Any:
    """Map cells from the file, or onto its spots, or read a table of scores; any result is a good one."""
    import pandas as pd

    import homespot as hs
    from homespot.evaluate.kept import COLUMNS, finished_folds
    from homespot.objects.reading import read

    if path.suffix == ".csv":
        path.with_name("scores.csv.json").write_text("{}")
        return finished_folds(path, {})[COLUMNS] is not None
    found = read(path if path.suffix != ".mtx" else path.parent)
    # A mutated file lies in a folder beside the whole ones.
    folder = path.parent.parent if path.parent.name == "mutated" else path.parent
    whole = read(folder / ("st.h5ad" if path.stem.startswith("sc") else "sc.h5ad"))
    sides = (found, whole) if path.stem.startswith("sc") else (whole, found)
    return isinstance(hs.map_cells(*sides, "correlation", k_best=3).obs, pd.DataFrame)


READ: dict[str, Callable[[Path], Any]] = {
    "map": read_map,
    "checkpoint": read_checkpoint,
    "input": read_input,
}


def main() -> None:
    """Answer for every line."""
    from homespot.errors import HomespotError

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warnings.simplefilter("ignore")
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    kind, wholes = "", {}
    for line in sys.stdin:
        if line.startswith("{"):
            kind, folder, names = json.loads(line).values()
            wholes = {name: READ[kind](Path(folder) / name) for name in names}
            print("ready", file=answers, flush=True)
            continue
        path = Path(line.rstrip("\n"))
        try:
            same = equal(READ[kind](path), wholes[path.name])
            answer = ["same" if same else "other", ""]
        except HomespotError as error:
            lines = str(error).count("\n")
            answer = ["error", f"{lines + 1} lines: {error}"] if lines else ["refused", str(error)]
        except BaseException as error:
            answer = ["error", f"{type(error).__name__}: {error}"]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
