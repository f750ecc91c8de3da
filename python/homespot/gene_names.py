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

__all__ = ["Names", "better_names", "cause", "much", "numbered"]

_ROWS = {"sc": "cell", "st": "spot"}
_ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{6,}")
_GENOME = re.compile(
    r"(?:(?:GRC[a-z]|hg|mm|mRatBN|Rnor|rn|dm|BDGP|GRCz|danRer|WBcel|ce|susScr|canFam|galGal|T2T|CHM)"
    r"[0-9]+(?:[.]p?[0-9]+)*|human|mouse|homo_sapiens|mus_musculus|rna|gene)[-_:.|]+",
    re.IGNORECASE,
)
_START = re.compile(r"[A-Za-z0-9.]+?[-_:|]+")
_NUMBER = "[-._][0-9]+$"
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
    """A way in which the names of one side, or of both, may have become others.

    ``alike`` says what is taken as the same, and ``line`` is the method of pandas' that does so.
    """

    alike: str
    rewrite: Callable[[str], str]
    line: str
    side: str | None = None


def _replace(pattern: str, new: str, alike: str, side: str | None = None) -> _Change:
    compiled = re.compile(pattern)
    line = f"replace({pattern!r}, {new!r}, regex=True)"
    return _Change(alike, lambda name: compiled.sub(new, name), line, side)


_CASE = _Change("upper and lower case were the same", str.upper, "upper()")
_BLANKS = _Change("blanks around them were left out", str.strip, "strip()")
_VERSION = _replace(
    "(?<=[0-9]{7})[.][0-9]+$", "", "the version, which is the number after the last '.', were left out"
)
_PLAIN = (
    _replace("^X(?=[0-9])", "", "the X that R puts before a digit were left out"),
    _replace("[-_.]", ".", "'-', '_' and '.' were the same"),
    _replace("[^0-9A-Za-z]", ".", "every other character than letters and digits were '.'"),
    _CASE,
)


def _ends(names: Sequence[str], side: str) -> list[_Change]:
    """Return the changes that leave out what was put before or behind names of this side.

    That is the prefix of a genome, one that many names have, and the number that makes names unique.
    """
    genomes = Counter(found.group() for name in names if (found := _GENOME.match(name)))
    starts = Counter(found.group() for name in names if (found := _START.match(name)))
    common = [start for start, count in starts.most_common(2) if count >= max(10, len(names) / 4)]
    prefixes = [[start] for start in common if start not in genomes]
    if genomes:
        longest = sorted((prefix for prefix, _ in genomes.most_common(4)), key=len, reverse=True)
        prefixes.append(longest)
    number = _replace(_NUMBER, "", f"the number at the end of names in {side} were left out", side)
    return [*(_without_prefix(of, side) for of in prefixes), number]


def _without_prefix(prefixes: list[str], side: str) -> _Change:
    escaped = "|".join(re.sub(r"([.|])", r"[\1]", prefix) for prefix in prefixes)
    pattern = f"^({escaped})" if len(prefixes) > 1 else f"^{escaped}"
    return _replace(pattern, "", f"the prefix {some(prefixes, 4)} were left out", side)


def much(fewer: int) -> float:
    """Return how many more matches are worth a word, where the smaller table has `fewer` genes."""
    return max(10, fewer / 20)


def _unique(names: Iterable[str], changed: Iterable[str]) -> dict[str, str]:
    """Return the name behind every changed name that only one has."""
    known: dict[str, str | None] = {}
    for name, new in zip(names, changed, strict=True):
        known[new] = None if new in known else name
    return {new: name for new, name in known.items() if name is not None and new}


