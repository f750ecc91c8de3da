"""A mapping method of another package."""

from typing import Annotated

import numpy as np

from homespot.methods import Ending, Outcome, Parameter, log_tables, register, selected_genes


@register("nearest", "row softmax of the squared distance of expression")
def nearest(
    sc,
    st,
    _run,
    *,
    n_genes: Annotated[int, Parameter("How many of the most variable genes may be used.", low=2)] = 500,
    sharpness: Annotated[
        float, Parameter("Weight of the distance.", low=0, open_low=True, tuned=(1.0, 4.0))
    ] = 1.0,
):
    """Map every cell to the spots whose expression is near, on the log scale."""
    genes, ((x, cells), (y, spots)) = log_tables(sc, st, selected_genes(sc, st, n_genes))
    distance = (x**2).mean(axis=1)[:, None] + (y**2).mean(axis=1) - 2 * (x @ y.T) / len(genes)
    nearest_spot = distance.min(axis=1, keepdims=True)
    p = np.exp(sharpness * (nearest_spot - distance))
    p /= p.sum(axis=1, keepdims=True)
    ending = Ending(
        well=True,
        sentence=f"Compared {len(cells)} cells with {len(spots)} spots.",
        brief="compared",
        curves={"smallest distance": np.sort(nearest_spot[:, 0])},
        numbers={"largest_distance": float(distance.max())},
    )
    return Outcome(p, cells, spots, genes, (x.mean(axis=1), y.mean(axis=1)), ending)
