"""Messages of the core, in the words of the command line.

The core speaks to somebody who writes Python. Here its arguments become options, its verbs become commands,
and a line that changes an object says what is to be changed in the file. So no message needs a text of its
own for the command line; what no rule knows is said to be Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import typer

from .. import __all__ as _verbs
from .. import methods
from ..expression.genes import TABLES
from ._shared import in_options

__all__ = ["in_words"]

_QUOTED = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_PLACE = rf"\b(s[ct])(?:\.raw)?\.(?:(?:obs|var|obsm|uns)\[{_QUOTED}\]|(?:obs|var)_names\b|var\.index\b)"
_PLACES = rf"{_PLACE}|\b(?:s[ct])\.(?:raw\.)?(?:obs|var)\b(?!\[|\.\w)|(?<!\w){_QUOTED}(?!\w)"
_SET = r"(?:\b[Ss]et )?"

_CHANGE = "There is no option for it: change the file."
_PYTHON = "The command line cannot do it: that is Python."

_SENTENCES: dict[str, str] = {
    r"(The spatial data has no coordinates in )st\.(obsm\['spatial'\])": r"\1\2",
    # What to give, or to do again.
    r"Pass what map_cells\(\) or load\(\) returned": "Name a file that `homespot map` wrote",
    r" A result is written by its own write_h5ad\(\)\.": "",
    r"Pass what cross_validate\(\) returned": "Name a table that `homespot evaluate` wrote",
    r"Pass that one, or take the part of the mapping with subset\(\)": "Name that one, or map this one",
    r"Pass the data that was mapped, or take the part of the mapping with subset\(\)": (
        "Name the data that was mapped"
    ),
    r"pass all sections, put together by join_sections\(\)": "name the files of all sections",
    r"Write it anew with save\(\)": "Write it anew with `homespot map`",
    r"Was X changed\? Map again, or load the saved mapping": "Was X changed? Map again",
    r"Drop these cells with subset\(\) first": "Leave these cells out of the file, and map again",
    r"leave these (cells|spots) out with subset\(\)": r"leave these \1 out of the file, and map again",
    r"To take some spots of a mapping use subset\(\), which keeps the account": "Map again",
    r", or set mapping\.varm\[\"spatial\"\]": "",
    r"call map_cells\(st, sc\) the other way round": "name the two files the other way round",
    r"map_cells\(\) with sections= (compares .*); cell_modes\(\) has places in each": (
        r"`homespot map` with --sections \1"
    ),
    r"Use place_cells\(\) to give": "Use `homespot place` to give",
    r"\bplace_cells\(\)": "`homespot place`",
    r"\bimpute_genes\(\)": "`homespot impute`",
    r"\bmap_cells\(\)": "`homespot map`",
    r"\bcross_validate\(\)": "`homespot evaluate`",
    r"\bdeconvolve_spots\(\)": "`homespot deconvolve`",
    r"\bfit_types\(\)": "`homespot fit-types`",
    r"Expected sc or st where": "Expected --sc or --st where",
    r"Expected both sc and st, (.*), found only (?=s[ct])": r"Expected both --sc and --st, \1, found only --",
    r"In a script, call this below .*; if memory ran out, lower n_jobs": "If memory ran out, lower n_jobs",
    r", or pass one value a (?:cell|spot)\b": "",
    # Arguments that are plain words, which only the sentence tells from others.
    r"\b(as|or) sections\b": r"\1 --sections",
    r"\bset sections= to the column that says so, or to the section of every spot": (
        "name the column that says so as --sections"
    ),
    r"\bset sections=the section of every spot": (
        "write the section of every spot into a column, and name it as --sections"
    ),
    r"\bleave joint out": "leave --each out",
    r"\bas (st_)?labels\b": r"as --set \1labels=...",
}


def in_words(text: str, app: typer.Typer) -> str:
    """Return a message of the core in the words of the command line `app`.

    Quoted names are the user's, and stay as they are.
    """
    text, lines = _without_lines(text)
    for pattern, words in _SENTENCES.items():
        text = re.sub(pattern, words, text)
    text = re.sub(_PLACES, lambda found: _place(found[0]) if found[0][0] == "s" else found[0], text)
    text = in_options(text, app).replace("set --set ", "use --set ")
    outside = re.sub(_QUOTED, "''", text)
    if any(words is None for _, words in lines) or _is_python(outside):
        text += f" ({_PYTHON})"
    elif lines:
        text += f" ({_CHANGE})"
    elif "--set" not in outside and (name := _setting(outside)) is not None:
        text += f" (Set it with --set {name}=...)"
    for i, (line, change) in enumerate(lines):
        text = text.replace(_HELD.format(i), change or line)
    return text


def _is_python(outside: str) -> bool:
    """Whether a call of a verb of the package's is left, or of a method of an object."""
    verbs = "|".join(map(re.escape, _verbs))
    return re.search(rf"(?<![\w.:])(?:{verbs})\(|\b(?:s[ct]|mapping|adata)\.\w[\w.]*\(", outside) is not None


