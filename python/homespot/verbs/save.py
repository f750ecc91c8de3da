"""save: write a map as an .h5ad file."""

from __future__ import annotations

import os

import anndata as ad

from ..common.keys import FORMAT_VERSION, HOMESPOT
from ..common.memory import bounded
from ..mapping.checked import CheckedMap
from ..objects.h5ad import written
from ..objects.potentials import potentials_of
from ..objects.seal import NO_MATRIX, MatrixDigest, write_seal

__all__ = ["save"]


@bounded
def save(mapping: ad.AnnData, path: str | os.PathLike[str]) -> None:
    """Write a mapping as .h5ad; the file is written completely or not at all.

    A digest of all that is in it seals the file, so that `load` tells a damaged one. Of a map that is kept as
    features and potentials (see `map_cells`), these are written, and no P.

    Parameters
    ----------
    mapping
        A result of `map_cells`.
    path
        File to write; an existing file is replaced, but not the one in which a backed mapping is.
    """
    view, digest = CheckedMap(mapping, empty=True), MatrixDigest()
    made = potentials_of(mapping) is not None
    view.read(*([] if made else [digest]))
    record = {**mapping.uns[HOMESPOT], "format_version": FORMAT_VERSION}
    with written(mapping, path, uns={HOMESPOT: record}, compression="gzip") as name:
        write_seal(name, NO_MATRIX if made else digest.total)
