"""homespot: `map_cells` with the method and preset named, and its defaults else."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _driver import Tables, main

import homespot as hs


def mapped(data: Tables, method: str, **settings: Any) -> np.ndarray:
    sc = ad.AnnData(data.cells, var=pd.DataFrame(index=data.cell_genes))
    st = ad.AnnData(
        data.spots,
        obs=pd.DataFrame(index=[f"spot{j}" for j in range(len(data.spots))]),
        var=pd.DataFrame(index=data.spot_genes),
        obsm={"spatial": data.positions},
    )
    return hs.map_cells(sc, st, method, sc_scale="log", st_scale="log", progress=False, **settings).X


if __name__ == "__main__":
    main("homespot", mapped)
