"""annotate_cells: transfer labels of the spots, such as layers or domains, to the cells."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import anndata as ad
import numpy as np

from ..common.keys import HOMESPOT, LABEL, LABEL_PROB
from ..common.memory import bounded
from ..common.wording import verb
from ..errors import InputError, expected, some
from ..mapping.checked import CheckedMap
from ..mapping.room import require_groups
from ..matrix.gather import Summed
from ..objects.labels import resolve

__all__ = ["annotate_cells"]


@bounded
def annotate_cells(mapping: ad.AnnData, labels: Any) -> ad.AnnData:
    """Return the probability of every spatial label for every cell.

    The probability of label l for cell i is the sum of P[i, j] over the spots j with this label, divided by
    the sum of row i (which is less than 1 if the map was truncated).

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    labels
        Label of every spot (layer, domain, region): name of a column of the mapping's var, a Series with the
        names of the spots as index (in any order), or one label per spot in the mapping's order.

    Returns
    -------
    Cells x labels. ``X``: probabilities; every row sums to 1. obs: the cells, with ``homespot_label`` and
    ``homespot_label_prob``, the most probable label (the first one if several are equal) and its probability.
    var: the labels, with ``n_spots``.

    Raises
    ------
    InputError
        If the labels do not fit the mapping's spots, a spot has no label, or a cell has no probability on any
        spot of the mapping.
    """
    view = CheckedMap(mapping)
    regions = resolve(labels, mapping.var, "spot")
    require_groups("labels", "cells", len(regions.names), mapping.n_obs, mapping.shape, copies=2)
    mass = Summed(regions.membership().T.tocsr())
    view.read(mass)
    total = mass.total.sum(axis=1, keepdims=True)
    found = np.divide(mass.total, total, out=np.zeros_like(mass.total), where=total > 0)
    nowhere = found.sum(axis=1) <= 0
    if nowhere.any():
        raise InputError(
            expected(
                "every cell to have some probability",
                f"{nowhere.sum()} cell(s) without any on the spots of this mapping "
                f"({some(mapping.obs_names[nowhere])})",
                f"Drop these cells with {verb('subset')} first.",
            )
        )
    best = found.argmax(axis=1)
    obs = mapping.obs.copy()
    obs[LABEL] = np.asarray(regions.names, dtype=object)[best]
    obs[LABEL_PROB] = found.max(axis=1)
    out = ad.AnnData(
        X=found,
        obs=obs,
        var={"n_spots": np.bincount(regions.codes, minlength=len(regions.names))},
        uns={HOMESPOT: deepcopy(mapping.uns[HOMESPOT])},
    )
    out.var_names = regions.names
    return out
