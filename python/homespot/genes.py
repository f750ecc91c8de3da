"""Which features of a table are genes, and what the genes are called: what an object's annotation says."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import DataWarning, InputError, expected, some

__all__ = ["TABLES", "About", "genes_of", "texts"]

Flags = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

TABLES = {"sc": "single-cell data", "st": "spatial data"}
"""What the table of a side is called."""

_GENE = "Gene Expression"
_NEW_COLUMN = "feature_types"

_TYPE_COLUMN = re.compile(
    r"(feature|probe|target|analyte|control|codeword|library)s?(types?|class(es)?|kinds?|category|categories)|"
    r"codeclass"
)
"""Columns that say of what kind a feature is, in lower case without punctuation."""

_GENERAL_COLUMN = re.compile(r"types?|class|modality|modalities|analytes?")
"""Columns that may say so, or anything else."""

_BIOTYPE_COLUMN = re.compile(r"(gene)?(bio)?types?|geneclass|featurebiotypes?")
"""Columns that say what a gene codes for: there a protein is a gene."""

_YES_NO_COLUMN = re.compile(
    r"(is)?(control(probe|feature)?|neg(ative)?(control(probe)?|ctrl|probe|prb)|negative|blanks?|blankprobe|"
    r"spike(in)?s?|ercc|antibody|protein|adt|hto|hashtag|systemcontrol|falsecode)"
)
"""Columns of yes and no."""

_COLUMNS = (_TYPE_COLUMN, _GENERAL_COLUMN, _BIOTYPE_COLUMN, _YES_NO_COLUMN)
_YES = ("true", "yes", "1", "10", "t", "y")
_NO = ("false", "no", "0", "00", "f", "n")

_OTHER = re.compile(
    r"""
    (total)?(seq)?antibod(y|ies).* | adts?(capture|tags?)? | (surface)?proteins?(capture|expression)
    | (cell)?(multiplexing|hashing|hashtags?|htos?|cmos?)(capture|oligos?|antibod(y|ies))
    | (cell)?hashing | hashtags? | htos? | cmos?
    | crispr.* | guidecapture | antigencapture
    | chromatin.* | atac(seq|peaks?)?
    | neg(ative)?(control|ctrl)s?(probes?|prbs?|codewords?)?\d* | neg(ative)?(probes?|prbs?|codewords?)\d*
    | positivecontrols?\d* | control(probes?|codewords?|features?)
    | blank(codewords?|probes?) | (unassigned|deprecated)(codewords?|probes?)
    | genomiccontrols?(probes?|codewords?)? | intergenic(region)?s?
    | systemcontrols?(probes?|codewords?)? | falsecodes?(codewords?)?
    | (ercc|sirv)s?(spikeins?|controls?)? | spikeins?(controls?|rnas?)?
    """,
    re.VERBOSE,
)
"""Values that stand for what is no gene, in lower case without punctuation."""

_OTHER_THERE = re.compile(
    r"negative\d*|positive\d*|controls?|custom|(guide|sg|g)rnas?|guides?|prot(eins?)?|metabolites?|lipids?|"
    r"multiplexing|antigen|peaks?|tiles?|motifs?|spikes?|blanks?|unassigned|deprecated"
)
"""Values that do so only in a column that is known to be of kinds of features."""

_IS_GENE = re.compile(
    r"genes?|genes?expressions?|m?rnas?|transcripts?|transcriptome|endogenous\d*|housekeeping|proteincoding"
)
"""Values that say of a feature that it is a gene, whatever its name."""

_NAMES = {
    "blanks": r"blank[-_. ]?(codeword|probe)?[-_. ]?\d+|no[-_. ]?target[-_. ]?\d+",
    "negative controls": (
        r"neg(ative)?[-_. ]?(control|ctrl)?[-_. ]?(probe|prb|codeword)([-_. ]?[a-z]*[-_. ]?\d*)"
        r"|neg(ative)?[-_. ]?(control|ctrl)[-_. ]?\d*|negative[-_. ]?\d+|neg_[a-h](\(\d+\))?"
        r"|antisense[-_.][a-z0-9].*"
    ),
    "positive controls": r"pos_[a-h](\([\d.]+\))?|pos(itive)?[-_. ]?(control|ctrl)[-_. ]?\d*",
    "system controls": (
        r"system[-_. ]?control[-_. ]?\d*|false[-_. ]?(code|positive)[-_. ]?\d*|negadd[-_. ]?\d+"
    ),
    "codewords of no gene": (
        r"(unassigned|deprecated)[-_. ]?(codeword|probe)[-_. ]?\d+|deprecated[-_. ]ens[a-z]*\d+.*"
    ),
    "genomic controls": r"intergenic[-_. ]?region[-_. ]?\d+|genomic[-_. ]?control[-_. ]?(probe)?[-_. ]?\d*",
    "spike-ins": r"g?ercc[-_. ]?\d{5}|sirv[-_. ]?\d+|spike[-_. ]?in[-_. ]?\d+",
    "antibodies": (
        r".+[-_. ]total[-_. ]?(seq)?[-_. ]?[abcd]?|(adt|hto)_.+|(adt|anti|ab)[-_. ]cd\d+.*"
        r"|cd\d+[a-z]?[-_. ]prot|.+\|pabo|hash[-_. ]?tag[-_. ]?\d+|hto[-_. ]?\d+|cmo3\d\d"
    ),
    "peaks": r"(chr[0-9a-z]+|(gl|ki)\d{6}\.\d+)[:\-_.]\d+[\-_.]\d+",
}
_BY_NAME = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _NAMES.items()}
_ANY_NAME = re.compile("|".join(_NAMES.values()), re.IGNORECASE)


@dataclass(frozen=True)
class About:
    """What an object says of the genes of its table.

    Parameters
    ----------
    var
        The annotation of the genes, in their order, with their names as its index.
    left_out
        What each feature is that was left out because it is no gene, by its name.
    keep
        The line that makes genes of these features.
    """

    var: pd.DataFrame = field(repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict)
    keep: str = ""


def texts(values: Any) -> Objects:
    """Return values as text, None where there is none."""
    given = np.asarray(values, dtype=object)
    missing = np.asarray(pd.isna(given))
    return np.array([None if gone else str(v) for v, gone in zip(given, missing, strict=True)], dtype=object)


def _plain(value: Any) -> str:
    return re.sub(r"[^0-9a-z]", "", str(value).lower())


def _meanings(values: set[str], column: str) -> dict[str, bool]:
    """Say of each value of a column whether it stands for genes; those that say nothing are left out."""
    plain = {value: _plain(value) for value in values}
    genes = {value for value, word in plain.items() if _IS_GENE.fullmatch(word)}
    other = {value for value, word in plain.items() if _OTHER.fullmatch(word)}
    if _TYPE_COLUMN.fullmatch(column) or (_GENERAL_COLUMN.fullmatch(column) and genes):
        other |= {value for value, word in plain.items() if _OTHER_THERE.fullmatch(word)}
    return {value: value in genes for value in genes | other}


def _by_columns(var: pd.DataFrame) -> tuple[dict[int, tuple[str, str]], Flags]:
    """Return what columns call no gene, as its kind and the column, and what they call a gene."""
    others: dict[int, tuple[str, str]] = {}
    genes = np.zeros(len(var), dtype=bool)
    for position, name in enumerate(var.columns):
        plain = _plain(name)
        if not any(pattern.fullmatch(plain) for pattern in _COLUMNS):
            continue
        values = texts(var.iloc[:, position])
        distinct = set(values) - {None}
        words = {value: _plain(value) for value in distinct}
        if _YES_NO_COLUMN.fullmatch(plain) and set(words.values()) <= {*_YES, *_NO}:
            found = {i: str(name) for i, value in enumerate(values) if words.get(value) in _YES}
        else:
            meanings = _meanings(distinct, plain)
            genes |= np.array([meanings.get(value, False) for value in values], dtype=bool)
            found = {i: repr(value) for i, value in enumerate(values) if not meanings.get(value, True)}
        others = {i: (kind, str(name)) for i, kind in found.items()} | others
    return others, genes


def _by_name(name: str) -> str | None:
    """Return what a feature of this name is, if it is no gene."""
    if not _ANY_NAME.fullmatch(name):
        return None
    return next(kind for kind, pattern in _BY_NAME.items() if pattern.fullmatch(name))


def genes_of(
    var: pd.DataFrame, side: str, *, column: str | None = None, where: str | None = None
) -> tuple[npt.NDArray[np.intp], About]:
    """Say which features are genes, and what they are called; warnings count the others.

    Parameters
    ----------
    var
        Annotation of the features, with their names as its index.
    side
        ``"sc"`` or ``"st"``.
    column
        Column with the genes' names; None is the index. A gene without a name in it keeps that of the index,
        and genes that share their name get that of the index behind it, as Bioconductor's
        ``uniquifyFeatureNames()`` has it.
    where
        What `var` is called in messages.

    Returns
    -------
    The rows of `var` that are genes, and what it says of them.

    Raises
    ------
    InputError
        If no feature is a gene, or there is no such column.
    """
    where = where or f"{side}.var"
    own = np.array([str(name) for name in var.index], dtype=object)
    names = own if column is None else _column(var, column, side, where)
    others, certain = _by_columns(var)
    for i, pair in enumerate(zip(own, names, strict=True)):
        if i not in others and not certain[i]:
            kind = next((kind for name in pair if name and (kind := _by_name(name))), None)
            if kind is not None:
                others[i] = (kind, "")
    kept = np.setdiff1d(np.arange(len(own)), np.fromiter(others, np.intp, len(others)))
    about = _left_out(others, (own, names), where) if others else About(var)
    if others and not len(kept):
        raise InputError(
            expected(
                f"genes in the {TABLES[side]}",
                f"none among {len(own)} features: {_counted(others, own)}",
                f"If they are to be compared, keep them as genes: {about.keep}.",
            )
        )
    if others:
        warnings.warn(
            f"Left out {len(others)} feature(s) of the {TABLES[side]} that are not genes: "
            f"{_counted(others, own)}. To keep them as genes, set {about.keep}.",
            DataWarning,
            stacklevel=3,
        )
    genes = own if column is None else _unique(own[kept], names[kept], f"{where}[{column!r}]")
    rest = var.iloc[kept] if others else var
    return kept, About(rest if column is None else rest.set_axis(genes, axis=0), about.left_out, about.keep)


def _left_out(others: Mapping[int, tuple[str, str]], names: tuple[Objects, Objects], where: str) -> About:
    """Describe the features that are left out; a column that does not exist yet is named as a new one."""
    lines = []
    for column in dict.fromkeys(column for _, column in others.values()):
        value = "False" if _YES_NO_COLUMN.fullmatch(_plain(column)) else repr(_GENE)
        lines.append(f"{where}[{column or _NEW_COLUMN!r}] = {value}")
    what = {
        str(own[i]): f"{kind} by its name" if not column else f"{kind} in {where}[{column!r}]"
        for i, (kind, column) in others.items()
        for own in names
        if own[i] is not None
    }
    return About(pd.DataFrame(), what, "; ".join(dict.fromkeys(lines)))


def _counted(others: Mapping[int, tuple[str, str]], names: Objects) -> str:
    """Count features by kind: ``30 'Antibody Capture' ('CD3', 'CD4', ...)``."""
    members: dict[str, list[str]] = {}
    for i in sorted(others):
        members.setdefault(others[i][0], []).append(names[i])
    return ", ".join(f"{len(of)} {kind} ({some(of, 2)})" for kind, of in members.items())


def _column(var: pd.DataFrame, column: object, side: str, where: str) -> Objects:
    """Return the names that a column gives to the features, None where it gives none."""
    if not isinstance(column, str) or column not in var:
        raise InputError(
            expected(
                f"a column {column!r} in {where}",
                some(var.columns, 10) or "no columns",
                f"Name the one with the genes' names as {side}_gene_column, or leave it out.",
            )
        )
    return np.array([value if value and value.strip() else None for value in texts(var[column])], object)


def _unique(own: Objects, names: Objects, where: str) -> Objects:
    """Give a name of its own to every gene; a warning counts those that do not have the column's."""
    nameless = np.array([name is None for name in names], dtype=bool)
    found = np.where(nameless, own, names)
    shared = pd.Index(found).duplicated(keep=False) & ~nameless
    found[shared] = [f"{name}_{of}" for name, of in zip(found[shared], own[shared], strict=True)]
    said = []
    if nameless.any():
        said.append(f"{nameless.sum()} gene(s) have no name there and keep their own ({some(own[nameless])})")
    if shared.any():
        said.append(
            f"{shared.sum()} share their name with another gene and get their own behind it "
            f"({some(found[shared])})"
        )
    if said:
        warnings.warn(
            f"Names of genes from {where}: {', '.join(said)}. To match these genes by other names, write "
            "them there.",
            DataWarning,
            stacklevel=4,
        )
    return found
