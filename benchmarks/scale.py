"""How large a map can be on two cores: seconds, and peak memory over the inputs.

Cells of random spots of a grid, whose genes are smooth fields (``place.py``). Each problem is solved by a
process of its own, after a small map that compiles what is compiled. One pass over the kernel, and its peers,
are timed in one run ("pass"); two of the peers need ``tools/setup-peers.sh geomloss ott``. "growth" doubles
the cells, and the spots, and fits the exponents of a picture (docs/growth.svg). The other checkout is an
earlier commit, b07b8fa, for example from

    git worktree add ../before b07b8fa

    python benchmarks/scale.py                           all problems
    python benchmarks/scale.py ../before stored          some, and the first one by another checkout too

The rows of problems that are not asked for stay in the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import psutil
from _common import RESULTS, machine, print_table, write_csv
from peers import interpreter, missing
from place import data

import homespot as hs

HERE = Path(__file__).resolve()
PROBLEMS: dict[str, dict[str, Any]] = {
    "stored": {"cells": 100_000, "spots": 3_615, "genes": 5_000},
    "k_best": {"cells": 100_000, "spots": 3_615, "genes": 5_000, "k_best": 20},
    "k_best, exact": {"cells": 100_000, "spots": 3_615, "genes": 5_000, "k_best": 20, "n_components": None},
    "large": {"cells": 300_000, "spots": 20_000, "genes": 2_000, "k_best": 20, "verbs": True},
    "potentials": {"cells": 300_000, "spots": 20_000, "genes": 2_000, "verbs": True},
    # C for all spots, and its moment, would take 15 GiB.
    "come": {
        "cells": 100_000,
        "spots": 20_000,
        "genes": 500,
        "method": "come",
        "preset": "places",
        "pretrain_epochs": 10,
    },
    "backed": {"cells": 1_000_000, "spots": 5_000, "genes": 1_000, "k_best": 20, "backed": True},
}
PASS = (20_000, 20_000, 64)
DRIVERS = {"geomloss": "geomloss, online: an iteration", "ott": "ott-jax, batch_size=256: an iteration"}
SIZES = {
    "cells": [(cells, 5_000) for cells in (12_500, 25_000, 50_000, 100_000)],
    "spots": [(25_000, spots) for spots in (2_500, 5_000, 10_000, 20_000)],
}
"""Cells and spots of the maps whose growth is measured, by what grows."""
GROWING = {"genes": 1_000, "k_best": 20, "storage": "streamed"}
PROBLEMS |= {
    f"growth, {m}, {n}": {"cells": m, "spots": n, **GROWING} for sizes in SIZES.values() for m, n in sizes
}
PICTURE = HERE.parent.parent / "docs" / "growth.svg"
MIB = 2**20


class Peak:
    """The largest memory of this process while the block runs, over what it had before."""

    def __enter__(self) -> Peak:
        self._process, self._ended = psutil.Process(), threading.Event()
        self._before = self._most = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    @property
    def mib(self) -> float:
        """MiB."""
        return (self._most - self._before) / MIB


def timed(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a function returns, its seconds, and the MiB that it took at most."""
    with Peak() as peak:
        start = time.perf_counter()
        found = run()
        seconds = time.perf_counter() - start
    return found, seconds, peak.mib


