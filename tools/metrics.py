"""Write R's copy of the metrics' names, labels and directions: R/class-metrics.R.

    python tools/metrics.py [FILE]

R's plots of scores need no Python, so R keeps a copy; a test compares it with the declarations in Python.
"""

import sys
from pathlib import Path

from homespot.common.files import whole
from homespot.expression.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Made by tools/metrics.py from python/homespot/expression/metrics.py: not to be
# edited. The metrics by name, in the order of their columns.
"""


def row(values: list[str]) -> str:
    """Give values as an argument of data.frame()."""
    return "c(" + ", ".join(values) + ")"


def text() -> str:
    """Return the file."""
    metrics = METRICS.values()
    quoted = [
        [f'"{value}"' for value in values]
        for values in ([m.label for m in metrics], [m.key for m in metrics])
    ]
    better = ["TRUE" if metric.higher_is_better else "FALSE" for metric in metrics]
    lines = [
        f"  label = {row(quoted[0])},",
        "  key = c(\n    " + ",\n    ".join(quoted[1]) + "\n  ),",
        f"  higherIsBetter = {row(better)},",
        "  row.names = {}".format(row([f'"{name}"' for name in METRICS])),
    ]
    return HEAD + ".metrics <- data.frame(\n" + "\n".join(lines) + "\n)\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "R" / "class-metrics.R"
    with whole(target) as file:
        file.write_text(text(), encoding="utf-8")
    print(target)
