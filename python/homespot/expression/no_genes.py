"""Features that are not genes (controls, antibodies, spike-ins), recognised by their annotation or names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..common.wording import GeneTable, words

__all__ = ["NoGene", "lines_that_keep", "no_genes", "texts"]

Flags = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

_GENE = "Gene Expression"
_NEW_COLUMNS = ("feature_types", "feature_class", "probe_type", "feature_kind", "target_type")
"""Names for a new column that says which features are genes, if their names say that they are not."""

_TYPE_COLUMN = re.compile(
    r"(feature|probe|target|analyte|control|codeword|library)s?(types?|class(es)?|kinds?|category|categories)|"
    r"codeclass"
)
"""Columns that name the kind of every feature, in lower case without punctuation."""

_GENERAL_COLUMN = re.compile(
    r"types?|class(es)?|kinds?|category|categories|modality|modalities|analytes?|assays?|omics?|layers?|"
    r"(feature|gene|probe|target)s?(groups?|annotations?|sets?|assays?|modality|categor(y|ies)|kinds?)|"
    r"groups?|annotations?|labels?"
)
"""Columns that may name the kind of every feature, or hold anything else."""

_BIOTYPE_COLUMN = re.compile(r"(gene)?(bio)?types?|geneclass|featurebiotypes?")
"""Columns that say what a gene codes for; in these, a protein is a gene."""

_YES_NO_COLUMN = re.compile(
    r"""
    (is|isa)?(
        (neg(ative)?|pos(itive)?|system|genomic|technical|probe|feature)?
        (controls?|ctrls?)(probes?|features?|codewords?|targets?)?
        | neg(ative)?(probes?|prbs?|codewords?)? | (blanks?|empty)(probes?|codewords?|features?)?
        | (unassigned|deprecated)(probes?|codewords?)? | falsecodes?
        | spike(d)?(in)?s? | (ercc|sirv)s?(spikeins?)? | intergenic
        | antibod(y|ies)(capture|derived)? | protein | adts? | htos? | hashtags? | crispr | guides?
        | peaks? | nongenes? | notgenes? | nogenes?
    )
    """,
    re.VERBOSE,
)
"""Columns in which yes means that the feature is not a gene."""

_GENE_COLUMN = re.compile(r"(is|isa)?(genes?|geneexpression|genefeature|endogenous(genes?)?)")
"""Columns in which no means that the feature is not a gene."""

_COLUMNS = (_TYPE_COLUMN, _GENERAL_COLUMN, _BIOTYPE_COLUMN, _YES_NO_COLUMN, _GENE_COLUMN)
_YES = ("true", "yes", "1", "10", "t", "y")
_NO = ("false", "no", "0", "00", "f", "n")

_OTHER = re.compile(
    r"""
    (total)?(seq)?antibod(y|ies)(capture|captured|derived|(derived)?tags?|oligos?|barcodes?|expression|adts?)?
    | adts?(capture|tags?)? | (surface)?proteins?(capture|expression)
    | (cell)?(multiplexing|hashing|hashtags?|htos?|cmos?)(capture|oligos?|antibod(y|ies))
    | (cell)?hashing | hashtags? | htos? | cmos?
    | crispr.* | guidecapture | antigencapture | vdj([tb]|tgd)?
    | chromatinaccessibility | atac(seq|peaks?)?
    | neg(ative)?(control|ctrl)s?(probes?|prbs?|codewords?|features?)?\d*
    | neg(ative)?(probes?|prbs?|codewords?)\d* | (pos(itive)?|technical|assay)(control|ctrl)s?(probes?)?\d*
    | (control|ctrl)(probes?|codewords?|features?) | probecontrols?
    | (blank|empty)(codewords?|probes?|barcodes?) | (unassigned|deprecated)(codewords?|probes?)
    | genomiccontrols?(probes?|codewords?)? | intergenic(region)?s?
    | systemcontrols?(probes?|codewords?)? | false(codes?(codewords?)?|positives?)
    | (ercc|sirv)s?(spikeins?|controls?)? | spikeins?(controls?|rnas?)?
    | non(gene|targeting)s?(controls?|guides?)? | not(a)?genes? | nogenes?
    """,
    re.VERBOSE,
)
"""Values for features that are not genes, in lower case without punctuation."""

_OTHER_THERE = re.compile(
    r"neg(ative)?\d*|pos(itive)?\d*|controls?|ctrls?|custom|(guide|sg|g)rnas?|guides?|prot(eins?)?|metabolites?|"
    r"lipids?|multiplexing|antigen|chromatin.*|antibod(y|ies).*|peaks?|tiles?|motifs?|spikes?|blanks?|empty|"
    r"unassigned|deprecated|hash(tag)?s?|tags?"
)
"""Values for features that are not genes, if the column certainly holds kinds of features."""

_IS_GENE = re.compile(
    r"genes?|genes?expressions?|m?rnas?|transcripts?|transcriptome|endogenous\d*|housekeeping|proteincoding|"
    r"(predesigned|custom|panel|target)genes?"
)
"""Values for features that are genes, whatever their names."""

_OF_FEATURES = re.compile(r"genes?|genes?expressions?|m?rnas?|transcriptome|endogenous\d*")
"""Values that occur only in a column of kinds of features."""

_NAMES = {
    "blank": (
        r"(blank|empty)[-_. ]?(codeword|probe|barcode)?[-_. ]?\d+|no[-_. ]?target[-_. ]?\d+"
        r"|background[-_. ](probe[-_. ]?)?\d+"
    ),
    "negative control": (
        r"neg(ative)?[-_. ]?(control|ctrl)?[-_. ]?(probe|prb|codeword)([-_. ]?[a-z]*[-_. ]?\d*)"
        r"|neg(ative)?[-_. ]?(control|ctrl)[-_. ]?\d*|negative[-_. ]?\d+|neg_[a-h](\(\d+\))?"
        r"|antisense[-_.][a-z0-9].*|non[-_. ]?targeting[-_. ]?(control|ctrl)?[-_. ]?\d+"
        r"|(scrambled?|decoy)[-_. ]?\d+"
    ),
    "positive control": r"pos_[a-h](\([\d.]+\))?|pos(itive)?[-_. ]?(control|ctrl)[-_. ]?\d*",
    "system control": (
        r"system[-_. ]?(control|ctrl)[-_. ]?\d*|false[-_. ]?(code|positive)[-_. ]?\d*|fp[-_. ]\d+"
        r"|negadd[-_. ]?\d+"
    ),
    "control": (
        r"control[-_. ]?(probe|codeword|feature|barcode)?[-_. ]?\d+"
        r"|ctrl[-_. ]?(probe|codeword|feature|barcode)[-_. ]?\d+"
    ),
    "codeword of no gene": (
        r"(unassigned|deprecated)[-_. ]?(codeword|probe)[-_. ]?\d*|unassigned[-_. ]?\d+"
        r"|deprecated[-_. ]ens[a-z]*\d+.*"
    ),
    "genomic control": r"intergenic[-_. ]?region[-_. ]?\d*|genomic[-_. ]?control[-_. ]?(probe)?[-_. ]?\d*",
    "spike-in": r"g?ercc[-_. ]?\d{5}|sirv[-_. ]?\d+|spike[-_. ]?in[-_. ]?\d+",
    "antibody": (
        r".+[-_. ]total[-_. ]?(seq)?[-_. ]?[abcd]?|total[-_. ]?seq[-_. ]?[abcd]?[-_. :].+"
        r"|ts[abcd][-_. ]cd\d+.*|(adt|hto)(_.+|[-:][a-z].+)|.+[-_. ](adt|hto)"
        r"|antibody[-_. :].+|(adt|anti|ab|prot|protein)[-_. :]cd\d+.*"
        r"|cd\d+[a-z]?[-_. ]prot|.+\|pabo|hash[-_. ]?tag[-_. ]?\d+|hto[-_. ]?\d+|cmo3\d\d"
    ),
    "peak": r"(chr[0-9a-z]+|(gl|ki)\d{6}\.\d+)[:\-_.]\d+[\-_.]\d+",
    "count of reads without a gene": (
        r"__(no_feature|ambiguous|too_low_aqual|not_aligned|alignment_not_unique)"
        r"|n_(unmapped|multimapping|nofeature|ambiguous)"
    ),
}
_PLURALS = {
    "antibody": "antibodies",
    "codeword of no gene": "codewords of no gene",
    "count of reads without a gene": "counts of reads without a gene",
}
_BY_NAME = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _NAMES.items()}
_ANY_NAME = re.compile("|".join(_NAMES.values()), re.IGNORECASE)


@dataclass(frozen=True)
class NoGene:
    """Kind of a feature that is not a gene: known from its name, or a value in a column of the annotation."""

    kind: str
    column: str | None = None

    def counted(self, n: int) -> str:
        """Return a number and the kind: ``2 negative controls``, ``30 'Antibody Capture'``."""
        plural = self.column is None and n > 1
        return f"{n} {_PLURALS.get(self.kind, f'{self.kind}s') if plural else self._word}"

    def located(self, where: GeneTable) -> str:
        """Return the kind, and where it is found: ``'Antibody Capture' in sc.var['feature_types']``."""
        if self.column is None:
            return f"{'an' if self.kind.startswith('a') else 'a'} {self.kind} by its name"
        return f"{self._word} in {words().gene_column(where, self.column)}"

    @property
    def _word(self) -> str:
        if self.column is None:
            return self.kind
        return f"{self.column} {self.kind}" if self._is_flag else repr(self.kind)

    @property
    def _is_flag(self) -> bool:
        return self.column is not None and self.kind in ("True", "False")


def texts(values: Any) -> Objects:
    """Return values as text, None for a missing value."""
    given = np.asarray(values, dtype=object)
    missing = np.asarray(pd.isna(given))
    return np.array([None if gone else str(v) for v, gone in zip(given, missing, strict=True)], dtype=object)


def _plain(value: Any) -> str:
    return re.sub(r"[^0-9a-z]", "", str(value).lower())


def _meanings(values: set[str], column: str) -> dict[str, bool]:
    """Return whether each value of a column stands for genes; values that do not tell are left out."""
    plain = {value: _plain(value) for value in values}
    genes = {value for value, word in plain.items() if _IS_GENE.fullmatch(word)}
    other = {value for value, word in plain.items() if _OTHER.fullmatch(word)}
    of_features = _GENERAL_COLUMN.fullmatch(column) and any(map(_OF_FEATURES.fullmatch, plain.values()))
    if _TYPE_COLUMN.fullmatch(column) or of_features:
        other |= {value for value, word in plain.items() if _OTHER_THERE.fullmatch(word)}
    return {value: value in genes for value in genes | other}


def _flagged(column: str, words: Mapping[str, str]) -> str | None:
    """Return the value, as text, of features that are not genes in a column of yes and no; else None."""
    if not set(words.values()) <= {*_YES, *_NO}:
        return None
    if _YES_NO_COLUMN.fullmatch(column):
        return "True"
    # If no feature is a gene, or the numbers are counts, the column does not tell.
    is_gene = _GENE_COLUMN.fullmatch(column) and any(word in _YES for word in words.values())
    return "False" if is_gene else None


def _by_columns(var: pd.DataFrame) -> tuple[dict[int, NoGene], Flags]:
    """Return the features that columns say are not genes, and the features that they say are genes."""
    others: dict[int, NoGene] = {}
    genes = np.zeros(len(var), dtype=bool)
    for position, name in enumerate(var.columns):
        plain = _plain(name)
        if not any(pattern.fullmatch(plain) for pattern in _COLUMNS):
            continue
        values = texts(var.iloc[:, position])
        distinct = set(values) - {None}
        words = {value: _plain(value) for value in distinct}
        if flag := _flagged(plain, words):
            flags = _YES if flag == "True" else _NO
            found = {i: flag for i, value in enumerate(values) if words.get(value) in flags}
        else:
            meanings = _meanings(distinct, plain)
            genes |= np.array([meanings.get(value, False) for value in values], dtype=bool)
            found = {i: value for i, value in enumerate(values) if not meanings.get(value, True)}
        others = {i: NoGene(kind, str(name)) for i, kind in found.items()} | others
    return others, genes


def _by_name(name: str) -> str | None:
    """Return the kind of a feature by its name, or None if it may be a gene."""
    if not _ANY_NAME.fullmatch(name):
        return None
    return next(kind for kind, pattern in _BY_NAME.items() if pattern.fullmatch(name))


def no_genes(var: pd.DataFrame, *names: Objects) -> dict[int, NoGene]:
    """Return the kind of every feature that is not a gene, by its row in `var`.

    `names` are arrays of the features' names, None for a feature without one; each may show the kind.
    """
    others, certain = _by_columns(var)
    for i, all_of in enumerate(zip(*names, strict=True)):
        if i not in others and not certain[i]:
            kind = next((kind for name in all_of if name and (kind := _by_name(name))), None)
            if kind is not None:
                others[i] = NoGene(kind)
    return others


def lines_that_keep(others: Mapping[int, NoGene], var: pd.DataFrame, where: GeneTable) -> str:
    """Return the lines of code that make these features count as genes, and change nothing else.

    Features recognised by their names get a new column, so that no existing column is overwritten.
    """
    kinds: dict[str | None, list[str]] = {}
    for other in others.values():
        if other.kind not in kinds.setdefault(other.column, []):
            kinds[other.column].append(other.kind)
    lines = []
    for column, values in kinds.items():
        if column is None:
            new = next(name for name in _NEW_COLUMNS if name not in var)
            lines.append(words().set_gene_column(where, new, _GENE))
        elif values in (["True"], ["False"]):
            lines.append(words().set_gene_column(where, column, values != ["True"]))
        else:
            lines.append(words().replace_in_gene_column(where, column, values, _GENE))
    return "; ".join(lines)
