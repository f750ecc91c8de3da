"""Both methods beside Tangram, novoSpaRc, moscot and POT alone: the genes of the Drosophila embryo.

All have the same folds in the same run, and one code scores them: `cross_validate`, to which each is a
function of cells and spots. Every map is made by a process of its own with one thread, which says what it
cost; seconds are the processor's, which a busy machine stretches less. Peers live in environments of their
own, which ``tools/setup-peers.sh`` makes; one that is not there is left out, and the table says why. Settings
are published ones or defaults; they stand in ``_peers/``.

    tools/setup-peers.sh && python benchmarks/peers.py [FOLDS]      the first FOLDS of the ten, or all

Scores are those of Li et al. 2022 for three readings of a map ("sum": P' X, "mean": the weighted mean of the
cells at a spot, "scaled": this mean scaled to what the spot holds, our default). The accuracy score ranks the
methods by the reading that each documents.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from _common import print_table, write_csv
from scipy import sparse

import homespot as hs

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / "build" / "peers"
JOBS = 2  # maps made at once; each has one thread
READ_OUTS = ("sum", "mean", "scaled")
METRICS = ("pcc", "ssim", "rmse", "jsd")
REFERENCES = ("homespot come", "homespot ssa", "homespot ssa, preset paper")


class Peer(NamedTuple):
    """How a method is driven: the driver and its environment, its settings, and the reading it documents."""

    package: str
    read_out: str
    settings: dict[str, Any]


PEERS = {
    "homespot come": Peer("homespot", "scaled", {"method": "come"}),
    "homespot ssa": Peer("homespot", "scaled", {"method": "ssa"}),
    "homespot ssa, preset genes": Peer("homespot", "sum", {"method": "ssa", "preset": "genes"}),
    "homespot ssa, preset paper": Peer("homespot", "sum", {"method": "ssa", "preset": "paper"}),
    "correlation": Peer("homespot", "scaled", {"method": "correlation"}),
    "POT, SSA's cost": Peer("pot", "sum", {"signed": False}),
    "POT, signed cost": Peer("pot", "sum", {"signed": True}),
    "Tangram": Peer("tangram", "sum", {}),
    "novoSpaRc, alpha 0.5": Peer("novosparc", "sum", {"alpha": 0.5}),
    "novoSpaRc, alpha 0.8": Peer("novosparc", "sum", {"alpha": 0.8}),
    "moscot": Peer("moscot", "mean", {}),
}


def interpreter(package: str) -> Path:
    """Return the Python that has a package."""
    return (
        Path(sys.executable) if package in ("homespot", "pot") else ENVIRONMENTS / package / "bin" / "python"
    )


def missing(package: str) -> str | None:
    """Return why a package cannot be run; None if it can."""
    reason = ENVIRONMENTS / f"{package}.failed"
    if reason.exists():
        return reason.read_text().strip()
    return None if interpreter(package).exists() else "not installed: run tools/setup-peers.sh"


def mapped(name: str, peer: Peer, folder: Path, sc: ad.AnnData, st: ad.AnnData) -> np.ndarray:
    """Let a peer map in a process of its own, once for all readings; return P."""
    fold = hashlib.sha256(f"{name}|{'|'.join(st.var_names)}".encode()).hexdigest()[:16]
    target = folder / f"{fold}.npz"
    if not target.exists():
        drive("map", peer.package, target, sc, st, **peer.settings)
        (folder / f"{fold}.json").write_text(json.dumps({"method": name, **cost(target)}))
        print((folder / f"{fold}.json").read_text(), flush=True)
    return answer(target)


def drive(
    what: str,
    package: str,
    target: Path,
    sc: ad.AnnData,
    st: ad.AnnData,
    *,
    cell_types: Sequence[str] = (),
    **settings: Any,
) -> None:
    """Let the driver ``<what>_<package>.py`` answer in a process of its own, and write that to `target`."""
    source = target.with_name(f"in_{target.name}")
    cells = sparse.csr_matrix(sc.X)
    np.savez(
        source,
        cell_values=cells.data.astype(np.float32),
        cell_indices=cells.indices,
        cell_indptr=cells.indptr,
        cell_genes=sc.var_names.to_numpy(dtype=str),
        cell_types=np.asarray(cell_types, dtype=str),
        spots=st.to_df().to_numpy(np.float32),
        spot_genes=st.var_names.to_numpy(dtype=str),
        positions=st.obsm["spatial"],
    )
    driver = HERE / "_peers" / f"{what}_{package}.py"
    command = map(str, (interpreter(package), "-W", "ignore", driver, source, target, json.dumps(settings)))
    ended = subprocess.run([*command], env=one_thread(), capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"{driver.name} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    source.unlink()


def answer(target: Path) -> np.ndarray:
    """Return what a driver has answered: P, or the shares of the types at every spot."""
    with np.load(target) as file:
        return file["answer"]


def one_thread() -> dict[str, str]:
    """Return an environment in which every library has one thread."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    xla = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {**os.environ, **dict.fromkeys(names, "1"), "XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu"}


