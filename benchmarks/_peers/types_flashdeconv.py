"""flashdeconv as in its quick start: raw counts, coordinates and types, and its defaults for all else.

It chooses the genes itself. The types of its answer are in alphabetical order.
"""

from __future__ import annotations

import anndata as ad
import flashdeconv
import numpy as np
import pandas as pd
from _driver import Tables, main


def shares(data: Tables) -> np.ndarray:
    cells = ad.AnnData(data.cells, var=pd.DataFrame(index=data.cell_genes))
    cells.obs["cell_type"] = data.cell_types
    spots = ad.AnnData(data.spots, var=pd.DataFrame(index=data.spot_genes))
    spots.obsm["spatial"] = data.positions
    flashdeconv.tl.deconvolve(spots, cells, cell_type_key="cell_type")
    return spots.obsm["flashdeconv"].sort_index(axis=1).to_numpy()


if __name__ == "__main__":
    main("flashdeconv", shares)
