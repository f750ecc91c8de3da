"""Names of genes that differ between two tables: find other names that match, and say how to use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..common.wording import GeneTable, argument, either, words
from .gene_changes import Search
from .genes import TABLES, names_in

__all__ = ["Names", "better_names", "cause", "clear_gain", "numbered"]

_ROWS = {"sc": "cell", "st": "spot"}
_ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{6,}")
_ID_COLUMN = re.compile(r"(?i)entrez|ncbi|locus|(^|[^a-z])(gene|id)s?$|(gene|[a-z_. ]I)ds?$|geneid")
"""Columns whose numbers are names. Numbers of other columns, such as lengths, are equal by chance."""
_MOST_COLUMNS = 8


@dataclass(frozen=True)
class Names:
    """The names of a table: its genes, its rows, and the annotation of its genes, if it has any.

    ``where`` is this annotation, for messages; None is that of the side. ``column`` is the column that the
    names come from; if it is given, ``index`` holds the names in the index. ``section`` is the name of the
    section, if the table is one of several.
    """

    side: str
    genes: Sequence[str]
    rows: Sequence[str]
    var: pd.DataFrame | None = None
    where: GeneTable | None = None
    column: str | None = None
    index: Iterable[str] | None = None
    section: str | None = None

    @property
    def table(self) -> GeneTable:
        """The annotation of the genes."""
        return self.where or GeneTable(self.side)

    @property
    def called(self) -> str:
        """What messages call the table."""
        return self.side if self.section is None else f"section {self.section!r}"


@dataclass(frozen=True)
class _Source:
    """Names that a side has for its genes (None for a gene without one), and how a user selects them.

    The names are in ``column`` of the annotation of the genes, or in its index. ``in_use`` says whether they
    are the names in use; if they are not, ``behind`` has the names in use.
    """

    of: Names
    names: Sequence[str | None]
    column: str | None = None
    in_use: bool = True
    behind: Sequence[str] = ()

    @property
    def code(self) -> str:
        """The code that gives the names."""
        return words().gene_names(self.of.table, self.column)

    @property
    def selection(self) -> str:
        """The argument, or for a section the line, that selects a column."""
        assert self.column is not None
        if self.of.section is not None:
            return words().take_gene_names(self.of.table.owner, self.column)
        return argument(f"{self.of.side}_gene_column", self.column)

    @cached_property
    def distinct(self) -> set[str]:
        """The names, each once."""
        return {name for name in self.names if name}

    @cached_property
    def words(self) -> dict[str, set[str]]:
        """The words of every name in one case, and the whole name without separators."""
        found = {}
        for name in self.distinct:
            words = re.findall("[0-9A-Z]+", name.upper())
            whole = "".join(words)
            telling = {word for word in words if len(word) > (2 if word.isdecimal() else 1)}
            found[name] = telling | {whole, whole.removeprefix("X")}
        return found

    def example(self, matched: set[str]) -> str:
        """Name one matching name, and the gene that has it."""
        at = next(i for i, value in enumerate(self.names) if value in matched)
        return f"{self.names[at]!r} of {self.behind[at]!r} in {self.of.called}"


def _sources(table: Names) -> list[_Source]:
    """Return all names of a side's genes: the names in use, the index, and columns that may hold names."""
    own = list(table.genes)
    found = [_Source(table, own, table.column)]
    if table.index is not None:
        found.append(_Source(table, list(table.index), None, False, own))
    if table.var is None:
        return found
    for position, column in enumerate(table.var.columns):
        values = table.var.iloc[:, position]
        if not isinstance(column, str) or column == table.column or not _may_be_names(column, values):
            continue
        names = list(names_in(values))
        if len(set(names) - {None}) >= max(2, len(names) / 4):
            found.append(_Source(table, names, column, False, own))
    return found[:_MOST_COLUMNS]


def _may_be_names(column: str, values: pd.Series[Any]) -> bool:
    kind = values.dtype.kind
    if kind in "iuf":
        given = values.to_numpy(dtype=float, na_value=np.nan)
        whole = given[~np.isnan(given)]
        return _ID_COLUMN.search(column) is not None and bool((whole == np.rint(whole)).all())
    return kind not in "bcmM"


def _arguments(pair: Sequence[_Source], verb: str) -> str:
    """Say which arguments take these names: ``set sc_gene_column='symbol'``."""
    others = [source for source in pair if not source.in_use]
    valued = [source.selection for source in others if source.column is not None]
    left_out = [
        f"leave {argument(f'{source.of.side}_gene_column')} out" for source in others if source.column is None
    ]
    return " and ".join([*([f"{verb} {', '.join(valued)}"] if valued else []), *left_out])


def _pairs(sc: Names, st: Names) -> list[tuple[_Source, _Source]]:
    """Return every pair of sources: the pair in use, then pairs with one other source, then with two."""
    of_sc, of_st = _sources(sc), _sources(st)
    pairs = [(a, b) for a in of_sc for b in of_st]
    return sorted(pairs, key=lambda pair: sum(not source.in_use for source in pair))


