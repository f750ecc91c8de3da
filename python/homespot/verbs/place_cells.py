"""place_cells: give the single cells positions in the tissue."""

from __future__ import annotations

from copy import deepcopy

import anndata as ad

from ..common.keys import (
    FITS,
    HOMESPOT,
    POSITIONS,
    SECTION,
    SECTION_PROB,
    SPATIAL,
)
from ..common.memory import bounded
from ..mapping.align import mapped_cells
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import images
from ..mapping.positions import Position
from ..objects.access import copied
from .cell_positions import CellTable

__all__ = ["place_cells"]


@bounded
def place_cells(
    mapping: ad.AnnData,
    sc: ad.AnnData,
    *,
    position: Position = "median",
    k: int = 20,
    level: float = 0.9,
    max_radius: float | None = None,
) -> ad.AnnData:
    """Return the reconstructed tissue: the mapped cells of `sc` with coordinates.

    Parameters
    ----------
    mapping
        A result of `map_cells`, made with coordinates.
    sc
        The single-cell data that was mapped.
    position
        How a position is read from P: ``"median"`` (the spatial median; see below), ``"mean"`` (the mean of
        all spots under P), ``"k_best"`` (the mean of the k most probable spots, weighted by their
        probability) or ``"argmax"`` (the most probable spot).
    k
        Number of most probable spots that ``"k_best"`` uses and, where no sharpness is known, ``"median"``
        and ``homespot_near_spot``.
    level
        Probability with which a cell's true place lies within ``homespot_radius`` of its position, 0.05 to
        0.99.
    max_radius
        Largest radius at which a cell is ``homespot_confident``, in the unit of the coordinates. None: half
        the extent of the tissue (or section), which is the root mean squared distance of the spots from their
        centroid.

    Returns
    -------
    A copy of `sc` with the mapped cells only, in the mapping's order, ``obsm["spatial"]`` (cells x 2 or 3)
    and the columns of `cell_positions` in obs. The record, ``uns["homespot"]``, has the arguments, too, and
    the ``read_out``: ``"sharpness"``, ``"best spots"`` or, of combined maps, both.

    Notes
    -----
    Where the map has a cell's ``homespot_sharpness``, q, its whole row of P is read:

    * The median takes in all spots, weighted by their probability to the power of 0.75 q.
    * The radius is sqrt(d^2 + pitch^2 / 6). Under the probabilities to the power of q, scaled to sum to 1, a
      share of `level` of the weight lies within d of the position. The distribution is interpolated: each
      spot counts half at its own distance, and the weight grows linearly to the next. The second term is for
      where in its spot a cell sits.
    * A cell is confident if its radius is at most `max_radius`, and at least a tenth of the cells of its
      tissue have a radius at the level 0.9 of at most `max_radius`. Where fewer have, they have it mostly by
      chance: no cell is confident, and a warning counts these cells. The tissue is the map or, if every
      section is read by itself, the cells that are placed in the section.

    Where it is not known (other methods, maps without weights of genes or coordinates, maps of earlier
    versions), the k most probable spots are read:

    * The median takes in these spots, weighted by the square of their probability.
    * The radius follows from the spread of the 20 most probable spots by a rule that was fitted on simulated
      spots with known truth, with maps by SSA and the median. On five tissues 86 to 98 % of all cells lie
      within the radius of level 0.9. Levels below 0.8 are less accurate (``benchmarks/confidence.py``).
    * A cell is confident if its radius is at most `max_radius`. If hardly any cell is, these cannot be relied
      on.

    ``homespot_near_spot`` is the spot with the least mean distance from all spots, under the weights of the
    median, whatever `position` is.
    """
    view = CheckedMap(mapping)
    cells = CellTable(view, position=position, k=k, level=level, max_radius=max_radius)
    mapped = mapped_cells(mapping, sc)
    view.read(cells)
    table = cells.table()
    placed = copied(sc[mapped])
    # Columns of an earlier map are removed.
    placed.obs = placed.obs.drop(columns=[SECTION, SECTION_PROB, FITS], errors="ignore")
    placed.obs[list(table.columns)] = table
    placed.obsm[SPATIAL] = table[[name for name in POSITIONS if name in table]].to_numpy(copy=True)
    read = {
        "position": position,
        "k": k,
        "level": level,
        "max_radius": max_radius,
        "read_out": cells.read_out,
    }
    placed.uns.pop(SPATIAL, None)  # a section of another tissue
    placed.uns.update(images(mapping))
    placed.uns[HOMESPOT] = {
        **deepcopy(mapping.uns[HOMESPOT]),
        **{name: value for name, value in read.items() if value is not None},
    }
    return placed