class _Search:
    """Names of both tables, under any changes of them; only those that can match are kept."""

    def __init__(self, sc: Sequence[str], st: Sequence[str]) -> None:
        self.names = {"sc": list(sc), "st": list(st)}
        ends = [change for side, names in self.names.items() for change in _ends(names, side)]
        # What is at an end comes first: the others change what it is recognised by.
        self.changes = [_BLANKS, _VERSION, *ends, *_PLAIN]
        self._changed: dict[tuple[str, tuple[int, ...]], list[str]] = {}
        self._keep_possible()

    def _under(self, side: str, chosen: tuple[int, ...]) -> list[str]:
        """Return the names of a side after these changes, one after another."""
        chosen = tuple(k for k in chosen if self.changes[k].side in (None, side))
        if not chosen:
            return self.names[side]
        if (side, chosen) not in self._changed:
            rewrite = self.changes[chosen[-1]].rewrite
            self._changed[side, chosen] = [rewrite(name) for name in self._under(side, chosen[:-1])]
        return self._changed[side, chosen]

    def _keep_possible(self) -> None:
        """Keep the names only that can match another: by letters and digits, with or without their ends."""
        ends = [k for k, change in enumerate(self.changes) if change.side is not None]
        others = [k for k in range(len(self.changes)) if k not in ends]
        bare: dict[str, list[list[str]]] = {}
        for side in self.names:
            own = [k for k in ends if self.changes[k].side == side]
            chosen = [part for n in range(len(own) + 1) for part in combinations(own, n)]
            forms = [self._under(side, tuple(sorted([*part, *others]))) for part in chosen]
            bare[side] = [[re.sub("[^0-9A-Z]", "", name) for name in form] for form in forms]
        known = {side: set().union(*forms) - {""} for side, forms in bare.items()}
        for side, other in (("sc", "st"), ("st", "sc")):
            self.names[side] = [
                name
                for name, *forms in zip(self.names[side], *bare[side], strict=True)
                if not known[other].isdisjoint(forms)
            ]
        self._changed.clear()

    @property
    def possible(self) -> int:
        """A number of matches that no choice of changes exceeds."""
        return min(map(len, self.names.values()))

    def pairs(self, chosen: tuple[int, ...]) -> list[tuple[str, str]]:
        """Return the names that match under these changes, each only one other."""
        sc, st = (_unique(self.names[side], self._under(side, chosen)) for side in ("sc", "st"))
        return [(sc[new], st[new]) for new in st if new in sc]

    def best(self) -> tuple[tuple[int, ...], list[tuple[str, str]]]:
        """Return the fewest changes under which about as many match as under any others, and the pairs."""
        found: dict[tuple[int, ...], list[tuple[str, str]]] = {(): []}
        for n in range(1, _MOST + 1):
            for chosen in combinations(range(len(self.changes)), n):
                # Without the numbers of both sides, other genes of one family would be the same.
                if sum(_NUMBER in self.changes[k].line for k in chosen) < 2:
                    found[chosen] = self.pairs(chosen)
            if max(map(len, found.values())) >= 0.95 * self.possible:
                break
        most = max(map(len, found.values()))
        return next((chosen, pairs) for chosen, pairs in found.items() if len(pairs) >= 0.95 * most)

    def lines(self, chosen: tuple[int, ...], pairs: list[tuple[str, str]]) -> str:
        """Return the lines that make the changes, on the sides whose names they change."""
        lines = []
        for i, side in enumerate(("sc", "st")):
            names = [pair[i] for pair in pairs]
            for change in (self.changes[k] for k in chosen if self.changes[k].side in (None, side)):
                changed = [change.rewrite(name) for name in names]
                if changed != names:
                    lines.append(f"{side}.var_names = {side}.var_names.str.{change.line}")
                names = changed
        return "; ".join(lines)

    def said(self, chosen: tuple[int, ...], pairs: list[tuple[str, str]], more: int) -> str:
        """Say how many more match under these changes, with an example, and the lines that make them."""
        alike = " and ".join(self.changes[k].alike for k in chosen)
        one, other = next((a, b) for a, b in pairs if a != b)
        where = (
            "If the species is the same" if any(self.changes[k] is _CASE for k in chosen) else "To match them"
        )
        return (
            f"{more} more would match if {alike}: {one!r} in sc and {other!r} in st. "
            f"{where}, set {self.lines(chosen, pairs)}."
        )


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


