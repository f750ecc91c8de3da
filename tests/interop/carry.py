"""A Python that hosts R: carries results over by anndata2ri, Python's to R and back, and R's to Python.

An environment variable names the folder of the results, ``result_<name>.h5ad``. It gets ``back_<name>.h5ad``
and ``r_<name>.h5ad``.
"""

import os
import warnings
from pathlib import Path

import anndata as ad
import anndata2ri
from rpy2 import robjects as ro
from rpy2.robjects.conversion import localconverter

ad.settings.allow_write_nullable_strings = True  # rpy2 makes such of R's text
folder = Path(os.environ["HOMESPOT_FOLDER"])
conversion = ro.default_converter + anndata2ri.converter


def write(adata, name):
    adata.uns = {}  # of R's classes, which no file takes
    adata.write_h5ad(folder / name)


for path in sorted(folder.glob("result_*.h5ad")):
    with localconverter(conversion), warnings.catch_warnings():
        # anndata2ri leaves out what is None in uns, and says so.
        warnings.filterwarnings("ignore", "Conversion 'py2rpy' not defined.*NoneType")
        ro.globalenv["x"] = ad.read_h5ad(path)
        ro.r("stopifnot(is(x, 'SingleCellExperiment'), validObject(x))")
        write(ro.globalenv["x"], path.name.replace("result_", "back_"))

ro.globalenv["folder"] = str(folder)
ro.r.source(str(Path(__file__).with_name("carry.R")))
with localconverter(conversion):
    for name in ro.r("names(results)"):
        write(ro.r(f"results${name}"), f"r_{name}.h5ad")
