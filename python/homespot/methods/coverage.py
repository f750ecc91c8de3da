"""Where in the tissue the cells come from, on a coarser scale than a spot: the masses of neighbourhoods."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from ..common.cores import limited_threads
from ..expression.places import Places
from ..expression.table import Floats
from ..matrix.rows import evenly_spaced
from ..matrix.streamed import Streamed

__all__ = ["found_masses"]

F64 = npt.NDArray[np.float64]

_WIDTH = 2.0  # pitches
_VALUES = 2**22  # correlations that are held at once
_CELLS = 800  # cells that are looked at, however many spots there are
_ROWS = 256  # cells whose shares are computed at once


@limited_threads(1)  # products by several threads have other last digits
def found_masses(
    x_sc: Floats | Streamed,
    x_st: Floats,
    p: F64,
    q: F64,
    places: Places,
    regularisation: float,
    power: float,
    *,
    absolute: bool = False,
) -> F64:
    """Return masses of the spots: cells decide the mass of a neighbourhood, q how its spots share it.

    With R the row softmax of the correlation to the power at which places are read, m = R' p, and G a
    Gaussian of the distance between spots, of two pitches,

        q_j (G m)_j / (G q)_j,    scaled to sum to 1.

    So a neighbourhood of spots has the mass that the cells bring to it: cells of one half of a tissue stay in
    that half. Within a neighbourhood every spot is filled as q says: no spot draws the cells of others.

    Parameters
    ----------
    x_sc, x_st
        Rows of cells and spots over the same genes, each centred and of norm 1.
    p, q
        Masses of cells and spots.
    places
        Where the spots lie.
    regularisation
        That of the map.
    power
        The power of the rows at which places are read.
    absolute
        Whether an anti-correlated spot is as near as a correlated one.
    """
    n_cells = max(_CELLS, _VALUES // len(x_st))
    chosen = evenly_spaced(len(x_sc), n_cells)
    rho = x_sc[chosen] @ x_st.T
    if absolute:
        np.abs(rho, out=rho)
    scale = power / (regularisation * max(float(1 - rho.min()), 1e-6))
    found = np.zeros(len(x_st))
    for start in range(0, len(chosen), _ROWS):
        rows = slice(start, start + _ROWS)
        found += p[chosen[rows]] @ softmax(scale * rho[rows], axis=1)
    near = places.nearness(_WIDTH)
    masses = q * (near @ found) / (near @ q)
    return np.asarray(masses / masses.sum(), dtype=np.float64)