def cost(target: Path) -> dict[str, Any]:
    """Return what an answer cost, and the version of the package that gave it."""
    names = ("processor_seconds", "again", "peak_mib", "added_mib", "version")
    with np.load(target) as file:
        return {name: file[name].item() for name in names}


def costs(folder: Path) -> pd.DataFrame:
    """Return the median cost of the maps of every method."""
    table = pd.DataFrame(json.loads(file.read_text()) for file in sorted(folder.glob("*.json")))
    medians = table.drop(columns="version").groupby("method").median()
    return medians.join(table.groupby("method")["version"].first())


def measured(n_folds: int) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, dict[str, str]]:
    """Return the scores by read-out, the costs by method, and why methods are left out."""
    data = hs.datasets.load("drosophila")
    table = pd.read_csv(hs.datasets.folder("drosophila") / "folds_kfold10_sorted.csv", keep_default_na=False)
    folds = table.set_index("gene")["fold"]
    folds = folds[folds.isin(sorted(folds.unique())[:n_folds])]
    left_out = {name: reason for name, peer in PEERS.items() if (reason := missing(peer.package))}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        functions = {
            name: partial(mapped, name, peer, folder) for name, peer in PEERS.items() if name not in left_out
        }
        scores = {
            read_out: hs.cross_validate(
                data["sc"],
                data["st"],
                functions,
                folds=folds,
                read_out=read_out,
                n_jobs=JOBS,
                progress=False,
            )
            for read_out in READ_OUTS
        }
        return scores, costs(folder), left_out


def documented(scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the scores of every method by the reading that it documents."""
    chosen = [table[table["method"].map(lambda m: PEERS[m].read_out) == r] for r, table in scores.items()]
    together = pd.concat(chosen)
    order = [name for name in PEERS if name in set(together["method"])]
    return pd.concat([together[together["method"] == name] for name in order], ignore_index=True)


def rows(
    scores: dict[str, pd.DataFrame], spent: pd.DataFrame, left_out: dict[str, str]
) -> list[dict[str, object]]:
    """Return the table: one row a method and reading, and one for every method that is left out."""
    accuracy = hs.metrics.accuracy_score(documented(scores))["accuracy"]
    n_folds = next(iter(scores.values()))["fold"].nunique()
    found: list[dict[str, object]] = []
    for name, peer in PEERS.items():
        for read_out in (peer.read_out,) if name in left_out else READ_OUTS:
            row: dict[str, object] = {"method": name, "version": "", "read-out": read_out}
            row |= dict.fromkeys(("documented", "folds", "median PCC", "mean PCC", *METRICS[1:], "AS"), "")
            row |= dict.fromkeys(("processor seconds", "again", "peak MiB", "MiB added"), "")
            row["left out because"] = left_out.get(name, "")
            if name not in left_out:
                own = scores[read_out][scores[read_out]["method"] == name]
                means = own[list(METRICS)].mean()
                row["version"] = spent.loc[name, "version"]
                row["documented"] = read_out == peer.read_out
                row["folds"] = n_folds
                row["median PCC"] = float(own["pcc"].median())
                row["mean PCC"] = float(means["pcc"])
                row |= {metric: float(means[metric]) for metric in METRICS[1:]}
                row["AS"] = float(accuracy[name]) if row["documented"] else ""
                row["processor seconds"] = float(spent.loc[name, "processor_seconds"])
                row["again"] = float(spent.loc[name, "again"])
                row["peak MiB"] = float(spent.loc[name, "peak_mib"])
                row["MiB added"] = float(spent.loc[name, "added_mib"])
            found.append(row)
    return found


def paired(scores: pd.DataFrame) -> list[dict[str, object]]:
    """Return the one-sided paired tests of ours against all others, over the genes, not corrected."""
    found: list[dict[str, object]] = []
    for reference in REFERENCES:
        for metric in METRICS:
            for other, row in hs.plot.compare(scores, metric, reference).iterrows():
                found.append(
                    {
                        "reference": reference,
                        "other": other,
                        "metric": metric,
                        "genes": int(row["genes"]),
                        "median difference": float(row["difference"]),
                        "p, reference better": float(row["p"]),
                    }
                )
    return found


def main() -> None:
    """Print the tables and write their CSV files."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    scores, spent, left_out = measured(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    table = rows(scores, spent, left_out)
    print_table(table)
    for name, reason in left_out.items():
        print(f"Left out: {name}: {reason}")
    print(f"Written to {write_csv('peers', table)}")
    tests = paired(documented(scores))
    print_table([test for test in tests if test["metric"] == "pcc"])
    print(f"Written to {write_csv('peers_paired', tests)}")


if __name__ == "__main__":
    main()
