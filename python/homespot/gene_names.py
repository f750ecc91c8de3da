"""Names of genes in two tables that do not match: what would make more of them match, and how to get it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from .errors import some
from .genes import TABLES, texts

__all__ = ["Names", "better_names", "cause", "is_much"]

_ROWS = {"sc": "cell", "st": "spot"}
_ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{6,}")
_GENOME = re.compile(
    r"(?:(?:GRC[a-z]|hg|mm|mRatBN|Rnor|rn|dm|BDGP|GRCz|danRer|WBcel|ce|susScr|canFam|galGal|T2T|CHM)"
    r"[0-9]+(?:[.][0-9a-z]+)*|human|mouse|homo_sapiens|mus_musculus|rna|gene)[-_:.|]+",
    re.IGNORECASE,
)
_START = re.compile(r"[A-Za-z0-9.]+?[-_:|]+")
_MOST = 3  # changes at once


@dataclass(frozen=True)
class Names:
    """The names of a table: its genes, its rows, and the annotation of its genes, if it has any."""

    side: str
    genes: Sequence[str]
    rows: Sequence[str]
    var: pd.DataFrame | None = None


@dataclass(frozen=True)
class _Change:
    """A way in which one name may have become another.

    ``alike`` says what is taken as the same; ``pattern`` and ``new`` rewrite a name, and ``method`` is a
    method of pandas' that does so where it is no pattern.
    """

    alike: str
    rewrite: Callable[[str], str]
    line: str


def _replace(pattern: str, new: str, alike: str) -> _Change:
    compiled = re.compile(pattern)
    return _Change(alike, lambda name: compiled.sub(new, name), f"replace({pattern!r}, {new!r}, regex=True)")


_BLANKS = _Change("blanks around them were left out", str.strip, "strip()")
_CASE = _Change("upper and lower case were the same", str.upper, "upper()")
_PLAIN = (
    _BLANKS,
    _replace("[-_.]", ".", "'-', '_' and '.' were the same"),
    _replace("[^0-9A-Za-z]", ".", "every other character than letters and digits were '.'"),
    _CASE,
    _replace("^X(?=[0-9])", "", "the X that R puts before a digit were left out"),
    _replace("[.][0-9]+$", "", "the number after the last '.' (a version) were left out"),
    _replace("[-.][0-9]+$", "", "the number that makes names unique were left out"),
)


def _prefixes(names: Iterable[str]) -> list[_Change]:
    """Return the change that leaves out a prefix: that of a genome, or one that nearly all names have."""
    names = list(names)
    starts = Counter(found.group() for name in names if (found := _START.match(name)))
    common = [start for start, count in starts.items() if len(names) >= 10 and count >= 0.9 * len(names)]
    genomes = Counter(found.group() for name in names if (found := _GENOME.match(name)))
    prefixes = sorted({*common, *(prefix for prefix, _ in genomes.most_common(4))}, key=len, reverse=True)
    if not prefixes:
        return []
    pattern = "^(" + "|".join(re.sub(r"([.|])", r"[\1]", prefix) for prefix in prefixes) + ")"
    return [_replace(pattern, "", f"the prefix {some(prefixes, 4)} were left out")]


def is_much(more: int, fewer: int) -> bool:
    """Whether so many more matches are worth a word, where the smaller table has `fewer` genes."""
    return more >= max(10, fewer / 20)


def _unique(names: Iterable[str], changed: Iterable[str]) -> dict[str, str]:
    """Return the name behind every changed name that only one has."""
    known: dict[str, str | None] = {}
    for name, new in zip(names, changed, strict=True):
        known[new] = None if new in known else name
    return {new: name for new, name in known.items() if name is not None and new}


class _Search:
    """The unmatched names of both tables, under any changes of them."""

    def __init__(self, sc: Names, st: Names) -> None:
        shared = set(sc.genes) & set(st.genes)
        self.names = {of.side: [name for name in of.genes if name not in shared] for of in (sc, st)}
        # Blanks first: behind them a prefix or a suffix is none.
        self.changes = [*_PLAIN, *_prefixes(self.names["sc"]), *_prefixes(self.names["st"])]
        self._changed: dict[tuple[str, tuple[int, ...]], list[str]] = {}

    def _under(self, side: str, chosen: tuple[int, ...]) -> list[str]:
        if not chosen:
            return self.names[side]
        if (side, chosen) not in self._changed:
            rewrite = self.changes[chosen[-1]].rewrite
            self._changed[side, chosen] = [rewrite(name) for name in self._under(side, chosen[:-1])]
        return self._changed[side, chosen]

    def pairs(self, chosen: tuple[int, ...]) -> list[tuple[str, str]]:
        """Return the names that match under these changes, each only one other."""
        sc, st = (_unique(self.names[side], self._under(side, chosen)) for side in ("sc", "st"))
        return [(sc[new], st[new]) for new in st if new in sc]

    def possible(self) -> int:
        """Return a number that no choice of changes exceeds: the names that have a match if all are made."""
        every = tuple(range(len(self.changes)))
        sc, st = (
            [re.sub("[^0-9A-Z]", "", name) for name in self._under(side, every)] for side in ("sc", "st")
        )
        in_sc, in_st = set(sc), set(st)
        return min(sum(name in in_st for name in sc), sum(name in in_sc for name in st))

    def best(self) -> tuple[tuple[int, ...], list[tuple[str, str]]]:
        """Return the fewest changes under which about as many match as under any others, and the pairs."""
        found: dict[tuple[int, ...], list[tuple[str, str]]] = {}
        for n in range(1, _MOST + 1):
            for chosen in combinations(range(len(self.changes)), n):
                found[chosen] = self.pairs(chosen)
        most = max(map(len, found.values()))
        return next((chosen, pairs) for chosen, pairs in found.items() if len(pairs) >= 0.95 * most)

    def lines(self, chosen: tuple[int, ...], pairs: list[tuple[str, str]]) -> str:
        """Return the lines that make the changes, on the sides whose names they change."""
        lines = []
        for i, side in enumerate(("sc", "st")):
            names = [pair[i] for pair in pairs]
            for k in chosen:
                changed = [self.changes[k].rewrite(name) for name in names]
                if changed != names:
                    lines.append(f"{side}.var_names = {side}.var_names.str.{self.changes[k].line}")
                names = changed
        return "; ".join(lines)


def _candidates(of: Names) -> dict[str | None, set[str]]:
    """Return the names that a table has for its genes: the index, as None, and columns of text."""
    found: dict[str | None, set[str]] = {None: set(of.genes)}
    if of.var is not None:
        for position, column in enumerate(of.var.columns):
            values = of.var.iloc[:, position]
            if not isinstance(column, str) or values.dtype.kind in "biufmMc":
                continue
            distinct = set(texts(values)) - {None, ""}
            if len(distinct) >= max(2, len(values) / 4):
                found[column] = distinct
    return found


def _by_column(sc: Names, st: Names, shared: int) -> tuple[int, str] | None:
    """Return how many more match by columns of the annotation than by the names, and a sentence."""
    columns = {of.side: _candidates(of) for of in (sc, st)}
    best = shared
    chosen: tuple[str | None, str | None] = (None, None)
    # One column before two, and the index before any.
    pairs = sorted(
        ((a, b) for a in columns["sc"] for b in columns["st"]),
        key=lambda pair: (pair[0] is not None) + (pair[1] is not None),
    )
    for a, b in pairs:
        count = len(columns["sc"][a] & columns["st"][b])
        if count > best:
            best, chosen = count, (a, b)
    if best == shared:
        return None
    sides = [(side, column) for side, column in zip(("sc", "st"), chosen, strict=True) if column is not None]
    where = " and ".join(f"{side}.var[{column!r}]" for side, column in sides)
    matched = columns["sc"][chosen[0]] & columns["st"][chosen[1]]
    examples = [
        f"{first!r} of {own!r} in {of.side}"
        for of, column in zip((sc, st), chosen, strict=True)
        if column is not None and of.var is not None
        for first, own in [_example(of, column, matched)]
    ]
    arguments = ", ".join(f"{side}_gene_column={column!r}" for side, column in sides)
    sentence = f"{best} would match by the names in {where} ({'; '.join(examples)}): set {arguments}."
    return best - shared, sentence


def _example(of: Names, column: str, matched: set[str]) -> tuple[str, str]:
    assert of.var is not None
    values = texts(of.var[column])
    at = next(i for i, value in enumerate(values) if value in matched)
    return str(values[at]), str(of.var.index[at])


def better_names(sc: Names, st: Names) -> tuple[int, str] | None:
    """Return by how much more names would match otherwise, and a sentence that says how; None if by none.

    Looked at are columns of the annotation, and plain changes of names: blanks, punctuation, case, what R and
    others put in front of a name or behind it.
    """
    shared = len(set(sc.genes) & set(st.genes))
    found = _by_column(sc, st, shared)
    search = _Search(sc, st)
    if search.possible() <= (found[0] if found else 0):
        return found
    chosen, pairs = search.best()
    if not pairs or (found is not None and len(pairs) <= found[0]):
        return found
    alike = " and ".join(search.changes[k].alike for k in chosen)
    example = f"{pairs[0][0]!r} in sc and {pairs[0][1]!r} in st"
    species = (
        " If the species is the same,"
        if any(search.changes[k] is _CASE for k in chosen)
        else " To match them,"
    )
    sentence = (
        f"{len(pairs)} more would match if {alike}: {example}.{species} set {search.lines(chosen, pairs)}."
    )
    return len(pairs), sentence


def cause(sc: Names, st: Names) -> str:
    """Say why two tables may share hardly any genes, and what to do."""
    for of, other in ((sc, st), (st, sc)):
        if len(set(other.genes).intersection(of.rows)) >= 2:
            rows = f"The rows of the {TABLES[of.side]} have the names of the other's genes"
            return f"{rows}: pass {_ROWS[of.side]}s x genes (transpose it)."
    better = better_names(sc, st)
    if better is not None and better[0] >= 2:
        return better[1]
    ensembl = [any(map(_ENSEMBL.match, of.genes[:50])) for of in (sc, st)]
    if ensembl[0] != ensembl[1]:
        which = "single-cell" if ensembl[0] else "spatial"
        return f"The {which} data has Ensembl ids and the other gene symbols: translate one of them."
    return "Check that both use the same kind of gene names."
