"""Where else an object may have the coordinates of its spots, when they are not where homespot takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd

from .axes import named_axes
from .errors import some
from .keys import COORDINATES
from .sections import plain_name

__all__ = ["elsewhere", "number_columns"]

F64 = npt.NDArray[np.float64]

_PLACES = re.compile(
    "spatial|coord|position|xy|locat|centroid|center|centre|place|tissue|slide|pixel|micron|physical|"
    "global|aligned|registered|real|layout2d|image|array|seq|visium|stereo|merfish|merscope|cosmx|xenium|"
    "starmap|fish|codex|ccf"
)
"""What the name of a matrix of coordinates has in it, in the spelling of `plain_name`."""

_EMBEDDING = re.compile(
    "umap|tsne|pca|phate|connect|dist|graph|diffmap|velocity|latent|scvi|harmony|embed|trimap|pacmap|"
    r"factor|force|loading|score|emb$|^x?(mde|lsi|svd|nmf|ica|lda|fa|fr|dc|vae|cca|mofa)\d*$"
)

_GRID_NAME = re.compile(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)")
"""Names of spots that are their places, as in Spatial Transcriptomics before Visium: 12x30."""


def _as_numbers(column: Any) -> F64 | None:
    """Return a column as numbers, NaN where missing; None where it holds anything else, or nothing."""
    if not isinstance(column, pd.Series):
        return None  # two columns of one name
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
        if pd.api.types.is_numeric_dtype(obs[name])
        and not pd.api.types.is_complex_dtype(obs[name])
        and np.isfinite(obs[name].to_numpy(dtype=np.float64, na_value=np.nan)).all()
    ]


def elsewhere(adata: ad.AnnData, obs: pd.DataFrame, *, guess: bool = True) -> str:
    """Say where coordinates may be, with the line that sets them; nothing where there is no trace of any.

    `obs` is the annotation of the spots that are looked at. With `guess` a matrix is named even if only its
    shape speaks for it.
    """
    return next(_places(adata, obs, guess=guess), "")


def _places(adata: ad.AnnData, obs: pd.DataFrame, *, guess: bool) -> Iterator[str]:
    """Yield sentences, the likeliest place first."""
    yield from _columns(obs)
    yield from _matrices(adata, guess=guess)
    names = obs.index.astype(str)
    if len(names) and all(map(_GRID_NAME.fullmatch, names)):
        yield (
            f"The names of the spots look like coordinates ({some(names, 2)}): st.obsm['spatial'] = "
            "numpy.array([name.split('x') for name in st.obs_names], dtype=float)."
        )


def _columns(obs: pd.DataFrame) -> Iterator[str]:
    numbers = {name: values for name in obs.columns if (values := _as_numbers(obs[name])) is not None}
    listed = list(numbers)
    axes = named_axes(listed)
    if axes is None:
        return
    names = [listed[i] for i in axes.columns]
    shown = [str(name) for name in names]
    line = f"st.obsm['spatial'] = st.obs[{shown}].to_numpy(dtype=float)"
    if all(pd.api.types.is_numeric_dtype(obs[name]) for name in names):
        line = f"st.obsm['spatial'] = st.obs[{shown}].to_numpy()"
    missing = int((~np.isfinite(np.column_stack([numbers[name] for name in names]))).any(axis=1).sum())
    if not missing:
        yield f"The columns {some(shown)} of st.obs look like coordinates: {line}."
        return
    # Plain columns x and y are taken by themselves, once every spot has them.
    then = "" if shown[:2] == list(COORDINATES[:2]) else f", and set {line}"
    yield (
        f"The columns {some(shown)} of st.obs look like coordinates, but {missing} of {len(obs)} spots have "
        f"missing or infinite ones: correct them, or drop these spots{then}."
    )


def _matrices(adata: ad.AnnData, *, guess: bool) -> Iterator[str]:
    """Yield the matrices of two or three finite columns whose names do not speak against it."""
    found: list[tuple[int, str]] = []
    for slot, values in (("obsm", adata.obsm), ("uns", adata.uns)):
        for name, value in values.items():
            shape: tuple[int, ...] = getattr(value, "shape", ())
            if len(shape) != 2 or shape[0] != adata.n_obs or _EMBEDDING.search(plain_name(name)):
                continue
            named = isinstance(value, pd.DataFrame) and named_axes(value.columns) is not None
            if (shape[1] not in (2, 3) and not named) or not _are_numbers(value):
                continue
            likely = named or _PLACES.search(plain_name(name)) is not None
            if likely or (guess and not str(name).startswith("X_")):  # as scanpy calls embeddings
                found.append((0 if likely else 1, f"st.{slot}[{name!r}]"))
    for unlikely, where in sorted(found, key=lambda pair: pair[0]):
        how = "may be" if unlikely else "looks like"
        yield f"{where} {how} coordinates: st.obsm['spatial'] = {where}."


def _are_numbers(value: Any) -> bool:
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite(values).all())
