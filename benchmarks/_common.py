"""What every benchmark shares: the machine, a table on the screen, a CSV in results/."""

from __future__ import annotations

import csv
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("homespot", "numpy", "scipy", "numba", "torch", "anndata", "POT")

Row = Mapping[str, object]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


@cache
def machine() -> dict[str, object]:
    """Return processor, cores, memory and GPU of this machine, and the versions of `PACKAGES`."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "gpu": _gpu(),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Yield what tells the most bytes of main memory taken since, beyond those held at the start (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held now

    def held(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

    before = held("VmRSS")
    yield lambda: held("VmHWM") - before


def in_child(script: str, *arguments: object) -> dict[str, float] | None:
    """Run ``script --child ...`` in a process of its own, and return the figures that it prints as JSON.

    None if it did not end, as for want of memory; what it said last is then printed.
    """
    command = [sys.executable, "-W", "ignore", script, "--child", *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        return json.loads(answer.stdout)
    said = answer.stderr.strip().splitlines()[-1:] or ["killed"]
    print(f"{Path(script).name} {' '.join(map(str, arguments))}: ended with {answer.returncode} ({said[0]})")
    return None


def write_csv(name: str, rows: Sequence[Row]) -> Path:
    """Write ``results/<name>.csv``: the rows (which share their columns), each followed by `machine`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    full = [{**row, **machine()} for row in rows]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(full[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(full)
    return path


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows (which share their columns) with columns aligned; floats with 4 digits."""
    cells = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