def one(name: str) -> list[dict[str, object]]:
    """Solve a problem in this process."""
    sizes = dict(PROBLEMS[name])
    cells, spots, genes = (sizes.pop(size) for size in ("cells", "spots", "genes"))
    backed, verbs = sizes.pop("backed", False), sizes.pop("verbs", False)
    sc, st = data(cells, spots, genes)
    settings = {name: sizes[name] for name in ("method", "preset", "k_best") if name in sizes}
    small = hs.map_cells(sc[:200].copy(), st[:200].copy(), progress=False, **settings)
    hs.cell_positions(small)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if backed:
            sc.write_h5ad(f"{folder}/sc.h5ad")
            sc = ad.read_h5ad(f"{folder}/sc.h5ad", backed="r")
        mapping, seconds, mib = timed(lambda: hs.map_cells(sc, st, progress=False, **sizes))
        solver = mapping.uns["homespot"].get("solver", {})
        row = {"problem": name, "cells": cells, "spots": spots, "genes": genes, "work": "map"}
        rows.append(row | {"seconds": seconds, "MiB over the inputs": mib})
        rows[0]["P in MiB"] = 4 * cells * spots / MIB
        rows[0]["iterations"] = solver.get("iterations")
        rows[0]["components"] = solver.get("components")
        rows[0]["candidates"] = solver.get("candidates")
    if name == "stored":
        alone = timed(lambda: product_alone(cells, spots, genes))[1]
        rows.append(row | {"work": "its dense product alone", "seconds": alone})
    if verbs:
        rng = np.random.default_rng(0)
        sc.obs["kind"] = pd.Categorical(rng.integers(0, 12, sc.n_obs).astype(str))
        work: dict[str, Callable[[], Any]] = {
            "places": lambda: hs.cell_positions(mapping),
            "types": lambda: hs.deconvolve_spots(mapping, sc.obs["kind"]),
            "2,000 genes": lambda: hs.impute_genes(mapping, sc),
        }
        for what, run in work.items():
            _, seconds, mib = timed(run)
            rows.append(row | {"work": what, "seconds": seconds, "MiB over the inputs": mib})
    return rows


def product_alone(m: int, n: int, k: int) -> None:
    """Multiply cells x genes by genes x spots, 2,048 cells at a time."""
    rng = np.random.default_rng(0)
    sc, st = (rng.standard_normal((rows, k), np.float32) for rows in (2048, n))
    out = np.empty((2048, n), np.float32)
    for start in range(0, m, 2048):
        here = min(2048, m - start)
        np.matmul(sc[:here], st.T, out=out[:here])


def bare_pass() -> list[dict[str, object]]:
    """Time one streamed pass, its product and one exponential an entry alone, and an iteration of POT's."""
    import ot
    from threadpoolctl import threadpool_limits

    from homespot.common.cores import threads
    from homespot.transport import CorrelationCost
    from homespot.transport._cpu import CpuPasses

    m, n, d = PASS
    rng = np.random.default_rng(0)
    sc, st = (rng.standard_normal((k, d), np.float32) for k in (m, n))
    sc, st = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (sc, st))
    p, q, g = np.full(m, 1 / m), np.full(n, 1 / n), np.zeros(n)
    block = np.empty((256, n), np.float32)

    def alone() -> None:
        for start in range(0, m, 256):
            part = block[: min(256, m - start)]
            np.matmul(sc[start : start + 256], st.T, out=part)
            for k in range(0, len(part), 8):
                np.exp(part[k : k + 8], out=part[k : k + 8])

    def lazy(iterations: int) -> None:
        ot.solve_sample(
            sc,
            st,
            p,
            q,
            reg=0.05,
            lazy=True,
            max_iter=iterations,
            tol=0,
            batch_size=256,
            metric="sqeuclidean",
        )

    found: dict[str, list[float]] = {}
    with CpuPasses(CorrelationCost(sc, st), p, 1.0, "float32", stored=False) as passes:
        passes.start("kernel", 0.05 * passes.fill())
        passes.sweep(g)
        for _ in range(5):
            found.setdefault("a streamed pass", []).append(timed(lambda: passes.sweep(g))[1])
            # By one thread, so that its time over the number of threads is the best that several can do.
            with threadpool_limits(1):
                found.setdefault("its product and an exponential", []).append(timed(alone)[1] / threads())
    with threadpool_limits(threads()):
        short = timed(lambda: lazy(1))[1]
        found["POT, lazy: an iteration"] = [timed(lambda: lazy(3))[1] - short]
        found["POT, lazy: an iteration"][0] /= 2
    for package, what in DRIVERS.items():
        seconds = by_peer(package)
        if seconds is not None:
            found[what] = [seconds]
    base = float(np.median(found["its product and an exponential"]))
    return [
        {
            "problem": "pass",
            "cells": m,
            "spots": n,
            "genes": d,
            "work": what,
            "seconds": float(np.median(seconds)),
            "over its product and an exponential": float(np.median(seconds)) / base,
        }
        for what, seconds in found.items()
    ]