def _pairs_of_columns(sc: Names, st: Names) -> list[tuple[str | None, str | None, set[str]]]:
    """Return what matches by every pair of columns: one column before two, and the index before any."""
    of_sc, of_st = _candidates(sc), _candidates(st)
    pairs = sorted(
        ((a, b) for a in of_sc for b in of_st), key=lambda pair: (pair[0] is not None) + (pair[1] is not None)
    )
    return [(a, b, of_sc[a] & of_st[b]) for a, b in pairs]


def _arguments(columns: tuple[str | None, str | None]) -> str:
    sides = zip(("sc", "st"), columns, strict=True)
    return ", ".join(f"{side}_gene_column={column!r}" for side, column in sides if column is not None)


def _by_column(sc: Names, st: Names, shared: int) -> tuple[int, str]:
    """Return how many more match by columns of the annotation than by the names, and a sentence."""
    a, b, matched = max(_pairs_of_columns(sc, st), key=lambda pair: len(pair[2]))
    if len(matched) <= shared:
        return 0, ""
    sides = [(of, column) for of, column in ((sc, a), (st, b)) if column is not None]
    where = " and ".join(f"{of.side}.var[{column!r}]" for of, column in sides)
    examples = [_example(of, column, matched) for of, column in sides]
    sentence = f"{len(matched)} would match by the names in {where} ({'; '.join(examples)})"
    return len(matched) - shared, f"{sentence}: set {_arguments((a, b))}."


def numbered(sc: Names, st: Names) -> str | None:
    """Return the arguments that give names to genes that both tables only number, if the numbers disagree.

    AnnData numbers genes that it was given no names of; then the names may be in columns.
    """
    if sc.var is None or st.var is None:
        return None
    for of in (sc, st):
        if not all(name.isdecimal() for name in of.genes) or sorted(of.genes, key=int) != list(of.genes):
            return None
    pairs = [
        (a, b, matched) for a, b, matched in _pairs_of_columns(sc, st) if a is not None and b is not None
    ]
    if not pairs:
        return None
    a, b, matched = max(pairs, key=lambda pair: len(pair[2]))
    own, other = (
        dict(zip(texts(var[c]), map(str, var.index), strict=True)) for var, c in ((sc.var, a), (st.var, b))
    )
    same = sum(own[name] == other[name] for name in matched)
    return _arguments((a, b)) if len(matched) >= 2 and same < len(matched) / 2 else None


def _example(of: Names, column: str, matched: set[str]) -> str:
    assert of.var is not None
    values = texts(of.var[column])
    at = next(i for i, value in enumerate(values) if value in matched)
    return f"{values[at]!r} of {str(of.var.index[at])!r} in {of.side}"


def better_names(sc: Names, st: Names, at_least: float) -> str | None:
    """Say how more names would match, at least so many more; None if there is no way.

    Looked at are columns of the annotation, and plain changes of names: blanks, punctuation, case, what R and
    others put in front of a name or behind it. A change is made to all names of a side, and each matches one
    other name only.
    """
    shared = set(sc.genes) & set(st.genes)
    more, sentence = _by_column(sc, st, len(shared))
    unmatched = [[name for name in of.genes if name not in shared] for of in (sc, st)]
    if _Search(*unmatched).possible >= max(at_least, more + 1):
        search = _Search(sc.genes, st.genes)
        chosen, pairs = search.best()
        if len(pairs) - len(shared) > more:
            more, sentence = len(pairs) - len(shared), search.said(chosen, pairs, len(pairs) - len(shared))
    return sentence if more >= at_least else None


def cause(sc: Names, st: Names) -> str:
    """Say why two tables may share hardly any genes, and what to do."""
    for of, other in ((sc, st), (st, sc)):
        if len(set(other.genes).intersection(of.rows)) >= 2:
            rows = f"The rows of the {TABLES[of.side]} have the names of the other's genes"
            return f"{rows}: pass {_ROWS[of.side]}s x genes (transpose it)."
    better = better_names(sc, st, 2)
    if better is not None:
        return better
    ensembl = [any(map(_ENSEMBL.match, of.genes[:50])) for of in (sc, st)]
    if ensembl[0] != ensembl[1]:
        which = "single-cell" if ensembl[0] else "spatial"
        return f"The {which} data has Ensembl ids and the other gene symbols: translate one of them."
    return "Check that both use the same kind of gene names."
