"""The parameter of a method, which is declared once, in the signature of the method.

    def ssa(sc, st, run, *, n_genes: Annotated[int, Parameter("How many genes.", low=2)] = 5000) -> Outcome

From this follow the check of a value, the documentation in both languages, the help of the command line, and
the values that `tune` tries.
"""

from __future__ import annotations

import inspect
import math
import os
import textwrap
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from ..common.checks import flag, one_of, whole, within
from ..common.checks import name as check_name

__all__ = ["Parameter", "declared", "documented"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method.

    The type of the signature says which values it takes: ``int`` whole numbers, ``float`` finite numbers,
    ``Literal`` its options, ``str`` names, ``os.PathLike`` paths, and ``bool`` True or False; with ``None``
    the parameter is optional. `register` adds the type, the name and the default.

    Parameters
    ----------
    doc
        What the parameter means, in whole sentences; line breaks may be anywhere.
    low
        The smallest value of a number.
    high
        The largest value of a number.
    open_low
        Whether a number has to be above `low`.
    tuned
        The values that `tune` tries if it is given no grid.
    checked
        A function of the name and a value that refuses what the parameter does not take, where its type does
        not say it.
    """

    doc: str = ""
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    tuned: tuple[Any, ...] = ()
    checked: Callable[[str, Any], None] | None = None
    name: str = ""
    kind: Any = Any
    default: Any = None

    @property
    def types(self) -> tuple[Any, ...]:
        """The types that a value may have."""
        union = get_origin(self.kind) in (Union, types.UnionType)
        return tuple(get_origin(kind) or kind for kind in (get_args(self.kind) if union else (self.kind,)))

    @property
    def options(self) -> tuple[str, ...]:
        """The values to choose from, of a parameter that has a list of them."""
        kinds = get_args(self.kind) if get_origin(self.kind) in (Union, types.UnionType) else (self.kind,)
        return tuple(option for kind in kinds if get_origin(kind) is Literal for option in get_args(kind))

    @property
    def accepts(self) -> str:
        """The values that the parameter takes, in words; empty if its type does not limit them."""
        if self.options:
            words = "one of " + ", ".join(map(repr, self.options))
            if Mapping in self.types:
                words += " or numbers by name"
            elif int in self.types:
                words += " or a whole number"
        elif bool in self.types:
            words = "True or False"
        elif float in self.types or int in self.types:
            words = "a whole number" if float not in self.types else "a number"
            if self.low > -math.inf and self.high < math.inf and not self.open_low:
                words += f" from {self.low:g} to {self.high:g}"
            else:
                if self.low > -math.inf:
                    words += f" above {self.low:g}" if self.open_low else f" of at least {self.low:g}"
                if self.high < math.inf:
                    words += f"{' and' if self.low > -math.inf else ''} of at most {self.high:g}"
        elif os.PathLike in self.types:
            words = "a path"
        else:
            words = "a name" if str in self.types else ""
        return f"{words}, or None" if words and types.NoneType in self.types else words

    def check(self, value: Any) -> None:
        """Refuse a value that the parameter does not take."""
        if value is None and types.NoneType in self.types:
            return
        if self.checked is not None:
            self.checked(self.name, value)
        elif self.options:
            one_of(self.name, value, self.options)
        elif bool in self.types:
            flag(self.name, value)
        elif float in self.types:
            within(self.name, value, self.low, self.high, open_low=self.open_low)
        elif int in self.types:
            whole(self.name, value, self.low, self.high)
        elif str in self.types and not (os.PathLike in self.types and isinstance(value, os.PathLike)):
            check_name(self.name, value)

    def plain(self, value: Any) -> Any:
        """Return a value that was checked in a type that every file and R can take."""
        if isinstance(value, np.generic):
            value = value.item()
        if self.checked is not None and hasattr(value, "keys"):
            return {str(key): float(value[key]) for key in value.keys()}  # noqa: SIM118
        if float in self.types and type(value) is int:
            return float(value)
        return os.fspath(value) if isinstance(value, os.PathLike) else value


def declared(function: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a method by name: the keyword-only arguments of its function, in order."""
    arguments = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    # The other annotations are not asked for: they may be names that only a type checker imports.
    own = types.SimpleNamespace(
        __annotations__={p.name: Any if p.annotation is p.empty else p.annotation for p in arguments}
    )
    hints = get_type_hints(own, getattr(function, "__globals__", {}), include_extras=True)
    found = {}
    for argument in arguments:
        hint = hints[argument.name]
        kind, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        parameter = next((extra for extra in extras if isinstance(extra, Parameter)), Parameter())
        found[argument.name] = replace(parameter, name=argument.name, kind=kind, default=argument.default)
    return found


def documented(function: Callable[..., Any], parameters: dict[str, Parameter]) -> None:
    """Write the parameters into the documentation of a function, and take them out of its annotations.

    The docstring gets the section of numpydoc, and the signature the plain types, for `help` and the
    reference.
    """
    function.__annotations__ |= {name: parameter.kind for name, parameter in parameters.items()}
    if function.__doc__ is None:
        return
    text, returns, rest = inspect.cleandoc(function.__doc__).partition("\n\nReturns\n-------")
    heading = "" if "\n\nParameters\n----------" in text else "\n\nParameters\n----------"
    entries = "".join(
        f"\n{parameter.name}\n{textwrap.indent(_filled(parameter.doc), '    ')}"
        for parameter in parameters.values()
    )
    function.__doc__ = f"{text}{heading}{entries}{returns}{rest}"


def _filled(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)