def _setting(outside: str) -> str | None:
    """Return the parameter of a method that is to be changed, and that is named without its option."""
    names = {name for method in methods.names() for name in methods.get(method).parameters}
    for sentence in re.findall(r"\b(?:[Rr]aise|[Ll]ower|[Uu]se more) ([^.:;]*)", outside):
        for word in re.findall(r"(?<![\w-])[a-z]\w*", sentence):
            if word in names:
                return str(word)
    return None


# --- lines that change an object --------------------------------------------------------------------------


_HELD = "\0{}\0"
"""Placeholder of a line of code while the rest of the text is reworded."""


def _without_lines(text: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Take out the lines of Python that change an object.

    Returns
    -------
    The text, and every line with what is to be changed in the file in words; None where no rule knows it.
    """
    parts, at = [], 0
    lines: list[tuple[str, str | None]] = []
    start = re.compile(
        rf"{_SET}(?P<line>{_PLACE} = |\b(?P<side>s[ct])\.(?P<slot>obs|var)_names_make_unique\(\))"
    )
    while (found := start.search(text, at)) is not None:
        if found["side"] is not None:
            end = found.end()
            words: str | None = f"number the names that repeat in {_names(found['side'], found['slot'])}"
        else:
            end, words = _assignment(text, found.start("line"))
        parts += [text[at : found.start()], _HELD.format(len(lines))]
        lines.append((text[found.start() : end], words))
        at = end
    return "".join([*parts, text[at:]]), lines


def _assignment(text: str, start: int) -> tuple[int, str | None]:
    """Return the end of the longest line of code that begins here, and its meaning in words."""
    for end in range(len(text), start, -1):
        if text[end - 1] in ".;, ":
            continue
        try:
            (line,) = ast.parse(text[start:end]).body
        except (SyntaxError, ValueError):
            continue
        if isinstance(line, ast.Assign):
            return end, _described(ast.unparse(line.targets[0]), line.value)
    return text.index(" = ", start) + 3, None


def _described(target: str, value: ast.expr) -> str | None:
    """Return the meaning of an assignment in words; None if no rule matches."""
    place = _place(target)
    code = ast.unparse(value)
    if isinstance(value, ast.Constant):
        return f"set {place} to {value.value!r}"
    if re.fullmatch(_PLACE, code):
        return f"copy {_place(code)} to {place}"
    if code == f"{target}[:, [1, 0]]":
        return f"swap the columns of {place}"
    if (columns := re.fullmatch(r"s[ct]\.obs\[\[(.*)\]\]\.to_numpy\(.*\)", code)) is not None:
        return f"copy the columns {columns[1]} of obs to {place}"
    if (
        front := re.fullmatch(rf"(.*)\.astype\(str\) \+ ({_QUOTED}) \+ {re.escape(target)}", code)
    ) is not None:
        return f"put {_place(front[1])} and {front[2]} in front of {place}"
    if code.startswith("numpy.array([name.split("):
        return f"write their numbers to {place}"
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and code.startswith(f"{target}.")
    ):
        rule = _METHODS.get(value.func.attr)
        return None if rule is None else rule(place, [ast.unparse(argument) for argument in value.args])
    return None


_METHODS: dict[str, Callable[[str, list[str]], str]] = {
    "replace": lambda place, of: f"replace {of[0]} by {of[1]} in {place}",
    "upper": lambda place, _: f"write {place} in capitals",
    "lower": lambda place, _: f"write {place} in small letters",
    "strip": lambda place, _: f"take blanks off {place}",
}
"""The effect of methods of pandas on a column or on names, in words."""


def _names(side: str, slot: str) -> str:
    return f"the index of {slot} of the {TABLES[side]}"


def _place(code: str) -> str:
    """Return the place in a file, in words: ``st.obs['a']`` is column 'a' of obs of the spatial data."""
    side, *slots = re.split(r"\.(?![^\[]*\])", code)
    slot = ".".join(slots)
    if "[" not in slot and not slot.endswith(("_names", ".index")):
        return f"{slot} of the {TABLES[side]}"
    if slot.endswith(("_names", ".index")):
        return _names(side, slot.removesuffix("_names").removesuffix(".index"))
    name, _, key = slot.partition("[")
    if name.endswith(("obs", "var")):
        return f"column {key[:-1]} of {name} of the {TABLES[side]}"
    return f"{slot} of the {TABLES[side]}"
