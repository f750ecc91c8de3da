"""Make the demo data in inst/extdata: python inst/scripts/make_demo_data.py"""

from pathlib import Path

from homespot.demo import write_demo

for path in write_demo(Path(__file__).parents[1] / "extdata"):
    print(path.name, path.stat().st_size, "bytes")
