"""How messages speak to users of R: arguments, verbs and values in R, and lines of R for their objects."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..common import keys
from ..common.wording import Change, GeneTable, Wording

__all__ = ["R", "Side"]

_VERBS = {
    "cell_positions": "placeCells",
    "gene_scores": "scoreGenes",
    "cross_validate": "crossValidateGenes",
    "load": "loadMapping",
    "save": "saveMapping",
    "combine_cells": "rbind",
}
"""Verbs that R calls otherwise; the others have the same name, as placeCells for place_cells."""

_ARGUMENTS = {"sc_layer": "sc.assay.type", "st_layer": "st.assay.type", "layer": "assay.type"}
_CHANGES = {"strip": "trimws", "upper": "toupper"}
_NAME = re.compile(r"(?:[^\W\d_]|\.(?!\d))[\w.]*")
_RESERVED = {
    "if",
    "else",
    "repeat",
    "while",
    "function",
    "for",
    "next",
    "break",
    "in",
    "TRUE",
    "FALSE",
    "NULL",
}


@dataclass(frozen=True)
class Side:
    """What the user has as one side.

    ``called`` is its name in the user's call. ``seurat`` says that it is a Seurat object, whose assay is
    ``assay``; ``fixed`` that this is of the older class, in which names cannot be changed; ``bare`` that it
    is a matrix alone; and ``several`` that it is a list of sections.
    """

    called: str
    seurat: bool = False
    assay: str = ""
    fixed: bool = False
    bare: bool = False
    several: bool = False


class R(Wording):
    """The spelling of R."""

    def __init__(self, sides: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        known = {field.name for field in fields(Side)}
        self._sides = {
            name: Side(**{key: value for key, value in side.items() if key in known})
            for name, side in (sides or {}).items()
        }

    def argument(self, name: str, *value: Any) -> str:
        """Return the name of an argument, and its value if there is one: ``k.best = 3``."""
        spelled = _ARGUMENTS.get(name, name.replace("_", "."))
        return " = ".join([spelled, *map(self._value, value)])

    def verb(self, name: str, arguments: str = "") -> str:
        """Return a call of a verb: ``placeCells()``."""
        if name == "subset":
            return "map[cells, spots]"
        first, *others = name.split("_")
        return f"{_VERBS.get(name, first + ''.join(map(str.capitalize, others)))}({arguments})"

    def shown(self, value: Any) -> str:
        """Return a value as it is found: R's constants, and text in single quotes."""
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value] if _is_constant(value) else repr(value)

    def either(self, python: str, r: str) -> str:
        """Return the words of R."""
        del python
        return r

    def pip(self, packages: str) -> str:
        """Return the command that installs packages; pip on the path may be that of another Python."""
        return f"{sys.executable} -m pip install {packages}"

    def section(self, name: str | int) -> str:
        """Return the code of one section of several."""
        return f"st[[{name + 1}]]" if isinstance(name, int) else _element("st", name)

    # --- annotation of cells and spots ----------------------------------------------------------------------

    def annotation(self, side: str) -> str:
        """Return the annotation of the cells or spots of a side."""
        known = self._side(side)
        return f"the metadata of {known.called}" if known.seurat else f"colData({known.called})"

    def column(self, side: str, name: object) -> str:
        """Return a column of this annotation; that which names the objects of a list is the list."""
        known = self._side(side)
        if known.several and name == keys.SECTION:
            return f"the list {known.called}"
        return _element("coords" if known.bare else known.called, str(name))

    def set_column(self, side: str, name: object, value: int) -> str:
        """Return the line that gives every cell or spot one value."""
        bare = self._side(side).bare
        return self._line(side, lambda code: f"{_element('coords' if bare else code, str(name))} <- {value}")

    def unique_rows(self, side: str, column: str | None = None) -> str:
        """Return the line that makes the names of cells or spots unique, by a column if there is one."""
        names = "colnames({0}) <- "
        by = "make.unique(colnames({0}))" if column is None else 'paste({1}, colnames({0}), sep = "_")'
        return self._line(
            side, lambda code: (names + by).format(code, "" if column is None else _element(code, column))
        )

    def images(self) -> str:
        """Return the tissue images of the spatial data."""
        known = self._side("st")
        return f"{'Images' if known.seurat else 'imgData'}({known.called})"

    # --- coordinates ----------------------------------------------------------------------------------------

    def matrix(self, slot: str, name: str) -> str:
        """Return a matrix beside the expression of the spatial data."""
        del slot
        known = self._side("st")
        return f"{'Embeddings' if known.seurat else 'reducedDim'}({known.called}, {_quoted(name)})"

    def set_coordinates(self, values: str) -> str:
        """Say how to give the spots these coordinates."""
        return f"pass coords = {values}"

    def coordinates_in_columns(self, names: Sequence[str], *, text: bool = False) -> str:
        """Return the coordinates in columns of the annotation."""
        del text  # R reads text as numbers
        table = "{}[[]]" if self._side("st").seurat else "colData({})"
        return self._of_each("st", f"{table}[{_vector(names)}]")

    def coordinates_in_names(self) -> str:
        """Return the coordinates in names of spots such as ``3x14``."""
        return self._of_each("st", 'do.call(rbind, strsplit(colnames({}), "x"))')

    def swapped_coordinates(self) -> str:
        """Return the coordinates with x and y exchanged."""
        if self._side("st").seurat:
            return "a matrix of x and y"
        return self._of_each("st", "unname(spatialCoords({})[, 2:1])")

    # --- annotation and names of genes ----------------------------------------------------------------------

    def genes(self, table: GeneTable) -> str:
        """Return the annotation of the genes; that of a Seurat object is an assay's."""
        return self._gene_table(self._code(table), table)

    def gene_column(self, table: GeneTable, name: str) -> str:
        """Return a column of this annotation."""
        return _element(self.genes(table), name)

    def set_gene_column(self, table: GeneTable, name: str, value: str | bool) -> str:
        """Return the line that gives every gene one value in a column."""
        return self._line(
            table.owner, lambda code: f"{self._column(code, table, name)} <- {self.shown(value)}"
        )

    def replace_in_gene_column(self, table: GeneTable, name: str, old: Sequence[str], new: str) -> str:
        """Return the line that replaces values of a column by another."""

        def line(code: str) -> str:
            values = self._values(code, table, name)
            replaced = f"replace(as.character({values}), {values} %in% {_vector(old)}, {new!r})"
            return f"{self._column(code, table, name)} <- {self._named(code, table, replaced)}"

        return self._line(table.owner, line)

    def gene_names(self, table: GeneTable, column: str | None = None) -> str:
        """Return the names of the genes, of the rows or in a column."""
        return self._names(self._code(table), table) if column is None else self.gene_column(table, column)

    def change_gene_names(self, table: GeneTable, column: str | None, change: Change) -> str:
        """Return the line that changes all names of genes."""

        def line(code: str) -> str:
            old = self._names(code, table) if column is None else self._values(code, table, column)
            new = f"{_CHANGES.get(change.method)}({old})"
            if change.method == "replace":
                new = f"gsub({change.pattern!r}, {change.new!r}, {old}, perl = TRUE)"
            if column is None:
                return f"{self._newer(code, table)}{self._names(code, table)} <- {new}"
            return f"{self._column(code, table, column)} <- {self._named(code, table, new)}"

        return self._line(table.owner, line)

    def take_gene_names(self, owner: str, column: str) -> str:
        """Return the line that names the genes of a section by a column."""
        table = GeneTable(owner)
        code = self._code(table)
        values = self._values(code, table, column)
        return f"{self._newer(code, table)}{self._names(code, table)} <- {values}"

    def unique_gene_names(self, owner: str) -> str:
        """Return the line that makes the names of genes unique."""
        table = GeneTable(owner)

        def line(code: str) -> str:
            names = self._names(code, table)
            return f"{self._newer(code, table)}{names} <- make.unique({names})"

        return self._line(owner, line)

    # --- pieces of code -------------------------------------------------------------------------------------

    def _side(self, owner: str) -> Side:
        """Return a side; the code of a section belongs to the spatial data."""
        name = owner if owner in ("sc", "st") else "st"
        return self._sides.get(name, Side(name))

    def _code(self, table: GeneTable) -> str:
        return self._side(table.owner).called if table.owner in ("sc", "st") else table.owner

    def _line(self, owner: str, line: Callable[[str], str]) -> str:
        """Return a line for an object, or for each of a list of them."""
        known = self._side(owner)
        if owner not in ("sc", "st"):
            return line(owner)
        if not known.several:
            return line(known.called)
        return f"{known.called} <- lapply({known.called}, function(x) {{ {line('x')}; x }})"

    def _of_each(self, side: str, code: str) -> str:
        known = self._side(side)
        if not known.several:
            return code.format(known.called)
        return f"lapply({known.called}, function(x) {code.format('x')})"

    def _gene_table(self, code: str, table: GeneTable) -> str:
        known = self._side(table.owner)
        return f"{code}[[{_quoted(known.assay)}]]" if known.seurat else f"rowData({code})"

    def _names(self, code: str, table: GeneTable) -> str:
        return f"rownames({self._gene_table(code, table) if self._side(table.owner).seurat else code})"

    def _column(self, code: str, table: GeneTable, name: str) -> str:
        return _element(self._gene_table(code, table), name)

    def _values(self, code: str, table: GeneTable, name: str) -> str:
        """Return the values of a column, which is a table in the annotation of a Seurat object."""
        column = self._column(code, table, name)
        return f"{column}[, 1]" if self._side(table.owner).seurat else column

    def _named(self, code: str, table: GeneTable, values: str) -> str:
        """Seurat wants the gene's name with every value."""
        return f"setNames({values}, {self._names(code, table)})" if self._side(table.owner).seurat else values

    def _newer(self, code: str, table: GeneTable) -> str:
        """Return what turns an assay of Seurat's older class into one whose names can be changed."""
        if not self._side(table.owner).fixed:
            return ""
        assay = self._gene_table(code, table)
        return f'{assay} <- as({assay}, "Assay5"); '

    def _value(self, value: Any) -> str:
        return _quoted(value) if isinstance(value, str) else self.shown(value)


def _is_constant(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _vector(values: Sequence[str]) -> str:
    return f"c({', '.join(map(repr, values))})"


def _element(code: str, name: str) -> str:
    """Return an element of an object by its name."""
    plain = _NAME.fullmatch(name) and name not in _RESERVED and not code.endswith("]]")
    return f"{code}${name}" if plain else f"{code}[[{_quoted(name)}]]"
