"""load: read a map from an .h5ad file."""

from __future__ import annotations

import os
from collections.abc import Mapping

import anndata as ad
import numpy as np

from ..common.checks import flag
from ..common.keys import FORMAT_VERSION, HOMESPOT
from ..common.memory import bounded
from ..common.wording import verb
from ..errors import InputError, expected
from ..mapping.checked import CheckedMap
from ..objects.h5ad import read_whole, readable
from ..objects.seal import damaged, digest_of_tables, read_seal

__all__ = ["load"]


@bounded
def load(path: str | os.PathLike[str], *, backed: bool = False) -> ad.AnnData:
    """Read a mapping that `save` wrote.

    Parameters
    ----------
    path
        An .h5ad file.
    backed
        Whether to leave P in the file, for a map that does not fit into memory, as ``anndata.read_h5ad(path,
        backed="r")`` does. Functions that take a map then read P in blocks of rows, with the same results.
        Only `add_mapping`, which copies P into the user's object, `subset` (for the part asked for),
        `renormalise`, `combine_cells` and `combine_sections` read P into memory. A map that is kept as
        features and potentials (see `map_cells`) has no P in its file; these are in memory.

    Raises
    ------
    InputError
        If the file does not exist, is not a mapping, is damaged, or has a newer format than this version
        knows. A file that `save` wrote is sealed by a digest of all that is in it, and nothing is taken from
        it unless the digest holds. A file that another program wrote, as anndata does after an edit, has no
        seal, as those of homespot 0.99.0 have none; of these the map is checked, as by every verb.
    """
    flag("backed", backed)
    mapping = read_whole(path, backed=backed)
    try:
        _check(mapping, path)
    except BaseException:
        if mapping.isbacked:
            mapping.file.close()
        raise
    return mapping


def _check(mapping: ad.AnnData, path: str | os.PathLike[str]) -> None:
    """Refuse a mapping that was damaged, is of a newer format, or is not valid."""
    with readable("an .h5ad file", path):
        seal = read_seal(path)
        if seal is not None and digest_of_tables(mapping) != seal.tables:
            raise damaged(seal.path)
    record = mapping.uns.get(HOMESPOT)
    version = record.get("format_version", FORMAT_VERSION) if isinstance(record, Mapping) else FORMAT_VERSION
    number = isinstance(version, int | float | np.number)
    if not number or version not in range(1, FORMAT_VERSION + 1):
        newer = number and version > FORMAT_VERSION
        raise InputError(
            expected(
                f"a mapping of format version 1 to {FORMAT_VERSION}",
                f"version {version}",
                "Update homespot: a newer one wrote this file."
                if newer
                else f"Write it anew with {verb('save')}.",
            )
        )
    CheckedMap(mapping, seal=seal, empty=True).read()