def numbered(sc: Names, st: Names) -> str | None:
    """Say how to name genes that both tables only number, if the numbers disagree; else None.

    AnnData numbers the genes if it is given no names; the names may then be in a column.
    """
    for table in (sc, st):
        if table.var is None or table.column is not None:
            return None
        genes = list(table.genes)
        if not all(name.isdecimal() for name in genes) or sorted(genes, key=int) != genes:
            return None
    pairs = [(a, b) for a, b in _pairs(sc, st) if not a.in_use and not b.in_use]
    if not pairs:
        return None
    a, b = max(pairs, key=lambda pair: len(pair[0].distinct & pair[1].distinct))
    matched = a.distinct & b.distinct
    own, other = (dict(zip(source.names, source.behind, strict=True)) for source in (a, b))
    same = sum(own[name] == other[name] for name in matched)
    return _arguments((a, b), "Set") if len(matched) >= 2 and same < len(matched) / 2 else None


def _by_names(pair: tuple[_Source, _Source], matched: tuple[set[str], set[str]]) -> str:
    others = [(source, names) for source, names in zip(pair, matched, strict=True) if not source.in_use]
    where = " and ".join(source.code for source, _ in others)
    examples = "; ".join(source.example(names) for source, names in others)
    return f"{len(matched[0])} would match by the names in {where} ({examples})"


def _smallest_part(fewer: int) -> float:
    return min(10, 0.75 * fewer)


def clear_gain(fewer: int) -> float:
    """Return how many more genes of a table of `fewer` have to match before other names are proposed."""
    return max(_smallest_part(fewer), fewer / 20)


def better_names(sc: Names, st: Names) -> str | None:
    """Say how more names would match, if the gain is clear and they are a fair part; else None.

    The function tries the columns of the annotation, and plain changes of the names in use or in a column:
    blanks, punctuation, case, prefixes and endings that R and other programs add, and two names in one. A
    change applies to all names of a side, and a name matches one other name only. A gain is clear if it is a
    twentieth of the smaller table; a part is fair if it is a tenth of it. Both are at least ten genes, or
    three quarters of a table with fewer than 14.
    """
    shared = len(set(sc.genes) & set(st.genes))
    fewer = min(len(sc.genes), len(st.genes))
    gain, part = clear_gain(fewer), max(_smallest_part(fewer), fewer / 10)
    if shared + gain > fewer:
        return None
    pairs = _pairs(sc, st)
    most, sentence = shared, ""
    for pair in pairs[1:]:
        matched = pair[0].distinct & pair[1].distinct
        if len(matched) > most:
            most = len(matched)
            sentence = f"{_by_names(pair, (matched, matched))}: {_arguments(pair, 'set')}."
    if most < shared + gain:
        most, sentence = shared, ""
    # If half of the names match, both sides use the same kind of names.
    for pair in pairs if most < fewer / 2 else pairs[:1]:
        # A change of names that are not in use has to gain clearly more.
        found = _changed(
            pair, most + (gain if any(not source.in_use for source in pair) or not sentence else 1)
        )
        if found is not None:
            most, sentence = (
                found[0],
                found[1] if pair is not pairs[0] else f"{found[0] - shared} more {found[1]}",
            )
    return sentence if sentence and most >= max(part, shared + gain) else None


def _sharing_a_word(pair: tuple[_Source, _Source]) -> int:
    """Return how many unmatched names of one side share a word with an unmatched name of the other side."""
    counts = []
    for one, other in (pair, pair[::-1]):
        others = set().union(*(words for name, words in other.words.items() if name not in one.distinct))
        counts.append(
            sum(
                name not in other.distinct and not others.isdisjoint(words)
                for name, words in one.words.items()
            )
        )
    return min(counts)


def _changed(pair: tuple[_Source, _Source], at_least: float) -> tuple[int, str] | None:
    """Return how many names match under plain changes, if `at_least` do, and the sentence that says so."""
    sc, st = (source.distinct for source in pair)
    shared = sc & st
    if len(shared) + _sharing_a_word(pair) < at_least:
        return None
    unmatched = Search(sorted(sc - shared), sorted(st - shared))
    if unmatched.possible + len(shared) < at_least:
        return None
    search = Search((n for n in pair[0].names if n in sc), (n for n in pair[1].names if n in st))
    chosen, pairs = search.best()
    if not chosen or len(pairs) < at_least:
        return None
    named = {source.of.side: (source.of.table, source.column) for source in pair}
    called = {source.of.side: source.of.called for source in pair}
    sentence = search.sentence(chosen, pairs, named, called)
    arguments = _arguments(pair, "pass")
    if not arguments:
        return len(pairs), f"would match {sentence}."
    matched = ({a for a, _ in pairs}, {b for _, b in pairs})
    return len(pairs), f"{_by_names(pair, matched)} {sentence}, and {arguments}."


def cause(sc: Names, st: Names) -> tuple[str, bool]:
    """Say why two tables may share hardly any genes, and what to do; and whether a caller may know better."""
    for table, other in ((sc, st), (st, sc)):
        if len(set(other.genes).intersection(table.rows)) >= 2:
            which, rows = TABLES[table.side], f"{_ROWS[table.side]}s"
            return either(
                f"The rows of the {which} have the names of the other's genes: "
                f"pass {rows} x genes (transpose it).",
                f"The columns of the {which} have the names of the other's genes: "
                f"pass genes x {rows}, that is t(x).",
            ), False
    better = better_names(sc, st)
    if better is not None:
        return better, False
    ensembl = [any(map(_ENSEMBL.match, table.genes[:50])) for table in (sc, st)]
    if ensembl[0] != ensembl[1]:
        kind = "single-cell" if ensembl[0] else "spatial"
        return f"The {kind} data has Ensembl ids and the other gene symbols: translate one of them.", True
    return "Check that both use the same kind of gene names.", True
