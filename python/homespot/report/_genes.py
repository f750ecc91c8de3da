"""The genes that the report shows in the tissue, imputed and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from ..common.keys import HOMESPOT, LOWER, MAPPED, UPPER
from ..common.wording import argument
from ..errors import InputError, expected, some
from ..expression.metrics import METRICS
from ..expression.scale import LOG_VALUES
from ..expression.shared import unknown_genes
from ..expression.table import Expression
from ..expression.transforms import log_normalised, most_variable
from ..mapping.by_section import sections_of
from ..mapping.checked import CheckedMap
from ..mapping.coordinates import coordinates
from ..mapping.gene_blocks import gene_blocks
from ..mapping.mapped_side import MappedSide
from ..mapping.read_out import FactorsOf, ReadOut
from ..space.sections import Sections
from ..verbs.impute_genes import impute_table, why_no_intervals
from ._tissue import Column

__all__ = ["IMPUTED", "MEASURED", "Genes", "gene_columns", "neighbours", "spatial_covariance"]

IMPUTED, MEASURED = "Genes, imputed", "Genes, measured"

_CANDIDATES = 1000
_SHOWN, _SHOWN_MEASURED = 30, 10
_NEIGHBOURS = 6
_LEVEL = 0.9
_BLOCK_VALUES = 4_000_000

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Genes:
    """Genes at the spots, sentences about genes that are left out, and the result of `impute_genes`."""

    columns: list[Column]
    said: str
    imputed: ad.AnnData | None = None


def neighbours(where: npt.NDArray[np.float64], sections: Sections | None = None) -> sparse.csr_matrix:
    """Return the matrix (spots x spots, rows sum to 1) that takes the mean over a spot's neighbours.

    Neighbours are of one section.
    """
    if sections is None:
        return _neighbours(where)
    order = [sections.rows(code) for code in range(len(sections.names))]
    back = np.argsort(np.concatenate(order))
    near = sparse.block_diag([_neighbours(where[rows]) for rows in order], format="csr")
    return sparse.csr_matrix(near[back][:, back])


def _neighbours(where: npt.NDArray[np.float64]) -> sparse.csr_matrix:
    n = len(where)
    k = min(_NEIGHBOURS, n - 1)
    if k < 1:
        return sparse.csr_matrix((n, n))
    # A spot is among its own nearest: one more is asked for, and of each row one is left out.
    near = np.asarray(cKDTree(where).query(where, k=k + 1)[1])
    own = near == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    columns = near[~own].reshape(n, k)
    return sparse.csr_matrix(
        (np.full(n * k, 1 / k), columns.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n)
    )


def spatial_covariance(
    values: Floats, near: sparse.csr_matrix, sections: Sections | None = None
) -> npt.NDArray[np.float64]:
    """Covariance of every column's value at a spot with the mean of its neighbours.

    It is Moran's I times the variance: large for patterns that are strong and not noise. Of several sections
    the mean of each is taken away, so that no difference between sections counts.
    """
    out = np.empty(values.shape[1])
    rows = [slice(None)] if sections is None else [sections.rows(i) for i in range(len(sections.names))]
    step = max(_BLOCK_VALUES // max(len(values), 1), 1)
    for start in range(0, values.shape[1], step):
        x = np.nan_to_num(values[:, start : start + step].astype(np.float64))
        for of_section in rows:
            x[of_section] -= x[of_section].mean(axis=0)
        out[start : start + step] = np.einsum("sg,sg->g", x, near @ x) / max(len(x), 1)
    return out


def _chosen(
    view: CheckedMap, factors: FactorsOf, sc: MappedSide, measured: set[str], n: int
) -> tuple[list[str], list[str]]:
    """Return the imputed genes with the largest spatial covariance, among all and among measured genes."""
    mapping, table = view.mapping, sc.table
    candidates = most_variable(table, _CANDIDATES)
    sections = sections_of(mapping)
    near = neighbours(coordinates(mapping), sections)
    covariance = np.empty(len(candidates))
    scale = factors.factors()
    size = min(max(_BLOCK_VALUES // mapping.n_vars, 1), 256)
    for block, values in gene_blocks(view.matrix, table, sc.rows, candidates, scale, size):
        covariance[block] = spatial_covariance(values, near, sections)
    ranked = [str(gene) for gene in table.genes[candidates[np.argsort(-covariance, kind="stable")]]]
    return ranked[: min(_SHOWN, n)], [gene for gene in ranked if gene in measured][: min(_SHOWN_MEASURED, n)]


def _asked(genes: Sequence[str], sides: list[Expression]) -> list[str]:
    """Return the genes asked for, if each is in the data."""
    if isinstance(genes, str):
        raise InputError(expected("a list of genes", repr(genes), f"Pass [{genes!r}]."))
    if not sides:
        raise InputError(
            expected("sc or st where genes are named", "neither", "Pass the data that was mapped.")
        )
    names = list(dict.fromkeys(str(gene) for gene in genes))
    known = {str(gene) for table in sides for gene in table.genes}
    unknown = [gene for gene in names if gene not in known]
    for table in sides:
        if table.about is not None and any(gene in table.about.left_out for gene in unknown):
            raise unknown_genes(table, unknown)
    if unknown:
        raise InputError(
            expected(
                f"genes of the data, such as {some(sorted(known))}",
                f"{len(unknown)} that are not there ({some(unknown)})",
                "Check the spelling, and whether these are symbols or Ensembl ids.",
            )
        )
    return names


def gene_columns(
    view: CheckedMap,
    factors: FactorsOf | None,
    sc: MappedSide | None,
    st: MappedSide | None,
    genes: Sequence[str] | None,
    scores: pd.DataFrame | None,
    limit: int,
) -> Genes:
    """Return genes at the spots: imputed if `sc` is given, and measured if `st` is given.

    Parameters
    ----------
    view
        A map whose spots have coordinates.
    factors
        The read-out, for which the map has been read, where `sc` is given.
    sc, st
        The expression of the data that was mapped, and its rows of the mapping's cells and spots.
    genes
        Which genes; None takes, of the 1,000 most variable of `sc`, the 30 whose imputed expression has the
        largest spatial covariance, and 10 among those that `st` has; without `sc`, the 30 of largest spatial
        covariance that were measured.
    scores
        The table of `cross_validate`.
    limit
        How many columns there is room for.
    """
    mapping = view.mapping
    if sc is None and st is None and genes is None:
        return Genes([], f"Pass {argument('sc')} or {argument('st')} to see genes.")
    asked = None if genes is None else _asked(genes, [side.table for side in (sc, st) if side is not None])
    table = None if st is None else st.of_map()
    in_st = set() if table is None else {str(gene) for gene in table.genes}
    if asked is not None:
        names = asked
        said = f"{len(names)} genes as asked for."
    elif sc is not None and factors is not None:
        first, also = _chosen(view, factors, sc, in_st, limit // 2 if in_st else limit)
        names = list(dict.fromkeys([*first, *also]))
        said = (
            f"Shown are the {len(first)} genes whose imputed expression varies most in space "
            "(covariance of a spot with its neighbours)"
            + (f", and the {len(also)} first of those that were measured." if also else ".")
        )
    else:
        assert table is not None
        columns_tried = most_variable(table, min(_CANDIDATES, 10 * limit))
        candidates = [str(gene) for gene in table.genes[columns_tried]]
        sections = sections_of(mapping)
        near = neighbours(coordinates(mapping), sections)
        covariance = spatial_covariance(log_normalised(table, candidates), near, sections)
        order = np.argsort(-covariance, kind="stable")
        names = [candidates[i] for i in order[: min(_SHOWN, limit)]]
        said = f"Shown are the {len(names)} measured genes that vary most in space."
    in_sc = set() if sc is None else {str(gene) for gene in sc.table.genes}
    imputed = [name for name in names if name in in_sc]
    measured = [name for name in names if name in in_st]
    if len(imputed) + len(measured) > limit:
        said += f" There is room for {limit} patterns on this many spots; the others are left out."
        imputed = imputed[: max(limit - len(measured), limit // 2)]
        measured = measured[: limit - len(imputed)]
    columns, found = [], None
    if imputed and sc is not None and factors is not None:
        own, level, why = _trusted(scores, mapping, imputed, factors.read_out)
        said += why
        found = impute_table(view, sc.table, sc.rows, imputed, factors, own, level)
        unit = f"imputed, {found.uns[HOMESPOT]['imputed_scale']}"
        columns += [
            Column(IMPUTED, name, unit, values, _note(gene, name in in_st, scores is not None) + width)
            for (name, gene), values, width in zip(
                found.var.iterrows(), np.asarray(found.X).T, _widths(found), strict=True
            )
        ]
    if measured and table is not None:
        values = log_normalised(table, measured)
        unit = f"measured, {LOG_VALUES[table.scale]}"
        columns += [
            Column(MEASURED, name, unit, values[:, i], "As measured by the atlas.")
            for i, name in enumerate(measured)
        ]
    return Genes(columns, said, found)


def _trusted(
    scores: pd.DataFrame | None, mapping: ad.AnnData, genes: list[str], read_out: ReadOut
) -> tuple[pd.DataFrame | None, float | None, str]:
    """Return the scores of the mapping's method, if any is of these genes or gives them intervals.

    Beside them stand the level of the intervals, or None and a sentence that says why there are none.
    """
    none = " The imputed genes have no intervals"
    if scores is None:
        return None, None, f"{none}, which follow from {argument('scores')}."
    record = mapping.uns[HOMESPOT]
    own = scores[scores["method"].astype(str) == str(record.get("method"))]
    if own.empty:
        methods = some(scores["method"].astype(str).unique())
        return None, None, f"{none}: the scores are those of other methods ({methods})."
    why = why_no_intervals(own, _LEVEL, record, read_out, genes)
    if why:
        return own if own["gene"].astype(str).isin(genes).any() else None, None, f"{none}. {why}"
    return own, _LEVEL, ""


def _widths(found: ad.AnnData) -> list[str]:
    """Say how wide the intervals of every gene are, if there are some."""
    if UPPER not in found.layers:
        return [""] * found.n_vars
    widths = np.nanmedian(found.layers[UPPER] - found.layers[LOWER], axis=0)
    return [f" Half of its intervals of the level {_LEVEL:g} are narrower than {w:.2f}." for w in widths]


def _note(gene: pd.Series, measured: bool, scored: bool) -> str:
    """Say how far the pattern of an imputed gene can be trusted."""
    pcc, ssim = (gene.get(METRICS[name].key, np.nan) for name in ("pcc", "ssim"))
    said = "The map was made from this gene, with others. " if gene.get(MAPPED, False) else ""
    if np.isfinite(pcc):
        return said + f"Held out, its pattern came out with PCC {pcc:.2f} and SSIM {ssim:.2f}."
    if measured:
        return said + "The atlas has measured this gene as well."
    return "The atlas has not measured this gene, so it has no score of its own." if scored else ""
