"""novoSpaRc as in its tutorial on this embryo, https://github.com/rajewsky-lab/novosparc (all cells, 3-d).

Structure of the cells by their highly variable genes (of a small panel all), 5 neighbours on either side,
every training gene a marker, epsilon 0.005; `alpha` is the weight of the markers (the tutorial's 0.8;
elsewhere mostly 0.5).
"""

from __future__ import annotations

import anndata as ad
import novosparc
import numpy as np
import pandas as pd
import scanpy as sc
from _driver import Tables, main, structuring


def mapped(data: Tables, alpha: float) -> np.ndarray:
    cells = ad.AnnData(data.cells.toarray(), var=pd.DataFrame(index=data.cell_genes))
    sc.pp.highly_variable_genes(cells)
    variable = cells.X[:, structuring(cells.var["highly_variable"].to_numpy())]
    # The tissue has the markers alone: with all genes `reconstruct` would also predict all.
    markers = cells[:, data.spot_genes].copy()
    tissue = novosparc.cm.Tissue(dataset=markers, locations=data.positions)
    tissue.setup_smooth_costs(dge_rep=variable, num_neighbors_s=5, num_neighbors_t=5)
    tissue.setup_linear_cost(np.arange(markers.n_vars), data.spots)
    tissue.reconstruct(alpha_linear=alpha, epsilon=5e-3)
    return tissue.gw


if __name__ == "__main__":
    main("novosparc", mapped)