def by_peer(package: str) -> float | None:
    """Return the seconds of an iteration of a peer, in its own environment; None if it is not there."""
    from homespot.common.cores import threads

    reason = missing(package)
    if reason is not None:
        print(f"{package} is left out: {reason}", file=sys.stderr)
        return None
    driver = HERE.parent / "_peers" / f"pass_{package}.py"
    command = map(str, (interpreter(package), "-W", "ignore", driver, *PASS, threads()))
    answer = subprocess.run([*command], capture_output=True, text=True, check=True)
    return float(json.loads(answer.stdout.splitlines()[-1]))


def draw(rows: list[dict[str, object]]) -> None:
    """Draw how seconds and memory grow with cells and with spots, and the exponents that fit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    measured = {(row["cells"], row["spots"]): row for row in rows if str(row["problem"]).startswith("growth")}
    labels = {
        "seconds": "time of map_cells / s",
        "MiB over the inputs": "memory over the inputs / MiB",
    }
    for axis, (what, label) in zip(axes, labels.items(), strict=True):
        for grows, colour, marker in (("cells", "#0072B2", "o"), ("spots", "#D55E00", "s")):
            sizes = SIZES[grows]
            x = np.array([size[grows == "spots"] for size in sizes], dtype=float)
            y = np.array([float(str(measured[size][what])) for size in sizes])
            slope, level = np.polyfit(np.log(x), np.log(y), 1)
            fixed = f"{sizes[0][grows == 'cells']:,} {'spots' if grows == 'cells' else 'cells'}"
            axis.plot(x, y, marker, color=colour, label=f"{grows}, at {fixed}: exponent {slope:.2f}")
            axis.plot(x, np.exp(level) * x**slope, color=colour, linewidth=1)
        axis.set(xscale="log", yscale="log", xlabel="number of cells, or of spots")
        axis.set_ylabel(label)
        axis.legend(frameon=False, fontsize="small")
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, metadata={"Date": None})


def kept(chosen: list[str]) -> list[dict[str, object]]:
    """Return the rows of the table of problems that are not chosen, without what the table adds."""
    path = RESULTS / "scale.csv"
    if not path.exists():
        return []
    table = pd.read_csv(path)
    table = table[~table["problem"].isin(chosen)].drop(columns=[*machine()], errors="ignore")
    return [{key: value for key, value in row.items() if pd.notna(value)} for row in table.to_dict("records")]


def solved(name: str, checkout: Path) -> list[dict[str, object]]:
    """Solve a problem in a process of its own, by the package of a checkout."""
    environment = os.environ | {"PYTHONPATH": f"{checkout / 'python'}:{HERE.parent}"}
    command = [sys.executable, str(HERE), "--one", name]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    rows: list[dict[str, object]] = json.loads(answer.stdout.splitlines()[-1])
    return rows


def main() -> None:
    """Print the table and write its CSV file."""
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(bare_pass() if sys.argv[2] == "pass" else one(sys.argv[2])))
        return
    before = [Path(name) for name in sys.argv[1:] if Path(name).is_dir()]
    asked = [name for name in sys.argv[1:] if not Path(name).is_dir()] or ["pass", *PROBLEMS]
    chosen = [name for name in ("pass", *PROBLEMS) if any(name.startswith(one) for one in asked)]
    rows = kept(chosen)
    for name in chosen:
        rows += solved(name, HERE.parent.parent)
        if name == "stored":
            for checkout in before:
                made = [row for row in solved(name, checkout) if row["work"] == "map"]
                rows += [row | {"work": "map, the other checkout"} for row in made]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    rows = [{column: row.get(column) for column in columns} for row in rows]
    print_table(rows)
    write_csv("scale", rows)
    if any(name.startswith("growth") for name in chosen):
        draw(rows)


if __name__ == "__main__":
    main()
