"""anndata2ri's part of bridge.R, which starts this: R inside this Python, the same data, the same measure."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import Any

import anndata2ri
import numpy as np
import rpy2.robjects as ro
from rpy2.robjects.conversion import localconverter
from scipy import sparse

CONVERTER = ro.default_converter + anndata2ri.converter


def memory(field: str) -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def measure(cross: Any) -> tuple[float, float, Any]:
    seconds, peak, arrived = [], float("nan"), None
    for k in range(5):
        arrived = None
        gc.collect()
        ro.r("gc()")
        reset = Path("/proc/self/clear_refs")
        if reset.exists():
            reset.write_text("5")
        before = memory("VmRSS")
        start = time.perf_counter()
        arrived = cross()
        seconds.append(time.perf_counter() - start)
        if k == 0:
            peak = memory("VmHWM") - before
    return min(seconds), peak, arrived


def there() -> Any:
    with localconverter(CONVERTER):
        return ro.r("sce")


def main() -> None:
    source, way, cells, genes, density, out = sys.argv[1:]
    ro.r(f"source({source!r})")
    ro.r("suppressMessages(library(SingleCellExperiment))")
    ro.r("sce <- SingleCellExperiment(list(counts = makeCounts(100L, 50L, 0.1)))")
    adata = there()
    with localconverter(CONVERTER):
        ro.globalenv["arrived"] = adata
    ro.r(f"sce <- SingleCellExperiment(list(counts = makeCounts({cells}L, {genes}L, {density})))")
    total = ro.r("sum(assay(sce))")[0]

    if way == "there":
        seconds, peak, adata = measure(there)
        matrix = adata.X if adata.X is not None else adata.layers["counts"]
        found = {
            "names": list(adata.obs_names) == list(ro.r("colnames(sce)")),
            "sparse": sparse.issparse(matrix),
            "ready": sparse.issparse(matrix) and matrix.format == "csr",
            "same": bool(np.isclose(matrix.sum(), total)),
        }
    else:
        adata = there()
        names = adata.obs_names[:3].tolist()

        def cross() -> str:
            with localconverter(CONVERTER):
                ro.globalenv["arrived"] = adata
            return "arrived"

        seconds, peak, _ = measure(cross)
        found = {
            "names": list(ro.r("colnames(arrived)[1:3]")) == names,
            "sparse": ro.r("is(assay(arrived), 'sparseMatrix')")[0],
            "ready": ro.r("is(assay(arrived), 'dgCMatrix')")[0],
            "same": ro.r(f"isTRUE(all.equal(sum(assay(arrived)), {total}))")[0],
        }
    flags = ", ".join(f"{key} = {str(bool(value)).upper()}" for key, value in found.items())
    ro.r(
        f"saveRDS(list(seconds = {seconds}, peak = {peak}, {flags},"
        f" data = as.numeric(object.size(assay(sce))) / 2^20), {out!r})"
    )


if __name__ == "__main__":
    main()
