"""The pictures of the page; a picture is drawn if there is data for it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from ..common.ending import MARGINAL_ERROR, ending_of
from ..common.keys import CONFIDENT, HOMESPOT, POSITIONS, RADIUS, SPATIAL
from ..common.signals import heard
from ..expression.metrics import METRICS
from ..expression.table import Expression
from ..mapping.by_section import sections_of
from ..mapping.coordinates import images
from ..mapping.distances import correlations
from ..objects.tables import X
from ..space.sections import Sections

__all__ = ["Measured", "Picture", "pictures", "placed_cells"]

_DPI, _SHOWN_DPI = 150, 100
_COLUMN = 800  # CSS pixels; wider pictures take the width of the page
_PIES_UP_TO = 2_000
_PANELS_UP_TO, _PANELS_OF_MANY = 12, 6
_MANY = 20_000  # spots


@dataclass(frozen=True)
class Picture:
    """A PNG as base64, its size in CSS pixels, its caption, and the text that replaces it."""

    png: str
    width: int
    height: int
    caption: str
    alt: str
    wide: bool


@dataclass(frozen=True)
class Measured:
    """The spatial data, its expression, and the layer that this was taken from, None for X."""

    adata: ad.AnnData
    table: Expression
    layer: str | None


def placed_cells(mapping: ad.AnnData, table: pd.DataFrame) -> ad.AnnData | None:
    """Return the cells with a place, without expression; None if no cell has a place."""
    columns = [name for name in POSITIONS if name in table]
    there = table[columns].notna().all(axis=1).to_numpy() & bool(columns)
    if not there.any():
        return None
    cells = mapping.obs.drop(columns=table.columns, errors="ignore").join(table)[there]
    return ad.AnnData(
        obs=cells,
        obsm={SPATIAL: cells[columns].to_numpy()},
        uns={**images(mapping), HOMESPOT: mapping.uns[HOMESPOT]},
    )


def _picture(draw: Callable[[], Any], caption: str, alt: str, *, formulas: bool = False) -> Picture:
    """Draw into a PNG; `draw` returns a figure, or an Axes or several of it.

    Unless `formulas` is set, a $ in a name is a $. The user's own style is left aside.
    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    with heard(), plt.ioff(), plt.style.context(["default", {"text.parse_math": formulas}]):
        drawn = draw()
        figure = drawn if isinstance(drawn, Figure) else np.ravel(drawn)[0].figure
        try:
            content = BytesIO()
            figure.savefig(content, dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
        finally:
            plt.close(figure)
    png = content.getvalue()
    # Width and height stand at a fixed place of a PNG's header.
    width, height = (int.from_bytes(png[i : i + 4], "big") * _SHOWN_DPI // _DPI for i in (16, 20))
    encoded = base64.b64encode(png).decode("ascii")
    return Picture(encoded, width, height, caption, alt, width > _COLUMN)


def _of_the_run(mapping: ad.AnnData) -> Iterator[Picture]:
    from .. import plot

    curves = ending_of(mapping.uns[HOMESPOT]).curves
    if curves.keys() - {MARGINAL_ERROR}:
        yield _picture(
            lambda: plot.losses(mapping),
            "The terms of the training, before their weights.",
            "Curves of the losses over the epochs, one panel a term",
            formulas=True,
        )
    if MARGINAL_ERROR in curves:
        yield _picture(
            lambda: plot.marginals(mapping),
            "The error of the marginals at every check of the solver.",
            "Curve of the marginal error over the iterations",
            formulas=True,
        )


def _of_the_scores(scores: pd.DataFrame) -> Iterator[Picture]:
    import matplotlib.pyplot as plt

    from .. import plot

    shown = [
        metric
        for metric in METRICS
        if metric in scores and scores.groupby("method", observed=True)[metric].count().gt(0).all()
    ]
    if not shown or scores.duplicated(["gene", "method"]).any():
        return
    n_methods = scores["method"].nunique()

    def draw() -> Any:
        columns = min(len(shown), 2)
        rows = -(-len(shown) // columns)
        size = (columns * max(3.2, 1.1 * n_methods + 1), rows * 3.6)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for ax, metric in zip(axes.ravel(), shown, strict=False):
            plot.scores(scores, metric, ax=ax)
        for ax in axes.ravel()[len(shown) :]:
            figure.delaxes(ax)
        return figure

    yield _picture(draw, "Scores of genes held out, each a point.", "Boxes of the scores of each method")


def _of_the_cells(placed: ad.AnnData, label: str | None, image: Any, unit: str | None) -> Iterator[Picture]:
    from .. import plot

    if label is not None:
        yield _picture(
            lambda: plot.cells(placed, label, unit=unit, image=image),
            f"The cells at their places, coloured by {label}.",
            f"Map of {placed.n_obs} cells in the tissue, coloured by {label}",
        )
    if CONFIDENT in placed.obs and RADIUS in placed.obs:
        yield _picture(
            lambda: plot.confidence(placed, unit=unit, image=image),
            "How far each cell's place can be trusted.",
            f"Map of {placed.n_obs} cells in the tissue, coloured by the radius that is stated for each",
        )


def _of_the_types(
    types: ad.AnnData, sections: Sections | None, image: Any, unit: str | None
) -> Iterator[Picture]:
    from .. import plot

    if SPATIAL in types.obsm:
        if types.n_obs <= _PIES_UP_TO:
            yield _picture(
                lambda: plot.proportions(types, unit=unit, image=image),
                "Cell types in every spot.",
                "Map of the tissue with a pie of the cell types at every spot",
            )
        else:
            largest = np.argsort(-np.asarray(types.layers["cells"]).sum(axis=0), kind="stable")
            n_panels = _PANELS_UP_TO if types.n_obs <= _MANY else _PANELS_OF_MANY
            shown = types[:, np.sort(largest[:n_panels])].copy()
            names = ", ".join(shown.var_names.astype(str))
            more = types.n_vars - shown.n_vars
            yield _picture(
                lambda: plot.proportions(shown, "panels", unit=unit, image=image),
                "Proportion of each cell type" + (f" ({more} smaller ones are not shown)." if more else "."),
                f"Maps of the tissue, one a cell type, coloured by its proportion: {names}",
            )
    if types.n_vars > 1:
        shares = np.asarray(types.X, dtype=np.float64)
        found = correlations(shares, sections)
        table = pd.DataFrame(found, index=types.var_names, columns=types.var_names)
        yield _picture(
            lambda: plot.colocation(table),
            "Which cell types share spots: correlation of their proportions.",
            "Heat map of the correlation of the proportions of every two cell types",
        )


def _of_the_genes(imputed: ad.AnnData, st: Measured, image: Any, unit: str | None) -> Iterator[Picture]:
    from .. import plot

    measured = imputed.var[imputed.var_names.isin(st.table.genes)]
    values: dict[str, Any] = {"layer": st.layer or X, "scale": st.table.scale, "unit": unit, "image": image}
    scored = measured.get(METRICS["pcc"].key, pd.Series(np.nan, index=measured.index))
    pcc = scored.dropna().sort_values()
    if len(pcc):
        which = {
            "the best": pcc.index[-1],
            "a middling": pcc.index[len(pcc) // 2],
            "the worst": pcc.index[0],
        }
        chosen = {gene: f", {how} by its held-out score" for how, gene in reversed(which.items())}
    else:
        chosen = dict.fromkeys(measured.index[:2], "")
    for gene, how in reversed(chosen.items()):
        yield _picture(
            lambda gene=gene: plot.gene(st.adata, imputed, gene, **values),  # type: ignore[misc]
            f"{gene}, measured and imputed{how}.",
            f"Maps of the tissue, coloured by the expression of {gene}: measured and imputed",
        )


def pictures(
    mapping: ad.AnnData,
    *,
    placed: ad.AnnData | None,
    label: str | None,
    types: ad.AnnData | None,
    imputed: ad.AnnData | None,
    st: Measured | None,
    image: Any,
    scores: pd.DataFrame | None,
    unit: str | None,
) -> list[Picture]:
    """Draw the pictures for which there is data.

    Parameters
    ----------
    mapping
        The map.
    placed
        Its cells that have a place.
    label
        Column of `placed` with their types.
    types, imputed
        What `deconvolve_spots` and `impute_genes` returned.
    st
        The spatial data, and its expression.
    image
        The object whose tissue images are drawn underneath, or False.
    scores
        The table of `cross_validate`.
    unit
        Unit of the coordinates, for the scale bar.
    """
    drawn = list(_of_the_run(mapping))
    if scores is not None:
        drawn += _of_the_scores(scores)
    if imputed is not None and st is not None and SPATIAL in imputed.obsm:
        drawn += _of_the_genes(imputed, st, image, unit)
    if types is not None:
        drawn += _of_the_types(types, sections_of(mapping), image, unit)
    if placed is not None:
        drawn += _of_the_cells(placed, label, image, unit)
    return drawn
