#!/usr/bin/env python3
"""Check the pins of R/basilisk.R and R/torch.R against the package index, and list what they bring.

Resolves the pins for each platform with uv, from wheels only, asks the index how large every wheel is, and
writes inst/extdata/wheels.csv, from which R tells the size of a download before it starts. Needs the
network and uv (``pip install uv``); run it when a pin changes. A pin without a wheel on a platform that is
listed here is an error.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = {"core": ["basilisk.R"], "torch": ["basilisk.R", "torch.R"]}
PYTHON = re.compile(r'"python=([0-9.]+)"')
PIN = re.compile(r'"([A-Za-z0-9_-]+==[^"]+)"')
# Names as homespotSetup() makes them of Sys.info(), and as uv has them. torch has no wheel for older macOS.
PLATFORMS = {
    "Linux-x86_64": "x86_64-manylinux_2_28",
    "Linux-aarch64": "aarch64-manylinux_2_28",
    "Darwin-arm64": "aarch64-apple-darwin",
    "Windows-x86-64": "x86_64-pc-windows-msvc",
}
OLDEST_MACOS = "14.0"


def resolved(pins: list[str], python: str, platform: str) -> dict[tuple[str, str], str]:
    """Return the address of the wheel of every package that the pins bring, by its name and version."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, lock = Path(folder, "pins.txt"), Path(folder, "pylock.toml")
        wanted.write_text("\n".join(pins))
        command = ["uv", "pip", "compile", "--no-config", "--quiet", "--no-build", "--format", "pylock.toml"]
        command += ["--python-version", python, "--python-platform", platform, "-o", str(lock), str(wanted)]
        environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{platform}: {done.stderr}")
        packages = tomllib.loads(lock.read_text())["packages"]
    return {(p["name"], p["version"]): p["wheels"][0]["url"] for p in packages}


def size(url: str) -> int:
    """Ask for the bytes of a file."""
    request = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.headers["Content-Length"])


def main() -> None:
    """Write the table."""
    (python,) = PYTHON.findall((ROOT / "R" / "basilisk.R").read_text())
    rows = []
    for environment, files in ENVIRONMENTS.items():
        pins = PIN.findall("\n".join((ROOT / "R" / file).read_text() for file in files))
        for platform, name in PLATFORMS.items():
            wheels = resolved(pins, python, name)
            with ThreadPoolExecutor(8) as pool:
                sizes = list(pool.map(size, wheels.values()))
            for (package, version), url, n_bytes in zip(wheels, wheels.values(), sizes, strict=True):
                file = url.rsplit("/", 1)[1]
                rows.append((environment, package, version, platform, file, round(n_bytes / 1e6, 3)))
            print(f"{environment}, {platform}: {len(wheels)} wheels, {sum(sizes) / 1e6:,.0f} MB")
    with (ROOT / "inst" / "extdata" / "wheels.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("environment", "package", "version", "platform", "wheel", "megabytes"))
        writer.writerows(sorted(rows))


if __name__ == "__main__":
    main()
