"""colocate_types: how far cell types share spots."""

from __future__ import annotations

from typing import Any

import anndata as ad
import pandas as pd

from ..common.memory import bounded
from ..mapping.by_section import sections_of
from ..mapping.checked import CheckedMap
from ..mapping.distances import correlations
from ..matrix.gather import Masses
from ..objects.labels import resolve
from .deconvolve_spots import proportions

__all__ = ["colocate_types"]


@bounded
def colocate_types(mapping: ad.AnnData, labels: Any) -> pd.DataFrame:
    """Return how far cell types share spots: the correlation of their proportions over the spots.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    labels
        Type of every cell, as for `deconvolve_spots`.

    Returns
    -------
    Types x types, symmetric, in [-1, 1]: Pearson correlation over all spots with any mass. A type with the
    same proportion at all spots has correlation 0 with every other. Proportions sum to 1, so if there are few
    types, even unrelated ones are correlated negatively. If the spots lie in several sections, the mean
    proportion of each section is subtracted first, so that types are not correlated merely because they share
    a section.
    """
    view = CheckedMap(mapping)
    types = resolve(labels, mapping.obs, "cell")
    mass = Masses(types.membership(), squares=True)
    view.read(mass)
    shares = proportions(mass.total.T)
    found = correlations(shares, sections_of(mapping))
    return pd.DataFrame(found, index=types.names, columns=types.names)
