"""A Python that hosts R: carries AnnData over to it and lets it map.

Arguments: folder of the problem, folder for the results.
"""

import os
import sys
import warnings
from pathlib import Path

import anndata as ad
import anndata2ri
from rpy2 import robjects as ro
from rpy2.robjects.conversion import localconverter

import homespot

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
scripts = Path(__file__).parent
conversion = ro.default_converter + anndata2ri.converter

sparse_pair = {side: ad.read_h5ad(folder / f"{side}.h5ad") for side in ("sc", "st")}
dense_pair = {side: table.copy() for side, table in sparse_pair.items()}
for table in dense_pair.values():
    table.X = table.X.toarray()
saved = {path.stem: homespot.load(path) for path in sorted(folder.glob("saved_*.h5ad"))}

ro.globalenv["folder"], ro.globalenv["out"] = str(folder), str(out)
ro.r("hosted <- list(sparse = list(), dense = list()); converted <- list()")
with localconverter(conversion), warnings.catch_warnings():
    # anndata2ri leaves out what is None in uns, and says so.
    warnings.filterwarnings("ignore", "Conversion 'py2rpy' not defined.*NoneType")
    for name, pair in (("sparse", sparse_pair), ("dense", dense_pair)):
        for side, table in pair.items():
            ro.globalenv["carried"] = table
            ro.r(f"hosted${name}${side} <- carried")
    for name, mapping in saved.items():
        ro.globalenv["carried"] = mapping
        ro.r(f"converted${name} <- carried")
    ro.r("variants <- list()")
    for path in sorted(folder.glob("data_*/*.h5ad")):
        ro.globalenv["carried"] = ad.read_h5ad(path)
        ro.r(f"variants${path.parent.name}${path.stem} <- carried")
    ro.r("carried <- variants")

sys.homespot_host = os.getpid()  # type: ignore[attr-defined]
ro.r.source(str(scripts / "exchange.R"))
ro.r.source(str(scripts / "hosted.R"))
if ro.r("reticulate::py_eval(\"__import__('sys').homespot_host\")")[0] != os.getpid():
    sys.exit("R does not run on the Python that hosts it")

with localconverter(conversion):
    placed = ro.globalenv["placed"]
placed.uns = {}
ad.settings.allow_write_nullable_strings = True  # rpy2 makes such of R's text
placed.write_h5ad(out / "placed.h5ad")
