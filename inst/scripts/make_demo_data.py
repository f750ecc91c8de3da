"""Make the demo data in inst/extdata; run it from anywhere, with homespot installed."""

from pathlib import Path

from homespot.demo import write_demo

for path in write_demo(Path(__file__).parents[1] / "extdata"):
    print(path.name, path.stat().st_size, "bytes")
