"""Files in which something was changed at random: the same results, or an error of homespot in one line.

Reading happens in a process of its own, because HDF5 may crash, or not come back, on a damaged file. Such a
worker is replaced.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.common.extras import has
from homespot.evaluate.kept import COLUMNS

WORKER = str(Path(__file__).with_name("read_mutated.py"))
SECONDS = 10  # until a worker counts as one that does not come back
N = [pytest.param(40, id="sample"), pytest.param(2000, marks=pytest.mark.slow, id="all")]
LOST = 0.02
"""Share of the mutations on which HDF5 itself may crash or not come back."""


def mutated(data: bytes, seed: int) -> tuple[str, bytes]:
    """Return a description of a mutation, and the mutated bytes; half of the mutations flip one bit."""
    rng = np.random.default_rng(seed)
    values = np.frombuffer(data, dtype=np.uint8).copy()
    at = int(rng.integers(len(values)))
    kind = "flip" if seed % 2 else rng.choice(["zero", "random", "cut", "remove", "insert", "move"])
    length = int(rng.integers(1, 64))
    piece = rng.integers(256, size=length, dtype=np.uint8)
    if kind == "flip":
        bit = int(rng.integers(8))
        values[at] ^= 1 << bit
        return f"bit {bit} of byte {at}", values.tobytes()
    if kind == "cut":
        return f"cut off at {at}", data[:at]
    if kind == "insert":
        return f"{length} bytes put in at {at}", data[:at] + piece.tobytes() + data[at:]
    if kind == "remove":
        return f"{length} bytes taken out at {at}", data[:at] + data[at + length :]
    if kind == "move":
        start = int(rng.integers(len(values)))
        piece = values[start : start + length]
    elif kind == "zero":
        piece = np.zeros(length, dtype=np.uint8)
    piece = piece[: len(values) - at]
    values[at : at + len(piece)] = piece
    return f"{kind}: {len(piece)} bytes at {at}", values.tobytes()


class Worker:
    """A process that reads files, replaced when it crashes or does not come back."""

    def __init__(self) -> None:
        self._whole = ""
        self._process: subprocess.Popen[str] | None = None
        self._start()  # it imports homespot while the test makes its files

    def _start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, WORKER], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        return self._process

    def begin(self, kind: str, folder: Path, names: Iterable[str]) -> None:
        """Read the whole files of a kind, which the mutated ones are compared with."""
        self._whole = json.dumps({"kind": kind, "folder": str(folder), "names": list(names)})
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{self._whole}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"

    def read(self, path: Path) -> tuple[str, str]:
        """Return what became of a file, and the details."""
        if self._process is None:
            self.begin(**json.loads(self._whole))
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(SECONDS, give_up)
        timer.start()
        try:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        finally:
            timer.cancel()
        if answer:
            outcome, details = json.loads(answer)
            return outcome, details
        self.close()
        return ("time-out", "") if late.is_set() else ("crash", f"status {process.returncode}")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """One process for all kinds, as it takes seconds to start."""
    worker = Worker()
    yield worker
    worker.close()


def run(
    worker: Worker, kind: str, files: Mapping[str, bytes], folder: Path, n: int
) -> tuple[Counter[str], list[str]]:
    """Mutate each of the files in turn, `n` times in all, and read it.

    Returns
    -------
    How often each outcome occurred, and what stands for a fault: a result other than that of the whole file,
    or an error that is not homespot's.
    """
    worker.begin(kind, folder, files)
    counts: Counter[str] = Counter()
    faults = []
    for seed in range(n):
        name = list(files)[seed // 2 % len(files)]
        what, data = mutated(files[name], seed)
        path = folder / "mutated" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # HDF5 knows a file that is open by its inode
        path.write_bytes(data)
        outcome, details = worker.read(path)
        counts[outcome] += 1
        if outcome not in ("same", "refused"):
            faults.append(f"{seed} {name}, {what}: {outcome}, {details}")
    return counts, faults


def check(counts: dict[str, int], faults: list[str]) -> None:
    print(json.dumps(counts))
    n = sum(counts.values())
    lost = counts["crash"] + counts["time-out"]
    assert lost <= max(LOST * n, 1), faults
    faults = [fault for fault in faults if ": crash, " not in fault and ": time-out, " not in fault]
    assert not faults, f"{len(faults)} of {n}:\n" + "\n".join(faults)
    assert counts["refused"] > n / 4
    assert counts["same"] > 0


@pytest.mark.parametrize("n", N)
def test_a_mutated_map_is_refused_or_the_same(make_pair, worker: Worker, tmp_path: Path, n: int) -> None:
    sc, st = make_pair()
    hs.save(hs.map_cells(sc, st), tmp_path / "dense.h5ad")
    hs.save(hs.map_cells(sc, st, k_best=5), tmp_path / "sparse.h5ad")
    files = {f"{name}.h5ad": (tmp_path / f"{name}.h5ad").read_bytes() for name in ("dense", "sparse")}
    files |= {f"backed_{name}": data for name, data in files.items()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    check(*run(worker, "map", files, tmp_path, n))


@pytest.mark.skipif(not has("torch"), reason="torch is not installed")
@pytest.mark.parametrize("n", N)
def test_a_mutated_checkpoint_is_refused_or_the_same(worker: Worker, tmp_path: Path, n: int) -> None:
    import torch

    from homespot.learning import Checkpoint

    state = {"epochs": 3, "coupling": {"coefficients": torch.randn(30, 20)}, "curves": {"a": [0.5, 0.25]}}
    Checkpoint(str(tmp_path / "run.pt"), "run").write(state)
    counts, faults = run(worker, "checkpoint", {"run.pt": (tmp_path / "run.pt").read_bytes()}, tmp_path, n)
    counts["same"] += 1  # any change of a file that is sealed whole is seen
    check(counts, faults)
    assert counts["crash"] + counts["time-out"] == 0


def write_10x(adata, path: Path) -> None:
    """Write the layout of Cell Ranger's filtered_feature_bc_matrix.h5."""
    x = sparse.csr_matrix(adata.X)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = adata.obs_names.to_numpy(dtype="S")
        group["data"], group["indices"], group["indptr"] = x.data.astype(np.int32), x.indices, x.indptr
        group["shape"] = np.array(x.shape[::-1], dtype=np.int32)
        for name, values in {
            "id": adata.var_names,
            "name": adata.var_names,
            "feature_type": ["Gene Expression"] * adata.n_vars,
            "genome": ["a"] * adata.n_vars,
        }.items():
            group[f"features/{name}"] = np.asarray(values, dtype="S")


