"""cellmapper as in its quick start, without an embedding of another tool: its fast CCA, 30 neighbours, Gauss.

It maps a reference to a query. The query are the spots for genes and types, and the cells for places, which
it maps as it maps any embedding. A row of the answer is one of the query. Cells that have the same of
every gene, as none, are left out: its CCA divides by what they differ.
"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from _driver import Tables, main
from cellmapper import CellMapper

COMPONENTS = 50  # its default, which has to be less than the number of spots
SAME = 1e-5


def mapped(data: Tables, query: str) -> np.ndarray:
    genes = pd.DataFrame(index=data.spot_genes)
    shared = data.shared()
    some = np.ptp(shared, axis=1) > SAME
    cells, spots = (ad.AnnData(table, var=genes.copy()) for table in (shared[some], data.spots))
    mapper = CellMapper(spots, cells) if query == "spots" else CellMapper(cells, spots)
    mapper.compute_neighbors(n_comps=min(COMPONENTS, len(genes), len(spots) - 1))
    mapper.compute_mapping_matrix()
    weights = mapper.mapping_operator.matrix.toarray()
    of_cells = np.zeros((len(some), len(spots)))
    of_cells[some] = weights.T if query == "spots" else weights
    return of_cells.T if query == "spots" else of_cells


if __name__ == "__main__":
    main("cellmapper", mapped)
