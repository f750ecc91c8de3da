"""A map as features and potentials in an AnnData without X: where they stand, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt

from ..common.keys import FEATURES, HOMESPOT, LOG_SUM, POTENTIAL
from ..errors import InputError, expected
from ..transport import Potentials

__all__ = ["RECORD", "has_x", "parts_of", "potentials_of", "with_potentials", "without_potentials"]

RECORD = "potentials"
"""Entry of the record with what else the entries of P follow from: epsilon, and whether D is absolute."""

_UNIT = 1.001  # largest length of a row of features, up to rounding
_PLACES = (("obsm", FEATURES), ("obsm", LOG_SUM), ("varm", FEATURES), ("varm", POTENTIAL))


def has_x(adata: ad.AnnData) -> bool:
    """Whether an AnnData has an X, without reading it; one whose file is gone had one."""
    if not adata.isbacked:
        return adata.X is not None
    if not adata.file.is_open:  # anndata closes it after a copy, and opens it where it reads X
        try:
            adata.file.open()
        except OSError:
            return True
    return "X" in adata.file


def parts_of(found: Potentials) -> dict[str, Any]:
    """Return the parts of an AnnData without X that hold a map; `with_potentials` adds to the record."""
    return {
        "obsm": {FEATURES: found.cells, LOG_SUM: found.of_cells[:, None]},
        "varm": {FEATURES: found.spots, POTENTIAL: found.of_spots[:, None]},
    }


def with_potentials(record: Mapping[str, Any], found: Potentials) -> dict[str, Any]:
    """Return the record of a map that is kept as features and potentials."""
    return {**record, RECORD: {"epsilon": float(found.epsilon), "absolute": bool(found.absolute)}}


def potentials_of(adata: ad.AnnData) -> Potentials | None:
    """Return the features and potentials of a map that has no X; None if it is no such map.

    Raises
    ------
    InputError
        If they do not belong together, or are not finite.
    """
    record = adata.uns.get(HOMESPOT)
    known = record.get(RECORD) if isinstance(record, Mapping) else None
    if not isinstance(known, Mapping) or has_x(adata):
        return None
    missing = [f"{slot}[{name!r}]" for slot, name in _PLACES if name not in getattr(adata, slot)]
    missing += [f"{name} of the record" for name in ("epsilon", "absolute") if name not in known]
    if missing:
        raise _wrong(f"none as {', '.join(missing)}")
    cells, sums, spots, g = (np.asarray(getattr(adata, slot)[name]) for slot, name in _PLACES)
    shapes = [x.shape for x in (cells, sums, spots, g)]
    if any(len(shape) != 2 for shape in shapes) or shapes[1][1] != 1 or shapes[3][1] != 1:
        raise _wrong(f"those of shapes {', '.join(map(str, shapes))}")
    if not all(x.dtype.kind == "f" and np.isfinite(x).all() for x in (cells, sums, spots, g)):
        raise _wrong("values that are missing, infinite or no numbers")
    epsilon, absolute = (np.asarray(known[name]).ravel()[:2] for name in ("epsilon", "absolute"))
    if len(epsilon) != 1 or epsilon.dtype.kind not in "iuf" or not 0 < epsilon[0] < np.inf:
        raise _wrong(f"{known['epsilon']!r} as epsilon of the record")
    if len(absolute) != 1 or absolute.dtype.kind != "b":
        raise _wrong(f"{known['absolute']!r} as absolute of the record")
    if max(_longest(cells), _longest(spots)) > _UNIT:
        raise _wrong("features with rows longer than 1")
    return Potentials(cells, spots, _vector(g), _vector(sums), float(epsilon[0]), bool(absolute[0]))


def _longest(features: npt.NDArray[Any]) -> float:
    """Return the length of the longest row."""
    squares = np.einsum("ij,ij->i", features, features, dtype=np.float64)
    return float(np.sqrt(squares.max(initial=0)))


def _vector(column: Any) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(column[:, 0], dtype=np.float64)


def _wrong(found: str) -> InputError:
    return InputError(
        expected("features and potentials of the map", found, "Map again, or load the saved mapping.")
    )


def without_potentials(adata: ad.AnnData) -> ad.AnnData:
    """Return an AnnData, which is not shared, without the features and potentials of a map."""
    for slot, name in _PLACES:
        getattr(adata, slot).pop(name, None)
    record = adata.uns.get(HOMESPOT)
    if isinstance(record, Mapping) and RECORD in record:
        adata.uns[HOMESPOT] = {name: value for name, value in record.items() if name != RECORD}
    return adata