@pytest.mark.parametrize("n", N)
def test_of_mutated_data_there_is_a_map_or_an_error_of_homespot(
    make_pair, worker: Worker, tmp_path: Path, n: int
) -> None:
    """Data has no digest, so a changed number is another number; HDF5's own sums are not asked for."""
    sc, st = make_pair()
    sc.write_h5ad(tmp_path / "sc.h5ad")
    st.write_h5ad(tmp_path / "st.h5ad", compression="gzip")
    names = ["sc.h5ad", "st.h5ad", "scores.csv"]
    rng = np.random.default_rng(0)
    scores = pd.DataFrame({name: rng.random(20) for name in COLUMNS})
    scores["gene"], scores["fold"], scores["method"] = [f"g{i}" for i in range(20)], "0", "ssa"
    scores.to_csv(tmp_path / "scores.csv", index=False)
    if has("scanpy"):
        write_10x(sc, tmp_path / "sc10x.h5")
        names.append("sc10x.h5")
    if has("zarr"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            st.write_zarr(tmp_path / "st.zarr")
        shutil.make_archive(str(tmp_path / "st.zarr"), "zip", tmp_path / "st.zarr")
        names.append("st.zarr.zip")
    check(*run(worker, "input", {name: (tmp_path / name).read_bytes() for name in names}, tmp_path, n))
