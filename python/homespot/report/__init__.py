"""report: one self-contained HTML page about a map."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from ..common import checks, files
from ..common.extras import require
from ..common.keys import CONFIDENT_SHARE, HOMESPOT, LEFT_OVER
from ..common.memory import bounded
from ..common.wording import argument, verb
from ..errors import InputError, TooLargeError, expected
from ..expression.scale import SCALES, Scale
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import has_coordinates
from ..mapping.joined_types import BY_MAP
from ..mapping.mapped_side import MappedSide, mapped_side
from ..mapping.read_out import read_out_of
from ..matrix.gather import ColumnSums
from ..objects.access import check_adata
from ..objects.annotated import files_of, with_tables
from ..objects.join_sections import as_one
from ..objects.labels import in_order
from ..verbs.cell_positions import CellTable
from ..verbs.deconvolve_spots import SpotTypes
from ._genes import Floats, Genes, gene_columns
from ._pictures import Measured, pictures, placed_cells
from ._summary import runs, score_rows
from ._tissue import CELLS_UP_TO, MAP, TYPES, Column, LikeliestCells, column_limit, tissue

__all__ = ["report"]

_HERE = Path(__file__).parent


def _write(text: str, target: Path) -> None:
    """Write a page completely or not at all; an existing file is replaced."""
    try:
        with files.whole(target) as file:
            file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            expected(
                f"a disk that takes {str(target)!r}",
                str(error),
                "Make room or write elsewhere; nothing is left of this file.",
            )
        ) from error


def _page(**values: Any) -> str:
    """Fill the template. Text from the user is escaped by Jinja, or is part of JSON."""
    jinja2, markup = import_module("jinja2"), import_module("markupsafe").Markup
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    scripts = []
    if values["tissue"] is not None:
        plotly = import_module("plotly.offline").get_plotlyjs()
        scripts = [plotly, (_HERE / "tissue.js").read_text(encoding="utf-8")]
    # The policy allows only these scripts and no requests, so a name in the data cannot run code.
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    page: str = environment.get_template("report.html.j2").render(
        scripts=[markup(script) for script in scripts],
        script_sources=" ".join(f"'sha256-{value}'" for value in hashes) or "'none'",
        style=markup((_HERE / "report.css").read_text(encoding="utf-8")),
        **values,
    )
    return page


def _type_columns(types: ad.AnnData | None, limit: int) -> tuple[list[Column], str]:
    """Return the largest cell types at the spots, and a sentence that says how many are left out."""
    if types is None:
        return [], "Pass labels, a column of the mapping's obs, to see cell types."
    shares = np.asarray(types.X)
    largest = np.argsort(-np.asarray(types.layers["cells"]).sum(axis=0), kind="stable")[:limit]
    columns = [
        Column(TYPES, str(types.var_names[i]), "share of cells", shares[:, i]) for i in np.sort(largest)
    ]
    left_out = types.n_vars - len(columns)
    note = f"There is room for the {limit} largest types; {left_out} are left out." if left_out else ""
    return columns, note


def _fitted(types: SpotTypes, sc: MappedSide | None, st: MappedSide | None) -> str:
    """Fit the types of the spots where both data sets are there; return why they cannot be fitted, if so."""
    if sc is None or st is None:
        return ""
    try:
        types.fit(sc, st)
    except (InputError, TooLargeError) as error:  # the map's types are shown, and the page says why
        return f"The spots cannot be fitted. {error}"
    return ""


def _types_note(types: ad.AnnData | None, why: str) -> str:
    """Return a sentence that says what the types of the spots rest on."""
    if types is None:
        return ""
    weight = types.uns[HOMESPOT].get("map_weight")
    if weight is None:
        return f"The cell types of spots are by {BY_MAP}. {why}".rstrip()
    return (
        f"The cell types of spots are those of {verb('deconvolve_spots')} with {argument('sc')} and "
        f"{argument('st')}: a fit of the spots on the expression of the types, beside which the map counts "
        f"{weight:.0%}."
    )


def _of_the_map(expected: Floats, types: ad.AnnData | None) -> list[Column]:
    columns = [Column(MAP, "Expected cells", "per spot", expected)]
    if types is not None and CONFIDENT_SHARE in types.obs:
        share = types.obs[CONFIDENT_SHARE].to_numpy(dtype=np.float64)
        columns.append(Column(MAP, "Confident cells", "share of a spot's cells", share))
    return columns


@bounded
def report(
    mapping: ad.AnnData,
    output: str | os.PathLike[str] = "report.html",
    *,
    sc: ad.AnnData | None = None,
    st: Any = None,
    labels: Any = None,
    genes: Sequence[str] | None = None,
    scores: pd.DataFrame | None = None,
    sc_layer: str | None = None,
    st_layer: str | None = None,
    sc_scale: Scale | Literal["auto"] = "auto",
    st_scale: Scale | Literal["auto"] = "auto",
    unit: str | None = None,
    title: str | None = None,
) -> Path:
    """Write one HTML page about a map: what was mapped, how the run ended, scores and pictures.

    The page contains everything it needs and works offline. It has the record of the run, scores, pictures,
    and the tissue, in which every spot shows its name, its cells and its types, and is coloured by a gene or
    a type. If there are several sections, the page shows one at a time, with its own direction of y, and all
    on one colour scale.

    Parameters
    ----------
    mapping
        A result of `map_cells`. If it has no coordinates, the page has no tissue, and says so.
    output
        File to write; it is written completely or not at all, and an existing file is replaced.
    sc
        The single-cell data that was mapped; its genes are imputed as by `impute_genes`.
    st
        The spatial data, or several sections as for `map_cells`; its genes are also shown as measured. With
        `sc` and `st`, the cell types of the spots are those of `deconvolve_spots` with both; else they are by
        the map alone. The page says which, and how much the map counts.
    labels
        Type of every cell: a column of the mapping's obs, or labels in any other form that `deconvolve_spots`
        takes. None: the labels with which the map was made, if any.
    genes
        Genes by which the tissue can be coloured. None: some tens of genes that vary most in space.
    scores
        The table of `cross_validate` for these data.
    sc_layer
        Layer of `sc` with the expression (``"X"``: X); see `map_cells`. None: the layer that was mapped.
    st_layer
        Layer of `st` with the expression (``"X"``: X); see `map_cells`. None: the layer that was mapped.
    sc_scale
        Scale of `sc`; see `map_cells`. ``"auto"``: the scale with which the map was made.
    st_scale
        Scale of `st`; see `map_cells`. ``"auto"``: the scale with which the map was made.
    unit
        Unit of the coordinates, for scale bars, e.g. ``"µm"``; None draws none.
    title
        Heading of the page.

    Returns
    -------
    The path of the page.

    Raises
    ------
    InputError
        If the data do not belong to the mapping, neither data set has a gene, or the file cannot be written.
    DependencyError
        If jinja2, matplotlib or plotly is not installed.
    """
    target = files.check_target(output, ".html", ".htm")
    view = CheckedMap(mapping)
    if sc is not None:
        check_adata(sc, "sc")
        sc = with_tables(sc)
    if st is not None:
        st = as_one(st, mapping.uns[HOMESPOT].get("st_gene_column"))
        check_adata(st, "st")
        st = with_tables(st)
    for name, scale in (("sc_scale", sc_scale), ("st_scale", st_scale)):
        checks.one_of(name, scale, SCALES)
    read = [adata for adata in (mapping, sc, st) if adata is not None]
    files.refuse_inputs(target, [file for adata in read for file in files_of(adata)])
    for name, value in (("unit", unit), ("title", title), ("sc_layer", sc_layer), ("st_layer", st_layer)):
        if value is not None:
            checks.name(name, value)
    for side, layer, adata in (("sc", sc_layer, sc), ("st", st_layer, st)):
        if layer is not None and adata is None:
            raise InputError(
                expected(
                    f"{argument(side)} with {argument(f'{side}_layer')}",
                    f"no {argument(side)}",
                    "Pass both, or neither.",
                )
            )
    for package in ("jinja2", "matplotlib", "plotly"):
        require(package, "a report")
    from ..plot.panels import Panel, panels_of_spots, with_image

    record = mapping.uns[HOMESPOT]
    if labels is None and record.get("parameters", {}).get("labels") in mapping.obs:
        labels = record["parameters"]["labels"]
    scored = None if scores is None else score_rows(scores)
    cells = CellTable(view) if has_coordinates(mapping) else None
    of_cells = None if sc is None else mapped_side(mapping, sc, "sc", sc_layer, sc_scale)
    of_spots = None if st is None else mapped_side(mapping, st, "st", st_layer, st_scale)
    types_read = None if labels is None else SpotTypes(view, labels, confident=cells)
    why = "" if types_read is None else _fitted(types_read, of_cells, of_spots)
    expected_cells = ColumnSums()
    likeliest = LikeliestCells() if mapping.n_vars <= CELLS_UP_TO else None
    factors = None if sc is None or cells is None else read_out_of(mapping, None)
    asked = [cells, types_read, *([] if cells is None else [expected_cells, likeliest]), factors]
    view.read(*[reducer for reducer in asked if reducer is not None])
    placed = types = places = None
    if cells is not None:
        places = cells.table()
        placed = placed_cells(mapping, places)
    if types_read is not None:
        types = types_read.types(places)
    label = labels if isinstance(labels, str) else "type"
    if placed is not None and labels is not None:
        placed.obs[label] = in_order(labels, mapping.obs, "labels", "cell").astype(object)
    columns: list[Column] = []
    notes = [_types_note(types, why)]
    data, shown, image, measured = None, Genes([], ""), False, None
    sections: list[Panel] = []
    if has_coordinates(mapping):
        image = with_image(mapping, st, mapping)
        sections = panels_of_spots(mapping, image)
        limit = column_limit(mapping.n_vars)
        columns, note = _type_columns(types, limit // 2)
        columns += _of_the_map(expected_cells.total, types)
        if of_spots is not None:
            measured = Measured(st, of_spots.table, of_spots.source.layer)
        shown = gene_columns(view, factors, of_cells, of_spots, genes, scores, limit - len(columns))
        columns += shown.columns
        data = tissue(mapping, columns, unit, sections, expected_cells.total, likeliest)
        notes += [note, shown.said]
        if mapping.n_vars > CELLS_UP_TO:
            notes.append(
                f"Of so many spots the page knows the types and not the most probable cells, "
                f"which it does up to {CELLS_UP_TO:,}."
            )
    kept = 1 - float(mapping.obs[LEFT_OVER].mean())
    page = _page(
        title=title or f"{mapping.n_obs:,} cells on {mapping.n_vars:,} spots",
        facts=[
            ("cells", f"{mapping.n_obs:,}"),
            ("spots", f"{mapping.n_vars:,}"),
            *([("sections", f"{len(sections):,}")] if len(sections) > 1 else []),
            ("genes used", f"{len(record['genes']):,}" if "genes" in record else "unknown"),
            ("method", str(record.get("method", "unknown"))),
            *([("of the map kept", f"{100 * kept:.3g} %")] if kept < 0.9999 else []),
        ],
        runs=runs(mapping),
        tissue=data,
        groups=list(dict.fromkeys(column.group for column in columns)),
        columns=columns,
        notes=[text for text in notes if text],
        scores=scored,
        pictures=pictures(
            mapping,
            placed=placed,
            label=None if labels is None else label,
            types=types,
            imputed=shown.imputed,
            st=measured,
            image=image,
            scores=scores,
            unit=unit,
        ),
    )
    _write(page, target)
    return target
