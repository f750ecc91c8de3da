"""The genes that several sections share, and why they may share few."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import anndata as ad
import numpy as np

from ..common.checks import name as check_name
from ..common.wording import GeneTable, argument, either, words
from ..errors import DataWarning, InputError, expected, some
from ..expression.gene_names import Names, better_names, clear_gain
from ..expression.genes import genes_of, names_in

__all__ = ["genes_of_all", "named_by"]


def named_by(parts: Mapping[str, ad.AnnData], column: str, codes: Mapping[str, str]) -> dict[str, ad.AnnData]:
    """Return sections whose genes are named by a column of var; the column holds the same names.

    Features that are not genes are left out, as for `map_cells`. If ``raw`` has the column too, its genes are
    named in the same way. `codes` is the code for every section.
    """
    check_name("gene_column", column)
    return {name: _with_names_of(part, codes[name], column) for name, part in parts.items()}


def _with_names_of(part: ad.AnnData, code: str, column: str) -> ad.AnnData:
    of_raw = part.raw is not None and column in part.raw.var
    var, kept = part.var, np.arange(part.n_vars)
    if column in var or not of_raw:
        kept, about = genes_of(var, "st", column=column, where=GeneTable(code))
        var = about.var.assign(**{column: about.var.index})
    taken = part[:, kept]
    raw = None
    if part.raw is not None:
        raw = {"X": part.raw.X, "var": part.raw.var}
        if of_raw:
            with warnings.catch_warnings():
                if column in part.var:  # the call before has given the same warnings
                    warnings.simplefilter("ignore", DataWarning)
                rows, about = genes_of(part.raw.var, "st", column=column, where=GeneTable(code, raw=True))
            raw = {"X": part.raw.X[:, rows], "var": about.var.assign(**{column: about.var.index})}
    return ad.AnnData(
        taken.X,
        part.obs,
        var,
        uns=dict(part.uns),
        obsm=dict(part.obsm),
        layers={name: taken.layers[name] for name in taken.layers if name is not None},
        raw=raw,
    )


def genes_of_all(named: Mapping[str, ad.AnnData], codes: Mapping[str, str]) -> list[str]:
    """Return the genes that all sections have, in the order of the first; a warning counts the others.

    Parameters
    ----------
    named
        Sections by name.
    codes
        Code for every section: ``st[0]`` or ``st['a']``.
    """
    parts = list(named.values())
    for name, part in named.items():
        if not part.var_names.is_unique:
            twice = part.var_names[part.var_names.duplicated()].unique()
            raise InputError(
                expected(
                    f"unique gene names in section {name!r}",
                    f"{some(twice)} more than once",
                    f"Make them unique first: {words().unique_gene_names(codes[name])}.",
                )
            )
    known = set(parts[0].var_names).intersection(*(part.var_names for part in parts[1:]))
    genes = [gene for gene in parts[0].var_names if gene in known]
    better = _better_names(named, codes, len(genes))
    if not genes:
        raise InputError(
            expected(
                "genes that all sections have",
                "none: " + "; ".join(f"{name!r} has {some(part.var_names)}" for name, part in named.items()),
                better or "Use the same names of genes in all sections.",
            )
        )
    lost = {name: part.n_vars - len(genes) for name, part in named.items() if part.n_vars > len(genes)}
    if lost:
        counts = ", ".join(f"{count} of {name!r}" for name, count in lost.items())
        warnings.warn(
            f"Left out genes that not all sections have ({counts}); {len(genes)} are left. "
            + (better or "To use all genes of a section, map onto it alone."),
            DataWarning,
            stacklevel=5,
        )
    return genes


def _better_names(named: Mapping[str, ad.AnnData], codes: Mapping[str, str], shared: int) -> str:
    """Say which other names would match clearly more genes of all sections; empty if no names would."""
    by_column = _by_column(named, shared)
    if by_column:
        return by_column
    (first, one), *others = named.items()
    found = []
    for name, part in others:
        sentence = better_names(_names("sc", first, one, codes[first]), _names("st", name, part, codes[name]))
        if sentence is not None:
            found.append(sentence)
    return " ".join(found[:2])


def _names(side: str, section: str, part: ad.AnnData, code: str) -> Names:
    genes, spots = ([str(name) for name in index] for index in (part.var_names, part.obs_names))
    return Names(side, genes, spots, part.var, GeneTable(code), section=section)


def _by_column(named: Mapping[str, ad.AnnData], shared: int) -> str:
    """Say which column of all sections shares clearly more names than their indices share."""
    parts = list(named.values())
    fewest = min(part.n_vars for part in parts)
    gain = clear_gain(fewest)
    if shared + gain > fewest:
        return ""
    most, best = shared, ""
    for column in parts[0].var.columns:
        if not isinstance(column, str) or not all(column in part.var for part in parts):
            continue
        if parts[0].var[column].dtype.kind in "biufmMc":
            continue
        sets = [set(names_in(part.var[column])) - {None} for part in parts]
        if len(set.intersection(*sets)) > most and len(sets[0]) >= parts[0].n_vars / 4:
            most, best = len(set.intersection(*sets)), column
    if most < shared + gain:
        return ""
    set_column = argument("st_gene_column", best)
    where = either("var", "rowData")
    return f"{most} would be shared by the names in column {best!r} of {where}: set {set_column}."
