"""How messages spell what the two languages spell differently: arguments, verbs, values and lines of code.

A message asks for these words by name: ``f"Raise {argument('n_genes')}."`` is "Raise n_genes." in Python.
While R calls, `homespot.bridge.wording` spells them: "Raise n.genes."
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "GeneTable", "Wording", "argument", "either", "shown", "spoken", "verb", "words"]


@dataclass(frozen=True)
class GeneTable:
    """The annotation of the genes of an object.

    ``owner`` is the object: ``"sc"``, ``"st"``, or the code of a section. ``raw`` says whether it is the
    annotation of ``owner.raw``.
    """

    owner: str
    raw: bool = False


@dataclass(frozen=True)
class Change:
    """A change of names: ``method`` is replace, strip or upper; replace has a pattern and a new text."""

    method: str
    pattern: str = ""
    new: str = ""


class Wording:
    """The spelling of Python."""

    def argument(self, name: str, *value: Any) -> str:
        """Return the name of an argument, and its value if there is one: ``k_best=3``."""
        return "=".join([name, *map(repr, value)])

    def verb(self, name: str, arguments: str = "") -> str:
        """Return a call of a verb: ``subset()``."""
        return f"{name}({arguments})"

    def shown(self, value: Any) -> str:
        """Return a value as code has it."""
        return repr(value)

    def either(self, python: str, r: str) -> str:
        """Return the words of the language that is spoken."""
        del r
        return python

    def pip(self, packages: str) -> str:
        """Return the command that installs packages."""
        return f"pip install {packages}"

    def section(self, name: str | int) -> str:
        """Return the code of one section of several, by its name or its place from 0."""
        return f"st[{name!r}]"

    # --- annotation of cells and spots -------------------------------------------------------------

    def annotation(self, side: str) -> str:
        """Return the annotation of the cells or spots of a side."""
        return f"{side}.obs"

    def column(self, side: str, name: object) -> str:
        """Return a column of this annotation."""
        return f"{side}.obs[{name!r}]"

    def set_column(self, side: str, name: object, value: int) -> str:
        """Return the line that gives every cell or spot one value."""
        return f"{self.column(side, name)} = {value}"

    def unique_rows(self, side: str, column: str | None = None) -> str:
        """Return the line that makes the names of cells or spots unique, by a column if there is one."""
        if column is None:
            return f"{side}.obs_names_make_unique()"
        return f"{side}.obs_names = {self.column(side, column)}.astype(str) + '_' + {side}.obs_names"

    def images(self) -> str:
        """Return the tissue images of the spatial data."""
        return "st.uns['spatial']"

    # --- coordinates -------------------------------------------------------------------------------

    def matrix(self, slot: str, name: str) -> str:
        """Return a matrix beside the expression of the spatial data."""
        return f"st.{slot}[{name!r}]"

    def set_coordinates(self, values: str) -> str:
        """Say how to give the spots these coordinates."""
        return f"set st.obsm['spatial'] = {values}"

    def coordinates_in_columns(self, names: Sequence[str], *, text: bool = False) -> str:
        """Return the coordinates in columns of the annotation, which are numbers, or text."""
        return f"st.obs[{list(names)}].to_numpy({'dtype=float' if text else ''})"

    def coordinates_in_names(self) -> str:
        """Return the coordinates in names of spots such as ``3x14``."""
        return "numpy.array([name.split('x') for name in st.obs_names], dtype=float)"

    def swapped_coordinates(self) -> str:
        """Return the coordinates with x and y exchanged."""
        return "st.obsm['spatial'][:, [1, 0]]"

    # --- annotation and names of genes -------------------------------------------------------------

    def genes(self, table: GeneTable) -> str:
        """Return the annotation of the genes."""
        return f"{table.owner}.raw.var" if table.raw else f"{table.owner}.var"

    def gene_column(self, table: GeneTable, name: str) -> str:
        """Return a column of this annotation."""
        return f"{self.genes(table)}[{name!r}]"

    def set_gene_column(self, table: GeneTable, name: str, value: str | bool) -> str:
        """Return the line that gives every gene one value in a column."""
        return f"{self.gene_column(table, name)} = {value!r}"

    def replace_in_gene_column(self, table: GeneTable, name: str, old: Sequence[str], new: str) -> str:
        """Return the line that replaces values of a column by another."""
        code = self.gene_column(table, name)
        return f"{code} = {code}.astype(object).replace({list(old)!r}, {new!r})"

    def gene_names(self, table: GeneTable, column: str | None = None) -> str:
        """Return the names of the genes, in the index or in a column."""
        if column is not None:
            return self.gene_column(table, column)
        return f"{self.genes(table)}.index" if table.raw else f"{table.owner}.var_names"

    def change_gene_names(self, table: GeneTable, column: str | None, change: Change) -> str:
        """Return the line that changes all names of genes."""
        code = self.gene_names(table, column)
        given = f"{change.pattern!r}, {change.new!r}, regex=True" if change.method == "replace" else ""
        return f"{code} = {code}.str.{change.method}({given})"

    def take_gene_names(self, owner: str, column: str) -> str:
        """Return the line that names the genes of a section by a column."""
        return f"{self.gene_names(GeneTable(owner))} = {self.gene_column(GeneTable(owner), column)}"

    def unique_gene_names(self, owner: str) -> str:
        """Return the line that makes the names of genes unique."""
        return f"{owner}.var_names_make_unique()"


_PYTHON = Wording()
_SPOKEN: ContextVar[Wording] = ContextVar("wording", default=_PYTHON)


@contextmanager
def spoken(wording: Wording) -> Iterator[None]:
    """Spell messages in this way while the block runs."""
    token = _SPOKEN.set(wording)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def words() -> Wording:
    """Return the spelling of the language that is spoken."""
    return _SPOKEN.get()


def argument(name: str, *value: Any) -> str:
    """Return the name of an argument, and its value if there is one."""
    return words().argument(name, *value)


def verb(name: str, arguments: str = "") -> str:
    """Return a call of a verb."""
    return words().verb(name, arguments)


def shown(value: Any) -> str:
    """Return a value as code has it."""
    return words().shown(value)


def either(python: str, r: str) -> str:
    """Return the words of the language that is spoken."""
    return words().either(python, r)
