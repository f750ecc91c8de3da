"""moscot's MappingProblem as in its tutorial on this embryo: "Mapping gene expression in space".

Structure of the cells by 50 principal components of their highly variable genes (of a small panel all), of
the spots by their coordinates; the linear term by the shared genes, jointly projected ("local-pca"); all else
its defaults.
"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from _driver import Tables, main, structuring
from moscot.problems.space import MappingProblem


def mapped(data: Tables) -> np.ndarray:
    cells = ad.AnnData(data.cells, var=pd.DataFrame(index=data.cell_genes))
    spots = ad.AnnData(data.spots, var=pd.DataFrame(index=data.spot_genes))
    spots.obsm["spatial"] = data.positions
    sc.pp.highly_variable_genes(cells)
    cells.var["highly_variable"] = structuring(cells.var["highly_variable"].to_numpy())
    sc.pp.pca(cells)
    problem = MappingProblem(adata_sc=cells, adata_sp=spots)
    problem = problem.prepare(sc_attr={"attr": "obsm", "key": "X_pca"}, xy_callback="local-pca").solve()
    (solved,) = problem.solutions.values()
    return np.asarray(solved.transport_matrix).T  # its source are the spots


if __name__ == "__main__":
    main("moscot", mapped)
