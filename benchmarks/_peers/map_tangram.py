"""Tangram: mode "cells", 1,000 epochs, density prior "uniform" as documented for single-cell resolution.

These are its defaults but for the prior. Gene names keep their case, as many differ by it alone.
"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import tangram as tg
from _driver import Tables, main


def mapped(data: Tables) -> np.ndarray:
    genes = pd.DataFrame(index=data.spot_genes)
    sc, sp = ad.AnnData(data.shared(), var=genes.copy()), ad.AnnData(data.spots, var=genes.copy())
    tg.pp_adatas(sc, sp, gene_to_lowercase=False)
    return tg.map_cells_to_space(
        sc, sp, mode="cells", density_prior="uniform", num_epochs=1000, device="cpu", random_state=0
    ).X


if __name__ == "__main__":
    main("tangram-sc", mapped)
