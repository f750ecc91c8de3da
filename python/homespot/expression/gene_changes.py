"""Plain changes of gene names, such as '.' for '-', under which more names of two tables match."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..common.wording import Change, GeneTable, words
from ..errors import some

__all__ = ["Named", "Search"]

Named = Mapping[str, tuple[GeneTable, str | None]]

_GENOME_WORD = (
    r"(?:(?:GRC[a-z]|hg|mm|mRatBN|Rnor|rn|dm|BDGP|GRCz|danRer|WBcel|ce|susScr|canFam|galGal|T2T|CHM)"
    r"[0-9]+(?:[.]p?[0-9]+)*|human|mouse|homo_sapiens|mus_musculus|rna|gene)"
)
_GENOME = re.compile(_GENOME_WORD + "[-_:.|]+", re.IGNORECASE)
_START = re.compile(r"[A-Za-z0-9.]+?[-_:|]+")
_LAST = re.compile(r"[-_:|]+[A-Za-z][A-Za-z0-9]*$")
_NUMBER = "[-._][0-9]+$"
_ID = "ENS[A-Z]*G[0-9]{6,}"
_VERSIONED = f"{_ID}(?:[.][0-9]+)?"
_BETWEEN = "[-_|:;,. ]+"
_SEPARATORS = "|;:/(, _"
_MOST = 3  # number of changes that are combined
_SAMPLE = 2000  # number of names that are read to recognise endings


@dataclass(frozen=True)
class _Change:
    """A way in which the names of one side, or of both sides, may have been changed.

    ``alike`` says which names the change makes equal; ``line`` is the code that makes the change.
    """

    alike: str
    rewrite: Callable[[str], str]
    line: Change
    side: str | None = None


def _replace(pattern: str, new: str, alike: str, side: str | None = None) -> _Change:
    compiled = re.compile(pattern)
    line = Change("replace", pattern, new)
    return _Change(alike, lambda name: compiled.sub(new, name), line, side)


_CASE = _Change("upper and lower case were the same", str.upper, Change("upper"))
_ANYWHERE = (
    _Change("blanks around them were left out", str.strip, Change("strip")),
    _replace(
        "(?<=[0-9]{7})[.][0-9]+$", "", "the version, which is the number after the last '.', were left out"
    ),
    _replace("^([0-9]+)[.]0$", r"\1", "the '.0' behind whole numbers were left out"),
)
_PLAIN = (
    _replace("^X(?=[0-9])", "", "the X that R puts before a digit were left out"),
    _replace("[-_.]", ".", "'-', '_' and '.' were the same"),
    _replace("[^0-9A-Za-z]", ".", "every other character than letters and digits were '.'"),
    _CASE,
)


def _escaped(text: str) -> str:
    """Escape a text without backslashes, so that R and Python read the pattern alike."""
    return re.sub(r"([.|()?*+])", r"[\1]", text)


def _ends(names: Sequence[str], side: str) -> list[_Change]:
    """Return the changes that remove a text before or behind the names of this side.

    The text is the prefix of a genome, a prefix or an ending that many names have, one of two joined names,
    or the number that makes a name unique.
    """
    names = names[:: max(1, len(names) // _SAMPLE)]
    many = max(min(10, len(names)), len(names) / 4)
    genomes = Counter(found.group() for name in names if (found := _GENOME.match(name)))
    starts = Counter(found.group() for name in names if (found := _START.match(name)))
    common = [start for start, count in starts.most_common(2) if count >= many and start not in genomes]
    prefixes = [[start] for start in common]
    if genomes:
        longest_first = sorted((prefix for prefix, _ in genomes.most_common(4)), key=len, reverse=True)
        prefixes.append(longest_first)
    further = [_longer_prefix(start, names) for start in (*common, *genomes)]
    prefixes += [[prefix] for prefix in further if prefix is not None]
    endings = Counter(found.group() for name in names if (found := _LAST.search(name)))
    changes = [_without_prefix(ordered, side) for ordered in prefixes]
    changes += [
        _replace(f"{_escaped(end)}$", "", f"the ending {end!r} were left out", side)
        for end, count in endings.most_common(1)
        if count >= many
    ]
    for change in _from_joined_names(side):
        if sum(change.rewrite(name) != name for name in names) >= many:
            changes.append(change)
    number = _replace(_NUMBER, "", f"the number at the end of names in {side} were left out", side)
    return [*changes, number]


def _longer_prefix(prefix: str, names: Sequence[str]) -> str | None:
    """Return a longer prefix, as ``GRCh38-2020-A_``, if all the many names with this prefix have it."""
    having = [name for name in names if name.startswith(prefix)]
    if len(having) < 10:
        return None
    first, last = min(having), max(having)  # a prefix that these two share is shared by all
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    longer = re.sub("[^-_:|]*$", "", first[:length])
    return longer if len(longer) > len(prefix) else None


def _from_joined_names(side: str) -> list[_Change]:
    """Return the changes that keep one of two joined names, as in ``TP53_ENSG00000141510``.

    If the separator is not certain, one of the two names has to be an Ensembl id, or to follow ``_``.
    """
    where = f"in names of {side}"
    front, behind = f"{_BETWEEN}(?![0-9]+$)", f"{_BETWEEN}{_VERSIONED}[)]?$"
    found = [
        _replace(behind, "", f"the Ensembl id at the end {where} were left out", side),
        _replace(f"^{_VERSIONED}{front}", "", f"the Ensembl id at the start {where} were left out", side),
        _replace(
            f"^.*[-_|:;,. (]({_ID})(?:[.][0-9]+)?[)]?$", r"\1", f"only the Ensembl id {where} were kept", side
        ),
        _replace(
            f"^({_ID})(?:[.][0-9]+)?{front}.*$",
            r"\1",
            f"only the Ensembl id at the start {where} were kept",
            side,
        ),
    ]
    for mark in _SEPARATORS:
        found += [
            _replace(
                f"(?<=.) *[{mark}].*$", "", f"only what is before the first {mark!r} {where} were kept", side
            ),
            _replace(
                f"^.*[{mark}] *|[)]$" if mark == "(" else f"^.*[{mark}] *",
                "",
                f"only what is behind the last {mark!r} {where} were kept",
                side,
            ),
        ]
    return found


def _without_prefix(prefixes: list[str], side: str) -> _Change:
    escaped = "|".join(map(_escaped, prefixes))
    pattern = f"^({escaped})" if len(prefixes) > 1 else f"^{escaped}"
    return _replace(pattern, "", f"the prefix {some(prefixes, 4)} were left out", side)


def _unique(names: Iterable[str], changed: Iterable[str]) -> dict[str, str]:
    """Return the original name of every changed name that has only one original."""
    known: dict[str, str | None] = {}
    for name, new in zip(names, changed, strict=True):
        known[new] = None if new in known else name
    return {new: name for new, name in known.items() if name is not None and new}


class Search:
    """Names of both tables and their changes; only names that can match are kept."""

    def __init__(self, sc: Iterable[str], st: Iterable[str]) -> None:
        self.names = {"sc": list(sc), "st": list(st)}
        ends = [change for side, names in self.names.items() for change in _ends(names, side)]
        # Changes of endings come first: the other changes alter the marks by which endings are recognised.
        self.changes = [*_ANYWHERE, *ends, *_PLAIN]
        self._changed: dict[tuple[str, tuple[int, ...]], list[str]] = {}
        self._keep_possible()

    def _names_after(self, side: str, chosen: tuple[int, ...]) -> list[str]:
        """Return the names of a side after these changes, applied in order."""
        chosen = tuple(k for k in chosen if self.changes[k].side in (None, side))
        if not chosen:
            return self.names[side]
        if (side, chosen) not in self._changed:
            rewrite = self.changes[chosen[-1]].rewrite
            self._changed[side, chosen] = [rewrite(name) for name in self._names_after(side, chosen[:-1])]
        return self._changed[side, chosen]

    def _keep_possible(self) -> None:
        """Keep only names that can match: their letters and digits are equal, with or without the ends."""
        ends = [k for k, change in enumerate(self.changes) if change.side is not None]
        others = [k for k in range(len(self.changes)) if k not in ends]
        bare: dict[str, list[list[str]]] = {}
        for side in self.names:
            own = [k for k in ends if self.changes[k].side == side]
            chosen = [part for n in range(min(len(own), 2) + 1) for part in combinations(own, n)]
            forms = [self._names_after(side, tuple(sorted([*part, *others]))) for part in chosen]
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
        """An upper bound for the number of matches under any choice of changes."""
        return min(map(len, self.names.values()))

    def pairs(self, chosen: tuple[int, ...]) -> list[tuple[str, str]]:
        """Return the pairs of names that match under these changes; every name is in one pair at most."""
        sc, st = (_unique(self.names[side], self._names_after(side, chosen)) for side in ("sc", "st"))
        both = ((new, sc[new], st[new]) for new in st if new in sc)
        # A change may reduce a name to a number, and two numbers can be equal by chance.
        return [(a, b) for new, a, b in both if not new.isdecimal() or new in (a, b)]

    def _effective(self) -> list[int]:
        """Return the changes that alter at least one name, as it is or after a change of its ending."""
        ends = [k for k, change in enumerate(self.changes) if change.side is not None]
        found = []
        for k, change in enumerate(self.changes):
            sides = self.names if change.side is None else (change.side,)
            before = [(), *((end,) for end in ends if end < k)]
            forms = (
                form
                for side in sides
                for form in {id(f): f for f in (self._names_after(side, b) for b in before)}.values()
            )
            if any(change.rewrite(name) != name for form in forms for name in form):
                found.append(k)
        return found

    def best(self) -> tuple[tuple[int, ...], list[tuple[str, str]]]:
        """Return the fewest changes that give about the largest number of matches, and the pairs."""
        found: dict[tuple[int, ...], list[tuple[str, str]]] = {(): self.pairs(())}
        effective = self._effective()
        for n in range(1, _MOST + 1):
            for chosen in combinations(effective, n):
                # If numbers were removed on both sides, different genes of one family would be equal.
                if sum(self.changes[k].line.pattern == _NUMBER for k in chosen) < 2:
                    found[chosen] = self.pairs(chosen)
            if max(map(len, found.values())) >= 0.95 * self.possible:
                break
        most = max(map(len, found.values()))
        return next((chosen, pairs) for chosen, pairs in found.items() if len(pairs) >= 0.95 * most)

    def lines(self, chosen: tuple[int, ...], pairs: list[tuple[str, str]], named: Named) -> str:
        """Return the lines of code that make the changes on the sides whose names they alter.

        `named` has the table with the names of each side, and their column or None for the index.
        """
        lines = []
        for i, side in enumerate(("sc", "st")):
            names = [pair[i] for pair in pairs]
            for change in (self.changes[k] for k in chosen if self.changes[k].side in (None, side)):
                changed = [change.rewrite(name) for name in names]
                if changed != names:
                    lines.append(words().change_gene_names(*named[side], change.line))
                names = changed
        return "; ".join(lines)

    def sentence(
        self, chosen: tuple[int, ...], pairs: list[tuple[str, str]], named: Named, called: Mapping[str, str]
    ) -> str:
        """Say how names would match, with an example, and give the lines that make the changes.

        `called` is what messages call each side.
        """
        alike = " and ".join(self.changes[k].alike for k in chosen)
        one, other = next((a, b) for a, b in pairs if a != b)
        where = (
            "If the species is the same" if any(self.changes[k] is _CASE for k in chosen) else "To match them"
        )
        return (
            f"if {alike}: {one!r} in {called['sc']} and {other!r} in {called['st']}. "
            f"{where}, set {self.lines(chosen, pairs, named)}"
        )
