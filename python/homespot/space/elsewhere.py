"""Find coordinates in other places of an object, if they are not where homespot reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.checks import is_real
from ..common.keys import COORDINATES
from ..common.wording import words
from ..errors import some
from .axes import PIXELS, counts_rows, named_axes
from .sections import plain_name

__all__ = ["elsewhere", "number_columns"]

F64 = npt.NDArray[np.float64]

_PLACES = re.compile(
    "spatial|coord|position|xy|locat|centroid|center|centre|place|tissue|slide|pixel|micron|physical|"
    "global|aligned|registered|real|layout2d|image|array|seq|visium|stereo|merfish|merscope|cosmx|xenium|"
    "starmap|fish|codex|ccf"
)
"""Words in the name of a matrix of coordinates, in the spelling of `plain_name`."""

_EMBEDDING = re.compile(
    "umap|tsne|pca|phate|connect|dist|graph|diffmap|velocity|latent|scvi|harmony|embed|trimap|pacmap|"
    r"factor|force|loading|score|emb$|^x?(mde|lsi|svd|nmf|ica|lda|fa|fr|dc|vae|cca|mofa)\d*$"
)

_GRID_NAME = re.compile(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)")
"""Names that give the places of spots, as in Spatial Transcriptomics before Visium: 12x30."""


def _as_numbers(column: Any) -> F64 | None:
    """Return a column as numbers, NaN for missing values; None if it is empty or holds anything else."""
    if not isinstance(column, pd.Series):
        return None  # two columns have this name
    kind = column.dtype
    if pd.api.types.is_complex_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        return None
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        return None
    given = column if pd.api.types.is_numeric_dtype(kind) else column.astype(object)
    found = pd.to_numeric(given, errors="coerce")
    if (found.isna() & given.notna()).any() or not found.notna().any():
        return None
    return np.asarray(found.to_numpy(dtype=np.float64, na_value=np.nan))


def number_columns(obs: pd.DataFrame) -> list[str]:
    """Return the columns of finite real numbers."""
    return [
        name
        for name in obs.columns[~obs.columns.duplicated(keep=False)]
        if is_real(obs[name].dtype)
        and np.isfinite(obs[name].to_numpy(dtype=np.float64, na_value=np.nan)).all()
    ]


def elsewhere(adata: ad.AnnData, obs: pd.DataFrame, *, guess: bool = True) -> str:
    """Say where coordinates may be, with the line that sets them; empty if there is no sign of any.

    `obs` is the annotation of the spots concerned. With `guess`, a matrix is named even if only its shape
    suggests coordinates.
    """
    return next(_places(adata, obs, guess=guess), "")


def _places(adata: ad.AnnData, obs: pd.DataFrame, *, guess: bool) -> Iterator[str]:
    """Yield sentences, the likeliest place first."""
    columns, grid = _columns(obs)
    likely, others = _matrices(adata)
    # A grid is coarser than places, and may not be to scale; if there are both, both are named.
    first = [*likely[:1], columns] if grid else [columns, *likely[:1]]
    both = " ".join(filter(None, first))
    if both:
        yield both
    if guess:
        yield from others
    names = obs.index.astype(str)
    if len(names) and all(map(_GRID_NAME.fullmatch, names)):
        yield (
            f"The names of the spots look like coordinates ({some(names, 2)}): "
            f"{words().set_coordinates(words().coordinates_in_names())}."
        )


def _columns(obs: pd.DataFrame) -> tuple[str, bool]:
    """Return a sentence about the columns, if there are any, and whether they are numbers of a grid."""
    numbers = {name: values for name in obs.columns if (values := _as_numbers(obs[name])) is not None}
    listed = list(numbers)
    axes = named_axes(listed, {i for i, name in enumerate(listed) if counts_rows(numbers[name])})
    if axes is None:
        return "", False
    names = [listed[i] for i in axes.columns]
    shown = [str(name) for name in names]
    text = not all(pd.api.types.is_numeric_dtype(obs[name]) for name in names)
    line = words().set_coordinates(words().coordinates_in_columns(shown, text=text))
    grid = axes.rows and not any(PIXELS.search(plain_name(name)) for name in names)
    missing = int((~np.isfinite(np.column_stack([numbers[name] for name in names]))).any(axis=1).sum())
    if not missing:
        return f"The columns {some(shown)} of {words().annotation('st')} look like coordinates: {line}.", grid
    # Plain columns x and y are used without being asked for, if every spot has values.
    then = "" if shown[:2] == list(COORDINATES[:2]) else f", and {line}"
    return (
        f"The columns {some(shown)} of {words().annotation('st')} look like coordinates, but {missing} of "
        f"{len(obs)} "
        f"spots have missing or infinite ones: correct them, or drop these spots{then}."
    ), grid


def _matrices(adata: ad.AnnData) -> tuple[list[str], list[str]]:
    """Return sentences about matrices that look like coordinates, and about matrices that may be some.

    These matrices have two or three finite columns, and no name that excludes coordinates.
    """
    likely, others = [], []
    for slot, values in (("obsm", adata.obsm), ("uns", adata.uns)):
        for name, value in values.items():
            shape: tuple[int, ...] = getattr(value, "shape", ())
            if len(shape) != 2 or shape[0] != adata.n_obs or _EMBEDDING.search(plain_name(name)):
                continue
            named = isinstance(value, pd.DataFrame) and named_axes(value.columns) is not None
            if (shape[1] not in (2, 3) and not named) or not _are_numbers(value):
                continue
            where = words().matrix(slot, name)
            if named or _PLACES.search(plain_name(name)) is not None:
                likely.append(f"{where} looks like coordinates: {words().set_coordinates(where)}.")
            elif not str(name).startswith("X_"):  # scanpy's prefix for embeddings
                others.append(f"{where} may be coordinates: {words().set_coordinates(where)}.")
    return likely, others


def _are_numbers(value: Any) -> bool:
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite(values).all())
