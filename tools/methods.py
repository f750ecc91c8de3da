"""Write R's documentation of the methods from their declarations in Python: R/methods-help.R.

    python tools/methods.py [FILE]

The file has one section a method, which roxygen2 puts on the page of methodParameters(). Names have dots
where Python has underscores, None is NULL, and what Python has in backticks is code.
"""

import inspect
import re
import sys
import textwrap
from pathlib import Path

from homespot import methods
from homespot.common.files import whole
from homespot.methods import Method, Parameter

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 80

HEAD = """\
# Made by tools/methods.py from python/homespot/methods: not to be edited.

#' @rdname methodParameters
"""


def in_r(text: str, names: set[str]) -> str:
    """Write a text of Python's documentation in the words of R."""
    text = text.replace("[", r"\[").replace("]", r"\]")  # no links
    text = re.sub(r"``(.+?)``", r"\\code{\1}", text)
    text = re.sub(r"`(\w+)`", r"\\code{\1}", text)
    text = re.sub(r"\bNone\b", r"\\code{NULL}", text).replace("%", r"\%")
    return dotted(text, names)


def dotted(text: str, names: set[str]) -> str:
    """Write the names of parameters as R has them."""
    return re.sub(r"\w+", lambda word: word[0].replace("_", ".") if word[0] in names else word[0], text)


def comment(text: str, indent: str = "") -> str:
    """Give lines of roxygen2, one sentence a line at most 80 wide."""
    lines = []
    for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z\\(])", text):
        lines += textwrap.wrap(
            sentence, WIDTH - 3 - len(indent), break_long_words=False, break_on_hyphens=False
        )
    return "".join(f"#' {indent}{line}\n" for line in lines)


def shown(default: object) -> str:
    """Give a default as R writes it."""
    if default is None or isinstance(default, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[default]
    return f'"{default}"' if isinstance(default, str) else f"{default:g}"


def item(parameter: Parameter, names: set[str]) -> str:
    """Give the entry of a parameter."""
    accepts = parameter.accepts.replace("'", '"')
    values = f" {accepts[:1].upper()}{accepts[1:]}; by default ``{shown(parameter.default)}``."
    name = dotted(parameter.name, names)
    text = in_r(f"{parameter.doc}{values}", names)
    return f"#'   \\item{{\\code{{{name}}}}}{{\n{comment(text, '    ').rstrip()}}}\n"


def section(method: Method) -> str:
    """Give the section of a method: what it does, and its parameters."""
    names = set(method.declared)
    text = inspect.getdoc(method.function).partition("\n\nParameters\n-------")[0]
    blocks = []
    for block in text.split("\n\n"):
        if block.startswith("    "):  # an equation stands as it is
            lines = textwrap.dedent(block).splitlines()
            lines = [re.sub(r" +equations? ", "  eq. ", dotted(line, names)) for line in lines]
            blocks.append("#' ```\n" + "".join(f"#' {line}\n" for line in lines) + "#' ```\n")
        else:
            blocks.append(comment(in_r(" ".join(block.split()), names)))
    items = "".join(item(parameter, names) for parameter in method.declared.values())
    head = f'#\' @section Parameters of method "{method.name}":\n'
    return head + "#'\n".join(blocks) + f"#'\n#' \\describe{{\n{items}#' }}\n"


def page() -> str:
    """Give the whole file, over the methods of homespot itself."""
    listed = [methods.get(name) for name in methods.names()]
    own = [method for method in listed if method.distribution is None]
    return HEAD + "#'\n".join(section(method) for method in own) + "#'\n#' @name methodParameters\nNULL\n"


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "R" / "methods-help.R"
    with whole(target) as file:
        file.write_text(page(), encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
